"""Densities of a stationary law from one orbit, with errors that know of correlation in time."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import norm

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import mean_estimate
from cocycle.core.presentation import Presentable
from cocycle.measures.boxes import BoxGrid, Points, checked_points
from cocycle.measures.series import SeriesLike, checked_series

MOST_BLOCKS = 4096
CHUNK = 2**22


class Density(eqx.Module, Presentable):
    """A density with errors.

    Attributes:
        points: (boxes, D) where.
        density: (boxes,) density [1 / volume].
        stderr: (boxes,) standard errors [same].
        outside: share of the samples outside of the boxes.
        bandwidth: of a kernel estimate [state]; 0 for a histogram.
    """

    points: Float[np.ndarray, "boxes D"]
    density: Float[np.ndarray, "boxes"]
    stderr: Float[np.ndarray, "boxes"]
    outside: float
    bandwidth: float = 0.0


def histogram_density(points: Points, boxes: BoxGrid) -> Density:
    """Stationary density by counting the samples of an orbit in boxes.

    Args:
        points: (time, D) or (time,) samples of one stationary orbit, in the order of time.
        boxes: where to count.

    Returns:
        Density; where no sample fell the density is 0 with error 0.

    Raises:
        DataError: if the points cannot be used.
        InsufficientDataError: if there are fewer than 16.

    Accuracy: the mean over each box, so second order in its width against the density at the centre.
    Laws: the density times the volume sums to 1 less `outside`.

    Example:
        >>> x = np.random.default_rng(0).uniform(size=10_000)
        >>> out = histogram_density(x, BoxGrid([0.0], [1.0], 2))
        >>> bool(np.all(np.abs(out.density - 1) < 4 * out.stderr))
        True
    """
    x = checked_points(points)
    number = boxes.index(x)
    n_blocks = min(len(x), MOST_BLOCKS)
    length = len(x) // n_blocks
    used = number[len(x) - n_blocks * length :]
    block = np.repeat(np.arange(n_blocks), length)
    good = used >= 0
    flat = np.bincount(block[good] * boxes.n_boxes + used[good], minlength=n_blocks * boxes.n_boxes)
    rows = flat.reshape(n_blocks, boxes.n_boxes) / length
    found = [mean_estimate(rows[:, a : a + 256]) for a in range(0, boxes.n_boxes, 256)]
    value = np.concatenate([np.asarray(f.value) for f in found]) / boxes.volumes
    error = np.concatenate([np.asarray(f.stderr) for f in found]) / boxes.volumes
    return Density(boxes.centres, value, error, float(np.mean(number < 0)))


def kernel_density(
    x: SeriesLike,
    at: Float[Array | np.ndarray, "points"] | None = None,
    *,
    bandwidth: float | None = None,
) -> Density:
    r"""Stationary density of one coordinate, smoothed by a Gaussian kernel.

    $$\hat\rho(u) = \frac{1}{n h} \sum_t K\Bigl(\frac{u - x_t}{h}\Bigr)$$

    Args:
        x: (time,) samples of one stationary orbit, in the order of time.
        at: (points,) where the density is wanted; default 200 points across the samples.
        bandwidth: h; default Silverman's rule with the number of independent samples.

    Returns:
        Density; `stderr` is the sampling error, not the bias of smoothing, which is h^2 rho'' / 2.

    Raises:
        DataError: if the series cannot be used.
        ParameterError: if the bandwidth is not positive.

    Example:
        >>> x = np.random.default_rng(0).normal(size=20_000)
        >>> out = kernel_density(x, np.array([0.0]))
        >>> bool(abs(out.density[0] - 0.3989) < 4 * out.stderr[0] + 0.3989 * out.bandwidth**2 / 2)
        True

    Source: [silverman1986].
    """
    series = checked_series(x, n_min=32)
    where = np.linspace(series.min(), series.max(), 200) if at is None else np.atleast_1d(np.asarray(at, dtype=float))
    h = _silverman(series) if bandwidth is None else float(bandwidth)
    if not (np.isfinite(h) and h > 0):
        raise ParameterError(f"bandwidth is {bandwidth}; it must be positive.")
    n_blocks = min(len(series), MOST_BLOCKS)
    length = len(series) // n_blocks
    used = series[len(series) - n_blocks * length :].reshape(n_blocks, length)
    rows = np.empty((n_blocks, len(where)))
    step = max(1, CHUNK // (length * len(where)))
    for a in range(0, n_blocks, step):
        part = used[a : a + step]
        rows[a : a + step] = norm.pdf((where - part[..., None]) / h).mean(axis=1) / h
    found: Any = mean_estimate(rows)
    return Density(where[:, None], np.asarray(found.value), np.asarray(found.stderr), 0.0, h)


def _silverman(x: np.ndarray) -> float:
    """Bandwidth by Silverman's rule, with the number of independent samples in the place of n."""
    n_eff = float(np.clip(np.asarray(mean_estimate(x).n_eff), 2, len(x)))
    quartiles = float(np.subtract(*np.percentile(x, [75, 25]))) / 1.349
    spread = min(float(x.std()), quartiles) if quartiles > 0 else float(x.std())
    return 0.9 * spread * n_eff**-0.2
