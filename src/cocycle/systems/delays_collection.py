"""Scalar delay equations, and a delayed neuron."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("piecewise_circuit")
def PiecewiseCircuit(t: Any, x: Any, past: Any, p: Any) -> Any:
    """A circuit with delayed cubic feedback."""
    s = past / p["c"]
    return p["beta"] * (3.0 * s - s**3) - p["alpha"] * past


@declared("scroll_delay")
def ScrollDelay(t: Any, x: Any, past: Any, p: Any) -> Any:
    """Delayed feedback through a steep, saturating amplifier: many scrolls from one variable."""
    return p["beta"] * jnp.tanh(10.0 * past) - p["alpha"] * past


@declared("sprott_delay")
def SprottDelay(t: Any, x: Any, past: Any, p: Any) -> Any:
    """The simplest chaotic delay equation: a rate that is the sine of the past."""
    return p["mu"] * jnp.sin(past - p["phase"]) - p["c"] * x


@declared("voss_delay")
def VossDelay(t: Any, x: Any, past: Any, p: Any) -> Any:
    """An electronic circuit with a delayed cubic."""
    cubic = 0.85 - past * (3.63 + past * (13.95 + past * 10.44))
    return cubic - p["alpha"] * x
