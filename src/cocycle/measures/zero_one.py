"""The 0-1 test for chaos."""

import dataclasses
import math

import numpy as np
from scipy import fft

from cocycle.core.estimate import Estimate
from cocycle.measures.embedding import delay_by_mutual_information
from cocycle.measures.series import SeriesLike, checked_series

MAX_POINTS = 4000


@dataclasses.dataclass(frozen=True, eq=False)
class ZeroOneTest:
    """0-1 test with the growth rate at every frequency.

    Attributes:
        k: Estimate of the median growth rate: near 1 chaos (or noise), near 0 regular motion.
        frequency: (c,) frequencies tried [radian / sample].
        k_of_frequency: (c,) correlation of the mean square displacement with time.
        stride: samples between the points used, against oversampling.
        n_points: points used.
    """

    k: Estimate
    frequency: np.ndarray
    k_of_frequency: np.ndarray
    stride: int
    n_points: int


def zero_one_test(x: SeriesLike, *, stride: int | None = None, n_frequencies: int = 100, seed: int = 0) -> ZeroOneTest:
    r"""0-1 test for chaos, correlation method: does a walk driven by the series diffuse?

    $$p_n = \sum_{j\le n} x_j \cos cj,\; q_n = \sum_{j\le n} x_j \sin cj,\quad
    D(n) = \langle (p_{j+n}-p_j)^2 + (q_{j+n}-q_j)^2 \rangle_j - \bar x^2 \frac{1-\cos cn}{1-\cos c},
    \quad K_c = \mathrm{corr}(n, D(n)),\; n \le N/10$$

    c is drawn uniformly from (pi/5, 4 pi/5); the median over c ignores the few that resonate with a line of the series.
    An oversampled series looks regular; it is thinned to every delay-th point first.

    Args:
        x: series; at least 100 points after thinning, of which 4000 are used.
        stride: samples between the points used; default the delay of `delay_by_mutual_information`.
        n_frequencies: number of values of c.
        seed: of the values of c.

    Returns:
        ZeroOneTest; the standard error joins the error of the median over c (1.25 of the robust scatter over the square
        root of their number) with the difference of the medians of the two halves of the series, halved.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.

    Laws: unchanged by x -> b x.
    Limits: noise gives 1 as well: the test tells chaos from regular motion only where noise is excluded.
    Cost: n_frequencies * n log n.

    Example:
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(4 * x[-1] * (1 - x[-1]))
        >>> bool(zero_one_test(x).k.value > 0.95)
        True

    Source: [gottwald2009], [gottwald2016].
    """
    x = checked_series(x, n_min=100)
    step = (delay_by_mutual_information(x).delay if x.size >= 64 else 1) if stride is None else stride
    thin = checked_series(x[::step], n_min=100, name=f"x, thinned to every {step}th point against oversampling,")
    thin = thin[:MAX_POINTS]
    frequency = np.random.default_rng(seed).uniform(np.pi / 5, 4 * np.pi / 5, n_frequencies)
    growth = _growth(thin, frequency)
    half = thin.size // 2
    halves = [float(np.median(_growth(part, frequency))) for part in (thin[:half], thin[half:])]
    median = float(np.median(growth))
    scatter = 1.4826 * float(np.median(np.abs(growth - median)))
    stderr = math.hypot(1.25 * scatter / math.sqrt(n_frequencies), 0.5 * (halves[0] - halves[1]))
    estimate = Estimate(median, stderr, float(n_frequencies), "median over frequencies")
    return ZeroOneTest(estimate, frequency, growth, int(step), int(thin.size))


def _growth(x: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Correlation of the corrected mean square displacement with time, for each frequency."""
    n = x.size
    n_lags = n // 10
    x = x / np.abs(x).max()
    walk = np.cumsum(x * np.exp(1j * frequency[:, None] * np.arange(1, n + 1)), axis=1)
    lag = np.arange(1, n_lags + 1)
    size = fft.next_fast_len(n + n_lags)
    n_pairs = n - n_lags
    # <|w_{j+k} - w_j|^2> over j < n_pairs: sums of squares by cumsum, the cross term by FFT.
    square = np.cumsum(np.abs(walk) ** 2, axis=1)
    square = np.hstack([np.zeros((frequency.size, 1)), square])
    moved = square[:, lag + n_pairs] - square[:, lag]
    still = square[:, n_pairs : n_pairs + 1]
    cross = np.fft.ifft(np.fft.fft(walk, size) * np.conj(np.fft.fft(walk[:, :n_pairs], size)))[:, lag].real
    displacement = (moved + still - 2 * cross) / n_pairs
    c = frequency[:, None]
    displacement -= x.mean() ** 2 * (1 - np.cos(c * lag)) / (1 - np.cos(c))
    centred = displacement - displacement.mean(1, keepdims=True)
    time = lag - lag.mean()
    norm = np.sqrt(np.sum(centred**2, 1) * np.sum(time**2))
    return np.where(norm > 0, centred @ time / np.maximum(norm, 1e-300), 0.0)
