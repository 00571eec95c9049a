"""The one gate through which every measured series passes: shape, numbers, length, variety."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError

SeriesLike: TypeAlias = np.ndarray | Array | Sequence[Any]


def checked_series(x: SeriesLike, *, n_min: int, name: str = "x", n_distinct: int = 2) -> np.ndarray:
    """Return a series as a float64 array, or say what is wrong with it.

    Args:
        x: numbers in the order of time.
        n_min: least length that the measure can use.
        name: how messages call the series.
        n_distinct: least number of different values that the measure can use.

    Returns:
        (n,) float64, contiguous.

    Raises:
        DataError: if it is not a one-dimensional series of finite real numbers.
        InsufficientDataError: if it is too short, constant, or has too few different values.

    Example:
        >>> checked_series([1, 2, 4], n_min=3)
        array([1., 2., 4.])
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise DataError(f"{name} is ragged: its rows differ in length; pass one list of numbers.") from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} has dtype {array.dtype}, not real numbers; convert it, e.g. np.asarray(x, float).")
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}; one scalar series is needed: pass one column, e.g. x[:, 0].")
    array = np.ascontiguousarray(array, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise DataError(
            f"{name} has {bad.size} values that are not finite, the first at index {bad[0]}; "
            "cut or interpolate them before measuring."
        )
    if array.size < n_min:
        raise InsufficientDataError(f"{name} has {array.size} points; at least {n_min} are needed: record longer.")
    n_values = np.unique(array).size
    if n_values == 1:
        raise InsufficientDataError(f"{name} is constant ({array[0]:g}); there are no dynamics to measure.")
    if n_values < n_distinct:
        raise InsufficientDataError(
            f"{name} has only {n_values} different values, at least {n_distinct} are needed; "
            "it is symbolic or exactly periodic: use ordinal measures or the spectrum."
        )
    return array


def checked_positive(value: int | float, *, name: str) -> None:
    """Refuse an option that is not above zero.

    Args:
        value: the option.
        name: its name.

    Raises:
        ParameterError: if it is zero, negative or not finite.

    Example:
        >>> checked_positive(2, name="delay")
    """
    if not np.isfinite(value) or value <= 0:
        raise ParameterError(f"{name} is {value}; it must be above 0.")


def resolution(x: np.ndarray) -> float:
    """Smallest step between different values: the digitiser's unit, or next to nothing for continuous data.

    Args:
        x: (n,) series.

    Returns:
        the step [unit of x]; 0 for a constant series.

    Example:
        >>> resolution(np.array([1.0, 3.0, 1.0, 3.5]))
        0.5
    """
    steps = np.diff(np.unique(x))
    # Round-off makes 0.3 and 0.1 + 0.2 two values: steps below 1e-12 of the range are no steps.
    steps = steps[steps > 1e-12 * (steps.sum() + np.abs(x).max())] if steps.size else steps
    return float(steps.min()) if steps.size else 0.0


def is_digitised(x: np.ndarray) -> bool:
    """Say whether the series holds few levels, each visited often (at least ten times on average).

    Args:
        x: (n,) series.

    Returns:
        True where there is at most one level per ten points.

    Example:
        >>> is_digitised(np.arange(100) % 7)
        True
    """
    return bool(np.unique(x).size * 10 <= x.size)


def dithered(x: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Undo digitisation: uniform noise of one unit on a series of few levels, any other series unchanged.

    Ties make distances zero and their logarithms infinite; spread over the digitiser's cell they become what they were
    before rounding, up to an error no larger than the rounding itself.

    Args:
        x: (n,) series.
        seed: of the noise.

    Returns:
        (n,) series; every value is within half a unit of the given one.

    Example:
        >>> y = dithered(np.arange(100.0) % 7)
        >>> bool(np.abs(y - np.arange(100) % 7).max() <= 0.5)
        True

    Source: [theiler1990].
    """
    if not is_digitised(x):
        return x
    return x + resolution(x) * np.random.default_rng(seed).uniform(-0.5, 0.5, x.size)
