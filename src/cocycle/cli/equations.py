"""LaTeX of the catalogue's equations as one line of Unicode that a terminal can show."""

import re
import unicodedata

SYMBOLS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ"},
    **{"eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ"},
    **{"pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "psi": "ψ", "chi": "χ", "omega": "ω"},
    **{"Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω"},
    **{"partial": "∂", "infty": "∞", "ell": "ℓ", "sum": "Σ", "pm": "±", "mp": "∓", "to": "→", "ne": "≠"},
    **{"ge": "≥", "le": "≤", "in": "∈", "sim": "~", "nabla": "∇", "circ": "∘", "cdot": "·", "times": "×", "dots": "…"},
    **{"bmod": "mod", "quad": "\ue002", ",": " ", ";": " ", "left": "", "right": "", "{": "{", "}": "}"},
}
FUNCTIONS = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "ln", "min", "max", "sgn", "sech")
ACCENTS = {"dot": "\u0307", "ddot": "\u0308", "tilde": "\u0303", "hat": "\u0302", "bar": "\u0304"}
RAISED = dict(zip("0123456789+-−=()*niabcdegkmptxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾*ⁿⁱᵃᵇᶜᵈᵉᵍᵏᵐᵖᵗˣʸᶻ", strict=True))
LOWERED = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
HALVES = {("1", "2"): "½", ("1", "3"): "⅓", ("2", "3"): "⅔", ("1", "4"): "¼", ("3", "4"): "¾", ("1", "6"): "⅙"}
SMALL = {*RAISED.values(), *LOWERED.values()}
# sin² x: a power of a function's name, before its argument.
POWER = re.compile(rf"((?:{'|'.join(FUNCTIONS)})[{''.join(SMALL)}]+)(?=\w)")
# A quotient with spaces needs parentheses where another factor follows.
LOOSE = re.compile("\ue000([^\ue000\ue001]*)\ue001")
FACTOR = re.compile(LOOSE.pattern + r"(?=\s*[^\s+−=,)\]}\ue001])")
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.")


def readable(latex: str) -> str:
    r"""Write an equation without LaTeX.

    Args:
        latex: one line, of the commands that the catalogue uses; an unknown command keeps its name.

    Example:
        >>> readable(r"\dot y = x (\rho - z) - y")
        'ẏ = x (ρ − z) − y'
        >>> readable(r"\frac{a_1 x^2}{1 + k_1 x}, \quad \theta_{i+1} = \tfrac12 \sin\theta_i")
        'a₁ x² / (1 + k₁ x),   θᵢ₊₁ = ½ sin θᵢ'
    """
    tokens = TOKEN.findall(latex)
    text = _sequence(tokens)
    text = re.sub(r" ?\ue002 ?", "   ", re.sub(r" +", " ", text))
    return unicodedata.normalize("NFC", text).strip()


def _sequence(tokens: list[str]) -> str:
    """Everything up to the closing brace, which is taken too."""
    parts: list[str] = []
    while tokens:
        token = tokens[0]
        if token == "}":
            tokens.pop(0)
            break
        word = _atom(tokens)
        before = parts[-1] if parts else ""
        if (word in FUNCTIONS and before[-1:].isalnum()) or (before in FUNCTIONS and word[0].isalnum()):
            parts.append("" if word[0] in SMALL else " ")  # a name stands apart from letters on either side
        parts.append(word)
    text = POWER.sub(r"\1 ", "".join(parts))
    return LOOSE.sub(r"\1", FACTOR.sub(r"(\1)", text))


def _atom(tokens: list[str]) -> str:
    token = tokens.pop(0)
    if token == "{":
        return _sequence(tokens)
    if token in "^_":
        return _script(_argument(tokens), token)
    if not token.startswith("\\"):
        return {"-": "−", "'": "′"}.get(token, " " if token.isspace() else token)
    return _command(token[1:], tokens)


def _command(name: str, tokens: list[str]) -> str:
    if name in ACCENTS:
        under = _argument(tokens)
        return under[:1] + ACCENTS[name] + under[1:]
    if name in ("frac", "tfrac", "dfrac"):
        over, under = _argument(tokens), _argument(tokens)
        return HALVES.get((over, under)) or _quotient(over, under)
    if name == "sqrt":
        inside = _argument(tokens)
        return f"√{inside}" if len(inside) == 1 else f"√({inside})"
    if name == "pmod":
        return f"(mod {_argument(tokens)})"
    if name in ("mathrm", "operatorname", "text", "mathbf"):
        return _argument(tokens)
    return SYMBOLS.get(name, name)


def _argument(tokens: list[str]) -> str:
    """What belongs to a command: a group in braces, or the next symbol."""
    while tokens and tokens[0].isspace():
        tokens.pop(0)
    return _atom(tokens) if tokens else ""


def _quotient(over: str, under: str) -> str:
    tight = not re.search(r"\s", over + under)
    if tight:
        product = len(under) > 1 and not under.isdigit() and not under.startswith("√")
        return f"{_enclosed(over, '+−')}/{f'({under})' if product else under}"
    return f"\ue000{_enclosed(over, '+−')} / {_enclosed(under, '+−/ (')}\ue001"


def _enclosed(text: str, signs: str) -> str:
    """In parentheses, if it has one of these signs outside of its own parentheses."""
    depth = 0
    for place, sign in enumerate(text):
        if depth == 0 and sign in signs and place > 0:
            return f"({text})"
        depth += (sign in "([") - (sign in ")]")
    return text


def _script(text: str, mark: str) -> str:
    small = RAISED if mark == "^" else LOWERED
    plain = text.replace(" ", "")
    if plain and all(sign in small for sign in plain):
        return "".join(small[sign] for sign in plain)
    return f"{mark}{text}" if len(text) == 1 else f"{mark}({text})" if mark == "^" else f"_{{{text}}}"
