"""Extreme events: block maxima, peaks over a threshold, and how extremes cluster."""

import math
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import genextreme, genpareto

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.measures.series import SeriesLike, checked_positive, checked_series

LEAST = 20
IMPOSSIBLE = 1e100


class ExtremeFit(eqx.Module, Presentable):
    """A law fitted to extremes.

    Attributes:
        shape: xi: 0 for exponential tails, negative for a bounded tail, positive for heavy tails.
        scale: of the law [unit of the series].
        location: of block maxima, or the threshold [same].
        covariance: (parameters, parameters) of the estimates: (location, scale, shape) or (scale, shape).
        extremes: what was fitted [same].
        rate: extremes per sample of the series.
        extremal_index: share of independent extremes, 1 for block maxima.
        kind: "block maxima" or "peaks over threshold".
    """

    shape: Estimate
    scale: Estimate
    location: Estimate
    covariance: Float[np.ndarray, "p p"]
    extremes: Float[np.ndarray, "n"]
    rate: float
    extremal_index: Estimate
    kind: str = eqx.field(static=True)

    def return_level(self, n_samples: Any) -> Estimate:
        """Level that is exceeded on average once in so many samples of the series [unit of the series].

        Args:
            n_samples: return period, in samples.

        Raises:
            ParameterError: if the period is shorter than the fit can say.
        """
        m = float(n_samples) * self.rate
        if self.kind != "block maxima":
            m *= float(self.extremal_index.value)
        if m <= 1:
            raise ParameterError(f"a return period of {n_samples} samples is shorter than one extreme; take longer.")

        def level(p: np.ndarray) -> float:
            if self.kind == "block maxima":
                return float(genextreme.isf(1.0 / m, -p[2], loc=p[0], scale=p[1]))
            return float(self.location.value) + float(genpareto.isf(1.0 / m, p[1], scale=p[0]))

        xi, sigma, mu = (float(v.value) for v in (self.shape, self.scale, self.location))
        p = np.array([mu, sigma, xi] if self.kind == "block maxima" else [sigma, xi])
        step = 1e-5 * np.maximum(1.0, np.abs(p))
        slope = np.array([(level(p + e) - level(p - e)) / (2 * e.sum()) for e in np.diag(step)])
        error = math.sqrt(max(float(slope @ self.covariance @ slope), 0.0))
        return Estimate(level(p), error, float(len(self.extremes)), self.kind)

    def __str__(self) -> str:
        """Parameters."""
        return f"{self.kind}: shape {self.shape}   scale {self.scale}   location {self.location}"


