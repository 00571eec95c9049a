"""Largest Lyapunov exponent of a measured series, from the divergence of near neighbours."""

import dataclasses
import math

import numpy as np

from cocycle.core.estimate import Estimate
from cocycle.measures.embedding import delay_vectors, theiler_window, usable_vectors
from cocycle.measures.neighbours import nearest_neighbours, spread_indices
from cocycle.measures.scaling import ScalingRegion, longest_straight_stretch, slope_between
from cocycle.measures.series import SeriesLike, checked_positive, checked_series, dithered, resolution
from cocycle.measures.spectrum import rice_period

N_REFERENCE = 4000
N_BLOCKS = 16
MARGIN_SHARE = 0.3
MARGIN_LEAST = 1.0
MARGIN_MOST = 1.5
JUMP = 0.6
FLAT = 0.5
N_NEIGHBOURS = 20
N_KANTZ = 2000
FLOW_PERIOD = 8.0


@dataclasses.dataclass(frozen=True, eq=False)
class Divergence:
    """Largest exponent from data, with the curve it is read from.

    Attributes:
        exponent: Estimate [nats / time]; value nan where there is no scaling region.
        has_scaling: whether there is one.
        reason: what was found, in a sentence with its numbers.
        time: (k,) time since the neighbours were found [time].
        curve: (k,) mean logarithm of their distance [log of the unit of x].
        saturation: mean logarithm of the distance of two unrelated points, where the curve must end.
        fitted: first and last time of the fitted stretch [time]; (nan, nan) without one.
        r2: of the fit; nan without one.
        dimension: m of the embedding.
        delay: tau of the embedding [samples].
    """

    exponent: Estimate
    has_scaling: bool
    reason: str
    time: np.ndarray
    curve: np.ndarray
    saturation: float
    fitted: tuple[float, float]
    r2: float
    dimension: int
    delay: int


def rosenstein(
    x: SeriesLike,
    *,
    dimension: int,
    delay: int,
    theiler: int | None = None,
    dt: float = 1.0,
    n_steps: int | None = None,
    seed: int = 0,
) -> Divergence:
    r"""Largest exponent from the mean divergence of nearest neighbours.

    $$S(k) = \big\langle \log |y_{i+k} - y_{n(i)+k}| \big\rangle_i \approx S(0) + \lambda_1 k\,\Delta t$$

    The curve of a flow waves at the period of the flow, so it is first averaged over one period (see `rice_period`).
    The slope is taken over the longest straight stretch (see `longest_straight_stretch`: r2 at least 0.98, slopes of
    the halves within 15 % of the whole, a rise of at least one nat) that ends below saturation, the mean log-distance
    of unrelated points, by 0.3 of the way there (at least 1 and at most 1.5 nats). There is no scaling where S makes
    60 % of its way to saturation in the first step (noise), or gains less than half a nat in all (periodic and
    quasi-periodic motion).

    Args:
        x: series.
        dimension: m of the embedding.
        delay: tau [samples].
        theiler: neighbours are more than this apart in time [samples]; default `theiler_window(x)`.
        dt: sampling step [time].
        n_steps: length of the curve [samples]; default eight Theiler windows, at least 12, at most n/10.
        seed: of the dither of digitised series and of the saturation level.

    Returns:
        Divergence; the standard error joins the scatter over 16 blocks of reference points, the bend of the fitted
        stretch and, for a flow (Rice period of 8 samples or more), the change of slope when the component of the
        distance along the orbit, which does not grow, is taken out.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short, or has fewer than 20 different values.
        ParameterError: if dt, dimension or delay is not above 0.

    Accuracy: a few per cent for 10,000 clean points; noise of 1 % can lower it by a fifth.
    Laws: inverse to dt; unchanged by x -> a + b x.
    Limits: any growth that looks straight counts; test for nonlinearity beside it.
    Cost: one tree, then n_steps * dimension * min(n, 4000).

    Example:
        >>> x = [0.3]
        >>> for _ in range(3000): x.append(4 * x[-1] * (1 - x[-1]))
        >>> d = rosenstein(x, dimension=1, delay=1)
        >>> bool(abs(d.exponent.value - np.log(2)) < 0.05)
        True

    Source: [rosenstein1993].
    """
    x, points, window, length = _prepare(x, dimension, delay, theiler, dt, n_steps, seed)
    n_start = points.shape[0] - length + 1
    reference = spread_indices(n_start, N_REFERENCE)
    index, _ = nearest_neighbours(points[:n_start], reference, theiler=window)
    found = index[:, 0] >= 0
    reference, index = reference[found], index[found, 0]
    floor = max(resolution(x), 1e-12 * float(np.ptp(x)))
    logs = np.empty((length, reference.size))
    across = np.empty(length)
    direction = _flow_direction(points)
    for k in range(length):
        gap = points[reference + k] - points[index + k]
        square = np.einsum("im,im->i", gap, gap)
        along = np.einsum("im,im->i", gap, direction[reference + k])
        logs[k] = 0.5 * np.log(np.maximum(square, floor**2))
        across[k] = 0.5 * np.mean(np.log(np.maximum(square - along**2, floor**2)))
    across = across if rice_period(x) >= FLOW_PERIOD else None
    return _read_off(logs, across, points, x, window, dimension, delay, dt, seed)


