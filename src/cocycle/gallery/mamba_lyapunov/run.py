"""Exponents of a selective state space under random inputs, against their closed form, and a tanh network."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results

N_CHANNELS, N_STATES, N_UNITS, N_PAIR = 8, 16, 100, 300


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_inputs: inputs of the state space.
        n_steps: of the tanh network; 0 leaves it out.
        seed: of weights and inputs.
    """

    n_inputs: int = 20_000
    n_steps: int = 20_000
    seed: int = 0


SMOKE = Config(n_inputs=2000, n_steps=0)


def selective(h: Any, p: Any, u: Any) -> Any:
    """One step of all channels: steps and inputs depend on u.

    Args:
        h: (channels, states).
        p: weights.
        u: (channels,) input.
    """
    step = steps(p, u)[:, None]
    return jnp.exp(step * p["A"]) * h + step * (p["B"] @ u)[None] * u[:, None]


def steps(p: Any, u: Any) -> Any:
    """Softplus of a linear function of the input (channels,)."""
    return jax.nn.softplus(p["W"] @ u + p["b"])


def network(x: Any, p: Any) -> Any:
    """A tanh network.

    Args:
        x: (units,).
        p: weights.
    """
    return jnp.tanh(p["W"] @ x)


def weights(key: Any) -> dict[str, Any]:
    """Random selective weights; steps between 1e-3 and 1e-1.

    Args:
        key: random key.
    """
    k1, k2, k3 = jax.random.split(key, 3)
    low, high = np.log(1e-3), np.log(1e-1)
    step = jnp.exp(jax.random.uniform(k3, (N_CHANNELS,), minval=low, maxval=high))
    return {
        "A": -jnp.broadcast_to(jnp.arange(1.0, N_STATES + 1)[None], (N_CHANNELS, N_STATES)),
        "W": 0.3 * jax.random.normal(k1, (N_CHANNELS, N_CHANNELS)),
        "B": jax.random.normal(k2, (N_STATES, N_CHANNELS)),
        "b": jnp.log(jnp.expm1(step)),
    }


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    k_weights, k_inputs, k_units = jax.random.split(jax.random.key(config.seed), 3)
    p = weights(k_weights)
    inputs = jax.random.normal(k_inputs, (config.n_inputs, N_CHANNELS))
    exact = np.asarray(p["A"]) * np.asarray(jnp.mean(jax.vmap(lambda u: steps(p, u))(inputs), axis=0))[:, None]
    pairs, early = paired(p, inputs[:N_PAIR])
    found = largest(p, inputs)
    # That state grows without bound: a few thousand steps are enough.
    turned = largest({**p, "A": p["A"].at[0].multiply(-1.0)}, inputs[:2000])
    none = Estimate(float("nan"), float("inf"))
    gains = {g: tanh_exponent(config, k_units, g) if config.n_steps else none for g in (0.8, 3.0)}
    measured = {
        "exponents": float(np.max(np.abs(pairs - early))),
        "largest": found,
        "spectrum_error": abs(float(found.value) - exact.max()),
        "tanh": gains[3.0],
    }
    controls = {
        "exponents": float(np.max(np.abs(pairs + early))),
        "largest": turned,
        "spectrum_error": abs(float(gains[3.0].value) - exact.max()),
        "tanh": gains[0.8],
    }
    line = Curve(early.ravel(), pairs.ravel(), "all states", dots=True)
    plot = Plot("Exponents of the state given the input", "A times the mean step", "two runs [1 / step]", (line,))
    return Results(measured, controls, (plot,))


def paired(p: Any, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Growth rates of the differences of two runs, and A times the mean step over the same inputs.

    Args:
        p: weights.
        inputs: (time, channels).
    """

    def one(pair: Any, u: Any) -> Any:
        return jax.vmap(lambda h: selective(h, p, u))(pair), None

    # Differences of fast states die out below round-off: each is scaled up by what it will lose.
    exact = np.asarray(p["A"] * jnp.mean(jax.vmap(lambda u: steps(p, u))(inputs), axis=0)[:, None])
    slow = -exact * len(inputs) < 20
    start = jnp.stack([jnp.zeros((N_CHANNELS, N_STATES)), jnp.full((N_CHANNELS, N_STATES), 1e3)])
    end = np.asarray(jax.jit(lambda s: jax.lax.scan(one, s, inputs)[0])(start))
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.log(np.abs(end[1] - end[0]) / 1e3) / len(inputs)
    return np.where(slow, rates, exact), exact


def largest(p: Any, inputs: Any) -> Estimate:
    """Largest exponent of the state under its inputs.

    Args:
        p: weights.
        inputs: (time, channels).
    """
    system = cc.Map(selective, p, driven=True, x0=jnp.zeros((N_CHANNELS, N_STATES)))
    found = cc.lyapunov_spectrum(
        system, driver=cc.Recorded(inputs), n_steps=len(inputs), n_vectors=1, n_transient=0, progress=False
    )
    return found.maximal_exponent


def tanh_exponent(config: Config, key: Any, gain: float) -> Estimate:
    """Largest exponent of a random tanh network.

    Args:
        config: sizes.
        key: of weights and start.
        gain: standard deviation of the weights times the root of the number of units.
    """
    k1, k2 = jax.random.split(key)
    W = gain / np.sqrt(N_UNITS) * jax.random.normal(k1, (N_UNITS, N_UNITS))
    system = cc.Map(network, {"W": W}, x0=jax.random.normal(k2, (N_UNITS,)))
    return cc.lyapunov_spectrum(system, n_steps=config.n_steps, n_vectors=1, progress=False).maximal_exponent
