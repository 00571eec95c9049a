"""Orbits from polynomials: any grid, both directions, failures; against closed solutions and single steps."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError, ShapeError
from cocycle.core.run import Status
from cocycle.steppers import RK4, Taylor, orbit, taylor_ensemble, taylor_orbit

EPS = np.finfo(float).eps


def circle(t, y, a):
    return a * jnp.stack([y[1], -y[0]])


def wide(t, y, a):
    return a * jnp.concatenate([y[20:], -y[:20]])


CIRCLE = cc.Flow(circle, 1.0, dt=0.1, x0=[0.0, 1.0], stepper=Taylor())
WIDE = cc.Flow(wide, 1.0, dt=0.1, x0=jnp.concatenate([jnp.zeros(20), jnp.ones(20)]), stepper=Taylor())


@pytest.mark.parametrize("system", [CIRCLE, WIDE])
@pytest.mark.parametrize(
    "times", [np.linspace(0.0, 30.0, 1000), [0.5, 0.50001, 20.0], -np.linspace(0.1, 30.0, 57), [0.0]]
)
def test_any_grid(system, times):
    found = taylor_orbit(system, times=times)
    # A phase error of a rounding per series step, of which there are about 4 in a unit of time; t itself is rounded.
    np.testing.assert_allclose(found.x[:, 0], np.sin(times), rtol=0, atol=4 * 30 * 4 * EPS)
    assert found.status is Status.OK
    np.testing.assert_array_equal(found.t, times)


def test_duration_samples_like_trajectory():
    found = taylor_orbit(CIRCLE, duration=2.0)
    other = cc.trajectory(CIRCLE, n_steps=20)
    np.testing.assert_allclose(found.t, other.t, rtol=1e-14)
    np.testing.assert_allclose(found.x, other.x, rtol=0, atol=50 * EPS)
    np.testing.assert_allclose(found.final, other.final, rtol=0, atol=50 * EPS)
    back = taylor_orbit(CIRCLE, found.final, duration=-2.0, t0=2.0)
    assert back.t[-1] == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(back.final, CIRCLE.x0, rtol=0, atol=100 * EPS)


def test_a_field_of_time_and_another_stepper():
    driven = cc.Flow(lambda t, y, a: y * jnp.cos(t), dt=0.5, x0=[1.0], stepper=RK4())
    found = taylor_orbit(driven, duration=20.0)
    np.testing.assert_allclose(found.x[:, 0], np.exp(np.sin(found.t)), rtol=0, atol=20 * 10 * 8 * EPS)


def test_an_orbit_at_rest():
    rest = cc.Flow(lambda t, y, a: y * 0.0, dt=1.0, x0=[1.0, 2.0])
    np.testing.assert_array_equal(taylor_orbit(rest, duration=5.0).x, np.tile([1.0, 2.0], (5, 1)))


def test_many_rows_come_in_chunks():
    times = np.linspace(0.001, 100.0, 100_000)
    found = taylor_orbit(CIRCLE, times=times)
    np.testing.assert_allclose(found.x[:, 1], np.cos(times), rtol=0, atol=4 * 100 * 4 * EPS)


def test_explosion_is_located():
    blow_up = cc.Flow(lambda t, y, a: y * y, dt=0.25, x0=[1.0])
    with pytest.raises(NonFiniteStateError, match="beyond t = ") as caught:
        taylor_orbit(blow_up, duration=2.0)
    assert caught.value.step == 3
    found = taylor_orbit(blow_up, duration=2.0, throw=False)
    assert found.status is Status.NON_FINITE
    # y = 1 / (1 - t) at 1/4, 1/2, 3/4, whose condition is 1 / (1 - t).
    np.testing.assert_allclose(found.x[:, 0], [4 / 3, 2.0, 4.0], rtol=100 * EPS)


def test_interrupt_keeps_what_is_done(monkeypatch):
    calls = []
    chunk = orbit._Orbit.chunk

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return chunk(self, *arguments)

    monkeypatch.setattr(orbit._Orbit, "chunk", interrupted)
    with pytest.warns(InterruptedWarning):
        found = taylor_orbit(CIRCLE, times=np.linspace(0.0, 300.0, 5000))
    assert found.status is Status.INTERRUPTED
    np.testing.assert_allclose(found.x[:, 0], np.sin(found.t), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "options",
    [{}, {"duration": 1.0, "times": [1.0]}, {"duration": 0.01}, {"times": []}, {"times": [1.0, 0.5, 2.0]},
     {"times": [-1.0, 1.0]}, {"times": [1.0, 1.0]}, {"times": [np.nan]}],
)  # fmt: skip
def test_bad_times_are_refused(options):
    with pytest.raises(ParameterError):
        taylor_orbit(CIRCLE, **options)


def test_ensemble():
    y = np.stack([np.zeros(100), np.arange(1.0, 101.0)], axis=1)
    found = taylor_ensemble(CIRCLE, y, times=[1.0, 3.0], block=16)
    expected = np.arange(1.0, 101.0)[:, None] * np.sin([1.0, 3.0])
    np.testing.assert_allclose(found[:, :, 0], expected, rtol=0, atol=100 * 20 * 4 * EPS)
    one = taylor_ensemble(CIRCLE, y[:3], duration=-1.0)
    np.testing.assert_allclose(one[:, 0, 0], -np.arange(1.0, 4.0) * np.sin(1.0), rtol=0, atol=50 * EPS)
    with pytest.raises(ShapeError):
        taylor_ensemble(CIRCLE, 1.0, duration=1.0)
    with pytest.raises(ParameterError):
        taylor_ensemble(CIRCLE, y, duration=1.0, block=0)
