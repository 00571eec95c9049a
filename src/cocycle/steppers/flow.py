"""Flow: a field and a stepper make a system."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractTangentSystem, Drive, Field, State, Tangents, parameter_leaves, positive_time
from cocycle.core.tracing import once_per_shape
from cocycle.steppers.abstract import AbstractStepper, push_step
from cocycle.steppers.fields import CheckedField, depends_on_time, floating_state, like_state, time_of
from cocycle.steppers.runge_kutta import RK4


class Flow(AbstractTangentSystem):
    r"""The flow of a field over one step.

    $$\dot y = f(t, y, \theta), \qquad y(t) \mapsto y(t + \Delta t)$$

    Args:
        field: `field(t, y, args)` as in diffrax, a pytree like y; may be a module with its own parameters.
        args: parameters, leaves: a new value does not compile again.
        dt: time that one step takes.
        x0: default initial state.
        stepper: rule of one step.
        name: what to call the system.
        variables: names of the components.

    Raises:
        ParameterError: if dt is not a positive number, or the stepper cannot serve the field.
        ShapeError: if the field does not return the shape of x0.

    Accuracy: the order of the stepper; tangents are the derivative of the step that is taken.

    Example:
        >>> decay = Flow(lambda t, y, args: -args * y, 2.0, dt=0.1, x0=1.0)
        >>> round(float(decay.step(decay.x0, None)), 6)
        0.818733
    """

    field: Field
    args: Any
    dt: Float[Array, ""]
    x0: Any
    stepper: AbstractStepper
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    continuous_time: ClassVar[bool] = True

    def __init__(
        self,
        field: Any,
        args: Any = None,
        *,
        dt: Any,
        x0: Any = None,
        stepper: Any = RK4(),
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ):
        if not callable(field):
            raise ParameterError(f"field must be a function field(t, y, args), got {type(field).__name__}.")
        if not isinstance(stepper, AbstractStepper):
            raise ParameterError(f"stepper must be a stepper such as RK4(), got {stepper!r}.")
        self.field = field
        self.args = parameter_leaves(args)
        self.dt = positive_time(dt)
        self.stepper = stepper
        self.name = name
        self.variables = None if variables is None else tuple(variables)
        self.x0 = None if x0 is None else floating_state(x0)
        if x0 is not None:
            check_field(self, self.x0)

    def step(self, x: State, w: Drive) -> State:
        """Advance by dt from the time w (None: time 0).

        Args:
            x: state.
            w: time at the start of the step, from `Clock`, or None.
        """
        return self.stepper.step(CheckedField(self.field), time_of(w), x, self.args, self.dt)

    def push(self, x: State, w: Drive, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangents, by the stepper's own tangent rule where it has one.

        Args:
            x: state.
            w: time at the start of the step, or None.
            V: pytree like x, each leaf with a leading axis K.
        """
        return push_step(self.stepper, CheckedField(self.field), time_of(w), x, self.args, self.dt, V)

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives into floating arrays that the field accepts.

        Args:
            x0: numbers, arrays or a pytree of them.
        """
        x = floating_state(x0)
        check_field(self, x)
        return x

    def default_driver(self, x: State) -> AbstractDriver:
        """Return `Clock(dt)` where the field depends on t, else `Still()`.

        Args:
            x: a state.
        """
        return Still() if is_autonomous(self, x) else Clock(self.dt)


@once_per_shape
def _check_shapes(field: Field, x: State, args: Any) -> None:
    eqx.filter_eval_shape(lambda f, y, a: like_state(f(time_of(None), y, a), y), field, x, args)


def check_field(flow: Flow, x: State) -> None:
    """Refuse a field that does not return the shape of its state, or that the stepper cannot serve.

    Args:
        flow: a flow.
        x: an initial state.

    Raises:
        ShapeError: if the field returns another shape.
    """
    t = time_of(None)
    _check_shapes(flow.field, x, flow.args)
    flow.stepper.check(flow.field, t, x, flow.args)


def is_autonomous(flow: Flow, x: State | None = None) -> bool:
    """Return whether the field does not depend on time, so that one exponent of a bounded orbit is zero.

    Args:
        flow: a flow.
        x: a state; default the flow's `x0`.

    Raises:
        ParameterError: if neither x nor `x0` is there.

    Example:
        >>> is_autonomous(Flow(lambda t, y, args: -y, dt=0.1), 1.0)
        True
    """
    x = flow.x0 if x is None else x
    if x is None:
        raise ParameterError("is_autonomous needs a state to trace the field with: give x, or the flow an x0.")
    return not depends_on_time(flow.field, x, flow.args)


def flow(
    *,
    dt: Any,
    x0: Any = None,
    args: Any = None,
    stepper: AbstractStepper = RK4(),
    variables: Sequence[str] | None = None,
) -> Callable[[Field], Flow]:
    """Turn a function `field(t, y, args)` into a Flow of its name.

    Args:
        dt: time that one step takes.
        x0: default initial state.
        args: parameters.
        stepper: rule of one step.
        variables: names of the components.

    Returns:
        A decorator.

    Example:
        >>> @flow(dt=0.1, x0=1.0, args={"rate": 2.0})
        ... def decay(t, y, args):
        ...     return -args["rate"] * y
        >>> decay.name
        'decay'
    """

    def decorate(field: Field) -> Flow:
        name = getattr(field, "__name__", None)
        return Flow(field, args, dt=dt, x0=x0, stepper=stepper, name=name, variables=variables)

    return decorate
