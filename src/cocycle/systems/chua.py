"""Chua's circuit."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("chua")
def Chua(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Chua's circuit with its piecewise linear diode."""
    x, y, z = u
    diode = p["m1"] * x + (p["m0"] - p["m1"]) * jnp.clip(x, -1.0, 1.0)
    return jnp.array([p["alpha"] * (y - x - diode), x - y + z, -p["beta"] * y])
