"""Density of eigenvalues by stochastic Lanczos quadrature, with its error over the probes."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.operators.abstract import AbstractOperator, check_operator, products
from cocycle.operators.lanczos import BASIS, EPS


class SpectralDensity(eqx.Module, Presentable):
    """Distribution of the eigenvalues of an operator.

    Attributes:
        grid: (n,) eigenvalues at which the density is given.
        density: (n,) share of eigenvalues per unit, smoothed with a Gaussian of standard deviation `width`.
        stderr: (n,) standard error over the probes.
        nodes: (K, m) quadrature nodes of each probe.
        weights: (K, m) their weights; each row sums to one.
        width: standard deviation of the smoothing [unit of the eigenvalues].
        size: D, number of eigenvalues.
        n_products: products with the operator.
    """

    grid: np.ndarray
    density: np.ndarray
    stderr: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    width: float
    size: int
    n_products: int

    def mean_of(self, function: Callable[[np.ndarray], Any]) -> Estimate:
        """Return the mean of a function over the eigenvalues, tr f(A) / D, with its error over the probes.

        Args:
            function: from an array of eigenvalues to an array of the same shape.
        """
        rows = np.sum(self.weights * np.asarray(function(self.nodes), dtype=float), axis=1)
        stderr = float(np.std(rows, ddof=1)) / math.sqrt(len(rows))
        return Estimate(float(np.mean(rows)), stderr, float(len(rows)), "stochastic Lanczos quadrature")

    def share(self, low: float = -math.inf, high: float = math.inf) -> Estimate:
        """Return the share of eigenvalues between two bounds.

        Args:
            low: lower bound.
            high: upper bound.
        """
        return self.mean_of(lambda x: (x >= low) & (x < high))


def spectral_density(
    operator: AbstractOperator,
    *,
    n_probes: int = 16,
    n_lanczos: int = 60,
    grid: Any = None,
    width: float | None = None,
    key: Any = 0,
) -> SpectralDensity:
    r"""Density of the eigenvalues of a symmetric operator.

    $$\rho(x) = \frac{1}{D} \sum_i g_\sigma(x - \lambda_i)
      \approx \frac{1}{K} \sum_k \sum_j s_{kj}^2\, g_\sigma(x - \theta_{kj})$$

    Args:
        operator: the matrix.
        n_probes: K, random start vectors.
        n_lanczos: m, Lanczos steps from each.
        grid: (n,) where to give the density. Default 400 points over the spectrum and four widths beyond.
        width: standard deviation of the smoothing. Default 1 % of the range of the spectrum.
        key: random key of the probes, or a seed.

    Returns:
        SpectralDensity, with `mean_of(f)` for tr f(A) / D and `share(low, high)`.

    Raises:
        ParameterError: if a count or the width is out of range.
        NonFiniteStateError: if a product is not finite.

    Accuracy: exact in the mean for polynomials of degree below 2 m; the error over probes falls as K^-1/2 and D^-1/2.
    Laws: the density integrates to one.
    Limits: eigenvalues closer than the width are not told apart; what a probe of D random numbers hardly meets (a few
        eigenvalues among millions) has the error of few hits.
    Cost: K m products and 2 K m^2 D multiplications; memory K m D, in groups of probes that fit into 1 GB.

    Example:
        >>> from cocycle.operators.abstract import Dense
        >>> found = spectral_density(Dense(np.diag([1.0, 1.0, 3.0, 3.0])), n_lanczos=3)
        >>> abs(float(found.mean_of(lambda x: (x - 1) * (x - 3)))) < 1e-12
        True

    Source: [ubaru2017]; for networks [ghorbani2019].
    """
    n = check_operator(operator).size
    m = min(n, count(n_lanczos, "n_lanczos"))
    n_probes = count(n_probes, "n_probes", 2)
    if width is not None and not width > 0:
        raise ParameterError(f"width must be positive, got {width}.")
    key = jax.random.key(key) if isinstance(key, int) else key
    starts = np.asarray(jax.random.normal(key, (n_probes, n), dtype=float))
    group = max(1, BASIS // (n * (m + 1)))
    parts = [_quadrature(operator, starts[i : i + group], m) for i in range(0, n_probes, group)]
    nodes, weights = (np.concatenate([p[k] for p in parts]) for k in (0, 1))
    seen = nodes[weights > 0]
    low, high = float(seen.min()), float(seen.max())
    spread = high - low if high > low else max(abs(high), 1.0)
    sigma = 0.01 * spread if width is None else float(width)
    points = np.linspace(low - 4 * sigma, high + 4 * sigma, 400) if grid is None else np.asarray(grid, dtype=float)
    bumps = np.exp(-0.5 * ((points[None, :, None] - nodes[:, None]) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    rows = np.sum(bumps * weights[:, None], axis=2)
    stderr = np.std(rows, axis=0, ddof=1) / math.sqrt(n_probes)
    return SpectralDensity(points, np.mean(rows, axis=0), stderr, nodes, weights, sigma, n, n_probes * m)


def _quadrature(operator: AbstractOperator, starts: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (K, m) of each start vector, all in step, so that products come in batches."""
    n_probes, n = starts.shape
    basis = np.zeros((n_probes, m + 1, n))
    basis[:, 0] = starts / np.linalg.norm(starts, axis=1, keepdims=True)
    T = np.zeros((n_probes, m, m))
    for j in range(m):
        w = products(operator, basis[:, j])
        size = np.linalg.norm(w, axis=1)
        seen = basis[:, : j + 1]
        h = np.zeros((n_probes, j + 1))
        for _ in range(2):
            part = np.einsum("kjn,kn->kj", seen, w)
            w = w - np.einsum("kjn,kj->kn", seen, part)
            h += part
        T[:, j, j] = h[:, j]
        beta = np.linalg.norm(w, axis=1)
        alive = beta > 100 * EPS * np.maximum(size, np.abs(T).max(axis=(1, 2)))
        if j + 1 < m:
            T[:, j, j + 1] = T[:, j + 1, j] = np.where(alive, beta, 0.0)
            basis[:, j + 1] = np.where(alive, 1 / np.where(alive, beta, 1.0), 0.0)[:, None] * w
    nodes, s = np.linalg.eigh(T)
    return nodes, s[:, 0, :] ** 2
