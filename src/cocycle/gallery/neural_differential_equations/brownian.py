"""Brownian paths as functions of their keys."""

from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.estimate import Estimate


def brownian(n_keys: int, key: Any) -> tuple[float, float, Estimate, Estimate]:
    """Differences between queries, of the same key and of another; variances of the midpoint.

    Args:
        n_keys: paths of which variances are taken.
        key: random key.
    """

    def path(key: Any) -> Any:
        return diffrax.VirtualBrownianTree(0.0, 1.0, tol=2.0**-12, shape=(), key=key)

    times = jax.random.uniform(key, (1000,))
    order = jax.random.permutation(key, 1000)
    query = jax.jit(lambda k, t: jax.vmap(lambda s: path(k).evaluate(0.0, s))(t))
    first = query(key, times)
    second = jnp.zeros(1000).at[order].set(query(key, times[order]))
    other = query(jax.random.fold_in(key, 1), times)
    ends = jax.vmap(lambda k: query(k, jnp.array([0.5, 1.0])))(jax.random.split(key, n_keys))
    gaps = np.asarray(ends[:, 0] - ends[:, 1] / 2)
    same, different = (float(jnp.max(jnp.abs(first - v))) for v in (second, other))
    return same, different, _variance(gaps), _variance(np.asarray(ends[:, 0]))


def _variance(v: np.ndarray) -> Estimate:
    return Estimate(float(np.mean(v**2)), float(np.std(v**2) / np.sqrt(len(v))))
