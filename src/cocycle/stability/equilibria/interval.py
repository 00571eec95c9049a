"""Interval arithmetic on arrays: every operation rounds outwards, so that results enclose the true ones."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# Elementary functions of numpy err by a few units in the last place; sums and products by half of one.
ULPS = 4


class Interval(NamedTuple):
    """Arrays of lower and upper ends; NaN-free, infinite where nothing is known.

    Attributes:
        lo: lower ends.
        hi: upper ends.
    """

    lo: np.ndarray
    hi: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        """Midpoints, rounded."""
        return 0.5 * (self.lo + self.hi)

    @property
    def width(self) -> np.ndarray:
        """Widths, rounded."""
        return self.hi - self.lo


def point(x: Any) -> Interval:
    """Return the interval of a number alone.

    Args:
        x: array.
    """
    x = np.asarray(x, dtype=float)
    return Interval(x, x)


def outward(lo: Any, hi: Any, ulps: int = 1) -> Interval:
    """Widen by some units in the last place; what is not a number becomes the whole line.

    Args:
        lo: lower ends as computed.
        hi: upper ends as computed.
        ulps: units.
    """
    lo, hi = np.asarray(lo), np.asarray(hi)
    if ulps == 1:
        lo, hi = np.nextafter(lo, -np.inf), np.nextafter(hi, np.inf)
    else:
        slack = ulps * np.finfo(float).eps
        tiny = ulps * np.finfo(float).tiny
        lo, hi = lo - slack * np.abs(lo) - tiny, hi + slack * np.abs(hi) + tiny
    return Interval(np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi))


def add(a: Interval, b: Interval) -> Interval:
    """Return a + b."""
    return outward(a.lo + b.lo, a.hi + b.hi)


def negative(a: Interval) -> Interval:
    """Return -a."""
    return Interval(-a.hi, -a.lo)


def subtract(a: Interval, b: Interval) -> Interval:
    """Return a - b."""
    return outward(a.lo - b.hi, a.hi - b.lo)


def multiply(a: Interval, b: Interval) -> Interval:
    """Return a b; zero times infinity is zero, because an exact zero kills."""
    ends = [np.where((x == 0) | (y == 0), 0.0, x * y) for x in a for y in b]
    lo, hi = np.minimum.reduce(ends), np.maximum.reduce(ends)
    exact = ((a.lo == 0) & (a.hi == 0)) | ((b.lo == 0) & (b.hi == 0))
    wide = outward(lo, hi)
    return Interval(np.where(exact, 0.0, wide.lo), np.where(exact, 0.0, wide.hi))


def divide(a: Interval, b: Interval) -> Interval:
    """Return a / b; the whole line where b holds zero."""
    holds = (b.lo <= 0) & (b.hi >= 0)
    safe = Interval(np.where(holds, 1.0, b.lo), np.where(holds, 1.0, b.hi))
    ends = [x / y for x in a for y in safe]
    out = outward(np.minimum.reduce(ends), np.maximum.reduce(ends))
    return Interval(np.where(holds, -np.inf, out.lo), np.where(holds, np.inf, out.hi))


def increasing(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Interval], Interval]:
    """Return the enclosure of an increasing function.

    Args:
        function: of arrays.
    """
    return lambda a: outward(function(a.lo), function(a.hi), ULPS)


def square(a: Interval) -> Interval:
    """Return a^2, never negative."""
    return integer_power(a, 2)


def integer_power(a: Interval, n: int) -> Interval:
    """Return a^n.

    Args:
        a: intervals.
        n: whole number.
    """
    if n < 0:
        return divide(point(1.0), integer_power(a, -n))
    low, high = a.lo**n, a.hi**n
    if n % 2:
        return outward(low, high, ULPS)
    big = np.maximum(low, high)
    small = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, np.minimum(low, high))
    out = outward(small, big, ULPS)
    return Interval(np.maximum(out.lo, 0.0), out.hi)


def real_power(a: Interval, b: Interval) -> Interval:
    """Return a^b for a > 0; the whole line where a is not."""
    positive = a.lo > 0
    safe = Interval(np.where(positive, a.lo, 1.0), np.where(positive, a.hi, 1.0))
    ends = [x**y for x in safe for y in b]
    out = outward(np.minimum.reduce(ends), np.maximum.reduce(ends), ULPS)
    return Interval(np.where(positive, out.lo, -np.inf), np.where(positive, out.hi, np.inf))


def logarithm(a: Interval) -> Interval:
    """Return log a; the whole line where a is not positive."""
    positive = a.lo > 0
    lo, hi = np.log(np.where(positive, a.lo, 1.0)), np.log(np.where(positive, a.hi, 1.0))
    out = outward(lo, hi, ULPS)
    return Interval(np.where(positive, out.lo, -np.inf), np.where(positive, out.hi, np.inf))


def square_root(a: Interval) -> Interval:
    """Return the square root; the whole line where a may be negative."""
    good = a.lo >= 0
    out = outward(np.sqrt(np.where(good, a.lo, 0.0)), np.sqrt(np.where(good, a.hi, 0.0)), ULPS)
    return Interval(np.where(good, np.maximum(out.lo, 0.0), -np.inf), np.where(good, out.hi, np.inf))


def _wave(a: Interval, function: Callable[[np.ndarray], np.ndarray], top: float) -> Interval:
    """A wave of period 2 pi that is 1 at `top` and -1 half a period later."""
    full = ~(a.hi - a.lo < 6.28) | (np.maximum(np.abs(a.lo), np.abs(a.hi)) > 1e6)
    lo, hi = np.where(full, 0.0, a.lo), np.where(full, 0.0, a.hi)
    x, y = function(lo), function(hi)
    out = outward(np.minimum(x, y), np.maximum(x, y), ULPS)
    # Slack so that an extremum at an end is not missed by rounding.
    crest = np.floor((hi - top) / (2 * np.pi) + 1e-9) >= np.ceil((lo - top) / (2 * np.pi) - 1e-9)
    base = top + np.pi
    trough = np.floor((hi - base) / (2 * np.pi) + 1e-9) >= np.ceil((lo - base) / (2 * np.pi) - 1e-9)
    return Interval(
        np.where(full | trough, -1.0, np.maximum(out.lo, -1.0)), np.where(full | crest, 1.0, np.minimum(out.hi, 1.0))
    )


def sine(a: Interval) -> Interval:
    """Return sin a."""
    return _wave(a, np.sin, np.pi / 2)


def cosine(a: Interval) -> Interval:
    """Return cos a."""
    return _wave(a, np.cos, 0.0)


def tangent(a: Interval) -> Interval:
    """Return tan a; the whole line where a pole may lie within."""
    return divide(sine(a), cosine(a))


def absolute(a: Interval) -> Interval:
    """Return |a|."""
    size = np.maximum(np.abs(a.lo), np.abs(a.hi))
    small = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, np.minimum(np.abs(a.lo), np.abs(a.hi)))
    return Interval(small, size)


def hyperbolic_cosine(a: Interval) -> Interval:
    """Return cosh a."""
    size = absolute(a)
    return increasing(np.cosh)(size)


def total(a: Interval, axes: tuple[int, ...]) -> Interval:
    """Return the sum over axes, with the error bound of any order of summation.

    Args:
        a: intervals.
        axes: axes to sum over.
    """
    n = int(np.prod([a.lo.shape[k] for k in axes])) if axes else 1
    lo, hi = a.lo.sum(axis=axes), a.hi.sum(axis=axes)
    size = np.maximum(np.abs(a.lo), np.abs(a.hi)).sum(axis=axes)
    slack = np.where(np.isfinite(size), n * np.finfo(float).eps * size, 0.0) if n > 1 else 0.0
    if n > 1:
        return outward(lo - slack, hi + slack)
    return Interval(lo, hi)


def product(a: Interval, b: Interval) -> Interval:
    """Return the products of matrices (..., i, k) and (..., k, j).

    Args:
        a: left factors.
        b: right factors.
    """
    left = Interval(a.lo[..., :, :, None], a.hi[..., :, :, None])
    right = Interval(b.lo[..., None, :, :], b.hi[..., None, :, :])
    return total(multiply(left, right), (left.lo.ndim - 2,))
