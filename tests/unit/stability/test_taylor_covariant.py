"""Covariant vectors on Taylor polynomials: laws that the exact flow obeys, and Runge-Kutta beside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.stability import covariant_vectors
from cocycle.steppers import RK4, Taylor

TOL = 1e-12


def lorenz(t, y, a):
    return jnp.stack([10.0 * (y[1] - y[0]), y[0] * (28.0 - y[2]) - y[1], y[0] * y[1] - 8.0 / 3.0 * y[2]])


def henon_heiles(t, y, a):
    return jnp.stack([y[2], y[3], -y[0] - 2 * y[0] * y[1], -y[1] - y[0] ** 2 + y[1] ** 2])


def hopf(t, y, a):
    """A circle of radius 1, attracting at rate 2 a, turning once in 2 pi."""
    return a * (1 - jnp.sum(y * y)) * y + jnp.stack([-y[1], y[0]])


def unit(rows):
    return np.asarray(rows) / np.linalg.norm(rows, axis=-1, keepdims=True)


def sine(a, b):
    """Sine of the angle between rows of unit length."""
    return np.linalg.norm(a - np.sum(a * b, axis=-1, keepdims=True) * b, axis=-1)


def off_the_flow(stepper, dt, duration=120.0):
    """Angle between the second vector of Lorenz and the field: the exact flow carries f(x) to f(x')."""
    system = cc.Flow(lorenz, dt=dt, x0=[1.0, 2.0, 20.0], stepper=stepper)
    steps = round(duration / dt)
    found = covariant_vectors(system, n_steps=steps, n_transient=steps // 4, n_settle=steps // 4)
    along = unit(jax.vmap(lambda x: lorenz(0.0, x, None))(jnp.asarray(found.x)))
    return found, sine(found.vectors[:, 1], along)


def test_a_limit_cycle_in_closed_form():
    """Along the circle the first vector is the tangent and the second the radius, which shrinks by 2 a."""
    system = cc.Flow(hopf, 0.4, dt=0.25, x0=[1.0, 0.0], stepper=Taylor(TOL))
    # Transients of 40 units of time, at the gap of 0.8: exp(-32) is left.
    found = covariant_vectors(system, n_steps=400, n_transient=160, n_settle=160)
    radius = unit(found.x)
    turned = np.stack([-radius[:, 1], radius[:, 0]], axis=1)
    # An error of a step, of at most ten series steps, dies at the same rate: five steps count.
    left = 5 * 10 * TOL
    assert np.max(sine(found.vectors[:, 0], turned)) < left
    assert np.max(sine(found.vectors[:, 1], radius)) < left
    np.testing.assert_allclose(found.exponents.value, [0.0, -0.8], rtol=0, atol=5 * 10 * TOL / 0.25)


@pytest.mark.slow  # 30 s
def test_lorenz():
    found, angle = off_the_flow(Taylor(TOL), 0.05)
    # An error of a step dies at the rate of the smaller gap, 0.9: some 22 steps count. Vectors of an angle a count
    # errors 1 / a times; three such factors, since two vectors and the flow come near each other on this orbit.
    closest = np.min(found.angles()[:, np.triu_indices(3, 1)[0], np.triu_indices(3, 1)[1]])
    assert np.max(angle) < 22 * TOL / closest**3 + np.max(found.unsettled)
    # The trace is constant; the growth of oblique vectors sums to it but for what their volume gained from end to end.
    volume = np.abs(np.linalg.det(found.vectors[[0, -1]]))
    assert found.t.size == len(found.local)
    ends = abs(np.log(volume[1] / volume[0])) + 41 / 3 * 0.05
    assert abs(np.sum(found.exponents.value) + 41 / 3) * (found.t[-1] - found.t[0]) < 2 * ends + 1e-6
    _, coarse = off_the_flow(RK4(), 0.01)
    # The tangents of RK4 carry f(x) to f(x') only up to the order of its step.
    assert np.max(coarse) > 1e3 * np.max(angle)


@pytest.mark.slow
def test_an_equilibrium():
    """The quiet orbit: the state has no error at all, the tangents are eigenvectors of the Jacobian."""
    system = cc.Flow(lorenz, dt=0.05, x0=[0.0, 0.0, 0.0], stepper=Taylor(TOL))
    found = covariant_vectors(system, n_steps=200, n_transient=60, n_settle=60)
    values, vectors = np.linalg.eig(np.asarray(jax.jacfwd(lambda y: lorenz(0.0, y, None))(jnp.zeros(3))))
    order = np.argsort(-values)
    # Gaps of 14 and 20 a unit of time: errors of a step die at once; a condition number below 3.
    np.testing.assert_allclose(found.exponents.value, values[order], rtol=0, atol=3 * TOL / 0.05)
    assert np.max(sine(found.vectors[0], vectors.T[order])) < 10 * TOL


@pytest.mark.slow  # 30 s
def test_symplectic_pairs_of_henon_heiles():
    system = cc.Flow(henon_heiles, dt=0.5, x0=[0.0, 0.1, 0.54, 0.1], stepper=Taylor(TOL))
    found = covariant_vectors(system, n_steps=8000)
    top, bottom = found.exponents.value[[0, -1]]
    slack = 5 * np.hypot(*np.asarray(found.exponents.stderr)[[0, -1]])
    assert top > 5 * found.exponents.stderr[0]
    assert abs(top + bottom) < slack
    x = np.asarray(found.x)
    slope = np.asarray(jax.vmap(lambda y: henon_heiles(0.0, y, None))(jnp.asarray(x)))
    # dH = (-dp/dt, dq/dt): the expanding and the contracting vector lie in the energy surface.
    normal = unit(np.concatenate([-slope[:, 2:], slope[:, :2]], axis=1))
    for k in (0, -1):
        tilt = np.abs(np.sum(found.vectors[:, k] * normal, axis=1))
        # Weakly chaotic stretches bring vectors within 1e-4 of each other; the settling is reported.
        assert np.median(tilt) < 1e4 * TOL + np.max(found.unsettled)
