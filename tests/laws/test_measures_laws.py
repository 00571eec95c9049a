"""Laws that measures of series obey for every input."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from cocycle.measures import (
    OrdinalPatterns,
    Renyi,
    Shannon,
    Tsallis,
    embed,
    iaaft,
    information,
    mutual_information,
    permutation_entropy,
    power_spectrum,
    statistical_complexity,
)

seeds = st.integers(0, 2**32 - 1)


def series(seed, n=300):
    """Noise of random colour, without ties."""
    rng = np.random.default_rng(seed)
    x = np.convolve(rng.normal(size=n + 20), rng.normal(size=rng.integers(1, 20)), mode="valid")[:n]
    return x - x.mean()


@given(seeds, st.integers(2, 5), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_entropies_are_bounded_and_ordered(seed, m, delay):
    x, space = series(seed), OrdinalPatterns(m, delay)
    values = [information(Renyi(q), space, x).value for q in (0.0, 0.5, 1.0, 2.0, 5.0)]
    assert values == sorted(values, reverse=True) or np.all(np.diff(values) < 1e-12)  # Renyi falls with its order
    assert -1e-12 <= values[-1] <= values[0] <= math.log(space.n_outcomes) + 1e-12
    assert information(Shannon(), space, x).value == pytest.approx(values[2], abs=1e-12)
    assert -1e-12 <= information(Tsallis(2.0), space, x).value <= 1 - 1 / space.n_outcomes
    assert 0 <= statistical_complexity(x, m=m, delay=delay).value < 0.6


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_increasing_functions_change_nothing(seed):
    x = series(seed)
    y = np.arctan(x / 10) + x
    assert permutation_entropy(x, m=4).value == permutation_entropy(y, m=4).value
    np.testing.assert_allclose(mutual_information(x, 3), mutual_information(y, 3), atol=1e-12)


@given(seeds, st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_reversed_signs_relabel_patterns(seed, m):
    x = series(seed)
    a, b = permutation_entropy(x, m=m), permutation_entropy(-x, m=m)
    assert a.value == pytest.approx(b.value, abs=1e-12)


@given(seeds, st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_delay_vectors_hold_the_series(seed, m, delay):
    x = series(seed, 100)
    y = embed(x, m, delay)
    assert y.shape == (100 - (m - 1) * delay, m)
    for k in range(m):
        np.testing.assert_array_equal(y[:, k], x[k * delay : k * delay + y.shape[0]])


@given(seeds, st.integers(64, 300))
@settings(max_examples=15, deadline=None)
def test_surrogates_hold_the_values(seed, n):
    x = series(seed, n)
    made = iaaft(x, 2, seed=seed % 1000)
    assert np.all(np.sort(made.series, axis=1) == np.sort(x))
    assert made.spectrum_error.max() < 0.5


@given(seeds, st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_spectrum_rescales_with_time(seed, dt):
    x = series(seed)
    one, other = power_spectrum(x), power_spectrum(x, dt)
    np.testing.assert_allclose(other.frequency, one.frequency / dt, rtol=1e-12)
    np.testing.assert_allclose(other.density, one.density * dt, rtol=1e-9)
