"""Delay equations by the method of steps: closed solutions, independent code, kinks, failures, what has no series."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.integrate import solve_ivp

import cocycle as cc
from cocycle.core.errors import NonFiniteStateError, NoSeriesError, ParameterError
from cocycle.core.run import Status
from cocycle.steppers import DelayFlow, Taylor, delay_orbit
from cocycle.steppers.delay_orbit import ROOM, kinks

EPS = np.finfo(float).eps


def late_decay(t, y, past, a):
    return -past


def pair_of_delays(t, y, past, a):
    return a[0] * past[0] + a[1] * past[1]


COSINE = DelayFlow(late_decay, delays=np.pi / 2, dt=0.1, x0=jnp.cos)


def by_steps(weights, delays, end):
    """Pieces (start a, polynomial in t - a) of y' = sum of w y(t - tau), y = 1 for t <= 0: exact but for rounding."""
    m = len(delays)
    sums = {sum(n * d for n, d in zip(c, delays, strict=True)) for c in itertools.product(range(40), repeat=m)}
    grid = [t for t in sorted(sums) if t <= end]
    nodes = [t for t, before in zip(grid, [-1.0, *grid], strict=False) if t - before > 1e-12] + [end]
    pieces = [(-1e3, Polynomial([1.0]))]
    for a, b in itertools.pairwise(nodes):
        slope = Polynomial([0.0])
        for w, d in zip(weights, delays, strict=True):
            begin, past = next(p for p in reversed(pieces) if p[0] <= (a + b) / 2 - d)
            slope = slope + w * past(Polynomial([a - d - begin, 1.0]))
        before, last = pieces[-1]
        pieces.append((a, slope.integ() + last(a - before)))
    return pieces


def evaluated(pieces, times):
    found = [next(p for p in reversed(pieces) if p[0] <= t) for t in times]
    return np.array([polynomial(t - a) for t, (a, polynomial) in zip(times, found, strict=True)])


@pytest.mark.parametrize("tol", [1e-6, 1e-9, EPS])
def test_a_history_that_solves_the_equation_goes_on(tol):
    times = np.linspace(0.01, 100.0, 3000)  # more than one compiled call makes
    found = delay_orbit(COSINE, times=times, stepper=Taylor(tol))
    # Roots of s + exp(-s pi/2) = 0 lie at or left of the imaginary axis, so errors add up, of fewer than 2 steps a
    # unit of time, with their rounding.
    np.testing.assert_allclose(found.x, np.cos(times), rtol=0, atol=200 * (tol + EPS))
    np.testing.assert_array_equal(found.t, times)


def test_polynomials_of_the_method_of_steps():
    flow = DelayFlow(late_decay, delays=1.0, dt=0.1, x0=1.0)
    times = np.linspace(0.05, 8.0, 160)
    found = delay_orbit(flow, times=times, stepper=Taylor(1e-12))
    # Polynomials of a degree up to 8, below the order: rounding of the 160 values is all.
    np.testing.assert_allclose(found.x, evaluated(by_steps([-1.0], [1.0], 8.0), times), rtol=0, atol=160 * EPS)


def test_two_incommensurate_delays_with_all_their_kinks():
    weights, delays = (-0.7, 0.4), (1.0, np.sqrt(2.0))
    flow = DelayFlow(pair_of_delays, jnp.array(weights), delays=delays, dt=0.1, x0=1.0)
    times = np.linspace(0.02, 6.0, 300)
    found = delay_orbit(flow, times=times, stepper=Taylor(1e-12))
    truth = evaluated(by_steps(weights, delays, 6.0), times)
    # Fewer than 60 steps, and again polynomials below the order.
    np.testing.assert_allclose(found.x, truth, rtol=0, atol=60 * EPS)


def test_kinks_are_sums_of_delays():
    found = kinks([1.0, np.sqrt(2.0)], 3, 10.0)
    sums = sorted({a + b * np.sqrt(2.0) for a in range(4) for b in range(4) if 0 < a + b <= 3})
    np.testing.assert_allclose(found[: len(sums)], sums, rtol=1e-15)
    assert np.all(np.isinf(found[len(sums) :]))
    assert len(kinks([0.1, 0.2, 0.3], 13, 100.0)[:-1]) < 64  # 39 different ones among 560 sums
    with pytest.raises(ParameterError, match="kinks"):
        kinks(np.sqrt(np.arange(2.0, 12.0)).tolist(), 13, 1e3)


def test_a_field_of_time_and_a_state_of_several_leaves():
    def forced(t, y, past, a):
        return {"s": -past["s"] + jnp.cos(t) + jnp.sin(t - 1.0), "v": past["v"] * a}

    def history(t):
        return {"s": jnp.sin(t), "v": jnp.array([1.0, 2.0]) * jnp.exp(t)}

    flow = DelayFlow(forced, jnp.e, delays=1.0, dt=0.1, x0=history)
    found = delay_orbit(flow, times=[0.5, 1.0, 3.25], stepper=Taylor(1e-13))
    np.testing.assert_allclose(found.x["s"], np.sin(found.t), rtol=0, atol=30 * 1e-13)
    # e is rounded, and so is its product with the past.
    np.testing.assert_allclose(found.x["v"], np.exp(found.t)[:, None] * [1.0, 2.0], rtol=1e-12)
    assert found.final.nodes["v"].shape == (11, 2)