def kantz(
    x: SeriesLike,
    *,
    dimension: int,
    delay: int,
    theiler: int | None = None,
    dt: float = 1.0,
    radius: float | None = None,
    n_steps: int | None = None,
    seed: int = 0,
) -> Divergence:
    r"""Largest exponent from the mean divergence of all neighbours within a radius.

    $$S(k) = \Big\langle \log \frac{1}{|U_i|} \sum_{j\in U_i} |x_{i+(m-1)\tau+k} - x_{j+(m-1)\tau+k}| \Big\rangle_i$$

    The distance is that of the last coordinate; the rule for the fitted stretch is that of `rosenstein`.

    Args:
        x: series.
        dimension: m of the embedding.
        delay: tau [samples].
        theiler: neighbours are more than this apart in time [samples]; default `theiler_window(x)`.
        dt: sampling step [time].
        radius: of the neighbourhood, largest coordinate [unit of x]; default the median distance of fifth neighbours.
        n_steps: length of the curve [samples]; default eight Theiler windows, at least 12, at most n/10.
        seed: of the dither of digitised series and of the saturation level.

    Returns:
        Divergence, as from `rosenstein`. Of every neighbourhood the nearest 20 points at most are used.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short, or has fewer than 20 different values.
        ParameterError: if dt, dimension, delay or radius is not above 0.

    Accuracy: a few per cent for 10,000 clean points.
    Cost: one tree, then n_steps * 20 * min(n, 2000).

    Example:
        >>> x = [0.3]
        >>> for _ in range(3000): x.append(4 * x[-1] * (1 - x[-1]))
        >>> d = kantz(x, dimension=1, delay=1)
        >>> bool(abs(d.exponent.value - np.log(2)) < 0.05)
        True

    Source: [kantz1994].
    """
    x, points, window, length = _prepare(x, dimension, delay, theiler, dt, n_steps, seed)
    n_start = points.shape[0] - length + 1
    reference = spread_indices(n_start, N_KANTZ)
    index, distance = nearest_neighbours(
        points[:n_start], reference, theiler=window, n_neighbours=N_NEIGHBOURS, norm=np.inf
    )
    if radius is None:
        radius = float(np.median(distance[:, 4][np.isfinite(distance[:, 4])]))
    checked_positive(radius, name="radius")
    inside = (distance <= radius) & (index >= 0)
    kept = inside.sum(1) >= 1
    reference, index, inside = reference[kept], index[kept], inside[kept]
    count = inside.sum(1)
    last = points[:, -1]
    floor = max(resolution(x), 1e-12 * float(np.ptp(x)))
    logs = np.empty((length, reference.size))
    across = np.empty(length)
    direction, other = _flow_direction(points), np.maximum(index, 0)
    for k in range(length):
        gap = points[reference + k][:, None] - points[other + k]
        along = np.einsum("ijm,im->ij", gap, direction[reference + k])
        distance = np.sqrt(np.maximum(np.einsum("ijm,ijm->ij", gap, gap) - along**2, 0.0))
        logs[k] = np.log(np.maximum(np.sum(np.abs(gap[..., -1]) * inside, 1) / count, floor))
        across[k] = np.mean(np.log(np.maximum(np.sum(distance * inside, 1) / count, floor)))
    across = across if rice_period(x) >= FLOW_PERIOD else None
    return _read_off(logs, across, last[:, None], x, window, dimension, delay, dt, seed)


