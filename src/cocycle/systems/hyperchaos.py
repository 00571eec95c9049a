"""Hyperchaotic flows of four variables: three of a known attractor, and a fourth that feeds back."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("hyper_bao")
def HyperBao(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Bao and Liu's flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x) + w, p["c"] * y - x * z, x * y - p["b"] * z, p["e"] * x + p["d"] * y * z])


@declared("hyper_cai")
def HyperCai(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Cai and Huang's flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x), p["b"] * x + p["c"] * y - x * z + w, y**2 - p["d"] * z, -p["e"] * x])


@declared("hyper_jha")
def HyperJha(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Jha's flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x) + w, x * (p["b"] - z) - y, x * y - p["c"] * z, p["d"] * w - x * z])


@declared("hyper_lorenz")
def HyperLorenz(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the Lorenz flow with a growing fourth variable."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x) + w, x * (p["c"] - z) - y, x * y - p["b"] * z, p["d"] * w - x * z])


@declared("hyper_lu")
def HyperLu(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the Lü flow with state feedback."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x) + w, p["c"] * y - x * z, x * y - p["b"] * z, p["d"] * w + x * z])


@declared("hyper_pang")
def HyperPang(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Pang and Liu's flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x), p["c"] * y - x * z + w, x * y - p["b"] * z, -p["d"] * (x + y)])


@declared("hyper_qi")
def HyperQi(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the hyperchaotic Qi flow."""
    x, y, z, w = u
    return jnp.array(
        [
            p["a"] * (y - x) + y * z,
            p["b"] * (x + y) - x * z,
            x * y - p["c"] * z - p["e"] * w,
            x * y - p["d"] * w + p["f"] * z,
        ]
    )


@declared("hyper_wang")
def HyperWang(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the hyperchaotic Wang flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x), x * (p["b"] - z) + w, p["e"] * x**2 - p["c"] * z, -p["d"] * x])


@declared("hyper_xu")
def HyperXu(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the hyperchaotic Xu flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x) + w, x * (p["b"] + p["e"] * z), -p["c"] * z - x * y, x * z - p["d"] * y])


@declared("hyper_yan")
def HyperYan(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the hyperchaotic Yan flow."""
    x, y, z, w = u
    turned = (p["c"] - p["a"]) * x + p["c"] * y - x * z
    return jnp.array([p["a"] * (y - x), turned, x * y + (x - y) * z - p["b"] * z - w, (y - x) * z - p["d"] * w])


@declared("hyper_yang_chen")
def HyperYangChen(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the hyperchaotic Yang-Chen flow."""
    x, y, z, w = u
    return jnp.array([p["a"] * (y - x), x * (p["c"] - z) + w, x * y - p["b"] * z, -p["d"] * x])
