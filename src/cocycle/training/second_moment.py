r"""Mean-square (linear) stability: growth of $E\,d\,d^T$ under independent batches.

$$P' = P - \eta (H P + P H) + \eta^2 \bigl[ a\, E_i H_i P H_i + (1 - a)\, H P H \bigr]$$

with a = 1/B where the samples of a batch are drawn independently, and a = (N - B) / (B (N - 1)) where a batch holds
each sample at most once. It demands more than the exponent: by Jensen's inequality the mean-square rate is never
below it.
"""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, eigsh

from cocycle.training.minimum import Minimum

# Matrices of the normal space are R x R; beyond this R, the sharpest directions alone are used.
EXACT_RANK = 512
N_POWER = 2000
TOLERANCE: Any = 1e-9


@dataclasses.dataclass(frozen=True)
class SecondMoment:
    """The second-moment operator of one batch size.

    Attributes:
        rows: G_i in eigen-coordinates of H (N, C, R), or in its sharpest directions.
        curvature: eigenvalues of H (R,).
        mixing: a, the weight of the single-sample part.
        exact: whether all directions of the normal space are there.
    """

    rows: np.ndarray
    curvature: np.ndarray
    mixing: float
    exact: bool

    def noise(self, P: Float[np.ndarray, "R R"]) -> Float[np.ndarray, "R R"]:
        """Return a E_i H_i P H_i + (1 - a) H P H.

        Args:
            P: second moment, symmetric.
        """
        n, c, r = self.rows.shape
        flat = self.rows.reshape(n * c, r)
        inner = np.einsum("icr,idr->icd", (flat @ P).reshape(n, c, r), self.rows)
        single = flat.T @ np.einsum("icd,idr->icr", inner, self.rows).reshape(n * c, r) / n
        return self.mixing * single + (1 - self.mixing) * np.outer(self.curvature, self.curvature) * P

    def advance(self, P: Float[np.ndarray, "R R"], learning_rate: float) -> Float[np.ndarray, "R R"]:
        """Return the second moment after one step.

        Args:
            P: second moment, symmetric.
            learning_rate: eta.
        """
        drift = (self.curvature[:, None] + self.curvature[None, :]) * P
        return P - learning_rate * drift + learning_rate**2 * self.noise(P)

    def critical_rate(self) -> float:
        r"""Return the largest mean-square stable rate: $2 / \lambda_{max}(C^{-1/2} D C^{-1/2})$, C the drift's half.

        Laws: at most 2 / lambda_max(H); for B = 1 at most 2 / tr H, with equality for equal curvatures of all samples.
        """
        r = len(self.curvature)
        half = np.sqrt(0.5 * (self.curvature[:, None] + self.curvature[None, :]))

        def apply(x: np.ndarray) -> np.ndarray:
            P = x.reshape(r, r) / half
            return (self.noise(0.5 * (P + P.T)) / half).reshape(-1)

        if r == 1:
            return 2.0 / float(apply(np.ones(1))[0])
        start = (np.eye(r) * half).reshape(-1)
        operator: Any = LinearOperator((r * r, r * r), matvec=apply, dtype=float)  # type: ignore[call-arg]
        return 2.0 / float(eigsh(operator, k=1, which="LA", v0=start, tol=TOLERANCE, return_eigenvectors=False)[0])

    def rate(self, learning_rate: float) -> float:
        r"""Return the mean-square exponent $m = \frac12 \log\rho$ of the operator [nats / step], by power iteration.

        Args:
            learning_rate: eta.
        """
        P = np.eye(len(self.curvature)) / np.sqrt(len(self.curvature))
        size, last = 1.0, np.inf
        for _ in range(N_POWER):
            P = self.advance(P, learning_rate)
            size = float(np.linalg.norm(P))
            if size == 0.0:
                return -np.inf
            P /= size
            if abs(np.log(size) - last) < 1e-10:
                break
            last = np.log(size)
        return 0.5 * float(np.log(size))


def second_moment(at: Minimum, batch_size: int, *, replace: bool = True, max_rank: int = EXACT_RANK) -> SecondMoment:
    """Second-moment operator at a minimum.

    Args:
        at: the minimum.
        batch_size: B.
        replace: samples of a batch are drawn independently; False: each at most once.
        max_rank: most directions of the normal space; with fewer than all, the critical rate is an upper bound.

    Returns:
        SecondMoment.

    Limits: batches are independent of each other: epochs without replacement are approximated by that.
    Cost: 8 N C R^2 operations for one product.

    Source: [wu2023]; [ma2021linear].
    """
    n = at.n_samples
    a = 1.0 / batch_size if replace else ((n - batch_size) / (batch_size * (n - 1)) if n > 1 else 0.0)
    r = min(at.rank, max_rank)
    return SecondMoment(at.rows[:, :, at.rank - r :], at.eigenvalues[at.rank - r :] / n, a, r == at.rank)


def trace_bound(at: Minimum, batch_size: int, *, replace: bool = True) -> float:
    r"""Upper bound of the mean-square critical rate by traces.

    $$\eta_{ms} \le \frac{2\,\mathrm{tr} H}{a\,E_i\,\mathrm{tr} H_i^2 + (1 - a)\,\mathrm{tr} H^2}
    \quad\bigl(\le 2/\mathrm{tr} H \text{ for } B = 1\bigr)$$

    Args:
        at: the minimum.
        batch_size: B.
        replace: as in `second_moment`.

    Returns:
        Learning rate.

    Source: [wu2023].
    """
    n = at.n_samples
    a = 1.0 / batch_size if replace else ((n - batch_size) / (batch_size * (n - 1)) if n > 1 else 0.0)
    grams = np.einsum("icr,idr->icd", at.rows, at.rows)
    single = float(np.sum(grams**2)) / n
    mean = float(np.sum(at.eigenvalues**2)) / n**2
    return 2.0 * at.trace / (a * single + (1 - a) * mean)
