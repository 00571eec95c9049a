"""Delay equations: closed forms, kinks, tangents, delays as parameters, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import floating_part, push
from cocycle.steppers import DelayFlow, DelayState, delay_flow

EPS = np.finfo(float).eps


@eqx.filter_jit
def advance(system, state, n):
    return jax.lax.fori_loop(0, n, lambda i, s: system.step(s, None), state)


def fall(t, y, past, args):
    return -past


def test_the_first_intervals_are_exact():
    # y' = -y(t - 1), y = 1 before: polynomials of degree 1, 2, 3 on the first three intervals, all exact for the
    # cubic interpolation and Simpson's rule.
    system = DelayFlow(fall, delays=1.0, dt=0.125, x0=1.0)
    state = system.initial_state(1.0)
    for n, t in ((4, 0.5), (8, 1.0), (12, 1.5), (16, 2.0), (22, 2.75)):
        exact = 1 - t + max(t - 1, 0) ** 2 / 2 - max(t - 2, 0) ** 3 / 6
        assert float(system.observe(advance(system, state, jnp.array(n)))) == pytest.approx(exact, abs=10 * n * EPS)


def test_a_delay_of_one_step_and_several_delays():
    # y' = y(t - h) with h = dt: as above with the sign changed.
    system = DelayFlow(lambda t, y, past, a: past, delays=0.5, dt=0.5, x0=1.0)
    state = advance(system, system.initial_state(1.0), jnp.array(2))
    assert float(system.observe(state)) == pytest.approx(1 + 1.0 + 0.5**2 / 2, rel=10 * EPS)
    # y' = y(t - 1/2) + y(t - 1): 1 + 2 t, then 2 + the integral of 2 t + 1 from 1/2 to 1.
    both = DelayFlow(lambda t, y, past, a: past[0] + past[1], delays=(0.5, 1.0), dt=0.5, x0=1.0)
    end = advance(both, both.initial_state(1.0), jnp.array(2))
    assert float(both.observe(end)) == pytest.approx(3.25, rel=10 * EPS)


def test_the_characteristic_root_governs_the_decay():
    # y' = -y(t - 1) + history exp(rt) cos(wt) with r + iw the root of z = -exp(-z): an exact solution.
    from scipy.special import lambertw

    z = complex(lambertw(-1.0, 0))
    system = DelayFlow(fall, delays=1.0, dt=0.01, x0=lambda t: jnp.exp(z.real * t) * jnp.cos(z.imag * t))
    state = advance(system, system.initial_state(system.x0), jnp.array(500))
    # error of order dt^4 = 1e-8 times derivatives of at most |z|^5 = 5, over 5 units of time
    assert float(system.observe(state)) == pytest.approx(np.exp(5 * z).real, abs=25e-8)


def mackey_glass(t, y, past, args):
    return args["b"] * past / (1 + past**10) - args["g"] * y


GLASS = DelayFlow(mackey_glass, {"b": 0.2, "g": 0.1}, delays=17.0, dt=0.5, x0=lambda t: 1.0 + 0.2 * jnp.sin(t / 3))


def test_tangents_are_the_central_difference():
    state = GLASS.initial_state(GLASS.x0)
    moving, _ = floating_part(state)
    keys = iter(jax.random.split(jax.random.key(0), 3))
    V = jax.tree.map(lambda a: jax.random.normal(next(keys), (1, *a.shape)), moving)

    @eqx.filter_jit
    def pushed(state, V):
        return jax.lax.fori_loop(0, 40, lambda i, c: push(GLASS, c[0], None, c[1]), (state, V))

    end, W = pushed(state, V)
    h = EPS ** (1 / 3)

    def moved(sign):
        start = jax.tree.map(lambda a, v: a + sign * h * v[0], moving, V)
        return floating_part(advance(GLASS, start._replace(age=state.age), jnp.array(40)))[0]

    numeric = jax.tree.map(lambda a, b: (a - b) / (2 * h), moved(1.0), moved(-1.0))
    for ours, theirs in zip(jax.tree.leaves(W), jax.tree.leaves(numeric)):
        # h^2 times third derivatives, which past**10 makes of size 10^3
        np.testing.assert_allclose(ours[0], theirs, atol=1e4 * h**2)
    np.testing.assert_allclose(GLASS.observe(end), GLASS.observe(advance(GLASS, state, jnp.array(40))), rtol=100 * EPS)


def test_the_delay_is_a_parameter():
    # cos(pi t / 2) is the solution for tau = 1; d/dtau against the central difference, away from node crossings.
    system = DelayFlow(
        lambda t, y, p, a: -jnp.pi / 2 * p, delays=1.03, dt=0.1, max_delay=2.0, x0=lambda t: jnp.cos(jnp.pi * t / 2)
    )
    state = system.initial_state(system.x0)

    @jax.jit
    def end(tau):
        return system.observe(advance(eqx.tree_at(lambda s: s.delays, system, tau), state, 20))

    tau, h = jnp.array(1.03), EPS ** (1 / 3)
    assert float(jax.jacfwd(end)(tau)) == pytest.approx(float((end(tau + h) - end(tau - h)) / (2 * h)), abs=100 * h**2)
    assert np.isnan(end(jnp.array(2.2)))  # beyond the history
    assert np.isnan(end(jnp.array(0.05)))  # below dt


def test_pytree_states():
    def field(t, y, past, args):
        return {"a": -past["a"], "b": past["b"] * jnp.ones(2) * 0.0 - past["a"]}

    system = DelayFlow(field, delays=1.0, dt=0.125, x0={"a": 1.0, "b": jnp.ones(2)})
    y = system.observe(advance(system, system.initial_state(system.x0), jnp.array(8)))
    np.testing.assert_allclose(y["b"], [0.0, 0.0], atol=100 * EPS)


def test_drivers_states_and_the_decorator():
    @delay_flow(delays=1.0, dt=0.1, x0=[1.0, 2.0], variables=("u", "v"))
    def slow(t, y, past, args):
        return -past * jnp.cos(t)

    assert slow.name == "slow"
    state = slow.initial_state(slow.x0)
    assert isinstance(state, DelayState)
    assert slow.initial_state(state) is state
    assert isinstance(slow.default_driver(state), cc.Clock)
    assert isinstance(GLASS.default_driver(GLASS.initial_state(1.0)), cc.Still)
    # y' = -cos t while t < 1: RK4 is Simpson's rule here, with an error below dt^4 / 2880.
    y = slow.x0
    for n in range(2):
        state = slow.step(state, jnp.array(0.1 * n))
    np.testing.assert_allclose(slow.observe(state), y * (1 - np.sin(0.2)), atol=0.1**4 / 1000)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="dt at most"):
        DelayFlow(fall, delays=0.05, dt=0.1)
    with pytest.raises(ParameterError, match="max_delay"):
        DelayFlow(fall, delays=1.0, dt=0.1, max_delay=0.5)
    with pytest.raises(ParameterError, match="delay"):
        DelayFlow(fall, delays=-1.0, dt=0.1)
    with pytest.raises(ParameterError, match="dt"):
        DelayFlow(fall, delays=1.0, dt=0.0)
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        DelayFlow(lambda t, y, p, a: jnp.stack([p, p]), delays=1.0, dt=0.1, x0=1.0)
    with pytest.raises(ShapeError, match="nodes"):
        DelayFlow(fall, delays=2.0, dt=0.1).initial_state(DelayFlow(fall, delays=1.0, dt=0.1).initial_state(1.0))
    with pytest.raises(ParameterError, match="traced"):
        jax.vmap(lambda tau: DelayFlow(fall, delays=tau, dt=0.1).dt)(jnp.array([1.0, 2.0]))
