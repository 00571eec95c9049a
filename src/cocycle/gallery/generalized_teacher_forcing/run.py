"""Train the same network with and without forcing, and follow gradients along ever longer sequences."""

import dataclasses
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.core.errors import CocycleError
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import PLRNN, Descent, GeneralisedForcing
from cocycle.learn.forcing import window_errors
from cocycle.measures import state_space_divergence

DT, ALPHA, LENGTH, N_PRODUCTS = 0.03, 0.3, 100, 200


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_rows: to learn from, and as many to compare with, at most 10,000.
        n_updates: of the forced training.
        n_plain: of the one without forcing; 0 leaves it out, and all that is judged of trained networks.
        longest: steps of the longest sequence.
        seed: of weights and windows.
    """

    n_rows: int = 30_000
    n_updates: int = 6000
    n_plain: int = 1500
    longest: int = 1000
    seed: int = 0


SMOKE = Config(n_rows=3000, n_updates=100, n_plain=0, longest=200)


def main(config: Config) -> Results:
    """Train twice, then measure.

    Args:
        config: sizes.
    """
    n_test = min(config.n_rows, 10_000)
    x = np.asarray(cc.trajectory(cc.systems.Lorenz63(dt=DT), n_steps=config.n_rows + n_test, progress=False).x)
    rows, test = x[: config.n_rows], x[config.n_rows :]
    forced = train(config, rows, ALPHA, config.n_updates)
    windows = jnp.asarray(forced.scaler.to_rule(test[: 8 * (config.longest + 1)])).reshape(8, config.longest + 1, 3)
    lengths = np.unique(np.geomspace(25, config.longest, 6).astype(int))
    norms = {a: np.array([gradient_norm(forced.rule, windows, a, int(n)) for n in lengths]) for a in (ALPHA, 0.0)}
    bound, loose = products(forced.rule, windows[0, :N_PRODUCTS])
    measured: dict[str, Any] = {"product_bound": bound, "gradient_1000": float(norms[ALPHA][-1])}
    controls: dict[str, Any] = {"product_bound": loose, "gradient_1000": float(norms[0.0][-1])}
    if not config.n_plain:
        rest = dict.fromkeys(("training_gradient", "state_space", "exponent"), float("nan"))
        return Results(measured | rest, controls | rest)
    plain = train(config, rows, 0.0, config.n_plain)
    for kept, model in ((measured, forced), (controls, plain)):
        kept["training_gradient"] = float(model.record.numbers["largest_gradient_norm"])
        kept["state_space"] = divergence(model, test)
        kept["exponent"] = exponent(model)
    lines = tuple(Curve(lengths, np.minimum(values, 1e30), f"forcing {alpha:g}") for alpha, values in norms.items())
    labels = "steps of the sequence", "norm of the gradient"
    return Results(measured, controls, (Plot("Gradients", *labels, lines, log_x=True, log_y=True),))


def train(config: Config, rows: np.ndarray, alpha: float, n_updates: int) -> Any:
    """A clipped shallow network of 50 hidden units.

    Args:
        config: its seed.
        rows: data.
        alpha: strength of the forcing.
        n_updates: updates.
    """
    # Norms are recorded before they are clipped.
    descent = Descent(n_updates=n_updates, batch_size=16, length=LENGTH, rate=5e-3, last_rate=5e-5)
    learner = PLRNN(n_hidden=50, forcing=GeneralisedForcing(alpha), descent=descent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return learner.fit(rows, key=jax.random.key(config.seed), dt=DT, progress=False)


@eqx.filter_jit
def _gradient(rule: Any, windows: Any, weights: Any, n: Any) -> Any:
    """Norm of the gradient of the error of the first n steps; one compilation for all n."""
    counted = jnp.arange(weights.shape[0]) < n

    def loss(r: Any) -> Any:
        errors = jax.vmap(lambda w: window_errors(r, w, w[:-1], weights))(windows)
        return jnp.sum(jnp.mean(errors**2, axis=(0, 2)) * counted) / n

    gradient = eqx.filter_grad(loss)(rule)
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))


def gradient_norm(rule: Any, windows: Any, alpha: float, n: int) -> float:
    """Norm of the gradient of the mean square error along n steps.

    Args:
        rule: the network.
        windows: (8, at least n + 1, 3).
        alpha: strength of the forcing.
        n: steps.
    """
    value = float(_gradient(rule, windows, jnp.full(windows.shape[1] - 1, alpha), jnp.asarray(n)))
    return value if np.isfinite(value) else 1e300


def products(rule: Any, rows: Any) -> tuple[float, float]:
    """Norm of the product of Jacobians along rows, with forcing and without, relative to the bound with forcing.

    Args:
        rule: the network.
        rows: (T, 3).
    """
    jacobians = np.asarray(jax.vmap(jax.jacfwd(lambda z: rule.advance(z, rule.show(z))))(rows))
    log_s = np.mean([np.log(np.linalg.norm(j, 2)) for j in jacobians])
    log_bound, product, log_size = len(rows) * (np.log(1 - ALPHA) + log_s), np.eye(3), 0.0
    for j in jacobians:
        product = j @ product
        size = np.linalg.norm(product, 2)
        product, log_size = product / size, log_size + np.log(size)
    plain = np.exp(np.minimum(log_size - log_bound, 600))
    return float(np.exp(log_size + len(rows) * np.log(1 - ALPHA) - log_bound)), float(plain)


def divergence(model: Any, test: np.ndarray) -> float:
    """State-space divergence of a free run from unseen rows.

    Args:
        model: the fitted system.
        test: (time, 3).
    """
    run = model.forecast(test[:10], len(test), progress=False).x
    return float(state_space_divergence(run, test).value) if len(run) == len(test) else 1e300


def exponent(model: Any) -> Estimate | float:
    """Largest Lyapunov exponent.

    Args:
        model: the fitted system.
    """
    try:
        return cc.lyapunov_spectrum(model, n_steps=10_000, n_vectors=1, progress=False).maximal_exponent
    except CocycleError:
        return float("-inf")
