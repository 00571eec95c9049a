"""Species that eat, infect and compete."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("macarthur")
def MacArthur(t: Any, u: Any, p: Any) -> Any:
    """Plankton species that compete for nutrients; the scarcest one limits each."""
    n, r = u[:5], u[5:]
    available = r[None, :]
    growth = jnp.min(p["r"] * available / (p["k"].T + available), axis=1)
    return jnp.concatenate([n * (growth - p["m"]), p["d"] * (p["s"] - r) - p["c"] @ (growth * n)])


@declared("salton_sea")
def SaltonSea(t: Any, u: Any, p: Any) -> Any:
    """Healthy fish, infected fish, and the birds that eat the infected ones."""
    x, y, z = u
    infection = p["lam"] * x * y
    meal = y * z / (y + p["a"])
    return jnp.array(
        [
            p["r"] * x * (1.0 - (x + y) / p["k"]) - infection,
            infection - p["m"] * meal - p["mu"] * y,
            p["th"] * meal - p["d"] * z,
        ]
    )


@declared("turchin_hanski")
def TurchinHanski(t: Any, u: Any, p: Any) -> Any:
    """Voles and weasels through the seasons."""
    n, q, z = u
    season = 1.0 - p["e"] * jnp.sin(z)
    generalists = p["g"] * n * n / (n * n + p["h"] ** 2)
    weasels = p["a"] * n * q / (n + p["d"])
    return jnp.array(
        [
            p["r"] * n * (season - n) - generalists - weasels,
            p["s"] * q * (season - q / n),
            2.0 * jnp.pi * p["lamb"],
        ]
    )
