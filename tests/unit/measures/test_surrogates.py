"""Surrogates keep what they promise, and the test refutes at its nominal rate."""

import numpy as np
import pytest
from scipy.stats import binom

from cocycle.measures import (
    TimeReversal,
    forecast_skill,
    fourier_surrogates,
    iaaft,
    matching_stretch,
    nonlinearity_test,
    predictability_time,
    shuffle_surrogates,
    zero_one_test,
)

N_RUNS = 40
LEVEL = 0.025
# Refutations of a true hypothesis in 40 runs, exceeded once in ten thousand.
MOST = int(binom.ppf(1 - 1e-4, N_RUNS, LEVEL))


def test_values_and_spectrum_are_kept(signals):
    x = signals.ar1(phi=0.8) ** 3
    amplitude = np.abs(np.fft.rfft(x))[1:]
    made = iaaft(x, 3)
    for row, stated in zip(made.series, made.spectrum_error, strict=True):
        np.testing.assert_array_equal(np.sort(row), np.sort(x))
        error = np.linalg.norm(np.abs(np.fft.rfft(row))[1:] - amplitude) / np.linalg.norm(amplitude)
        assert error == pytest.approx(stated, rel=1e-9)
        assert error < 0.1  # heavy tails: values and spectrum cannot both be had
    fourier = fourier_surrogates(x, 2)
    assert fourier.spectrum_error.max() < 1e-12
    assert abs(fourier.series.mean() - x.mean()) < 1e-12 * np.abs(x).max()
    assert np.all(np.sort(shuffle_surrogates(x, 2).series, axis=1) == np.sort(x))
    assert np.array_equal(iaaft(x, 1, seed=5).series, iaaft(x, 1, seed=5).series)


@pytest.mark.parametrize("distort", [lambda x: x, np.exp], ids=["linear", "exponential"])
def test_linear_noise_is_refuted_at_the_nominal_rate(signals, distort):
    refuted = sum(
        nonlinearity_test(distort(signals.ar1(seed, n=400, phi=0.7)), seed=seed).refuted for seed in range(N_RUNS)
    )
    assert refuted <= MOST


def test_deterministic_series_are_refuted(signals):
    for x in (signals.logistic()[:1000], signals.henon()[:1000], signals.lorenz()[:3000]):
        test = nonlinearity_test(x)
        assert test.refuted
        assert test.p_value == 1 / 40
        assert test.z > 5


def test_answer_is_the_same_for_an_increasing_function(signals):
    x = signals.ar1(n=400)
    assert nonlinearity_test(x).statistic == nonlinearity_test(np.arctan(x)).statistic


def test_time_reversal_sees_a_sawtooth(signals):
    saw = (np.cumsum(1 + 0.3 * signals.white(n=1500)) / 20) % 1
    assert nonlinearity_test(saw, statistic=TimeReversal(1)).refuted


def test_stretch_has_matching_ends():
    # One step is 2 pi / 300 = 0.02 at most: the ends may differ by a step and the grid of starts.
    x = np.sin(2 * np.pi * np.arange(2000) / 300)
    start, stop = matching_stretch(x)
    assert stop - start >= 1400
    assert abs(x[stop - 1] - x[start]) < 0.06
    assert abs(np.diff(x)[stop - 2] - np.diff(x)[start]) < 0.01


def test_zero_one_test(signals):
    # K = 1 for chaos and 0 for regular motion in the limit; 0.1 away at these lengths (Gottwald and Melbourne 2009).
    for x in (signals.logistic(), signals.henon(), signals.lorenz()):
        assert zero_one_test(x).k.value > 0.9
    for x in (signals.sine(), signals.quasi(), signals.logistic(r=3.83), signals.logistic(r=3.5)):
        assert abs(zero_one_test(x).k.value) < 0.1


def test_zero_one_growth_is_that_of_the_definition(signals):
    x = signals.logistic(n=300)
    result = zero_one_test(x, stride=1, n_frequencies=3)
    n_lags = 30
    for c, k in zip(result.frequency, result.k_of_frequency, strict=True):
        p, q = np.cumsum(x * np.cos(c * np.arange(1, 301))), np.cumsum(x * np.sin(c * np.arange(1, 301)))
        d = [
            np.mean([(p[j + n] - p[j]) ** 2 + (q[j + n] - q[j]) ** 2 for j in range(300 - n_lags)])
            - x.mean() ** 2 * (1 - np.cos(c * n)) / (1 - np.cos(c))
            for n in range(1, n_lags + 1)
        ]
        assert k == pytest.approx(np.corrcoef(np.arange(1, n_lags + 1), d)[0, 1], abs=1e-9)


def test_forecasts_of_chaos_fade_at_the_exponent(signals):
    # The error grows by log 2 a step until it saturates: two thresholds a factor 4 apart are two steps apart.
    skill = forecast_skill(signals.logistic(), dimension=1, delay=1, max_horizon=20)
    late, early = predictability_time(skill, threshold=0.4), predictability_time(skill, threshold=0.1)
    assert abs(late.value - early.value - 2) < 1  # one sample: the grid of horizons
    assert late.stderr < 1
    assert skill.correlation[0] > 0.999
    assert skill.persistence[0] == pytest.approx(np.sqrt(2), rel=0.1)  # lag-one correlation is 0


def test_forecasts_of_ar1_are_no_better_than_theory(signals):
    # Best possible: sqrt(1 - phi^(2h)); five-neighbour averages lose, and cannot win beyond sampling.
    skill = forecast_skill(signals.ar1(n=6000, phi=0.9), dimension=2, delay=1, max_horizon=10)
    best = np.sqrt(1 - 0.9 ** (2 * np.arange(1, 11)))
    assert np.all(skill.error > best - 4 * skill.error_stderr)
    assert np.all(np.abs(skill.mean - 1) < 0.2)


def test_endless_prediction_is_a_lower_bound(signals):
    t = predictability_time(forecast_skill(signals.sine(), dimension=2, delay=5, max_horizon=50, dt=0.1))
    assert (t.value, t.stderr) == (pytest.approx(5.0), np.inf)
