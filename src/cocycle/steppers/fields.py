"""Fields and what flows they make: float leaves, shape checks at trace time, dependence on time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.interpreters import partial_eval

from cocycle.core.errors import DriverError, ShapeError
from cocycle.core.system import Field, State
from cocycle.core.tracing import once_per_shape


def floating_state(y: Any) -> State:
    """Turn what a user gives as a state into floating arrays; integers become floats.

    Args:
        y: pytree of numbers or arrays.

    Raises:
        ShapeError: if a leaf is not a number or an array of numbers.
    """

    def leaf(a: Any) -> Any:
        if not eqx.is_array_like(a):
            raise ShapeError(f"a state is made of numbers and arrays, got {type(a).__name__}; convert it to an array.")
        a = jnp.asarray(a)
        return a if jnp.issubdtype(a.dtype, jnp.inexact) else a.astype(float)

    # A list of numbers is meant as a vector; nested states are tuples, dicts and modules.
    if isinstance(y, list):
        y = jnp.asarray(y, dtype=float)
    return jax.tree.map(leaf, y)


def describe(y: Any) -> str:
    """Say what shapes a pytree has, for messages.

    Args:
        y: pytree of arrays or numbers.
    """
    shapes = jax.tree.map(lambda a: jnp.shape(a), y)
    return f"shape {shapes}" if isinstance(y, jax.Array) or not isinstance(y, list | tuple | dict) else f"{shapes}"


def like_state(slope: Any, y: State, what: str = "the field") -> State:
    """Check, at trace time, that a result has the structure, shapes and dtypes of the state.

    Args:
        slope: what the field returned.
        y: the state that it was given.
        what: its name in the message.

    Returns:
        The result, with the dtypes of the state.

    Raises:
        ShapeError: if it differs in structure or shape, or is complex where the state is real.
    """
    if jax.tree.structure(slope) != jax.tree.structure(y):
        raise ShapeError(
            f"{what} returned {describe(slope)} for a state of {describe(y)}; "
            "return the same structure as the state (for a vector: jnp.stack([...]))."
        )

    def leaf(k: Any, a: Any) -> Any:
        if jnp.shape(k) != jnp.shape(a):
            raise ShapeError(
                f"{what} returned shape {jnp.shape(k)} for a state of shape {jnp.shape(a)}; the two must be equal."
            )
        if jnp.iscomplexobj(k) and not jnp.iscomplexobj(a):
            raise ShapeError(f"{what} returned complex numbers for a real state; start from a complex state.")
        return jnp.asarray(k, dtype=jnp.result_type(a))

    return jax.tree.map(leaf, slope, y)


class CheckedField(eqx.Module):
    """A field whose results of the wrong shape are refused, at trace time, so at no cost when it runs.

    Args:
        field: `field(t, y, args)`.
    """

    field: Field

    def __call__(self, t: Any, y: State, args: Any) -> State:
        """Return the slope, with the structure, shapes and dtypes of y."""
        return like_state(self.field(t, y, args), y)


@once_per_shape
def depends_on_time(field: Field, y: State, args: Any) -> bool:
    """Return whether the result of the field depends on t, by tracing it.

    Args:
        field: `field(t, y, args)`.
        y: a state.
        args: parameters.
    """
    jaxpr = jax.make_jaxpr(lambda t: field(t, y, args))(jnp.zeros(())).jaxpr
    _, used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return used[0]


def time_of(w: Any) -> Any:
    """Return the time at the start of a step from its drive: None means 0.

    Args:
        w: drive of `Clock` or `Still`.

    Raises:
        DriverError: if the drive is neither None nor one number.
    """
    if w is None:
        return jnp.zeros(())
    if not eqx.is_array_like(w) or jnp.shape(w) != ():
        raise DriverError("a flow is driven by its time: use cocycle.Clock(dt), or cocycle.Still() at t = 0.")
    return jnp.asarray(w, dtype=float)
