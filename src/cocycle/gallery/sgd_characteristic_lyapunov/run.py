"""Diagonal linear networks f(u, v; y) = sum_j u_j v_j y_j at minima u_j v_j = 1, labelled by S_j = u_j^2 + v_j^2."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import Minibatch
from cocycle.core.estimate import Estimate
from cocycle.core.functions import Map
from cocycle.gallery.results import Curve, Field, Plot, Results
from cocycle.stability import lyapunov_spectrum
from cocycle.training import (
    SGD,
    Problem,
    Training,
    fates,
    gradient_descent_exponent,
    growth,
    minimum,
    second_moment,
    sgd_critical_rate,
)

INPUTS = np.array([[1.0, 0.0], [0.6, 0.8]])


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: steps of each product.
        n_runs: runs of SGD for each minimum and rate.
        n_run_steps: steps of each.
        n_rates: learning rates of the curve.
        n_grid: minima along each axis of the map.
        seed: of batches and starts.
    """

    n_steps: int = 200_000
    n_runs: int = 200
    n_run_steps: int = 4000
    n_rates: int = 25
    n_grid: int = 14
    seed: int = 0


SMOKE = Config(n_steps=20_000, n_runs=40, n_run_steps=2000, n_rates=5, n_grid=3)


def network(params: Any, y: Any) -> Any:
    """Output of the diagonal linear network."""
    return jnp.sum(params["u"] * params["v"] * y)


def at_minimum(sizes: tuple[float, float]) -> Problem:
    """Network at the minimum with u_j^2 + v_j^2 = sizes."""
    s = np.asarray(sizes)
    u = np.sqrt((s + np.sqrt(s**2 - 4)) / 2)
    return Problem(network, {"u": jnp.asarray(u), "v": jnp.asarray(1 / u)}, (INPUTS, INPUTS @ np.ones(2)))


def linear(w: Any, x: Any) -> Any:
    """Linear model: any kernel can be given to it."""
    return w @ x


def exponents(problem: Any, rates: Any, config: Config) -> Estimate:
    """Exponents of SGD at learning rates, one sample a step."""
    rates = np.atleast_1d(np.asarray(rates, dtype=float))
    driver = Minibatch(jr.key(config.seed), problem.n_samples, 1)
    return growth(minimum(problem), rates, np.ones(len(rates), int), driver, n_steps=config.n_steps).exponents()


def one(estimate: Estimate, k: int = 0) -> Estimate:
    """One number of several."""
    return Estimate(float(np.asarray(estimate.value)[k]), float(np.asarray(estimate.stderr)[k]))


def settled(problem: Problem, rate: float, config: Config, batch_size: int = 1) -> Estimate:
    """Share of the runs that converge; batches of all samples are gradient descent."""
    key = jr.fold_in(jr.key(config.seed), 1)
    options = {"batch_size": batch_size, "replace": batch_size == 1, "n_steps": config.n_run_steps}
    share = fates(Training(problem, SGD(rate)), key=key, n_runs=config.n_runs, **options).settled_fraction
    return Estimate(share, float(np.sqrt(max(share * (1 - share), 1 / config.n_runs) / config.n_runs)))


