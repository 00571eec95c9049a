"""Distances between a model and data: closed forms, literal transcriptions of the definitions, laws, refusals."""

import numpy as np
import pytest

from cocycle import measures
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError

RNG = np.random.default_rng(1)


def literal_divergence(generated, data, n_bins, margin=0.1, smoothing=1e-5):
    """The definition, with the whole histogram in memory."""
    spread = data.std(axis=0, ddof=1)
    edges = [
        np.linspace(lo, hi, n_bins + 1)
        for lo, hi in zip(data.min(0) - margin * spread, data.max(0) + margin * spread, strict=True)
    ]
    p, q = (np.histogramdd(x, bins=edges)[0] + smoothing for x in (data, generated))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


@pytest.mark.parametrize(("n_columns", "n_bins"), [(1, 30), (2, 30), (3, 12)])
def test_divergence_is_its_definition(n_columns, n_bins):
    data, generated = RNG.normal(size=(3000, n_columns)), 1.2 * RNG.normal(size=(2500, n_columns))
    found = measures.state_space_divergence(generated, data, density=measures.Histogram(n_bins=n_bins))
    assert found.value == pytest.approx(literal_divergence(generated, data, n_bins), rel=1e-10)  # round-off


def test_mixture_divergence_of_gaussians():
    """Standardised data of variance 1 convolved with variance v: KL of two Gaussians of variance 1 + v."""
    n, shift, v = 10_000, 0.8, 1.0
    data = RNG.normal(size=(n, 2))
    generated = RNG.normal(size=(n, 2)) + np.array([shift, 0.0])
    density = measures.GaussianMixture(variance=v, n_draws=4000)
    found = measures.state_space_divergence(generated, data, density=density)
    # Sampling of the clouds themselves: the shift is known to sqrt(2 / n), the divergence to shift / (1 + v) of that.
    error = np.hypot(found.stderr, shift / (1 + v) * np.sqrt(2 / n))
    assert abs(found.value - shift**2 / (2 * (1 + v))) < 4 * error


def test_model_that_never_enters_the_range():
    data = RNG.normal(size=(500, 2))
    assert measures.state_space_divergence(data + 100, data).value == np.inf
    # The mixture has no boxes: it tells how far away the model is.
    far = [measures.state_space_divergence(data + k, data, density=measures.GaussianMixture()).value for k in (10, 100)]
    assert 10 < far[0] < far[1] < np.inf


def test_divergence_is_blind_to_time_and_the_spectrum_is_not():
    x = np.sin(0.1 * np.arange(4096))[:, None] + 0.1 * RNG.normal(size=(4096, 1))
    shuffled = RNG.permutation(x)
    assert measures.state_space_divergence(shuffled, x).value == 0.0
    assert measures.spectral_distance(shuffled, x).value > 0.5
    assert measures.spectral_distance(x[::-1], x).value < 1e-7  # a spectrum knows no direction of time


def test_spectral_distance_of_lines():
    """Without smoothing two full periods at different bins do not overlap: distance 1."""
    t = np.arange(1024)
    a, b = (np.sin(2 * np.pi * k * t / 1024)[:, None] for k in (16, 48))
    assert measures.spectral_distance(a, b, smoothing=0.0).value == pytest.approx(1.0, abs=1e-9)
    assert measures.spectral_distance(3 * a + 7, a).value < 1e-7  # columns are standardised
    assert measures.spectral_distance(np.ones((1024, 1)), a).value == 1.0


def test_prediction_error_and_valid_time():
    facts = RNG.normal(size=(6, 10, 2))
    wrong = 0.1 * (1 + np.arange(10))[None, :, None] * np.ones((6, 10, 2))
    at_4 = measures.prediction_error(facts + wrong, facts, scale=np.ones(2), horizon=4)
    assert at_4.value == pytest.approx(0.16)
    assert at_4.stderr < 1e-12
    # The error is 0.5 at row 5, the first above 0.45: four rows were valid.
    found = measures.valid_time(facts + wrong, facts, scale=np.ones(2), dt=0.5, threshold=0.45)
    assert found.value == pytest.approx(2.0)
    exploded = facts.copy()
    exploded[:, 3:] = np.nan
    assert measures.valid_time(exploded, facts, scale=np.ones(2)).value == 3.0
    assert measures.prediction_error(exploded, facts, scale=np.ones(2), horizon=10).value == 2.0
    assert "6 of 6 valid to the end" in measures.valid_time(facts, facts, scale=np.ones(2)).method


