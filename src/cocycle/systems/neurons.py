"""Neurons and small networks of them."""

from typing import Any

import jax
import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("beer_rnn")
def BeerRNN(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Beer's continuous-time recurrent network."""
    return (p["w"] @ jax.nn.sigmoid(u + p["theta"]) - u) / p["tau"]


@declared("excitable_cell")
def ExcitableCell(t: Any, u: Any, p: Any) -> Any:
    """Velocity of Chay's excitable cell: voltage, potassium gate, calcium."""
    v, n, c = u
    opens_m = p["ams"] * (p["amvb"] + v) / -jnp.expm1(-p["ar"] * v - p["amvo"])
    closes_m = p["bms"] * jnp.exp(-p["bmr"] * v - p["bmo"])
    opens_h = p["ahs"] * jnp.exp(-p["ahr"] * v - p["aho"])
    closes_h = jax.nn.sigmoid(p["bhr"] * v + p["bho"])
    opens_n = p["ans"] * (p["anvb"] + v) / -jnp.expm1(-p["ar"] * v - p["anvo"])
    closes_n = p["bns"] * jnp.exp(-p["bnr"] * v - p["bno"])
    inward = (opens_m / (opens_m + closes_m)) ** 3 * opens_h / (opens_h + closes_h)
    potassium = p["gkv"] * n**4 + p["gkc"] * c / (1 + c)
    current = p["gi"] * inward * (p["vi"] - v) + potassium * (p["vk"] - v) + p["gl"] * (p["vl"] - v)
    gate = p["tscl"] * (opens_n - (opens_n + closes_n) * n)
    return jnp.array([current, gate, p["rho"] * (inward * (p["vc"] - v) - p["kc"] * c)])


@declared("hindmarsh_rose")
def HindmarshRose(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a bursting neuron in the form of Marhl and Perc."""
    x, y, z = u
    fast = (y + z - p["a"] * x**3 + p["b"] * x**2) / p["tx"] - x
    recovery = z - p["a"] * x**3 - (p["d"] - p["b"]) * x**2
    return jnp.array([fast, recovery, (p["c"] - p["s"] * x - z) / p["tz"]])


@declared("hopfield")
def Hopfield(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a network of six inhibited units."""
    return (1 + jnp.tanh(p["eps"] * (p["k"] @ u))) / 2 - p["beta"] - u / p["tau"]
