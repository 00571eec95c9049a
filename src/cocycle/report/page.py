"""report.html: one self-contained file that works offline, on a phone and on paper."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cocycle.core.estimate import format_value
from cocycle.report.figure_parts import Figure
from cocycle.report.shell import render_shell
from cocycle.stability.equilibria.fixed_point import eigenvalue_text

MAX_LIST = 8
LABELS = {
    "lyapunov_exponents": ("Lyapunov exponents", "mean rates at which small differences grow or shrink"),
    "maximal_exponent": ("Largest exponent", "positive: small errors grow exponentially"),
    "kaplan_yorke_dimension": ("Kaplan-Yorke dimension", "dimension of the attractor, from the exponents"),
    "mean_log_volume_rate": ("Volume rate", "mean rate of log volume in state space; negative is dissipation"),
    "entropy_rate_bound": ("Entropy rate, upper bound", "information produced: the sum of positive exponents"),
    "synchronisation_time": (
        "Synchronisation time",
        "mean time after which points under the same noise are together",
    ),
    "lyapunov_time": ("Lyapunov time", "time in which a small error grows by the factor e"),
    "predictability_time": (
        "Predictability time",
        "how far ahead forecasts are of use; the method says in which sense",
    ),
    "correlation_dimension": ("Correlation dimension", "dimension of the attractor, from distances of its points"),
    "permutation_entropy": ("Permutation entropy", "0 for a monotonic series, 1 for white noise"),
    "statistical_complexity": ("Statistical complexity", "0 for order and for white noise, in between for structure"),
    "embedding_delay": ("Embedding delay", "time between delay coordinates"),
    "embedding_dimension": ("Embedding dimension", "number of delay coordinates that unfold the series"),
    "zero_one_test": ("0-1 test for chaos", "near 0 for regular, near 1 for chaotic or random motion"),
    "nonlinearity_p_value": ("Surrogate test, p-value", "small: linear noise is refuted"),
    "dominant_period": ("Dominant period", "period of the strongest line of the power spectrum"),
    "gradient_norm": ("Gradient norm", "zero at a minimum"),
    "sharpness": ("Sharpness", "beyond 2 / η gradient descent leaves a minimum"),
    "batch_sharpness": ("Batch sharpness", "the same for the batches that SGD sees"),
    "exponent": ("Growth exponent", "positive: SGD leaves along the sharpest direction"),
    "kernel_trace": ("Kernel trace", "how fast outputs answer to a step"),
    "noise_scale": ("Gradient noise scale", "batch size at which noise and gradient are equal"),
    "sgd_exponent": ("Exponent of SGD", "below zero SGD can settle here, above zero it cannot"),
    "gradient_descent_exponent": ("Exponent of gradient descent", "the same with all samples in each step"),
    "mean_square_exponent": ("Mean-square exponent", "growth of the root mean square; never below that of SGD"),
    "critical_rate": ("Critical rate of SGD", "largest learning rate at which SGD can settle here"),
    "critical_rate_mean_square": ("Critical rate in mean square", "below it the second moment decays too"),
    "critical_rate_gradient_descent": ("Critical rate of gradient descent", "2 / sharpness"),
    "trace_bound": ("Trace bound", "the mean-square rate is never above it"),
    "certainly_stable_rate": ("Certainly stable rate", "below it no batch stretches any displacement"),
    "skilful_horizon": ("Skilful horizon", "time up to which neighbours predict better than the mean"),
}
CHECKS = {"trace_identity": "Trace identity", "zero_exponent": "Zero exponent along the flow"}
REGIME_TONE = {
    "unstable": "hot",
    "edge of stability": "hot",
    "not judged": "unsure",
    "chaotic": "hot",
    "hyperchaotic": "hot",
    "diverging": "bad",
    "unstable for SGD": "hot",
    "undecided": "unsure",
    "noise": "noise",
    "refused": "unsure",
}


def render(document: dict[str, Any], figures: Sequence[Figure], equations: Sequence[str] = ()) -> str:
    """Render a report document and its figures as one HTML page.

    Args:
        document: as in report.json.
        figures: cards, in their order.
        equations: lines of LaTeX.

    Returns:
        The page.
    """
    source = document["source"]
    return render_shell(
        "page.html.j2",
        document,
        figures,
        source=source,
        title=source.get("title") or source["name"],
        tone=REGIME_TONE.get(document["verdict"]["regime"], "calm"),
        rows=[_row(name, q, document["refusals"]) for name, q in document["quantities"].items()],
        checks=[_check(name, c) for name, c in document["checks"].items()],
        rest=rest_table(document["fixed_points"]) if "fixed_points" in document else None,
        equations=[mathematics(line) for line in equations],
        parameters=[(k, _short(v)) for k, v in document["parameters"].items()],
        options=[
            (k.replace("_", " "), _short(v)) for k, v in document["options"].items() if v is not None and v is not False
        ],
        plain=_short,
    )


def mathematics(latex: str) -> dict[str, str]:
    """Turn a line of LaTeX into MathML where the converter is installed; the LaTeX itself stays beside it.

    Args:
        latex: one line, without dollars.

    Returns:
        `latex`, and `mathml` ("" where it cannot be made).
    """
    try:
        from latex2mathml.converter import convert  # pyright: ignore[reportMissingImports]

        return {"latex": latex, "mathml": convert(latex, display="block")}
    except Exception:
        # Without the converter, or for a macro that it does not know, the page shows the LaTeX.
        return {"latex": latex, "mathml": ""}


def quantity_text(value: Any, stderr: Any) -> str:
    """Value ± standard error of a number of report.json.

    Args:
        value: number, "-inf" or None.
        stderr: number or None where unknown.

    Example:
        >>> quantity_text(0.90561, 0.0021), quantity_text("-inf", 0.0), quantity_text(None, None)
        ('0.9056 ± 0.0021', '-∞', '—')
    """
    if value is None:
        return "—"
    if isinstance(value, str):
        return value.replace("inf", "∞")
    if stderr is None:
        return f"{value:.4g}"
    return format_value(float(value), float(stderr) if not isinstance(stderr, str) else math.inf)


def quantity_lines(quantity: dict[str, Any]) -> list[str]:
    """Lines that a table shows of a quantity: one for each number, the middle of a long list left out.

    Args:
        quantity: entry of `quantities`.
    """
    value, stderr = quantity["value"], quantity["stderr"]
    if not isinstance(value, list):
        return [quantity_text(value, stderr)]
    errors = stderr if isinstance(stderr, list) else [stderr] * len(value)
    lines = [quantity_text(v, e) for v, e in zip(value, errors, strict=True)]
    if len(lines) > MAX_LIST:
        lines = [*lines[: MAX_LIST - 2], f"… {len(value) - MAX_LIST + 1} more …", lines[-1]]
    return lines


def label(name: str) -> str:
    """Name of a quantity as people write it.

    Args:
        name: key of `quantities`.
    """
    return LABELS.get(name, (name.replace("_", " ").capitalize(), ""))[0]


def _row(name: str, quantity: dict[str, Any], refusals: dict[str, str]) -> dict[str, Any]:
    absent = quantity["value"] is None
    return {
        "label": label(name),
        "about": LABELS.get(name, ("", ""))[1],
        "lines": quantity_lines(quantity),
        "unit": "" if absent or quantity["unit"] == "1" else quantity["unit"],
        "method": quantity["method"],
        "refusal": refusals.get(name, "") if absent else "",
    }


def _check(name: str, check: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": CHECKS.get(name, name.replace("_", " ").capitalize()),
        "passed": check["passed"],
        "value": f"{check['value']:.1e}",
        "tolerance": f"{check['tolerance']:.1e}",
        "meaning": check["meaning"],
    }


def rest_table(found: dict[str, Any], n_points: int = 40) -> dict[str, Any]:
    """What a table shows of the fixed points of a document.

    Args:
        found: entry `fixed_points`.
        n_points: points at most.
    """
    box = ", ".join(f"{v} {a:.4g} to {b:.4g}" for v, (a, b) in zip(found["variables"], found["box"], strict=True))
    note = f" ({found['note']})" if found["note"] else ""
    more = len(found["points"]) - n_points
    note += f"; the first {n_points} of {len(found['points'])} are shown" if more > 0 else ""
    guarantee = found["guarantee"][0].upper() + found["guarantee"][1:]
    size = max((abs(v) for p in found["points"] for v in p["x"]), default=0.0)
    return {
        "box": box,
        "guarantee": guarantee + note,
        "eigenvalues": "Rates [1 / time]" if found["eigenvalues_are"] == "rates" else "Multipliers",
        "points": [_rest_row(p, found["variables"], size) for p in found["points"][:n_points]],
    }


def _rest_row(point: dict[str, Any], variables: list[str], size: float) -> dict[str, Any]:
    values = [complex(a, b) for a, b in point["eigenvalues"]]
    shown = [0.0 if abs(v) < 1e-12 * size else v for v in point["x"]]
    growing = point["n_unstable"]
    return {
        "type": point["type"],
        "stability": "stable" if point["stable"] else f"{growing} growing of {len(values)}" if growing else "marginal",
        "place": [f"{name} = {v:.6g}" for name, v in zip(variables, shown, strict=True)],
        "eigenvalues": eigenvalue_text(np.array(values), len(values)).split(", "),
        "index": f"{point['index']:+d}" if point["index"] else "0",
    }


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        shown = ", ".join(_short(v) for v in value[:6])
        return f"[{shown}{', …' if len(value) > 6 else ''}]"
    return str(value)
