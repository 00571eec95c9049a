"""One function over many parameter values: batched in bounded memory, or spread over processes by joblib."""

import os
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.progress import Progress

BATCH_BYTES = 256 * 2**20
BATCH = 256


def sweep(
    function: Callable[[Any], PyTree],
    parameters: PyTree,
    *,
    batch_size: int | None = None,
    n_jobs: int = 1,
    vectorise: bool = True,
    progress: bool | None = None,
) -> PyTree:
    """Apply a function to each row of the parameters, and stack the results.

    With `vectorise` (default) rows are batched by `jax.vmap` and compiled once; the last batch is padded. With
    `n_jobs` other than 1, or inside `joblib.parallel_config(backend=...)`, batches go through joblib: processes on
    one machine, a Dask or a Ray cluster by joblib's own back ends.

    Args:
        function: from one row to any pytree of arrays (a Spectrum, an Estimate, an array ...).
        parameters: array, or pytree of arrays, that share the first axis.
        batch_size: rows computed at once; default as many as keep the results of a batch in 256 MiB, at most 256.
        n_jobs: number of joblib workers; -1 for one per core.
        vectorise: False calls the function row by row, for functions that JAX cannot trace.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        The results of all rows, each leaf with a new first axis.

    Raises:
        ParameterError: if the parameters do not share a first axis.
        ShapeError: if rows give results of different shapes.

    Limits: inside a batch all rows take the time of the slowest; nothing is checked for finiteness: look at the values.

    Example:
        >>> sweep(lambda r: r**2, np.array([1.0, 2.0, 3.0]))
        array([1., 4., 9.])
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(parameters)]
    if len({leaf.shape[:1] for leaf in leaves}) != 1 or leaves[0].ndim == 0 or leaves[0].shape[0] == 0:
        raise ParameterError("parameters must be arrays that share a non-empty first axis, one row per case.")
    rows = jax.tree.map(np.asarray, parameters)
    n = leaves[0].shape[0]
    if not vectorise:
        pieces = [jax.tree.map(lambda leaf, i=i: leaf[i], rows) for i in range(n)]
        return _stacked(_each(function, pieces, n_jobs, progress, 1))
    row = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), rows)
    size = _batch_size(function, row, n, batch_size)
    batches = [jax.tree.map(lambda leaf, a=a: _padded(leaf[a : a + size], size), rows) for a in range(0, n, size)]
    parts = _each(_Batched(function), batches, n_jobs, progress, size)
    return jax.tree.map(lambda *p: np.concatenate(p)[:n] if isinstance(p[0], np.ndarray) else p[0], *parts)


class _Batched:
    """A vectorised, compiled function that survives pickling to another process."""

    def __init__(self, function: Callable[[Any], PyTree]):
        self.function = function
        self._compiled = eqx.filter_jit(eqx.filter_vmap(function))

    def __reduce__(self) -> Any:
        return (_Batched, (self.function,))

    def __call__(self, batch: PyTree) -> PyTree:
        out = self._compiled(jax.tree.map(jnp.asarray, batch))
        return jax.tree.map(lambda leaf: np.asarray(leaf) if eqx.is_array(leaf) else leaf, out)


def _batch_size(function: Callable[[Any], PyTree], row: PyTree, n: int, asked: int | None) -> int:
    if asked is not None:
        if asked < 1:
            raise ParameterError(f"batch_size must be positive, got {asked}.")
        return min(asked, n)
    out = eqx.filter_eval_shape(function, row)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(out) if hasattr(leaf, "dtype"))
    return int(np.clip(BATCH_BYTES // max(size, 1), 1, min(n, BATCH)))


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)]) if len(rows) < size else rows


def _each(function: Callable, pieces: list, n_jobs: int, show: bool | None, weight: int) -> list:
    """Call on each piece, here or through joblib, in order."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    _, active_jobs = get_active_backend()
    out = []
    with Progress(len(pieces) * weight, "sweep", show) as bar:
        if n_jobs == 1 and active_jobs in (None, 1):
            results: Any = map(function, pieces)
        else:
            os.environ.setdefault("JAX_PLATFORMS", jax.default_backend())
            results = Parallel(n_jobs=n_jobs if n_jobs != 1 else None, return_as="generator")(
                delayed(function)(piece) for piece in pieces
            )
        for result in results:
            out.append(result)
            bar.advance(weight)
    return out


def _stacked(parts: list) -> PyTree:
    try:
        return jax.tree.map(lambda *p: np.stack([np.asarray(v) for v in p]), *parts)
    except ValueError as error:
        raise ShapeError(f"rows give results that cannot be stacked: {str(error).splitlines()[0]}") from None
