"""Exponential steps on a Fourier grid, the implicit Milstein step, and adaptive orbits with interpolation."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cocycle as cc
from cocycle import systems
from cocycle.core.errors import NonFiniteStateError, ParameterError, ShapeError
from cocycle.steppers import ETDRK4, RK4, FourierGrid, ImplicitMilstein, SpectralFlow, dense_orbit, phi_functions
from cocycle.testing import check_stepper

EPS = np.finfo(float).eps


def contour(z, k, n=64):
    """The same by a contour integral on a circle of radius 2 about z, as in Kassam and Trefethen's paper."""
    w = np.asarray(z)[:, None] + 2 * np.exp(2j * np.pi * (np.arange(n) + 0.5) / n)
    series = sum(w**j / math.factorial(j) for j in range(k))
    return np.mean((np.exp(w) - series) / w**k, axis=1)


@pytest.mark.parametrize("turn", [1.0, 1j, np.exp(0.7j)])
def test_phi_functions_equal_their_contour_integrals(turn):
    z = turn * np.concatenate([np.linspace(-6, 6, 301), [0.0, 1e-9, 1.0, -1.0, 0.999999]])
    for k, found in enumerate(phi_functions(jnp.asarray(z)), 1):
        # The integrand grows as exp(|z| + 2), and sums of 64 such terms carry round-off of that size.
        assert np.max(np.abs(found - contour(z, k)) / np.exp(np.abs(z) + 2)) < 64 * EPS


def test_etdrk4_is_the_classical_step_without_linear_part():
    f = lambda t, v: jnp.sin(v) + t  # noqa: E731
    v = jnp.array([0.3, -0.8, 1.7])
    expected = RK4().step(lambda t, y, a: f(t, y), 0.2, v, None, 0.1)
    assert np.max(np.abs(ETDRK4().step(jnp.zeros(3), f, 0.2, v, 0.1) - expected)) < 16 * EPS


def test_etdrk4_has_order_four_on_a_stiff_oscillator():
    """y' = c y + forcing whose solution is known; errors of the exact solution halve 16 times a halving of dt."""
    symbol, exact = jnp.array([-3.0 + 2.0j]), lambda t: np.exp(-0.5j * t) + 0.2 * np.cos(t)

    def rest(t, v):
        slope = -0.5j * jnp.exp(-0.5j * t) - 0.2 * jnp.sin(t)
        known = jnp.exp(-0.5j * t) + 0.2 * jnp.cos(t)
        return (slope - symbol * known) + jnp.sin(v - known)

    errors = []
    for n in (20, 40, 80):
        body = lambda i, v, n=n: ETDRK4().step(symbol, rest, i * 2.0 / n, v, 2.0 / n)  # noqa: E731
        v = jax.lax.fori_loop(0, n, body, jnp.array([exact(0.0)]))
        errors.append(abs(complex(v[0]) - exact(2.0)))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(np.abs(orders - 4) < 0.3)
    assert abs(orders[1] - 4) < 0.15


def test_products_do_not_alias():
    """cos(a x) cos(b x) has waves a - b and a + b; where a + b does not fit, nothing may turn up in its place."""
    grid = FourierGrid(24, 2 * jnp.pi)
    a, b = 8, 7
    v = grid.products(jnp.cos(a * grid.x) * jnp.cos(b * grid.x)) / grid.n
    expected = np.zeros(13)
    expected[a - b] = 0.25
    assert np.max(np.abs(v - expected)) < 16 * EPS
    raw = np.abs(np.fft.rfft(np.cos(a * np.asarray(grid.x)) * np.cos(b * np.asarray(grid.x)))) / grid.n
    assert raw[24 - a - b] > 0.2  # it is there without care


def test_derivative_of_a_wave():
    grid = FourierGrid(16, 3.0)
    k = 2 * np.pi / 3.0
    found = grid.state(grid.derivative * grid.coefficients(jnp.sin(2 * k * grid.x)))
    assert np.max(np.abs(found - 2 * k * np.cos(2 * k * np.asarray(grid.x)))) < 64 * EPS * 2 * k


