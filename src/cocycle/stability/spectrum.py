"""The result of a Lyapunov computation: exponents with error bars, their history, and what follows from them."""

import math
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.estimate import Estimate, format_value, mean_estimate
from cocycle.core.presentation import Presentable
from cocycle.core.run import Status
from cocycle.core.tracing import is_traced


class Spectrum(eqx.Module, Presentable):
    """Lyapunov exponents of a cocycle, largest first.

    Attributes:
        exponents: (K,) [nats / time].
        stderr: (K,) standard errors [same]; 0 for an exact exponent and for -inf.
        n_eff: (K,) effective number of independent rows.
        local: (rows, K) growth rates between orthonormalisations [nats / time].
        interval: time between orthonormalisations [time].
        dt: time per step [time].
        n_steps: steps averaged over.
        n_transient: steps dropped before.
        n_dimensions: D, dimension of the tangent space.
        mean_log_volume_rate: mean of log|det| of the tangent map [nats / time], if K = D, else None.
        volume_residual: largest difference, over the steps checked, of the sum of log|R_ii| and
            log|det| of the step's own Jacobian [nats]; NaN where not checked.
        final: last state, to go on from.
        status: how the computation ended.
    """

    exponents: Array | np.ndarray
    stderr: Array | np.ndarray
    n_eff: Array | np.ndarray
    local: Array | np.ndarray
    interval: Any
    dt: Any
    n_steps: Any
    n_transient: Any
    mean_log_volume_rate: Estimate | None
    volume_residual: Any
    final: Any
    n_dimensions: int = eqx.field(static=True)
    status: Status = eqx.field(static=True, default=Status.OK)
    name: str | None = eqx.field(static=True, default=None)

    @property
    def n_vectors(self) -> int:
        """K, number of exponents."""
        return self.exponents.shape[-1]

    @property
    def duration(self) -> float:
        """Averaging time [time]."""
        return float(self.n_steps) * float(self.dt)

    @property
    def maximal_exponent(self) -> Estimate:
        """Largest exponent [nats / time]."""
        return Estimate(self.exponents[..., 0], self.stderr[..., 0], self.n_eff[..., 0], "QR")

    @property
    def kaplan_yorke_dimension(self) -> Estimate:
        """Kaplan-Yorke dimension, its error propagated through the local rates; NaN if K is too small to tell."""
        value = kaplan_yorke_dimension(self.exponents)
        if is_traced(self.exponents) or np.ndim(value) or not np.isfinite(value):
            return Estimate(value, np.nan * np.ones_like(value), np.nan, "Kaplan-Yorke formula")
        exponents = np.asarray(self.exponents)
        j = int(value)
        if j in (0, exponents.size) or not np.isfinite(exponents[j]):
            return Estimate(float(value), 0.0, math.inf, "Kaplan-Yorke formula")
        total, next_one = float(np.sum(exponents[:j])), float(exponents[j])
        influence = np.sum(self.local[:, :j], axis=1) / abs(next_one) + total * self.local[:, j] / next_one**2
        error = mean_estimate(influence)
        return Estimate(float(value), float(error.stderr), float(error.n_eff), "Kaplan-Yorke formula, local rates")

    @property
    def entropy_rate_bound(self) -> Estimate:
        """Sum of the positive exponents [nats / time]: an upper bound of the entropy rate (Ruelle), equal to it for
        a measure that is smooth along unstable directions (Pesin).
        """
        positive = np.asarray(self.exponents) > 0
        if not positive.any():
            return Estimate(0.0, 0.0, math.inf, "no positive exponent")
        sums = mean_estimate(np.sum(np.asarray(self.local)[:, positive], axis=1))
        return Estimate(float(sums.value), float(sums.stderr), float(sums.n_eff), "sum of positive exponents")

    @property
    def history(self) -> Float[np.ndarray, "rows K"]:
        """Running mean of the local rates (rows, K) [nats / time]: how the exponents converged."""
        local = np.asarray(self.local)
        return np.cumsum(local, axis=0) / np.arange(1, len(local) + 1)[:, None]

    def __str__(self) -> str:
        """One line: exponents with errors, dimension, and the trace check."""
        if is_traced(self.exponents) or np.ndim(self.exponents) > 1:
            return f"Spectrum of shape {np.shape(self.exponents)}"
        parts = [format_value(float(v), float(s)) for v, s in zip(self.exponents, self.stderr, strict=True)]
        shown = parts if len(parts) <= 12 else [*parts[:10], "...", parts[-1]]
        dimension = self.kaplan_yorke_dimension
        if np.isfinite(dimension.value):
            shown.append(f"D_KY {format_value(float(dimension.value), float(dimension.stderr))}")
        if np.isfinite(self.volume_residual):
            shown.append(f"trace check {float(self.volume_residual):.0e}")
        if self.status not in (Status.OK, Status.CONVERGED):
            shown.append(f"[{self.status}]")
        return "   ".join(shown)


def kaplan_yorke_dimension(exponents: Any) -> Any:
    r"""Kaplan-Yorke (Lyapunov) dimension of a spectrum.

    $$D = j + \frac{\sum_{i \le j} \lambda_i}{|\lambda_{j+1}|}, \quad j = \max\{k: \sum_{i \le k} \lambda_i \ge 0\}$$

    Args:
        exponents: (..., K), largest first [nats / time].

    Returns:
        Dimension, shape (...). 0 if the largest exponent is negative; K if no partial sum is negative and the
        spectrum is full (volume is kept); NaN if the given exponents end before the sum turns negative by more
        than round-off.

    Limits: a leading part of a spectrum that never sums to a negative number gives NaN.

    Example:
        >>> round(float(kaplan_yorke_dimension([0.9056, 0.0, -14.572])), 3)
        2.062

    Source: [kaplan1979].
    """
    e = np.asarray(exponents, dtype=float)
    sums = np.cumsum(e, axis=-1)
    size = np.sum(np.abs(np.where(np.isfinite(e), e, 0.0)), axis=-1, keepdims=True)
    held = np.logical_and.accumulate(sums >= -1e-12 * size, axis=-1)
    j = np.sum(held, axis=-1)
    k = e.shape[-1]
    at = np.minimum(j, k - 1)[..., None]
    total = np.where(j > 0, np.take_along_axis(sums, np.maximum(j - 1, 0)[..., None], -1)[..., 0], 0.0)
    below = np.abs(np.take_along_axis(e, at, -1)[..., 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = j + np.where(np.isinf(below), 0.0, total / below)
    conserved = np.abs(sums[..., -1]) <= 1e-9 * size[..., 0]
    out = np.where(j == 0, 0.0, np.where(j < k, inside, np.where(conserved, float(k), np.nan)))
    return out if out.ndim else float(out)
