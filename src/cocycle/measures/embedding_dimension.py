"""How many delay coordinates: Cao's E1 and E2, and false nearest neighbours."""

import dataclasses

import numpy as np

from cocycle.measures.embedding import delay_vectors, theiler_window, usable_vectors
from cocycle.measures.neighbours import nearest_neighbours, spread_indices
from cocycle.measures.series import SeriesLike, checked_positive, checked_series, dithered

N_REFERENCE = 2000
SATURATED = 0.9
RANDOM_BAND = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class CaoDimension:
    """Embedding dimension by Cao's method.

    Attributes:
        dimension: smallest m from which E1 stays above 0.9; the largest m tried if it does not.
        saturated: whether E1 does.
        deterministic: whether some E2 differs from 1 by more than 0.1 (noise: all are 1).
        reason: the choice in a sentence with its numbers.
        e1: (max_dimension - 1,) for m = 1, 2, ...
        e2: (max_dimension - 1,).
    """

    dimension: int
    saturated: bool
    deterministic: bool
    reason: str
    e1: np.ndarray
    e2: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class FalseNeighbours:
    """Embedding dimension by false nearest neighbours.

    Attributes:
        dimension: smallest m with a fraction of false neighbours below the tolerance; the largest m tried if none.
        saturated: whether there is one.
        reason: the choice in a sentence with its numbers.
        fraction: (max_dimension,) for m = 1, 2, ...
    """

    dimension: int
    saturated: bool
    reason: str
    fraction: np.ndarray


def dimension_by_cao(
    x: SeriesLike, delay: int, *, max_dimension: int = 8, theiler: int | None = None, seed: int = 0
) -> CaoDimension:
    r"""Embedding dimension from the growth of nearest-neighbour distances when a coordinate is added.

    $$E(m) = \Big\langle \frac{|y^{m+1}_i - y^{m+1}_{n(i)}|}{|y^m_i - y^m_{n(i)}|} \Big\rangle,\quad
    E_1 = \frac{E(m+1)}{E(m)},\quad
    E^*(m) = \langle |x_{i+m\tau} - x_{n(i)+m\tau}| \rangle,\quad E_2 = \frac{E^*(m+1)}{E^*(m)}$$

    Args:
        x: series.
        delay: tau [samples].
        max_dimension: largest m of E; E1 and E2 end one below.
        theiler: window around a point without neighbours [samples]; default `theiler_window(x)`.
        seed: of the dither of digitised series.

    Returns:
        CaoDimension.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if fewer than 100 delay vectors remain.
        ParameterError: if delay is not above 0.

    Accuracy: from at most 2000 reference points; E2 of noise scatters by some 0.03 around 1.
    Limits: strongly correlated noise has E2 below 1 at small m, like a deterministic signal.
    Cost: max_dimension searches in a tree of n points.

    Example:
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(3.99 * x[-1] * (1 - x[-1]))
        >>> dimension_by_cao(x, 1).deterministic
        True

    Source: [cao1997].
    """
    checked_positive(delay, name="delay")
    x = dithered(checked_series(x, n_min=100, n_distinct=5), seed=seed)
    usable_vectors(x.size, max_dimension + 1, delay, n_min=100)
    window = theiler_window(x) if theiler is None else theiler
    growth, gap = np.empty(max_dimension), np.empty(max_dimension)
    for m in range(1, max_dimension + 1):
        near, further = _next_coordinate(x, m, delay, window, np.inf)
        growth[m - 1] = np.mean(np.maximum(near, further) / near)
        gap[m - 1] = np.mean(further)
    e1, e2 = growth[1:] / growth[:-1], gap[1:] / gap[:-1]
    low = np.flatnonzero(e1 < SATURATED)
    saturated = low.size == 0 or low[-1] < e1.size - 1
    dimension = 1 if low.size == 0 else int(min(low[-1] + 2, max_dimension))
    worst = int(np.abs(e2 - 1).argmax())
    deterministic = bool(abs(e2[worst] - 1) > RANDOM_BAND)
    first = f"E1 stays above {SATURATED} from m = {dimension} on" if saturated else "E1 does not saturate"
    second = f"E2 is {e2[worst]:.2f} at m = {worst + 1}" if deterministic else "E2 is 1 at every m, as for noise"
    return CaoDimension(dimension, bool(saturated), deterministic, f"{first}; {second}", e1, e2)


def dimension_by_false_neighbours(
    x: SeriesLike,
    delay: int,
    *,
    max_dimension: int = 8,
    theiler: int | None = None,
    ratio: float = 15.0,
    size: float = 2.0,
    tolerance: float = 0.01,
    seed: int = 0,
) -> FalseNeighbours:
    r"""Embedding dimension at which near points stay near when a coordinate is added.

    A neighbour is false if $|x_{i+m\tau} - x_{n(i)+m\tau}| > $ `ratio` times its distance, or if its distance in m + 1
    dimensions exceeds `size` standard deviations of x (which noise does).

    Args:
        x: series.
        delay: tau [samples].
        max_dimension: largest m.
        theiler: window around a point without neighbours [samples]; default `theiler_window(x)`.
        ratio: tolerated growth of the distance.
        size: tolerated distance [standard deviations].
        tolerance: tolerated fraction of false neighbours.
        seed: of the dither of digitised series.

    Returns:
        FalseNeighbours.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if fewer than 100 delay vectors remain.
        ParameterError: if delay is not above 0.

    Accuracy: binomial, from at most 2000 reference points: 0.2 % at a fraction of 1 %.
    Cost: max_dimension searches in a tree of n points.

    Example:
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(3.99 * x[-1] * (1 - x[-1]))
        >>> dimension_by_false_neighbours(x, 1).dimension
        1

    Source: [kennel1992].
    """
    checked_positive(delay, name="delay")
    x = dithered(checked_series(x, n_min=100, n_distinct=5), seed=seed)
    usable_vectors(x.size, max_dimension + 1, delay, n_min=100)
    window = theiler_window(x) if theiler is None else theiler
    fraction = np.empty(max_dimension)
    for m in range(1, max_dimension + 1):
        near, further = _next_coordinate(x, m, delay, window, 2.0)
        false = (further > ratio * near) | (np.hypot(near, further) > size * x.std())
        fraction[m - 1] = np.mean(false)
    below = np.flatnonzero(fraction < tolerance)
    dimension = int(below[0]) + 1 if below.size else max_dimension
    text = f"{100 * fraction[dimension - 1]:.1f} % false neighbours at m = {dimension}"
    reason = text if below.size else f"{text}, never below {100 * tolerance:.0f} %: noise, or too few points"
    return FalseNeighbours(dimension, bool(below.size), reason, fraction)


def _next_coordinate(x: np.ndarray, m: int, delay: int, window: int, norm: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest neighbour in m dimensions, and difference in the coordinate that is added."""
    points = delay_vectors(x, m, delay)[: x.size - m * delay]
    reference = spread_indices(points.shape[0], N_REFERENCE)
    index, distance = nearest_neighbours(points, reference, theiler=window, norm=norm)
    found = index[:, 0] >= 0
    reference, index, near = reference[found], index[found, 0], distance[found, 0]
    return near, np.abs(x[reference + m * delay] - x[index + m * delay])
