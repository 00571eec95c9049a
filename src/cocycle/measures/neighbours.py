"""Nearest neighbours in state space that are not neighbours in time."""

import numpy as np
from scipy.spatial import KDTree


def nearest_neighbours(
    points: np.ndarray, reference: np.ndarray, *, theiler: int, n_neighbours: int = 1, norm: float = 2.0
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest points at a positive distance and more than a Theiler window away in time.

    Args:
        points: (n, m), in the order of time.
        reference: (r,) indices of the points whose neighbours are wanted.
        theiler: pairs with |i - j| <= theiler do not count [samples].
        n_neighbours: k.
        norm: order of the Minkowski norm, inf for the largest coordinate.

    Returns:
        indices (r, k), -1 where there are fewer than k, and distances (r, k), inf there.

    Cost: r log n per neighbour looked at; the search is widened only for those points that need it.

    Example:
        >>> nearest_neighbours(np.array([[0.0], [0.1], [0.4], [0.2]]), np.array([0]), theiler=1)[0]
        array([[3]])

    Source: Theiler window [theiler1986].
    """
    tree = KDTree(points)
    n = points.shape[0]
    index = np.full((reference.size, n_neighbours), -1)
    distance = np.full((reference.size, n_neighbours), np.inf)
    pending = np.arange(reference.size)
    width = min(n, n_neighbours + 4)
    while pending.size:
        for part in np.array_split(pending, max(1, pending.size * width // 2_000_000)):
            found, where = tree.query(points[reference[part]], k=width, p=norm)
            good = (np.abs(where - reference[part][:, None]) > theiler) & (found > 0)
            order = np.argsort(~good, axis=1, kind="stable")[:, :n_neighbours]
            kept = np.take_along_axis(good, order, 1)
            index[part] = np.where(kept, np.take_along_axis(where, order, 1), -1)
            distance[part] = np.where(kept, np.take_along_axis(found, order, 1), np.inf)
        if width == n:
            break
        pending = pending[index[pending, -1] < 0]
        width = min(n, 4 * width)
    return index, distance


def spread_indices(n: int, n_most: int) -> np.ndarray:
    """Up to `n_most` indices spread evenly over 0..n-1, in order.

    Args:
        n: how many there are.
        n_most: how many to take at most.

    Returns:
        (min(n, n_most),) indices.

    Example:
        >>> spread_indices(10, 4)
        array([0, 3, 6, 9])
    """
    return np.unique(np.linspace(0, n - 1, min(n, n_most)).round().astype(int))
