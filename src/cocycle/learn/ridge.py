"""Ridge regression in parts: blocks of rows are factored once, and joined and damped in any combination."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError
from cocycle.learn.triangular import triangular_factor

EXACT_FEATURES = 256
ROUND_OFF_OF_ROOTS = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class RidgeBlock:
    """What is needed of a block of rows: a square root of its Gram matrix, or that matrix, and rotated targets.

    Attributes:
        left: (F, F) triangular factor, or Gram matrix where `exact` is False.
        right: (F, D) targets in that frame.
        exact: which of the two.
        n_rows: rows in the block.
    """

    left: np.ndarray
    right: np.ndarray
    exact: bool
    n_rows: int


def ridge_block(features: Float[np.ndarray, "n F"], targets: Float[np.ndarray, "n D"]) -> RidgeBlock:
    """Factor a block of rows; up to 256 features by orthogonal transformations, beyond by their Gram matrix.

    Args:
        features: Phi.
        targets: Y.
    """
    if features.shape[1] <= EXACT_FEATURES:
        return RidgeBlock(*triangular_factor(features, targets), True, len(features))
    return RidgeBlock(features.T @ features, features.T @ targets, False, len(features))


def ridge_weights(blocks: Sequence[RidgeBlock], penalties: Sequence[float]) -> list[Float[np.ndarray, "F D"]]:
    r"""Weights of a ridge regression over all blocks together, one for each penalty.

    $$\min_W \frac1n |Y - \Phi W|^2 + \lambda |W|^2$$

    Args:
        blocks: from `ridge_block`.
        penalties: values of lambda.

    Returns:
        Weights (F, D) for each penalty.

    Accuracy: round-off times the condition number of the features; with more than 256 features its square, and
        penalties below 1e-15 of the largest eigenvalue count as that.
    Cost: F^3 once, F^2 D for each penalty; a single penalty on many features costs F^3 / 3.

    Example:
        >>> x = np.linspace(0, 1, 50)[:, None]
        >>> round(float(ridge_weights([ridge_block(x, 3 * x)], [0.0])[0][0, 0]), 12)
        3.0

    Source: [hoerl1970].
    """
    n_rows = sum(block.n_rows for block in blocks)
    if len(penalties) == 1 and not blocks[0].exact and penalties[0] > 0:
        solved = _by_cholesky(sum(b.left for b in blocks), sum(b.right for b in blocks), n_rows * penalties[0])
        if solved is not None:
            return [solved]
    if blocks[0].exact:
        u, s, vt = np.linalg.svd(np.concatenate([b.left for b in blocks]), full_matrices=False)
        v, c = vt.T, u.T @ np.concatenate([b.right for b in blocks])
    else:
        values, v = np.linalg.eigh(sum(b.left for b in blocks))
        s = np.sqrt(np.maximum(values[::-1], 1e-15 * values[-1]))
        v = v[:, ::-1]
        c = (v.T @ sum(b.right for b in blocks)) / s[:, None]
    # Directions below round-off are left out, as least squares does.
    kept = s > np.finfo(float).eps * len(s) * s[0]
    out = []
    for penalty in penalties:
        damping = np.where(kept, s / np.where(kept, s**2 + n_rows * penalty, 1.0), 0.0)
        out.append(v @ (damping[:, None] * c))
    return out


def _by_cholesky(gram: Any, right: Any, damping: float) -> np.ndarray | None:
    """Weights of one penalty; None where round-off is too near for it."""
    damped = gram + damping * np.eye(len(gram))
    try:
        factor = np.linalg.cholesky(damped)
    except np.linalg.LinAlgError:
        return None
    spread = np.diagonal(factor)
    if spread.min() < ROUND_OFF_OF_ROOTS * spread.max():
        return None
    return np.linalg.solve(damped, right)


def checked_penalties(penalties: Any) -> tuple[float, ...]:
    """Check the candidates for a penalty.

    Args:
        penalties: a number or several.

    Returns:
        The candidates.

    Raises:
        ParameterError: if one is negative or not finite, or there is none.
    """
    candidates = np.atleast_1d(np.asarray(penalties, dtype=float))
    if candidates.ndim != 1 or not candidates.size or not np.all(np.isfinite(candidates)) or candidates.min() < 0:
        raise ParameterError(f"ridge penalties must be finite numbers of at least 0, got {penalties!r}.")
    return tuple(float(c) for c in candidates)
