"""Adaptive solves: the error follows the tolerance, for tangents too, where the state is quiet too."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from cocycle.core.errors import ParameterError
from cocycle.steppers import RK4, Adaptive, Flow

EPS = np.finfo(float).eps
RHO, BETA = 20.0, 8 / 3
FOCUS = jnp.array([np.sqrt(BETA * (RHO - 1)), np.sqrt(BETA * (RHO - 1)), RHO - 1])


def lorenz(t, y, args):
    return jnp.stack([10 * (y[1] - y[0]), y[0] * (RHO - y[2]) - y[1], y[0] * y[1] - BETA * y[2]])


push = eqx.filter_jit(lambda flow, y, V: flow.push(y, None, V))
step = eqx.filter_jit(lambda flow, y: flow.step(y, None))


@pytest.mark.parametrize("K", [1, 2, 3])
def test_tangents_at_a_focus_are_the_matrix_exponential(K):
    J = np.asarray(jax.jacfwd(lambda y: lorenz(0.0, y, None))(FOCUS))
    for tol in (1e-4, 1e-6, 1e-9):
        for dt in (0.01, 0.1, 1.0, 5.0):
            flow = Flow(lorenz, dt=dt, stepper=Adaptive(rtol=tol, atol=tol))
            y, V = push(flow, FOCUS, 3.0 * jnp.eye(3)[:K])
            E = 3.0 * scipy.linalg.expm(J * dt)[:, :K].T
            error = np.linalg.norm(V - E, axis=1) / np.linalg.norm(E, axis=1)
            # Local errors of at most tol add up over some 20 steps per unit of time (condition of expm: a few).
            assert error.max() < tol * (1 + 20 * dt) * 2, (tol, dt)
            np.testing.assert_allclose(y, FOCUS, rtol=1e3 * EPS)


def test_the_trap_is_real():
    # The control of the test above: the state alone asks for no accuracy on the focus, and such tangents are wrong.
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    flow = Flow(lorenz, dt=1.0, stepper=Adaptive(rtol=1e-9, atol=1e-9, adjoint=adjoint))
    E = scipy.linalg.expm(np.asarray(jax.jacfwd(lambda y: lorenz(0.0, y, None))(FOCUS)))
    assert np.abs(jax.jacrev(lambda y: step(flow, y))(FOCUS) - E).max() > 1.0


def test_plain_derivatives_are_controlled_too():
    tol = 1e-9
    flow = Flow(lorenz, dt=1.0, stepper=Adaptive(rtol=tol, atol=tol))
    E = scipy.linalg.expm(np.asarray(jax.jacfwd(lambda y: lorenz(0.0, y, None))(FOCUS)))
    J = jax.jit(jax.jacfwd(lambda y: flow.step(y, None)))(FOCUS)
    assert np.abs(J - E).max() < tol * 21 * 2  # as above


def test_derivatives_by_parameters_time_and_step():
    # y' = a cos(t) y: y(t + h) = y exp(a (sin(t + h) - sin t)).
    stepper = Adaptive(rtol=1e-10, atol=1e-10)

    def end(t, y, a, h):
        return stepper.step(lambda t, y, a: a["rate"] * jnp.cos(t) * y, t, y, {"rate": a}, h)

    def exact(t, y, a, h):
        return y * jnp.exp(a * (jnp.sin(t + h) - jnp.sin(t)))

    at = tuple(jnp.array(v) for v in (0.3, 1.2, 0.7, 1.5))
    ours, theirs = (jax.jit(jax.jacfwd(f, argnums=(0, 1, 2, 3)))(*at) for f in (end, exact))
    np.testing.assert_allclose(ours, theirs, rtol=1e-8)  # some 50 steps of 1e-10


@pytest.mark.parametrize("solver", [None, diffrax.Dopri8(), diffrax.Kvaerno5()])
def test_the_error_follows_the_tolerance(solver):
    def field(t, y, args):
        return (1 + 0.5 * jnp.cos(t)) * jnp.stack([y[1], -y[0]])

    errors = []
    for tol in (1e-5, 1e-8, 1e-11):
        flow = Flow(field, dt=3.0, stepper=Adaptive(solver, rtol=tol, atol=tol))
        phi = 3.0 + 0.5 * np.sin(3.0)
        y = flow.step(jnp.array([1.0, 0.0]), jnp.array(0.0))
        errors.append(np.abs(np.asarray(y) - [np.cos(phi), -np.sin(phi)]).max())
        assert errors[-1] < 100 * tol  # local errors of tol, over at most some 100 steps
    assert errors[2] < errors[0] / 1e3


def test_a_stiff_problem_takes_a_stiff_solver():
    # Prothero and Robinson 1974: y' = -1e6 (y - cos t) - sin t has the solution cos t.
    def field(t, y, args):
        return -1e6 * (y - jnp.cos(t)) - jnp.sin(t)

    stiff = Flow(field, dt=1.0, stepper=Adaptive(diffrax.Kvaerno5(), rtol=1e-8, atol=1e-8, max_steps=1000))
    assert float(stiff.step(jnp.array(1.0), jnp.array(0.0))) == pytest.approx(np.cos(1.0), abs=1e-6)
    explicit = Flow(field, dt=1.0, stepper=Adaptive(rtol=1e-8, atol=1e-8, max_steps=1000))
    assert np.isnan(explicit.step(jnp.array(1.0), jnp.array(0.0)))


def test_stiff_tangents():
    A = np.array([[-1e3, 999.0], [0.0, -1.0]])
    flow = Flow(lambda t, y, a: a @ y, A, dt=0.5, stepper=Adaptive(diffrax.Kvaerno5(), rtol=1e-8, atol=1e-8))
    _, V = push(flow, jnp.array([1.0, 1.0]), jnp.array([[1.0, 1.0]]))
    # (1, 1) is the slow eigenvector; 100 steps of 1e-8 at most.
    np.testing.assert_allclose(V[0], np.exp(-0.5) * np.ones(2), rtol=1e-6)


def test_failure_is_nan_and_not_an_exception():
    flow = Flow(lambda t, y, a: y**2, dt=2.0, stepper=Adaptive(max_steps=64))
    y, V = push(flow, jnp.array(1.0), jnp.ones(1))  # blows up at t = 1
    assert np.isnan(y)
    assert np.isnan(V).all()
    assert np.isnan(step(flow, jnp.array(1.0)))


def test_a_vanishing_tangent_stays_zero():
    flow = Flow(lorenz, dt=0.1, stepper=Adaptive())
    _, V = push(flow, FOCUS + 1.0, jnp.stack([jnp.zeros(3), jnp.ones(3)]))
    np.testing.assert_array_equal(V[0], 0.0)
    assert np.isfinite(V).all()


def test_push_agrees_with_a_fine_fixed_step():
    fine = Flow(lorenz, dt=0.2 / 400, stepper=RK4())
    y, V = jax.lax.fori_loop(0, 400, lambda i, c: fine.push(c[0], None, c[1]), (FOCUS + 1.0, jnp.eye(3)))
    y2, V2 = push(Flow(lorenz, dt=0.2, stepper=Adaptive(rtol=1e-10, atol=1e-10)), FOCUS + 1.0, jnp.eye(3))
    np.testing.assert_allclose(y, y2, rtol=1e-8)  # 1e-10 a step, some 50 steps; RK4: dt^4 = 6e-14 times 20^4
    np.testing.assert_allclose(V, V2, rtol=1e-7, atol=1e-8)


def test_a_pytree_state_has_the_same_tangents():
    def tree(t, y, args):
        out = lorenz(t, jnp.stack([y["x"], *y["yz"]]), args)
        return {"x": out[0], "yz": out[1:]}

    tol = 1e-9
    adaptive = Adaptive(rtol=tol, atol=tol)
    start = FOCUS + 1.0
    tangents = {"x": jnp.eye(3)[:, 0], "yz": jnp.eye(3)[:, 1:]}
    _, V = push(Flow(tree, dt=0.1, stepper=adaptive), {"x": start[0], "yz": start[1:]}, tangents)
    _, W = push(Flow(lorenz, dt=0.1, stepper=adaptive), start, jnp.eye(3))
    np.testing.assert_allclose(np.column_stack([V["x"], V["yz"]]), W, atol=100 * tol)


def test_reverse_mode_by_another_adjoint():
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    flow = Flow(lambda t, y, a: -a * y, 2.0, dt=0.5, stepper=Adaptive(rtol=1e-10, atol=1e-10, adjoint=adjoint))

    def end(rate):
        return eqx.tree_at(lambda f: f.args, flow, rate).step(jnp.array(1.0), None)

    assert jax.grad(end)(jnp.array(2.0)) == pytest.approx(-0.5 * np.exp(-1.0), rel=1e-7)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_bad_tolerances_are_refused(value):
    with pytest.raises(ParameterError, match="rtol"):
        Adaptive(rtol=value)
    with pytest.raises(ParameterError, match="atol"):
        Adaptive(atol=value)
    with pytest.raises(ParameterError, match="max_steps"):
        Adaptive(max_steps=0)
