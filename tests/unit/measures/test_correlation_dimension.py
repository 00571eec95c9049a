"""Correlation dimension against sets of known dimension, and the sum against its definition."""

import numpy as np
import pytest

import cocycle.data
from cocycle.core.errors import DataError, InsufficientDataError
from cocycle.measures import correlation_dimension


def test_sum_is_that_of_the_definition():
    points = np.random.default_rng(0).normal(size=(300, 2))
    result = correlation_dimension(points, theiler=3)
    gap = np.abs(points[:, None] - points[None]).max(-1)
    apart = np.abs(np.subtract.outer(np.arange(300), np.arange(300))) > 3
    slow = [np.sum((gap < r) & apart) / np.sum(apart) for r in result.radius]
    # Radii are multiples of the range of the data: a distance may fall on the other side by round-off.
    np.testing.assert_allclose(result.correlation_sum[0], slow, atol=2.1 / apart.sum())


def test_sets_of_known_dimension(signals):
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 5000)
    circle = correlation_dimension(np.stack([np.cos(angle), np.sin(angle)], axis=1)).dimension
    square = correlation_dimension(rng.uniform(size=(8000, 2))).dimension
    assert abs(circle.value - 1) < 3 * circle.stderr < 0.2
    # Edges: slope 2 (1 - r) / (1 - r/2) at radius r, at most 0.1 low below r = 0.1.
    assert -3 * square.stderr - 0.1 < square.value - 2 < 3 * square.stderr
    x = signals.henon()
    henon = correlation_dimension(np.stack([x[1:], x[:-1]], axis=1)).dimension
    assert abs(henon.value - 1.22) < 0.03 + 2 * henon.stderr  # 1.22 +- 0.03: spread of published values
    assert henon.stderr < 0.1


def test_lorenz_from_one_coordinate(signals):
    d = correlation_dimension(signals.lorenz(), delay=6)
    assert d.has_plateau
    assert abs(d.dimension.value - 2.05) < 3 * d.dimension.stderr  # 2.05 +- 0.01: Grassberger and Procaccia 1983
    assert d.dimension.stderr < 0.15
    assert d.embedding == (6, 7, 8)


def test_laser_is_low_dimensional():
    # Huebner, Abraham, Weiss 1989: a little above 2.
    d = correlation_dimension(cocycle.data.laser(), delay=2).dimension
    assert abs(d.value - 2.1) < 0.1 + 2 * d.stderr


def test_noise_is_refused(signals):
    for x in (signals.white(), signals.ar1(phi=0.5)):
        d = correlation_dimension(x)
        assert not d.has_plateau
        assert "no plateau" in d.reason
        assert np.isnan(d.dimension.value)


def test_bad_points_are_refused():
    with pytest.raises(InsufficientDataError, match="200"):
        correlation_dimension(np.zeros((10, 2)))
    with pytest.raises(InsufficientDataError, match="equal"):
        correlation_dimension(np.zeros((300, 2)))
    with pytest.raises(DataError, match="finite"):
        correlation_dimension(np.full((300, 2), np.nan))
