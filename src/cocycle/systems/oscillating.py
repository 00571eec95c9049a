"""Stirring by flows that oscillate."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("oscillating_flow")
def OscillatingFlow(t: Any, u: Any, p: Any) -> Any:
    """A tracer among convection rolls that sway sideways."""
    x, y, z = u
    k = p["k"]
    swayed = k * (x + p["b"] * jnp.sin(z))
    return jnp.array(
        [p["u"] * jnp.cos(k * y) * jnp.sin(swayed), -p["u"] * jnp.sin(k * y) * jnp.cos(swayed), p["omega"]]
    )
