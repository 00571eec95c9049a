"""Ordinal patterns: which of m successive values is the smallest, which the next."""

import dataclasses
import math

import equinox as eqx
import numpy as np

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.measures.embedding import delay_vectors
from cocycle.measures.entropies import AbstractInformationMeasure, Shannon
from cocycle.measures.series import SeriesLike, checked_series

LIMIT_POINTS = 50


class OrdinalPatterns(eqx.Module):
    """Outcome space of the m! orders of m values.

    Ties: equal values are ordered by time, the earlier counts as the smaller.

    Attributes:
        m: values in a pattern, 2 to 9.
        delay: samples between them.

    Example:
        >>> OrdinalPatterns(m=3).encode([1, 2, 3, 0])
        array([0, 4])

    Source: [bandt2002].
    """

    m: int = 3
    delay: int = 1

    def __check_init__(self):
        """Refuse sizes that cannot be encoded."""
        if not 2 <= self.m <= 9:
            raise ParameterError(f"m is {self.m}; ordinal patterns have 2 to 9 values (9! = 362,880 already).")
        if self.delay < 1:
            raise ParameterError(f"delay is {self.delay}; it must be at least 1 sample.")

    @property
    def n_outcomes(self) -> int:
        """Number of patterns, m!."""
        return math.factorial(self.m)

    def encode(self, x: SeriesLike) -> np.ndarray:
        """Number of the pattern that begins at each sample (the rank of its permutation in lexicographic order).

        Args:
            x: series of at least (m - 1) delay + 1 points.

        Returns:
            (n - (m - 1) delay,) integers in 0..m!-1.

        Raises:
            DataError: if x is not a series of finite numbers.
            InsufficientDataError: if it is too short or constant.
        """
        x = checked_series(x, n_min=(self.m - 1) * self.delay + 1)
        order = np.argsort(delay_vectors(x, self.m, self.delay), axis=1, kind="stable")
        code = np.zeros(order.shape[0], dtype=np.int64)
        for k in range(self.m - 1):
            smaller = np.sum(order[:, k + 1 :] < order[:, k : k + 1], axis=1)
            code += smaller * math.factorial(self.m - 1 - k)
        return code


@dataclasses.dataclass(frozen=True, eq=False)
class MissingPatterns:
    """Patterns that never occur, beside what shuffling leaves out.

    Attributes:
        n_missing: patterns absent from the series.
        n_outcomes: patterns in all.
        expected: mean number absent from shuffles of the series (noise of the same distribution).
        p_value: rank of the series among the shuffles, (1 + shuffles with as many absent) / (1 + shuffles).
    """

    n_missing: int
    n_outcomes: int
    expected: float
    p_value: float


def information(
    measure: AbstractInformationMeasure, space: OrdinalPatterns, x: SeriesLike, *, miller_madow: bool = False
) -> Estimate:
    """Information measure of the distribution of outcomes of a series.

    Args:
        measure: `Shannon()`, `Renyi(q)` or `Tsallis(q)`.
        space: `OrdinalPatterns(m, delay)`, or anything with `encode` and `n_outcomes`.
        x: series.
        miller_madow: add (filled outcomes - 1) / 2n to a Shannon entropy, the leading bias of the plug-in value.

    Returns:
        Estimate [nats for Shannon and Renyi]. The standard error is that of the mean of the derivative along the series
        (so it sees correlation), joined with the second-order term (k-1)/2n^2 that remains where all are alike.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if fewer than 16 outcomes can be read.
        ParameterError: if miller_madow is asked of another measure than Shannon's.

    Laws: relabelling outcomes changes nothing; at most log(n_outcomes) for Shannon and Renyi.
    Cost: n m log m.

    Example:
        >>> x = np.random.default_rng(0).normal(size=20_000)
        >>> bool(abs(information(Shannon(), OrdinalPatterns(m=3), x).value - np.log(6)) < 1e-3)
        True

    Source: [bandt2002]; bias [miller1955].
    """
    if miller_madow and not isinstance(measure, Shannon):
        raise ParameterError("the Miller-Madow correction belongs to Shannon's entropy; leave it out for others.")
    code = space.encode(x)
    if code.size < 16:
        raise InsufficientDataError(f"{code.size} patterns are too few for a distribution; at least 16 are needed.")
    _, where, counts = np.unique(code, return_inverse=True, return_counts=True)
    p = counts / code.size
    influence = mean_estimate(measure.gradient(p)[where])
    second_order = (p.size - 1) / (2.0 * code.size**2)
    value = measure.of(p) + ((p.size - 1) / (2.0 * code.size) if miller_madow else 0.0)
    stderr = math.sqrt(float(influence.stderr) ** 2 + second_order)
    method = "plug-in, Miller-Madow" if miller_madow else "plug-in"
    return Estimate(value, stderr, float(code.size), method)


