"""Attractors of many scrolls and wings."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


def wings(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the four-wing family: three linear lines, each with the product of the other two."""
    x, y, z = u
    return jnp.array(
        [
            p["a"] * x + p["h"] * y + p["s"] * y * z,
            p["q"] * x * z - p["b"] * y - p["p"] * x,
            p["c"] * z - p["r"] * x * y,
        ]
    )


@declared("liu_chen")
def LiuChen(t: Any, u: Any, p: Any) -> Any:
    """Four scrolls from three products."""
    return wings(t, u, p)


@declared("sakarya")
def Sakarya(t: Any, u: Any, p: Any) -> Any:
    """Four wings that join two attractors of a bistable flow."""
    return wings(t, u, p)


def three_scroll(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the unified three-scroll flow."""
    x, y, z = u
    return jnp.array(
        [
            p["a"] * (y - x) + p["d"] * x * z,
            x * (p["k"] - z) + p["f"] * y,
            p["c"] * z + x * y - p["eps"] * x * x,
        ]
    )


@declared("pan_xu_zhou")
def PanXuZhou(t: Any, u: Any, p: Any) -> Any:
    """Two scrolls: the unified three-scroll flow with its extra terms switched off."""
    return three_scroll(t, u, p)


@declared("tsucs2")
def Tsucs2(t: Any, u: Any, p: Any) -> Any:
    """The unified three-scroll flow, second set of parameters."""
    return three_scroll(t, u, p)


@declared("wang_sun")
def WangSun(t: Any, u: Any, p: Any) -> Any:
    """Four wings from a flow with three products."""
    x, y, z = u
    return jnp.array([p["a"] * x + p["q"] * y * z, p["b"] * x + p["d"] * y - x * z, p["e"] * z + p["f"] * x * y])


@declared("qi")
def Qi(t: Any, u: Any, p: Any) -> Any:
    """Hyperchaos of four variables, each with the product of the other three."""
    x, y, z, w = u
    return jnp.array(
        [
            p["a"] * (y - x) + y * z * w,
            p["b"] * (x + y) - x * z * w,
            x * y * w - p["c"] * z,
            x * y * z - p["d"] * w,
        ]
    )


@declared("san_um_srisuchinwong")
def SanUmSrisuchinwong(t: Any, u: Any, p: Any) -> Any:
    """Four terms and a constant, with a saturating slope and a modulus."""
    x, y, z = u
    return jnp.array([y - x, -z * jnp.tanh(x), x * y + jnp.abs(y) - p["a"]])


@declared("multi_chua")
def MultiChua(t: Any, u: Any, p: Any) -> Any:
    """Chua's circuit with a diode of many slopes: a row of scrolls."""
    x, y, z = u
    m, c = p["m"], p["c"]
    kinks = (m[:-1] - m[1:]) * (jnp.abs(x + c[1:]) - jnp.abs(x - c[1:]))
    return jnp.array([p["a"] * (y - m[-1] * x - 0.5 * jnp.sum(kinks)), x - y + z, -p["b"] * y])


@declared("thomas_labyrinth")
def ThomasLabyrinth(t: Any, u: Any, p: Any) -> Any:
    """Thomas's cyclic flow with little friction: a walk through a lattice of wells."""
    return p["b"] * jnp.sin(jnp.roll(u, -1)) - p["a"] * u
