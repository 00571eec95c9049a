"""Driven oscillators; the last variable is the phase of the drive, so that the flow is autonomous."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("fluid_trampoline")
def FluidTrampoline(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a droplet that bounces on a shaken soap film."""
    x, v, phase = u
    film = jnp.where(x < 0, x + p["psi"] * v * jnp.abs(v), 0.0)
    return jnp.array([v, p["gamma"] * jnp.cos(phase) - 1 - film, p["w"]])


@declared("forced_brusselator")
def ForcedBrusselator(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the Brusselator under a periodic feed."""
    x, y, phase = u
    autocatalysis = x**2 * y
    feed = p["a"] + p["f"] * jnp.cos(phase)
    return jnp.array([feed + autocatalysis - (p["b"] + 1) * x, p["b"] * x - autocatalysis, p["w"]])


@declared("forced_fitzhugh_nagumo")
def ForcedFitzHughNagumo(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a FitzHugh-Nagumo neuron under a periodic current."""
    v, w, phase = u
    current = p["curr"] + p["f"] * jnp.sin(phase)
    return jnp.array([v - v**3 / 3 - w + current, p["gamma"] * (v + p["a"] - p["b"] * w), p["omega"]])


@declared("forced_van_der_pol")
def ForcedVanDerPol(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Van der Pol's triode under a periodic voltage."""
    x, y, phase = u
    return jnp.array([y, p["mu"] * (1 - x**2) * y - x + p["a"] * jnp.sin(phase), p["w"]])
