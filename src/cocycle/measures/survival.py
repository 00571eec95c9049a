"""Survival curves from durations, some of them cut off: Kaplan and Meier's estimate with Greenwood's errors."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int
from scipy.stats import norm

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable


class SurvivalCurve(eqx.Module, Presentable):
    """Probability to last longer than a time.

    Attributes:
        time: (events,) distinct times at which something ended [time].
        survival: (events,) probability to last longer, a step function that falls at those times.
        stderr: (events,) Greenwood's standard errors.
        at_risk: (events,) how many were watched just before.
        ended: (events,) how many ended.
        n_censored: how many were cut off.
        last: longest time watched [time].
    """

    time: Float[np.ndarray, "events"]
    survival: Float[np.ndarray, "events"]
    stderr: Float[np.ndarray, "events"]
    at_risk: Int[np.ndarray, "events"]
    ended: Int[np.ndarray, "events"]
    n_censored: int
    last: float

    def at(self, time: Any) -> Estimate:
        """Probability to last longer than `time`, with its standard error; NaN beyond the last time watched.

        Args:
            time: a time, or an array of times [time].
        """
        t = np.asarray(time, dtype=float)
        k = np.searchsorted(self.time, t, side="right")
        survival, error = np.append(1.0, self.survival)[k], np.append(0.0, self.stderr)[k]
        unknown = (t > self.last) & (survival > 0)
        value = np.where(unknown, np.nan, survival)
        return Estimate(value if t.ndim else float(value), np.where(unknown, np.nan, error), method="Kaplan-Meier")

    def band(self, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Pointwise limits by the log-log transform, which stay between 0 and 1.

        Args:
            confidence: of the limits.

        Returns:
            Lower and upper limits (events,).
        """
        z = norm.isf((1 - confidence) / 2)
        s = np.clip(self.survival, 1e-300, 1 - 1e-16)
        width = z * self.stderr / (s * np.abs(np.log(s)))
        return np.where(self.survival > 0, s ** np.exp(width), 0.0), np.where(
            self.survival > 0, s ** np.exp(-width), 0.0
        )

    @property
    def median(self) -> float:
        """Time that half outlive [time]; NaN where more than half outlive all that was watched."""
        below = np.flatnonzero(self.survival <= 0.5)
        return float(self.time[below[0]]) if below.size else float("nan")

    def restricted_mean(self, horizon: Any = None) -> Estimate:
        """Mean of min(duration, horizon) [time]: the area under the curve, with its standard error.

        Args:
            horizon: a time not beyond the last one watched; default that one.

        Raises:
            ParameterError: if the curve does not reach the horizon.
        """
        horizon = self.last if horizon is None else float(horizon)
        if not 0 < horizon <= self.last:
            raise ParameterError(f"the horizon {horizon:g} lies beyond what was watched, {self.last:g}; take less.")
        inside = self.time < horizon
        t = np.concatenate([[0.0], self.time[inside], [horizon]])
        s = np.append(1.0, self.survival[inside])
        area = np.diff(t) * s
        rest = area[::-1].cumsum()[::-1][1:]  # area to the right of each event
        d, r = self.ended[inside], self.at_risk[inside]
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(r > d, rest**2 * d / (r * (r - d)), 0.0)
        n = float(self.at_risk[0]) if len(self.at_risk) else 0.0
        return Estimate(float(area.sum()), float(np.sqrt(parts.sum())), n, f"area under the curve to {horizon:.6g}")

    def __str__(self) -> str:
        """Counts, median, mean."""
        n = int(self.ended.sum())
        return f"{n} ended, {self.n_censored} cut off; median {self.median:.4g}, mean {self.restricted_mean()}"


