"""The verdict on systems whose regime is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from test_exponents import logistic, lorenz

import cocycle as cc
from cocycle.stability import Regime, flat_orbit, regime


def verdict(system, n_steps, driver=None):
    spectrum = cc.lyapunov_spectrum(system, None, driver, n_steps=n_steps)
    n0 = int(spectrum.n_transient + spectrum.n_steps)
    orbit = cc.trajectory(system, spectrum.final, driver, n_steps=min(n_steps, 20_000), n0=n0)
    return regime(spectrum, system, flat_orbit(orbit.x), driver)


def lorenz_at(rho):
    return cc.Flow(lorenz, {"sigma": 10.0, "rho": rho, "beta": 8 / 3}, dt=0.005, x0=[1.0, 2.0, 20.0])


@pytest.mark.parametrize(
    ("rho", "expected"),
    [
        (10.0, Regime.FIXED_POINT),  # Sparrow 1982: the fixed points attract below 24.06
        (20.0, Regime.FIXED_POINT),
        (28.0, Regime.CHAOTIC),
        (148.5, Regime.PERIODIC),  # window 145 < rho < 166
        (160.0, Regime.PERIODIC),
        (350.0, Regime.PERIODIC),  # above 313
    ],
)
def test_lorenz(rho, expected):
    found = verdict(lorenz_at(rho), 100_000)
    assert found.regime is expected, found


@pytest.mark.parametrize(
    ("r", "expected"),
    [
        (2.5, Regime.FIXED_POINT),  # 1 < r < 3
        (3.2, Regime.PERIODIC),  # period 2
        (3.83, Regime.PERIODIC),  # period 3 window
        (4.0, Regime.CHAOTIC),
        (3.5699456718, Regime.UNDECIDED),  # accumulation of period doublings: neither periodic nor on a curve
    ],
)
def test_logistic(r, expected):
    found = verdict(cc.Map(logistic, {"r": r}, x0=0.3), 20_000)
    assert found.regime is expected, found


def test_period_three_is_counted():
    assert any("after 3 steps" in reason for reason in verdict(cc.Map(logistic, {"r": 3.83}, x0=0.3), 20_000).reasons)


def standard_map(x, k):
    p = x[1] + k * jnp.sin(x[0])
    return jnp.stack([x[0] + p, p]) % (2 * jnp.pi)


@pytest.mark.parametrize(
    ("x0", "expected"),
    [([3.0, 0.1], Regime.QUASI_PERIODIC), ([0.1, 0.1], Regime.CHAOTIC)],  # island about (pi, 0); layer about (0, 0)
)
def test_standard_map(x0, expected):
    found = verdict(cc.Map(standard_map, 0.6, x0=x0), 100_000)
    assert found.regime is expected, found


def henon_heiles(t, u, args):
    x, y, p, q = u
    return jnp.array([p, q, -x - 2 * x * y, -y - x**2 + y**2])


@pytest.mark.parametrize(
    ("x0", "expected"),
    [([0.0, 0.1, 0.4, 0.1], Regime.QUASI_PERIODIC), ([0.0, -0.25, 0.42, 0.0], Regime.CHAOTIC)],
)
def test_henon_heiles(x0, expected):
    """A torus at energy 0.089 and the chaotic sea at 0.13 (Henon and Heiles 1964)."""
    found = verdict(cc.Flow(henon_heiles, dt=0.02, x0=x0), 200_000)
    assert found.regime is expected, found


def test_limit_cycle_forced_cycle_and_torus():
    cycle = cc.Flow(lambda t, y, a: jnp.array([y[1], 2 * (1 - y[0] ** 2) * y[1] - y[0]]), dt=0.02, x0=[1.0, 0.0])
    assert verdict(cycle, 50_000).regime is Regime.PERIODIC
    duffing = cc.Flow(
        lambda t, y, a: jnp.array([y[1], -0.3 * y[1] + y[0] - y[0] ** 3 + a * jnp.cos(1.2 * t)]),
        0.2,
        dt=0.02,
        x0=[1.0, 0.0],
    )
    assert verdict(duffing, 100_000).regime is Regime.PERIODIC
    torus = cc.Flow(
        lambda t, y, a: jnp.array([jnp.sqrt(2.0) + 0.1 * jnp.sin(y[0] - y[1]), 1.0]), dt=0.02, x0=[1.0, 0.0]
    )
    assert verdict(torus, 50_000).regime is Regime.QUASI_PERIODIC


def test_hyperchaos_and_delay():
    assert verdict(cc.systems.HyperRossler(), 100_000).regime is Regime.HYPERCHAOTIC
    spectrum = cc.lyapunov_spectrum(cc.systems.MackeyGlass(), n_steps=40_000, n_vectors=3)
    orbit = cc.trajectory(cc.systems.MackeyGlass(), spectrum.final, n_steps=5000)
    # Farmer 1982: chaos at tau = 17; the sign must be beyond its error or undecided, never periodic.
    assert regime(spectrum, cc.systems.MackeyGlass(), flat_orbit(orbit.x)).regime in (Regime.CHAOTIC, Regime.UNDECIDED)


def test_noise(key):
    well = cc.ItoSDE(lambda t, x, a: x - x**3, lambda t, x, a: 0.5, dt=0.01, x0=-1.0)
    found = verdict(well, 50_000, cc.Brownian(key))
    assert found.regime is Regime.FIXED_POINT
    assert "same drive" in " ".join(found.reasons)


def test_diverging():
    growing = cc.Map(lambda x, a: 3.0 * x, x0=1.0)
    spectrum = cc.lyapunov_spectrum(growing, n_steps=5000, n_transient=0, throw=False)
    assert spectrum.status is cc.Status.NON_FINITE
    assert regime(spectrum, growing, np.ones((10, 1))).regime is Regime.DIVERGING
