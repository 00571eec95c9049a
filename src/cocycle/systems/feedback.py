"""Flows of three variables with simple nonlinear feedback, studied for their attractors."""

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


def business_cycle(u: Any, p: Any) -> Any:
    """Velocity of Bouali's cycles of savings x, production y and foreign capital z."""
    x, y, z = u
    savings = p["a"] * x * (p["y0"] - y) - p["b"] * z
    return jnp.array([savings, p["g"] * y * (x**2 - 1), p["m"] * x * (p["bb"] * z - 1.5) - p["c"] * z])


@declared("bouali")
def Bouali(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Bouali's first flow."""
    return business_cycle(u, p)


@declared("bouali2")
def Bouali2(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Bouali's second flow."""
    return business_cycle(u, p)


@declared("burke_shaw")
def BurkeShaw(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the Burke-Shaw flow."""
    x, y, z = u
    return jnp.array([-p["n"] * (x + y), y - p["n"] * x * z, p["n"] * x * y + p["e"]])


@declared("chen")
def Chen(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Chen's flow."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x), (p["c"] - p["a"]) * x - x * z + p["c"] * y, x * y - p["b"] * z])


@declared("chen_lee")
def ChenLee(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Chen and Lee's rigid body."""
    x, y, z = u
    return jnp.array([p["a"] * x - y * z, p["b"] * y + x * z, p["c"] * z + x * y / 3])


@declared("dadras")
def Dadras(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Dadras and Momeni's flow."""
    x, y, z = u
    return jnp.array([y - p["p"] * x + p["o"] * y * z, p["r"] * y - x * z + z, p["c"] * x * y - p["e"] * z])


@declared("dequan_li")
def DequanLi(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Li's three-scroll flow."""
    x, y, z = u
    return jnp.array(
        [
            p["a"] * (y - x) + p["d"] * x * z,
            p["k"] * x + p["f"] * y - x * z,
            p["c"] * z + x * y - p["eps"] * x**2,
        ]
    )


@declared("finance")
def Finance(t: Any, u: Any, p: Any) -> Any:
    """Velocity of interest rate x, investment demand y and price index z."""
    x, y, z = u
    return jnp.array([(1 / p["b"] - p["a"] + y) * x + z, -p["b"] * y - x**2, -x - p["c"] * z])


@declared("guckenheimer_holmes")
def GuckenheimerHolmes(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the unfolding of a Hopf bifurcation that meets a saddle-node."""
    x, y, z = u
    square = x**2 + y**2
    growth = p["a"] + p["c"] * z
    along = p["e"] - z**2 - p["f"] * square - p["a"] * z**3
    return jnp.array([growth * x - p["b"] * y + p["d"] * z * square, growth * y + p["b"] * x, along])


@declared("halvorsen")
def Halvorsen(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Halvorsen's flow, the same for each variable in turn."""
    following, last = jnp.roll(u, -1), jnp.roll(u, -2)
    return -p["a"] * u - p["b"] * (following + last) - following**2


@declared("laser")
def Laser(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a laser-like flow with cubic coupling."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x) + p["b"] * y * z**2, (p["c"] + p["d"] * z**2) * x, p["h"] * z + p["k"] * x**2])