def test_arrays_are_carried_whole():
    phases = jnp.linspace(0.0, 3.0, 50)
    flow = DelayFlow(late_decay, delays=np.pi / 2, dt=0.1, x0=lambda t: jnp.cos(t + phases))
    found = delay_orbit(flow, times=[1.0, 20.0])
    np.testing.assert_allclose(found.x, np.cos(np.add.outer(found.t, phases)), rtol=0, atol=40 * 1e-12)


def test_room_for_the_past_grows():
    delay = 2 * np.pi * 150 + np.pi / 2
    flow = DelayFlow(late_decay, delays=delay, dt=1.0, x0=jnp.cos)
    times = np.linspace(1.0, 1.5 * delay, 200)
    found = delay_orbit(flow, times=times, stepper=Taylor(1e-10))
    # Two delays and less: errors of up to 1,500 steps are integrated once.
    np.testing.assert_allclose(found.x, np.cos(times), rtol=0, atol=1500 * 1e-10)
    assert delay > ROOM * 2  # steps are no longer than 2 here


def test_the_final_history_can_be_stepped_on():
    found = delay_orbit(COSINE, duration=5.0)
    # On the grid of dt: nodes of a cosine and its slopes.
    n = len(found.final.nodes)
    at = found.t[-1] - 0.1 * np.arange(n - 1, -1, -1)
    np.testing.assert_allclose(found.final.nodes, np.cos(at), rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.final.slopes, -np.sin(at[:-1]), rtol=0, atol=1e-10)
    end = cc.run(COSINE, found.final, n_steps=20)
    assert abs(float(COSINE.observe(end)) - np.cos(7.0)) < 1e-5  # dt^4 / 10
    early = delay_orbit(DelayFlow(late_decay, delays=1.0, dt=0.1, x0=1.0), times=[0.3])
    assert int(early.final.age) == 3
    on = cc.run(DelayFlow(late_decay, delays=1.0, dt=0.1, x0=1.0), early.final, n_steps=3)
    np.testing.assert_allclose(on.nodes[-1], 1.0 - 0.6, rtol=0, atol=10 * EPS)  # a straight line up to t = 1


def test_against_scipy_interval_by_interval():
    """Mackey and Glass's equation, each delay an ordinary one forced by the dense output of the one before."""
    b, g, tau = 0.2, 0.1, 17.0
    glass = cc.systems.MackeyGlass()
    times = np.linspace(0.5, 5 * tau, 170)
    found = delay_orbit(glass, times=times, stepper=Taylor(1e-13))
    past, y, parts = (lambda t: 1.2), 1.2, []
    for k in range(5):
        inside = times[(times > k * tau) & (times <= (k + 1) * tau)]

        def field(t, y, past=past):
            late = past(t - tau)
            return b * late / (1 + late**10) - g * y

        done = solve_ivp(
            field, (k * tau, (k + 1) * tau), [y], method="DOP853", rtol=1e-12, atol=1e-13, dense_output=True,
            max_step=0.1,
        )  # fmt: skip
        past, y = (lambda t, s=done.sol: s(t)[0]), done.y[0, -1]
        parts.append(done.sol(inside)[0])
    # The dense output is of order 7: 0.1^8 times a derivative of up to 100, over 850 steps.
    np.testing.assert_allclose(found.x, np.concatenate(parts), rtol=0, atol=1e-9)


def test_explosion_is_an_error_or_a_status():
    grows = DelayFlow(lambda t, y, past, a: y**2 + past, delays=1.0, dt=0.1, x0=1.0)
    with pytest.raises(NonFiniteStateError, match="explodes"):
        delay_orbit(grows, times=[0.5, 2.0])
    found = delay_orbit(grows, times=[0.5, 2.0], throw=False)
    assert found.status is Status.NON_FINITE
    assert len(found.t) == 1
    np.testing.assert_allclose(found.final.nodes[-1], found.x[-1], rtol=1e-15)


def test_refused():
    with pytest.raises(NoSeriesError, match="abs"):
        delay_orbit(DelayFlow(lambda t, y, past, a: -jnp.abs(past), delays=1.0, dt=0.1, x0=1.0), duration=1.0)
    with pytest.raises(NoSeriesError, match="abs"):
        delay_orbit(COSINE, lambda t: jnp.abs(t + 0.5), duration=1.0)
    with pytest.raises(ParameterError, match="not unique"):
        delay_orbit(COSINE, duration=-1.0)
    with pytest.raises(ParameterError, match="DelayState"):
        delay_orbit(COSINE, COSINE.initial_state(1.0), duration=1.0)
    with pytest.raises(ParameterError, match="no history"):
        delay_orbit(DelayFlow(late_decay, delays=1.0, dt=0.1), duration=1.0)
    with pytest.raises(ParameterError, match="host loop"):
        jax.jit(lambda x: delay_orbit(COSINE, x, duration=1.0).x)(1.0)
