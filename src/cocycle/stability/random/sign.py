"""The sign of a Lyapunov exponent, certified: look as often as you like, the error probability holds."""

import math
import warnings
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.stats import norm, t

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.run import Status
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.random.growth import Growth


class SignTest(eqx.Module, Presentable):
    """Outcome of a sequential test of the sign of the largest exponent.

    Attributes:
        sign: +1 or -1 where it is certified, 0 where the test ended undecided.
        alpha: probability of a wrong sign, over all looks together.
        exponent: estimate at the end [nats / time]; after a stop it is biased away from zero.
        interval: (2,) bounds that hold at all looks together with probability 1 - alpha [nats / time].
        n_steps: steps of each realisation, the transient not included.
        z: (looks,) the test statistic after each look.
        bound: (looks,) what its size must exceed.
        status: how the computation ended.
    """

    sign: int
    alpha: float
    exponent: Estimate
    interval: Float[np.ndarray, "2"]
    n_steps: int
    z: Float[np.ndarray, "looks"]
    bound: Float[np.ndarray, "looks"]
    status: Status = eqx.field(static=True, default=Status.OK)

    def __str__(self) -> str:
        """Verdict."""
        words = {1: "positive", -1: "negative", 0: "undecided"}
        sure = "" if self.sign == 0 else f" (wrong with probability at most {self.alpha:g})"
        return f"{words[self.sign]}{sure}: {self.exponent} after {self.n_steps} steps"


def certify_sign(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    alpha: float = 1e-3,
    n_realisations: int = 64,
    look_every: int | None = None,
    n_transient: int | None = None,
    n_workers: int | None = None,
    progress: bool | None = None,
) -> SignTest:
    r"""Find the sign of the largest Lyapunov exponent, and stop as soon as it is certain enough.

    With S the summed growth of each of m independent realisations and V its variance among them,

    $$|z_k| = \frac{|\bar S_k|}{\sqrt{V_k / m}} > \sqrt{(1 + 1/\tau_k) \log \frac{1 + \tau_k}{\alpha^2}},
    \qquad \tau_k = V_k / V_1$$

    is crossed at any of all looks with probability at most alpha if the exponent is zero (Robbins' normal mixture);
    a wrong sign is rarer still. Student's law with m - 1 degrees of freedom is mapped to the normal one. Correlation
    in time needs no model, because the variance is that among independent realisations.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver with a random key.
        n_steps: steps of each realisation at most, the transient not included.
        alpha: probability of a wrong sign.
        n_realisations: m, at least 16.
        look_every: steps between looks; default a 64th of n_steps.
        n_transient: steps before, in which state and tangent forget their start; default look_every.
        n_workers: threads; default the cores this process may use.
        progress: show a progress bar.

    Returns:
        SignTest.

    Raises:
        DriverError: if the driver has no key.
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if alpha is not between 0 and 1, or a count is out of range.

    Accuracy: exact for normal growth with proportional variance; the normal law of sums over `look_every` steps is
        what must hold, so looks should be a few correlation times apart.
    Limits: an exponent of exactly zero is never certified. An interrupt (Ctrl-C) returns the state reached, undecided.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.steppers import ItoSDE
        >>> well = ItoSDE(lambda t, x, a: x - x**3, lambda t, x, a: 0.5, dt=0.01, x0=1.0)
        >>> certify_sign(well, None, Brownian(0), n_steps=64_000).sign
        -1

    Source: [robbins1970].
    """
    n_steps, m = count(n_steps, "n_steps"), count(n_realisations, "n_realisations", 16)
    if not 0 < alpha < 1:
        raise ParameterError(f"alpha is {alpha}; it is a probability between 0 and 1, such as 1e-3.")
    every = max(1, n_steps // 64) if look_every is None else count(look_every, "look_every")
    if every > n_steps:
        raise ParameterError(f"look_every={every} exceeds n_steps={n_steps}: there would be no look.")
    n_transient = every if n_transient is None else count(n_transient, "n_transient", 0)
    growth = Growth(system, x0, driver, m, n_transient + n_steps, n_workers)
    dt, total, first = float(system.dt), np.zeros(m), math.nan
    zs, bounds, sign, status, done = [], [], 0, Status.OK, 0
    low, high = -math.inf, math.inf
    with Progress(n_transient + n_steps, "sign of the exponent", progress) as bar:
        try:
            growth.advance(n_transient)
            bar.advance(n_transient)
            while done + every <= n_steps and sign == 0:
                total = total + growth.advance(every)
                done += every
                bar.advance(every)
                variance = float(total.var(ddof=1))
                first = variance if len(zs) == 0 else first
                z, bound, width = _look(total, variance, first, alpha)
                zs.append(z)
                bounds.append(bound)
                low = max(low, float(total.mean() - width) / (done * dt))
                high = min(high, float(total.mean() + width) / (done * dt))
                if abs(z) > bound:
                    sign, status = int(np.sign(z)), Status.CONVERGED
        except KeyboardInterrupt:
            warnings.warn(f"interrupted after {done} of {n_steps} steps: undecided.", InterruptedWarning, stacklevel=2)
            status = Status.INTERRUPTED
    time = max(done, 1) * dt
    error = float(total.std(ddof=1)) / math.sqrt(m) / time
    value = Estimate(float(total.mean()) / time, error, float(m), "mean over realisations")
    return SignTest(sign, alpha, value, np.array([low, high]), done, np.asarray(zs), np.asarray(bounds), status)


def _look(total: np.ndarray, variance: float, first: float, alpha: float) -> tuple[float, float, float]:
    """Statistic as a normal score, its bound, and the half width of the bounds of the sum."""
    m, mean = len(total), float(total.mean())
    error = math.sqrt(variance / m)
    tau = variance / first if first > 0 else 1.0
    bound = math.sqrt((1.0 + 1.0 / tau) * math.log((1.0 + tau) / alpha**2))
    if error <= 1e-12 * max(abs(mean), 1e-300):  # growth without chance: the sign is plain
        return (0.0 if mean == 0 else math.copysign(math.inf, mean)), bound, 0.0
    z = math.copysign(float(-norm.ppf(t.sf(abs(mean) / error, m - 1))), mean)
    return z, bound, float(t.isf(norm.sf(bound), m - 1)) * error
