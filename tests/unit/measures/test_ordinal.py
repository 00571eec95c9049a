"""Ordinal measures against closed forms and against ordpy."""

import math

import numpy as np
import pytest

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.measures import (
    OrdinalPatterns,
    Renyi,
    Shannon,
    Tsallis,
    complexity_limits,
    information,
    missing_patterns,
    permutation_entropy,
    statistical_complexity,
)

# Logistic map at r = 4 is conjugate to the tent map; the orders of three values are those of t, T(t), T(T(t)), which
# change at t = 1/3, 2/5, 2/3, 4/5. The last order (falling twice) never occurs.
LOGISTIC = np.array([1 / 3, 1 / 15, 4 / 15, 2 / 15, 1 / 5])


def oracle_series():
    x = [0.3]
    for _ in range(2999):
        x.append(4 * x[-1] * (1 - x[-1]))
    return np.array(x)


def test_values_of_ordpy():
    # ordpy 1.2.3 of the same series: permutation_entropy(dx=5), complexity_entropy(dx=5), complexity_entropy(dx=4,
    # taux=2), renyi_entropy(2, dx=4), missing_patterns(dx=5). Tolerance: round-off of sums of 120 terms.
    x = oracle_series()
    assert permutation_entropy(x, m=5, miller_madow=False).value == pytest.approx(0.679751678431098, rel=1e-13)
    assert statistical_complexity(x, m=5).value == pytest.approx(0.4003459276670397, rel=1e-12)
    assert statistical_complexity(x, m=4, delay=2).value == pytest.approx(0.009089334835771526, rel=1e-10)
    renyi = information(Renyi(2.0), OrdinalPatterns(4), x).value / math.log(24)
    assert renyi == pytest.approx(0.7113412926510385, rel=1e-13)
    assert missing_patterns(x, n_shuffles=1).n_missing == 89


@pytest.mark.parametrize("measure", [Shannon(), Renyi(0.5), Renyi(2.0), Tsallis(2.0)])
def test_closed_form_within_honest_bars(signals, measure):
    # 32 orbits: mean of z within 3.9 / sqrt(32) of 0 (p = 1e-4) (the bias 5/2n is
    # small beside that), variance of z about 1.
    truth = measure.of(LOGISTIC)
    results = [information(measure, OrdinalPatterns(3), signals.logistic(seed)) for seed in range(32)]
    z = np.array([(e.value - truth) / e.stderr for e in results])
    assert abs(z.mean()) < 0.7
    assert 0.3 < z.var(ddof=1) < 2.5


def test_missing_order_of_the_logistic_map(signals):
    missing = missing_patterns(signals.logistic(), m=3)
    assert missing.n_missing == 1
    assert missing.p_value == 0.01
    noise = missing_patterns(signals.white(), m=3)
    assert (noise.n_missing, noise.expected) == (0, 0.0)
    assert noise.p_value == 1.0


def test_patterns_are_numbered_in_lexicographic_order():
    space = OrdinalPatterns(m=3)
    series = [(1, 2, 3), (1, 3, 2), (2, 1, 3), (3, 1, 2), (2, 3, 1), (3, 2, 1)]
    orders = sorted((tuple(np.argsort(s)), s) for s in series)
    assert [int(space.encode(s)[0]) for _, s in orders] == list(range(6))
    assert space.encode([1.0, 1.0, 0.0])[0] == space.encode([1.0, 2.0, 0.0])[0]  # ties: earlier counts as smaller


def test_complexity_lies_within_its_limits(signals):
    low, high = complexity_limits(24)
    for x in (signals.logistic(), signals.henon(), signals.ar1(), signals.white(), signals.lorenz()):
        h = permutation_entropy(x, m=4, miller_madow=False).value
        c = statistical_complexity(x, m=4).value
        assert np.interp(h, *low.T) - 1e-3 <= c <= np.interp(h, *high.T) + 1e-3  # curves sampled at 50 points
    # ordpy 1.2.3, maximum_complexity_entropy(dx=3): the largest complexity of six outcomes.
    assert complexity_limits(6)[1][:, 1].max() == pytest.approx(0.2914516437928356, rel=1e-12)


def test_noise_has_full_entropy(signals):
    # Uniform orders: chi-square scatter only, corrected bias; 16 seeds pooled, 4 standard errors.
    values = [permutation_entropy(signals.white(seed), m=4) for seed in range(16)]
    mean = np.mean([1 - v.value for v in values])
    assert mean < 4 * np.mean([v.stderr for v in values]) / 4 + 1e-3


def test_refusals():
    with pytest.raises(ParameterError, match="2 to 9"):
        OrdinalPatterns(m=10)
    with pytest.raises(ParameterError, match="delay"):
        OrdinalPatterns(m=3, delay=0)
    with pytest.raises(ParameterError, match="0 or more"):
        Renyi(-1.0)
    with pytest.raises(ParameterError, match="Miller"):
        information(Tsallis(2.0), OrdinalPatterns(3), np.arange(30.0), miller_madow=True)
    with pytest.raises(InsufficientDataError):
        permutation_entropy(np.arange(10.0), m=3)
    with pytest.raises(ParameterError):
        complexity_limits(1)
