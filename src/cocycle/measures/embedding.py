"""Delay coordinates: the vectors themselves, and the choice of the delay."""

import dataclasses

import numpy as np
from scipy import fft

from cocycle.core.errors import InsufficientDataError
from cocycle.measures.series import SeriesLike, checked_positive, checked_series
from cocycle.measures.spectrum import mean_period


@dataclasses.dataclass(frozen=True, eq=False)
class DelayChoice:
    """A delay, why it was chosen, and the curves behind it.

    Attributes:
        delay: the delay [samples].
        rule: "first minimum", "decorrelated in one sample" or "autocorrelation 1/e".
        reason: the rule in a sentence with its numbers.
        mutual_information: (max_lag + 1,) [nats], lag 0 first.
        autocorrelation: (max_lag + 1,), lag 0 first.
    """

    delay: int
    rule: str
    reason: str
    mutual_information: np.ndarray
    autocorrelation: np.ndarray


def embed(x: SeriesLike, dimension: int, delay: int) -> np.ndarray:
    r"""Delay vectors $(x_t, x_{t+\tau}, \dots, x_{t+(m-1)\tau})$.

    Args:
        x: series.
        dimension: m.
        delay: tau [samples].

    Returns:
        (n - (m - 1) tau, m) array; row t begins at sample t.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is constant or shorter than one vector.
        ParameterError: if dimension or delay is not above 0.

    Example:
        >>> embed([1, 2, 3, 4], 2, 2)
        array([[1., 3.],
               [2., 4.]])

    Source: [takens1981].
    """
    checked_positive(dimension, name="dimension")
    checked_positive(delay, name="delay")
    x = checked_series(x, n_min=(dimension - 1) * delay + 1)
    return delay_vectors(x, dimension, delay)


def delay_vectors(x: np.ndarray, dimension: int, delay: int) -> np.ndarray:
    """Delay vectors of a series that was checked before.

    Args:
        x: (n,) series.
        dimension: m.
        delay: tau [samples].

    Returns:
        (n - (m - 1) tau, m) array.

    Example:
        >>> delay_vectors(np.arange(3.0), 2, 1).shape
        (2, 2)
    """
    n = x.size - (dimension - 1) * delay
    return np.stack([x[k * delay : k * delay + n] for k in range(dimension)], axis=1)


def autocorrelation(x: SeriesLike, max_lag: int) -> np.ndarray:
    r"""Autocorrelation, biased form (positive definite).

    $$r_k = \sum_{t<n-k} (x_t-\bar x)(x_{t+k}-\bar x) \Big/ \sum_t (x_t-\bar x)^2$$

    Args:
        x: series longer than max_lag.
        max_lag: largest lag [samples].

    Returns:
        (max_lag + 1,), lag 0 first.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.

    Accuracy: standard error about 1/sqrt(n) for white noise; the bias is -r_k k/n.
    Cost: n log n.

    Example:
        >>> autocorrelation([1, -1, 1, -1], 1)
        array([ 1.  , -0.75])
    """
    x = checked_series(x, n_min=max_lag + 1)
    size = fft.next_fast_len(2 * x.size, real=True)
    power = np.abs(np.fft.rfft(x - x.mean(), size)) ** 2
    r = np.fft.irfft(power, size)[: max_lag + 1]
    return r / r[0]


def mutual_information(x: SeriesLike, max_lag: int, *, n_bins: int | None = None) -> np.ndarray:
    r"""Mutual information between $x_t$ and $x_{t+k}$ from a histogram of equally filled bins.

    $$I_k = \sum_{ij} p_{ij} \log\frac{p_{ij}}{p_i p_j} - \frac{B_{ij} - B_i - B_j + 1}{2 n}$$

    The last term is the Miller-Madow correction of the three entropies, B the numbers of filled cells.

    Args:
        x: series, at least 32 points beyond max_lag.
        max_lag: largest lag [samples].
        n_bins: bins per axis; default (n/20)^(1/2) within 4..32: a cell of independent data holds twenty.

    Returns:
        (max_lag + 1,) [nats], lag 0 first.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.

    Accuracy: bias O(1/n^2) of the plug-in value for independent data; standard error about n_bins / (sqrt(2) n) there.
    Laws: invariant (but for ties) under an increasing map of x, since bins are filled by rank.
    Cost: max_lag * n.

    Example:
        >>> i = mutual_information(np.random.default_rng(0).normal(size=4000), 3)
        >>> bool(abs(i[1:]).max() < 5 * 28 / (2**0.5 * 4000))
        True

    Source: [fraser1986]; bins of equal filling and bias: [miller1955].
    """
    x = checked_series(x, n_min=max_lag + 32)
    bins = int(np.clip(np.sqrt(x.size / 20), 4, 32)) if n_bins is None else n_bins
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    code = np.searchsorted(edges, x, side="right")
    bins = edges.size + 1
    out = np.empty(max_lag + 1)
    for lag in range(max_lag + 1):
        n = x.size - lag
        joint = np.bincount(code[:n] * bins + code[lag:], minlength=bins * bins).reshape(bins, bins)
        left, right = joint.sum(1), joint.sum(0)
        plug_in = _entropy(left, n) + _entropy(right, n) - _entropy(joint, n)
        excess = np.count_nonzero(joint) - np.count_nonzero(left) - np.count_nonzero(right) + 1
        out[lag] = plug_in - excess / (2 * n)
    return out


