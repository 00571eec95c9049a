"""Survival curves and visits: textbook values, laws, censoring."""

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from cocycle.core.errors import CocycleError
from cocycle.measures import mean_lifetime, survival_curve, visits

Z = 4.5


def test_kaplan_meier_of_the_remission_data_of_gehan():
    """The 6-MP arm of Freireich's trial: survival and errors as in every textbook."""
    t = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    seen = np.arange(21) < 9
    curve = survival_curve([float(v) for v in t], seen)
    assert curve.time.tolist() == [6, 7, 10, 13, 16, 22, 23]
    assert np.allclose(curve.survival, [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], atol=5e-4)
    assert np.allclose(curve.stderr, [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135], atol=5e-4)
    assert curve.median == 23.0


def test_agrees_with_scipy():
    random = np.random.default_rng(0)
    t, c = random.exponential(size=300), random.exponential(2.0, size=300)
    d, seen = np.minimum(t, c), t <= c
    other = ecdf(CensoredData(uncensored=d[seen], right=d[~seen])).sf
    ours = survival_curve(d, seen)
    assert np.allclose(other.evaluate(ours.time), ours.survival, rtol=1e-12)
    low, high = ours.band()
    assert np.all((low <= ours.survival) & (ours.survival <= high))


def test_without_censoring_it_is_the_empirical_law_with_binomial_errors():
    d = np.random.default_rng(1).exponential(size=200)
    curve = survival_curve(d)
    s = 1 - np.arange(1, 201) / 200
    assert np.allclose(curve.survival, s, atol=1e-12)
    assert np.allclose(curve.stderr, np.sqrt(s * (1 - s) / 200), atol=1e-12)
    assert np.isclose(curve.restricted_mean().value, d.mean(), rtol=1e-12)


def test_errors_cover():
    """Survival at one time, restricted mean and mean lifetime of censored exponentials, over 400 samples."""
    random = np.random.default_rng(2)
    scores = []
    for _ in range(400):
        t, c = random.exponential(size=100), random.uniform(0, 3, size=100)
        d, seen = np.minimum(t, c), t <= c
        curve = survival_curve(d, seen)
        at, mean, life = curve.at(1.0), curve.restricted_mean(1.5), mean_lifetime(d, seen)
        scores.append(
            [
                (at.value - np.exp(-1)) / at.stderr,
                (mean.value - (1 - np.exp(-1.5))) / mean.stderr,
                (life.value - 1) / life.stderr,
            ]
        )
    scores = np.asarray(scores)
    # A standard deviation of 400 scores is known to 1/sqrt(800); small samples make ratios a little heavier.
    assert np.all(np.abs(scores.std(axis=0) - 1) < Z / np.sqrt(800) + 0.03)
    assert np.all(np.abs(scores.mean(axis=0)) < Z / 20 + 0.1)


def test_visits_with_hysteresis_and_a_cut_off_end():
    x = np.array([0.5, 0.9, 0.5, 0.8, 0.7, 0.9, 0.5, 0.8])
    found = visits(x < 0.6, x > 0.85, dt=0.5)
    assert found.begin.tolist() == [2, 6]
    assert found.durations.tolist() == [1.5, 1.0]
    assert found.observed.tolist() == [True, False]
    assert np.isclose(found.share, 5 / 6)


def test_visits_of_a_two_state_chain_are_geometric():
    random = np.random.default_rng(3)
    p, x, out = 0.05, False, []
    for u in random.uniform(size=40_000):
        x = x if u > (p if x else 0.2) else not x
        out.append(x)
    mean = visits(np.asarray(out), dt=1.0).mean
    assert abs(mean.value - 1 / p) < Z * mean.stderr


BAD = {
    "negative": lambda: survival_curve([-1.0, 2.0]),
    "no end": lambda: survival_curve([1.0, 2.0], [False, False]),
    "none": lambda: survival_curve(np.zeros(0)),
    "lengths": lambda: survival_curve([1.0, 2.0], [True]),
    "horizon": lambda: survival_curve([1.0, 2.0]).restricted_mean(5.0),
    "one end": lambda: mean_lifetime([1.0, 2.0], [True, False]),
    "overlap": lambda: visits(np.array([True, False]), np.array([True, True]), dt=1.0),
    "numbers": lambda: visits(np.array([1.0, 0.0]), dt=1.0),
    "dt": lambda: visits(np.array([True, False]), dt=0.0),
    "never": lambda: visits(np.array([True, True]), dt=1.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case]()
