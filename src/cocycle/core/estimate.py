"""Numbers with their standard error: no bare estimate leaves the library."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import InsufficientDataError

N_LEVELS = 6
MIN_BLOCKS = 8


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
    if exponent >= 2 or exponent < -8:
        return f"{value:.6g} ± {stderr:.1e}"
    digits = max(0, 1 - exponent)
    return f"{value:.{digits}f} ± {stderr:.{digits}f}"


def is_traced(*trees: Any) -> bool:
    """Say whether a JAX transformation (jit, vmap, grad) is going over any leaf."""
    return any(isinstance(leaf, jax.core.Tracer) for tree in trees for leaf in jax.tree.leaves(tree))


def mean_estimate(rows: Float[Array, "rows ..."] | np.ndarray, *, method: str = "block scaling") -> Estimate:
    r"""Mean along the first axis of a correlated series, with a standard error that accounts for the correlation.

    The variance of sums over blocks of length L grows like $V(L) \propto L^p$: p = 1 once blocks are longer than
    the correlation time, p = 0 where the sum telescopes (the zero exponent of a flow, every exponent
    of a map conjugate to one of constant slope). Plain batch means assume p = 1 and give bars that are too wide by
    the square root of their number in the second case. Here p is fitted to blocks of 1/256 to 1/8 of
    the series, held within [0, 1], and V extrapolated to the whole.

    Args:
        rows: series, time along the first axis; at least 16 rows.

    Returns:
        Estimate of the mean [unit of rows], shape of one row. A series with -inf has mean -inf and stderr 0.

    Raises:
        InsufficientDataError: if there are fewer than 16 rows.

    Accuracy: the standard error itself is known to about 20 %.
    Limits: correlation longer than 1/30 of the series is not seen.
    Cost: one pass.

    Example:
        >>> e = mean_estimate(np.random.default_rng(0).normal(size=4096))
        >>> bool(abs(e.stderr * 64 - 1) < 0.5)
        True
    """
    xp = jnp if is_traced(rows) else np
    rows = xp.asarray(rows, dtype=float)
    n = rows.shape[0]
    if n < 2 * MIN_BLOCKS:
        raise InsufficientDataError(f"{n} rows are too few for a standard error: at least {2 * MIN_BLOCKS} are needed.")
    mean = xp.mean(rows, axis=0)
    n_fine = MIN_BLOCKS
    while n_fine * 2 <= n and n_fine < MIN_BLOCKS * 2 ** (N_LEVELS - 1):
        n_fine *= 2
    length = n // n_fine
    with np.errstate(all="ignore"):
        start = n - n_fine * length
        deviation = xp.where(xp.isfinite(mean), rows[start:] - mean, 0.0)
        sums = xp.sum(deviation.reshape((n_fine, length, *mean.shape)), axis=1)
        log_length, log_variance, weight = [], [], []
        while sums.shape[0] >= MIN_BLOCKS:
            dof = sums.shape[0] - 1
            variance = xp.sum((sums - xp.mean(sums, axis=0)) ** 2, axis=0) / dof
            log_length.append(math.log(length))
            # The log of a chi-square mean lies low by about 1/dof.
            log_variance.append(xp.log(variance) + 1.0 / dof)
            weight.append(float(dof))
            sums = sums[0::2] + sums[1::2]
            length *= 2
        stderr = xp.exp(0.5 * _extrapolated(xp, log_length, log_variance, weight, math.log(n))) / n
        spread = xp.var(deviation, axis=0)
        exact = ~(spread > (1e-14 * (1.0 + xp.abs(mean))) ** 2)
        stderr = xp.where(exact, 0.0, stderr)
        n_eff = xp.where(exact, math.inf, spread / stderr**2)
    return Estimate(mean, stderr, n_eff, method)


def _extrapolated(xp: Any, log_length: list, log_variance: list, weight: list, at: float) -> Any:
    """Straight line through (log L, log V), slope held within [0, 1], evaluated at log L = at."""
    x, y, w = np.asarray(log_length), xp.stack(log_variance), np.asarray(weight)
    shape = (-1,) + (1,) * (y.ndim - 1)

    def linear(first: int) -> Any:
        part = (w[first:] / np.sum(w[first:])).reshape(shape)
        return xp.sum(part * (y[first:] + (at - x[first:]).reshape(shape)), axis=0)

    if len(x) < 4:  # too few levels to tell a slope from sampling error
        return linear(0)
    part = (w / np.sum(w)).reshape(shape)
    offset = x.reshape(shape) - np.sum(part.ravel() * x)
    slope = xp.sum(part * offset * y, axis=0) / np.sum(part * offset**2)
    slope_held = xp.where(slope < 0.3, 0.0, slope)
    sloping = xp.sum(part * y, axis=0) + slope_held * (at - np.sum(part.ravel() * x))
    # Slope above 1: the shortest blocks are still correlated, only the longest three levels count.
    return xp.where(slope > 1.1, linear(-3), xp.where(slope > 0.7, linear(0), sloping))
