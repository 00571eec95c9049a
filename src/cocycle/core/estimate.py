"""Numbers with their standard error: no bare estimate leaves the library."""

import functools
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import InsufficientDataError
from cocycle.core.tracing import is_traced

MIN_ROWS = 16
MIN_BLOCKS = 8
MAX_BLOCKS = 8192
N_LEVELS = 6
N_ORDINATES = 128


class Estimate(eqx.Module):
    """A number, or an array of numbers, with standard error.

    Attributes:
        value: the estimate [unit of the quantity].
        stderr: its standard error [same]; 0 for an exact number, inf where the error is unknown.
        n_eff: effective number of independent samples, inf where exact.
        method: how value and error were found, in a few words.

    Example:
        >>> print(Estimate(0.90561, 0.0021))
        0.9056 ± 0.0021
    """

    value: Any
    stderr: Any = 0.0
    n_eff: Any = math.inf
    method: str = eqx.field(static=True, default="exact")

    def __str__(self) -> str:
        """Value ± standard error, two digits of error."""
        value, stderr = np.asarray(self.value), np.asarray(self.stderr)
        if value.ndim == 0:
            return format_value(float(value), float(stderr))
        pairs = zip(value.ravel(), np.broadcast_to(stderr, value.shape).ravel(), strict=True)
        return "   ".join(format_value(float(v), float(s)) for v, s in pairs)

    def __float__(self) -> float:
        """Return the value."""
        return float(self.value)


def format_value(value: float, stderr: float) -> str:
    """Write a number with as many digits as its error allows, e.g. `0.9056 ± 0.0021`."""
    if not math.isfinite(value):
        return f"{value}"
    if not math.isfinite(stderr):
        return f"{value:.4g} ± ?"
    if stderr == 0 or stderr < 1e-13 * max(1.0, abs(value)):
        return f"{value:.10g}"
    exponent = math.floor(math.log10(stderr))
    if exponent < -8:
        return f"{value:.10g} ± {stderr:.0e}"
    if 2 <= exponent < 6:
        return f"{round(value, 1 - exponent) + 0.0:.0f} ± {round(stderr, 1 - exponent):.0f}"
    if exponent >= 6:
        return f"{value:.6g} ± {stderr:.1e}"
    digits = max(0, 1 - exponent)
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def sample_mean(rows: Any, *, method: str = "mean") -> Estimate:
    """Mean of independent numbers.

    Args:
        rows: (n,) numbers, e.g. one a run.
        method: what to call it in the result.

    Returns:
        Estimate; NaN without numbers, with an infinite error where there is one or one is not finite.

    Example:
        >>> print(sample_mean([1.0, 2.0, 3.0, 2.0]))
        2.00 ± 0.41
    """
    rows = np.asarray(rows, dtype=float)
    n = len(rows)
    if n == 0:
        return Estimate(math.nan, math.nan, 0.0, method)
    stderr = float(np.std(rows, ddof=1)) / math.sqrt(n) if n > 1 and np.all(np.isfinite(rows)) else math.inf
    return Estimate(float(np.mean(rows)), stderr, float(n), f"{method} of {n}")


def mean_estimate(rows: Float[Array, "rows ..."] | np.ndarray, *, method: str = "low-frequency spectrum") -> Estimate:
    r"""Mean along the first axis of a correlated series, with a standard error that accounts for the correlation.

    $$\mathrm{Var}\Bigl(\sum_{t<T} x_t\Bigr) \approx a T + b, \qquad a = f(0), \quad b = \langle V(L) - a L \rangle$$

    Growth rates are hard cases for batch means: the sums of some telescope (the zero exponent of a flow; every
    exponent of a map conjugate to one of constant slope), so that a = 0, and those of others nearly do (the largest
    exponent of Lorenz' flow), so that blocks would have to be as long as the series before V(L) grows
    in proportion to L. So f(0), the spectral density at frequency zero, is read off the 128 lowest ordinates of the
    tapered periodogram with the model $s (1 + r j^2) / (1 + d j^2)$, averaged over a grid of (r, d) by its Whittle
    likelihood. The end effect b is the mean excess of V(L), the variance of sums over blocks of 1/256 to 1/8 of
    the series, and not negative.

    Args:
        rows: series, time along the first axis; at least 16 rows.
        method: what to call it in the result.

    Returns:
        Estimate of the mean [unit of rows], shape of one row. A series with -inf has mean -inf and stderr 0.

    Raises:
        InsufficientDataError: if there are fewer than 16 rows.

    Accuracy: the standard error itself is known to 10 to 30 %.
    Limits: correlation longer than 1/20 of the series is not seen.
    Cost: one pass, and a Fourier transform of at most 8192 block means.

    Example:
        >>> e = mean_estimate(np.random.default_rng(0).normal(size=4096))
        >>> bool(abs(e.stderr * 64 - 1) < 0.5)
        True

    Source: likelihood [whittle1953]; spectral density at zero for the error of a mean [heidelberger1981].
    """
    xp = jnp if is_traced(rows) else np
    rows = xp.asarray(rows, dtype=float)
    n = rows.shape[0]
    if n < MIN_ROWS:
        raise InsufficientDataError(f"{n} rows are too few for a standard error: at least {MIN_ROWS} are needed.")
    mean = xp.mean(rows, axis=0)
    with np.errstate(all="ignore"):
        deviation = xp.where(xp.isfinite(mean), rows - mean[None], 0.0).reshape((n, -1))
        a = _density_at_zero(xp, deviation)
        b = _end_effect(xp, deviation, a)
        spread = xp.mean(deviation**2, axis=0).reshape(mean.shape)
        stderr = (xp.sqrt(a * n + b) / n).reshape(mean.shape)
        exact = ~(spread > (1e-14 * (1.0 + xp.abs(mean))) ** 2)
        stderr = xp.where(exact, 0.0, stderr)
        n_eff = xp.where(exact, math.inf, spread / stderr**2)
    return Estimate(mean, stderr, n_eff, method)


