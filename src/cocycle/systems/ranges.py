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
    table = _tables().get(name, {})
    found = dict.fromkeys(table.get("rates", ()), (0.0, math.inf))
    return found | {k: (float(v[0]), float(v[1])) for k, v in table.items() if k != "rates"}


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
            span = f"from {low:g} to {high:g}" if high < math.inf else f"{low:g} or more"
            given = f"{float(numbers):g}" if numbers.ndim == 0 else "some value"
            warnings.warn(
                f"{name}: {k} = {given} lies outside its physical range, {span}; the equations are followed all the "
                "same, but the result may mean nothing.",
                RangeWarning,
                stacklevel=3,
            )
