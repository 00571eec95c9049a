"""Chemical oscillators."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("belousov_zhabotinsky")
def BelousovZhabotinsky(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Györgyi and Field's reduced reaction: bromous acid, cerium, bromomalonic acid."""
    x, z, v = u
    bromide = p["yb1"] * z * v / (p["y0"] * (p["yb2"] * x + p["yb3"] + p["kf"]))
    x = jnp.maximum(x, 0.0)
    radical = (p["ci"] - p["z0"] * z) * jnp.sqrt(x)
    acid = (p["c1"] * x + p["c2"]) * bromide + p["c3"] * x**2 + p["c4"] * radical + p["c5"] * x * z
    cerium = p["c6"] / p["z0"] * radical + (p["c7"] * x + p["c8"] * v + p["c9"]) * z
    malonic = (p["c10"] * x + p["c11"]) * bromide + p["c12"] * x**2 + p["c13"] * z * v
    return p["t0"] * (jnp.array([acid, cerium, malonic]) - p["kf"] * jnp.array([x, z, v]))


@declared("glycolytic_oscillation")
def GlycolyticOscillation(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a substrate and two products that each activate the enzyme that makes them."""
    a, b, c = u
    a1, b1, b2, c1 = 1 + a, 1 + b, 1 + p["d"] * b, 1 + c
    first = p["s1"] * a * a1 * b1**2 / (p["l1"] + (a1 * b1) ** 2)
    second = p["s2"] * b * b2 * c1**2 / (p["l2"] + (b2 * c1) ** 2)
    return jnp.array([p["nu"] - first, p["q1"] * first - second, p["q2"] * second - p["k"] * c])


@declared("isothermal_chemical")
def IsothermalChemical(t: Any, u: Any, p: Any) -> Any:
    """Velocity of an autocatalytic reaction in three steps."""
    alpha, beta, gamma = u
    made = alpha * (beta**2 + 1)
    return jnp.array([p["mu"] * (p["kappa"] + gamma) - made, (made - beta) / p["sigma"], (beta - gamma) / p["delta"]])


@declared("kawczynski_strizhak")
def KawczynskiStrizhak(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a two-variable oscillator with a slow third variable."""
    x, y, z = u
    fast = p["gamma"] * (y - x**3 + 3 * p["mu"] * x)
    return jnp.array([fast, p["beta"] - 2 * p["mu"] * x - y - z, p["kappa"] * (x - z)])
