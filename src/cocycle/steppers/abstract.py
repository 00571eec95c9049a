"""What a stepper is: a rule that turns a field into one step."""

import abc
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from cocycle.core.system import Field, State, Tangents

if TYPE_CHECKING:  # type checkers know only the plain one
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractStepper(eqx.Module):
    """A rule that advances the solution of `dy/dt = field(t, y, args)` by dt.

    A subclass gives `order` (the error at a fixed time is O(dt^order)) and `step`.
    """

    order: AbstractClassVar[int]

    @abc.abstractmethod
    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance by one step: the result has the structure, shapes and dtypes of y.

        Args:
            field: `field(t, y, args)`, a pytree like y.
            t: time at the start of the step.
            y: state, a pytree of floating arrays.
            args: parameters, handed to the field.
            dt: length of the step.
        """

    def check(self, field: Field, t: Any, y: State, args: Any) -> None:
        """Raise ParameterError or ShapeError where the rule cannot serve this field. Default: it can.

        Args:
            field: the field.
            t: a time.
            y: an initial state.
            args: parameters.
        """


class AbstractTangentStepper(AbstractStepper):
    """A stepper with its own tangent rule, e.g. one error control for state and tangents."""

    @abc.abstractmethod
    def push(self, field: Field, t: Any, y: State, args: Any, dt: Any, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangent vectors by one step.

        Args:
            field: `field(t, y, args)`, a pytree like y.
            t: time at the start of the step.
            y: state.
            args: parameters.
            dt: length of the step.
            V: pytree like y, each leaf with a leading axis K.
        """


def push_step(
    stepper: AbstractStepper, field: Field, t: Any, y: State, args: Any, dt: Any, V: Tangents
) -> tuple[State, PyTree]:
    """Advance a state and K tangents by the derivative of the step, or by the stepper's own rule.

    Args:
        stepper: the rule.
        field: `field(t, y, args)`.
        t: time at the start of the step.
        y: state.
        args: parameters.
        dt: length of the step.
        V: pytree like y, each leaf with a leading axis K.

    Returns:
        The next state and the next tangents.
    """
    if isinstance(stepper, AbstractTangentStepper):
        return stepper.push(field, t, y, args, dt, V)

    def one(v: PyTree) -> tuple[PyTree, PyTree]:
        return jax.jvp(lambda y: stepper.step(field, t, y, args, dt), (y,), (v,))

    return jax.vmap(one, out_axes=(None, 0))(V)
