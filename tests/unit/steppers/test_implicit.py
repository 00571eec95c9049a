"""The implicit midpoint rule: closed forms, stiffness, derivatives in both modes, honest failure."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.steppers import Flow, ImplicitMidpoint

EPS = np.finfo(float).eps


def test_a_linear_step_is_the_cayley_transform():
    A = np.array([[0.0, 1.0, 0.2], [-2.0, -0.3, 0.0], [0.5, 0.0, -1e4]])
    y, h = jnp.array([1.0, 0.5, 2.0]), 0.1
    step = Flow(lambda t, y, a: a @ y, A, dt=h, stepper=ImplicitMidpoint()).step(y, None)
    exact = np.linalg.solve(np.eye(3) - h / 2 * A, (np.eye(3) + h / 2 * A) @ np.asarray(y))
    np.testing.assert_allclose(step, exact, rtol=1e3 * 10 * EPS)  # condition number of the solve is 500


def test_quadratic_invariants_are_kept():
    # Euler's top conserves |y|^2 and a second quadratic form.
    def top(t, y, args):
        return jnp.stack([y[1] * y[2], -2 * y[0] * y[2], y[0] * y[1]])

    flow = Flow(top, dt=0.2, x0=jnp.array([0.5, 0.6, 0.7]), stepper=ImplicitMidpoint())
    y = jax.lax.fori_loop(0, 1000, lambda i, y: flow.step(y, None), flow.x0)
    # A random walk of 1000 roundings, with a factor for the size of each.
    assert float(y @ y) == pytest.approx(1.10, abs=10 * np.sqrt(1000) * EPS)


def fields():
    return lambda t, y, a: jnp.stack([y[1], -a * jnp.sin(y[0]) - 0.1 * y[1] ** 3])


def end(y, rate):
    flow = Flow(fields(), rate, dt=0.3, stepper=ImplicitMidpoint())
    return jax.lax.scan(lambda y, _: (flow.step(y, None), None), y, length=4)[0]


def test_derivatives_are_the_central_difference():
    y, rate, h = jnp.array([1.0, 0.2]), jnp.array(2.0), EPS ** (1 / 3)
    forward, reverse = (np.asarray(mode(end, argnums=1)(y, rate)) for mode in (jax.jacfwd, jax.jacrev))
    numeric = np.asarray(end(y, rate + h) - end(y, rate - h)) / (2 * h)
    np.testing.assert_allclose(forward, reverse, rtol=1e3 * EPS)
    np.testing.assert_allclose(forward, numeric, rtol=100 * EPS ** (2 / 3))
    J = np.asarray(jax.jacrev(end)(y, rate))
    numeric = np.stack([(end(y + h * e, rate) - end(y - h * e, rate)) / (2 * h) for e in np.eye(2)], axis=1)
    np.testing.assert_allclose(J, numeric, rtol=100 * EPS ** (2 / 3))


def test_push_agrees_with_the_jacobian():
    flow = Flow(fields(), 2.0, dt=0.3, stepper=ImplicitMidpoint())
    y = jnp.array([1.0, 0.2])
    y1, V = flow.push(y, None, jnp.eye(2))
    np.testing.assert_allclose(V.T, jax.jacrev(lambda y: flow.step(y, None))(y), rtol=100 * EPS)
    np.testing.assert_allclose(y1, flow.step(y, None), rtol=10 * EPS)


def test_a_step_without_solution_is_nan():
    # m = 1 + (h/2) (1 + m^2) has no real root for h = 1.
    step = ImplicitMidpoint().step(lambda t, y, a: 1 + y * y, 0.0, jnp.array(1.0), None, 1.0)
    assert np.isnan(step)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="max_iterations"):
        ImplicitMidpoint(max_iterations=0)
    with pytest.raises(ShapeError, match="real"):
        Flow(lambda t, y, a: 1j * y, dt=0.1, x0=1.0 + 0j, stepper=ImplicitMidpoint())