def _prepare(
    x: SeriesLike, dimension: int, delay: int, theiler: int | None, dt: float, n_steps: int | None, seed: int
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Checked series, its delay vectors, the Theiler window and the length of the curve."""
    checked_positive(dt, name="dt")
    checked_positive(dimension, name="dimension")
    checked_positive(delay, name="delay")
    x = checked_series(x, n_min=200, n_distinct=20)
    window = theiler_window(x) if theiler is None else theiler
    n_vectors = usable_vectors(x.size, dimension, delay, n_min=200)
    length = max(12, min(8 * window, x.size // 10)) if n_steps is None else n_steps + 1
    usable_vectors(n_vectors, 1, 1, n_min=length + 2 * window + 50)
    return x, delay_vectors(dithered(x, seed=seed), dimension, delay), window, length


def _flow_direction(points: np.ndarray) -> np.ndarray:
    """Unit vector of the velocity at each point."""
    velocity = np.gradient(points, axis=0)
    return velocity / np.maximum(np.linalg.norm(velocity, axis=1, keepdims=True), 1e-300)


def _saturation(points: np.ndarray, window: int, seed: int) -> float:
    """Mean log-distance of pairs drawn at random."""
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, points.shape[0], (2, 20_000))
    far = np.abs(i - j) > window
    gap = np.linalg.norm(points[i[far]] - points[j[far]], axis=1)
    return float(np.mean(np.log(gap[gap > 0])))


def _read_off(
    logs: np.ndarray,
    across: np.ndarray | None,
    points: np.ndarray,
    x: np.ndarray,
    window: int,
    dimension: int,
    delay: int,
    dt: float,
    seed: int,
) -> Divergence:
    """Find the straight stretch of the mean curve and the error of its slope.

    Along a flow distances do not grow: what the slope changes by when that component is taken out (`across`) is a
    systematic error.
    """
    curve = logs.mean(1)
    time = dt * np.arange(curve.size)
    saturation = _saturation(points, window, seed)
    width = round(rice_period(x))
    width = width if 5 <= width <= curve.size // 3 else 1
    mean_time = _running_mean(time, width)
    region, reason = _region(mean_time, _running_mean(curve, width), curve, saturation, width)
    if region is None:
        nothing = Estimate(np.nan, np.inf, 0.0, "no scaling region")
        return Divergence(nothing, False, reason, time, curve, saturation, (np.nan, np.nan), np.nan, dimension, delay)
    blocks = np.stack([_running_mean(part.mean(1), width) for part in np.array_split(logs, N_BLOCKS, axis=1)])
    slopes = slope_between(mean_time, blocks, region.start, region.stop)
    scatter = float(slopes.std(ddof=1) / np.sqrt(N_BLOCKS))
    other = region.slope
    if across is not None:
        other = float(slope_between(mean_time, _running_mean(across, width), region.start, region.stop))
    stderr = math.hypot(scatter, region.bend, region.slope - other)
    exponent = Estimate(region.slope, stderr, float(N_BLOCKS), "slope of the divergence curve")
    fitted = (float(mean_time[region.start]), float(mean_time[region.stop - 1]))
    return Divergence(exponent, True, reason, time, curve, saturation, fitted, region.r2, dimension, delay)


def _running_mean(y: np.ndarray, width: int) -> np.ndarray:
    return np.convolve(y, np.full(width, 1.0 / width), mode="valid") if width > 1 else y


def _region(
    time: np.ndarray, smooth: np.ndarray, curve: np.ndarray, saturation: float, width: int
) -> tuple[ScalingRegion | None, str]:
    """The fitted stretch, or the reason why there is none."""
    way = saturation - curve[0]
    if way < 2 * MARGIN_LEAST:
        return None, f"neighbours start only {way:.1f} nats below saturation: noise, or too few points"
    first = (curve[1] - curve[0]) / way
    if first > JUMP:
        return None, f"the curve makes {100 * first:.0f} % of its way to saturation in one step, as noise does"
    gain = float(smooth.max() - smooth[0]) if width > 1 else float(curve.max() - curve[0])
    if gain < FLAT:
        return None, f"distances grow by {gain:.2f} nats in all: the curve is flat, as for periodic motion"
    margin = min(MARGIN_MOST, max(MARGIN_LEAST, MARGIN_SHARE * way))
    above = np.flatnonzero(smooth > saturation - margin)
    stop = int(above[0]) if above.size else smooth.size
    min_points = max(4, width)
    region = longest_straight_stretch(time[:stop], smooth[:stop], min_points=min_points)
    if region is None:
        return None, f"no straight stretch of {min_points} points that rises by a nat below saturation"
    return region, (
        f"slope {region.slope:.4g} from {time[region.start]:.3g} to {time[region.stop - 1]:.3g}, "
        f"r2 = {region.r2:.4f}, rise {region.rise:.1f} nats of {way:.1f}"
    )
