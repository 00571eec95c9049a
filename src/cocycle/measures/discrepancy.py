"""Two more distances of clouds: maximum mean discrepancy, and the difference of correlation sums."""

import numpy as np
from scipy.spatial.distance import cdist, pdist

from cocycle.core.estimate import Estimate
from cocycle.measures.clouds import CloudLike, checked_clouds, jackknife
from cocycle.measures.neighbours import spread_indices

N_POINTS = 2000
N_BLOCKS = 8
N_RADII = 16


def maximum_mean_discrepancy(generated: CloudLike, data: CloudLike, *, n_points: int = N_POINTS) -> Estimate:
    r"""Squared maximum mean discrepancy with a Gaussian kernel, unbiased.

    $$\widehat{MMD}^2 = \langle k(x, x') \rangle_{x \ne x'} + \langle k(y, y') \rangle_{y \ne y'}
    - 2 \langle k(x, y) \rangle, \quad
    k(a, b) = e^{-|a-b|^2 / 2 \ell^2}$$

    The width l is the median distance between points of the data, columns in units of their standard deviation. This is
    our own pin; published numbers differ in kernel and width and do not compare.

    Args:
        generated: points of the model.
        data: points of the truth.
        n_points: at most this many of each, spread evenly in time.

    Returns:
        Estimate; 0 on average for equal distributions (it may be negative); error by jackknife over 8 blocks of time.

    Raises:
        DataError: if a cloud is no table of finite numbers, or the columns differ.
        InsufficientDataError: if a cloud has fewer than 64 points.

    Limits: blind to time.
    Cost: n_points^2.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 2))
        >>> bool(maximum_mean_discrepancy(x[:500] + 1, x[500:]).value > 0.1)
        True

    Source: [gretton2012].
    """
    x, y = _scaled(np.asarray(generated), np.asarray(data), n_points)
    width = np.median(pdist(y[spread_indices(len(y), 500)]))
    # The same block of time of both clouds is left out together.
    labels_x, labels_y = (np.arange(len(z)) * N_BLOCKS // len(z) for z in (x, y))
    kxx, kyy, kxy = (np.exp(-0.5 * cdist(a, b, "sqeuclidean") / width**2) for a, b in ((x, x), (y, y), (x, y)))

    def value(in_x: np.ndarray, in_y: np.ndarray) -> float:
        n, m = in_x.sum(), in_y.sum()
        within_x = (in_x @ kxx @ in_x - n) / (n * (n - 1))
        within_y = (in_y @ kyy @ in_y - m) / (m * (m - 1))
        return float(within_x + within_y - 2 * (in_x @ kxy @ in_y) / (n * m))

    left_out = [value((labels_x != k).astype(float), (labels_y != k).astype(float)) for k in range(N_BLOCKS)]
    return jackknife(value(np.ones(len(x)), np.ones(len(y))), left_out, "Gaussian kernel, jackknife over 8 blocks")


def correlation_sum_distance(generated: CloudLike, data: CloudLike, *, n_points: int = N_POINTS) -> Estimate:
    r"""Mean difference of the logarithms of two correlation sums, over the radii at which the data have structure.

    $$\frac1R \sum_{r} |\ln C_{model}(r) - \ln C_{data}(r)|$$

    16 radii, evenly spaced in logarithm between those at which C of the data is 0.001 and 0.5; largest coordinate
    difference, columns in units of the data's standard deviation. Our own pin: there is no published table.

    Args:
        generated: points of the model.
        data: points of the truth.
        n_points: at most this many of each, spread evenly in time.

    Returns:
        Estimate [nats]; error by jackknife over 8 blocks of time.

    Raises:
        DataError: if a cloud is no table of finite numbers, or the columns differ.
        InsufficientDataError: if a cloud has fewer than 64 points.

    Limits: blind to time, and to where the attractor is: a shifted copy scores 0.
    Cost: n_points^2.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(1000, 2))
        >>> round(float(correlation_sum_distance(x + 5, x).value), 3)
        0.0

    Source: correlation sum [grassberger1983].
    """
    x, y = _scaled(np.asarray(generated), np.asarray(data), n_points)
    near = np.sort(pdist(y, "chebyshev"))
    near = near[near > 0]
    low, high = near[int(0.001 * len(near))], near[int(0.5 * len(near))]
    radii = np.geomspace(low, high, N_RADII)
    counts_x, counts_y = _block_counts(x, radii), _block_counts(y, radii)

    def value(without: int | None) -> float:
        sums = [_sum_of(counts, without) for counts in (counts_x, counts_y)]
        return float(np.mean(np.abs(np.log(sums[0]) - np.log(sums[1]))))

    left_out = [value(k) for k in range(N_BLOCKS)]
    return jackknife(value(None), left_out, "correlation sums at 16 radii, jackknife over 8 blocks")


def _scaled(generated: np.ndarray, data: np.ndarray, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    generated, data = checked_clouds(generated, data)
    scale = data.std(axis=0)
    return (
        generated[spread_indices(len(generated), n_points)] / scale,
        data[spread_indices(len(data), n_points)] / scale,
    )


def _block_counts(points: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs nearer than each radius (blocks, blocks, r), and all pairs (blocks, blocks)."""
    parts = np.array_split(points, N_BLOCKS)
    near = np.zeros((N_BLOCKS, N_BLOCKS, len(radii)))
    pairs = np.zeros((N_BLOCKS, N_BLOCKS))
    for i in range(N_BLOCKS):
        for j in range(i, N_BLOCKS):
            d = pdist(parts[i], "chebyshev") if i == j else cdist(parts[i], parts[j], "chebyshev").ravel()
            near[i, j] = np.searchsorted(np.sort(d), radii)
            pairs[i, j] = d.size
    return near, pairs


def _sum_of(counts: tuple[np.ndarray, np.ndarray], without: int | None) -> np.ndarray:
    near, pairs = counts
    kept = np.ones(N_BLOCKS)
    if without is not None:
        kept[without] = 0.0
    # Half a pair where there is none, so that the logarithm stays finite.
    return np.maximum(np.einsum("i,j,ijr->r", kept, kept, near), 0.5) / float(kept @ pairs @ kept)
