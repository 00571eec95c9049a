"""Circuits: a rectifying oscillator, coupled cells, a transistor, and light with delayed feedback."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("anishchenko_astakhov")
def AnishchenkoAstakhov(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the oscillator with inertial nonlinearity."""
    x, y, z = u
    rectified = jnp.where(x > 0, x**2, 0.0)
    return jnp.array([(p["mu"] - z) * x + y, -x, p["eta"] * (rectified - z)])


@declared("cellular_neural_network")
def CellularNeuralNetwork(t: Any, u: Any, p: Any) -> Any:
    """Velocity of three coupled cells with saturated outputs."""
    x, y, z = jnp.clip(u, -1.0, 1.0)
    inputs = [
        p["d"] * x - p["b"] * (y + z),
        p["c"] * y - p["b"] * x - p["a"] * z,
        z - p["b"] * x + p["a"] * y,
    ]
    return jnp.array(inputs) - u


@declared("colpitts")
def Colpitts(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the Colpitts oscillator with a piecewise linear transistor."""
    x, y, z = u
    conducting = jnp.maximum(p["e"] - 1 - z, 0.0)
    return jnp.array([y - p["a"] * conducting, p["c"] - x - p["b"] * y - z, y - p["d"] * z])


@declared("ikeda_delay")
def IkedaDelay(t: Any, x: Any, past: Any, p: Any) -> Any:
    """Rate of the phase of light in a ring with delayed feedback."""
    return p["mu"] * jnp.sin(past - p["offset"]) - p["c"] * x
