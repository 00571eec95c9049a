"""Correlation dimension of points, or of a series in delay coordinates of growing dimension."""

import dataclasses
import math

import numpy as np

from cocycle.core.errors import DataError, InsufficientDataError
from cocycle.core.estimate import Estimate
from cocycle.measures.embedding import theiler_window, usable_vectors
from cocycle.measures.neighbours import spread_indices
from cocycle.measures.series import SeriesLike, checked_positive, checked_series, dithered, is_digitised, resolution

N_REFERENCE = 2000
N_BLOCKS = 16
BINS_PER_OCTAVE = 4
CHUNK = 400_000
MIN_PAIRS = 300
MIN_FACTOR = 3.0
TOLERANCE = 0.12


@dataclasses.dataclass(frozen=True, eq=False)
class CorrelationDimension:
    """Correlation dimension, with the curves it is read from.

    Attributes:
        dimension: Estimate; value nan where there is no plateau.
        has_plateau: whether there is one.
        reason: what was found, in a sentence with its numbers.
        radius: (r,) radii, a quarter of an octave apart [unit of x].
        correlation_sum: (m, r) fraction of pairs nearer than the radius, one row per embedding dimension 1..m (one row
            for points).
        slope: (m, r) local slope over one octave; nan where too few pairs.
        plateau: first and last radius of the plateau [unit of x]; (nan, nan) without one.
        embedding: embedding dimensions whose slopes agree on the plateau.
    """

    dimension: Estimate
    has_plateau: bool
    reason: str
    radius: np.ndarray
    correlation_sum: np.ndarray
    slope: np.ndarray
    plateau: tuple[float, float]
    embedding: tuple[int, ...]


def correlation_dimension(
    x: SeriesLike,
    *,
    dimension: int | None = None,
    delay: int = 1,
    theiler: int | None = None,
    n_reference: int = N_REFERENCE,
    seed: int = 0,
) -> CorrelationDimension:
    r"""Correlation dimension by the correlation sum and a stated rule for its plateau.

    $$C_m(r) = \frac{2}{N^2}\sum_{j > i + w} \Theta(r - |y_i - y_j|_\infty), \quad
    D_2 = \lim_{r\to 0} \frac{d\log C}{d\log r}$$

    The local slope is taken over one octave. A plateau is a range of radii, a factor of three or more, over which all
    slopes at the three largest embedding dimensions (at the only one for points) keep within 12 % of their mean. Of all
    plateaus the one with the widest range counts. Radii with fewer than 300 pairs per slope, above the level of C = 0.1
    (edges of the set) or, in digitised series, below three units do not count.

    Args:
        x: series (n,), or points (n, D).
        dimension: largest embedding dimension for a series; default 8.
        delay: tau [samples].
        theiler: pairs nearer than this in time do not count [samples]; default `theiler_window(x)`, 0 for points.
        n_reference: points whose distances to all others are counted.
        seed: of the dither of digitised series.

    Returns:
        CorrelationDimension; the standard error joins the scatter over 16 blocks of reference points with the spread of
        the slopes on the plateau.

    Raises:
        DataError: if x is neither a series nor points of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if delay or dimension is not above 0.

    Accuracy: a few per cent; edges bias it low by about r/L for each dimension (a square of side L: slope
        2 (1 - r/L) / (1 - r/2L)), fractal sets add log-periodic waves.
    Laws: unchanged by x -> a + b x.
    Limits: 10^(D/2) points or more are needed; noise is refused because its slope grows with m.
    Cost: dimension * n_reference * n distances.

    Example:
        >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 3000)
        >>> d = correlation_dimension(np.stack([np.cos(angle), np.sin(angle)], axis=1))
        >>> bool(abs(d.dimension.value - 1) < 0.05)
        True

    Source: [grassberger1983]; window [theiler1986]; limit on D [eckmann1992].
    """
    checked_positive(delay, name="delay")
    array = np.asarray(x)
    smallest = 0.0
    if array.ndim == 2:
        columns, window = _checked_points(array), 0 if theiler is None else theiler
        n, shift, growing = columns.shape[1], 0, False
    else:
        series = checked_series(x, n_min=200, n_distinct=5)
        window = theiler_window(series) if theiler is None else theiler
        smallest = 3 * resolution(series) if is_digitised(series) else 0.0
        top = 8 if dimension is None else dimension
        checked_positive(top, name="dimension")
        n = usable_vectors(series.size, top, delay, n_min=200)
        columns = np.stack([dithered(series, seed=seed)[k * delay : k * delay + n] for k in range(top)])
        shift, growing = delay, True
    radius, counts, n_pairs = _pair_counts(columns, n, window, n_reference, growing)
    return _read_off(radius, counts, n_pairs, smallest, shift > 0)


