"""Small models of atmosphere, ocean, magnetosphere and the dynamo inside the Earth."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("lorenz84")
def Lorenz84(t: Any, u: Any, p: Any) -> Any:
    """Westerly wind that feeds, and is broken by, two phases of a wave."""
    x, y, z = u
    b = p["b"]
    return jnp.array([p["a"] * (p["f"] - x) - y * y - z * z, x * (y - b * z) - y + p["g"], x * (b * y + z) - z])


@declared("vallis_el_nino")
def VallisElNino(t: Any, u: Any, p: Any) -> Any:
    """Current and temperatures of an ocean in two boxes, driven by the wind that they make."""
    x, y, z = u
    return jnp.array([p["b"] * y - p["c"] * (x + p["p"]), x * z - y, 1.0 - z - x * y])


@declared("rikitake_dynamo")
def RikitakeDynamo(t: Any, u: Any, p: Any) -> Any:
    """Two discs whose currents feed each other's magnetic field."""
    x, y, z = u
    mu = p["mu"]
    return jnp.array([y * z - mu * x, x * (z - p["a"]) - mu * y, 1.0 - x * y])


@declared("windmi_reduced")
def WindmiReduced(t: Any, u: Any, p: Any) -> Any:
    """Solar wind into the magnetosphere: current, voltage and pressure that unload in substorms."""
    i, v, q = u
    vsw = p["vsw"]
    unload = 0.5 * (1.0 + jnp.tanh(p["d1"] * (i - 1.0)))
    return jnp.array(
        [
            p["a1"] * (vsw - v),
            p["b1"] * i - 0.5 * p["b2"] * q - p["b3"] * v,
            vsw**2 - q**1.25 * jnp.sqrt(vsw) * unload,
        ]
    )


@declared("charney_devore")
def CharneyDeVore(t: Any, u: Any, p: Any) -> Any:
    """Six modes of a flow over mountains in a channel, with zonal and blocked spells."""
    x1, x2, x3, x4, x5, x6 = u
    b, drag = p["b"], p["drag"]
    m = jnp.array([1.0, 2.0])
    wave = b**2 + m**2
    norm = jnp.sqrt(2.0) / jnp.pi
    advection = 8.0 * norm * m**2 * (wave - 1.0) / ((4.0 * m**2 - 1.0) * wave)
    drift = p["beta"] * b**2 / wave
    exchange = 64.0 * norm * (b**2 - m**2 + 1.0) / (15.0 * wave)
    lift = 4.0 * norm * p["gamma"] * b * m / (4.0 * m**2 - 1.0)
    push = lift * m**2 / wave
    epsilon = 16.0 * norm / 5.0
    return jnp.array(
        [
            lift[0] * x3 - drag * (x1 - p["x1_star"]),
            -(advection[0] * x1 - drift[0]) * x3 - drag * x2 - exchange[0] * x4 * x6,
            (advection[0] * x1 - drift[0]) * x2 - push[0] * x1 - drag * x3 + exchange[0] * x4 * x5,
            lift[1] * x6 - drag * (x4 - p["x4_star"]) + epsilon * (x2 * x6 - x3 * x5),
            -(advection[1] * x1 - drift[1]) * x6 - drag * x5 - exchange[1] * x4 * x3,
            (advection[1] * x1 - drift[1]) * x5 - push[1] * x4 - drag * x6 + exchange[1] * x4 * x2,
        ]
    )
