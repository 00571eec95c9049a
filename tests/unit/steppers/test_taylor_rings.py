"""Series on large arrays: a ring whose state repeats moves as the small ring does."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cocycle.core.run import run
from cocycle.steppers import Flow, Taylor


def ring(t, y, a):
    return jnp.sin(jnp.roll(y, 1)) * jnp.exp(-y * y) + jnp.tanh(y) / (1 + jnp.roll(y, 2) ** 2)


def test_a_large_ring_repeats_the_small_one():
    # 2,400 numbers are more than one kernel may hold (XLA would share costly results among cores), 60 are not.
    state = 0.5 + np.sin(np.arange(60.0))
    small, large = (Flow(ring, dt=0.5, x0=x, stepper=Taylor(1e-12)) for x in (state, np.tile(state, 40)))
    one, many = (np.asarray(eqx.filter_jit(run)(flow, n_steps=1)) for flow in (small, large))
    # Both take the same steps; sums are rounded in another order, over some tens of steps.
    np.testing.assert_allclose(many, np.tile(one, 40), rtol=0, atol=1e-13)
