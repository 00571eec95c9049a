"""Order and step length against the formulas of Jorba and Zou in plain NumPy."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.steppers.series.control import order_for, step_length


def literal(coefficients, order, is_tangent):
    size = [np.max(np.abs([part[k] for part in coefficients])) for k in (0, order - 1, order)]
    scale = size[0] if is_tangent else max(1.0, size[0])
    reach = [(scale / size[i]) ** (1 / k) if size[i] else np.inf for i, k in ((1, order - 1), (2, order))]
    return math.exp(-2 - 0.7 / (order - 1)) * min(reach)


@pytest.mark.parametrize("is_tangent", [False, True])
@pytest.mark.parametrize("size", [1e-120, 1e-3, 1.0, 7e5, 1e150])
def test_step_length(size, is_tangent):
    rng = np.random.default_rng(0)
    for order in (8, 20):
        rows = [size * rng.normal(size=order + 1) * 3.0 ** -np.arange(order + 1) for _ in range(3)]
        found = step_length([([[jnp.asarray(c) for c in row] for row in rows], 0, is_tangent)], order)
        # Logarithms to 0.0009 each, two of them over order - 1 at least, and a power to 0.00015.
        allowed = 2 * 0.0009 * math.log(2) / (order - 1) + 0.00015
        assert abs(float(found) / literal(rows, order, is_tangent) - 1) < 1.01 * allowed


def test_lengths_at_the_edge_of_the_numbers():
    def length(*last):
        return float(step_length([([[jnp.asarray(1.0)] * 6 + [jnp.asarray(c) for c in last]], 0, False)], 7))

    # A polynomial that ends before has no length of its own; what is not a number stays so.
    assert length(0.0, 0.0) == np.inf
    assert 0 < length(0.0, 1e-300) < np.inf
    assert np.isnan(length(np.nan, 1.0))
    assert np.isnan(length(1.0, np.inf))


def test_order():
    assert [order_for(tol) for tol in (1e-6, 1e-9, 1e-12, 1e-15)] == [8, 12, 15, 19]