def main(config: Config) -> Results:
    """Exponents and fates at three minima, the reverse case, the sum rule.

    Args:
        config: sizes.
    """
    equal, unequal = at_minimum((3.0, 3.0)), at_minimum((6.0, 2.2))
    here = exponents(equal, [0.66, 0.70], config)
    there = exponents(unequal, [0.40], config)
    mean_square = second_moment(minimum(unequal), 1).rate(0.40)
    c = 0.95 * np.sqrt(3.2 * 1.05)
    root = np.linalg.cholesky([[3.2, c], [c, 1.05]])
    reverse = Problem(linear, jnp.ones(3), (np.hstack([root, np.zeros((2, 1))]), root @ np.ones(2)))
    sums = [sum_of_exponents(unequal, 0.4, size, config) for size in (1, 2)]
    driver = Minibatch(jr.key(config.seed), 2, 1)
    steps = max(config.n_steps // 20, 1000)
    thresholds = [sgd_critical_rate(minimum(p), 1, driver, n_steps=steps) for p in (equal, unequal)]
    below, above = settled(equal, 0.66, config), settled(equal, 0.70, config)
    return Results(
        {
            "stable_exponent": one(here),
            "stable_settle": below,
            "unstable_exponent": one(here, 1),
            "unstable_settle": above,
            "threshold": thresholds[0],
            "exponent_decides": one(there),
            "exponent_decides_settle": settled(unequal, 0.40, config),
            "reverse": one(exponents(reverse, [1.0], config)),
            "sum_rule": sums[0],
        },
        {
            "stable_exponent": one(here, 1),
            "stable_settle": above,
            "unstable_exponent": gradient_descent_exponent(minimum(equal), 0.70),
            "unstable_settle": settled(equal, 0.70, config, batch_size=2),
            "threshold": thresholds[1],
            "exponent_decides": mean_square,
            "exponent_decides_settle": settled(unequal, 0.46, config),
            "reverse": gradient_descent_exponent(minimum(reverse), 1.0),
            "sum_rule": sums[1],
        },
        (curve(unequal, config), manifold(config)),
    )


def batch_step(d: Any, args: Any, indices: Any) -> Any:
    """Linear step of SGD in coordinates of the normal space."""
    seen = args["rows"][indices].reshape(-1, d.shape[0])
    return d - args["rate"] / len(indices) * seen.T @ (seen @ d)


def sum_of_exponents(problem: Problem, rate: float, batch_size: int, config: Config) -> float:
    """Sum of all exponents, less the mean of log|1 - eta K_ii| over the samples that were drawn."""
    at = minimum(problem)
    system = Map(batch_step, {"rows": at.rows, "rate": rate}, x0=jnp.zeros(at.rank), driven=True)
    driver = Minibatch(jr.key(config.seed), 2, batch_size)
    n_steps = config.n_steps // 10
    found = lyapunov_spectrum(system, None, driver, n_steps=n_steps, n_transient=0, qr_every=1)
    drawn = np.asarray(jax.vmap(driver.at)(jnp.arange(n_steps)))
    logs = np.log(np.abs(1 - rate * np.sum(at.rows**2, axis=(1, 2))))
    return float(np.sum(found.exponents)) - float(np.mean(logs[drawn]))


def curve(problem: Problem, config: Config) -> Plot:
    """Exponents and shares of converging runs against the learning rate."""
    rates = np.linspace(0.30, 0.52, config.n_rates)
    found = exponents(problem, rates, dataclasses.replace(config, n_steps=config.n_steps // 10))
    at = minimum(problem)
    small = dataclasses.replace(config, n_runs=max(config.n_runs // 4, 10))
    shares = [float(settled(problem, float(rate), small).value) for rate in rates]
    return Plot(
        "Minimum (6, 2.2): sign of the exponent and fate of the runs",
        "learning rate",
        "exponent [nats / step]; share of runs",
        (
            Curve(rates, found.value, "exponent of SGD", stderr=found.stderr),
            Curve(rates, [second_moment(at, 1).rate(float(r)) for r in rates], "mean-square exponent"),
            Curve(rates, [gradient_descent_exponent(at, float(r)) for r in rates], "gradient descent", dashed=True),
            Curve(rates, shares, "share that converges", dots=True),
        ),
        caption="Runs converge where the exponent is negative, beyond where the second moment already grows.",
    )


def manifold(config: Config) -> Plot:
    """The exponent as a field over the manifold of minima, at one learning rate."""
    sizes = np.linspace(2.0, 9.0, config.n_grid)
    steps = dataclasses.replace(config, n_steps=max(config.n_steps // 40, 1000))
    z = [[float(exponents(at_minimum((a, b)), [0.4], steps).value[0]) for a in sizes] for b in sizes]
    return Plot(
        "Exponent of SGD over the minima, at rate 0.4",
        "u₁² + v₁²",
        "u₂² + v₂²",
        field=Field(sizes, sizes, np.asarray(z), "exponent", diverging=True),
        caption="Blue minima can be reached by SGD, orange ones cannot. All of them have loss zero.",
    )
