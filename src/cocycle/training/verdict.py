"""Is this minimum stable for SGD at this learning rate and batch size? The answer, and what it rests on."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import Minibatch
from cocycle.core.errors import NonFiniteStateError, ParameterError
from cocycle.core.estimate import Estimate, format_value, mean_estimate
from cocycle.core.presentation import Presentable
from cocycle.core.run import Status
from cocycle.training.critical import CriticalRates, critical_rates, gradient_descent_exponent
from cocycle.training.descent import check_batch_size
from cocycle.training.growth import growth
from cocycle.training.minimum import Minimum, NotAMinimumError, minimum
from cocycle.training.problem import AbstractProblem
from cocycle.training.second_moment import second_moment

# An exponent this many standard errors from zero has a sign.
Z = 3.0
N_DRIFT_BLOCKS = 4


@dataclasses.dataclass(frozen=True)
class Stability(Presentable):
    """Verdict on a minimum.

    Attributes:
        stable: True, False, or None where the exponent is zero within its error.
        exponent: characteristic exponent of SGD [nats / step].
        learning_rate: eta.
        batch_size: B.
        gradient_descent_exponent: that of gradient descent [nats / step].
        gradient_descent_stable: whether it is negative.
        mean_square_exponent: growth of the root mean square [nats / step]; None where too large to compute.
        critical: largest stable rates by each notion; None if not asked for.
        sharpness: largest eigenvalue of H.
        trace: trace of H.
        rests_on: reasons for the verdict, one sentence each.
        limits: what limits it, one sentence each.
        local: log growth of each step, transient left out.
        eigenvalues: of H, ascending, on the normal space.
        sample_sharpness: largest eigenvalue of the Hessian of each sample.
        loss: mean loss.
        gradient_norm: |grad L|.
        distance: of the minimum, by a Gauss-Newton step.
        n_samples: N.
        n_params: P.
        replace: whether batches are drawn with replacement.
        status: how the computation ended.
    """

    stable: bool | None
    exponent: Estimate
    learning_rate: float
    batch_size: int
    gradient_descent_exponent: float
    gradient_descent_stable: bool
    mean_square_exponent: float | None
    critical: CriticalRates | None
    sharpness: float
    trace: float
    rests_on: tuple[str, ...]
    limits: tuple[str, ...]
    local: np.ndarray
    eigenvalues: np.ndarray
    sample_sharpness: np.ndarray
    loss: float
    gradient_norm: float
    distance: float
    n_samples: int
    n_params: int
    replace: bool
    status: Status = Status.OK

    def __str__(self) -> str:
        """One line: verdict, exponent, gradient descent, critical rate."""
        word = {True: "stable", False: "unstable", None: "undecided"}[self.stable]
        value, limit = float(self.exponent.value), 2.0 / self.learning_rate
        sign = "+" if value > 0 else ""
        descent = "stable" if self.gradient_descent_stable else "unstable"
        text = (
            f"SGD {word}: exponent {sign}{self.exponent} per step; gradient descent {descent} "
            f"(sharpness {self.sharpness:.4g} {'<' if self.sharpness < limit else '>'} {limit:.4g})"
        )
        if self.critical is not None:
            text += f"; critical rate {self.critical.sgd}"
        return "\n".join([text, *(f"  limit: {line}" for line in self.limits)])


def check_minimum(at: Minimum, tol: float) -> None:
    """Refuse parameters whose curvature changes by more than `tol` on the way to the nearest minimum.

    Raises:
        NonFiniteStateError: if the loss is not finite.
        NotAMinimumError: with the gradient norm and what to do.
    """
    if not np.isfinite(at.loss):
        raise NonFiniteStateError(
            f"the loss is {at.loss} at these parameters: training has diverged. Take an earlier checkpoint.",
            step=0,
            last_state=None,
        )
    if at.sharpness_change > tol:
        raise NotAMinimumError(
            f"these parameters are not at a minimum: the gradient norm is {at.gradient_norm:.3g}, a Gauss-Newton step "
            f"to the minimum is {at.distance:.3g} long (the parameters: {at.parameter_norm:.3g}), and the sharpness "
            f"changes by {100 * at.sharpness_change:.3g} % on it, more than tol = {100 * tol:.3g} %. Train further; or "
            "walk there with cocycle.training.interpolate(problem); or, away from minima, look along the run with "
            "cocycle.training.edge_of_stability. Cross-entropy of separable classes has no minimum at finite distance."
        )


def residual_curvature(problem: AbstractProblem, params: Any, at: Minimum, n_power: int = 12) -> float:
    """Size of Hessian less Gauss-Newton matrix over the sharpness, by power iteration (a lower bound).

    Args:
        problem: the problem.
        params: parameters.
        at: the curvature there.
        n_power: products.

    Returns:
        The ratio; 0 at an interpolating minimum.
    """
    if np.sqrt(np.mean(at.residual**2)) < 1e-12:
        return 0.0
    data = problem.batch()
    v = jnp.asarray(np.random.default_rng(0).normal(size=problem.n_params))
    size = 0.0
    for _ in range(n_power):
        v = v / jnp.linalg.norm(v)
        v = problem.hvp(params, data, v) - problem.ggn_vp(params, data, v)
        size = float(jnp.linalg.norm(v))
        if size == 0.0:
            break
    return size / at.sharpness


def stability(
    problem: AbstractProblem,
    *,
    learning_rate: Any,
    batch_size: Any,
    params: Any = None,
    driver: Minibatch | None = None,
    replace: bool = True,
    n_steps: int = 10_000,
    critical: bool = True,
    tol: float = 0.05,
    progress: bool | None = None,
) -> Stability:
    r"""Say whether SGD can settle at a minimum.

    At an interpolating minimum SGD is, to first order, a product of random matrices on the normal space; the sign of
    its characteristic exponent decides. Negative: SGD that starts near converges there with positive probability.
    Positive: it does not converge there.

    $$\lambda = \lim_n \tfrac1n \log \Bigl\| \prod_{k \le n} \Bigl(I - \tfrac{\eta}{B}
    \sum_{i \in b_k} H_i\Bigr) \Bigr\|$$

    Args:
        problem: model, parameters at a minimum, data and loss.
        learning_rate: eta.
        batch_size: B.
        params: parameters at the minimum; default those of the problem.
        driver: batches of the run; default `Minibatch(0, N, B, replace)`.
        replace: draw batches independently (True), or walk through a new order each epoch.
        n_steps: steps of the product.
        critical: also find the critical learning rates.
        tol: accepted relative change of the sharpness on the way to the nearest minimum; learning rates are
            uncertain by about as much.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Stability, which prints as one line.

    Raises:
        ParameterError: if the rate or the batch size is out of range.
        NotAMinimumError: if the parameters are not at a minimum.

    Accuracy: to sampling, which `exponent.stderr` tells. A stable product forgets its fast directions; its
        exponent is then still rising towards that of the slowest ones, and only its sign holds. `limits` says so.
    Laws: exponent <= mean_square_exponent; both equal gradient descent's for B = N without replacement.
    Cost: a tangent kernel of N C rows and its eigenvalues; then B C R operations a step, whatever P.

    Example:
        >>> from cocycle.training import Problem
        >>> line = Problem(lambda w, x: w @ x, jnp.ones(3), (jnp.eye(3)[:2] * 2, jnp.full(2, 2.0)))
        >>> print(stability(line, learning_rate=0.6, batch_size=2, n_steps=1000, critical=False, replace=False))
        SGD stable: exponent -1.609437912 per step; gradient descent stable (sharpness 2 < 3.333)

    Source: [chemnitz2025]; mean square [wu2023].
    """
    rate, size = _rate(learning_rate), check_batch_size(problem, batch_size)
    if driver is None:
        driver = Minibatch(0, problem.n_samples, size, replace)
    elif driver.batch_size != size or driver.n_samples != problem.n_samples:
        raise ParameterError(
            f"the driver draws {driver.batch_size} of {driver.n_samples} samples, not {size} of {problem.n_samples}."
        )
    params = problem.params if params is None else params
    at = minimum(problem, params, progress=progress)
    check_minimum(at, tol)
    grown = growth(at, np.array([rate]), np.array([size]), driver, n_steps=n_steps, progress=progress)
    exponent = _only(grown.exponents())
    moment = second_moment(at, size, replace=driver.replace)
    mean_square = moment.rate(rate) if moment.exact else None
    rates = None
    if critical and grown.status is Status.OK:
        rates = critical_rates(
            at, size, driver, replace=driver.replace, n_steps=max(n_steps // 4, 64), progress=progress
        )
    stable, rests_on = _decide(at, rate, exponent, mean_square, driver.replace)
    mu = gradient_descent_exponent(at, rate)
    return Stability(
        stable=stable,
        exponent=exponent,
        learning_rate=rate,
        batch_size=size,
        gradient_descent_exponent=mu,
        gradient_descent_stable=mu < 0,
        mean_square_exponent=mean_square,
        critical=rates,
        sharpness=at.sharpness,
        trace=at.trace,
        rests_on=rests_on,
        limits=_limits(problem, params, at, rate, grown.local[:, 0], driver),
        local=grown.local[:, 0],
        eigenvalues=at.eigenvalues / at.n_samples,
        sample_sharpness=at.sample_sharpness,
        loss=at.loss,
        gradient_norm=at.gradient_norm,
        distance=at.distance,
        n_samples=at.n_samples,
        n_params=at.n_params,
        replace=driver.replace,
        status=grown.status,
    )


def _rate(value: Any) -> float:
    if isinstance(value, bool) or np.ndim(value) or not 0 < float(value) < np.inf:
        raise ParameterError(f"learning_rate must be one positive finite number, got {value!r}.")
    return float(value)


def _only(estimate: Estimate) -> Estimate:
    return Estimate(
        float(np.asarray(estimate.value)[0]),
        float(np.asarray(estimate.stderr)[0]),
        float(np.asarray(estimate.n_eff)[0]),
        estimate.method,
    )


def _decide(
    at: Minimum, rate: float, exponent: Estimate, mean_square: float | None, replace: bool
) -> tuple[bool | None, tuple[str, ...]]:
    """Sign of the exponent: by proof where there is one, else by the estimate."""
    reasons = []
    worst = rate * float(np.max(at.sample_sharpness))
    if worst < 2:
        reasons.append(
            f"No batch stretches any vector: rate times the largest sharpness of a sample is {worst:.4g} < 2."
        )
    if mean_square is not None and mean_square < 0 and replace:
        reasons.append(f"Mean-square stable: the root mean square changes by {mean_square:+.4g} nats a step.")
    value, stderr = float(exponent.value), float(exponent.stderr)
    clear = abs(value) > Z * stderr
    if clear or value == -np.inf:
        side = "above" if value > 0 else "below"
        ratio = "exactly" if not stderr else f"{abs(value) / stderr:.3g} standard errors"
        reasons.append(f"The exponent of {len(at.eigenvalues)} normal directions is {ratio} {side} zero.")
    if worst < 2 or (mean_square is not None and mean_square < 0 and replace):
        return True, tuple(reasons)
    if clear or value == -np.inf:
        return value < 0, tuple(reasons)
    return None, (
        f"The exponent {format_value(value, stderr)} is within {Z:g} standard errors of zero: take more steps.",
    )


def _limits(
    problem: AbstractProblem, params: Any, at: Minimum, rate: float, local: np.ndarray, driver: Minibatch
) -> tuple[str, ...]:
    """Conditions of the theorem that do not hold, or hold only nearly."""
    limits = []
    if at.sharpness_change > 1e-6:
        limits.append(
            f"The minimum is {at.distance:.2g} away (gradient norm {at.gradient_norm:.2g}); the sharpness changes by "
            f"{100 * at.sharpness_change:.2g} % on the way, and rates are uncertain by about as much."
        )
    scale = float(np.sqrt(np.mean(at.residual**2)))
    if at.unreachable > 1e-6 * max(1.0, scale):
        extra = residual_curvature(problem, params, at)
        limits.append(
            f"Not interpolating: residuals of {at.unreachable:.2g} remain, so SGD never rests (per-sample gradients "
            f"{at.sample_gradient_norm:.2g}) and a negative exponent says only that it stays near. The exponent is of "
            f"the Gauss-Newton part; the rest of the Hessian is at least {100 * extra:.2g} % of the sharpness."
        )
    if at.rank < at.residual.size and at.unreachable <= 1e-6 * max(1.0, scale):
        limits.append(
            f"The gradients of the {at.residual.size} outputs span {at.rank} dimensions: they depend on each other, "
            "and the minima near here need not be a smooth manifold."
        )
    if at.n_params == at.rank:
        limits.append("No direction is neutral: the minimum is isolated, all directions are normal.")
    if np.any(np.abs(rate * at.sample_sharpness - 1.0) < 1e-9):
        limits.append("A sample kills a direction in one step (rate times its sharpness is 1): an exponent is -inf.")
    if not driver.replace and at.n_samples >= 2 * driver.batch_size:
        limits.append("Mean-square numbers take batches as independent of each other; in epochs they are not.")
    if _still_turning(local):
        limits.append("The growth rate still changes with time: slow directions take over, and only the sign holds.")
    return tuple(limits)


def _still_turning(local: np.ndarray) -> bool:
    """Whether growth in the last quarter differs from that in the first by more than its scatter."""
    if not np.all(np.isfinite(local)) or len(local) < 64 * N_DRIFT_BLOCKS:
        return False
    quarter = len(local) // N_DRIFT_BLOCKS
    first, last = mean_estimate(local[:quarter]), mean_estimate(local[-quarter:])
    gap = abs(float(last.value) - float(first.value))
    return gap > 4.0 * float(np.hypot(first.stderr, last.stderr)) + 1e-12
