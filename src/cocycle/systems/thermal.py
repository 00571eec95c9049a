"""Convection, double convection and thermostats."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("moore_spiegel")
def MooreSpiegel(t: Any, u: Any, p: Any) -> Any:
    """A parcel of fluid on a spring, heated where it sinks."""
    x, y, z = u
    return jnp.array([y, p["a"] * z, y * (p["eps"] - x * x) - p["b"] * x - z])


@declared("nose_hoover")
def NoseHoover(t: Any, u: Any, p: Any) -> Any:
    """A harmonic oscillator held at constant temperature by a friction that may be negative."""
    x, y, z = u
    return jnp.array([y, y * z - x, p["a"] - y * y])


@declared("rucklidge")
def Rucklidge(t: Any, u: Any, p: Any) -> Any:
    """Rolls of a fluid that convects heat and salt, or heat and a magnetic field."""
    x, y, z = u
    return jnp.array([y * (p["b"] - z) - p["a"] * x, x, y * y - z])


@declared("rayleigh_benard")
def RayleighBenard(t: Any, u: Any, p: Any) -> Any:
    """Three modes of heated rolls, where the second grows on its own."""
    x, y, z = u
    return jnp.array([p["a"] * (y - x), p["r"] * y - x * z, x * y - p["b"] * z])


@declared("rabinovich_fabrikant")
def RabinovichFabrikant(t: Any, u: Any, p: Any) -> Any:
    """Waves in a medium out of equilibrium that modulate each other."""
    x, y, z = u
    return jnp.array(
        [
            y * (z - 1.0 + x * x) + p["g"] * x,
            x * (3.0 * z + 1.0 - x * x) + p["g"] * y,
            -2.0 * z * (p["a"] + x * y),
        ]
    )