def permutation_entropy(x: SeriesLike, *, m: int = 5, delay: int = 1, miller_madow: bool = True) -> Estimate:
    """Shannon entropy of the ordinal patterns over its largest value, log m!.

    Args:
        x: series; m! should be well below its length.
        m: values in a pattern.
        delay: samples between them.
        miller_madow: correct the bias of the plug-in value, (filled patterns - 1) / 2n; at most 1 is returned.

    Returns:
        Estimate, 0 (one pattern) to 1 (all alike, as in white noise).

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if m is not within 2..9, or delay below 1.

    Laws: unchanged by an increasing map of x (ties aside).
    Cost: n m log m.

    Example:
        >>> permutation_entropy(np.arange(100.0)).value
        0.0

    Source: [bandt2002]; bias [miller1955].
    """
    space = OrdinalPatterns(m, delay)
    entropy = information(Shannon(), space, x, miller_madow=miller_madow)
    most = math.log(space.n_outcomes)
    return Estimate(min(1.0, entropy.value / most), entropy.stderr / most, entropy.n_eff, entropy.method)


def statistical_complexity(x: SeriesLike, *, m: int = 5, delay: int = 1) -> Estimate:
    r"""Jensen-Shannon complexity: normalised entropy times normalised distance from the uniform distribution.

    $$C = H[p]\; Q_0 \big( S[\tfrac{p+u}{2}] - \tfrac12 S[p] - \tfrac12 S[u] \big), \quad H = S[p]/\log K$$

    Args:
        x: series; m! should be well below its length.
        m: values in a pattern.
        delay: samples between them.

    Returns:
        Estimate, within `complexity_limits(m!)`; plug-in, standard error from 16 segments of the series.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if there are fewer than 64 patterns, or x is constant.
        ParameterError: if m is not within 2..9, or delay below 1.

    Accuracy: the plug-in value of noise is above 0 by about (K-1)/2n.
    Cost: n m log m.

    Example:
        >>> statistical_complexity(np.arange(100.0)).value
        0.0

    Source: [rosso2007], [lamberti2004].
    """
    space = OrdinalPatterns(m, delay)
    code = space.encode(x)
    if code.size < 64:
        raise InsufficientDataError(f"{code.size} patterns are too few for a complexity; at least 64 are needed.")
    k = space.n_outcomes
    value = _complexity(np.bincount(code, minlength=k) / code.size)
    # Jackknife over segments: bias of short segments cancels in the differences.
    parts = np.stack([np.bincount(c, minlength=k) for c in np.array_split(code, 16)])
    left_out = [_complexity((parts.sum(0) - part) / (code.size - part.sum())) for part in parts]
    stderr = math.sqrt(15 / 16 * float(np.sum((np.array(left_out) - np.mean(left_out)) ** 2)))
    return Estimate(value, stderr, 16.0, "plug-in, jackknife over 16 segments")


