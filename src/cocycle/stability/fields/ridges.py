"""Ridges of a field on a plane, as lines."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float

from cocycle.core.errors import ParameterError

FLAT = 1e-9


class Ridges(eqx.Module):
    """Ridge lines.

    Attributes:
        lines: one array (points, 2) each, in the units of the axes, the longest first.
        heights: values of the field along each line.
    """

    lines: tuple[np.ndarray, ...]
    heights: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.lines)


def ridge_lines(
    values: Float[np.ndarray, "..."],
    axes: Mapping[str, Any],
    *,
    quantile: int | float = 0.9,
    smoothing: int | float = 1.0,
    min_length: int = 8,
) -> Ridges:
    r"""Lines on which a field is largest in the direction of its strongest downward curvature.

    $$\nabla f \cdot n = 0, \qquad n^\top H n = \lambda_{\min}(H) < 0$$

    Crossings are found on the edges of the grid, with the eigenvectors of both ends turned the same way, by linear
    interpolation, and joined cell by cell.

    Args:
        values: field on a grid; NaN is never on a ridge.
        axes: values along the two axes.
        quantile: share of the field that is too low to be a ridge.
        smoothing: standard deviation of a Gaussian filter [grid cells], 0 for none.
        min_length: least number of points of a line.

    Returns:
        Ridges.

    Raises:
        ParameterError: if the field is not on a plane, or an option is out of range.

    Accuracy: second order in the spacing where the field is smooth.

    Example:
        >>> y = np.linspace(-1, 1, 41)
        >>> f = np.exp(-((y[None, :] - 0.123) ** 2) / 0.02) * np.ones((30, 1))
        >>> line = ridge_lines(f, {"x": np.arange(30.0), "y": y}, smoothing=0).lines[0]
        >>> bool(np.all(abs(line[:, 1] - 0.123) < 1e-3))
        True

    Source: [shadden2005]; ridges by curvature [eberly1994].
    """
    if np.ndim(values) != 2 or len(axes) != 2 or min(np.shape(values)) < 5:
        raise ParameterError("ridge lines need a field with two axes of at least 5 values; of three take ridge_points.")
    if not (0 <= quantile < 1 and smoothing >= 0 and min_length >= 2):
        raise ParameterError("quantile is a fraction from 0 to 1, smoothing at least 0, min_length at least 2.")
    (u, v), f = (np.asarray(a, dtype=float) for a in axes.values()), np.asarray(values, dtype=float)
    known = np.isfinite(f)
    if not known.any():
        raise ParameterError("the field is NaN everywhere, so it has no ridges.")
    low = float(np.min(f[known]))
    smooth = smoothed(np.where(known, f, low), known, smoothing)
    slope, normal, curvature = _shape(smooth, u, v)
    scale = (float(np.max(f[known])) - low) / (min(np.ptp(u), np.ptp(v)) ** 2)
    on = known & (smooth >= np.quantile(smooth[known], quantile)) & (curvature < -FLAT * scale)
    segments = _crossings(slope, normal, on)
    chains = [c for c in _joined(segments) if len(c) >= min_length]
    chains.sort(key=len, reverse=True)
    lines = tuple(np.stack([_at(u, c[:, 0]), _at(v, c[:, 1])], axis=1) for c in chains)
    return Ridges(lines, tuple(sampled(f, c) for c in chains))


def smoothed(f: np.ndarray, known: np.ndarray, width: int | float) -> np.ndarray:
    """Return the field after a Gaussian filter that leaves out what is not known.

    Args:
        f: field.
        known: where it is known.
        width: of the filter [grid cells].
    """
    if width == 0:
        return f
    from scipy.ndimage import gaussian_filter

    weight = gaussian_filter(known.astype(float), width, mode="nearest")
    return np.where(
        known, gaussian_filter(np.where(known, f, 0.0), width, mode="nearest") / np.maximum(weight, 1e-12), f
    )


def _shape(f: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient, direction of the strongest downward curvature, and that curvature."""
    fu, fv = np.gradient(f, u, axis=0, edge_order=2), np.gradient(f, v, axis=1, edge_order=2)
    a, c = np.gradient(fu, u, axis=0, edge_order=2), np.gradient(fv, v, axis=1, edge_order=2)
    b = (np.gradient(fu, v, axis=1, edge_order=2) + np.gradient(fv, u, axis=0, edge_order=2)) / 2
    least = (a + c) / 2 - np.hypot((a - c) / 2, b)
    angle = 0.5 * np.arctan2(2 * b, a - c) + np.pi / 2
    return np.stack([fu, fv], axis=-1), np.stack([np.cos(angle), np.sin(angle)], axis=-1), least


