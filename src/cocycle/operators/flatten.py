"""Parameters as one vector, and means over data that does not fit at once."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError


def check_params(params: Any) -> Any:
    """Refuse parameters that have no derivative; numbers become arrays (but not the settings inside a module).

    Args:
        params: pytree of parameters.

    Returns:
        The same with arrays.

    Raises:
        ParameterError: if a numeric leaf is an integer or complex, or nothing is left to differentiate.
    """
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        if not eqx.is_array_like(leaf) or isinstance(leaf, bool):
            continue
        dtype = jnp.result_type(leaf)
        allowed = (jnp.floating, jnp.bool_, jax.dtypes.prng_key)
        if any(jnp.issubdtype(dtype, kind) for kind in allowed) or _is_setting(path, leaf):
            continue
        name = jax.tree_util.keystr(path) or "params"
        raise ParameterError(
            f"the parameter {name} is {dtype}, which has no derivative; make it a float, or leave it out of the "
            "parameters (a static field, or data)."
        )
    params = jax.tree.map(_as_arrays, params, is_leaf=_is_module)
    if not any(leaf.size for leaf in jax.tree.leaves(eqx.filter(params, eqx.is_inexact_array))):
        raise ParameterError("there are no floating parameters to differentiate; give a pytree of float arrays.")
    return params


def _is_module(node: Any) -> bool:
    return isinstance(node, eqx.Module)


def _as_arrays(node: Any) -> Any:
    """Numbers and numpy arrays as arrays; the numbers inside a module (a dropout rate) are settings."""
    if _is_module(node):
        return jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, node)
    return jnp.asarray(node) if eqx.is_inexact_array_like(node) else node


def _is_setting(path: Any, leaf: Any) -> bool:
    """Say whether a leaf is a plain number inside a module."""
    inside = any(isinstance(step, jax.tree_util.GetAttrKey) for step in path)
    return inside and not isinstance(leaf, np.ndarray | jax.Array)


def n_parameters(params: Any) -> int:
    """Number of floating parameters, P.

    Args:
        params: pytree of parameters.

    Example:
        >>> n_parameters({"w": jnp.ones((2, 3)), "b": jnp.ones(3)})
        9
    """
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(params, eqx.is_inexact_array)))


def flatten(params: Any) -> tuple[Float[Array, "P"], Callable[[Any], Any]]:
    """Floating parameters as one vector, and the way back.

    Args:
        params: pytree of parameters; leaves that are not floating are kept as they are.

    Returns:
        (P,) vector and a function from such a vector to a pytree like `params`.

    Example:
        >>> theta, back = flatten({"w": jnp.array([1.0, 2.0]), "activation": "tanh"})
        >>> back(2 * theta)["w"].tolist(), back(theta)["activation"]
        ([2.0, 4.0], 'tanh')
    """
    moving, rest = eqx.partition(params, eqx.is_inexact_array)
    theta, unravel = ravel_pytree(moving)

    def back(vector: Any) -> Any:
        return eqx.combine(unravel(jnp.asarray(vector).astype(theta.dtype)), rest)

    return theta, back


def n_samples(batch: Any) -> int:
    """Length of the first axis that all arrays of a batch share.

    Args:
        batch: pytree of arrays, samples along the first axis.

    Raises:
        ShapeError: if there is no such axis.
    """
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batch) if eqx.is_array_like(leaf)}
    if len(lengths) != 1 or lengths == {()}:
        raise ShapeError(
            f"the arrays of a batch must share a first axis of samples, got lengths {sorted(map(str, lengths))}."
        )
    n = lengths.pop()[0]
    if n == 0:
        raise ShapeError("the batch has no samples; give at least one.")
    return n


def mean_over(batch: Any, chunk: int | None, contribution: Callable[[Any], Any]) -> Any:
    """Mean over samples of what chunks of them contribute, one chunk in memory at a time.

    Args:
        batch: pytree of arrays, samples along the first axis.
        chunk: samples at a time; None takes all.
        contribution: from a part of the batch to its own mean, any pytree of arrays.
    """
    n = n_samples(batch)
    if chunk is None or chunk >= n:
        return contribution(batch)
    n_full, rest = divmod(n, chunk)
    head = jax.tree.map(lambda a: a[: n_full * chunk].reshape((n_full, chunk, *a.shape[1:])), batch)

    def one(total: Any, part: Any) -> tuple[Any, None]:
        return jax.tree.map(lambda t, c: t + c * (chunk / n), total, contribution(part)), None

    shapes = jax.eval_shape(contribution, jax.tree.map(lambda a: a[0], head))
    total, _ = jax.lax.scan(one, jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes), head)
    if rest:
        last = contribution(jax.tree.map(lambda a: a[n_full * chunk :], batch))
        total = jax.tree.map(lambda t, c: t + c * (rest / n), total, last)
    return total
