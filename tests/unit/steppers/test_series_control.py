"""Order and step length against the formulas of Jorba and Zou in plain NumPy."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.steppers.series.control import FEW_PRODUCTS, MORE_ORDERS, fraction, order_for, step_length
from cocycle.steppers.taylor import Taylor

TOLERANCES = (1e-3, 1e-6, 1e-9, 1e-12)


def literal(coefficients, order, is_tangent):
    """Radius of convergence that the last two terms tell."""
    size = [np.max(np.abs([part[k] for part in coefficients])) for k in (0, order - 1, order)]
    scale = size[0] if is_tangent else max(1.0, size[0])
    return min((scale / size[i]) ** (1 / k) if size[i] else np.inf for i, k in ((1, order - 1), (2, order)))


@pytest.mark.parametrize("is_tangent", [False, True])
@pytest.mark.parametrize("size", [1e-120, 1e-3, 1.0, 7e5, 1e150])
def test_step_length(size, is_tangent):
    rng = np.random.default_rng(0)
    for order in (8, 20):
        rows = [size * rng.normal(size=order + 1) * 3.0 ** -np.arange(order + 1) for _ in range(3)]
        found = step_length([([[jnp.asarray(c) for c in row] for row in rows], 0, is_tangent)], order, 0.25)
        # Logarithms to 0.0009 each, two of them over order - 1 at least, and a power to 0.00015.
        allowed = 2 * 0.0009 * math.log(2) / (order - 1) + 0.00015
        assert abs(float(found) / (0.25 * literal(rows, order, is_tangent)) - 1) < 1.01 * allowed


def test_lengths_at_the_edge_of_the_numbers():
    def length(*last):
        coefficients = [jnp.asarray(1.0)] * 6 + [jnp.asarray(c) for c in last]
        return float(step_length([([coefficients], 0, False)], 7, fraction(1e-6, 7)))

    # A polynomial that ends before has no length of its own; what is not a number stays so.
    assert length(0.0, 0.0) == np.inf
    assert 0 < length(0.0, 1e-300) < np.inf
    assert np.isnan(length(np.nan, 1.0))
    assert np.isnan(length(1.0, np.inf))


def test_order():
    # A guard of 20 below 1e-14, and none at 1e-18.
    assert [order_for(tol) for tol in (1e-6, 1e-9, 1e-12, 1e-15, 1e-18)] == [8, 12, 15, 20, 22]
    assert order_for(1.1e-16) <= order_for(1e-16) <= order_for(1e-17) <= order_for(1e-18)


@pytest.mark.parametrize("tol", TOLERANCES)
def test_the_share_at_the_best_order_is_jorba_and_zous(tol):
    order = order_for(tol)
    assert fraction(tol, order) == pytest.approx(math.exp(-2 - 0.7 / (order - 1)), rel=1e-14)


@pytest.mark.parametrize("order", [5, 12, 16, 20, 30])
def test_every_order_has_the_precision_of_the_tolerance(order):
    """The first term left out of the series of 1 / (1 - t), whose radius is 1, is as large whatever the order."""
    tol = 1e-9
    reference = fraction(tol, order_for(tol)) ** (order_for(tol) + 1)
    assert fraction(tol, order) ** (order + 1) == pytest.approx(
        reference / (math.e if order > order_for(tol) else 1.0), rel=1e-12
    )


@pytest.mark.parametrize(("n", "few"), [(1, True), (FEW_PRODUCTS, True), (FEW_PRODUCTS + 1, False)])
def test_fields_of_few_products_get_more_orders(n, few):
    def field(t, y, args):
        slope = 2.0 * y[0] / 3.0 + 1.0  # products by numbers cost next to nothing
        for i in range(n):
            slope = slope + (i + 2.0) * (y[0] + i) * (y[1] + i)
        return jnp.stack([slope, -y[0]])

    def order(stepper):
        program = stepper.program(field, jnp.zeros(()), jnp.ones(2), None)
        assert program.products == n
        return stepper.order_for(program)

    assert order(Taylor(1e-9)) == 12 + (MORE_ORDERS if few else 0)
    # Asked for, or where time is spent on rounding, the order is what it is.
    assert order(Taylor(1e-9, order=12)) == 12
    assert order(Taylor(1e-15)) == order_for(1e-15)