def test_discrepancy_against_its_definition():
    x, y = RNG.normal(size=(150, 2)) + 0.5, RNG.normal(size=(120, 2))
    x, y = x / y.std(0), y / y.std(0)
    distances = [np.linalg.norm(y[i] - y[j]) for i in range(len(y)) for j in range(i)]
    width = np.median(distances)

    def kernel(a, b):
        return np.exp(-np.sum((a - b) ** 2) / (2 * width**2))

    within = [np.mean([kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j]) for z in (x, y)]
    literal = sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    assert measures.maximum_mean_discrepancy(x, y).value == pytest.approx(literal, rel=1e-9)


def test_discrepancy_of_equal_distributions_is_zero_within_its_error():
    """Unbiased: 4.5 standard errors of the mean over 32 pairs. The errors told are those that are seen, within 2."""
    found = [measures.maximum_mean_discrepancy(RNG.normal(size=(400, 2)), RNG.normal(size=(400, 2))) for _ in range(32)]
    values, errors = np.array([f.value for f in found]), np.array([f.stderr for f in found])
    assert abs(values.mean()) < 4.5 * values.std() / np.sqrt(32)
    assert 0.5 < errors.mean() / values.std() < 2
    far = measures.maximum_mean_discrepancy(RNG.normal(size=(400, 2)) + 1, RNG.normal(size=(400, 2)))
    assert far.value > 10 * far.stderr


def test_correlation_sum_distance():
    x = RNG.normal(size=(1000, 2))
    assert measures.correlation_sum_distance(x, x).value == 0.0
    # A line against a plane: the logarithms of C differ by about ln(1/r) at every radius.
    line = np.outer(RNG.normal(size=1000), [1.0, 1.0])
    assert measures.correlation_sum_distance(line, x).value > 0.5


def test_two_halves_of_lorenz_score_as_published():
    """Cards 013 and 014 found 0.17 to 0.25 for halves of 20,000 points at dt = 0.03, and D_H near 0.05."""
    import cocycle as cc

    orbit = cc.trajectory(cc.systems.Lorenz63(dt=0.03), n_steps=41_000).x[1000:]
    halves = orbit[:20_000], orbit[20_000:]
    assert 0.15 < measures.state_space_divergence(*halves).value < 0.30
    assert 0.02 < measures.spectral_distance(*halves).value < 0.08


BAD = {
    "columns": (lambda x: (x, x[:, :1]), DataError, "columns"),
    "not finite": (lambda x: (np.where(x > 1, np.nan, x), x), DataError, "explodes"),
    "too short": (lambda x: (x[:10], x), InsufficientDataError, "run longer"),
    "constant": (lambda x: (x, x * [1.0, 0.0]), InsufficientDataError, "constant"),
    "three axes": (lambda x: (x[None], x), DataError, "table"),
    "text": (lambda x: (x.astype(str), x), DataError, "real numbers"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(
    "measure",
    [
        measures.state_space_divergence,
        measures.spectral_distance,
        measures.maximum_mean_discrepancy,
        measures.correlation_sum_distance,
    ],
)
def test_bad_clouds_are_refused(measure, case):
    make, error, words = BAD[case]
    with pytest.raises(error, match=words):
        measure(*make(RNG.normal(size=(200, 2))))


def test_bad_options_are_refused():
    x = RNG.normal(size=(200, 12))
    with pytest.raises(ParameterError, match="GaussianMixture"):
        measures.state_space_divergence(x, x, density=measures.Histogram())
    with pytest.raises(ParameterError, match="n_bins"):
        measures.Histogram(n_bins=1)
    with pytest.raises(ParameterError, match="variance"):
        measures.GaussianMixture(variance=0.0)
    with pytest.raises(ParameterError, match="smoothing"):
        measures.spectral_distance(x, x, smoothing=-1.0)
    with pytest.raises(DataError, match="same length"):
        measures.spectral_distance(x[:100], x)
    forecasts = np.zeros((3, 4, 2))
    with pytest.raises(ParameterError, match="horizon"):
        measures.prediction_error(forecasts, forecasts, scale=np.ones(2), horizon=5)
    with pytest.raises(ParameterError, match="threshold"):
        measures.valid_time(forecasts, forecasts, scale=np.ones(2), threshold=0.0)
