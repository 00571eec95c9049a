"""Texts of the command line as numbers: `--set`, `--x0`, `--sweep`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractSystem


def numeric(text: str, option: str) -> int | float:
    """Finite number of a text; a whole one stays whole.

    Args:
        text: e.g. "24.1".
        option: for the message.

    Returns:
        The number.

    Raises:
        ParameterError: if it is none.

    Example:
        >>> numeric("40", "--set"), numeric("2.5e1", "--set")
        (40, 25.0)
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        raise ParameterError(f"{option}: {text!r} is not a number.") from None
    if not math.isfinite(value):
        raise ParameterError(f"{option}: {text!r} is not finite; give a finite number.")
    return value


def settings(texts: Sequence[str]) -> dict[str, Any]:
    """Parameter values of several `--set NAME=VALUE`.

    Args:
        texts: e.g. ["rho=24.1", "weights=1,2,3"].

    Returns:
        Numbers, or lists of them, by name.

    Raises:
        ParameterError: if a text has not that form, or a name comes twice.

    Example:
        >>> settings(["rho=24.1", "n=40"])
        {'rho': 24.1, 'n': 40}
    """
    out: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            raise ParameterError(f"--set takes NAME=VALUE, e.g. --set rho=24.1; got {text!r}.")
        if name in out:
            raise ParameterError(f"--set {name} is given twice; give it once.")
        parts = [numeric(part.strip(), f"--set {name}") for part in value.split(",")]
        out[name] = parts[0] if len(parts) == 1 else parts
    return out


def initial_state(text: str | None, system: AbstractSystem) -> Any:
    """State of `--x0 1,2,3`, in the shape of the system's own.

    Args:
        text: numbers with commas between them, or None.
        system: the system.

    Returns:
        A number or an array; None for None.

    Raises:
        ParameterError: if the text is malformed, or has another number of components than the state.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.strip().strip("[]()").split(",")]
    if not all(parts):
        raise ParameterError(f"--x0 takes numbers with commas between them, e.g. --x0 1,2,3; got {text!r}.")
    values = np.asarray([numeric(part, "--x0") for part in parts], dtype=float)
    own = system.x0
    if own is None:
        return values if len(values) > 1 else values[0]
    if not hasattr(own, "shape"):
        raise ParameterError(
            "--x0 fits states that are one array; this system has another kind, so set x0 in its file."
        )
    if values.size != own.size:
        raise ParameterError(f"--x0 has {values.size} numbers, but the state has {own.size}.")
    return values.reshape(own.shape)


def sweep_of(text: str | None) -> Any:
    """Sweep of `--sweep NAME=START:STOP[:N]`.

    Args:
        text: e.g. "rho=0:200:400", or None.

    Returns:
        Sweep; None for None.

    Raises:
        ParameterError: if the text is malformed.

    Example:
        >>> sweep_of("rho=0:200:400")
        Sweep(parameter='rho', start=0.0, stop=200.0, n_values=400)
    """
    if text is None:
        return None
    from cocycle.stability.continuation.orbit_diagram import Sweep

    name, equals, span = text.partition("=")
    parts = [part.strip() for part in span.split(":")]
    if not equals or not name.strip() or len(parts) not in (2, 3) or not all(parts):
        raise ParameterError(f"--sweep takes NAME=START:STOP:N, e.g. --sweep rho=0:200:400; got {text!r}.")
    ends = [numeric(part, "--sweep") for part in parts]
    if len(ends) == 3 and not isinstance(ends[2], int):
        raise ParameterError(f"--sweep: the number of values must be whole, got {parts[2]!r}.")
    return Sweep(name.strip(), float(ends[0]), float(ends[1]), *(int(n) for n in ends[2:]))


def levels_of(text: str | None) -> tuple[float, ...] | None:
    """Noise levels of `--noise 0,0.1,0.2`.

    Args:
        text: numbers with commas between them, or None.

    Returns:
        Levels; None for None.

    Raises:
        ParameterError: if the text is malformed.

    Example:
        >>> levels_of("0,0.1")
        (0.0, 0.1)
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ParameterError(f"--noise takes numbers with commas between them, e.g. --noise 0,0.1,0.2; got {text!r}.")
    return tuple(float(numeric(part, "--noise")) for part in parts)


def regime_of(text: str | None) -> Any:
    """Regime of `--lifetimes NAME:ENTER:LEAVE`.

    Args:
        text: e.g. "x1:0.78:0.86", or None.

    Returns:
        Regime; None for None.

    Raises:
        ParameterError: if the text is malformed.

    Example:
        >>> str(regime_of("x1:0.78:0.86"))
        'x1 < 0.78 until x1 > 0.86'
    """
    if text is None:
        return None
    from cocycle.report.noise import Regime

    parts = [part.strip() for part in text.split(":")]
    if len(parts) not in (2, 3) or not all(parts):
        raise ParameterError(f"--lifetimes takes NAME:ENTER:LEAVE, e.g. --lifetimes x1:0.78:0.86; got {text!r}.")
    ends = [float(numeric(part, "--lifetimes")) for part in parts[1:]]
    return Regime(parts[0], ends[0], ends[-1])
