"""Flows with simple nonlinear feedback, studied for their attractors."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("aizawa")
def Aizawa(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Aizawa's flow."""
    x, y, z = u
    height = z - p["b"]
    along = p["c"] + p["a"] * z - z**3 / 3 - (x**2 + y**2) * (1 + p["e"] * z) + p["f"] * z * x**3
    return jnp.array([height * x - p["d"] * y, p["d"] * x + height * y, along])
