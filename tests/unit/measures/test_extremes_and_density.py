"""Extremes against laws in closed form, densities against exact ones."""

import numpy as np
import pytest

from cocycle.core.errors import CocycleError
from cocycle.measures import (
    BoxGrid,
    block_maxima,
    extremal_index,
    histogram_density,
    kernel_density,
    peaks_over_threshold,
)

Z = 4.5
N = 100_000


def ar1(n, a, seed):
    noise = np.random.default_rng(seed).normal(size=n) * np.sqrt(1 - a * a)
    out = np.empty(n)
    x = noise[0] / np.sqrt(1 - a * a)
    for i in range(n):
        x = a * x + noise[i]
        out[i] = x
    return out


@pytest.mark.parametrize("xi", [-0.25, 0.0, 0.3])
def test_tails_of_known_shape(xi):
    """A generalised Pareto sample: its peaks keep the shape, its block maxima have it in the limit."""
    u = np.random.default_rng(4).uniform(size=N)
    x = -np.log(u) if xi == 0 else (u**-xi - 1) / xi
    peaks = peaks_over_threshold(x, quantile=0.95)
    assert abs(peaks.shape.value - xi) < Z * peaks.shape.stderr
    threshold = peaks.location.value
    assert abs(peaks.scale.value - (1 + xi * threshold)) < Z * peaks.scale.stderr
    maxima = block_maxima(x, block=200)
    assert abs(maxima.shape.value - xi) < Z * maxima.shape.stderr
    level = -np.log(1e-4) if xi == 0 else (1e4**xi - 1) / xi  # exceeded once in 10^4 samples
    found = peaks.return_level(10_000)
    assert abs(found.value - level) < Z * found.stderr


@pytest.mark.parametrize("m", [1, 2, 5])
def test_moving_maxima_have_extremal_index_one_over_m(m):
    z = np.random.default_rng(5).exponential(size=N + m)
    x = np.max([z[k : k + N] for k in range(m)], axis=0)
    theta = extremal_index(x, quantile=0.99)
    assert abs(theta.value - 1 / m) < Z * max(theta.stderr, 1e-3)
    if m > 1:
        fit = peaks_over_threshold(x, quantile=0.99)
        assert abs(fit.shape.value) < Z * fit.shape.stderr  # exponential tail, clusters taken apart


def test_densities_of_a_correlated_gaussian():
    x = ar1(N, 0.9, 6)
    grid = BoxGrid([-3.0], [3.0], 24)
    found = histogram_density(x, grid)
    edges = np.linspace(-3, 3, 25)
    from scipy.stats import norm

    exact = np.diff(norm.cdf(edges)) / np.diff(edges)
    scores = (found.density - exact) / found.stderr
    assert np.max(np.abs(scores)) < Z
    assert 0.5 < scores.std() < 1.7  # 24 correlated scores
    smooth = kernel_density(x, np.array([-1.0, 0.0, 2.0]), bandwidth=0.2)
    exact = norm.pdf([-1.0, 0.0, 2.0], scale=np.sqrt(1 + 0.2**2))  # the kernel widens the law
    assert np.all(np.abs(smooth.density - exact) < Z * smooth.stderr)
    naive = np.sqrt(found.density * grid.volumes / N) / grid.volumes
    assert np.median(found.stderr / naive) > 1.2  # independent samples would give 1


BAD = {
    "block": lambda: block_maxima(np.arange(100.0), block=0),
    "few blocks": lambda: block_maxima(np.arange(100.0), block=50),
    "quantile": lambda: peaks_over_threshold(np.arange(1000.0), quantile=1.5),
    "few exceedances": lambda: extremal_index(np.arange(1000.0), quantile=0.999),
    "short period": lambda: block_maxima(np.random.default_rng(0).normal(size=4000), block=100).return_level(50),
    "bandwidth": lambda: kernel_density(np.arange(100.0), bandwidth=-1.0),
    "grid": lambda: BoxGrid([1.0], [0.0], 3),
    "count": lambda: BoxGrid([0.0], [1.0], 0),
    "dimension": lambda: histogram_density(np.zeros((10, 2)), BoxGrid([0.0], [1.0], 3)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case]()
