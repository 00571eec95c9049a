"""Quadratic flows of three variables in the family of Lorenz's: two or more scrolls around mirrored rest points."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("lorenz_bounded")
def LorenzBounded(t: Any, u: Any, p: Any) -> Any:
    """Lorenz's flow slowed down towards a sphere on which it rests."""
    x, y, z = u
    speed = 1.0 - jnp.sum(u * u) / p["r"] ** 2
    return speed * jnp.array([p["sigma"] * (y - x), x * (p["rho"] - z) - y, x * y - p["beta"] * z])


@declared("lorenz_coupled")
def LorenzCoupled(t: Any, u: Any, p: Any) -> Any:
    """A chaotic Lorenz flow that drives a second one below the onset of convection."""
    x1, y1, z1, x2, y2, z2 = u
    sigma, beta = p["sigma"], p["beta"]
    return jnp.array(
        [
            sigma * (y1 - x1),
            x1 * (p["rho1"] - z1) - y1,
            x1 * y1 - beta * z1,
            sigma * (y2 - x2) + p["eps"] * (x1 - x2),
            x2 * (p["rho2"] - z2) - y2,
            x2 * y2 - beta * z2,
        ]
    )


@declared("lorenz_stenflo")
def LorenzStenflo(t: Any, u: Any, p: Any) -> Any:
    """Lorenz's flow with the rotation of the planet as a fourth variable."""
    x, y, z, w = u
    a = p["a"]
    return jnp.array([a * (y - x) + p["d"] * w, x * (p["c"] - z) - y, x * y - p["b"] * z, -x - a * w])


@declared("lu_chen")
def LuChen(t: Any, u: Any, p: Any) -> Any:
    """The flow between Lorenz's and Chen's: y grows on its own."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x), p["c"] * y - x * z, x * y - p["b"] * z])


@declared("lu_chen_cheng")
def LuChenCheng(t: Any, u: Any, p: Any) -> Any:
    """Three products, three linear terms and a constant."""
    x, y, z = u
    a, b = p["a"], p["b"]
    return jnp.array([p["c"] - a * b / (a + b) * x - y * z, a * y + x * z, b * z + x * y])


@declared("pehlivan_wei")
def PehlivanWei(t: Any, u: Any, p: Any) -> Any:
    """Double-scroll flow without a damping term in x and z."""
    x, y, z = u
    return jnp.array([y - y * z, y + y * z - 2.0 * x, 2.0 - x * y - y * y])


@declared("qi_chen")
def QiChen(t: Any, u: Any, p: Any) -> Any:
    """Lorenz's flow with a third product."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x) + y * z, p["c"] * x + y - x * z, x * y - p["b"] * z])


@declared("shimizu_morioka")
def ShimizuMorioka(t: Any, u: Any, p: Any) -> Any:
    """A particle whose well is dug by the mean of its own square."""
    x, y, z = u
    return jnp.array([y, x * (1.0 - z) - p["a"] * y, x * x - p["b"] * z])


@declared("yu_wang")
def YuWang(t: Any, u: Any, p: Any) -> Any:
    """Lorenz-like flow with an exponential in place of a product."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x), x * (p["b"] - p["c"] * z), jnp.exp(x * y) - p["d"] * z])


@declared("yu_wang2")
def YuWang2(t: Any, u: Any, p: Any) -> Any:
    """Lorenz-like flow with a hyperbolic cosine in place of a product."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x), x * (p["b"] - p["c"] * z), jnp.cosh(x * y) - p["d"] * z])


@declared("zhou_chen")
def ZhouChen(t: Any, u: Any, p: Any) -> Any:
    """Smooth flow whose attractor has three layers."""
    x, y, z = u
    return jnp.array([p["a"] * x + y * (p["b"] + z), y * (p["c"] + p["d"] * z) - x * z, p["e"] * z - x * y])
