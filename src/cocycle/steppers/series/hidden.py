"""What a polynomial cannot see: the field at the end of a step is compared with the slope that was foretold.

Far from its middle a steep tanh is one to more digits than there are, and so are its coefficients: nothing tells of the
switch ahead, and a step as long as the coefficients allow goes across it as if it were not there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cocycle.steppers.series.control import largest, reduced
from cocycle.steppers.series.line import evaluate, scaled
from cocycle.steppers.series.recorder import Ref

# Functions whose far side may be below rounding; a quotient, for powers that saturate.
HIDING = frozenset({"exp", "exp2", "expm1", "tanh", "logistic", "erf", "erfc", "sinh", "cosh", "div"})
# Least difference that is looked at, relative to the state: slopes have roundings of their own.
LEAST, TIMES_TOL = 1e-11, 100.0
# Halvings after which a step is taken as it is: the field jumps, or has no value.
MAX_HALVINGS = 60
# What switches on and off again within a step is not seen at its end. So each step is at most so much longer than the
# one before, and one that has none before it is looked at in several places: only a pulse shorter than half of the
# quiet before it, or than a quarter of a first step, is passed over.
GROWTH, LOOKS = 1.5, 4


def may_hide(instructions: Sequence[Any]) -> bool:
    """Say whether a field has functions that hide what lies ahead.

    Args:
        instructions: of its program.
    """
    return any(i.name in HIDING and not (i.name == "div" and not isinstance(i.inputs[1], Ref)) for i in instructions)


class Caution(NamedTuple):
    """How far a step may go.

    Attributes:
        cap: most that it may go; infinite for the first one.
        tries: how often it was shortened.
    """

    cap: Any
    tries: Any

    @property
    def is_first(self) -> Any:
        """Whether there is no step before this one."""
        return jnp.isinf(self.cap)

    def held(self, h: Any) -> Any:
        """Return the length that may be tried.

        Args:
            h: length that the coefficients allow.
        """
        return jnp.where(jnp.abs(h) > self.cap, jnp.copysign(self.cap, h), h)

    def after(self, missed: Any, h: Any) -> "Caution":
        """Return the caution of the step after one that missed something, or did not.

        Args:
            missed: whether it did, so that it is tried again.
            h: its length.
        """
        h = jnp.abs(h)
        return Caution(jnp.where(missed, 0.5 * h, GROWTH * h), jnp.where(missed, self.tries + 1, 0))

    @property
    def ends(self) -> Any:
        """Whether it was shortened often enough."""
        return self.tries >= MAX_HALVINGS


def no_caution(h: Any) -> Caution:
    """Return the caution of a first step.

    Args:
        h: of the dtype of a length.
    """
    return Caution(jnp.full_like(h, jnp.inf), jnp.asarray(0))


def foretold(groups: Sequence[Any], order: int, h: Any) -> list[list[Any]]:
    """Return the slopes of polynomials at h, group by group.

    Args:
        groups: of the state, as `step_length` takes them; those of tangents are left out.
        order: of the polynomials.
        h: where.
    """
    return [[_slope(part, order, h) for part in parts] for parts, _, is_tangent in groups if not is_tangent]


def found(groups: Sequence[Any]) -> list[list[Any]]:
    """Return the slopes at the start of polynomials: the field itself.

    Args:
        groups: as for `foretold`.
    """
    return [[part[1] for part in parts] for parts, _, is_tangent in groups if not is_tangent]


def missed(expected: list[list[Any]], seen: list[list[Any]], groups: Sequence[Any], h: Any, tol: float) -> Any:
    """Say whether something was missed: slopes times h differ by more than the tolerance explains.

    Args:
        expected: slopes that were foretold for the end of a step.
        seen: slopes there.
        groups: of the state at its start or end, for its size.
        h: length of the step.
        tol: relative precision.
    """
    allowed, something = max(TIMES_TOL * tol, LEAST), jnp.asarray(False)
    states = [parts for parts, _, is_tangent in groups if not is_tangent]
    for before, after, parts in zip(expected, seen, states, strict=True):
        gap = largest([reduced(a - b, 0) for a, b in zip(before, after, strict=True)])
        size = jnp.maximum(1.0, largest([reduced(part[0], 0) for part in parts]))
        # What is not a number was missed too.
        something = something | ~(jnp.abs(h) * gap <= allowed * size)
    return jax.lax.stop_gradient(something)


def _slope(part: list[Any], order: int, h: Any) -> Any:
    return evaluate([scaled(part[k], k) for k in range(1, order + 1)], order - 1, h)
