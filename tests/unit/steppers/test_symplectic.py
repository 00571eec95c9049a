"""Symplectic steppers: the laws they promise, to round-off, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.steppers import RK4, Flow, ImplicitMidpoint, Leapfrog, Yoshida4

EPS = np.finfo(float).eps
OMEGA = np.kron(np.array([[0, 1], [-1, 0]]), np.eye(2))
STEPPERS = [Leapfrog(), Yoshida4(), ImplicitMidpoint()]


def henon_heiles(t, y, args):
    q, p = y[:2], y[2:]
    return jnp.concatenate([p, jnp.stack([-q[0] - 2 * q[0] * q[1], -q[1] - q[0] ** 2 + q[1] ** 2])])


def coupled(t, y, args):
    # H = |p|^2 (1 + |q|^2) / 2 + |q|^2 / 2 is not separable.
    return -OMEGA.T @ jax.grad(lambda y: 0.5 * y[2:] @ y[2:] * (1 + y[:2] @ y[:2]) + 0.5 * y[:2] @ y[:2])(y)


Y0 = jnp.array([0.1, -0.2, 0.3, 0.15])


def defect(step, y):
    J = np.asarray(jax.jacfwd(step)(y))
    return np.abs(J.T @ OMEGA @ J - OMEGA).max()


@pytest.mark.parametrize("stepper", STEPPERS)
def test_the_step_is_symplectic(stepper):
    # Entries of size below 2, products of three 4 x 4 matrices and a linear solve: some 100 roundings.
    assert defect(lambda y: stepper.step(henon_heiles, 0.0, y, None, 0.3), Y0) < 100 * EPS


def test_implicit_midpoint_is_symplectic_without_separation_and_rk4_is_not():
    assert defect(lambda y: ImplicitMidpoint().step(coupled, 0.0, y, None, 0.3), Y0) < 100 * EPS
    assert defect(lambda y: RK4().step(coupled, 0.0, y, None, 0.3), Y0) > 1e8 * EPS


@pytest.mark.parametrize("stepper", STEPPERS)
def test_a_step_back_returns(stepper):
    there = stepper.step(henon_heiles, 0.0, Y0, None, 0.3)
    back = stepper.step(henon_heiles, 0.3, there, None, -0.3)
    np.testing.assert_allclose(back, Y0, atol=20 * EPS)


@pytest.mark.parametrize("stepper", STEPPERS)
def test_a_pair_and_a_vector_are_the_same(stepper):
    def pair(t, y, args):
        out = henon_heiles(t, jnp.concatenate(y), args)
        return out[:2], out[2:]

    q, p = stepper.step(pair, 0.0, (Y0[:2], Y0[2:]), None, 0.1)
    np.testing.assert_allclose(jnp.concatenate([q, p]), stepper.step(henon_heiles, 0.0, Y0, None, 0.1), rtol=10 * EPS)


@pytest.mark.parametrize("stepper", STEPPERS)
def test_energy_stays_bounded(stepper):
    def energy(y):
        q, p = y[:2], y[2:]
        return 0.5 * (p @ p + q @ q) + q[0] ** 2 * q[1] - q[1] ** 3 / 3

    flow = Flow(henon_heiles, dt=0.1, x0=Y0, stepper=stepper)

    def body(y, _):
        y = flow.step(y, None)
        return y, energy(y)

    energies = np.asarray(jax.lax.scan(body, Y0, length=20_000)[1])
    early, late = energies[:5000], energies[15_000:]
    # Backward error analysis: an oscillation of size O(dt^p) and no drift, so late is within the band of early.
    band = np.ptp(early)
    assert late.max() < early.max() + band
    assert late.min() > early.min() - band


@pytest.mark.parametrize("stepper", [Leapfrog(), Yoshida4()])
def test_what_is_not_separable_is_refused(stepper):
    with pytest.raises(ParameterError, match="ImplicitMidpoint"):
        Flow(coupled, dt=0.1, x0=Y0, stepper=stepper)
    with pytest.raises(ParameterError, match="not separable"):  # friction
        Flow(lambda t, y, args: (y[1], -y[0] - 0.1 * y[1]), dt=0.1, x0=(1.0, 0.0), stepper=stepper)
    with pytest.raises(ShapeError, match="even length"):
        Flow(lambda t, y, args: -y, dt=0.1, x0=jnp.ones(3), stepper=stepper)
    # At the origin alone the derivatives of this field vanish.
    with pytest.raises(ParameterError, match="not separable"):
        Flow(lambda t, y, args: (y[1] + y[0] ** 2, -y[0]), dt=0.1, x0=(0.0, 0.0), stepper=stepper)


def test_a_traced_parameter_is_let_through():
    def end(k):
        flow = Flow(lambda t, y, a: (y[1], -a * y[0]), k, dt=0.1, x0=(1.0, 0.0), stepper=Leapfrog())
        return flow.step(flow.x0, None)[0]

    np.testing.assert_allclose(jax.vmap(end)(jnp.array([1.0, 2.0])), [0.995, 0.99], rtol=10 * EPS)
