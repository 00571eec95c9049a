"""State-space divergence: how differently two clouds of points fill space. It is blind to time."""

import abc
import dataclasses

import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate
from cocycle.measures.clouds import CloudLike, checked_clouds, jackknife

N_BLOCKS = 8
MAX_CELLS = 2**53


@dataclasses.dataclass(frozen=True)
class AbstractDensity(abc.ABC):
    """How a density is made of points."""

    @abc.abstractmethod
    def divergence(self, generated: np.ndarray, data: np.ndarray) -> Estimate:
        """Kullback-Leibler divergence of two checked clouds.

        Args:
            generated: (n, D) points of the model.
            data: (m, D) points of the truth.
        """


@dataclasses.dataclass(frozen=True)
class Histogram(AbstractDensity):
    r"""Boxes over the range of the data, 0.1 standard deviations wider on each side; every count is raised by 1e-5.

    Points of the model outside the range are left out. This is the definition in the code that goes with Hess et al.
    (2023), so numbers compare with the tables of that paper (bin version, 30 boxes an axis); older papers of the same
    group take boxes over two standard deviations about the mean, or no margin, and do not compare.

    Args:
        n_bins: boxes along each axis.
        margin: width added to the range on each side, in standard deviations.
        smoothing: what is added to every count.

    Source: [hess2023].
    """

    n_bins: int = 30
    margin: float = 0.1
    smoothing: float = 1e-5

    def __post_init__(self):
        if not (self.n_bins >= 2 and self.margin >= 0 and self.smoothing > 0):
            raise ParameterError(
                f"Histogram needs n_bins of at least 2, margin of at least 0 and a positive smoothing, got {self}."
            )

    def divergence(self, generated: np.ndarray, data: np.ndarray) -> Estimate:
        """Divergence of the smoothed histograms; empty boxes are counted without being stored.

        Args:
            generated: (n, D) points of the model.
            data: (m, D) points of the truth.
        """
        n_cells = float(self.n_bins) ** data.shape[1]
        if n_cells > MAX_CELLS:
            raise ParameterError(
                f"{self.n_bins} boxes along each of {data.shape[1]} axes are too many to number; use GaussianMixture()."
            )
        spread = data.std(axis=0, ddof=1)
        low, high = data.min(axis=0) - self.margin * spread, data.max(axis=0) + self.margin * spread
        cells, codes = self._codes(data, low, high), self._codes(generated, low, high)
        if not (codes >= 0).any():
            return Estimate(np.inf, 0.0, np.inf, "no point of the model lies in the range of the data")
        both, where = np.unique(np.concatenate([cells, codes[codes >= 0]]), return_inverse=True)
        p = np.bincount(where[: len(cells)], minlength=len(both)).astype(float)
        place = np.full(len(codes), -1)
        place[codes >= 0] = where[len(cells) :]
        blocks = [
            np.bincount(part[part >= 0], minlength=len(both)).astype(float) for part in np.array_split(place, N_BLOCKS)
        ]
        whole = np.sum(blocks, axis=0)
        left_out = [self._sum(p, whole - block, n_cells) for block in blocks]
        return jackknife(self._sum(p, whole, n_cells), left_out, "KL of histograms, jackknife over 8 blocks")

    def _codes(self, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Number of the box of each point, -1 outside."""
        with np.errstate(invalid="ignore"):
            at = np.floor((points - low) / (high - low) * self.n_bins)
        inside = np.all((at >= 0) & (at < self.n_bins), axis=1)
        at = np.where(inside[:, None], at, 0).astype(np.int64)
        code = np.zeros(len(points), dtype=np.int64)
        for k in range(points.shape[1]):
            code = code * self.n_bins + at[:, k]
        return np.where(inside, code, -1)

    def _sum(self, p: np.ndarray, q: np.ndarray, n_cells: float) -> float:
        a = self.smoothing
        norm_p, norm_q = p.sum() + a * n_cells, q.sum() + a * n_cells
        seen = np.sum((p + a) / norm_p * np.log((p + a) / norm_p * norm_q / (q + a)))
        return float(seen + (n_cells - len(p)) * a / norm_p * np.log(norm_q / norm_p))


@dataclasses.dataclass(frozen=True)
class GaussianMixture(AbstractDensity):
    r"""A Gaussian of one width about every point; the divergence is a mean over draws from the data's mixture.

    The definition of the code that goes with Hess et al. (2023) (GMM version, variance 1 on standardised data, 1000
    draws, at most 10,000 points), with the logarithm summed without underflow, so that no draw has to be left out.

    Args:
        variance: of each Gaussian, in units of the variance of the data.
        n_draws: draws from the mixture of the data.
        n_points: at most this many points of each cloud, spread evenly.
        seed: of the draws.

    Source: [hess2023]; Monte Carlo divergence of mixtures [hershey2007].
    """

    variance: float = 1.0
    n_draws: int = 1000
    n_points: int = 10_000
    seed: int = 0

    def __post_init__(self):
        if not (self.variance > 0 and self.n_draws >= 16 and self.n_points >= 16):
            raise ParameterError(
                f"GaussianMixture needs a positive variance and n_draws and n_points of at least 16, got {self}."
            )

    def divergence(self, generated: np.ndarray, data: np.ndarray) -> Estimate:
        """Divergence with the standard error of its draws.

        Args:
            generated: (n, D) points of the model.
            data: (m, D) points of the truth.
        """
        scale = data.std(axis=0)
        x, y = (self._thinned(points) / scale for points in (data, generated))
        rng = np.random.default_rng(self.seed)
        draws = x[rng.integers(0, len(x), self.n_draws)]
        draws = draws + np.sqrt(self.variance) * rng.normal(size=draws.shape)
        logs = self._log_density(draws, x) - self._log_density(draws, y)
        stderr = float(logs.std(ddof=1) / np.sqrt(self.n_draws))
        return Estimate(float(logs.mean()), stderr, float(self.n_draws), "KL of Gaussian mixtures, error of its draws")

    def _thinned(self, points: np.ndarray) -> np.ndarray:
        return points[np.unique(np.linspace(0, len(points) - 1, min(len(points), self.n_points)).astype(int))]

    def _log_density(self, draws: np.ndarray, centres: np.ndarray) -> np.ndarray:
        out = np.empty(len(draws))
        inner = np.sum(centres**2, axis=1)
        for part in np.array_split(np.arange(len(draws)), max(1, len(draws) * len(centres) // 4_000_000)):
            square = np.sum(draws[part] ** 2, axis=1)[:, None] + inner - 2 * draws[part] @ centres.T
            exponent = -0.5 * np.maximum(square, 0.0) / self.variance
            top = exponent.max(axis=1)
            out[part] = top + np.log(np.mean(np.exp(exponent - top[:, None]), axis=1))
        return out


def state_space_divergence(
    generated: CloudLike,
    data: CloudLike,
    *,
    density: AbstractDensity | None = None,
) -> Estimate:
    r"""State-space divergence D_stsp: the Kullback-Leibler divergence of where a model goes from where the data go.

    $$D_{stsp} = \sum_k \hat p_k \log (\hat p_k / \hat q_k)$$

    with p of the data and q of the model.

    Args:
        generated: points of the model.
        data: points of the truth.
        density: `Histogram()` or `GaussianMixture()`; default the former below six dimensions, as in the pinned paper.

    Returns:
        Estimate [nats]. inf where the model never enters the range of the data.

    Raises:
        DataError: if a cloud is no table of finite numbers, or the columns differ.
        InsufficientDataError: if a cloud has fewer than 64 points.
        ParameterError: if there are too many boxes to number.

    Accuracy: biased upwards by sampling: two halves of one Lorenz orbit of 20,000 points score 0.2, so a number means
        nothing without the floor at the same length, which `cocycle.compare` prints.
    Limits: blind to time: shuffled data score as well as the data. Depends on the number of points and of boxes.
    Cost: n log n.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(4000, 2))
        >>> near, far = state_space_divergence(x[:2000], x[2000:]), state_space_divergence(x[:2000] + 1, x[2000:])
        >>> bool(far.value > near.value)
        True

    Source: [hess2023].
    """
    generated, data = checked_clouds(generated, data)
    if density is None:
        density = Histogram() if data.shape[1] < 6 else GaussianMixture()
    return density.divergence(generated, data)
