"""How good forecasts are: error at a horizon, and how long they stay valid."""

from typing import Any

import numpy as np

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.measures.clouds import CloudLike

THRESHOLD = 0.4


def prediction_error(
    forecasts: CloudLike,
    facts: CloudLike,
    *,
    scale: CloudLike,
    horizon: int,
) -> Estimate:
    r"""Mean square error of forecasts `horizon` steps ahead, in units of the variance of the data.

    $$PE(h) = \frac{1}{B D} \sum_{b, d} (\hat x_{b h d} - x_{b h d})^2 / s_d^2$$

    2 is what two unrelated orbits score, 1 the mean of the data. The n-step prediction error of Hess et al. (2023) on
    standardised data (they take n = 20).

    Args:
        forecasts: rows 1 to h after each of B starts; what is not finite counts as unrelated (2).
        facts: what happened.
        scale: standard deviation of each column.
        horizon: step at which the error is taken, 1 to h.

    Returns:
        Estimate; standard error over the starts.

    Raises:
        DataError: if the shapes differ.
        ParameterError: if the horizon is out of range.

    Limits: for chaotic data beyond a few Lyapunov times every model scores about 2.

    Example:
        >>> facts = np.zeros((4, 3, 1))
        >>> float(prediction_error(facts + 0.1, facts, scale=np.ones(1), horizon=2).value.round(12))
        0.01

    Source: [hess2023].
    """
    square = _square_errors(forecasts, facts, scale)
    if not 1 <= horizon <= square.shape[1]:
        raise ParameterError(f"horizon is {horizon}; the forecasts have steps 1 to {square.shape[1]}.")
    at = square[:, horizon - 1]
    return Estimate(at.mean(), float(at.std(ddof=1) / np.sqrt(len(at))), float(len(at)), f"PE({horizon}) over starts")


def valid_time(
    forecasts: CloudLike,
    facts: CloudLike,
    *,
    scale: CloudLike,
    dt: float = 1.0,
    threshold: float = THRESHOLD,
) -> Estimate:
    r"""Valid prediction time: how long the normalised error stays below a threshold.

    $$T = \min\{t: |\hat x(t) - x(t)|_{rms} > 0.4\}, \quad |e|_{rms}^2 = \frac1D \sum_d e_d^2 / s_d^2$$

    The threshold 0.4 on the normalised root mean square error is that of Gilpin (2023); multiply by the largest
    exponent for Lyapunov times.

    Args:
        forecasts: rows 1 to h after each of B starts; what is not finite is not valid.
        facts: what happened.
        scale: standard deviation of each column.
        dt: time between rows [time].
        threshold: of the error in standard deviations.

    Returns:
        Estimate of the mean over starts [time], with its standard error; a start whose forecast never fails counts
        with the whole horizon, and the method says how many did.

    Raises:
        DataError: if the shapes differ.
        ParameterError: if the threshold is not positive.

    Example:
        >>> facts = np.zeros((2, 4, 1))
        >>> forecasts = np.array([0.1, 0.2, 0.5, 0.9])[None, :, None].repeat(2, axis=0)
        >>> float(valid_time(forecasts, facts, scale=np.ones(1), dt=0.5).value)
        1.0

    Source: [gilpin2023].
    """
    if not threshold > 0:
        raise ParameterError(f"threshold is {threshold}; it must be above 0.")
    times = valid_steps(forecasts, facts, scale=scale, threshold=threshold) * float(dt)
    full = int(np.sum(times >= np.shape(forecasts)[1] * float(dt)))
    method = f"normalised error {threshold:g}" + (f", {full} of {len(times)} valid to the end" if full else "")
    return Estimate(float(times.mean()), float(times.std(ddof=1) / np.sqrt(len(times))), float(len(times)), method)


def valid_steps(forecasts: Any, facts: Any, *, scale: Any, threshold: float = THRESHOLD) -> np.ndarray:
    """Steps (B,) for which each forecast is valid.

    Args:
        forecasts: (B, h, D).
        facts: (B, h, D).
        scale: (D,).
        threshold: of the error in standard deviations.
    """
    wrong = _square_errors(forecasts, facts, scale, unrelated=np.inf) > threshold**2
    return np.where(wrong.any(axis=1), wrong.argmax(axis=1), wrong.shape[1])


def _square_errors(forecasts: Any, facts: Any, scale: Any, unrelated: float = 2.0) -> np.ndarray:
    """Mean square error over columns (B, h)."""
    a, b, s = (np.asarray(v, dtype=float) for v in (forecasts, facts, scale))
    if a.shape != b.shape or a.ndim != 3 or s.shape != a.shape[2:]:
        raise DataError(
            f"forecasts {a.shape}, facts {b.shape} and scale {s.shape} must be (B, h, D), (B, h, D) and (D,)."
        )
    if len(a) < 2:
        raise InsufficientDataError("at least two starts are needed for an error bar.")
    with np.errstate(over="ignore", invalid="ignore"):
        square = np.mean(((a - b) / s) ** 2, axis=2)
    return np.where(np.isfinite(square), square, unrelated)