def checked_durations(durations: Any, observed: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return durations and whether each was seen to its end, or say what is wrong.

    Args:
        durations: (n,) not negative.
        observed: (n,) booleans, or None for all.

    Raises:
        DataError: if shapes differ, or a duration is negative or not finite.
        InsufficientDataError: if there are none.
    """
    t = np.asarray(durations)
    if t.dtype.kind not in "biuf" or t.ndim != 1:
        raise DataError(f"durations are one list of numbers, got shape {t.shape} of {t.dtype}.")
    t = t.astype(float)
    seen = np.ones(len(t), dtype=bool) if observed is None else np.asarray(observed).astype(bool)
    if seen.shape != t.shape:
        raise DataError(f"observed has shape {seen.shape}, durations {t.shape}; one boolean for each is needed.")
    if not len(t):
        raise InsufficientDataError("there are no durations; watch longer.")
    if not np.all(np.isfinite(t)) or t.min() < 0:
        raise DataError("durations are finite and not negative; one without end is censored: observed=False.")
    return t, seen


def survival_curve(durations: Float[Array | np.ndarray, "n"] | list[float], observed: Any = None) -> SurvivalCurve:
    r"""Estimate the law of a duration, some durations being cut off (right-censored).

    $$\hat S(t) = \prod_{t_i \le t} \Bigl(1 - \frac{d_i}{n_i}\Bigr), \qquad
    \widehat{\mathrm{Var}}\,\hat S(t) = \hat S(t)^2 \sum_{t_i \le t} \frac{d_i}{n_i (n_i - d_i)}$$

    Args:
        durations: (n,) durations, e.g. of visits or until an exit [time].
        observed: (n,) True where the end was seen, False where watching ended first; default all seen.

    Returns:
        SurvivalCurve.

    Raises:
        DataError: if the durations cannot be used.
        InsufficientDataError: if there are none, or no end was seen.

    Laws: without censoring the curve is 1 minus the empirical distribution, its errors are binomial.
    Limits: censoring must not depend on the duration itself; durations must be independent.

    Example:
        >>> curve = survival_curve([1.0, 2.0, 3.0, 4.0], [True, False, True, True])
        >>> curve.survival.tolist()
        [0.75, 0.375, 0.0]

    Source: [kaplan1958]; errors [greenwood1926].
    """
    t, seen = checked_durations(durations, observed)
    if not seen.any():
        raise InsufficientDataError("every duration is cut off, so nothing is known of their end; watch longer.")
    time, ended = np.unique(t[seen], return_counts=True)
    at_risk = len(t) - np.searchsorted(np.sort(t), time, side="left")
    survival = np.cumprod(1.0 - ended / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(at_risk > ended, ended / (at_risk * (at_risk - ended)), 0.0)
    stderr = survival * np.sqrt(np.cumsum(terms))
    return SurvivalCurve(time, survival, stderr, at_risk, ended, int((~seen).sum()), float(t.max()))


def mean_lifetime(durations: Float[Array | np.ndarray, "n"] | list[float], observed: Any = None) -> Estimate:
    """Mean duration: plain without censoring, else time watched per end seen (exact for an exponential law).

    Args:
        durations: (n,) durations [time].
        observed: (n,) True where the end was seen; default all.

    Returns:
        Estimate [time].

    Raises:
        DataError: if the durations cannot be used.
        InsufficientDataError: if fewer than two ends were seen.

    Example:
        >>> print(mean_lifetime([1.0, 3.0, 2.0, 2.0]))
        2.00 ± 0.41

    Source: [kalbfleisch2002].
    """
    t, seen = checked_durations(durations, observed)
    n = int(seen.sum())
    if n < 2:
        raise InsufficientDataError(f"{n} ends were seen; a mean with its error needs two or more: watch longer.")
    mean = float(t.sum()) / n
    # Errors of time watched per end: each end counts with its own time, censored stretches with theirs.
    terms = t - mean * seen
    error = float(np.sqrt(len(t) / max(len(t) - 1, 1) * np.sum((terms - terms.mean()) ** 2))) / n
    return Estimate(mean, error, float(n), "mean" if seen.all() else "time watched per end seen")
