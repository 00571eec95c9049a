"""Jerk flows: the third derivative of one variable is a function of it and of its first two derivatives."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


def cubic_jerk(u: Any, p: Any) -> Any:
    """Velocity of a linear jerk equation with a cubic restoring term."""
    x, y, z = u
    return jnp.array([y, z, p["d"] * x**3 - p["a"] * x - p["b"] * y - p["c"] * z])


@declared("arneodo")
def Arneodo(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Arneodo, Coullet and Tresser's flow."""
    return cubic_jerk(u, p)


@declared("coullet")
def Coullet(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Arneodo, Coullet and Tresser's flow with two symmetric wells."""
    return cubic_jerk(u, p)


@declared("genesio_tesi")
def GenesioTesi(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Genesio and Tesi's feedback loop."""
    x, y, z = u
    return jnp.array([y, z, x**2 - p["c"] * x - p["b"] * y - p["a"] * z])


@declared("jerk_circuit")
def JerkCircuit(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Sprott's circuit with one diode."""
    x, y, z = u
    return jnp.array([y, z, -z - x - p["eps"] * jnp.expm1(y / p["y0"])])
