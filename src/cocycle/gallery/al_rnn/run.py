"""A tent map written as a network, and Lorenz' attractor learned with few pieces."""

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.core.errors import CocycleError
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import AlmostLinearRNN, Descent, FitRecord, FittedSystem, SparseForcing, symbolic_dynamics
from cocycle.learn.plrnn import AlmostLinear
from cocycle.learn.rules import Scaler
from cocycle.measures import state_space_divergence

DT, LENGTH, TAU = 0.03, 48, 8


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: of the tent map.
        n_rows: of Lorenz' equations; 0 leaves the training out.
        n_updates: of each training.
        n_seeds: trainings, of which the best counts.
        seed: of the first.
    """

    n_steps: int = 50_000
    n_rows: int = 30_000
    n_updates: int = 6000
    n_seeds: int = 3
    seed: int = 0


SMOKE = Config(n_steps=20_000, n_rows=0)


def main(config: Config) -> Results:
    """Both parts.

    Args:
        config: sizes.
    """
    tent, other = tent_map(0.4), tent_map(0.2)
    exponents = [cc.lyapunov_spectrum(m, n_steps=config.n_steps, n_vectors=1, progress=False) for m in (tent, other)]
    full, single = symbolic_dynamics(tent, n_steps=config.n_steps), symbolic_dynamics(halving(), n_steps=1000)
    measured: dict[str, Any] = {
        "tent_exponent": exponents[0].maximal_exponent,
        "tent_entropy": full.topological_entropy,
        "pieces": float("nan"),
        "chaos": float("nan"),
    }
    controls: dict[str, Any] = {
        "tent_exponent": exponents[1].maximal_exponent,
        "tent_entropy": single.topological_entropy,
        "pieces": float("nan"),
        "chaos": float("nan"),
    }
    if not config.n_rows:
        return Results(measured, controls)
    x = np.asarray(cc.trajectory(cc.systems.Lorenz63(dt=DT), n_steps=config.n_rows + 10_000, progress=False).x)
    rows, test = x[: config.n_rows], x[config.n_rows :]
    found = [learned(config, rows, test, 2, config.seed + k) for k in range(config.n_seeds)]
    best = min(found, key=lambda f: f[1])
    linear = learned(config, rows, test, 0, config.seed)
    measured |= {"pieces": pieces(best[0]), "chaos": exponent(best[0])}
    controls |= {"pieces": pieces(linear[0]), "chaos": exponent(linear[0])}
    notes = ("State-space divergence: " + ", ".join(f"{f[1]:.3g}" for f in found) + f"; P = 0: {linear[1]:.3g} nats.",)
    run = best[0].forecast(test[:10], 3000, progress=False).x
    curves = (Curve(test[:3000, 0], test[:3000, 2], "data", dashed=True), Curve(run[:, 0], run[:, 2], "P = 2"))
    return Results(measured, controls, (Plot("Attractor", "x", "z", curves),), notes)


def tent_map(a: float) -> FittedSystem:
    """The map x / a below a, (1 - x) / (1 - a) above: one rectified unit carries x - a.

    Args:
        a: place of the tip.
    """
    slope = -1 / (1 - a) - 1 / a
    rule = AlmostLinear(
        jnp.zeros(2), jnp.array([[1 / a, slope], [1 / a, slope]]), jnp.array([0.0, -a]), jnp.ones((1, 1)), 1
    )
    return _system(rule, jnp.array([0.3, 0.3 - a]))


def halving() -> FittedSystem:
    """The map x / 2, whose rectified unit is never on."""
    rule = AlmostLinear(jnp.zeros(2), jnp.array([[0.5, 0.0], [0.5, 0.0]]), jnp.array([0.0, -1.0]), jnp.ones((1, 1)), 1)
    return _system(rule, jnp.array([0.3, -0.7]))


def _system(rule: AlmostLinear, x0: Any) -> FittedSystem:
    scaler = Scaler(jnp.zeros(1), jnp.ones(1))
    return FittedSystem(rule, scaler, jnp.asarray(1.0), x0, FitRecord(), 1, None, "tent map", None)


def learned(config: Config, rows: np.ndarray, test: np.ndarray, n_relu: int, seed: int) -> tuple[Any, float]:
    """A model of 20 units, and its state-space divergence from unseen rows (inf where it explodes).

    Args:
        config: sizes.
        rows: data.
        test: unseen rows.
        n_relu: P.
        seed: of weights and windows.
    """
    descent = Descent(n_updates=config.n_updates, batch_size=32, length=LENGTH, rate=5e-3, last_rate=5e-5)
    learner = AlmostLinearRNN(n_latent=20, n_relu=n_relu, forcing=SparseForcing(TAU), descent=descent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = learner.fit(rows, key=jax.random.key(seed), dt=DT, progress=False)
    run = model.forecast(test[:10], len(test), progress=False).x
    good = len(run) == len(test) and np.abs(run).max() < 1e3
    return model, float(state_space_divergence(run, test).value) if good else float("inf")


def pieces(model: Any) -> float:
    """Pieces that a free run visits.

    Args:
        model: the fitted system.
    """
    try:
        return float(len(symbolic_dynamics(model, n_steps=10_000).pieces))
    except CocycleError:
        return float("nan")


def exponent(model: Any) -> Estimate | float:
    """Largest Lyapunov exponent.

    Args:
        model: the fitted system.
    """
    try:
        return cc.lyapunov_spectrum(model, n_steps=10_000, n_vectors=1, progress=False).maximal_exponent
    except CocycleError:
        return float("nan")
