"""The bias of a stepper in exponents, against what a linear flow makes of it in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import ParameterError
from cocycle.stability import stepper_bias


def test_bias_of_rk4_on_a_linear_flow():
    """One RK4 step multiplies an eigenvector by 1 + z + z^2/2 + z^3/6 + z^4/24 in the place of exp(z)."""
    rates, dt = np.array([-0.3, -0.8]), 0.5
    flow = cc.Flow(lambda t, y, a: a * y, jnp.asarray(rates), dt=dt, x0=[1.0, 1.0])
    z = rates * dt
    expected = np.log(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) / dt - rates
    bias = stepper_bias(flow, duration=600.0)
    # The frame has turned to the eigenvectors after the first tenth: round-off of a few hundred steps.
    np.testing.assert_allclose(bias.difference, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(bias.per_step, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(bias.exact.exponents, rates, rtol=0, atol=1e-12)
    assert "difference" in str(bias)


def test_refusals():
    with pytest.raises(ParameterError, match="Flow"):
        stepper_bias(1.0, duration=10.0)
