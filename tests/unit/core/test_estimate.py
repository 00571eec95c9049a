"""Standard errors against processes whose error is known in closed form."""

import numpy as np
import pytest
from scipy.signal import lfilter

from cocycle.core.errors import InsufficientDataError
from cocycle.core.estimate import Estimate, format_value, mean_estimate

N_ROWS = 10_000


def white(rng):
    return rng.normal(size=N_ROWS)


def ar1(rng, phi=0.9, n=N_ROWS):
    return lfilter([1.0], [1.0, -phi], rng.normal(size=n + 1000))[1000:]


def telescoping(rng):
    return np.diff(ar1(rng, n=N_ROWS + 1))


@pytest.mark.parametrize("process", [white, ar1, lambda rng: ar1(rng, -0.9), lambda rng: ar1(rng, 0.99), telescoping])
def test_z_scores_have_unit_variance(process):
    # 256 runs: the variance of z has standard error sqrt(2/256) = 0.09 beside the 20 % of the bar itself.
    rng = np.random.default_rng(0)
    estimates = [mean_estimate(process(rng)) for _ in range(256)]
    z = np.array([float(e.value) / float(e.stderr) for e in estimates])
    assert 0.6 < z.var() < 1.6
    assert np.mean(np.abs(z) < 1.96) > 0.88


def test_constant_series_is_exact():
    e = mean_estimate(np.full(100, 0.3))
    assert float(e.stderr) == 0.0
    assert float(e.n_eff) == np.inf


def test_minus_infinity_is_kept_with_zero_error():
    rows = np.random.default_rng(0).normal(size=(64, 2))
    rows[:, 1] = -np.inf
    e = mean_estimate(rows)
    assert np.isneginf(e.value[1])
    assert e.stderr[1] == 0.0
    assert e.stderr[0] > 0.0


def test_too_few_rows_are_refused():
    with pytest.raises(InsufficientDataError, match="16"):
        mean_estimate(np.zeros(15))


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (0.90561, 0.0021, "0.9056 ± 0.0021"),
        (-14.5719, 0.03, "-14.572 ± 0.030"),
        (656.528, 190.0, "660 ± 190"),
        (-3.0, 190.0, "0 ± 190"),
        (2.0, 0.0, "2"),
        (5.0, np.inf, "5 ± ?"),
    ],
)
def test_digits_follow_the_error(value, stderr, text):
    assert format_value(value, stderr) == text
    assert str(Estimate(value, stderr)) == text
