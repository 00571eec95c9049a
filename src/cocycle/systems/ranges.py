"""Physical ranges of parameters: what lies outside is computed all the same, with a warning."""

import functools
import importlib.resources
import math
import tomllib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from cocycle.core.errors import RangeWarning
from cocycle.core.tracing import is_traced

SIGNS, UNBOUNDED = ("rates", "decays"), "unbounded"


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    file = importlib.resources.files("cocycle.systems").joinpath("ranges.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


def ranges(name: str) -> dict[str, tuple[float, float]]:
    """Return the physical ranges of a system's parameters, where they have one.

    Args:
        name: key in the catalogue.

    Returns:
        Lowest and highest value, both allowed, by parameter.

    Example:
        >>> ranges("logistic")
        {'r': (0.0, 4.0)}
    """
    table = _tables().get(name, {}) if name != UNBOUNDED else {}
    found = dict.fromkeys(table.get("rates", ()), (0.0, math.inf))
    found |= dict.fromkeys(table.get("decays", ()), (-math.inf, 0.0))
    return found | {k: (float(v[0]), float(v[1])) for k, v in table.items() if k not in SIGNS}


def range_text(low: float, high: float) -> str:
    """Return a range in words.

    Args:
        low: lowest value.
        high: highest value.

    Example:
        >>> range_text(0.0, 4.0), range_text(0.0, math.inf), range_text(-math.inf, 1.3)
        ('from 0 to 4', '0 or more', '1.3 or less')
    """
    if high == math.inf:
        return f"{low:g} or more"
    return f"{high:g} or less" if low == -math.inf else f"from {low:g} to {high:g}"


def unbounded() -> dict[str, str]:
    """Return the systems with parameters none of which has a physical range, and why.

    Example:
        >>> "kuramoto" in unbounded()
        True
    """
    return dict(_tables()[UNBOUNDED])


def warn_outside(name: str, values: Mapping[str, Any]) -> None:
    """Warn of values that nature does not take; traced ones pass.

    Args:
        name: key in the catalogue.
        values: parameter values, numbers or arrays.
    """
    limits = ranges(name)
    for k, value in values.items():
        if k not in limits or is_traced(value):
            continue
        low, high = limits[k]
        numbers = np.asarray(value, dtype=float)
        if np.any(numbers < low) or np.any(numbers > high):
            span = range_text(low, high)
            given = f"{float(numbers):g}" if numbers.ndim == 0 else "some value"
            warnings.warn(
                f"{name}: {k} = {given} lies outside its physical range, {span}; the equations are followed all the "
                "same, but the result may mean nothing.",
                RangeWarning,
                stacklevel=3,
            )
