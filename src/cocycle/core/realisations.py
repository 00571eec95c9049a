"""Many realisations of one driver: the same law under independent keys."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import DriverError


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def is_random(driver: AbstractDriver) -> bool:
    """Say whether a driver holds a random key.

    Args:
        driver: any driver.

    Example:
        >>> from cocycle.core.drivers import Brownian, Still
        >>> is_random(Brownian(0)), is_random(Still())
        (True, False)
    """
    return any(_is_key(leaf) for leaf in jax.tree.leaves(driver))


def realisations(driver: AbstractDriver, n: int, *, first: int = 0) -> AbstractDriver:
    """Driver with a leading axis of n independent keys in the place of each key, to be mapped over.

    Realisation i depends on i only, so that a larger n continues a smaller one, and batches agree with the whole.

    Args:
        driver: a driver with one random key or several.
        n: number of realisations.
        first: number of the first realisation.

    Returns:
        A driver of the same kind; use it as `jax.vmap(f, in_axes=(realisation_axes(driver), ...))`.

    Raises:
        DriverError: if the driver holds no key, so that all realisations would be equal.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> realisations(Brownian(0), 5).key.shape
        (5,)
    """
    if not is_random(driver):
        raise DriverError(
            f"{type(driver).__name__} holds no random key, so it has one realisation only; "
            "drive with noise, e.g. cocycle.Brownian(jax.random.key(0))."
        )
    numbers = first + jnp.arange(n)

    def leaf(a: Any) -> Any:
        return jax.vmap(lambda i: jr.fold_in(a, i))(numbers) if _is_key(a) else a

    return jax.tree.map(leaf, driver)


def realisation_axes(driver: AbstractDriver) -> Any:
    """Axes to map over of what `realisations` returns: 0 for keys, None for all else.

    Args:
        driver: a driver, one realisation or many.
    """
    return jax.tree.map(lambda a: 0 if _is_key(a) else None, driver)


def chosen_realisations(drivers: AbstractDriver, rows: Any) -> AbstractDriver:
    """Select some of many realisations.

    Args:
        drivers: as `realisations` returns them.
        rows: a slice, or numbers of rows.
    """
    return jax.tree.map(lambda a: a[rows] if _is_key(a) else a, drivers)


def map_rows(function: Callable[..., Any], *trees: Any, n_rows: int, n_workers: int | None = None) -> Any:
    """Call a compiled function on slices of rows, a thread for each core, and join the results.

    XLA runs outside Python's lock, so that the threads keep all cores busy without copies of the process. The slices
    are of equal length (one program is compiled); the last one may overlap its neighbour.

    Args:
        function: from slices of the trees to a pytree of arrays with the rows as first axis.
        *trees: pytrees whose arrays have the rows as first axis; drivers of many realisations are sliced by key.
        n_rows: number of rows.
        n_workers: threads; default the cores this process may use.

    Returns:
        The results of all rows, as NumPy arrays.

    Example:
        >>> map_rows(jnp.square, jnp.arange(5.0), n_rows=5, n_workers=2)
        array([ 0.,  1.,  4.,  9., 16.])
    """
    n_workers = max(1, min(n_rows, n_workers or len(os.sched_getaffinity(0))))
    size = -(-n_rows // n_workers)
    starts = [min(k * size, n_rows - size) for k in range(n_workers)]

    def part(start: int) -> Any:
        rows = slice(start, start + size)
        cut = [
            chosen_realisations(tree, rows)
            if isinstance(tree, AbstractDriver)
            else jax.tree.map(lambda a: a[rows] if eqx.is_array(a) else a, tree)
            for tree in trees
        ]
        return jax.tree.map(lambda a: np.asarray(a) if eqx.is_array(a) else a, function(*cut))

    if n_workers == 1:
        return part(0)
    with ThreadPoolExecutor(n_workers) as pool:
        parts = list(pool.map(part, starts))
    fresh = [k * size - start for k, start in enumerate(starts)]
    return jax.tree.map(
        lambda *p: np.concatenate([a[f:] for a, f in zip(p, fresh, strict=True)]) if eqx.is_array(p[0]) else p[0],
        *parts,
    )
