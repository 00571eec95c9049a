"""Orbits in natural units: sampling, noise, partial observation, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle import systems
from cocycle.core.errors import AccuracyWarning, ParameterError, UnknownNameError
from cocycle.steppers import DOP853, RK4
from cocycle.systems import catalogue, orbit


def test_points_are_one_period_over_their_number_apart():
    entry = catalogue["sprott_b"]
    assert entry.period is not None
    found = orbit("sprott_b", n_periods=3, points_per_period=40)
    assert found.x.shape == (120, 3)
    assert np.allclose(np.diff(found.t), entry.period / 40, rtol=1e-12, atol=0)
    direct = cc.trajectory(entry.make(dt=entry.period / 400, stepper=DOP853()), n_steps=1200, save_every=10).x
    # Both are within 1e-9 of the solution over three periods, where errors grow less than a hundredfold.
    assert np.max(np.abs(found.x - direct)) < 1e-7


def test_a_given_stepper_takes_one_step_a_point():
    system = catalogue["sprott_b"].make()
    found = orbit(system, n_periods=1, points_per_period=200, stepper=DOP853())
    assert np.max(np.abs(found.x - orbit("sprott_b", n_periods=1, points_per_period=200).x)) < 1e-7


def test_transient_is_the_same_orbit_later():
    late = orbit("sprott_k", n_periods=1, points_per_period=20, n_transient=2)
    whole = orbit("sprott_k", n_periods=3, points_per_period=20)
    assert np.allclose(late.x, whole.x[40:], rtol=0, atol=1e-7)
    assert np.allclose(late.t, whole.t[40:], rtol=1e-14, atol=0)


def test_noise_has_the_size_asked_for_and_the_seed_decides():
    clean = orbit("sprott_b", n_periods=50, points_per_period=40)
    noisy = [orbit("sprott_b", n_periods=50, points_per_period=40, noise=0.1, seed=s) for s in (0, 0, 1)]
    assert np.array_equal(noisy[0].x, noisy[1].x)
    assert not np.array_equal(noisy[0].x, noisy[2].x)
    ratio = (noisy[0].x - clean.x).std(axis=0) / clean.x.std(axis=0)
    # A standard deviation of 2,000 numbers is known to 1 / sqrt(4000); five of them.
    assert np.all(np.abs(ratio / 0.1 - 1) < 5 / np.sqrt(4000))


def test_part_of_the_variables():
    found = orbit("sprott_b", n_periods=1, points_per_period=10, variables=["z", "x"])
    whole = orbit("sprott_b", n_periods=1, points_per_period=10)
    assert found.variables == ("z", "x")
    assert np.array_equal(found.x, np.asarray(whole.x)[:, [2, 0]])


@pytest.mark.parametrize("name", ["tent", "henon", "sprott_delay", "stochastic_lorenz", "kuramoto_sivashinsky"])
def test_every_kind_has_orbits(name):
    found = orbit(name, n_periods=2, points_per_period=8, n_transient=1)
    assert len(found.x) == 16
    assert np.all(np.isfinite(found.x))


DELAYED = [e.name for e in catalogue if e.kind == "delay"]


@pytest.mark.parametrize("name", DELAYED)
def test_delay_equations_keep_the_tolerance(name):
    entry = catalogue[name]
    assert entry.period is not None
    assert entry.record is not None
    loose = orbit(name, n_periods=2, points_per_period=50, rtol=1e-10)
    tight = orbit(name, n_periods=2, points_per_period=50, rtol=1e-14)
    spread = np.asarray(tight.x).std(axis=0).max()
    # Fewer than 5,000 steps; and errors grow: by the largest exponent, ten times as fast at places.
    grown = np.exp(2 * entry.period * max(entry.record.exponents[0], 0.0))
    assert np.max(np.abs(loose.x - tight.x)) < 5000 * 1e-10 * max(1.0, spread) * min(grown, 1e3)
    assert np.max(np.abs(loose.x - tight.x)) < 1e-9 * spread  # what data sets promise


def test_fixed_steps_converge_to_the_orbit_of_the_delay_equation():
    # Steps that divide the delay, so that kinks fall on nodes: order 4, a quarter of the step has an error 256 times
    # smaller, less what higher orders add.
    sampling = {"n_periods": 3, "points_per_period": 17, "period": 17.0}
    true = orbit("mackey_glass", **sampling).x
    makes = [systems.MackeyGlass(dt=dt) for dt in (0.2, 0.05)]
    errors = [np.abs(orbit(s, stepper=RK4(), **sampling).x - true).max() for s in makes]
    assert errors[0] < 1e-4
    assert errors[0] / errors[1] > 128


def test_a_delay_equation_without_series_says_so():
    kinked = cc.DelayFlow(lambda t, y, past, a: -jnp.abs(past), delays=1.0, dt=0.1, x0=1.0, name="kinked")
    with pytest.warns(AccuracyWarning, match="no tolerance is kept"):
        found = orbit(kinked, n_periods=1, points_per_period=5, period=1.0)
    # y = 1 - t up to the delay, which order 4 has exactly.
    np.testing.assert_allclose(found.x, [0.8, 0.6, 0.4, 0.2, 0.0], rtol=0, atol=1e-14)
    state = kinked.initial_state(1.0)
    held = cc.DelayFlow(kinked.field, delays=1.0, dt=0.1, x0=state)
    np.testing.assert_array_equal(orbit(held, n_periods=1, points_per_period=5, period=1.0).x, found.x)


REFUSED = [
    (lambda: orbit("sprott_delay", stepper=DOP853()), ParameterError, "RK4"),
    (lambda: orbit("sprot_b"), UnknownNameError, "sprott_b"),
    (lambda: orbit("sprott_b", variables=["w"]), UnknownNameError, "variable"),
    (lambda: orbit("sprott_b", noise=-1.0), ParameterError, "noise"),
    (lambda: orbit("sprott_b", n_periods=0), ParameterError, "n_periods"),
    (lambda: orbit("cox_ingersoll_ross"), ParameterError, "period"),
    (lambda: orbit(systems.SprottB(), parameters={"a": 1.0}), ParameterError, "ready system"),
]


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says):
    with pytest.raises(error, match=says):
        call()
