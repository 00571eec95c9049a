"""Statistics of finite-time exponents: their spread, and the large deviations from their mean."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.spectrum import Spectrum

MIN_WINDOWS = 64
N_BLOCKS = 32
ENOUGH = 100.0


class FiniteTimeExponents(eqx.Module, Presentable):
    """Exponents over windows of one length, end to end along an orbit.

    Attributes:
        values: (windows, K) [nats / time].
        duration: length tau of the windows [time].
        mean: (K,) [nats / time].
        diffusion: (K,) tau times the variance over windows [nats^2 / time]: constant in tau where windows are
            longer than the correlation, the second derivative of the cumulant generating function at 0.
    """

    values: np.ndarray
    duration: float
    mean: Estimate
    diffusion: Estimate


class LargeDeviations(eqx.Module, Presentable):
    r"""Cumulant generating function of one exponent, and its Legendre transform.

    Attributes:
        q: (orders,) increasing.
        cumulant: (orders,) $L(q) = \lim \tau^{-1} \log \langle e^{q \tau \Lambda_\tau} \rangle$ [nats / time].
        stderr: (orders,) its standard error [same].
        n_eff: (orders,) effective number of windows that carry the average.
        exponent: (orders,) slope dL/dq: the finite-time exponent that dominates order q [nats / time].
        rate: (orders,) rate function at that exponent, $I = q L' - L$ [nats / time].
        rate_stderr: (orders,) its standard error [same].
        duration: length of the windows [time].
    """

    q: np.ndarray
    cumulant: np.ndarray
    stderr: np.ndarray
    n_eff: np.ndarray
    exponent: np.ndarray
    rate: np.ndarray
    rate_stderr: np.ndarray
    duration: float

    @property
    def reliable(self) -> Bool[np.ndarray, "orders"]:
        """Orders carried by at least 100 effective windows; beyond, the average hangs on the rarest events seen."""
        return self.n_eff >= ENOUGH


def finite_time_exponents(source: Spectrum | CovariantVectors, *, duration: int | float) -> FiniteTimeExponents:
    """Exponents over windows of a given length, from the local rates of a run.

    Args:
        source: a Spectrum (rates of the orthonormal frame) or CovariantVectors (rates of each vector).
        duration: length of the windows [time], rounded to whole intervals.

    Returns:
        FiniteTimeExponents.

    Raises:
        ParameterError: if the duration is shorter than an interval.
        InsufficientDataError: if fewer than 64 windows fit.

    Example:
        >>> from cocycle.core.functions import Map
        >>> import jax.numpy as jnp
        >>> from cocycle.stability.exponents import lyapunov_spectrum
        >>> tent = Map(lambda x, a: jnp.where(x < 0.3, x / 0.3, (1 - x) / 0.7), x0=0.123)
        >>> found = finite_time_exponents(lyapunov_spectrum(tent, n_steps=20_000, qr_every=1), duration=10)
        >>> found.values.shape
        (1800, 1)

    Source: [pikovsky2016].
    """
    sums, tau = _windows(source, duration)
    values = sums / tau
    mean = mean_estimate(values)
    spread = mean_estimate(tau * (values - mean.value[None]) ** 2, method="variance of windows")
    return FiniteTimeExponents(values, tau, mean, spread)


def large_deviations(
    source: Spectrum | CovariantVectors, *, q: Any, duration: int | float, which: int = 0
) -> LargeDeviations:
    r"""Cumulant generating function and rate function of a finite-time exponent.

    $$L(q) = \frac{1}{\tau} \log
    \frac{\langle e^{q \cdot 2\tau \Lambda_{2\tau}} \rangle}{\langle e^{q \tau \Lambda_\tau} \rangle}, \qquad
    I(\Lambda) = \sup_q \bigl(q \Lambda - L(q)\bigr)$$

    The ratio of windows of length tau and 2 tau leaves out the factor that does not grow with tau, so that the error is
    exponentially small in tau.

    Args:
        source: a Spectrum or CovariantVectors.
        q: orders (n,), increasing; a fine grid gives a smooth rate function.
        duration: length tau of the windows [time]; longer than the correlation of the rates.
        which: number of the exponent, 0 for the largest.

    Returns:
        LargeDeviations; standard errors by a jackknife over 32 blocks.

    Raises:
        ParameterError: if q does not increase, or there is no such exponent.
        InsufficientDataError: if fewer than 64 windows fit.

    Laws: L(0) = 0, L'(0) is the Lyapunov exponent, L is convex; I is 0 at the exponent and positive elsewhere.
    Limits: orders whose average hangs on a few windows are underestimated: see `reliable`.

    Source: [pikovsky2016].
    """
    orders = np.atleast_1d(np.asarray(q, dtype=float))
    if orders.ndim != 1 or len(orders) < 3 or not np.all(np.diff(orders) > 0):
        raise ParameterError("q must hold at least 3 increasing orders, such as numpy.linspace(-2, 2, 41).")
    sums, tau = _windows(source, duration)
    if count(which, "which", 0) >= sums.shape[1]:
        raise ParameterError(f"which={which}, but there are {sums.shape[1]} exponents, counted from 0.")
    one = sums[:, which]
    two = one[:-1] + one[1:]
    cumulant, slope, rate, n_eff = _curves(orders, one, two, tau)
    blocks = np.array_split(np.arange(len(two)), N_BLOCKS)
    drops = []
    for block in blocks:
        keep_one, keep_two = np.delete(one, block), np.delete(two, block)
        drops.append(_curves(orders, keep_one, keep_two, tau))
    spread = lambda k: np.sqrt((N_BLOCKS - 1) * np.var([d[k] for d in drops], axis=0))  # noqa: E731
    return LargeDeviations(orders, cumulant, spread(0), n_eff, slope, rate, spread(2), tau)


def _windows(source: Any, duration: int | float) -> tuple[np.ndarray, float]:
    """Sums of the rates over windows end to end, times the interval, and the length of a window."""
    local, interval = np.asarray(source.local), float(source.interval)
    if local.ndim != 2:
        raise ParameterError("statistics are of one run; take one row of a sweep.")
    size = round(float(duration) / interval)
    if size < 1:
        raise ParameterError(
            f"duration={duration} is below the interval {interval:.4g} of the run; take a longer one, or run with a "
            "smaller qr_every."
        )
    n = len(local) // size
    if n < MIN_WINDOWS:
        raise InsufficientDataError(
            f"{len(local)} intervals hold {n} windows of {size}; at least {MIN_WINDOWS} are needed. Take more steps or "
            "a shorter duration."
        )
    return interval * local[: n * size].reshape(n, size, -1).sum(axis=1), size * interval


def _curves(q: np.ndarray, one: np.ndarray, two: np.ndarray, tau: float) -> tuple[np.ndarray, ...]:
    log_one, mean_one, _ = _tilted(q, one)
    log_two, mean_two, n_eff = _tilted(q, two)
    cumulant, slope = (log_two - log_one) / tau, (mean_two - mean_one) / tau
    return cumulant, slope, q * slope - cumulant, n_eff


def _tilted(q: np.ndarray, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log of the mean of exp(q S), mean of S under those weights, effective number of terms."""
    exponent = q[:, None] * sums[None, :]
    top = exponent.max(axis=1, keepdims=True)
    weight = np.exp(exponent - top)
    total = weight.sum(axis=1)
    return top[:, 0] + np.log(total / len(sums)), weight @ sums / total, total**2 / np.sum(weight**2, axis=1)
