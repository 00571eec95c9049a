"""Leading singular values and vectors of a tall matrix, without the others.

NumPy alone: SciPy brings threads of its own, which wait for work on the same cores.
"""

import numpy as np
from jaxtyping import Float

# Singular values below this share of the largest are lost in the rounding of squares.
RESOLVED = 1e-5
# Residual of a triplet, in units of round-off times the largest singular value, that a full decomposition has too.
ALLOWED = 100.0
# Below this share of all values a part is cheaper than the whole.
FEW = 0.25
# Steps of subspace iteration that are tried first, and vectors beyond those wanted.
N_STEPS, SPARE = 3, 8


def leading_singular(
    x: Float[np.ndarray, "n E"], rank: int
) -> tuple[Float[np.ndarray, "n r"], Float[np.ndarray, "r"], Float[np.ndarray, "r E"]]:
    r"""The r largest singular values of a matrix with their vectors, $X \approx U \Sigma V^\top$.

    Subspace iteration with the Gram matrix begins, or its eigenvectors where that is not enough. One step with the
    matrix itself, by Rayleigh and Ritz's rule, gives back the digits that squaring lost; then the residual |X v - s u|
    is looked at (|X^T u - s v| is zero by that rule).

    Args:
        x: matrix.
        rank: r, at least 1.

    Returns:
        U, the values in falling order, and V^T; fewer than r where the matrix has fewer.

    Accuracy: residuals of at most 100 units of round-off of the largest value, as a full decomposition has; else, and
        for values below 1e-5 of the largest, or more than a quarter of all, it is that one.
    Cost: n E^2 / 2, once, as a product of matrices, and E^3; a full decomposition some 6 n E^2 in steps that wait for
        each other.

    Example:
        >>> u, s, vt = leading_singular(np.diag([1.0, 5.0, 3.0, 2.0, 0.5])[:, [1, 0, 2, 3, 4]], 1)
        >>> s.round(12).tolist()
        [5.0]

    Source: [golub2013].
    """
    if 0 < rank <= FEW * min(x.shape):
        found = _from_squares(x, rank) if x.shape[0] >= x.shape[1] else _turned(_from_squares(x.T, rank))
        if found is not None:
            return found
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return u[:, :rank], s[:rank], vt[:rank]


def _turned(found: tuple | None) -> tuple | None:
    return None if found is None else (found[2].T, found[1], found[0].T)


def _from_squares(x: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    gram = x.T @ x
    found = _refined(x, _dominant(gram, rank))
    if found is None:
        found = _refined(x, np.linalg.eigh(gram)[1][:, -rank:])
    return found


def _dominant(gram: np.ndarray, rank: int) -> np.ndarray:
    """Some steps of subspace iteration: enough where few values stand out, as in a signal of low rank."""
    q = np.random.default_rng(0).normal(size=(len(gram), rank + SPARE))
    for _ in range(N_STEPS):
        q = np.linalg.qr(gram @ q)[0]
    return q @ np.linalg.eigh(q.T @ gram @ q)[1][:, -rank:]


def _refined(x: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Triplets in the space that v leads to; None where their residual is more than rounding."""
    left = np.linalg.qr(x @ v)[0]
    core, s, vt = np.linalg.svd(left.T @ x, full_matrices=False)
    u = left @ core
    # X^T u = s v by the rule itself.
    residual = np.linalg.norm(x @ vt.T - u * s, axis=0).max()
    good = s[-1] > RESOLVED * s[0] and residual <= ALLOWED * np.finfo(float).eps * s[0]
    return (u, s, vt) if good else None
