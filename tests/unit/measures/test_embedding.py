"""Delay, dimension and spectrum against processes whose answers are known in closed form."""

import numpy as np
import pytest

from cocycle.measures import (
    autocorrelation,
    delay_by_mutual_information,
    dimension_by_cao,
    dimension_by_false_neighbours,
    dominant_period,
    mutual_information,
    power_spectrum,
    theiler_window,
)


def test_autocorrelation_of_ar1(signals):
    # r_k = phi^k; Bartlett: standard error of r_1 is sqrt((1 - phi^2) / n).
    r = np.mean([autocorrelation(signals.ar1(seed, phi=0.8), 5) for seed in range(32)], axis=0)
    stderr = np.sqrt((1 - 0.64) / (32 * 3000))
    bias = 5 / 3000
    assert abs(r[1] - 0.8) < 4 * stderr + bias
    x = signals.white(n=200)
    centred = x - x.mean()
    slow = [np.sum(centred[: 200 - k] * centred[k:]) / np.sum(centred**2) for k in range(6)]
    np.testing.assert_allclose(autocorrelation(x, 5), slow, atol=1e-14)


def test_mutual_information_of_gaussian_ar1(signals):
    # -log(1 - phi^2) / 2 for the continuous pair; bins lose a little, never gain (data processing).
    phi = 0.8
    truth = -0.5 * np.log(1 - phi**2)
    values = np.array([mutual_information(signals.ar1(seed, phi=phi), 1)[1] for seed in range(16)])
    assert values.mean() < truth + 4 * values.std() / 4
    assert values.mean() > 0.85 * truth


def test_mutual_information_of_noise_is_zero(signals):
    # Corrected plug-in value: zero up to chi-square scatter, n_bins / (sqrt(2) n) each; 16 seeds, 4 standard errors.
    values = np.array([mutual_information(signals.white(seed), 3)[1:] for seed in range(16)])
    assert abs(values.mean()) < 4 * 24 / (np.sqrt(2) * 3000) / np.sqrt(48)


def test_delay_rules(signals):
    assert delay_by_mutual_information(signals.henon()).rule == "decorrelated in one sample"
    lorenz = delay_by_mutual_information(signals.lorenz())
    # First minimum for Lorenz' x at 0.16 to 0.18 time units (Abarbanel): 5 or 6 samples of 0.03.
    assert lorenz.rule == "first minimum"
    assert lorenz.delay in (5, 6)
    assert theiler_window(signals.lorenz()) > lorenz.delay


@pytest.mark.parametrize(("name", "delay", "expected"), [("logistic", 1, 1), ("henon", 1, 2), ("lorenz", 6, 3)])
def test_false_neighbours_find_the_dimension(signals, name, delay, expected):
    # A function of one value; of two values; the flow of Lorenz unfolds in three (Kennel, Brown, Abarbanel 1992).
    assert dimension_by_false_neighbours(getattr(signals, name)(), delay).dimension == expected


def test_noise_needs_all_dimensions(signals):
    for seed in range(5):
        assert not dimension_by_false_neighbours(signals.white(seed), 1).saturated
        cao = dimension_by_cao(signals.white(seed), 1)
        assert not cao.saturated
        assert not cao.deterministic
    for x, delay in ((signals.lorenz(), 6), (signals.henon(), 1), (signals.sine(), 5)):
        assert dimension_by_cao(x, delay).deterministic


def test_spectrum_integrates_to_the_variance(signals):
    x = signals.white(n=8192)
    s = power_spectrum(x, dt=0.1)
    total = np.sum(s.density) * s.frequency[1]
    assert total == pytest.approx(x.var(), rel=4 * np.sqrt(2 / 8192) + 0.02)  # sampling, and the Hann taper's ends


@pytest.mark.parametrize("period", [3.3, 17.0, 41.7, 200.0])
def test_dominant_period_of_a_sine(period):
    t = 0.5 * np.arange(6000)
    e = dominant_period(np.cos(2 * np.pi * t / period + 1), dt=0.5)
    assert abs(e.value - period) < e.stderr < 0.01 * period
