"""Motion on tori."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("sprott_torus")
def SprottTorus(t: Any, u: Any, p: Any) -> Any:
    """A flow that holds nested tori and a strange attractor at once."""
    x, y, z = u
    return jnp.array([y + x * (2.0 * y + z), 1.0 - 2.0 * x * x + y * z, x - x * x - y * y])


@declared("torus")
def Torus(t: Any, u: Any, p: Any) -> Any:
    """Prescribed motion around a torus, at an irrational or a large ratio of frequencies."""
    a, turn = p["a"], p["n"] * t
    radius, inward = p["r"] + a * jnp.cos(turn), -a * p["n"] * jnp.sin(turn)
    cosine, sine = jnp.cos(t), jnp.sin(t)
    return jnp.array([inward * cosine - radius * sine, inward * sine + radius * cosine, a * p["n"] * jnp.cos(turn)])
