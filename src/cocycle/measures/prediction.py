"""How far ahead a series can be predicted from its own past."""

import dataclasses
import math

import numpy as np
from scipy.spatial import KDTree

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.measures.embedding import delay_vectors, theiler_window
from cocycle.measures.neighbours import spread_indices
from cocycle.measures.series import SeriesLike, checked_positive, checked_series

N_TARGETS = 2000
N_SEGMENTS = 16
THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class ForecastSkill:
    """Error of forecasts of the last third of a series from its first two thirds.

    Attributes:
        horizon: (h,) [time], one sample first.
        error: (h,) root mean square error over the standard deviation of what was predicted.
        error_stderr: (h,) its standard error, which accounts for the correlation of successive forecasts.
        correlation: (h,) between forecast and fact.
        persistence: (h,) error of the forecast "as now".
        mean: (h,) error of the forecast "the mean of the past".
        segments: (16, h) mean square error over variance in successive segments of the forecasts.
        n_targets: forecasts per horizon.
    """

    horizon: np.ndarray
    error: np.ndarray
    error_stderr: np.ndarray
    correlation: np.ndarray
    persistence: np.ndarray
    mean: np.ndarray
    segments: np.ndarray
    n_targets: int


def forecast_skill(
    x: SeriesLike,
    *,
    dimension: int,
    delay: int,
    max_horizon: int,
    theiler: int | None = None,
    dt: float = 1.0,
) -> ForecastSkill:
    r"""Nearest-neighbour forecasts that never see the future: the library is the first two thirds and ends there.

    $$\hat x_{t+h} = \sum_{j} w_j x_{j+h} \Big/ \sum_j w_j,\quad w_j = e^{-|y_t-y_j| / |y_t-y_{(1)}|}$$

    over the m + 1 library vectors next to $y_t = (x_t, x_{t-\tau}, \dots)$.

    Args:
        x: series.
        dimension: m.
        delay: tau [samples].
        max_horizon: largest horizon [samples].
        theiler: gap between the library and the first forecast [samples]; default `theiler_window(x)`.
        dt: sampling step [time].

    Returns:
        ForecastSkill.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if fewer than 50 library vectors or 50 forecasts remain.
        ParameterError: if an option is not above 0.

    Accuracy: the bars cover sampling within the last third, not change from the first two thirds to it.
    Cost: one tree, then 2000 * (m + 1) * max_horizon.

    Example:
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> skill = forecast_skill(x, dimension=1, delay=1, max_horizon=30)
        >>> bool(skill.error[0] < 0.05 and skill.error[-1] > 0.9)
        True

    Source: [sugihara1990].
    """
    for name, value in (("dimension", dimension), ("delay", delay), ("max_horizon", max_horizon), ("dt", dt)):
        checked_positive(value, name=name)
    x = checked_series(x, n_min=150)
    gap = theiler_window(x) if theiler is None else theiler
    past = (dimension - 1) * delay
    split = 2 * x.size // 3
    points = delay_vectors(x, dimension, delay)  # row i ends at sample i + past
    n_library = split - max_horizon - past
    first, last = split + gap, x.size - max_horizon
    if n_library < 50 or last - first < 50:
        raise InsufficientDataError(
            f"{x.size} points leave {max(0, n_library)} vectors to learn from and {max(0, last - first)} forecasts at "
            f"horizon {max_horizon}, at least 50 of each are needed: record longer or lower the horizon."
        )
    now = first + spread_indices(last - first, N_TARGETS)
    distance, near = KDTree(points[:n_library]).query(points[now - past], k=dimension + 1)
    scale = np.maximum(distance[:, :1], 1e-12 * np.ptp(x))
    weight = np.exp(-np.minimum(distance / scale, 700.0))
    weight /= weight.sum(1, keepdims=True)
    steps = np.arange(1, max_horizon + 1)
    forecast = np.stack([np.sum(weight * x[near + past + h], axis=1) for h in steps], axis=1)
    fact = x[now[:, None] + steps]
    return _scores(forecast, fact, x[now], float(x[:split].mean()), dt * steps)


def _scores(
    forecast: np.ndarray, fact: np.ndarray, now: np.ndarray, past_mean: float, horizon: np.ndarray
) -> ForecastSkill:
    variance = np.maximum(fact.var(0), 1e-300)
    square = (forecast - fact) ** 2 / variance
    error = np.sqrt(square.mean(0))
    bars = np.asarray(mean_estimate(square).stderr) / (2 * np.maximum(error, 1e-150))
    centred_f, centred_x = forecast - forecast.mean(0), fact - fact.mean(0)
    norm = np.sqrt(np.sum(centred_f**2, 0) * np.sum(centred_x**2, 0))
    correlation = np.sum(centred_f * centred_x, 0) / np.maximum(norm, 1e-300)
    persistence = np.sqrt(np.mean((now[:, None] - fact) ** 2, 0) / variance)
    mean = np.sqrt(np.mean((past_mean - fact) ** 2, 0) / variance)
    segments = np.stack([part.mean(0) for part in np.array_split(square, N_SEGMENTS)])
    return ForecastSkill(horizon, error, bars, correlation, persistence, mean, segments, forecast.shape[0])


def predictability_time(skill: ForecastSkill, *, threshold: float = THRESHOLD) -> Estimate:
    """Horizon at which the error of the forecasts first exceeds a threshold.

    Args:
        skill: from `forecast_skill`.
        threshold: error over standard deviation, between 0 and 1.

    Returns:
        Estimate [time], interpolated between samples (the error at horizon 0 is 0); standard error by jackknife over 16
        segments. If the threshold is never reached the value is the largest horizon, a lower bound, with stderr inf.

    Raises:
        ParameterError: if the threshold is not between 0 and 1.

    Example:
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> t = predictability_time(forecast_skill(x, dimension=1, delay=1, max_horizon=30))
        >>> bool(5 < t.value < 20)
        True
    """
    if not 0 < threshold < 1:
        raise ParameterError(f"threshold is {threshold}; it must lie between 0 (no error) and 1 (the mean).")
    value = _crossing(skill.horizon, skill.error, threshold)
    if value is None:
        return Estimate(float(skill.horizon[-1]), math.inf, 0.0, "threshold not reached: a lower bound")
    n = skill.segments.shape[0]
    left_out = (skill.segments.sum(0) - skill.segments) / (n - 1)
    times = [_crossing(skill.horizon, np.sqrt(row), threshold) for row in left_out]
    kept = np.array([skill.horizon[-1] if t is None else t for t in times])
    stderr = math.sqrt((n - 1) / n * float(np.sum((kept - kept.mean()) ** 2)))
    return Estimate(value, stderr, float(n), f"error crosses {threshold:g}")


def _crossing(horizon: np.ndarray, error: np.ndarray, threshold: float) -> float | None:
    above = np.flatnonzero(error > threshold)
    if not above.size:
        return None
    k = int(above[0])
    t0, e0 = (0.0, 0.0) if k == 0 else (horizon[k - 1], error[k - 1])
    return float(t0 + (horizon[k] - t0) * (threshold - e0) / (error[k] - e0))
