"""Cells, tissues and populations."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


def saturation(x: Any, half: Any, power: Any = 1) -> Any:
    """Hill function: 0 at x = 0, a half at x = half, 1 far above."""
    return x**power / (half**power + x**power)


@declared("blasius")
def Blasius(t: Any, u: Any, p: Any) -> Any:
    """Velocity of vegetation, herbivores and predators."""
    x, y, z = u
    grazing = p["alpha1"] * x * y / (1 + p["k1"] * x)
    hunting = p["alpha2"] * y * z / (1 + p["k2"] * y)
    return jnp.array([p["a"] * x - grazing, grazing - p["b"] * y - hunting, hunting - p["c"] * (z - p["zs"])])


def calcium(u: Any, p: Any) -> Any:
    """Velocity of calcium in the cytosol z, in the store y, and of the messenger IP3 a."""
    z, y, a = u
    pumped = p["Vm2"] * saturation(z, p["K2"], 2)
    released = p["Vm3"] * saturation(z, p["Kz"], p["m"]) * saturation(y, p["Ky"], 2) * saturation(a, p["Ka"], 4)
    degraded = p["Vm5"] * saturation(a, p["K5"], p["p"]) * saturation(z, p["Kd"], p["n"])
    exchange = released - pumped + p["kf"] * y
    cytosol = p["V0"] + p["V1"] * p["beta"] + exchange - p["k"] * z
    return jnp.array([cytosol, -exchange, p["beta"] * p["V4"] - degraded - p["eps"] * a])


@declared("ca_two_plus")
def CaTwoPlus(t: Any, u: Any, p: Any) -> Any:
    """Velocity of calcium in a cell, bursting."""
    return calcium(u, p)


@declared("ca_two_plus_quasiperiodic")
def CaTwoPlusQuasiperiodic(t: Any, u: Any, p: Any) -> Any:
    """Velocity of calcium in a cell, with two frequencies."""
    return calcium(u, p)


@declared("cell_cycle")
def CellCycle(t: Any, u: Any, p: Any) -> Any:
    """Velocity of two oscillators of cyclin c, kinase m and protease x; each kinase inhibits the other's cyclin."""
    c, m, x = u.reshape(2, 3).T
    other = m[::-1]
    made = p["vi"] * p["Kim"] / (p["Kim"] + other)
    cyclin = made - p["vd"] * x * saturation(c, p["Kd1"]) - p["kd1"] * c
    kinase = p["Vm1"] * saturation(c, p["Kc"]) * saturation(1 - m, p["K"]) - p["V2"] * saturation(m, p["K"])
    protease = p["Vm3"] * m * saturation(1 - x, p["K"]) - p["V4"] * saturation(x, p["K"])
    return jnp.stack([cyclin, kinase, protease]).T.reshape(6)


@declared("circadian_rhythm")
def CircadianRhythm(t: Any, u: Any, p: Any) -> Any:
    """Velocity of messenger m, cytosolic, phosphorylated and nuclear protein, and the phase of light."""
    m, fc, fs, fn, phase = u
    light = p["vc"] * (0.5 + 0.5 * jnp.cos(phase) + p["vmin"]) * (p["vmax"] - p["vmin"])
    repression = p["Ki"] ** p["n"] / (p["Ki"] ** p["n"] + fn ** p["n"])
    entry, exchange = p["k"] * fc, p["k1"] * fc - p["k2"] * fn
    return jnp.array(
        [
            light * repression - p["vm"] * saturation(m, p["km"]),
            p["ks"] * m - exchange - entry,
            entry - p["vd"] * saturation(fs, p["kd"]),
            exchange - p["vdn"] * saturation(fn, p["kdn"]),
            2 * jnp.pi / p["ps"],
        ]
    )


@declared("coevolving_predator_prey")
def CoevolvingPredatorPrey(t: Any, u: Any, p: Any) -> Any:
    """Velocity of prey x, predator y and the prey's mean trait."""
    x, y, trait = u
    fraction = p["a1"] / (1 + p["b1"] * trait)
    birth = fraction * trait * (1 - p["k1"] * x * trait * (p["delta"] - 1))
    scaled = p["delta"] * trait
    death = p["d1"] * (1 - p["k2"] * (scaled**2 - trait**2) + p["k4"] * (scaled**4 - trait**4))
    eaten = x / (1 + p["b2"] * x)
    slope = p["d1"] * p["delta"] * scaled * (4 * p["k4"] * scaled**2 - 2 * p["k2"])
    drift = -p["vv"] * (fraction * p["k1"] * x * scaled + slope)
    return jnp.array([x * (birth - death) - p["a3"] * y * eaten, y * (p["a2"] * eaten - p["d2"]), drift])


@declared("hastings_powell")
def HastingsPowell(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a food chain of three species."""
    x, y, z = u
    first = p["a1"] * x * y / (1 + p["b1"] * x)
    second = p["a2"] * y * z / (1 + p["b2"] * y)
    return jnp.array([x * (1 - x) - first, first - second - p["d1"] * y, second - p["d2"] * z])


@declared("itik_banks_tumor")
def ItikBanksTumor(t: Any, u: Any, p: Any) -> Any:
    """Velocity of tumour cells x, healthy cells y and immune cells z."""
    x, y, z = u
    return jnp.array(
        [
            x * (1 - x - p["a12"] * y - p["a13"] * z),
            y * (p["r2"] * (1 - y) - p["a21"] * x),
            z * (p["r3"] * x / (x + p["k3"]) - p["a31"] * x - p["d3"]),
        ]
    )
