"""Events and flows with jumps: closed forms of bouncing balls and impact oscillators, differences, an identity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError, ShapeError
from cocycle.core.run import Status
from cocycle.steppers import Event, HybridFlow, Taylor, event_table, locate_events, saltation_matrix
from cocycle.testing import check_system

EPS = np.finfo(float).eps


def falling(t, y, a):
    return jnp.stack([y[1], -a["g"]])


def bounce(t, y, a):
    return jnp.stack([y[0], -a["r"] * y[1]])


def height(t, y, a):
    return y[0]


def spring(t, y, a):
    return jnp.stack([y[1], -y[0]])


# Flights are parabolas, so that order 8 is as exact as any.
EXACT = Taylor(order=8)
FALL = cc.Flow(falling, {"g": 1.0, "r": 0.9}, dt=0.5, x0=[1.0, 0.0], stepper=EXACT)
FLOOR = Event(height, direction=-1, jump=bounce, name="floor")
BALL = HybridFlow(FALL, [FLOOR])
SPRING = cc.Flow(spring, {"r": 0.9}, dt=np.pi / 2, x0=[np.cos(0.3), -np.sin(0.3)], stepper=Taylor())


def test_bouncing_ball():
    found = locate_events(FALL, events=[FLOOR], duration=15.0)
    v, n = np.sqrt(2.0), np.arange(len(found.t))
    # The ball falls for v, then each flight lasts twice its speed, which shrinks by r.
    expected = v + 2 * v * 0.9 * (1 - 0.9**n) / 0.1
    assert len(n) == 8
    # One rounding of the time and of the state an arc.
    np.testing.assert_allclose(found.t, expected, rtol=0, atol=8 * 15 * EPS)
    np.testing.assert_allclose(found.x[:, 1], -v * 0.9**n, rtol=0, atol=8 * 4 * EPS)
    np.testing.assert_allclose(found.after[:, 1], v * 0.9 ** (n + 1), rtol=0, atol=8 * 4 * EPS)
    assert found.status is Status.OK
    assert found.t_final == 15.0
    assert found.names == ("floor",)


def test_thresholds_directions_and_terminal_events():
    up, down = (Event(lambda t, y, a: y[1] - 0.5, direction=d) for d in (1, -1))
    both, late = Event(lambda t, y, a: y[1]), Event(lambda t, y, a: t - 10.0, terminal=True)
    found = locate_events(SPRING, events=[up, down, both, late], duration=100.0)
    # y1 = -sin(t + 0.3): rises through 1/2 at 7 pi / 6, falls at 11 pi / 6, vanishes at multiples of pi.
    expected = np.array([7, 19, 11, 6, 12, 18]) / 6 * np.pi - 0.3
    got = np.concatenate([found.t[found.of(i)] for i in range(3)])
    np.testing.assert_allclose(got, expected, rtol=0, atol=40 * 10 * EPS)
    assert found.t_final == pytest.approx(10.0, abs=20 * EPS)
    assert found.which[-1] == 3
    back = locate_events(SPRING, events=[both], duration=-3.0)
    np.testing.assert_allclose(back.t, [-0.3], rtol=0, atol=20 * EPS)
    none = locate_events(SPRING, events=[Event(lambda t, y, a: y[0] - 5.0)], duration=3.0)
    assert len(none.t) == 0


def test_an_explosion_is_reported():
    blow_up = cc.Flow(lambda t, y, a: y * y, dt=0.25, x0=[1.0], stepper=Taylor(order=8, max_steps=200))
    never = Event(lambda t, y, a: y[0] + 1.0)
    with pytest.raises(NonFiniteStateError, match="explodes, or needs more"):
        locate_events(blow_up, events=[never], duration=2.0)
    assert locate_events(blow_up, events=[never], duration=2.0, throw=False).status is Status.NON_FINITE


def test_a_table_ends_at_max_events():
    found = locate_events(SPRING, events=[Event(height)], duration=1e6, max_events=5)
    np.testing.assert_allclose(np.diff(found.t), np.pi, rtol=0, atol=20 * 20 * EPS)
    assert len(found.t) == 5


def test_interrupt_keeps_what_is_found(monkeypatch):
    monkeypatch.setattr(event_table, "ROWS", 8)
    rows, calls = event_table._rows, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return rows(*arguments)

    monkeypatch.setattr(event_table, "_rows", interrupted)
    with pytest.warns(InterruptedWarning):
        found = locate_events(SPRING, events=[Event(height)], duration=1e6)
    assert found.status is Status.INTERRUPTED
    assert len(found.t) == 16


def test_a_ball_that_comes_to_rest_is_reported():
    rest = cc.Flow(falling, {"g": 1.0, "r": 0.5}, dt=0.5, x0=[1.0, 0.0], stepper=Taylor(order=8, max_steps=1000))
    # Infinitely many impacts before 3 sqrt(2): the table ends there, however long it is.
    found = locate_events(rest, events=[FLOOR], duration=15.0, max_events=300)
    assert found.t_final == pytest.approx(3 * np.sqrt(2.0), abs=1e-9)
    ball = HybridFlow(rest, [FLOOR], max_events=100)
    with pytest.raises(NonFiniteStateError):
        cc.trajectory(ball, n_steps=30)


def test_saltation_in_closed_form():
    v = -np.sqrt(2.0)
    found = saltation_matrix(FALL, FLOOR, [0.0, v])
    # Flight before and after: x' = v, v' = -g.
    np.testing.assert_allclose(found, [[-0.9, 0.0], [-1.9 / v, -0.9]], rtol=4 * EPS, atol=4 * EPS)
    same = Event(height, direction=-1)
    np.testing.assert_array_equal(saltation_matrix(FALL, same, [0.0, v]), np.eye(2))
    with pytest.raises(ShapeError, match="vector"):
        saltation_matrix(cc.Flow(lambda t, y, a: -y, dt=0.1, x0=1.0), FLOOR, 1.0)


def test_tangents_pass_impacts():
    """Three time units with two impacts: pushed tangents, forward derivatives and differences."""

    @jax.jit
    def pushed(x, V):
        return jax.lax.fori_loop(0, 12, lambda i, c: BALL.push(c[0], None, c[1]), (x, V))

    @jax.jit
    def ends(x, r):
        system = HybridFlow(cc.Flow(falling, {"g": 1.0, "r": r}, dt=6.0, stepper=EXACT), [FLOOR])
        return system.step(x, None)

    x = jnp.array([1.0, 0.3])
    end, V = pushed(x, jnp.eye(2))
    np.testing.assert_allclose(end, ends(x, 0.9), rtol=0, atol=1e3 * EPS)
    jacobian, by_r = jax.jit(jax.jacfwd(ends, argnums=(0, 1)))(x, 0.9)
    np.testing.assert_allclose(V.T, jacobian, rtol=0, atol=1e3 * EPS)
    h = EPS ** (1 / 3)
    # The orbit is a polynomial of low degree in all of these between impacts: third derivatives of order 10.
    for i, e in enumerate(jnp.eye(2)):
        difference = (ends(x + h * e, 0.9) - ends(x - h * e, 0.9)) / (2 * h)
        np.testing.assert_allclose(jacobian[:, i], difference, rtol=0, atol=100 * h**2)
    np.testing.assert_allclose(by_r, (ends(x, 0.9 + h) - ends(x, 0.9 - h)) / (2 * h), rtol=0, atol=1000 * h**2)


def test_exponents_of_an_impact_oscillator_in_closed_form():
    """A spring that meets a wall at its rest point: each half turn shrinks all directions by r."""
    spectrum = cc.lyapunov_spectrum(HybridFlow(SPRING, [FLOOR]), n_steps=100)
    np.testing.assert_allclose(spectrum.exponents, np.log(0.9) / np.pi, rtol=0, atol=1e3 * EPS)


def forced(t, y, a):
    return jnp.stack([y[1], -0.1 * y[1] - y[0] + jnp.cos(2.8 * t)])


def test_sum_of_exponents_counts_impacts():
    """Volume shrinks at the rate of the damping, and by r^2 an impact."""
    flow = cc.Flow(forced, {"r": 0.8}, dt=1.0, x0=[0.3, 0.2], stepper=Taylor())
    n = 100
    spectrum = cc.lyapunov_spectrum(HybridFlow(flow, [FLOOR]), n_steps=n, n_transient=0)
    impacts = len(locate_events(flow, events=[FLOOR], duration=float(n)).t)
    assert impacts > 20
    # Round-off grows by exp(16), so that both follow the same orbit; the sum itself is exact.
    assert abs(np.sum(spectrum.exponents) * n - (-0.1 * n + impacts * 2 * np.log(0.8))) < 1e-9


@pytest.mark.parametrize(
    "make",
    [
        lambda: Event(1.0),
        lambda: Event(height, direction=2),
        lambda: Event(height, jump=3.0),
        lambda: Event(height, jump=bounce, terminal=True),
        lambda: HybridFlow(FALL, []),
        lambda: HybridFlow(FALL, [Event(height, terminal=True)]),
        lambda: HybridFlow(FALL, [FLOOR], max_events=0),
        lambda: locate_events(FALL, events=[], duration=1.0),
        lambda: locate_events(FALL, events=[FLOOR], duration=-1.0),
        lambda: locate_events(FALL, events=[FLOOR], duration=0.0),
        lambda: locate_events(FALL, events=[FLOOR], duration=1.0, max_events=0),
    ],
)
def test_refusals(make):
    with pytest.raises(ParameterError):
        make()


def test_the_kit_passes():
    check_system(BALL)
