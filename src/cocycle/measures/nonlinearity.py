"""Is a series more than linear noise? A statistic against surrogates."""

import abc
import dataclasses
import re

import equinox as eqx
import numpy as np
from scipy.special import ndtri

from cocycle.core.errors import ParameterError
from cocycle.measures.embedding import delay_by_mutual_information, delay_vectors, theiler_window, usable_vectors
from cocycle.measures.neighbours import nearest_neighbours, spread_indices
from cocycle.measures.series import SeriesLike, checked_series
from cocycle.measures.surrogates import iaaft, matching_stretch

MAX_POINTS = 4096
N_REFERENCE = 1000


class AbstractStatistic(eqx.Module):
    """A number of a series that is small where it is not linear noise."""

    @abc.abstractmethod
    def of(self, x: np.ndarray) -> float:
        """Value of the statistic.

        Args:
            x: (n,) series.

        Returns:
            the value; smaller speaks against linear noise.
        """


class PredictionError(AbstractStatistic):
    """Error of predicting each point by the mean of the futures of its nearest neighbours, over the standard deviation.

    Attributes:
        dimension: m of the embedding.
        delay: tau [samples]; also the horizon.
        theiler: neighbours are more than this apart in time [samples].
        n_neighbours: neighbours averaged over.

    Example:
        >>> PredictionError(2, 1, 0).of(np.arange(400) % 7.0)
        0.0

    Source: [schreiber1997].
    """

    dimension: int
    delay: int
    theiler: int
    n_neighbours: int = 4

    def of(self, x: np.ndarray) -> float:
        """Root mean square error over the standard deviation."""
        # Equal vectors are no neighbours to nearest_neighbours (positive distance): a tiny ramp tells them apart.
        x_apart = x + 1e-9 * np.ptp(x) * np.linspace(0.0, 1.0, x.size)
        points = delay_vectors(x_apart, self.dimension, self.delay)
        past = (self.dimension - 1) * self.delay
        points = points[: x.size - past - self.delay]
        reference = spread_indices(points.shape[0], N_REFERENCE)
        index, _ = nearest_neighbours(points, reference, theiler=self.theiler, n_neighbours=self.n_neighbours)
        ahead = past + self.delay
        error = x[index + ahead].mean(1) - x[reference + ahead]
        return float(np.sqrt(np.mean(error**2)) / x.std())


class TimeReversal(AbstractStatistic):
    r"""Asymmetry under reversal of time, $-|\langle (x_{t+k}-x_t)^3\rangle| / \langle (x_{t+k}-x_t)^2\rangle^{3/2}$.

    Attributes:
        lag: k [samples].

    Example:
        >>> TimeReversal(1).of(np.array([0.0, 1.0, 0.0, -1.0] * 8 + [0.0]))
        -0.0

    Source: [schreiber1997].
    """

    lag: int

    def of(self, x: np.ndarray) -> float:
        """Minus the absolute skewness of the increments."""
        step = x[self.lag :] - x[: -self.lag]
        return -float(np.abs(np.mean(step**3)) / max(float(np.mean(step**2)) ** 1.5, 1e-300))


@dataclasses.dataclass(frozen=True, eq=False)
class NonlinearityTest:
    """Statistic of a series beside that of its surrogates.

    Attributes:
        refuted: whether linear noise is refuted at the level asked for.
        p_value: rank of the series, (1 + surrogates as small) / (1 + surrogates).
        z: how many standard deviations of the surrogates the series lies below their mean.
        statistic: of the series.
        surrogate_statistics: (s,) of the surrogates.
        stretch: start and stop of the part of the series that was tested (ends matched).
        spectrum_error: largest relative spectral error of a surrogate.
        name: name of the statistic.
        reason: result in a sentence.
    """

    refuted: bool
    p_value: float
    z: float
    statistic: float
    surrogate_statistics: np.ndarray
    stretch: tuple[int, int]
    spectrum_error: float
    name: str
    reason: str


def gaussian_by_rank(x: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Replace the k-th smallest of n values by the Gaussian quantile of (k - 1/2) / n.

    Args:
        x: (n,) series.
        seed: of the order of ties.

    Returns:
        (n,) series in the same order, with Gaussian values.

    Example:
        >>> gaussian_by_rank(np.array([3.0, 1.0, 2.0])).round(2)
        array([ 0.97, -0.97,  0.  ])
    """
    order = np.lexsort((np.random.default_rng(seed).random(x.size), x))
    rank = np.empty(x.size)
    rank[order] = np.arange(x.size) + 0.5
    return ndtri(rank / x.size)


def nonlinearity_test(
    x: SeriesLike,
    *,
    statistic: AbstractStatistic | None = None,
    n_surrogates: int = 39,
    level: float = 0.025,
    seed: int = 0,
) -> NonlinearityTest:
    """Test of the hypothesis "linear Gaussian noise seen through an increasing function", by IAAFT surrogates.

    The series is first given Gaussian values by rank (ties in digitised series broken at random), so that the answer is
    the same for every increasing function of it. Of at most 4096 points the stretch with matching ends is taken (see
    `matching_stretch`), which holds 70 % of them or more, so that the jump at the ends does not pass for nonlinearity.

    Args:
        x: series, at least 200 points.
        statistic: default `PredictionError` with m = 3 and the delay and Theiler window of the series.
        n_surrogates: s; the smallest possible p-value is 1 / (s + 1).
        level: refute where p does not exceed this.
        seed: of the surrogates.

    Returns:
        NonlinearityTest.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short, or has fewer than 5 different values.
        ParameterError: if level is below 1 / (n_surrogates + 1), which no p-value could reach.

    Accuracy: the size of the test is `level`, up to the spectral error of the surrogates.
    Laws: unchanged by an increasing function of x, as long as it makes no ties.
    Limits: nonstationary and strictly periodic series are not linear noise either; a refutation alone is not chaos.
    Cost: n_surrogates * (iterations * n log n + one neighbour search).

    Example:
        >>> x = [0.3]
        >>> for _ in range(999): x.append(4 * x[-1] * (1 - x[-1]))
        >>> nonlinearity_test(x).refuted
        True

    Source: [theiler1992], [schreiber1996].
    """
    if level * (n_surrogates + 1) < 1 - 1e-9:
        raise ParameterError(
            f"level {level} cannot be reached with {n_surrogates} surrogates; "
            f"take at least {int(np.ceil(1 / level)) - 1}."
        )
    x = checked_series(x, n_min=200, n_distinct=5)[:MAX_POINTS]
    x = gaussian_by_rank(x, seed=seed)
    if statistic is None:
        delay = delay_by_mutual_information(x).delay
        usable_vectors(x.size, 3, delay, n_min=100)
        statistic = PredictionError(3, delay, theiler_window(x))
    start, stop = matching_stretch(x)
    part = x[start:stop]
    made = iaaft(part, n_surrogates, seed=seed)
    value = statistic.of(part)
    others = np.array([statistic.of(row) for row in made.series])
    p_value = (1 + int(np.sum(others <= value))) / (1 + n_surrogates)
    spread = float(others.std(ddof=1)) if n_surrogates > 1 else np.inf
    z = float((others.mean() - value) / max(spread, 1e-300))
    refuted = p_value <= level + 1e-12
    verb = "refuted" if refuted else "not refuted"
    name = type(statistic).__name__
    what = re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
    reason = f"linear noise is {verb}: {what} {value:.3g} against {others.mean():.3g} ± {spread:.2g}, p = {p_value:.3g}"
    error = float(made.spectrum_error.max())
    return NonlinearityTest(refuted, p_value, z, value, others, (start, stop), error, name, reason)