def _checked_points(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf" or not np.all(np.isfinite(array)):
        raise DataError("points hold values that are not finite real numbers; drop those rows.")
    if array.shape[0] < 200:
        raise InsufficientDataError(f"{array.shape[0]} points are too few for a dimension; at least 200 are needed.")
    if np.all(array.max(0) == array.min(0)):
        raise InsufficientDataError("all points are equal; there is no set to measure.")
    return np.ascontiguousarray(array.T, dtype=np.float64)


def _pair_counts(
    columns: np.ndarray, n: int, window: int, n_reference: int, growing: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs nearer than each radius: radii (r,), counts (m, blocks, r), pairs in all (blocks,).

    The distance of the first k columns is the running maximum, so that every embedding dimension costs one step. The
    bins are read off the bits of the float: four per octave, equally wide within it.
    """
    scale = float(np.max(np.ptp(columns, axis=1)))
    columns = columns / scale
    shift = 52 - int(math.log2(BINS_PER_OCTAVE))
    lowest = int(np.float64(2.0**-40).view(np.int64) >> shift)
    highest = int(np.float64(1.0).view(np.int64) >> shift) + 1
    n_bins = highest - lowest + 1
    reference = spread_indices(n, n_reference)
    n_blocks = min(N_BLOCKS, reference.size)
    rows = columns.shape[0] if growing else 1
    counts = np.zeros((rows, n_blocks, n_bins), dtype=np.int64)
    n_pairs = np.zeros(n_blocks)
    step = max(1, CHUNK // n)
    for b, block in enumerate(np.array_split(reference, n_blocks)):
        for first in range(0, block.size, step):
            i = block[first : first + step]
            near = np.zeros((i.size, n))
            apart = np.abs(np.arange(n) - i[:, None]) > window
            n_pairs[b] += apart.sum()
            for k, column in enumerate(columns):
                np.maximum(near, np.abs(column[i][:, None] - column), out=near)
                if growing or k == columns.shape[0] - 1:
                    code = (near.view(np.int64) >> shift) - lowest
                    code = np.where(apart, np.clip(code, 0, n_bins - 1), n_bins - 1)
                    counts[k if growing else 0, b] += np.bincount(code.ravel(), minlength=n_bins)
    edges = (np.arange(lowest + 1, highest + 1) << shift).view(np.float64) * scale
    return edges, counts.cumsum(-1)[..., : edges.size], n_pairs


def _local_slope(radius: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Slope of log C over log r between half an octave below and above, nan where fewer than MIN_PAIRS lie between."""
    half = BINS_PER_OCTAVE // 2
    slope = np.full(counts.shape, np.nan)
    low, high = counts[..., : -2 * half].astype(float), counts[..., 2 * half :].astype(float)
    enough = (high - low >= MIN_PAIRS) & (low > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.log(high / low) / np.log(radius[2 * half :] / radius[: -2 * half])
    slope[..., half:-half] = np.where(enough, rise, np.nan)
    return slope


def _read_off(
    radius: np.ndarray, counts: np.ndarray, n_pairs: np.ndarray, smallest: float, series: bool
) -> CorrelationDimension:
    total = counts.sum(1)
    correlation_sum = total / n_pairs.sum()
    slope = _local_slope(radius, total)
    used = slice(max(0, slope.shape[0] - 3), slope.shape[0])
    usable = np.isfinite(slope) & (correlation_sum < 0.1) & (radius >= smallest)
    found = _plateau(radius, np.where(usable, slope, np.nan)[used])
    shown = np.flatnonzero(correlation_sum[0] > 0)
    shown = slice(int(shown[0]) if shown.size else 0, radius.size)
    curves = (radius[shown], correlation_sum[:, shown], slope[:, shown])
    if found is None:
        highest = slope[-1][usable[-1]]
        text = f"{highest.min():.1f} to {highest.max():.1f}" if highest.size else "not measurable"
        growth = f"at m = {slope.shape[0]} the slope is {text}" if series else f"the slope is {text}"
        reason = f"no plateau over a factor of {MIN_FACTOR:.0f} in radius: {growth}"
        nothing = Estimate(np.nan, np.inf, 0.0, "no plateau")
        return CorrelationDimension(nothing, False, reason, *curves, (np.nan, np.nan), ())
    first, last = found
    part = slope[used, first : last + 1]
    value = float(part.mean())
    blocks = _block_slopes(radius, counts[used], first, last)
    scatter = float(blocks.std(ddof=1) / math.sqrt(blocks.size))
    spread = float(np.hypot(part.mean(0).std(), part.mean(1).std()))
    estimate = Estimate(value, math.hypot(scatter, spread), float(blocks.size), "plateau of local slopes")
    embedding = tuple(range(used.start + 1, used.stop + 1)) if series else ()
    reason = f"slopes {part.min():.2f} to {part.max():.2f} from r = {radius[first]:.3g} to {radius[last]:.3g}"
    if series:
        reason += f" at m = {used.start + 1} to {used.stop}"
    return CorrelationDimension(estimate, True, reason, *curves, (float(radius[first]), float(radius[last])), embedding)


def _plateau(radius: np.ndarray, slope: np.ndarray) -> tuple[int, int] | None:
    """Widest range of radii over which all slopes keep within the tolerance of their mean."""
    best = None
    for first in range(radius.size):
        for last in range(first + 1, radius.size):
            part = slope[:, first : last + 1]
            if not np.all(np.isfinite(part)):
                break
            if np.abs(part - part.mean()).max() > TOLERANCE * part.mean():
                continue
            width = radius[last] / radius[first]
            if width >= MIN_FACTOR and (best is None or width > radius[best[1]] / radius[best[0]]):
                best = (first, last)
    return best


def _block_slopes(radius: np.ndarray, counts: np.ndarray, first: int, last: int) -> np.ndarray:
    """Mean slope over the plateau from each block of reference points."""
    low, high = counts[..., first].astype(float), counts[..., last].astype(float)
    rise = np.log(np.maximum(high, 1.0) / np.maximum(low, 1.0)) / math.log(radius[last] / radius[first])
    return rise.mean(0)