def _entropy(counts: np.ndarray, n: int) -> float:
    filled = counts[counts > 0] / n
    return float(-np.sum(filled * np.log(filled)))


def delay_by_mutual_information(x: SeriesLike, *, max_lag: int | None = None) -> DelayChoice:
    """Delay for an embedding: the first minimum of the mutual information.

    Rules, in order. (1) The autocorrelation at lag 1 is below 1/e: one sample is a decorrelation time already (a map,
    or a coarsely sampled flow), delay 1. (2) First lag whose mutual information is below that of its two predecessors
    and two successors, as long as it stands above the sampling noise of independent data. (3) Otherwise the first lag
    with autocorrelation below 1/e.

    Args:
        x: series, at least 64 points.
        max_lag: largest lag looked at; default n/10, at most 500.

    Returns:
        DelayChoice.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.

    Cost: max_lag * n.

    Example:
        >>> delay_by_mutual_information(np.random.default_rng(0).normal(size=1000)).rule
        'decorrelated in one sample'

    Source: [fraser1986].
    """
    x = checked_series(x, n_min=64)
    most = min(500, x.size // 10) if max_lag is None else max_lag
    r = autocorrelation(x, most)
    below = np.flatnonzero(r < np.exp(-1.0))
    fallback = int(below[0]) if below.size else most
    # The first minimum lies near a quarter of the period, the 1/e time at 0.19 of it: four times that is far enough.
    information = mutual_information(x, min(most, max(10, 4 * fallback)))
    if fallback == 1:
        reason = f"autocorrelation is {r[1]:.2f} < 1/e after one sample already"
        return DelayChoice(1, "decorrelated in one sample", reason, information, r)
    noise = 3 * 32 / (np.sqrt(2) * x.size)
    for lag in range(2, information.size - 2):
        here = information[lag]
        neighbours = information[[lag - 2, lag - 1, lag + 1, lag + 2]]
        if here < noise:
            break
        if np.all(here < neighbours):
            reason = f"first minimum of the mutual information, {here:.2f} nats at lag {lag}"
            return DelayChoice(lag, "first minimum", reason, information, r)
    reason = f"no minimum of the mutual information; autocorrelation first below 1/e at lag {fallback}"
    return DelayChoice(fallback, "autocorrelation 1/e", reason, information, r)


def theiler_window(x: SeriesLike) -> int:
    """Separation in time below which two points are near only because the orbit is continuous.

    The larger of three times the lag at which the autocorrelation falls below 1/e and one mean period (reciprocal of
    the mean frequency of the power spectrum), at most n/20.

    Args:
        x: series, at least 64 points.

    Returns:
        window [samples]; pairs with |i - j| <= window are left out.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.

    Example:
        >>> theiler_window(np.sin(2 * np.pi * np.arange(1000) / 25))
        25

    Source: [theiler1986]; mean period: [rosenstein1993].
    """
    x = checked_series(x, n_min=64)
    cap = max(1, x.size // 20)
    r = autocorrelation(x, min(x.size - 1, cap))
    below = np.flatnonzero(r < np.exp(-1.0))
    decay = int(below[0]) if below.size else cap
    return int(min(cap, max(3 * decay, np.ceil(mean_period(x) - 1e-9))))


def usable_vectors(n: int, dimension: int, delay: int, *, n_min: int) -> int:
    """Count delay vectors, refusing an embedding that leaves too few.

    Args:
        n: length of the series.
        dimension: m.
        delay: tau [samples].
        n_min: least number of vectors.

    Returns:
        n - (m - 1) tau.

    Raises:
        InsufficientDataError: if that is below n_min.

    Example:
        >>> usable_vectors(100, 3, 5, n_min=50)
        90
    """
    n_vectors = n - (dimension - 1) * delay
    if n_vectors < n_min:
        raise InsufficientDataError(
            f"{n} points give {max(0, n_vectors)} delay vectors at dimension {dimension} and delay {delay}, "
            f"at least {n_min} are needed: record longer, or lower the dimension or the delay."
        )
    return n_vectors
