"""The window of synchrony of coupled Rossler oscillators, against NumPy code that shares nothing with the library."""

import numpy as np
import pytest

import cocycle as cc
from cocycle.stability import master_stability

A, B, C, DT = 0.2, 0.2, 9.0, 0.02
N_ORBITS, N_TRANSIENT, N_STEPS = 128, 10_000, 50_000
# Published: x-coupled, a = b = 0.2, c = 9, stable between 0.186 and 4.614 [huang2009]; three digits, so half a unit
# of the third decimal.
# The exponent is bent: intervals are so short that its bend does not matter.
EDGES = {0.186: np.linspace(0.17, 0.2, 4), 4.614: np.linspace(4.55, 4.68, 4)}
PUBLISHED = 5e-4
Z = 4.0


def slopes(u, strength):
    """Oscillator (x, y, z) and its variation, coupled through x with this strength; rows are components."""
    x, y, z, p, q, r = u
    return np.stack([-y - z, x + A * y, B + z * (x - C), -q - r - strength * p, p + A * q, z * p + (x - C) * r])


def crossing(strengths):
    """Strength at which the exponent is zero, by a straight line through independent orbits; mean and error."""
    rng = np.random.default_rng(0)
    s = np.tile(strengths, N_ORBITS)
    start = np.repeat(rng.normal(size=(6, N_ORBITS)), len(strengths), axis=1)
    u, growth = start, np.zeros(s.size)
    for k in range(N_TRANSIENT + N_STEPS):
        k1 = slopes(u, s)
        k2 = slopes(u + DT / 2 * k1, s)
        k3 = slopes(u + DT / 2 * k2, s)
        u = u + DT / 6 * (k1 + 2 * (k2 + k3) + slopes(u + DT * k3, s))
        if k % 10 == 9:
            size = np.sqrt(np.sum(u[3:] ** 2, axis=0))
            u[3:] /= size
            growth += np.log(size) if k >= N_TRANSIENT else 0.0
    rates = growth.reshape(N_ORBITS, -1) / (N_STEPS * DT)
    slope, at_zero = np.polyfit(strengths, rates.mean(axis=0), 1)
    # To first order an orbit moves the zero by its own mean rate over the slope.
    spread = rates.mean(axis=1).std(ddof=1) / np.sqrt(N_ORBITS) / abs(slope)
    return -at_zero / slope, spread


@pytest.mark.slow  # 60 s
@pytest.mark.parametrize("edge", EDGES)
def test_edges_of_the_window(edge):
    """Both codes find the same edges, and the published ones."""
    node = cc.systems.Rossler(a=A, b=B, c=C, dt=DT)
    ours = master_stability(node, np.diag([1.0, 0, 0]), EDGES[edge][[0, -1]], n_steps=2_000_000)
    (here,), (error,) = ours.crossings()
    there, spread = crossing(EDGES[edge])
    assert abs(here - there) < Z * np.hypot(error, spread)
    assert abs(there - edge) < PUBLISHED + Z * spread
