"""Transfer operators from pairs of points, and the chain on the points of one trajectory."""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from cocycle.core.chain import MarkovChain
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.measures.boxes import AdaptiveBoxes, BoxGrid, Points, checked_points

sp: Any = scipy.sparse  # its stubs know neither sparse arrays nor their attributes


class TransferOperator(eqx.Module):
    """Ulam's approximation of the transfer operator of a system.

    Attributes:
        chain: Markov chain on the boxes that are kept; its `points` are their centres.
        boxes: numbers of those boxes.
        n_left: pairs that left the region, or the boxes kept.
        n_pairs: pairs in all.
    """

    chain: MarkovChain
    boxes: Int[np.ndarray, "states"]
    n_left: int
    n_pairs: int


def transfer_operator(
    start: Points, end: Points, boxes: BoxGrid | AdaptiveBoxes, *, dt: float = 1.0, closed: bool = True
) -> TransferOperator:
    r"""Ulam's transfer operator: which share of a box goes where.

    $$P_{ij} = \frac{\#\{k : x_k \in B_i,\ y_k \in B_j\}}{\#\{k : x_k \in B_i,\ y_k \in \cup B\}}$$

    Args:
        start: (n, D) points: samples of the boxes (`boxes.sample`), or the states of an orbit.
        end: (n, D) their images after dt, e.g. by `stability.random.images`, or the orbit shifted by one sample.
        boxes: partition of the region.
        dt: time between start and end [time].
        closed: keep only the largest set of boxes that reach each other, so that the stationary law is unique.

    Returns:
        TransferOperator, whose chain is a System driven by `Keys`, and goes into all measures of `measures.markov`.

    Raises:
        DataError: if the points cannot be used.
        InsufficientDataError: if no pair stays within the boxes.

    Accuracy: boxes act as noise of their own width. Sampling error: `resampled` in `measures.markov`.
    Limits: a trajectory must be long enough to fill the boxes; boxes grow exponentially in number with D.

    Example:
        >>> x = np.random.default_rng(0).uniform(size=(20_000, 1))
        >>> doubled = transfer_operator(x, 2 * x % 1, BoxGrid([0.0], [1.0], 4))
        >>> np.round(doubled.chain.transition_matrix.toarray()[0], 1).tolist()
        [0.5, 0.5, 0.0, 0.0]

    Source: [ulam1960]; adaptive boxes [dellnitz1999].
    """
    x, y = checked_points(start, name="start"), checked_points(end, name="end")
    if x.shape != y.shape:
        raise DataError(f"start has shape {x.shape}, end {y.shape}; each point needs its image.")
    i, j = boxes.index(x), boxes.index(y)
    inside = (i >= 0) & (j >= 0)
    counts = sp.csr_array((np.ones(inside.sum()), (i[inside], j[inside])), shape=(boxes.n_boxes, boxes.n_boxes))
    counts.sum_duplicates()
    keep = _recurrent(counts) if closed else _never_dead(counts)
    if not keep.size:
        raise InsufficientDataError(
            "no pair of points stays within the boxes; take a larger region, larger boxes or more points."
        )
    kept = sp.csr_array(counts[keep][:, keep])
    matrix = sp.csr_array(sp.diags_array(1.0 / np.asarray(kept.sum(axis=1)).ravel()) @ kept)
    chain = MarkovChain(matrix, dt=dt, points=boxes.centres[keep], counts=kept, name="transfer operator")
    return TransferOperator(chain, keep, len(x) - int(kept.sum()), len(x))


def _recurrent(counts: Any) -> np.ndarray:
    """Boxes of the strongly connected set that holds most of the counts."""
    _, label = connected_components(counts, directed=True, connection="strong")
    entries = counts.tocoo()
    within = label[entries.row] == label[entries.col]
    weight = np.bincount(label[entries.row[within]], entries.data[within], minlength=label.max() + 1)
    return np.flatnonzero(label == np.argmax(weight)) if weight.any() else np.zeros(0, dtype=int)


def _never_dead(counts: Any) -> np.ndarray:
    """Boxes that are left by some pair, again and again without those that are not."""
    keep = np.arange(counts.shape[0])
    while keep.size:
        alive = np.asarray(counts[keep][:, keep].sum(axis=1)).ravel() > 0
        if alive.all():
            break
        keep = keep[alive]
    return keep


def trajectory_chain(
    points: Points,
    *,
    sigma: float | Float[Array | np.ndarray, "D"],
    dt: float,
    n_draws: int = 8,
    seed: int = 0,
    variables: tuple[str, ...] | None = None,
) -> MarkovChain:
    r"""The chain on the points of one noise-free trajectory: what noise would do, without simulating it.

    From X_i go to X_{i+1}, add noise of size sigma sqrt(dt), snap to the nearest point of the trajectory. Probabilities
    are shares of `n_draws` draws for each point. With sigma = 0 the chain is the trajectory itself, closed to a ring.

    Args:
        points: (n, D) states of a trajectory on its attractor, dt apart.
        sigma: strength of the noise, one number or (D,) [state / sqrt(time)].
        dt: time between points [time].
        n_draws: draws of the noise for each point.
        seed: of the draws.
        variables: names of the coordinates.

    Returns:
        MarkovChain whose states are the points.

    Raises:
        DataError: if the points cannot be used.
        ParameterError: if sigma is negative, or a count or dt is not positive.

    Limits: noise moves along the directions in which the attractor is dense; nearest points are nearest in the given
        units, so coordinates should be of comparable size.
    Cost: n n_draws queries of a k-d tree.

    Example:
        >>> ring = np.stack([np.cos(np.arange(7.0)), np.sin(np.arange(7.0))], axis=1)
        >>> trajectory_chain(ring, sigma=0.0, dt=1.0).transition_matrix.nnz
        7

    Source: [schoeller2026].
    """
    x = checked_points(points)
    strength = np.asarray(sigma, dtype=float)
    if not np.all(np.isfinite(strength)) or np.any(strength < 0) or strength.shape not in ((), (x.shape[1],)):
        raise ParameterError(f"sigma is {sigma}; one number or ({x.shape[1]},), finite and not negative.")
    if n_draws < 1 or not dt > 0:
        raise ParameterError(f"n_draws={n_draws} and dt={dt} must be positive.")
    n = len(x)
    if not strength.any():
        n_draws = 1
    noise = np.random.default_rng(seed).normal(size=(n, n_draws, x.shape[1])) * strength * np.sqrt(dt)
    image = (np.roll(x, -1, axis=0)[:, None, :] + noise).reshape(-1, x.shape[1])
    if strength.any():
        target = KDTree(x).query(image, workers=-1)[1]
    else:
        target = np.roll(np.arange(n), -1)
    rows = np.repeat(np.arange(n), n_draws)
    counts = sp.csr_array((np.ones(n * n_draws), (rows, target)), shape=(n, n))
    counts.sum_duplicates()
    matrix = sp.csr_array(counts / n_draws)
    return MarkovChain(matrix, dt=dt, points=x, counts=counts, name="trajectory chain", variables=variables)
