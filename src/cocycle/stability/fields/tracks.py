"""Finite-time exponents from particle tracks: the gradient of the flow map by least squares over neighbours."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np

from cocycle.core.errors import AccuracyWarning, DataError, InsufficientDataError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.start import count

FLAT = 1e-6


class TrackFtle(eqx.Module, Presentable):
    """Finite-time exponents at scattered places.

    Attributes:
        points: (tracks, d) places at the start.
        values: (tracks,) exponents [nats / time]; NaN where the neighbours do not span the space.
        stderr: (tracks,) their standard errors from the residuals of the fit [same].
        radius: (tracks,) distance of the farthest neighbour used.
        duration: T [time], negative for a backward field.
    """

    points: np.ndarray
    values: np.ndarray
    stderr: np.ndarray
    radius: np.ndarray
    duration: float


def ftle_of_tracks(
    starts: Any,
    ends: Any,
    *,
    duration: int | float,
    n_neighbours: int | None = None,
    periods: Sequence[int | float] | None = None,
) -> TrackFtle:
    r"""Finite-time exponents from where particles were and where they came to, without a velocity.

    $$\min_{a, M} \sum_{j \in N(i)} \bigl|y_j - y_i - a - M (x_j - x_i)\bigr|^2, \qquad
    \Lambda_i = \frac{1}{|T|} \log \sigma_{\max}(M)$$

    Args:
        starts: places at the beginning, (tracks, d) with d 2 or 3.
        ends: places of the same particles after the duration.
        duration: T [time]; negative, with starts and ends as they are, for tracks followed backward.
        n_neighbours: nearest tracks that each fit uses. Default 8 in the plane, 16 in space.
        periods: lengths of a box that closes on itself, one for each component; ends need not be wrapped into it.

    Returns:
        TrackFtle.

    Raises:
        DataError: if the places are not two arrays of the same shape, finite, with 2 or 3 components.
        InsufficientDataError: if there are no more tracks than neighbours.
        ParameterError: if the duration, the number of neighbours or the periods make no sense.

    Accuracy: `stderr` covers noise of the places and curvature of the flow map that looks like noise; across a ridge
        the fit averages, so the ridge is as wide as the neighbourhood.
    Cost: a k-d tree and one small least-squares problem a track.

    Example:
        >>> x = np.random.default_rng(0).uniform(size=(200, 2))
        >>> found = ftle_of_tracks(x, x * [np.e, 1 / np.e], duration=2.0)
        >>> bool(np.allclose(found.values, 0.5))
        True

    Source: [lekien2010].
    """
    x, y = (np.asarray(a, dtype=float) for a in (starts, ends))
    if x.shape != y.shape or x.ndim != 2 or x.shape[1] not in (2, 3):
        raise DataError(f"starts and ends must both be (tracks, 2) or (tracks, 3), got {x.shape} and {y.shape}.")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError("starts and ends hold NaN or infinity; leave out the tracks that are not known at both times.")
    if not math.isfinite(duration) or duration == 0:
        raise ParameterError(f"duration must be finite and not 0, got {duration}.")
    d = x.shape[1]
    k = 8 * (d - 1) if n_neighbours is None else count(n_neighbours, "n_neighbours")
    if k < d + 2:
        raise ParameterError(f"n_neighbours={k} leaves no residual to judge the fit by; take at least {d + 2}.")
    if len(x) <= k:
        raise InsufficientDataError(f"{len(x)} tracks are not more than n_neighbours={k}; take fewer neighbours.")
    box = _box(periods, d)
    near, radius = _neighbours(x, k, box)
    dx, dy = _wrapped(x[near] - x[:, None], box), _wrapped(y[near] - y[:, None], box)
    values, stderr = _fitted(dx, dy)
    lost = int(np.isnan(values).sum())
    if lost:
        warnings.warn(
            f"the neighbours of {lost} tracks lie on a line or a plane, so no gradient follows; their values are NaN.",
            AccuracyWarning,
            stacklevel=2,
        )
    scale = abs(float(duration))
    return TrackFtle(x, values / scale, stderr / scale, radius, float(duration))


def _box(periods: Sequence[int | float] | None, d: int) -> np.ndarray | None:
    if periods is None:
        return None
    box = np.asarray(periods, dtype=float)
    if box.shape != (d,) or not np.all(box > 0):
        raise ParameterError(f"periods must be {d} positive lengths, got {periods!r}.")
    return box


def _neighbours(x: np.ndarray, k: int, box: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import KDTree

    place = x if box is None else np.mod(x, box)
    distance, near = KDTree(place, boxsize=box).query(place, k=k + 1)
    return np.asarray(near), np.asarray(distance)[:, -1]


def _wrapped(difference: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    return difference if box is None else difference - box * np.round(difference / box)


def _fitted(dx: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log of the largest singular value of each fit, and its standard error."""
    m, d = dx.shape[1], dx.shape[2]
    x, y = (a - a.mean(axis=1, keepdims=True) for a in (dx, dy))
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    good = s[:, -1] > FLAT * s[:, 0]
    inverse = np.where(good[:, None], 1 / np.where(good[:, None], s, 1.0), 0.0)
    gradient = np.swapaxes(vt, 1, 2) @ (inverse[:, :, None] * (np.swapaxes(u, 1, 2) @ y))  # (d in, d out)
    noise = np.sum((y - x @ gradient) ** 2, axis=(1, 2)) / (d * (m - d - 1))
    left, sigma, _ = np.linalg.svd(gradient)
    top = left[:, :, 0]  # direction at the start that is stretched most
    spread = np.sum((inverse * np.einsum("nij,nj->ni", vt, top)) ** 2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value, error = np.log(sigma[:, 0]), np.sqrt(noise * spread) / sigma[:, 0]
    return np.where(good, value, np.nan), np.where(good, error, np.nan)
