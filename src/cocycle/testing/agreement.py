"""When do two results count as the same?"""

import dataclasses
import enum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

EPS = float(np.finfo(float).eps)
# Compilers reorder and fuse; a step is some hundred operations, each good to half a unit in the last place.
ROUND_OFF = 1024 * EPS


def require(holds: Any, message: str) -> None:
    """Raise AssertionError with the message unless it holds; kept under `python -O`.

    Raises:
        AssertionError: if it does not hold.
    """
    if not bool(holds):
        raise AssertionError(message)


def numbers_of(result: Any) -> list[np.ndarray]:
    """Arrays that a result holds: pytrees, dataclasses, keys, numbers; texts and functions are left out."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type | eqx.Module):
        result = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
        return [a for value in result.values() for a in numbers_of(value)]
    found = []
    for leaf in jax.tree.leaves(result):
        if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
            found += numbers_of(leaf)
        elif isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            found.append(np.asarray(jax.random.key_data(leaf)))
        elif eqx.is_array_like(leaf) and not isinstance(leaf, enum.Enum):
            found.append(np.asarray(leaf))
    return found


def differ(a: Any, b: Any, *, tolerance: float = 0.0) -> str | None:
    """Say how two results differ, None if they agree.

    Args:
        a: first result.
        b: second result.
        tolerance: allowed difference, relative to the largest number of each array.
    """
    first, second = numbers_of(a), numbers_of(b)
    if len(first) != len(second):
        return f"{len(first)} arrays against {len(second)}"
    for x, y in zip(first, second):
        if x.shape != y.shape or x.dtype != y.dtype:
            return f"{x.dtype}{list(x.shape)} against {y.dtype}{list(y.shape)}"
        if x.size == 0 or np.array_equal(x, y, equal_nan=x.dtype.kind in "fc"):
            continue
        if tolerance == 0.0 or x.dtype.kind not in "fc":
            return f"{_first_difference(x, y)}"
        finite = np.isfinite(x)
        if not np.array_equal(finite, np.isfinite(y)) or not np.array_equal(x[~finite], y[~finite], equal_nan=True):
            return _first_difference(x, y)
        size = float(np.max(np.abs(x[finite])))
        gap = float(np.max(np.abs(x[finite] - y[finite])))
        if gap > tolerance * size:
            return f"{_first_difference(x, y)} (relative difference {gap / size:.2g}, allowed {tolerance:.2g})"
    return None


def _first_difference(x: np.ndarray, y: np.ndarray) -> str:
    i = int(np.argmax(np.ravel(x != y)))
    return f"{np.ravel(x)[i]!r} against {np.ravel(y)[i]!r}"


def layout(tree: Any) -> Any:
    """Structure, shapes and dtypes of a pytree."""
    return jax.tree.structure(tree), [(jnp.shape(a), jnp.result_type(a)) for a in jax.tree.leaves(tree)]


def describe(tree: Any) -> str:
    """Say what arrays a pytree holds."""
    held = ", ".join(f"{jnp.result_type(a)}{list(jnp.shape(a))}" for a in jax.tree.leaves(tree))
    return f"{jax.tree.structure(tree)} of {held or 'nothing'}"
