"""Which solver samples an orbit: the rule, and that both give the same orbit."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from cocycle.steppers import Switches, Taylor, dense_orbit
from cocycle.systems import catalogue
from cocycle.systems.solver import MAX_WORK, sampled, series_work

STEPPER = Taylor(1e-10, switches=Switches.REFUSE)


def work(name) -> Any:
    flow: Any = catalogue[name].make()
    return series_work(flow, flow.initial_state(flow.x0), STEPPER)


def test_the_rule_knows_what_series_are_made_for():
    # Lorenz: two products of series, at order 13; those by constants cost next to nothing.
    assert work("lorenz63") == 2 * 13**2
    assert work("aizawa") > MAX_WORK
    # Not analytic; array by array.
    assert work("chua") is None
    assert work("lorenz96") is None


def test_both_solvers_give_the_same_orbit():
    flow: Any = catalogue["lorenz63"].make()
    times = np.linspace(0.1, 3.0, 30)
    found = sampled(flow, times, 1e-12)
    pair = dense_orbit(flow.field, jnp.asarray(flow.x0), times, flow.args, rtol=1e-12, atol=1e-12)
    # Some 200 steps of 1e-12 on a state of 40, grown by exp(0.9 * 3).
    np.testing.assert_allclose(found.x, pair, rtol=0, atol=200 * 40 * 1e-12 * np.exp(2.7))
    assert found.n == 30
    np.testing.assert_array_equal(found.final, found.x[-1])
