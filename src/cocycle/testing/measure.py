"""The rules that a measure of a series keeps."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import DataError
from cocycle.testing.agreement import differ, require

N_SAMPLES = 1000
# Shifts and scales by powers of two of numbers on a grid of 2^-30 are exact, so only what the measure itself
# computes (means, powers) is rounded differently.
GRID = 2.0**-30
SAME = 1e-6


def sample_series(n: int = N_SAMPLES) -> Float[np.ndarray, "time"]:
    """A chaotic series of distinct values to try a measure on: x of the Henon map, on a grid of 2^-30.

    Args:
        n: length.

    Returns:
        (n,) values within about [-1.3, 1.3].
    """
    x, y, out = 0.1, 0.1, np.empty(n + 100)
    for i in range(n + 100):
        x, y = 1.0 - 1.4 * x * x + y, 0.3 * x
        out[i] = x
    return np.round(out[100:] / GRID) * GRID


def check_measure(
    measure: Callable[[Any], Any],
    series: Any = None,
    *,
    shift_invariant: bool = False,
    scale_invariant: bool = False,
    n_too_short: int = 3,
    refuses_constant: bool = True,
    takes_points: bool = False,
) -> None:
    """Check that a measure is a pure function of one series and refuses what it cannot use.

    The same series gives the same result twice and is left as it was; a JAX array and a list give the result of a
    NumPy array; NaN, infinity, a series that is too short, one that is constant, and a table instead of a
    series are refused with a DataError. Invariances are checked where they are promised.

    Args:
        measure: function of a series (n,), all other arguments bound.
        series: series that it can measure; default 1000 points of a chaotic map.
        shift_invariant: the result does not change when a constant is added.
        scale_invariant: the result does not change when the series is multiplied by a positive number.
        n_too_short: a length that must be refused.
        refuses_constant: whether a constant series must be refused.
        takes_points: whether a table (n, D) is a cloud of points, and welcome.

    Raises:
        AssertionError: with a sentence that says what failed and what to do.

    Example:
        >>> from cocycle.measures import permutation_entropy
        >>> check_measure(permutation_entropy, shift_invariant=True, scale_invariant=True)
    """
    name = getattr(measure, "__name__", type(measure).__name__)
    series = sample_series() if series is None else np.array(series, dtype=float)
    before = series.copy()
    result = measure(series)
    gap = differ(measure(series), result)
    require(gap is None, f"{name} is not pure: the same series gives {gap}. Take randomness from a seed argument.")
    require(np.array_equal(series, before), f"{name} changes the series that it is given; work on a copy.")
    for other, what in ((jnp.asarray(series), "a JAX array"), (series.tolist(), "a list")):
        gap = differ(measure(other), result)
        require(gap is None, f"{name}: {what} gives another result than a NumPy array: {gap}. Convert it on entry.")
    _refusals(name, measure, series, n_too_short, refuses_constant, takes_points)
    if shift_invariant:
        gap = differ(measure(series + 8.0), result, tolerance=SAME)
        require(gap is None, f"{name} is not invariant under a shift: {gap}. Subtract the mean, or drop the promise.")
    if scale_invariant:
        gap = differ(measure(4.0 * series), result, tolerance=SAME)
        require(
            gap is None, f"{name} is not invariant under scaling: {gap}. Divide by the spread, or drop the promise."
        )


def _refusals(
    name: str, measure: Any, series: Any, n_too_short: int, refuses_constant: bool, takes_points: bool
) -> None:
    holed, endless = series.copy(), series.copy()
    holed[len(series) // 2] = np.nan
    endless[len(series) // 2] = np.inf
    bad = {
        "NaN": holed,
        "infinity": endless,
        f"{n_too_short} points": series[:n_too_short],
        "text": np.array(["a"] * len(series)),
    }
    if not takes_points:
        bad["a table of two columns"] = np.stack([series, series], axis=1)
    if refuses_constant:
        bad["a constant series"] = np.full(len(series), 0.5)
    for what, values in bad.items():
        _refused(name, measure, values, what)


def _refused(name: str, measure: Any, values: Any, what: str) -> None:
    remedy = "raise cocycle.core.errors.DataError (or InsufficientDataError) that says what is wrong."
    try:
        result: Array | Any = measure(values)
    except DataError as error:
        require(len(str(error)) > 10, f"{name} refuses {what} without saying why; {remedy}")
        return
    except Exception as error:
        raise AssertionError(f"{name} fails on {what} with {type(error).__name__}: {error}; {remedy}") from error
    raise AssertionError(f"{name} accepts {what} and returns {result!r}; {remedy}")
