"""Sparse regression: few terms of a library explain the data."""

import abc
import dataclasses

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError
from cocycle.learn.triangular import triangular_factor

MAX_ROUNDS = 30


@dataclasses.dataclass(frozen=True)
class AbstractSparseRegression(abc.ABC):
    """A rule that turns features and targets into sparse coefficients."""

    @abc.abstractmethod
    def solve(self, features: Float[np.ndarray, "n F"], targets: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "F D"]:
        """Return sparse coefficients.

        Args:
            features: library, one column per term.
            targets: what the terms add up to.
        """


@dataclasses.dataclass(frozen=True)
class STLSQ(AbstractSparseRegression):
    """Sequentially thresholded least squares: small coefficients go, the rest is fitted again, until nothing goes.

    Args:
        threshold: least modulus of a coefficient that stays [its own unit].
        ridge: penalty, relative to the mean square of each feature.

    Raises:
        ParameterError: if an option is negative.

    Cost: n F^2 once, then F^3 a round: rows are not touched again.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> STLSQ(threshold=0.1).solve(np.hstack([x, x**2, x**3]), 2 * x**2).round(9).ravel().tolist()
        [0.0, 2.0, 0.0]

    Source: [brunton2016].
    """

    threshold: float = 0.1
    ridge: float = 0.0

    def __post_init__(self):
        _require_non_negative(self, "threshold", "ridge")

    def solve(self, features: Float[np.ndarray, "n F"], targets: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "F D"]:
        """Threshold and fit until the set of terms stays.

        Args:
            features: library, one column per term.
            targets: what the terms add up to.
        """
        # One orthogonal factor of the scaled library serves all later fits.
        r, c = triangular_factor(features, targets)
        scale = np.sqrt(np.sum(r**2, axis=0) / len(features))
        scale = np.where(scale > 0, scale, 1.0)
        r = r / scale
        rows = np.sqrt(self.ridge * len(features)) * np.eye(len(scale)) if self.ridge else None
        out = np.zeros((features.shape[1], targets.shape[1]))
        for d in range(targets.shape[1]):
            kept, solved = np.ones(len(scale), dtype=bool), np.zeros(len(scale))
            for _ in range(MAX_ROUNDS):
                left, right = r[:, kept], c[:, d]
                if rows is not None:
                    left = np.concatenate([left, rows[:, kept]])
                    right = np.concatenate([right, np.zeros(len(rows))])
                solved = np.zeros(len(scale))
                solved[kept] = np.linalg.lstsq(left, right, rcond=None)[0] / scale[kept]
                large = np.abs(solved) >= self.threshold
                if not large.any() or np.array_equal(large, kept):
                    kept = large
                    break
                kept = large
            out[kept, d] = solved[kept]
        return out


@dataclasses.dataclass(frozen=True)
class SR3(AbstractSparseRegression):
    r"""Sparse relaxed regularised regression with hard thresholds.

    $$\min_{X, W} \frac12 |Y - \Theta X|^2 + \frac{1}{2\nu}|X - W|^2, \qquad W = X \cdot [|X| \ge \text{threshold}]$$

    Coefficients are in units of their feature's root mean square while it runs, and fitted again at the end.

    Args:
        threshold: least modulus of a coefficient that stays [its own unit].
        nu: how far the two copies may differ, relative to the mean square of the features.
        n_rounds: at most so many rounds.

    Raises:
        ParameterError: if an option is out of range.

    Example:
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> SR3(threshold=0.1).solve(np.hstack([x, x**2, x**3]), 2 * x**2).round(9).ravel().tolist()
        [0.0, 2.0, 0.0]

    Source: [champion2020].
    """

    threshold: float = 0.1
    nu: float = 1.0
    n_rounds: int = 200

    def __post_init__(self):
        _require_non_negative(self, "threshold")
        if not self.nu > 0 or self.n_rounds < 1:
            raise ParameterError(f"SR3: nu and n_rounds must be positive, got {self.nu} and {self.n_rounds}.")

    def solve(self, features: Float[np.ndarray, "n F"], targets: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "F D"]:
        """Alternate between both copies until the set of terms stays.

        Args:
            features: library, one column per term.
            targets: what the terms add up to.
        """
        scale = np.sqrt(np.mean(features**2, axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        theta = features / scale
        gram, moment = theta.T @ theta / len(theta), theta.T @ targets / len(theta)
        inverse = np.linalg.inv(gram + np.eye(len(gram)) / self.nu)
        bound = self.threshold * scale[:, None]
        w = np.linalg.lstsq(gram, moment, rcond=None)[0]
        for _ in range(self.n_rounds):
            x = inverse @ (moment + w / self.nu)
            new = np.where(np.abs(x) >= bound, x, 0.0)
            settled = np.max(np.abs(new - w)) <= 1e-12 * max(1.0, np.max(np.abs(w)))
            w = new
            if settled:
                break
        out = np.zeros_like(w)
        for d in range(w.shape[1]):
            kept = w[:, d] != 0
            if kept.any():
                out[kept, d] = np.linalg.lstsq(features[:, kept], targets[:, d], rcond=None)[0]
        return out


def _require_non_negative(rule: AbstractSparseRegression, *names: str) -> None:
    for name in names:
        value = getattr(rule, name)
        if not 0 <= value < np.inf:
            raise ParameterError(f"{type(rule).__name__}: {name} must be a number of at least 0, got {value!r}.")
