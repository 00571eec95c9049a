"""Extreme eigenvalues by Lanczos' method with full orthogonalisation and thick restarts, each with its residual."""

import warnings
from typing import Any

import equinox as eqx
import jax
import numpy as np

from cocycle.core.errors import AccuracyWarning, InterruptedWarning, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.start import count
from cocycle.operators.abstract import AbstractOperator, check_operator, product

# Doubles that the basis may hold (1 GB), unless the number of eigenvalues asks for more.
BASIS = 2**27
EPS = float(np.finfo(float).eps)


class Eigenvalues(eqx.Module, Presentable):
    """Some eigenvalues of a symmetric operator.

    Attributes:
        values: (k,) eigenvalues, the largest first.
        residuals: (k,) norms of A u - value u: an eigenvalue lies within this distance of the value [same unit]. The
            error itself is about residual^2 / gap.
        vectors: (k, D) eigenvectors of unit length.
        n_products: products with the operator.
        converged: True where all residuals are below the tolerance.
    """

    values: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray
    n_products: int
    converged: bool

    @property
    def top(self) -> Estimate:
        """The largest of them; its residual bounds the error."""
        return Estimate(float(self.values[0]), float(self.residuals[0]), method="Lanczos; the error is the residual")

    @property
    def bottom(self) -> Estimate:
        """The smallest of them; its residual bounds the error."""
        return Estimate(float(self.values[-1]), float(self.residuals[-1]), method="Lanczos; the error is the residual")

    def __str__(self) -> str:
        """Values with residuals."""
        return str(Estimate(self.values, self.residuals))


