"""The stretch of a curve that is a straight line: one stated rule for divergence curves."""

import dataclasses

import numpy as np

MIN_POINTS = 4
MAX_STARTS = 60


@dataclasses.dataclass(frozen=True, eq=False)
class ScalingRegion:
    """A straight stretch of a curve.

    Attributes:
        start: index of its first point.
        stop: index after its last point.
        slope: of the least-squares line.
        bend: half the difference of the slopes of its two halves: how far from straight it is.
        r2: fraction of variance that the line explains.
        rise: slope times length of the abscissa.
    """

    start: int
    stop: int
    slope: float
    bend: float
    r2: float
    rise: float


def longest_straight_stretch(
    t: np.ndarray,
    y: np.ndarray,
    *,
    min_points: int = MIN_POINTS,
    min_rise: float = 1.0,
    min_r2: float = 0.98,
    max_bend: float = 0.15,
) -> ScalingRegion | None:
    """Stretch with the largest rise among those that are straight.

    Straight means: the line explains at least `min_r2` of the variance, and the slopes of the two halves differ from
    the slope of the whole by at most `max_bend` of it (a curve like log t fails here, though its r2 is high).

    Args:
        t: (n,) abscissa, increasing.
        y: (n,) curve.
        min_points: least number of points.
        min_rise: least rise of the line.
        min_r2: least explained variance.
        max_bend: largest relative bend.

    Returns:
        the region, or None if there is none.

    Cost: some 60 n fits of fixed cost.

    Example:
        >>> t = np.arange(10.0)
        >>> region = longest_straight_stretch(t, np.minimum(t, 5.0))
        >>> region.start, region.stop, round(region.slope, 6)
        (0, 6, 1.0)
    """
    moments = np.cumsum(np.vstack([np.ones_like(t), t, y, t * t, t * y, y * y]), axis=1)
    moments = np.hstack([np.zeros((6, 1)), moments])
    best: ScalingRegion | None = None
    stride = max(1, t.size // MAX_STARTS)
    for start in range(0, t.size - min_points + 1, stride):
        stop = np.arange(start + min_points, t.size + 1)
        middle = (start + stop) // 2
        slope, r2 = _fit(moments, np.full_like(stop, start), stop)
        first, _ = _fit(moments, np.full_like(stop, start), middle + 1)
        second, _ = _fit(moments, middle, stop)
        bend = 0.5 * np.abs(first - second)
        rise = slope * (t[stop - 1] - t[start])
        straight = (r2 >= min_r2) & (bend <= max_bend * slope) & (rise >= min_rise)
        if straight.any():
            k = int(np.where(straight, rise, -np.inf).argmax())
            if best is None or rise[k] > best.rise:
                numbers = (float(v[k]) for v in (slope, bend, r2, rise))
                best = ScalingRegion(start, int(stop[k]), *numbers)
    return best


def slope_between(t: np.ndarray, y: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Least-squares slope over a given stretch, along the last axis.

    Args:
        t: (n,) abscissa.
        y: (..., n) curves.
        start: first index.
        stop: index after the last.

    Returns:
        (...) slopes.

    Example:
        >>> float(slope_between(np.arange(4.0), 2 * np.arange(4.0), 0, 4))
        2.0
    """
    offset = t[start:stop] - t[start:stop].mean()
    return np.asarray(y[..., start:stop] @ offset / (offset @ offset))


def _fit(moments: np.ndarray, start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, t, y, tt, ty, yy = moments[:, stop] - moments[:, start]
    vt, vy, c = tt - t * t / n, yy - y * y / n, ty - t * y / n
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(vt > 0, c / vt, 0.0)
        r2 = np.where(vy > 1e-300, c * c / (vt * vy), 0.0)
    return slope, r2