def _crossings(
    slope: Float[np.ndarray, "a b two"], normal: Float[np.ndarray, "a b two"], on: Bool[np.ndarray, "a b"]
) -> np.ndarray:
    """Segments within cells, (segments, 2 ends, 2), in units of the grid."""
    edges = []
    for axis in (0, 1):
        n0, n1 = _ends(normal, axis)
        s0, s1 = _ends(slope, axis)
        same = np.where(np.sum(n0 * n1, axis=-1) < 0, -1.0, 1.0)
        d0, d1 = np.sum(s0 * n0, axis=-1), same * np.sum(s1 * n1, axis=-1)
        both = np.logical_or(*_ends(on, axis)) & (d0 * d1 <= 0) & (d0 != d1)
        share = np.where(both, d0 / np.where(d0 == d1, 1.0, d0 - d1), np.nan)
        i, j = np.meshgrid(*(np.arange(n, dtype=float) for n in share.shape), indexing="ij")
        edges.append(np.stack([i + share * (axis == 0), j + share * (axis == 1)], axis=-1))
    along, across = edges  # edges along the first axis (a - 1, b), along the second (a, b - 1)
    sides = np.stack([along[:, :-1], across[1:], along[:, 1:], across[:-1]], axis=2)
    there = np.isfinite(sides[..., 0])
    for k in range(1, 4):  # a crossing at a corner is on two sides of the cell
        there[:, :, k] &= ~np.any(np.all(sides[:, :, k : k + 1] == sides[:, :, :k], axis=-1), axis=-1)
    cells = np.argwhere(there.sum(axis=2) == 2)  # more than two lines in a cell cannot be told apart
    picks = np.argsort(~there[cells[:, 0], cells[:, 1]], axis=1, kind="stable")[:, :2]
    return sides[cells[:, :1], cells[:, 1:], picks]


def _ends(a: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    return (a[:-1], a[1:]) if axis == 0 else (a[:, :-1], a[:, 1:])


def _joined(segments: np.ndarray) -> list[np.ndarray]:
    """Chains of segments that share ends."""
    points, inverse = np.unique(segments.reshape(-1, 2), axis=0, return_inverse=True)
    pairs = inverse.reshape(-1, 2)
    near: dict[int, list[int]] = {}
    for a, b in pairs:
        near.setdefault(int(a), []).append(int(b))
        near.setdefault(int(b), []).append(int(a))
    chains, used = [], set()
    loose = [p for p, others in near.items() if len(others) == 1]
    for begin in [*loose, *near]:
        if begin in used:
            continue
        chain, at = [begin], begin
        used.add(begin)
        while True:
            following = [p for p in near[at] if p not in used]
            if not following:
                break
            at = following[0]
            used.add(at)
            chain.append(at)
        if len(chain) > 2 and begin in near[at]:
            chain.append(begin)
        chains.append(points[chain])
    return chains


def _at(axis: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.interp(where, np.arange(len(axis)), axis)


def sampled(f: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the field between its points, by linear interpolation.

    Args:
        f: field.
        where: (points, axes) in units of the grid.
    """
    from scipy.ndimage import map_coordinates

    return map_coordinates(np.where(np.isfinite(f), f, 0.0), where.T, order=1)
