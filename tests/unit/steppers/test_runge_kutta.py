"""Explicit steppers: coefficients against independent tables, pytrees, gradients."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate._ivp import dop853_coefficients

from cocycle.steppers import DOP853, RK4, Euler, Flow, Heun, Tsit5
from cocycle.steppers.tableaus import DORMAND_PRINCE, EULER, HEUN, KUTTA, TSITOURAS

EPS = np.finfo(float).eps


def test_dop853_has_the_coefficients_of_scipy():
    for i, row in enumerate(DORMAND_PRINCE.a, start=1):
        np.testing.assert_array_equal(row, dop853_coefficients.A[i, :i])
    np.testing.assert_array_equal(DORMAND_PRINCE.b, dop853_coefficients.B)
    np.testing.assert_array_equal(DORMAND_PRINCE.c, dop853_coefficients.C[:12])


def test_tsit5_has_the_coefficients_of_diffrax():
    table = diffrax.Tsit5().tableau
    for row, theirs in zip(TSITOURAS.a, table.a_lower):
        np.testing.assert_array_equal(row, theirs)
    np.testing.assert_array_equal(TSITOURAS.b, table.b_sol[:6])
    np.testing.assert_array_equal(TSITOURAS.c[1:], table.c[:5])


@pytest.mark.parametrize("table", [EULER, HEUN, KUTTA, TSITOURAS, DORMAND_PRINCE])
def test_rows_sum_to_the_stage_times(table):
    # Round-off of a sum of at most 12 terms of size at most 41.
    roundoff = 12 * 41 * EPS
    assert sum(table.b) == pytest.approx(1.0, abs=roundoff)
    for row, c in zip(table.a, table.c[1:]):
        assert sum(row) == pytest.approx(c, abs=roundoff)


@pytest.mark.parametrize("stepper", [Euler(), Heun(), RK4(), Tsit5(), DOP853()])
def test_a_pytree_moves_as_its_flat_vector(stepper):
    def tree(t, y, args):
        return {"a": jnp.sin(y["b"]).sum() * y["a"], "b": (y["a"] + t) * y["b"]}

    def flat(t, y, args):
        out = tree(t, {"a": y[0], "b": y[1:]}, args)
        return jnp.concatenate([out["a"][None], out["b"]])

    y = jnp.array([0.3, 0.5, -0.7])
    ours = stepper.step(tree, 0.2, {"a": y[0], "b": y[1:]}, None, 0.1)
    theirs = stepper.step(flat, 0.2, y, None, 0.1)
    np.testing.assert_allclose(np.hstack([ours["a"], ours["b"]]), theirs, rtol=100 * EPS)


@pytest.mark.parametrize("stepper", [Euler(), Heun(), RK4(), Tsit5(), DOP853()])
def test_one_step_of_a_linear_field_is_a_polynomial_that_agrees_with_exp(stepper):
    # The stability polynomial has the coefficients 1/k! up to the order.
    z = jnp.array(0.1 + 0.05j)
    step = stepper.step(lambda t, y, args: y, 0.0, jnp.array(1.0 + 0j), None, z)
    taylor = sum(complex(z) ** k / np.prod(np.arange(1.0, k + 1)) for k in range(stepper.order + 1))
    # The next terms are |z|^(p+1) times a constant below 1.
    assert abs(complex(step) - taylor) < abs(complex(z)) ** (stepper.order + 1) + 10 * EPS


def test_reverse_mode_gradient_is_the_central_difference():
    flow = Flow(lambda t, y, args: -args * y**3, 2.0, dt=0.1, x0=jnp.array([1.0, 0.5]))

    def loss(rate):
        system = Flow(flow.field, rate, dt=0.1)
        return jnp.sum(jax.lax.scan(lambda y, _: (system.step(y, None), None), flow.x0, length=5)[0])

    h = EPS ** (1 / 3)  # balances truncation h^2 and round-off eps/h
    numeric = (loss(2.0 + h) - loss(2.0 - h)) / (2 * h)
    assert jax.grad(loss)(2.0) == pytest.approx(float(numeric), rel=10 * EPS ** (2 / 3))