def extreme_eigenvalues(
    operator: AbstractOperator,
    *,
    n_top: int = 1,
    n_bottom: int = 0,
    tol: float = 1e-6,
    max_products: int = 1000,
    n_basis: int | None = None,
    guess: Any = None,
    key: Any = None,
    progress: bool | None = None,
) -> Eigenvalues:
    r"""Largest and smallest eigenvalues of a symmetric operator.

    $$A V_m = V_m T_m + \beta\, v_{m+1} e_m^T, \qquad \|A u_i - \theta_i u_i\| = \beta\, |e_m^T s_i|$$

    Args:
        operator: the matrix.
        n_top: how many of the largest.
        n_bottom: how many of the smallest.
        tol: largest residual, as a share of the largest absolute eigenvalue.
        max_products: products after which to stop in any case.
        n_basis: vectors held at a time. Default 2 k + 40, or what 1 GB holds.
        guess: (D,) start vector, e.g. the last eigenvector of a slowly changing operator. Default random.
        key: random key of the start vector.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Eigenvalues: n_top of the upper end, then n_bottom of the lower end.

    Raises:
        ParameterError: if more eigenvalues are asked for than there are.
        NonFiniteStateError: if a product is not finite.

    Accuracy: residual at most tol |A|; the eigenvalue is then within tol^2 |A|^2 / gap. With n_basis = D: round-off.
    Laws: shifting the operator shifts the values; A -> -A swaps the ends.
    Limits: of equal eigenvalues only one copy is sure to be found.
    Cost: m products and 4 m^2 D multiplications for m basis vectors; memory m D. Ctrl-C returns what is reached.

    Example:
        >>> from cocycle.operators.abstract import Dense
        >>> found = extreme_eigenvalues(Dense(np.diag([1.0, 5.0, -2.0])), n_bottom=1)
        >>> found.values.round(12).tolist()
        [5.0, -2.0]

    Source: [lanczos1950]; restarts [wu2000].
    """
    n, k = check_operator(operator).size, count(n_top, "n_top", 0) + count(n_bottom, "n_bottom", 0)
    if not 1 <= k <= n:
        raise ParameterError(f"n_top + n_bottom = {k} eigenvalues of a {n} x {n} matrix; ask for 1 to {n}.")
    if not tol >= 0:
        raise ParameterError(f"tol must be a share of the largest eigenvalue, at least 0, got {tol}.")
    m = min(n, max(2 * k + 10, min(2 * k + 40, BASIS // n)) if n_basis is None else count(n_basis, "n_basis"))
    if m < min(n, k + 2):
        raise ParameterError(f"n_basis={m} is too small for {k} eigenvalues; take at least {k + 2}.")
    key = jax.random.key(0) if key is None else key
    search = _Search(operator, n_top, n_bottom, m, tol, np.random.default_rng(_seed(key)))
    try:
        with Progress(count(max_products, "max_products"), "eigenvalues", progress) as bar:
            while search.n_products < max_products and not search.converged:
                search.expand(guess)
                bar.advance(1)
    except KeyboardInterrupt:
        if search.j < k:
            raise
        warnings.warn(
            f"interrupted: the eigenvalues rest on {search.n_products} products.", InterruptedWarning, stacklevel=2
        )
    if search.j < k:
        raise ParameterError(f"max_products={max_products} is too few for {k} eigenvalues; take more.")
    found = search.result()
    if not found.converged:
        worst = float(np.max(found.residuals))
        warnings.warn(
            f"Lanczos stopped after {found.n_products} products with a residual of {worst:.2g} (asked for "
            f"{tol * search.scale:.2g}); take more products or a larger tol.",
            AccuracyWarning,
            stacklevel=2,
        )
    return found


def _seed(key: Any) -> list[int]:
    """Integers of a random key, for numpy."""
    if isinstance(key, int):
        return [key]
    return np.asarray(jax.random.key_data(key)).ravel().tolist()


class _Search:
    """Basis V, projected matrix T, and the next direction."""

    def __init__(self, operator: Any, n_top: int, n_bottom: int, m: int, tol: float, rng: np.random.Generator):
        self.operator, self.n_top, self.n_bottom, self.tol, self.rng = operator, n_top, n_bottom, tol, rng
        self.k = n_top + n_bottom
        self.V = np.empty((m + 1 if m < operator.size else m, operator.size))
        self.T = np.zeros((m, m))
        self.m, self.j, self.beta, self.n_products = m, 0, 0.0, 0
        self.scale, self.converged = 0.0, False

    def expand(self, guess: Any) -> None:
        """Add one vector to the basis, at the cost of one product."""
        if self.n_products == 0:
            start = self.rng.normal(size=self.operator.size) if guess is None else np.asarray(guess, dtype=float)
            norm = np.linalg.norm(start)
            if start.shape != (self.operator.size,) or not 0 < norm < np.inf:
                raise ParameterError(f"guess must be a finite vector of {self.operator.size} numbers, not all zero.")
            self.V[0] = start / norm
        elif self.j == self.m:
            self._restart()
        j = self.j
        w = product(self.operator, self.V[j])
        self.n_products += 1
        size = float(np.linalg.norm(w))
        basis = self.V[: j + 1]
        h = basis @ w
        w = w - h @ basis
        correction = basis @ w
        w -= correction @ basis
        self.T[: j + 1, j] = self.T[j, : j + 1] = h + correction
        self.scale = max(self.scale, size)
        self.j, self.beta = j + 1, float(np.linalg.norm(w))
        if self.beta <= 100 * EPS * self.scale:
            self.beta = 0.0
            w = self._fresh()
        if w is not None and self.j < len(self.V):
            self.V[self.j] = w / np.linalg.norm(w)
        if self.j == self.m or self.j % 4 == 0 or self.beta == 0.0:
            self._check()

    def _fresh(self) -> np.ndarray | None:
        """Direction orthogonal to an invariant subspace, or None where it is the whole space."""
        if self.j >= self.operator.size:
            return None
        w = self.rng.normal(size=self.operator.size)
        for _ in range(2):
            w -= (self.V[: self.j] @ w) @ self.V[: self.j]
        return w

    def _ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ritz values, vectors in the basis, residuals."""
        values, s = np.linalg.eigh(self.T[: self.j, : self.j])
        return values, s, self.beta * np.abs(s[-1])

    def _wanted(self, n_top: int, n_bottom: int) -> np.ndarray:
        top = np.arange(self.j)[::-1][:n_top]
        return np.concatenate([top, np.arange(self.j)[:n_bottom][::-1]])

    def _check(self) -> None:
        if self.j < self.k:
            return
        values, _, residuals = self._ritz()
        self.scale = float(np.max(np.abs(values)))
        whole = self.j == self.operator.size
        # A breakdown says nothing of the other invariant subspaces: go on until the fresh direction has been seen.
        enough = self.beta > 0.0 or whole
        self.converged = whole or bool(
            enough and np.all(residuals[self._wanted(self.n_top, self.n_bottom)] <= self.tol * self.scale)
        )

    def _restart(self) -> None:
        """Keep the best Ritz vectors and the residual direction."""
        values, s, _ = self._ritz()
        spare = max(1, (self.m - self.k) // 2)
        share = spare * self.n_top // self.k
        keep = np.unique(self._wanted(self.n_top + share, self.n_bottom + (spare - share if self.n_bottom else 0)))
        keep = keep[: self.m - 1]
        p = len(keep)
        self.V[:p] = s[:, keep].T @ self.V[: self.m]
        self.V[p] = self.V[self.m]
        self.T[:] = 0.0
        self.T[np.arange(p), np.arange(p)] = values[keep]
        self.j = p

    def result(self) -> Eigenvalues:
        values, s, residuals = self._ritz()
        pick = self._wanted(self.n_top, self.n_bottom)
        # Round-off of the products themselves bounds what any residual can claim.
        floor = 4 * EPS * float(np.max(np.abs(values)))
        vectors = s[:, pick].T @ self.V[: self.j]
        residuals = np.maximum(residuals[pick], floor)
        done = bool(self.converged or np.all(residuals <= self.tol * np.max(np.abs(values))))
        return Eigenvalues(values[pick], residuals, vectors, self.n_products, done)
