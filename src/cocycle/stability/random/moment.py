"""Moment Lyapunov exponents: at which rate the moments of the growth grow."""

import warnings
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from scipy.special import logsumexp

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import AccuracyWarning, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.random.growth import Growth, as_rows

ENOUGH = 30.0


class MomentExponents(eqx.Module, Presentable):
    """Moment Lyapunov function at some orders.

    Attributes:
        p: (orders,) orders.
        exponents: (orders,) Lambda(p) [nats / time].
        stderr: (orders,) standard errors [same], within what the sample shows.
        n_eff: (orders,) realisations that carry the moment; below 30 the tail is not sampled.
        exponent: the Lyapunov exponent of the same sample, the slope of Lambda at 0 [nats / time].
        duration: time over which growth was compared [time].
    """

    p: Float[np.ndarray, "orders"]
    exponents: Float[np.ndarray, "orders"]
    stderr: Float[np.ndarray, "orders"]
    n_eff: Float[np.ndarray, "orders"]
    exponent: Estimate
    duration: float

    def __str__(self) -> str:
        """Orders and exponents."""
        rows = zip(self.p, self.exponents, self.stderr, strict=True)
        return "   ".join(f"Lambda({p:g}) = {Estimate(float(v), float(s))}" for p, v, s in rows)


def moment_exponents(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    p: Float[Array | np.ndarray, "orders"] | list[float] | float,
    n_steps: int,
    n_realisations: int = 4096,
    n_transient: int | None = None,
    n_workers: int | None = None,
) -> MomentExponents:
    r"""Moment Lyapunov exponents of a random system, with standard errors.

    $$\Lambda(p) = \lim_{t \to \infty} \frac{1}{t} \log E\,|D\varphi_t v|^p$$

    The prefactor of the moment is cancelled by comparing two times: growth from the middle of the run to its end.
    Errors by the delta method over realisations.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver with a random key.
        p: orders, of either sign.
        n_steps: steps over which growth is followed, the transient not included; even.
        n_realisations: number of realisations.
        n_transient: steps before, in which state and tangent forget their start; default n_steps.
        n_workers: threads; default the cores this process may use.

    Returns:
        MomentExponents.

    Raises:
        DriverError: if the driver has no key.
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if n_steps is odd, or p is not finite.

    Accuracy: sampling error as told while `n_eff` is some dozens; a moment of high order over a long time is carried
        by growth that no sample contains, which is warned of. Longer times need many more realisations.
    Laws: Lambda is convex, Lambda(0) = 0, its slope at 0 is the Lyapunov exponent.
    Limits: finite time; a correction of order exp(-gap * duration) stays.
    Cost: (n_transient + n_steps) steps with one tangent vector for each realisation.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.core.functions import Map
        >>> gain = Map(lambda x, a, w: x * a**w, 1.1, x0=1.0, driven=True)
        >>> out = moment_exponents(gain, None, Brownian(0), p=[1.0], n_steps=20)
        >>> bool(abs(out.exponents[0] - np.log(1.1) ** 2 / 2) < 4 * out.stderr[0])
        True

    Source: [arnold1984].
    """
    orders = as_rows(np.asarray(p))
    if not np.all(np.isfinite(orders)):
        raise ParameterError(f"orders p must be finite, got {p}.")
    n_steps, n = count(n_steps, "n_steps", 2), count(n_realisations, "n_realisations", 16)
    if n_steps % 2:
        raise ParameterError(f"n_steps={n_steps} must be even: growth is compared at half time and at the end.")
    n_transient = n_steps if n_transient is None else count(n_transient, "n_transient", 0)
    growth = Growth(system, x0, driver, n, n_transient + n_steps, n_workers)
    growth.advance(n_transient)
    half = growth.advance(n_steps // 2)
    end = half + growth.advance(n_steps // 2)
    duration = (n_steps // 2) * float(system.dt)
    values, errors, sizes = zip(*(_moment(q, half, end) for q in orders), strict=True)
    gain = (end - half) / duration
    out = MomentExponents(
        orders,
        np.asarray(values) / duration,
        np.asarray(errors) / duration,
        np.asarray(sizes),
        Estimate(float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(n)), float(n), "mean over realisations"),
        duration,
    )
    poor = orders[out.n_eff < ENOUGH]
    if poor.size:
        warnings.warn(
            f"moments of order {', '.join(f'{q:g}' for q in poor)} rest on fewer than {ENOUGH:g} of {n} realisations: "
            "take a shorter run or many more realisations.",
            AccuracyWarning,
            stacklevel=2,
        )
    return out


def _moment(q: float, half: np.ndarray, end: np.ndarray) -> tuple[float, float, float]:
    """Log of the ratio of two moments, its standard error, and how many realisations carry it."""
    n = len(end)
    first, second = logsumexp(q * half), logsumexp(q * end)
    w1, w2 = np.exp(q * half - first) * n, np.exp(q * end - second) * n
    return float(second - first), float(np.std(w2 - w1, ddof=1) / np.sqrt(n)), float(n**2 / np.sum(w2**2))
