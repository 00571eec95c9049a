"""Ridges of a field in space, as points of their surfaces."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError
from cocycle.stability.fields.ridges import FLAT, sampled, smoothed

# Normals of the two ends of an edge that are farther apart than 45 degrees belong to different sheets.
ALIKE = 0.7071


class RidgePoints(eqx.Module):
    """Points of ridge surfaces.

    Attributes:
        points: (points, 3) in the units of the axes.
        normals: (points, 3) unit vectors across the surface, of either sign.
        heights: (points,) values of the field.
    """

    points: np.ndarray
    normals: np.ndarray
    heights: np.ndarray

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)


def ridge_points(
    values: Float[np.ndarray, "..."],
    axes: Mapping[str, Any],
    *,
    quantile: int | float = 0.9,
    smoothing: int | float = 1.0,
) -> RidgePoints:
    r"""Points where the edges of a grid cross the surfaces on which a field is largest across.

    $$\nabla f \cdot n = 0, \qquad H n = \lambda_{\min}(H)\, n, \quad \lambda_{\min} < 0$$

    Args:
        values: field on a grid in space; NaN is never on a ridge.
        axes: values along the three axes.
        quantile: share of the field that is too low to be a ridge.
        smoothing: standard deviation of a Gaussian filter [grid cells], 0 for none.

    Returns:
        RidgePoints, one for each crossing.

    Raises:
        ParameterError: if the field is not in space, or an option is out of range.

    Accuracy: second order in the spacing where the field is smooth.
    Limits: points are not joined to surfaces, and one-dimensional ridges in space are not told from the surfaces.

    Example:
        >>> z = np.linspace(-1, 1, 41)
        >>> f = np.exp(-((z - 0.123) ** 2) / 0.02) * np.ones((6, 7, 1))
        >>> found = ridge_points(f, {"x": np.arange(6.0), "y": np.arange(7.0), "z": z}, smoothing=0)
        >>> bool(np.all(abs(found.points[:, 2] - 0.123) < 1e-3)), len(found)
        (True, 42)

    Source: ridges by curvature [eberly1994].
    """
    if np.ndim(values) != 3 or len(axes) != 3 or min(np.shape(values)) < 5:
        raise ParameterError("these ridges are of a field with three axes of at least 5 values; in a plane take lines.")
    if not (0 <= quantile < 1 and smoothing >= 0):
        raise ParameterError("quantile is a fraction from 0 to 1, smoothing at least 0.")
    grid, f = [np.asarray(a, dtype=float) for a in axes.values()], np.asarray(values, dtype=float)
    known = np.isfinite(f)
    if not known.any():
        raise ParameterError("the field is NaN everywhere, so it has no ridges.")
    low = float(np.min(f[known]))
    smooth = smoothed(np.where(known, f, low), known, smoothing)
    high = known & (smooth >= np.quantile(smooth[known], quantile))
    slope, normal, curvature = _shape(smooth, grid, high)
    scale = (float(np.max(f[known])) - low) / min(np.ptp(a) for a in grid) ** 2
    on = high & (curvature < -FLAT * scale)
    places, normals = _crossings(slope, normal, known, on)
    points = [np.interp(places[:, k], np.arange(len(a)), a) for k, a in enumerate(grid)]
    return RidgePoints(np.stack(points, axis=1), normals, sampled(f, places))


def _shape(f: np.ndarray, grid: list[np.ndarray], high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient, direction of the strongest downward curvature, and that curvature; the latter near high places only."""
    from scipy.ndimage import binary_dilation

    def along(a: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.gradient(a, grid[axis], axis=axis, edge_order=2))

    slope = [along(f, axis) for axis in range(3)]
    near = np.asarray(binary_dilation(high), dtype=bool)
    hessian = np.stack([np.stack([along(s, axis)[near] for axis in range(3)]) for s in slope])
    hessian = np.moveaxis((hessian + np.swapaxes(hessian, 0, 1)) / 2, -1, 0)
    value, vector = np.linalg.eigh(hessian)
    normal, curvature = np.zeros((*f.shape, 3)), np.zeros(f.shape)
    normal[near], curvature[near] = vector[:, :, 0], value[:, 0]
    return np.stack(slope, axis=-1), normal, curvature


def _crossings(
    slope: np.ndarray, normal: np.ndarray, known: np.ndarray, on: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Places of sign changes along the edges, in units of the grid, and normals there."""
    places, normals = [], []
    for axis in range(3):
        before = (*(slice(None),) * axis, slice(None, -1))
        after = (*(slice(None),) * axis, slice(1, None))
        n0, n1 = normal[before], normal[after]
        cosine = np.sum(n0 * n1, axis=-1)
        n1 = np.where(cosine < 0, -1.0, 1.0)[..., None] * n1
        d0, d1 = np.sum(slope[before] * n0, axis=-1), np.sum(slope[after] * n1, axis=-1)
        # A zero at a point of the grid counts at the beginning of an edge only.
        both = (on[before] | on[after]) & known[before] & known[after] & (np.abs(cosine) > ALIKE)
        at = np.argwhere(both & ((d0 * d1 < 0) | ((d0 == 0) & (d1 != 0))))
        pick = tuple(at.T)
        share = d0[pick] / (d0[pick] - d1[pick])
        place = at.astype(float)
        place[:, axis] += share
        across = (1 - share)[:, None] * n0[pick] + share[:, None] * n1[pick]
        places.append(place)
        normals.append(across / np.linalg.norm(across, axis=1, keepdims=True))
    return np.concatenate(places), np.concatenate(normals)
