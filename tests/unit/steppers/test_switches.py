"""Fields that are not analytic: switches located, crossed by Runge-Kutta, or refused; against closed solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import NoSeriesError, ParameterError
from cocycle.steppers import Event, Switches, Taylor, locate_events, taylor_orbit
from cocycle.steppers.abstract import push_step

EPS = np.finfo(float).eps
WAYS = [Switches.LOCATE, Switches.RUNGE_KUTTA]
CROSSINGS = 9


def stiffer_below(t, y, a):
    """x'' = -x above zero, -4 x below: a kink in the field."""
    return jnp.stack([y[1], -jnp.where(y[0] > 0, y[0], 4 * y[0])])


def between_walls(t, y, a):
    """x'' = -sign(x): a jump in the field."""
    return jnp.stack([y[1], -jnp.sign(y[0])])


def drag(t, y, a):
    """x'' = -1 - |x'| x'."""
    return jnp.stack([y[1], -1.0 - jnp.abs(y[1]) * y[1]])


def piecewise(t):
    """Solution from (0, 1) at t = 0: half periods pi above and pi / 2 below."""
    t = np.mod(t, 1.5 * np.pi)
    below = t - np.pi
    above = t < np.pi
    x = np.where(above, np.sin(t), -0.5 * np.sin(2 * below))
    return np.stack([x, np.where(above, np.cos(t), -np.cos(2 * below))], axis=-1)


def end(field, stepper, y, duration):
    return np.asarray(jax.jit(lambda y: stepper.step(field, 0.0, y, None, duration))(jnp.asarray(y)))


@pytest.mark.parametrize("switches", WAYS)
def test_error_follows_the_tolerance(switches):
    tolerances = (1e-6, 1e-11)
    phase, duration = 0.5, 1.5 * np.pi / 2 * CROSSINGS
    kink, jump = [], []
    for tol in tolerances:
        stepper = Taylor(tol, switches=switches)
        found = end(stiffer_below, stepper, piecewise(phase), duration)
        kink.append(np.max(np.abs(found - piecewise(phase + duration))))
        # Parabolas of height 1/2, a quarter of a period in one unit of time.
        jump.append(np.max(np.abs(end(between_walls, stepper, [0.5, 0.0], 2.0 * CROSSINGS) - [-0.5, 0.0])))
    # A crossing leaves at most 4.3 tolerances in the state, a dozen steps one each; an error of the energy turns
    # into one of the phase, which grows with the number of crossings that follow.
    allowed = (4.3 + 12) * CROSSINGS * (1 + 2.0 * CROSSINGS) * np.asarray(tolerances)
    assert np.all(np.asarray(kink) < allowed)
    assert np.all(np.asarray(jump) < allowed)


@pytest.mark.parametrize("switches", WAYS)
def test_samples_across_a_kink(switches):
    stepper = Taylor(1e-8, switches=switches)
    found = taylor_orbit(cc.Flow(stiffer_below, dt=0.01, x0=piecewise(0.5), stepper=stepper), duration=6.0)
    # Two crossings, and the steps in between.
    np.testing.assert_allclose(found.x, piecewise(found.t + 0.5), rtol=0, atol=100 * 1e-8)


@pytest.mark.parametrize("switches", WAYS)
def test_tangents_across_a_kink(switches):
    """All orbits have the same period: the derivative of its map is the identity."""
    stepper = Taylor(1e-8, switches=switches)
    y, V, period = jnp.asarray(piecewise(0.5)), jnp.eye(2), 1.5 * np.pi
    pushed = jax.jit(lambda V: push_step(stepper, stiffer_below, 0.0, y, None, period, V)[1])
    np.testing.assert_allclose(pushed(V), V, rtol=0, atol=100 * 1e-8)


def test_reverse_gradients_across_a_kink():
    stepper = Taylor(1e-6, switches=Switches.RUNGE_KUTTA, reverse=True, max_steps=64)
    y = jnp.asarray(piecewise(0.5))
    end = lambda scale: stepper.step(stiffer_below, 0.0, scale * y, None, 1.5 * np.pi)[0]  # noqa: E731
    # The solution is homogeneous in the initial state.
    np.testing.assert_allclose(jax.jit(jax.grad(end))(1.0), np.sin(0.5), rtol=0, atol=100 * 1e-6)


def test_refusals():
    with pytest.raises(NoSeriesError, match="abs"):
        cc.Flow(drag, dt=0.1, x0=[0.0, 2.0], stepper=Taylor(switches=Switches.REFUSE))
    across = cc.Flow(drag, dt=0.1, x0=[0.0, 2.0], stepper=Taylor(switches=Switches.RUNGE_KUTTA))
    with pytest.raises(ParameterError, match=r"Switches\.LOCATE"):
        locate_events(across, events=[Event(lambda t, y, a: y[0])], duration=1.0)


def test_an_analytic_field_is_the_same_under_all_options():
    ends = [end(lambda t, y, a: -y, Taylor(1e-9, switches=s), [1.0], 1.0) for s in Switches]
    assert ends[0] == ends[1] == ends[2]
