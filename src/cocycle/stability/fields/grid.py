"""Grids of initial states: named axes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError, UnknownNameError, suggest

MAX_AXES = 3


def axes_of(grid: Any) -> dict[str, np.ndarray]:
    """Check a grid and return the values along each axis.

    Args:
        grid: `{name: (first, last, count)}` or `{name: increasing values}`, 1 to 3 axes.

    Raises:
        ParameterError: with what is wrong.

    Example:
        >>> axes_of({"x": (0, 2, 5)})["x"].tolist()
        [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    if not isinstance(grid, Mapping) or not 1 <= len(grid) <= MAX_AXES:
        raise ParameterError('grid must be a dict of 1 to 3 axes, such as {"x": (0, 2, 512), "y": (0, 1, 256)}.')
    return {str(name): _axis(str(name), spec) for name, spec in grid.items()}


def _axis(name: str, spec: Any) -> np.ndarray:
    if isinstance(spec, tuple) and len(spec) == 3:
        low, high, n = spec
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 2:
            raise ParameterError(f"axis {name!r} is (first, last, count) with a count of at least 2, got {spec!r}.")
        values = np.linspace(float(low), float(high), int(n))
    else:
        try:
            values = np.asarray(spec, dtype=float)
        except (TypeError, ValueError):
            raise ParameterError(f"axis {name!r} must be (first, last, count) or an array of values.") from None
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)) or not np.all(np.diff(values) > 0):
        raise ParameterError(f"axis {name!r} must hold at least 2 finite values that increase.")
    return values


def points_of(axes: Mapping[str, np.ndarray]) -> Float[np.ndarray, "points axes"]:
    """Return all points of a grid, the last axis running fastest.

    Args:
        axes: values along each axis.
    """
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    return np.stack([m.ravel() for m in mesh], axis=1)


def columns_of(axes: Mapping[str, np.ndarray], variables: tuple[str, ...] | None, n_dimensions: int) -> list[int]:
    """Return which component of the state each axis is.

    Args:
        axes: values along each axis.
        variables: names of the components; None stands for x, y, z where there are at most three.
        n_dimensions: D.

    Raises:
        UnknownNameError: if an axis is no component.
    """
    names = named(variables, n_dimensions)
    for name in axes:
        if name not in names:
            raise UnknownNameError(f"the state has no component {name!r}; {suggest(name, names)}")
    return [names.index(name) for name in axes]


def named(variables: tuple[str, ...] | None, n_dimensions: int) -> tuple[str, ...]:
    """Return names of the components of a state.

    Args:
        variables: the system's own, or None.
        n_dimensions: D.
    """
    if variables is not None and len(variables) == n_dimensions:
        return tuple(variables)
    return ("x", "y", "z")[:n_dimensions] if n_dimensions <= 3 else tuple(f"x{k}" for k in range(n_dimensions))
