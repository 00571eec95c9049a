"""Series steps looked at in hindsight: the next expansion tells the field at the end of the last one for free."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cocycle.steppers.series import hidden

# Time left, what its rounding lost, and the state.
Place = tuple[Any, Any, list[Any]]


class LastStep(NamedTuple):
    """The last step.

    Attributes:
        begin: where it began.
        h: its length; 0 where there is none to be looked at.
        slopes: foretold for its end.
        caution: of the next one.
    """

    begin: Place
    h: Any
    slopes: list[list[Any]]
    caution: hidden.Caution


def no_step(begin: Place, groups: Any) -> LastStep:
    """Return what stands for the last step at the start.

    Args:
        begin: where the solution begins.
        groups: of the coefficients there, for the shapes of slopes.
    """
    zero = jnp.zeros_like(begin[0])
    return LastStep(begin, zero, jax.tree.map(jnp.zeros_like, hidden.found(groups)), hidden.no_caution(zero))


def looked_back(
    last: LastStep, place: Place, groups: Any, order: int, h: Any, misses: Callable[[Any], Any], tol: float
) -> tuple[Any, Place, Any, LastStep]:
    """Say whether to go back, how far this step may go, and what is kept of it.

    Args:
        last: the last step.
        place: where it ended.
        groups: of the coefficients there.
        order: of the polynomials.
        h: length that they allow.
        misses: whether a step from here of a length misses something: asked of the first one, and of the one that ends
            the solution, since no other looks back on it.
        tol: relative precision.

    Returns:
        Whether to go back, where to, the length, and this step as the last one of the next.
    """
    missed = hidden.missed(last.slopes, hidden.found(groups), groups, last.h, tol)
    missed = missed & (last.h != 0) & ~last.caution.ends
    h = last.caution.held(h)
    asks = ((h == place[0]) | last.caution.is_first) & ~missed & ~last.caution.ends
    misses_more = jax.lax.cond(asks, misses, lambda h: jnp.asarray(False), h)
    again = missed | misses_more
    back = jax.tree.map(lambda old, new: jnp.where(missed, old, new), last.begin, place)
    caution = last.caution.after(again, jnp.where(missed, last.h, h))
    return again, back, h, LastStep(place, jnp.where(again, 0.0, h), hidden.foretold(groups, order, h), caution)
