"""Brouwer's law: at round-off the energy of Henon-Heiles walks at random; and orbits can be turned back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.steppers import Taylor, taylor_ensemble
from cocycle.steppers.series.line import UNEVEN, shared

EPS = np.finfo(float).eps
# A guard keeps truncation below rounding from 1e-15 on.
TIGHT = Taylor(1e-15, max_steps=10**9)


def henon_heiles(t, y, a):
    return jnp.stack([y[2], y[3], -y[0] - 2 * y[0] * y[1], -y[1] - y[0] * y[0] + y[1] * y[1]])


FLOW = cc.Flow(henon_heiles, dt=1.0, x0=[0.0, 0.1, 0.35, 0.1], stepper=TIGHT)


def energy(y):
    q, p, v, w = np.moveaxis(np.asarray(y).astype(np.longdouble), -1, 0)
    return (v * v + w * w + q * q + p * p) / 2 + q * q * p - p**3 / 3


def drifts(times, n_orbits):
    """Relative errors of the energy (orbits, time)."""
    y = np.asarray(FLOW.x0) + 0.05 * np.random.default_rng(0).normal(size=(n_orbits, 4))
    found = taylor_ensemble(FLOW, y, times=times, block=64)
    return ((energy(found) - energy(y)[:, None]) / energy(y)[:, None]).astype(float)


def exponent(errors, times):
    """Slope of the root mean square over orbits against time, and its standard error by leaving out orbits."""

    def slope(errors):
        return np.polyfit(np.log(times), np.log(np.mean(errors**2, axis=0)) / 2, 1)[0]

    n = len(errors)
    without = [slope(np.delete(errors, i, axis=0)) for i in range(n)]
    return slope(errors), np.sqrt((n - 1) * np.var(without))


@pytest.mark.parametrize(
    ("duration", "n_orbits"),
    [(2e4, 64), pytest.param(1e6, 64, marks=pytest.mark.slow)],  # the slow one: 60 s
)
def test_the_energy_walks_at_random(duration, n_orbits):
    times = duration * 2.0 ** np.arange(-7, 1)
    errors = drifts(times, n_orbits)
    found, stderr = exponent(errors, times)
    # z = 4: a false alarm in 16,000. (With 1 / 3 rounded to one number the mean is off by 9 standard errors at 2e4.)
    assert abs(found - 0.5) < 4 * stderr
    assert stderr < 0.1
    assert abs(np.mean(errors[:, -1])) < 4 * np.std(errors[:, -1]) / np.sqrt(n_orbits)
    # Some 3 steps a unit of time, each rounding a few numbers of the size of the state.
    assert np.sqrt(np.mean(errors[:, -1] ** 2)) < 10 * EPS * np.sqrt(3 * duration)


def test_quotients_have_no_bias():
    """a / k for many a: the mean error is that of rounding at random, which one rounded constant is not."""
    a = np.random.default_rng(1).uniform(1.0, 2.0, 20_000)
    for k in UNEVEN:
        exact = a.astype(np.longdouble) / k
        error = np.asarray(((np.asarray(jax.jit(lambda a, k=k: shared(a, k))(a)) - exact) / exact), dtype=float)
        assert abs(np.mean(error)) < 4 * np.std(error) / np.sqrt(len(a))
        assert np.max(np.abs(error)) < 1.5 * EPS


def test_an_orbit_returns_when_time_is_reversed():
    """Forth and back over 100 units: each rounding grows at most like the tangents of the orbit."""
    duration = 100.0
    y = jnp.asarray([0.0, 0.1, 0.54, 0.1])
    run = jax.jit(lambda y, dt: TIGHT.step(henon_heiles, 0.0, y, None, dt))
    back = run(run(y, duration), -duration)
    tangents = jax.jit(lambda V: Taylor(1e-9).push(henon_heiles, 0.0, y, None, duration, V)[1])
    growth = np.linalg.norm(tangents(jnp.eye(4)), 2)
    # 3 steps a unit of time, both ways, a rounding of size below 1 each; half of the growth lies behind a mean one.
    assert growth > 1e4
    assert np.max(np.abs(back - y)) < 2 * 3 * duration * EPS * growth