def test_kuramoto_sivashinsky_agrees_with_a_stiff_solver_in_fourier_space():
    system = systems.KuramotoSivashinsky(n=32, dt=0.05)
    k = 2 * np.pi / 22.0 * np.arange(17)
    keep, wave = np.arange(17) <= 10, 1j * np.where(np.arange(17) == 16, 0, k)

    def field(t, y):
        v = y[:17] + 1j * y[17:]
        dv = (k**2 - k**4) * v - 0.5 * wave * keep * np.fft.rfft(np.fft.irfft(v, 32) ** 2)
        return np.concatenate([dv.real, dv.imag])

    v0 = np.fft.rfft(np.asarray(system.x0))
    found = solve_ivp(field, (0, 10), np.concatenate([v0.real, v0.imag]), method="BDF", rtol=1e-9, atol=1e-9).y[:, -1]
    expected = np.fft.irfft(found[:17] + 1j * found[17:], 32)
    # The multistep solver's global error, some hundred times its tolerance; ours is O(dt^4).
    assert np.max(np.abs(cc.run(system, n_steps=200) - expected)) < 1e-5


REFUSED = [
    (lambda: FourierGrid(7, 1.0), ParameterError, "even"),
    (lambda: FourierGrid(8, -1.0), ParameterError, "length"),
    (lambda: FourierGrid(8, 1.0, n_kept=5), ParameterError, "n_kept"),
    (lambda: systems.Burgers(viscosity=0.0), ParameterError, "positive"),
    (lambda: SpectralFlow(len, len, grid=FourierGrid(8, 1.0), dt=0.1, stepper=RK4()), ParameterError, "exponential"),
    (lambda: systems.KuramotoSivashinsky(x0=[1.0]), ShapeError, "shape"),
    (lambda: systems.NonlinearSchrodinger(x0=jnp.ones(512)), ShapeError, r"\(2, 512\)"),
    (lambda: SpectralFlow(None, None, grid=FourierGrid(8, 1.0), dt=0.1), ParameterError, "functions"),
    (lambda: dense_orbit(lambda t, y, a: y, jnp.ones(1), np.array([1.0, 0.5])), ParameterError, "increases"),
    (lambda: dense_orbit(lambda t, y, a: y, jnp.ones((2, 2)), np.array([1.0])), ParameterError, "vectors"),
    (lambda: dense_orbit(lambda t, y, a: y**2, jnp.ones(1), np.array([2.0])), NonFiniteStateError, "explodes"),
    (lambda: systems.CoxIngersollRoss(sigma=1.0), ParameterError, "sigma"),
]


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_implicit_milstein_has_strong_order_one():
    check_stepper(ImplicitMilstein())


def test_square_root_process_stays_positive_where_explicit_steps_fail():
    """At sigma^2 = 3.9 kappa mean paths come close to zero; large steps of the default rule stay above."""
    kwargs: dict[str, Any] = {"kappa": 1.0, "mean": 1.0, "sigma": math.sqrt(3.9), "dt": 0.1}
    noise = cc.Brownian(jax.random.key(3))
    kept = cc.trajectory(systems.CoxIngersollRoss(**kwargs, x0=1.0), None, noise, n_steps=20_000).x
    assert np.min(kept) > 0
    explicit = systems.CoxIngersollRoss(**kwargs, x0=1.0, stepper=cc.steppers.EulerMaruyama())
    assert not np.isfinite(cc.run(explicit, None, noise, n_steps=20_000, throw=False))


def test_dense_orbit_follows_closed_solutions():
    """A pendulum on its separatrix, and a field that depends on t; errors stay near the tolerance of the steps."""

    def field(t, y, args):
        return jnp.array([y[1], -jnp.sin(y[0]), args * jnp.cos(3.0 * t)])

    times = np.linspace(0.01, 6.0, 777)
    found = dense_orbit(field, jnp.array([0.0, 2.0, 0.0]), times, jnp.asarray(1.5), rtol=1e-11, atol=1e-11)
    # The separatrix stretches errors by e^6 in 6 units of time.
    assert np.max(np.abs(found[:, 0] - 2 * np.arctan(np.sinh(times)))) < 50 * math.exp(6) * 1e-11
    assert np.max(np.abs(found[:, 2] - 0.5 * np.sin(3 * times))) < 50e-11


def test_dense_orbit_does_not_depend_on_the_grid():
    system = systems.Lorenz63()
    few = dense_orbit(system.field, system.x0, np.array([1.0, 2.0]), system.args, rtol=1e-12, atol=1e-12)
    many = dense_orbit(system.field, system.x0, np.linspace(0.002, 2.0, 1000), system.args, rtol=1e-12, atol=1e-12)
    # Errors of some tens of the tolerance grow by e^(0.9 * 2), and locally faster.
    assert np.max(np.abs(few[1] - many[-1])) < 1e-8