def _block_sums(deviation: Any, n_blocks: int) -> Any:
    """Sums over equal blocks; the rest is dropped at the start."""
    length = deviation.shape[0] // n_blocks
    return deviation[deviation.shape[0] - n_blocks * length :].reshape((n_blocks, length, -1)).sum(axis=1)


@functools.cache
def _model_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grid of (r, d) and its prior: half on a flat spectrum, a quarter each on one and on two parameters."""
    # d up to 1/9: a correlation time beyond 1/20 of the series could not be told from it.
    d, r = np.meshgrid(np.append(0.0, np.geomspace(1e-4, 1 / 9, 12)), np.append(0.0, np.geomspace(1e-4, 1e3, 28)))
    n_free = (d > 0).astype(int) + (r > 0)
    prior = np.array([0.5, 0.25, 0.25])[n_free] / np.bincount(n_free.ravel())[n_free]
    return r.ravel(), d.ravel(), prior.ravel()


def _density_at_zero(xp: Any, deviation: Any) -> Any:
    """Spectral density at frequency zero, per row of the series: (columns,)."""
    length = max(1, deviation.shape[0] // MAX_BLOCKS)
    x = _block_sums(deviation, deviation.shape[0] // length)
    n = x.shape[0]
    taper = np.sin(np.pi * (np.arange(n) + 0.5) / n)[:, None] ** 2
    x = x - xp.sum(taper * x, axis=0, keepdims=True) / np.sum(taper)
    j = np.arange(2, 2 + min(N_ORDINATES, n // 4))
    power = xp.abs(xp.fft.rfft(x * taper, axis=0)[j]) ** 2 / (np.sum(taper**2) * length)
    r, d, prior = _model_grid()
    shape = (1 + r[:, None] * j**2) / (1 + d[:, None] * j**2)
    scale = (1 / shape) @ power / len(j)
    fit = len(j) * xp.log(scale) + np.sum(np.log(shape), axis=1)[:, None]
    # A Hann taper correlates neighbours: about 0.6 independent ordinates each.
    weight = prior[:, None] * xp.exp(-0.6 * (fit - xp.min(fit, axis=0, keepdims=True)))
    return xp.sum(weight * scale, axis=0) / xp.sum(weight, axis=0)


def _end_effect(xp: Any, deviation: Any, a: Any) -> Any:
    """Mean excess of the variance of block sums over a L, weighted by degrees of freedom: (columns,)."""
    n_blocks = MIN_BLOCKS
    while 2 * n_blocks <= min(deviation.shape[0], MIN_BLOCKS * 2 ** (N_LEVELS - 1)):
        n_blocks *= 2
    sums, length = _block_sums(deviation, n_blocks), deviation.shape[0] // n_blocks
    excess, weight = 0.0, 0
    while sums.shape[0] >= MIN_BLOCKS:
        dof = sums.shape[0] - 1
        excess = excess + dof * (xp.sum((sums - xp.mean(sums, axis=0, keepdims=True)) ** 2, axis=0) / dof - a * length)
        weight += dof
        sums, length = sums[0::2] + sums[1::2], 2 * length
    return xp.maximum(excess / weight, 0.0)
