"""Exponents from data against exponents of the equations, which no part of this package computes."""

import numpy as np
import pytest

from cocycle.core.errors import InsufficientDataError
from cocycle.measures import kantz, rosenstein

# Largest exponents: Lorenz 0.9056 (Viswanath 1998), Henon 0.4192 (Sprott 2003), logistic map at r = 4: log 2 exactly.
CASES = [("lorenz", 0.03, 3, 6, 0.9056), ("henon", 1.0, 2, 1, 0.4192), ("logistic", 1.0, 1, 1, np.log(2))]


@pytest.mark.parametrize("method", [rosenstein, kantz])
@pytest.mark.parametrize(("name", "dt", "dimension", "delay", "truth"), CASES)
def test_exponent_within_its_bar(signals, method, name, dt, dimension, delay, truth):
    # Six comparisons at 3.5 standard errors: false alarm below 0.3 %; a bar may be a third of the value.
    d = method(getattr(signals, name)(), dimension=dimension, delay=delay, dt=dt)
    assert d.has_scaling
    assert abs(d.exponent.value - truth) < 3.5 * d.exponent.stderr
    assert d.exponent.stderr < truth / 3
    assert d.r2 > 0.98
    assert d.time[0] == 0.0
    assert d.fitted[0] < d.fitted[1] <= d.time[-1]


@pytest.mark.parametrize("method", [rosenstein, kantz])
def test_regular_motion_has_a_flat_curve(signals, method):
    for x in (signals.sine(), signals.quasi(), signals.sine(noise=0.01)):
        d = method(x, dimension=4, delay=7)
        assert not d.has_scaling
        assert "flat" in d.reason
        assert np.isnan(d.exponent.value)
        assert d.exponent.stderr == np.inf


@pytest.mark.parametrize("method", [rosenstein, kantz])
@pytest.mark.parametrize("dimension", [1, 3, 6])
def test_noise_has_no_scaling(signals, method, dimension):
    for seed in range(5):
        assert not method(signals.white(seed), dimension=dimension, delay=1).has_scaling


def test_correlated_noise_has_no_scaling(signals):
    for seed in range(5):
        assert not rosenstein(signals.ar1(seed, phi=0.95), dimension=4, delay=20).has_scaling


def test_exponent_is_inverse_to_dt_and_blind_to_scale(signals):
    x = signals.henon()[:3000]
    one = rosenstein(x, dimension=2, delay=1)
    slow = rosenstein(x, dimension=2, delay=1, dt=10.0)
    scaled = rosenstein(5.0 - 8.0 * x, dimension=2, delay=1)  # powers of two: round-off only from the shift
    assert slow.exponent.value == pytest.approx(one.exponent.value / 10, rel=1e-12)
    assert scaled.exponent.value == pytest.approx(one.exponent.value, rel=1e-6)


def test_symbolic_series_is_refused():
    with pytest.raises(InsufficientDataError, match="symbolic"):
        rosenstein(np.arange(3000) % 3, dimension=2, delay=1)