def _fit(negative: Any, first: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Maximum likelihood and the inverse of the observed information."""

    def bounded(p: np.ndarray) -> float:
        value = negative(p)  # infinite where a sample is impossible
        return value if math.isfinite(value) else IMPOSSIBLE

    best = minimize(bounded, first, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-8, "fatol": 1e-10})
    p = best.x
    step = 1e-4 * np.maximum(np.abs(p), 0.1)
    k = len(p)
    hessian = np.empty((k, k))
    for i in range(k):
        for j in range(k):
            a, b = np.eye(k)[i] * step, np.eye(k)[j] * step
            change = bounded(p + a + b) - bounded(p + a - b) - bounded(p - a + b) + bounded(p - a - b)
            hessian[i, j] = change / (4 * step[i] * step[j])
    try:
        covariance = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        covariance = np.full((k, k), np.nan)
    regular = np.max(np.abs(hessian)) < math.sqrt(IMPOSSIBLE) and np.all(np.isfinite(covariance))
    if not regular or np.any(np.diag(covariance) <= 0):
        covariance = np.diag(np.full(k, np.inf))
    return p, covariance


def block_maxima(x: SeriesLike, *, block: int) -> ExtremeFit:
    """Fit the generalised extreme value law to the maxima of blocks.

    Args:
        x: (n,) stationary series.
        block: samples in a block; many correlation times.

    Returns:
        ExtremeFit. Errors by the observed information; infinite where it fails (shape below -1/2).

    Raises:
        DataError: if the series cannot be used.
        InsufficientDataError: if there are fewer than 20 blocks.
        ParameterError: if the block is not positive.

    Accuracy: maximum likelihood. The law holds for long blocks; normal tails approach it slowly.

    Example:
        >>> x = np.random.default_rng(0).exponential(size=200_000)
        >>> fit = block_maxima(x, block=500)
        >>> bool(abs(fit.shape.value) < 4 * fit.shape.stderr)
        True

    Source: [coles2001].
    """
    checked_positive(block, name="block")
    series = checked_series(x, n_min=LEAST * int(block))
    n = len(series) // int(block)
    top = series[: n * int(block)].reshape(n, -1).max(axis=1)

    def negative(p: np.ndarray) -> float:
        return float(-np.sum(genextreme.logpdf(top, -p[2], loc=p[0], scale=p[1]))) if p[1] > 0 else math.inf

    scale = math.sqrt(6.0) * float(top.std()) / math.pi
    p, covariance = _fit(negative, np.array([float(top.mean()) - 0.5772 * scale, scale, 0.05]), n)
    errors = np.sqrt(np.diag(covariance))
    how = "maximum likelihood of block maxima"
    location, size, shape = (Estimate(float(v), float(e), float(n), how) for v, e in zip(p, errors, strict=True))
    return ExtremeFit(shape, size, location, covariance, top, 1.0 / int(block), Estimate(1.0), "block maxima")


def peaks_over_threshold(x: SeriesLike, *, quantile: float = 0.98, threshold: float | None = None) -> ExtremeFit:
    """Fit the generalised Pareto law to the largest value of each cluster above a threshold.

    Clusters are told apart by the extremal index (intervals method), so that what is fitted is independent.

    Args:
        x: (n,) stationary series.
        quantile: share of the series below the threshold.
        threshold: the threshold itself, in the place of the quantile.

    Returns:
        ExtremeFit, with the extremal index.

    Raises:
        DataError: if the series cannot be used.
        InsufficientDataError: if there are fewer than 20 clusters.
        ParameterError: if the quantile is not between 0 and 1.

    Example:
        >>> x = np.random.default_rng(0).exponential(size=50_000)
        >>> fit = peaks_over_threshold(x)
        >>> bool(abs(fit.shape.value) < 4 * fit.shape.stderr)
        True

    Source: [coles2001]; clusters [ferro2003].
    """
    if not 0 < quantile < 1:
        raise ParameterError(f"quantile is {quantile}; it is a share between 0 and 1.")
    series = checked_series(x, n_min=100)
    level = float(np.quantile(series, quantile)) if threshold is None else float(threshold)
    index = extremal_index(series, threshold=level)
    at = np.flatnonzero(series > level)
    gaps = np.diff(at)
    n_clusters = max(1, math.ceil(float(index.value) * (len(at) - 1)))
    longest = np.sort(gaps)[::-1]
    least = longest[min(n_clusters, len(gaps)) - 1] if n_clusters < len(gaps) else 0
    cluster = np.concatenate([[0], np.cumsum(gaps >= max(least, 1))]) if least else np.arange(len(at))
    peaks = np.maximum.reduceat(series[at], np.flatnonzero(np.diff(cluster, prepend=-1))) - level
    if len(peaks) < LEAST:
        raise InsufficientDataError(f"{len(peaks)} clusters lie above {level:g}; {LEAST} are needed: lower it.")

    def negative(p: np.ndarray) -> float:
        return float(-np.sum(genpareto.logpdf(peaks, p[1], scale=p[0]))) if p[0] > 0 else math.inf

    p, covariance = _fit(negative, np.array([float(peaks.mean()), 0.05]), len(peaks))
    errors = np.sqrt(np.diag(covariance))
    how = "maximum likelihood of cluster maxima above a threshold"
    size, shape = (Estimate(float(v), float(e), float(len(peaks)), how) for v, e in zip(p, errors, strict=True))
    rate = len(at) / len(series)
    return ExtremeFit(shape, size, Estimate(level), covariance, peaks, rate, index, "peaks over threshold")


def extremal_index(x: SeriesLike, *, quantile: float = 0.98, threshold: float | None = None) -> Estimate:
    r"""Share of extremes that are independent: 1 over the mean size of a cluster.

    $$\hat\theta = \min\Bigl(1, \frac{2 (\sum (T_i - 1))^2}{(N - 1) \sum (T_i - 1)(T_i - 2)}\Bigr)$$

    T are the times between exceedances.

    Args:
        x: (n,) stationary series.
        quantile: share of the series below the threshold.
        threshold: the threshold itself, in the place of the quantile.

    Returns:
        Estimate; standard error by resampling blocks of times between exceedances.

    Raises:
        DataError: if the series cannot be used.
        InsufficientDataError: if fewer than 20 samples exceed the threshold.

    Laws: 1 for independent samples; max(1, m) of a moving maximum over m samples gives 1 / m.

    Example:
        >>> z = np.random.default_rng(0).exponential(size=100_001)
        >>> pair = extremal_index(np.maximum(z[1:], z[:-1]))
        >>> bool(abs(pair.value - 0.5) < 5 * pair.stderr)
        True

    Source: [ferro2003].
    """
    series = checked_series(x, n_min=100)
    level = float(np.quantile(series, quantile)) if threshold is None else float(threshold)
    at = np.flatnonzero(series > level)
    if len(at) < LEAST:
        raise InsufficientDataError(f"{len(at)} samples exceed {level:g}; {LEAST} are needed: lower the threshold.")
    gaps = np.diff(at).astype(float)
    # Runs of gaps keep what neighbours share; as many as the root of their number.
    length = max(1, round(math.sqrt(len(gaps))))
    random = np.random.default_rng(0)
    starts = random.integers(0, len(gaps) - length + 1, (200, -(-len(gaps) // length)))
    rows = gaps[(starts[..., None] + np.arange(length)).reshape(200, -1)[:, : len(gaps)]]
    draws = np.array([_intervals(row) for row in rows])
    return Estimate(_intervals(gaps), float(draws.std(ddof=1)), float(len(gaps)), "intervals between exceedances")


def _intervals(gaps: np.ndarray) -> float:
    if gaps.max() <= 2:
        return min(1.0, 2 * gaps.sum() ** 2 / (len(gaps) * np.sum(gaps**2)))
    return min(1.0, 2 * np.sum(gaps - 1) ** 2 / (len(gaps) * np.sum((gaps - 1) * (gaps - 2))))
