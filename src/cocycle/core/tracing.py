"""What JAX is tracing; and answers that depend on shapes and functions only, found once.

A trace costs milliseconds.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import jax
from jax.core import Tracer

SIZE = 512


def is_traced(*trees: Any) -> bool:
    """Say whether a JAX transformation (jit, vmap, grad) is going over any leaf."""
    return any(isinstance(leaf, Tracer) for tree in trees for leaf in jax.tree.leaves(tree))


def _signature(tree: Any) -> Any:
    leaves, structure = jax.tree.flatten(tree)
    kinds = tuple(
        (leaf.shape, leaf.dtype, leaf.aval.weak_type) if isinstance(leaf, jax.Array) else leaf for leaf in leaves
    )
    return structure, kinds


def once_per_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the results of a function of pytrees that reads only shapes, dtypes and functions, never values.

    Calls that cannot be remembered (unhashable leaves) are simply made; errors are not remembered.

    Args:
        function: from pytrees to any immutable result.

    Returns:
        The same function, with a memory of the last 512 calls.
    """
    memory: OrderedDict[Any, Any] = OrderedDict()

    @functools.wraps(function)
    def remembered(*trees: Any) -> Any:
        signature = _signature(trees)
        try:
            known = signature in memory
        except TypeError:
            return function(*trees)
        if not known:
            memory[signature] = function(*trees)
            if len(memory) > SIZE:
                memory.popitem(last=False)
        return memory[signature]

    return remembered
