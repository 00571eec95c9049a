"""Stability of SGD in mean square: gradients of given lengths, and a diagonal linear network."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import Minibatch, Still
from cocycle.core.run import run
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.training import SGD, Problem, Training, minimum, second_moment

N, P = 20, 50
N_DATA, N_FEATURES, N_RELEVANT = 40, 100, 5
N_SEEDS = 5
CONVERGED = 1e-6


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: steps of linear runs.
        n_sgd: steps of SGD on the network.
        n_gd: steps of gradient descent on it.
        seed: of gradients, data and batches.
    """

    n_steps: int = 4000
    n_sgd: int = 100_000
    n_gd: int = 20_000
    seed: int = 0


SMOKE = Config(n_steps=400, n_sgd=2000, n_gd=500)


def linear(w: Any, x: Any) -> Any:
    """Linear model: the inputs are the gradients."""
    return w @ x


def diagonal(params: Any, x: Any) -> Any:
    """Linear model with weights u^2 - v^2."""
    return jnp.vdot(params["u"] ** 2 - params["v"] ** 2, x)


def main(config: Config) -> Results:
    """Linear runs, limits of the second moment, and networks.

    Args:
        config: sizes.
    """
    key = jr.key(config.seed)
    g = np.asarray(jr.normal(jr.fold_in(key, 0), (N, P)))
    g = 2 * g / np.linalg.norm(g, axis=1, keepdims=True)
    problem = Problem(linear, jnp.zeros(P), (g, np.zeros(N)))
    start = jnp.asarray(g.T @ np.asarray(jr.normal(jr.fold_in(key, 1), (N,))))
    driver = Minibatch(jr.fold_in(key, 2), N, 1)

    def growth(rate: float, driver: Any) -> float:
        end = run(Training(problem, SGD(rate)), start, driver, n_steps=config.n_steps)
        return float(jnp.linalg.norm(end.params) / jnp.linalg.norm(start))

    at = minimum(problem)
    critical = 2 / at.trace
    ratios = {f: growth(f * critical, driver) for f in (0.95, 1.0, 1.05)}
    uneven = minimum(Problem(linear, jnp.zeros(30), (jr.normal(jr.fold_in(key, 3), (12, 30)), np.zeros(12))))
    limits = [second_moment(m, b).critical_rate() * m.trace / 2 for m in (at, uneven) for b in (1, 2)]
    nets, control, pictures = networks(config)
    measured = {
        "limit": ratios[1.0],
        "below": ratios[0.95],
        "above": ratios[1.05],
        "trace_limit": limits[0],
        "trace_bound": limits[2],
    }
    controls = {
        "limit": ratios[1.05],
        "below": ratios[1.05],
        "above": growth(1.05 * critical, Still()),
        "trace_limit": limits[1],
        "trace_bound": limits[3],
    }
    return Results({**measured, **nets}, {**controls, **control}, pictures)


def data(key: Any) -> tuple[Any, Any]:
    """Inputs of unit variance, and targets of five relevant features."""
    x = jr.normal(key, (N_DATA, N_FEATURES))
    return x, jnp.sum(x[:, :N_RELEVANT], axis=1)


def train(size: float, rate: float, n_steps: int, stochastic: bool, config: Config) -> dict[str, np.ndarray]:
    """Networks of five data sets where training ends: rate tr H, rate sharpness, loss, test error."""
    keys = jr.split(jr.fold_in(jr.key(config.seed), 10), N_SEEDS)
    x, z = jax.vmap(data)(keys)
    first = {"u": jnp.full(N_FEATURES, size), "v": jnp.full(N_FEATURES, size)}
    shell = Problem(diagonal, first, (x[0], z[0]))
    rate_leaf = jnp.asarray(rate)

    @jax.jit
    def ends(x: Any, z: Any, keys: Any, rate: Any) -> Any:
        def one(x: Any, z: Any, key: Any) -> Any:
            training = Training(eqx.tree_at(lambda p: p.data, shell, (x, z)), SGD(rate))
            driver = Minibatch(jr.fold_in(key, 1), N_DATA, 1) if stochastic else Still()
            return run(training, first, driver, n_steps=n_steps).params

        return jax.vmap(one)(x, z, keys)

    params = ends(x, z, keys, rate_leaf)
    u, v = np.asarray(params["u"]), np.asarray(params["v"])
    x, z = np.asarray(x), np.asarray(z)
    weights = u**2 - v**2
    residual = np.einsum("snf,sf->sn", x, weights) - z
    slopes = np.concatenate([2 * x * u[:, None], -2 * x * v[:, None]], axis=2)
    finite = np.where(np.isfinite(slopes), slopes, 0.0)
    top = np.array([np.linalg.eigvalsh(s @ s.T / N_DATA)[-1] for s in finite])
    truth = np.arange(N_FEATURES) < N_RELEVANT
    return {
        "trace": rate * np.sum(slopes**2, axis=(1, 2)) / N_DATA,
        "sharpness": rate * top,
        "loss": 0.5 * np.mean(residual**2, axis=1),
        "error": np.sum((weights - truth) ** 2, axis=1),
    }


def networks(config: Config) -> tuple[dict, dict, tuple[Plot, ...]]:
    """Networks by SGD and gradient descent, from a small and from a large start."""
    sgd = {rate: train(0.3, rate, config.n_sgd, True, config) for rate in (0.01, 0.03)}
    gd = {rate: train(0.3, rate, config.n_gd, False, config) for rate in (0.01, 0.03)}
    wide = train(1.0, 0.032, config.n_gd, False, config)
    wide_sgd = train(1.0, 0.003, config.n_sgd, True, config)
    for run_ in (sgd[0.03], gd[0.03], wide, wide_sgd):
        run_["trace"] = np.where(run_["loss"] < CONVERGED, run_["trace"], np.nan)
    measured = {
        "sgd_trace": float(np.max(sgd[0.03]["trace"])),
        "gd_trace": float(np.min(wide["trace"])),
        "gd_sharpness": float(np.max(wide["sharpness"])),
        "test_error": float(sgd[0.03]["error"].mean() / sgd[0.01]["error"].mean()),
    }
    controls = {
        "sgd_trace": float(np.min(gd[0.03]["trace"])),
        "gd_trace": float(np.max(wide_sgd["trace"])),
        "gd_sharpness": float(np.min(wide["trace"])),
        "test_error": float(gd[0.03]["error"].mean() / gd[0.01]["error"].mean()),
    }
    rates = np.array([0.01, 0.03])
    picture = Plot(
        "Where training ends, five data sets",
        "learning rate",
        "rate times trace of the Hessian; test error",
        (
            *(Curve(rates, [sgd[r]["trace"][k] for r in rates], "SGD: trace" if not k else "", True) for k in range(5)),
            Curve(rates, [gd[r]["trace"].mean() for r in rates], "gradient descent: trace"),
            Curve(rates, [sgd[r]["error"].mean() for r in rates], "SGD: test error"),
            Curve(rates, [gd[r]["error"].mean() for r in rates], "gradient descent: test error"),
            Curve(rates, [2.0, 2.0], "limit of the trace", dashed=True),
        ),
        caption="A larger step makes SGD end flatter and nearer to the truth; gradient descent does not care.",
    )
    return measured, controls, (picture,)
