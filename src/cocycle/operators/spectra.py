"""Numbers that sum up a spectrum of non-negative eigenvalues: how many of them count."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError, ShapeError

# Negative eigenvalues below this share of the largest are round-off of a positive semi-definite matrix.
ROUND_OFF = 1e-9


def checked_eigenvalues(eigenvalues: Any) -> Float[np.ndarray, "D"]:
    """Eigenvalues of a positive semi-definite matrix, round-off below zero cut.

    Args:
        eigenvalues: (D,) numbers in any order.

    Returns:
        (D,) non-negative numbers.

    Raises:
        ShapeError: if they are not a vector.
        ParameterError: if one is not finite or clearly negative, or all are zero.
    """
    values = np.asarray(eigenvalues, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ShapeError(f"eigenvalues must be a vector, got shape {values.shape}; of a matrix take eigvalsh first.")
    if not np.all(np.isfinite(values)):
        raise ParameterError("eigenvalues must be finite; look at the loss at these parameters.")
    top = float(np.max(np.abs(values)))
    if top == 0:
        raise ParameterError("all eigenvalues are zero: the matrix has no spectrum to sum up.")
    if float(np.min(values)) < -ROUND_OFF * top:
        raise ParameterError(
            f"the eigenvalue {np.min(values):.3g} is negative; these measures need a positive semi-definite matrix "
            "(Gauss-Newton, Fisher, tangent kernel), not an indefinite Hessian."
        )
    return np.maximum(values, 0.0)


def spectral_entropy(eigenvalues: Any, *, normalised: bool = False) -> float:
    r"""Von Neumann entropy of a spectrum.

    $$S = -\sum_i \hat\lambda_i \ln \hat\lambda_i, \qquad \hat\lambda_i = \lambda_i / \sum_j \lambda_j$$

    Args:
        eigenvalues: (D,) eigenvalues, zeros included, of a positive semi-definite matrix.
        normalised: divide by ln D, so that it lies between 0 and 1.

    Returns:
        Entropy [nats], or its share of ln D. Of a tangent kernel: the kernel entropy.

    Raises:
        ParameterError: if an eigenvalue is clearly negative, or all are zero.

    Laws: scale-invariant; 0 for rank one, ln D for equal eigenvalues.

    Example:
        >>> round(spectral_entropy([1.0, 1.0, 1.0], normalised=True), 12), spectral_entropy([2.0, 0.0])
        (1.0, 0.0)

    Source: [tovey2023].
    """
    values = checked_eigenvalues(eigenvalues)
    share = values / np.sum(values)
    share = share[share > 0]
    entropy = max(0.0, -float(np.sum(share * np.log(share))))
    if not normalised:
        return entropy
    return min(1.0, entropy / math.log(len(values))) if len(values) > 1 else 0.0


def effective_rank(eigenvalues: Any) -> float:
    r"""Exponential of the spectral entropy: how many equal eigenvalues would be as spread out.

    Args:
        eigenvalues: (D,) eigenvalues of a positive semi-definite matrix.

    Returns:
        A number from 1 to D.

    Raises:
        ParameterError: if an eigenvalue is clearly negative, or all are zero.

    Example:
        >>> round(effective_rank([3.0, 3.0, 0.0]), 12)
        2.0

    Source: [roy2007].
    """
    return math.exp(spectral_entropy(eigenvalues))


def participation_ratio(eigenvalues: Any) -> float:
    r"""$(\sum \lambda_i)^2 / \sum \lambda_i^2$: another count of the eigenvalues that matter.

    Args:
        eigenvalues: (D,) eigenvalues of a positive semi-definite matrix.

    Returns:
        A number from 1 to D, at most the effective rank.

    Raises:
        ParameterError: if an eigenvalue is clearly negative, or all are zero.

    Example:
        >>> participation_ratio([1.0, 1.0, 0.0])
        2.0
    """
    values = checked_eigenvalues(eigenvalues)
    return float(np.sum(values) ** 2 / np.sum(values**2))
