"""Measures of the points of an orbit that the records of the catalogue hold."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import CocycleError
from cocycle.core.estimate import mean_estimate
from cocycle.measures import correlation_dimension, permutation_entropy
from cocycle.steppers import Flow
from cocycle.systems.registry import Entry
from cocycle.systems.texts import texts


def pair(estimate: Any) -> tuple[float, float] | None:
    """Return value and standard error, or None where the value is not finite.

    Args:
        estimate: Estimate.
    """
    value = float(estimate.value)
    return (value, float(estimate.stderr)) if np.isfinite(value) else None


def columns(states: Any) -> np.ndarray:
    """Return states of any structure as rows of numbers.

    Args:
        states: pytree of arrays (n, ...).

    Returns:
        Array (n, D).
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(states)]
    return np.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)


def bounded(entry: Entry, points: np.ndarray) -> np.ndarray:
    """Return points with angles replaced by cosine and sine, each column of unit spread.

    Args:
        entry: the system, whose angles are named.
        points: points (n, D).
    """
    row = texts()[entry.name]
    names = list(row.get("variables", ()))
    wraps = row.get("wraps", [2 * math.pi] * len(entry.angles))
    turn = {names.index(a): w for a, w in zip(entry.angles, wraps, strict=True) if a in names}
    plain = [points[:, i] for i in range(points.shape[1]) if i not in turn]
    circles = [f(2 * math.pi * points[:, i] / w) for i, w in turn.items() for f in (np.cos, np.sin)]
    columns = np.stack([*plain, *circles], axis=1)
    spread = columns.std(axis=0)
    return columns[:, spread > 0] / spread[spread > 0]


def correlation(points: np.ndarray, period: float, spacing: float) -> tuple[float, float] | None:
    """Return the correlation dimension; of one variable, by delay vectors a quarter of a period apart.

    Args:
        points: points (n, D).
        period: dominant period [time].
        spacing: time between two points [time].

    Returns:
        Value and standard error, or None where there is no scaling.
    """
    window = max(1, round(period / spacing))
    x, delay = (points, 1) if points.shape[1] > 1 else (points[:, 0], max(1, window // 4))
    try:
        return pair(correlation_dimension(x, delay=delay, theiler=window).dimension)
    except CocycleError:
        return None


def permutation(points: np.ndarray, period: float, spacing: float) -> tuple[float, float] | None:
    """Return the permutation entropy of order 5 of the first variable, ten points a period.

    Args:
        points: points (n, D).
        period: dominant period [time].
        spacing: time between two points [time].
    """
    every = max(1, round(period / 10 / spacing))
    try:
        return pair(permutation_entropy(points[::every, 0], m=5))
    except CocycleError:
        return None


@eqx.filter_jit
def _rates(flow: Flow, t: Any, points: Any) -> tuple[Any, Any]:
    def one(t: Any, y: Any) -> tuple[Any, Any]:
        slope = flow.field(t, y, flow.args)
        jacobian = jax.jacfwd(lambda y: flow.field(t, y, flow.args))(y)
        return jnp.trace(jacobian), jnp.log(jnp.linalg.norm(slope))

    return jax.lax.map(lambda pair: one(*pair), (t, points), batch_size=256)


def along(flow: Any, times: Any, points: np.ndarray) -> tuple[tuple[float, float], float]:
    """Return the mean divergence of the field along an orbit, with standard error, and the range of log|field|.

    Args:
        flow: Flow.
        times: times (n,).
        points: points (n, D).
    """
    divergence, speed = (np.asarray(a) for a in _rates(flow, jnp.asarray(times), jnp.asarray(points)))
    mean = mean_estimate(divergence)
    return (float(mean.value), float(mean.stderr)), float(np.ptp(speed[np.isfinite(speed)]))
