"""Switches that the coefficients of a series do not tell of: a steep tanh far from its middle is one to all digits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import cocycle as cc
from cocycle.steppers import Event, Flow, Taylor, locate_events, taylor_ensemble, taylor_orbit
from cocycle.steppers.series import program

STEEP, AT, END = 2000.0, 3.0, 7.0


def ramp(t, y, a):
    """y[1] is a clock; y[0] grows at the rate 1 before AT, 2 after."""
    return jnp.stack([1.0 + 0.5 * (1.0 + jnp.tanh(a * (y[1] - AT))), jnp.ones_like(y[1])])


def exact(t):
    """Integral of the ramp from 0, without overflow."""

    def log_cosh(x):
        return np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))) - np.log(2.0)

    return 1.5 * t + 0.5 * (log_cosh(STEEP * (t - AT)) - log_cosh(STEEP * AT)) / STEEP


FLOW = Flow(ramp, STEEP, dt=0.5, x0=[0.0, 0.0])
# Steps are held to tol, 50 of them cross the switch; errors of the rate are not amplified.
ALLOWED = 50.0


@pytest.mark.parametrize("tol", [1e-6, 1e-9, 1e-12])
def test_a_steep_switch_is_not_stepped_over(tol):
    stepper = Taylor(tol)
    end = jax.jit(lambda dt: stepper.step(ramp, 0.0, jnp.zeros(2), STEEP, dt))
    assert abs(end(END)[0] - exact(END)) < ALLOWED * tol
    start = jax.jit(lambda y: stepper.step(ramp, 0.0, y, STEEP, -END))(jnp.array([exact(END), END]))
    assert np.max(np.abs(start)) < ALLOWED * tol
    times = np.linspace(0.1, END, 40)
    assert np.max(np.abs(taylor_orbit(FLOW, times=times, stepper=stepper).x[:, 0] - exact(times))) < ALLOWED * tol
    many = taylor_ensemble(FLOW, jnp.array([[0.0, 0.0], [1.0, 0.0]]), duration=END, stepper=stepper)
    assert np.max(np.abs(np.asarray(many)[:, 0, 0] - [exact(END), 1 + exact(END)])) < ALLOWED * tol


def test_without_looking_it_would_be(monkeypatch):
    """What the other tests guard against is there."""
    monkeypatch.setattr(program, "may_hide", lambda instructions: False)
    end = jax.jit(lambda dt: Taylor(1e-9).step(lambda t, y, a: ramp(t, y, a), 0.0, jnp.zeros(2), STEEP, dt))(END)
    assert abs(end[0] - exact(END)) > 1.0


def test_tangents_and_gradients_see_the_switch():
    """A clock that is ahead by s reaches the switch s earlier: the growth by s more."""
    exact_tangents, tol = np.array([[1.0, 0.0], [1.0, 1.0]]), 1e-10
    # Within the switch tangents turn at the rate STEEP / 2, which is what the tolerance is multiplied with.
    allowed = STEEP * tol
    V = Taylor(tol).push(ramp, 0.0, jnp.zeros(2), STEEP, END, jnp.eye(2))[1]
    assert np.allclose(V, exact_tangents, rtol=0, atol=allowed)
    forward = jax.jacfwd(lambda y: Taylor(tol).step(ramp, 0.0, y, STEEP, END))(jnp.zeros(2))
    assert np.allclose(forward, exact_tangents.T, rtol=0, atol=allowed)
    stepper = Taylor(tol, reverse=True, max_steps=300)
    reverse = jax.jacrev(lambda y: stepper.step(ramp, 0.0, y, STEEP, END))(jnp.zeros(2))
    assert np.allclose(reverse, exact_tangents.T, rtol=0, atol=allowed)

    def higher(t, y, b):
        return ramp(t, y, STEEP) * jnp.stack([b, 1.0])

    by_height = jax.grad(lambda b: stepper.step(higher, 0.0, jnp.zeros(2), b, END)[0])(1.0)
    assert abs(by_height - exact(END)) < allowed


def test_a_sample_at_the_start_alone():
    """Nothing is left to go then, which is no failure."""
    found = taylor_orbit(FLOW, times=[0.0])
    assert found.x.tolist() == [[0.0, 0.0]]
    assert found.status == cc.Status.OK


def test_pulses_that_are_off_at_both_ends_of_a_step():
    """A square wave of steep tanh, whose quiet stretches allow steps across whole pulses."""

    def wave(t, y, a):
        return jnp.stack([0.5 * (1.0 + jnp.tanh(a * jnp.sin(2 * jnp.pi * y[1]))), jnp.ones_like(y[1])])

    period = quad(lambda s: 0.5 * (1 + np.tanh(60 * np.sin(2 * np.pi * s))), 0, 1, points=[0.5], epsabs=1e-13)[0]
    found = taylor_orbit(Flow(wave, 60.0, dt=0.5, x0=[0.0, 0.25]), times=np.arange(1.0, 6.0), stepper=Taylor(1e-9)).x
    assert np.max(np.abs(found[:, 0] - period * np.arange(1, 6))) < 1e-6


def test_events_beyond_a_switch():
    table = locate_events(FLOW, events=[Event(lambda t, y, a: y[0] - 7.0)], duration=END, stepper=Taylor(1e-12))
    # At the rate 1 up to 3, at the rate 2 from there on.
    assert abs(float(table.t[0]) - 5.0) < 1e-9


@pytest.mark.parametrize(
    ("field", "hides"),
    [
        (lambda t, y, a: jnp.tanh(y), True),
        (lambda t, y, a: y**4 / (1.0 + y**4), True),
        (lambda t, y, a: jnp.exp(-(y**2)), True),
        (lambda t, y, a: jnp.sin(y) / 3.0 + jnp.sqrt(1 + y * y) * jnp.log(2 + y * y) - y**3, False),
    ],
)
def test_which_fields_are_looked_at(field, hides):
    assert Taylor(1e-9).program(field, jnp.zeros(()), jnp.ones(2), None).hides is hides


def test_the_magnetosphere_of_the_catalogue():
    """tanh(2200 (i - 1)): heyoka's steps go across it at any tolerance, and so did ours."""
    flow: Any = cc.systems.catalogue["windmi_reduced"].make()
    times = np.linspace(0.1, 14.0, 20)  # three of its periods
    pair = cc.steppers.dense_orbit(flow.field, flow.x0, times, flow.args, rtol=1e-12, atol=1e-12)
    found = taylor_orbit(flow, times=times, stepper=Taylor(1e-10)).x
    # Two solvers, each within its tolerance; the largest exponent (0.1) amplifies errors threefold over this time.
    assert np.max(np.abs(found - pair)) < 1e-6
