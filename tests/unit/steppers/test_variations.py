"""Derivatives of orbits against closed forms, and against JAX through a fine Runge-Kutta orbit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import ParameterError
from cocycle.steppers import DOP853, Taylor, taylor_derivatives

EPS = np.finfo(float).eps


def pendulum(t, y, a):
    return {"q": y["p"], "p": -a["g"] * jnp.sin(y["q"]) + a["force"] * jnp.cos(t)}


def test_riccati_in_closed_form():
    """y' = a y^2 from y0: y = y0 / (1 - a y0 t)."""
    grow = cc.Flow(lambda t, y, a: a * y * y, 1.0, dt=0.1, x0=[0.8])
    found = taylor_derivatives(grow, times=[0.25, 0.5], order=2, parameters=True)
    y0, t = 0.8, np.array([0.25, 0.5])
    d = 1 - y0 * t
    first = np.stack([1 / d**2, y0**2 * t / d**2], axis=-1)
    second = np.stack([2 * t / d**3, 2 * y0 * t / d**3, 2 * y0 * t / d**3, 2 * y0**3 * t**2 / d**3], axis=-1)
    np.testing.assert_allclose(found.first[:, 0], first, rtol=100 * EPS)
    assert found.second is not None
    np.testing.assert_allclose(found.second[:, 0].reshape(2, 4), second, rtol=200 * EPS)


def test_states_and_parameters_in_dictionaries():
    """q' = s cos(t) q and p' = -r p^2, apart: q = q0 exp(s sin t), p = p0 / (1 + r p0 t)."""

    def field(t, y, a):
        return {"q": a["s"] * jnp.cos(t) * y["q"], "p": -a["r"] * y["p"] ** 2}

    q, p, r, s, t = 0.7, 1.1, 0.4, 1.3, 2.0
    flow = cc.Flow(field, {"r": r, "s": s}, dt=0.1, x0={"q": q, "p": p}, stepper=Taylor(1e-13))
    found = taylor_derivatives(flow, times=[t], parameters=True)
    d, growth = 1 + r * p * t, np.exp(s * np.sin(t))
    # Leaves in the order of JAX: p before q, r before s.
    expected = [[1 / d**2, 0.0, -(p**2) * t / d**2, 0.0], [0.0, growth, 0.0, q * np.sin(t) * growth]]
    # A dozen steps at the tolerance, each counted up to exp(s) times.
    np.testing.assert_allclose(found.first[0], expected, rtol=0, atol=12 * 4 * 1e-13)
    assert found.n_state == 2


@pytest.mark.slow  # 15 s
def test_against_jax_through_a_fine_orbit():
    args, z = {"force": 0.4, "g": 1.3}, jnp.array([0.2, 1.1, 0.4, 1.3])
    flow = cc.Flow(pendulum, args, dt=0.1, x0={"q": jnp.array(1.1), "p": jnp.array(0.2)}, stepper=Taylor(1e-14))
    found = taylor_derivatives(flow, times=[2.0], order=2, parameters=True)
    n = 200

    def end(z):
        y, a, h = {"p": z[0], "q": z[1]}, {"force": z[2], "g": z[3]}, 2.0 / n
        y = jax.lax.fori_loop(0, n, lambda i, y: DOP853().step(pendulum, i * h, y, a, h), y)
        return jnp.stack([y["p"], y["q"]])

    first, second = jax.jit(lambda z: (jax.jacfwd(end)(z), jax.jacfwd(jax.jacfwd(end))(z)))(z)
    # Order 8 at h = 0.01 is far below round-off, of which each has a few hundred operations.
    np.testing.assert_allclose(found.first[0], first, rtol=0, atol=1e3 * EPS * np.max(np.abs(first)))
    assert found.second is not None
    np.testing.assert_allclose(found.second[0], second, rtol=0, atol=1e3 * EPS * np.max(np.abs(second)))
    assert found.n_state == 2


def test_first_order_is_the_push():
    flow = cc.Flow(lambda t, y, a: jnp.stack([y[1], -jnp.sin(y[0])]), dt=0.5, x0=[1.0, 0.3], stepper=Taylor())
    found = taylor_derivatives(flow, duration=0.5)
    _, V = flow.push(flow.x0, None, jnp.eye(2))
    np.testing.assert_allclose(found.first[0], V.T, rtol=0, atol=50 * EPS)
    assert found.second is None


@pytest.mark.parametrize("options", [{"order": 3}, {"order": 0}, {"parameters": True}, {"duration": None}])
def test_refusals(options):
    flow = cc.Flow(lambda t, y, a: -y, dt=0.5, x0=[1.0])
    with pytest.raises(ParameterError):
        taylor_derivatives(flow, **{"duration": 1.0, **options})
