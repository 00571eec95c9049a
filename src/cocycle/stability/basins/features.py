"""Attractors by features: orbits whose features lie together go to the same attractor."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.progress import Progress
from cocycle.stability.basins.attractors import Attractor
from cocycle.stability.basins.ensemble import Ensemble, advance, record

BATCH = 4096


def mean_and_spread(rows: Float[np.ndarray, "rows D"]) -> Float[np.ndarray, "F"]:
    """Mean and standard deviation of each coordinate: the default features.

    Args:
        rows: states of one orbit.
    """
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0)])


class Features(eqx.Module):
    """Assign by features of the orbit after a transient.

    Features are scaled to the unit interval each; orbits nearer to each other than `radius`, directly or over others,
    form a cluster (single linkage). Needs no cells, so it serves many dimensions.

    Attributes:
        function: from the states of one orbit (rows, D) to numbers (F,).
        n_transient: steps before recording.
        n_rows: states recorded.
        stride: steps between them.
        radius: largest distance of neighbours in a cluster.
        min_share: clusters of a smaller share of all orbits are undecided.
        escape: an orbit this many times farther out than all initial states has diverged.

    Source: [stender2022].
    """

    function: Callable[[Any], Any] = eqx.field(static=True, default=mean_and_spread)
    n_transient: int = 5000
    n_rows: int = 256
    stride: int = 5
    radius: float = 0.05
    min_share: float = 0.002
    escape: float = 1e4


def grouped_by_features(
    ensemble: Ensemble, states: np.ndarray, method: Features, progress: bool | None = None
) -> tuple[np.ndarray, list[Attractor]]:
    """Label initial states by the cluster of the features of their orbits.

    Args:
        ensemble: what moves them.
        states: initial states (n, D).
        method: lengths and radius.
        progress: show a progress bar.

    Returns:
        Labels (n,), -1 diverged, 0 undecided; attractors.

    Raises:
        ShapeError: if the features are not a vector of the same length for all orbits.
        ParameterError: if the radius is not positive.
    """
    if not method.radius > 0:
        raise ParameterError(f"radius must be positive, got {method.radius}.")
    limit = method.escape * max(float(np.abs(states).max()), 1.0)
    features: list[Any] = []
    samples: list[Any] = []
    with Progress(len(states), "features", progress) as bar:
        for a in range(0, len(states), BATCH):
            part = states[a : a + BATCH]
            v = advance(ensemble, jnp.asarray(part), jnp.asarray(method.n_transient))
            rows = np.asarray(record(ensemble, v, method.n_rows, jnp.asarray(method.stride))[0])
            good = np.isfinite(rows).all(axis=(0, 2)) & (np.abs(rows).max(axis=(0, 2)) < limit)
            features += [np.atleast_1d(method.function(rows[:, k])) if g else None for k, g in enumerate(good)]
            samples += [rows[-32:, k] for k in range(len(part))]
            bar.advance(len(part))
    kept = np.array([f is not None for f in features])
    labels = np.where(kept, 0, -1).astype(np.int16)
    if not kept.any():
        return labels, []
    found = [f for f in features if f is not None]
    if len({f.shape for f in found}) != 1 or found[0].ndim != 1:
        raise ShapeError("the features of an orbit must be a vector, of one length for all orbits.")
    group = _clusters(np.stack(found), method.radius)
    names, counts = np.unique(group, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    order = [g for g in order if counts[names == g][0] >= max(1.0, method.min_share * len(states))]
    attractors = []
    rows_kept = np.flatnonzero(kept)
    for label, g in enumerate(order, start=1):
        members = rows_kept[group == g]
        labels[members] = label
        attractors.append(Attractor(label, np.concatenate([samples[k] for k in members[:64]]), 0))
    return labels, attractors


def _clusters(features: np.ndarray, radius: float) -> np.ndarray:
    """Connected components of points nearer than the radius, each feature scaled to [0, 1]."""
    spread = np.ptp(features, axis=0)
    # A feature that is the same for all orbits, up to what is left of the transients, tells nothing.
    size = np.maximum(np.abs(features).max(axis=0), 1e-300)
    scaled = np.where(spread > 1e-6 * size, (features - features.min(axis=0)) / np.maximum(spread, 1e-300), 0.0)
    # Copies count once: pairs grow with the square of their number.
    unique, inverse = np.unique(np.round(scaled / (0.1 * radius)).astype(np.int64), axis=0, return_inverse=True)
    pairs = KDTree(unique * 0.1 * radius).query_pairs(radius, output_type="ndarray")
    n = len(unique)
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return connected_components(links, directed=False)[1][inverse.ravel()]
