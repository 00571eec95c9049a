"""Spectra of the Koopman operator from pairs of states, each eigenvalue with its residual."""

import dataclasses
from typing import Any

import numpy as np

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError

CHUNK = 20_000


@dataclasses.dataclass(frozen=True, eq=False)
class KoopmanSpectrum:
    r"""Eigenvalues of a finite section of the Koopman operator, and how far each is from being one of the operator.

    Attributes:
        eigenvalues: (N,) largest modulus first.
        residuals: (N,) of each eigenpair; NaN where only EDMD was asked for.
        coefficients: (N, N) column j holds eigenfunction j over the dictionary.
        G: (N, N) Gram matrix of the dictionary.
        A: (N, N) dictionary against its image.
        L: (N, N) Gram matrix of the image.
    """

    eigenvalues: np.ndarray
    residuals: np.ndarray
    coefficients: np.ndarray
    G: np.ndarray
    A: np.ndarray
    L: np.ndarray

    def verified(self, tolerance: float) -> np.ndarray:
        """Eigenvalues whose residual is below a tolerance.

        Args:
            tolerance: largest residual.
        """
        return self.eigenvalues[self.residuals < tolerance]

    def frequencies(self, dt: float) -> np.ndarray:
        """Growth rate + i angular frequency of each eigenvalue [1 / time].

        Args:
            dt: time between the states of a pair.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.eigenvalues.astype(complex)) / dt


def koopman_spectrum(
    dictionary: Any, x: Any, y: Any, *, weights: Any = None, n_rank: int | None = None
) -> KoopmanSpectrum:
    r"""Extended dynamic mode decomposition with residuals (ResDMD).

    $$G = \Psi_X^* W \Psi_X, \quad A = \Psi_X^* W \Psi_Y, \quad L = \Psi_Y^* W \Psi_Y, \qquad A v = \lambda G v$$
    $$res(\lambda, v)^2 = \frac{v^* [L - \lambda A^* - \bar\lambda A + |\lambda|^2 G] v}{v^* G v}$$

    Without residuals EDMD reports eigenvalues that the operator does not have; a residual of r certifies a point of the
    approximate spectrum within r (in the limit of many pairs).

    Args:
        dictionary: function from rows (n, D) to values (n, N), e.g. `Fourier(2, 3)`.
        x: (n, D) states.
        y: (n, D) their images.
        weights: (n,) quadrature weights; default equal ones, which sum to 1.
        n_rank: leading directions of the dictionary that are kept; default all above round-off.

    Returns:
        KoopmanSpectrum.

    Raises:
        DataError: if x and y are not two tables of one shape of finite numbers.
        InsufficientDataError: if there are fewer pairs than functions, or than `n_rank`.
        ParameterError: if weights are negative or do not fit.

    Accuracy: residuals below 1e-8 are round-off: they are square roots of differences.
    Limits: residuals on the training pairs mislead where pairs are as few as functions; use `residuals_on` fresh ones.
    Cost: n N^2, N^3.

    Example:
        >>> from cocycle.learn.dictionaries import Fourier
        >>> x = (np.arange(64) / 64)[:, None]
        >>> found = koopman_spectrum(Fourier(1, 2), x, x + 0.3)
        >>> bool(np.allclose(np.abs(found.eigenvalues), 1) and found.residuals.max() < 1e-6)
        True

    Source: residuals [colbrook2024]; [williams2015].
    """
    x, y, w = _pairs(x, y, weights)
    G, A, L = _products(dictionary, x, y, w)
    s, u = np.linalg.eigh(G)
    kept = s > max(len(s), 1) * np.finfo(float).eps * s[-1]
    if n_rank is not None:
        kept &= np.arange(len(s)) >= len(s) - n_rank
    needed = len(s) if n_rank is None else n_rank
    if len(x) < needed:
        raise InsufficientDataError(f"{len(x)} pairs cannot fix {needed} functions; give more pairs or set n_rank.")
    # Orthonormal functions: the pencil becomes an ordinary eigenvalue problem.
    basis = u[:, kept] / np.sqrt(s[kept])
    eigenvalues, vectors = np.linalg.eig(basis.conj().T @ A @ basis)
    order = np.argsort(-np.abs(eigenvalues))
    eigenvalues, coefficients = eigenvalues[order], basis @ vectors[:, order]
    residuals = _residuals(eigenvalues, coefficients, G, A, L)
    return KoopmanSpectrum(eigenvalues, residuals, coefficients, G, A, L)


def residuals_on(spectrum: KoopmanSpectrum, dictionary: Any, x: Any, y: Any, *, weights: Any = None) -> np.ndarray:
    """Residuals of the eigenpairs on other pairs of states than those that gave them.

    Args:
        spectrum: from `koopman_spectrum`.
        dictionary: the same functions.
        x: (n, D) states.
        y: (n, D) their images.
        weights: (n,) quadrature weights.

    Returns:
        (N,) residuals.
    """
    products = _products(dictionary, *_pairs(x, y, weights))
    return _residuals(spectrum.eigenvalues, spectrum.coefficients, *products)


def pseudospectrum(spectrum: KoopmanSpectrum, points: Any) -> np.ndarray:
    r"""Least residual over the dictionary at each point of the complex plane.

    $$\tau(\lambda) = \min_g \; res(\lambda, g)$$

    Args:
        spectrum: from `koopman_spectrum`.
        points: complex numbers of any shape.

    Returns:
        Residuals, shape of the points: where they are small, lambda is in the approximate point spectrum.

    Cost: N^3 for each point.

    Example:
        >>> from cocycle.learn.dictionaries import Fourier
        >>> x = (np.arange(64) / 64)[:, None]
        >>> found = koopman_spectrum(Fourier(1, 2), x, x + 0.25)
        >>> np.round(pseudospectrum(found, np.array([1j, 2.0])), 6).tolist()
        [0.0, 1.0]

    Source: [colbrook2024].
    """
    G, A, L = spectrum.G, spectrum.A, spectrum.L
    s, u = np.linalg.eigh(G)
    kept = s > len(s) * np.finfo(float).eps * s[-1]
    basis = u[:, kept] / np.sqrt(s[kept])
    a, ell = basis.conj().T @ A @ basis, basis.conj().T @ L @ basis
    z = np.asarray(points, dtype=complex)
    out = np.empty(z.size)
    for k, lam in enumerate(z.ravel()):
        form = ell - lam * a.conj().T - np.conj(lam) * a + abs(lam) ** 2 * np.eye(len(a))
        out[k] = np.sqrt(max(np.linalg.eigvalsh(0.5 * (form + form.conj().T))[0], 0.0))
    return out.reshape(z.shape)


def _pairs(x: Any, y: Any, weights: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    x, y = (v[:, None] if v.ndim == 1 else v for v in (x, y))
    if x.shape != y.shape or x.ndim != 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(f"states {x.shape} and images {y.shape} must be two tables (n, D) of finite numbers.")
    w = np.full(len(x), 1.0 / len(x)) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != (len(x),) or not np.all(w >= 0) or not np.all(np.isfinite(w)):
        raise ParameterError(f"weights must be {len(x)} numbers of at least 0.")
    return x, y, w


def _products(dictionary: Any, x: np.ndarray, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """G, A and L, summed over chunks of pairs."""
    sums: list[Any] = [0.0, 0.0, 0.0]
    for part in np.array_split(np.arange(len(x)), max(1, len(x) // CHUNK)):
        psi_x, psi_y = np.asarray(dictionary(x[part])), np.asarray(dictionary(y[part]))
        left = psi_x.conj().T * w[part]
        sums[0] = sums[0] + left @ psi_x
        sums[1] = sums[1] + left @ psi_y
        sums[2] = sums[2] + (psi_y.conj().T * w[part]) @ psi_y
    return tuple(sums)


def _residuals(lam: np.ndarray, v: np.ndarray, G: np.ndarray, A: np.ndarray, L: np.ndarray) -> np.ndarray:
    def form(matrix: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ik,kj->j", v.conj(), matrix, v)

    g, a = np.real(form(G)), form(A)
    square = np.real(form(L)) - 2 * np.real(np.conj(lam) * a) + np.abs(lam) ** 2 * g
    return np.sqrt(np.maximum(square, 0.0) / g)
