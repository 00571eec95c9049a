"""Poincare maps against closed solutions, differences, and the exponents of the flow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

import cocycle as cc
from cocycle.core.errors import ParameterError
from cocycle.steppers import PoincareMap, Taylor

EPS = np.finfo(float).eps


def pendulum(t, y, a):
    return jnp.stack([y[1], -jnp.sin(y[0])])


def lorenz(t, y, a):
    x, y, z = y
    return jnp.stack([10.0 * (y - x), x * (a - z) - y, x * y - 8 / 3 * z])


def hopf(t, y, a):
    """A circle of radius 1, attracting at rate 2 a, turning once in 2 pi."""
    r = jnp.sum(y * y)
    return a * (1 - r) * y + jnp.stack([-y[1], y[0]])


PENDULUM = cc.Flow(pendulum, dt=0.1, x0=[0.0, 1.4], stepper=Taylor())
LORENZ = cc.Flow(lorenz, 28.0, dt=0.01, x0=[1.0, 2.0, 20.0], stepper=Taylor(1e-12))


@pytest.mark.parametrize(("direction", "periods"), [(1, 1.0), (0, 0.5)])
def test_period_of_the_pendulum(direction, periods):
    returns = PoincareMap(PENDULUM, lambda x, a: x[0], direction=direction)
    found = jax.jit(lambda x: returns.crossing(x))(returns.x0)
    # T = 4 K(k^2), k = 0.7; some 20 steps at round-off.
    assert abs(found.duration - periods * 4 * special.ellipk(0.49)) < 20 * 8 * 10 * EPS
    assert abs(found.x[0]) < 8 * EPS


def test_multiplier_of_a_limit_cycle():
    tol = 1e-12
    cycle = cc.Flow(hopf, 0.3, dt=0.1, x0=[1.0, 0.0], stepper=Taylor(tol))
    returns = PoincareMap(cycle, lambda x, a: x[1])
    x, V = jax.jit(lambda x: returns.push(x, None, jnp.eye(2)))(returns.x0)
    # The multiplier per turn is exp(-2 a 2 pi), along the section; some 30 steps, the flow carries what they leave.
    np.testing.assert_allclose(V, [[np.exp(-0.6 * 2 * np.pi), 0.0], [0.0, 0.0]], rtol=0, atol=30 * tol)
    np.testing.assert_allclose(x, [1.0, 0.0], rtol=0, atol=30 * tol)


def test_crossings_of_lorenz_lie_on_the_section_and_tangents_are_derivatives():
    returns = PoincareMap(LORENZ, lambda x, a: x[2] - (a - 1), direction=-1)
    orbit = cc.trajectory(returns, n_steps=50)
    # The last evaluation of a state of size 40.
    assert np.max(np.abs(orbit.x[:, 2] - 27.0)) < 8 * 40 * EPS
    x, v = jnp.asarray(orbit.final), jnp.array([0.6, -0.8, 0.0])
    step = jax.jit(lambda s: returns.step(x + s * v, None))
    h = EPS ** (1 / 3)
    near, far = ((step(s) - step(-s)) / (2 * s) for s in (h, 2 * h))
    _, V = returns.push(x, None, v[None])
    # The truncation of differences, by halving, and their round-off at tolerance 1e-12.
    np.testing.assert_allclose(V[0], near, rtol=0, atol=np.max(np.abs(near - far)) + 1e-10 / h)


def test_the_flow_and_its_map_have_one_exponent():
    returns = PoincareMap(LORENZ, lambda x, a: x[2] - (a - 1), direction=-1, stepper=Taylor(1e-8))
    n = 2000
    per_crossing = cc.lyapunov_spectrum(returns, n_steps=n, n_vectors=1)

    @jax.jit
    def times(x):
        def one(x, _):
            crossing = returns.crossing(x)
            return crossing.x, crossing.duration

        return jax.lax.scan(one, x, None, length=200)[1]

    durations = np.asarray(times(returns.x0))
    mean, sd = np.mean(durations[20:]), np.std(durations[20:])
    found = per_crossing.exponents[0] / mean
    # 0.9056 (Sprott), sampling errors of exponent and mean duration at 5 standard errors.
    error = 5 * (per_crossing.stderr[0] / mean + 0.9056 * sd / mean / np.sqrt(180))
    assert abs(found - 0.9056) < error
    assert error < 0.1


def test_refusals():
    with pytest.raises(ParameterError, match="direction"):
        PoincareMap(PENDULUM, lambda x, a: x[0], direction=2)
    driven = cc.Flow(lambda t, y, a: y * jnp.cos(t), dt=0.5, x0=[1.0])
    with pytest.raises(ParameterError, match="time"):
        PoincareMap(driven, lambda x, a: x[0])


def test_a_crossing_that_never_comes():
    returns = PoincareMap(PENDULUM, lambda x, a: x[0] - 5.0, stepper=Taylor(max_steps=50))
    assert np.all(np.isnan(jax.jit(lambda x: returns.step(x, None))(returns.x0)))
