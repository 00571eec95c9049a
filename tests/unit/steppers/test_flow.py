"""Flow: time, parameters, tangents, drivers, and what it refuses."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import cocycle as cc
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.steppers import RK4, Adaptive, EulerMaruyama, Flow, Heun, ImplicitMidpoint, flow, is_autonomous

EPS = np.finfo(float).eps
A = np.array([[0.1, 1.0, 0.0], [-1.0, 0.2, 0.5], [0.3, 0.0, -0.7]])


def linear(t, y, args):
    return args @ y


def duffing(t, y, args):
    return {"x": y["v"], "v": y["x"] - y["x"] ** 3 - args["d"] * y["v"] + args["f"] * jnp.cos(t)}


def test_tangents_of_a_linear_flow_are_the_step_itself():
    system = Flow(linear, A, dt=0.1, x0=[1, 2, 3])
    x, V = system.push(system.x0, None, jnp.eye(3))
    # RK4 of a linear field: the Taylor polynomial of degree 4, remainder below |A dt|^5 / 5!.
    np.testing.assert_allclose(V.T, scipy.linalg.expm(A * 0.1), atol=(1.5 * 0.1) ** 5 / 120)
    np.testing.assert_allclose(V.T @ np.array([1.0, 2, 3]), x, rtol=10 * EPS)


@pytest.mark.parametrize("stepper", [Heun(), RK4(), ImplicitMidpoint(), Adaptive(rtol=1e-12, atol=1e-12)])
def test_push_is_the_central_difference(stepper):
    system = Flow(duffing, {"d": 0.3, "f": 0.5}, dt=0.2, x0={"x": 0.5, "v": -0.1}, stepper=stepper)
    t, h = jnp.array(0.7), EPS ** (1 / 3)
    _, V = system.push(system.x0, t, {"x": jnp.array([1.0, 0.0]), "v": jnp.array([0.0, 1.0])})
    step = jax.jit(lambda x, v: system.step({"x": x, "v": v}, t))
    for k, (dx, dv) in enumerate([(h, 0.0), (0.0, h)]):
        plus, minus = step(0.5 + dx, -0.1 + dv), step(0.5 - dx, -0.1 - dv)
        for name in ("x", "v"):
            # h^2 = eps^(2/3); an adaptive solve adds its tolerance, magnified by 1 / h.
            allowed = 10 * h**2 + (1e-12 / h if isinstance(stepper, Adaptive) else 0.0)
            assert float(V[name][k]) == pytest.approx(float(plus[name] - minus[name]) / (2 * h), abs=allowed)


def test_time_is_that_of_the_clock():
    # y' = 2 t: Simpson's rule in RK4 is exact.
    system = Flow(lambda t, y, args: 2 * t, dt=0.5, x0=0.0)
    clock = system.default_driver(system.x0)
    assert isinstance(clock, cc.Clock)
    y = system.x0
    for n in range(4):
        y = system.step(y, clock.at(n))
    assert float(y) == pytest.approx(4.0, rel=10 * EPS)


def test_autonomy_is_seen_through_jit_and_control_flow():
    def looped(t, y, args):
        return jax.lax.fori_loop(0, 3, lambda i, y: y * jnp.cos(t), y)

    still = Flow(jax.jit(linear), A, dt=0.1, x0=jnp.ones(3))
    assert is_autonomous(still)
    assert isinstance(still.default_driver(still.x0), cc.Still)
    assert not is_autonomous(Flow(jax.jit(looped), dt=0.1), 1.0)
    assert not is_autonomous(Flow(lambda t, y, args: y * (t > 1), dt=0.1), jnp.ones(2))
    assert is_autonomous(Flow(lambda t, y, args: y + 0 * jnp.zeros_like(t) * 0, dt=0.1), jnp.array(1.0))
    with pytest.raises(ParameterError, match="x0"):
        is_autonomous(Flow(linear, A, dt=0.1))


def test_a_second_parameter_value_does_not_trace_again():
    traces = []

    def field(t, y, args):
        traces.append(1)
        return -args["rate"] * y

    step = eqx.filter_jit(lambda system, x: system.step(x, None))
    x = jnp.ones(2)
    step(Flow(field, {"rate": 1.0}, dt=0.1), x)
    n = len(traces)
    step(Flow(field, {"rate": 2}, dt=0.2), x)
    assert len(traces) == n


def test_a_field_may_be_a_module_with_parameters():
    class Decay(eqx.Module):
        rate: jax.Array

        def __call__(self, t, y, args):
            return -self.rate * y

    def end(rate):
        return Flow(Decay(rate), dt=0.1).step(jnp.array(1.0), None)

    assert jax.grad(end)(jnp.array(2.0)) == pytest.approx(-0.1 * np.exp(-0.2), abs=0.2**4 / 24)


def test_sweeps_over_parameters_and_step_sizes():
    ends = jax.vmap(lambda r, dt: Flow(lambda t, y, a: -a * y, r, dt=dt, x0=1.0).step(jnp.array(1.0), None))(
        jnp.array([1.0, 2.0]), jnp.array([0.1, 0.2])
    )
    np.testing.assert_allclose(ends, np.exp([-0.1, -0.4]), atol=0.4**5 / 120)


def test_the_decorator_names_the_flow():
    @flow(dt=0.05, x0=jnp.array([0.1, 0.2, 0.3]), args={"b": 0.18}, variables=["x", "y", "z"])
    def thomas(t, y, args):
        return jnp.sin(jnp.roll(y, -1)) - args["b"] * y

    assert thomas.name == "thomas"
    assert thomas.variables == ("x", "y", "z")
    plain = Flow(thomas.field, {"b": 0.18}, dt=0.05)
    np.testing.assert_array_equal(thomas.step(thomas.x0, None), plain.step(thomas.x0, None))


def test_initial_states_become_floats():
    system = Flow(linear, A, dt=0.1)
    assert system.initial_state([1, 2, 3]).dtype == float
    assert system.initial_state(np.arange(3)).dtype == float
    assert Flow(lambda t, y, args: 1j * y, dt=0.1).initial_state(1 + 0j).dtype == complex


@pytest.mark.parametrize("dt", [-0.1, 0, float("nan"), float("inf"), "fast", None])
def test_a_bad_step_size_is_refused(dt):
    with pytest.raises(ParameterError, match="dt"):
        Flow(linear, A, dt=dt)


def test_bad_fields_steppers_and_states_are_refused():
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        Flow(lambda t, y, args: y[:2], dt=0.1, x0=jnp.ones(3))
    with pytest.raises(ShapeError, match=r"jnp\.stack"):
        Flow(lambda t, y, args: [y[0], y[1]], dt=0.1).initial_state([1.0, 2.0])
    with pytest.raises(ShapeError, match="complex"):
        Flow(lambda t, y, args: 1j * y, dt=0.1, x0=1.0)
    with pytest.raises(ShapeError, match="str"):
        Flow(linear, A, dt=0.1, x0="abc")
    with pytest.raises(ParameterError, match="field"):
        Flow(3.0, dt=0.1)
    with pytest.raises(ParameterError, match="stepper"):
        Flow(linear, A, dt=0.1, stepper=EulerMaruyama())
    with pytest.raises(DriverError, match="Clock"):
        Flow(linear, A, dt=0.1).step(jnp.ones(3), jnp.ones(3))
