"""Boxes that cut a region of state space into finitely many states: a grid, or boxes that follow the points."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.core.errors import DataError, ParameterError

Points = Array | np.ndarray


def checked_points(points: Any, n_dimensions: int | None = None, name: str = "points") -> np.ndarray:
    """Return points as (n, D) floats, or say what is wrong with them.

    Args:
        points: (n, D), or (n,) for D = 1.
        n_dimensions: D that is expected.
        name: how messages call them.

    Raises:
        DataError: if they are no such table of finite numbers.
    """
    x = np.asarray(points)
    if x.dtype.kind not in "biuf":
        raise DataError(f"{name} has dtype {x.dtype}, not real numbers.")
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or not len(x) or (n_dimensions is not None and x.shape[1] != n_dimensions):
        raise DataError(f"{name} has shape {np.shape(points)}; ({'n'}, {n_dimensions or 'D'}) is needed.")
    x = x.astype(float)
    if not np.all(np.isfinite(x)):
        raise DataError(f"{name} holds values that are not finite; drop those rows.")
    return x


class BoxGrid(eqx.Module):
    """A regular grid of boxes.

    Args:
        lower: (D,) lower corner.
        upper: (D,) upper corner.
        n: boxes along each axis, one number or (D,).

    Raises:
        ParameterError: if a corner or a count makes no sense.

    Example:
        >>> grid = BoxGrid([0.0], [1.0], 4)
        >>> grid.index(np.array([[0.1], [0.9], [2.0]])).tolist()
        [0, 3, -1]
    """

    lower: np.ndarray
    upper: np.ndarray
    n: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, lower: Any, upper: Any, n: Any):
        self.lower, self.upper = np.atleast_1d(np.asarray(lower, float)), np.atleast_1d(np.asarray(upper, float))
        counts = np.broadcast_to(np.asarray(n), self.lower.shape)
        if self.lower.shape != self.upper.shape or self.lower.ndim != 1 or not np.all(self.upper > self.lower):
            raise ParameterError(f"corners {lower} and {upper} span no box: upper must exceed lower along every axis.")
        if counts.dtype.kind not in "iu" or counts.min() < 1:
            raise ParameterError(f"n is {n}; boxes along an axis are counted by whole numbers of at least 1.")
        self.n = tuple(int(k) for k in counts)

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return int(np.prod(self.n))

    @property
    def width(self) -> Float[np.ndarray, "D"]:
        """Widths of a box (D,)."""
        return (self.upper - self.lower) / np.asarray(self.n)

    @property
    def centres(self) -> Float[np.ndarray, "boxes D"]:
        """Centres (boxes, D); the last axis varies fastest."""
        axes = [self.lower[k] + (np.arange(n) + 0.5) * self.width[k] for k, n in enumerate(self.n)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(self.n))

    @property
    def volumes(self) -> Float[np.ndarray, "boxes"]:
        """Volumes (boxes,)."""
        return np.full(self.n_boxes, float(np.prod(self.width)))

    def index(self, points: Points) -> Int[np.ndarray, "points"]:
        """Return the number of the box of each point, -1 outside.

        Args:
            points: (n, D).
        """
        x = checked_points(points, len(self.n))
        cell = np.floor((x - self.lower) / self.width).astype(int)
        cell = np.where(x == self.upper, cell - 1, cell)  # the upper face belongs to the last box
        good = np.all((cell >= 0) & (cell < np.asarray(self.n)), axis=1)
        return np.where(good, np.ravel_multi_index(tuple(np.clip(cell, 0, np.asarray(self.n) - 1).T), self.n), -1)

    def sample(self, n_per_box: int, *, seed: int = 0) -> Float[np.ndarray, "points D"]:
        """Draw points uniformly in every box, box after box.

        Args:
            n_per_box: points in each box.
            seed: of the draw.
        """
        u = np.random.default_rng(seed).uniform(-0.5, 0.5, (self.n_boxes, n_per_box, len(self.n)))
        return (self.centres[:, None, :] + u * self.width).reshape(-1, len(self.n))


class AdaptiveBoxes(eqx.Module):
    """Boxes that are halved, along their longest axis, until each holds few enough of the given points.

    Empty halves stay as large as they are, so that boxes are small where the points are many.

    Args:
        points: (n, D) points to follow.
        most: points that a box may hold.
        max_depth: halvings of one box at most.

    Raises:
        DataError: if the points cannot be used.
        ParameterError: if a count makes no sense.

    Example:
        >>> boxes = AdaptiveBoxes(np.array([[0.0], [0.1], [0.2], [1.0]]), most=1)
        >>> boxes.index(np.array([[0.05], [0.95]])).tolist()
        [0, 4]
    """

    lows: np.ndarray
    highs: np.ndarray
    axis: np.ndarray
    cut: np.ndarray
    child: np.ndarray
    leaf: np.ndarray

    def __init__(self, points: Points, *, most: int = 50, max_depth: int = 40):
        x = checked_points(points)
        if most < 1 or max_depth < 1:
            raise ParameterError(f"most={most} and max_depth={max_depth} must be at least 1.")
        low, high = x.min(axis=0), x.max(axis=0)
        pad = 1e-9 * np.where(high > low, high - low, 1.0)
        scale = np.where(high > low, high - low, 1.0)
        lows, highs, axis, cut, child, leaf = [], [], [], [], [], []
        stack = [(low - pad, high + pad, np.arange(len(x)), 0, -1, 0)]
        while stack:
            low, high, rows, depth, parent, side = stack.pop()
            node = len(axis)
            if parent >= 0:
                child[parent][side] = node
            axis.append(-1)
            cut.append(0.0)
            child.append([-1, -1])
            leaf.append(-1)
            if len(rows) <= most or depth >= max_depth:
                leaf[node] = len(lows)
                lows.append(low)
                highs.append(high)
                continue
            k = int(np.argmax((high - low) / scale))
            middle = 0.5 * (low[k] + high[k])
            axis[node], cut[node] = k, middle
            left = x[rows, k] < middle
            upper, lower = high.copy(), low.copy()
            upper[k] = lower[k] = middle
            stack.append((lower, high, rows[~left], depth + 1, node, 1))
            stack.append((low, upper, rows[left], depth + 1, node, 0))
        self.lows, self.highs = np.asarray(lows), np.asarray(highs)
        self.axis, self.cut, self.child, self.leaf = (np.asarray(v) for v in (axis, cut, child, leaf))

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return len(self.lows)

    @property
    def centres(self) -> Float[np.ndarray, "boxes D"]:
        """Centres (boxes, D)."""
        return 0.5 * (self.lows + self.highs)

    @property
    def volumes(self) -> Float[np.ndarray, "boxes"]:
        """Volumes (boxes,)."""
        return np.prod(self.highs - self.lows, axis=1)

    def index(self, points: Points) -> Int[np.ndarray, "points"]:
        """Return the number of the box of each point, -1 outside.

        Args:
            points: (n, D).
        """
        x = checked_points(points, self.lows.shape[1])
        node = np.zeros(len(x), dtype=int)
        while True:
            inner = self.axis[node] >= 0
            if not inner.any():
                break
            k = np.maximum(self.axis[node], 0)
            right = (x[np.arange(len(x)), k] >= self.cut[node]).astype(int)
            node = np.where(inner, self.child[node, right], node)
        out = self.leaf[node]
        good = np.all((x >= self.lows[out]) & (x <= self.highs[out]), axis=1)
        return np.where(good, out, -1)

    def sample(self, n_per_box: int, *, seed: int = 0) -> Float[np.ndarray, "points D"]:
        """Draw points uniformly in every box, box after box.

        Args:
            n_per_box: points in each box.
            seed: of the draw.
        """
        u = np.random.default_rng(seed).uniform(size=(self.n_boxes, n_per_box, self.lows.shape[1]))
        width = (self.highs - self.lows)[:, None, :]
        return (self.lows[:, None, :] + u * width).reshape(-1, self.lows.shape[1])
