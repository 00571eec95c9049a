"""From a field to the row that follows: Runge-Kutta steps between two rows."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.steppers import RK4


def follow(field: Callable[..., Any], u: Float[Array, "D"], duration: Any, n_substeps: int) -> Float[Array, "D"]:
    """Follow a field that does not depend on time from one row to the next.

    Args:
        field: f(t, y, args); t and args are not used.
        u: where it starts.
        duration: between two rows, in the unit of the field.
        n_substeps: Runge-Kutta steps in between.
    """
    h = jnp.asarray(duration / n_substeps)
    for _ in range(n_substeps):
        u = RK4().step(field, jnp.zeros(()), u, None, h)
    return u