def complexity_limits(n_outcomes: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest Jensen-Shannon complexity at each normalised entropy.

    The least belongs to one outcome with probability p and all others alike; the largest to k outcomes absent, one
    with p and the others alike.

    Args:
        n_outcomes: K, e.g. m!.

    Returns:
        two curves (points, 2) of entropy and complexity, each in the order of growing entropy.

    Raises:
        ParameterError: if there are fewer than two outcomes.

    Cost: 50 K^2 for the upper curve, thinned to at most 200 values of k.

    Example:
        >>> low, high = complexity_limits(6)
        >>> bool(low[-1, 0] > 0.999 and high[:, 1].max() < 0.4)
        True

    Source: [martin2006].
    """
    if n_outcomes < 2:
        raise ParameterError(f"n_outcomes is {n_outcomes}; there must be at least 2.")
    low = [_peaked(p, 0, n_outcomes) for p in np.linspace(1 / n_outcomes, 1.0, 4 * LIMIT_POINTS)]
    absent = np.unique(np.linspace(0, n_outcomes - 2, min(200, n_outcomes - 1)).astype(int))
    high = [
        _peaked(p, int(k), n_outcomes) for k in absent for p in np.linspace(0.0, 1.0 / (n_outcomes - k), LIMIT_POINTS)
    ]
    high.append(_peaked(1.0, 0, n_outcomes))
    curves = (np.array([(_normalised_entropy(p), _complexity(p)) for p in rows]) for rows in (low, high))
    low_curve, high_curve = (curve[np.argsort(curve[:, 0])] for curve in curves)
    return low_curve, high_curve


def missing_patterns(
    x: SeriesLike, *, m: int = 5, delay: int = 1, n_shuffles: int = 99, seed: int = 0
) -> MissingPatterns:
    """Ordinal patterns that never occur, tested against shuffles of the series.

    Args:
        x: series.
        m: values in a pattern.
        delay: samples between them.
        n_shuffles: random orders of the same values.
        seed: of the shuffles.

    Returns:
        MissingPatterns. A small p-value says: more are absent than in white noise (correlated noise has them too).

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if m is not within 2..9, or delay below 1.

    Cost: (1 + n_shuffles) n m log m.

    Example:
        >>> x = [0.3]
        >>> for _ in range(1000): x.append(4 * x[-1] * (1 - x[-1]))
        >>> missing_patterns(x, m=3).n_missing
        1

    Source: [amigo2007].
    """
    space = OrdinalPatterns(m, delay)
    series = checked_series(x, n_min=(m - 1) * delay + 1)
    rng = np.random.default_rng(seed)
    absent = space.n_outcomes - np.unique(space.encode(series)).size
    present = [np.unique(space.encode(rng.permutation(series))).size for _ in range(n_shuffles)]
    shuffled = space.n_outcomes - np.array(present)
    p_value = (1 + int(np.sum(shuffled >= absent))) / (1 + n_shuffles)
    return MissingPatterns(int(absent), space.n_outcomes, float(shuffled.mean()), p_value)


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-np.sum(p * np.log(p)))


def _normalised_entropy(p: np.ndarray) -> float:
    return _entropy(p) / math.log(p.size)


def _complexity(p: np.ndarray) -> float:
    k = p.size
    uniform = np.full(k, 1.0 / k)
    # The largest distance is that of one certain outcome: S[(e + u)/2] - S[u]/2.
    certain = np.full(k, 0.5 / k)
    certain[0] += 0.5
    largest = _entropy(certain) - 0.5 * math.log(k)
    distance = _entropy(0.5 * (p + uniform)) - 0.5 * _entropy(p) - 0.5 * math.log(k)
    return abs(max(0.0, distance) / largest * _normalised_entropy(p))


def _peaked(p: float, n_absent: int, k: int) -> np.ndarray:
    """One outcome with probability p, `n_absent` absent, all others alike."""
    out = np.zeros(k)
    out[0] = p
    out[1 : k - n_absent] = (1.0 - p) / (k - n_absent - 1)
    return out
