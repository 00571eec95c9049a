"""Explicit Runge-Kutta methods of fixed step: the tableau is unrolled, zero coefficients cost nothing."""

from typing import Any, ClassVar

import jax

from cocycle.core.system import Field, State
from cocycle.steppers.abstract import AbstractStepper
from cocycle.steppers.tableaus import DORMAND_PRINCE, EULER, HEUN, KUTTA, TSITOURAS, Tableau


def increment(y: State, dt: Any, weights: tuple[float, ...], stages: list[State]) -> State:
    """Return y + dt (w_1 k_1 + w_2 k_2 + ...), leaving out zero weights.

    Args:
        y: state.
        dt: length of the step.
        weights: one number a stage.
        stages: pytrees like y.
    """
    used = [(w, k) for w, k in zip(weights, stages) if w != 0.0]
    scaled = [w for w, _ in used]

    def leaf(y: Any, *slopes: Any) -> Any:
        total = scaled[0] * slopes[0] if scaled[0] != 1.0 else slopes[0]
        for w, k in zip(scaled[1:], slopes[1:]):
            total = total + w * k
        return y + dt * total

    return jax.tree.map(leaf, y, *(k for _, k in used))


def explicit_step(tableau: Tableau, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
    """Take one step of an explicit Runge-Kutta method.

    Args:
        tableau: its coefficients.
        field: `field(t, y, args)`.
        t: time at the start of the step.
        y: state.
        args: parameters.
        dt: length of the step.
    """
    stages = [field(t, y, args)]
    for row, c in zip(tableau.a, tableau.c[1:]):
        stages.append(field(t + c * dt, increment(y, dt, row, stages), args))
    return increment(y, dt, tableau.b, stages)


class Euler(AbstractStepper):
    """The explicit Euler step, of order 1.

    Cost: 1 evaluation of the field.

    Example:
        >>> float(Euler().step(lambda t, y, args: -y, 0.0, 1.0, None, 0.1))
        0.9

    Source: [hairer1993].
    """

    order: ClassVar[int] = 1

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return explicit_step(EULER, field, t, y, args, dt)


class Heun(AbstractStepper):
    """The explicit trapezoidal step, of order 2.

    Cost: 2 evaluations of the field.

    Example:
        >>> round(float(Heun().step(lambda t, y, args: -y, 0.0, 1.0, None, 0.1)), 12)
        0.905

    Source: [hairer1993].
    """

    order: ClassVar[int] = 2

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return explicit_step(HEUN, field, t, y, args, dt)


class RK4(AbstractStepper):
    """The classical Runge-Kutta step, of order 4: the default for flows.

    Cost: 4 evaluations of the field.

    Example:
        >>> round(float(RK4().step(lambda t, y, args: -y, 0.0, 1.0, None, 0.1)), 9)
        0.9048375

    Source: [kutta1901].
    """

    order: ClassVar[int] = 4

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return explicit_step(KUTTA, field, t, y, args, dt)


class Tsit5(AbstractStepper):
    """The Runge-Kutta step of Tsitouras with a fixed length, of order 5.

    Cost: 6 evaluations of the field.

    Example:
        >>> round(float(Tsit5().step(lambda t, y, args: -y, 0.0, 1.0, None, 0.1)), 9)
        0.904837418

    Source: [tsitouras2011].
    """

    order: ClassVar[int] = 5

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return explicit_step(TSITOURAS, field, t, y, args, dt)


class DOP853(AbstractStepper):
    """The Runge-Kutta step of Dormand and Prince with a fixed length, of order 8.

    Cost: 12 evaluations of the field.

    Example:
        >>> round(float(DOP853().step(lambda t, y, args: -y, 0.0, 1.0, None, 0.1)), 12)
        0.904837418036

    Source: [prince1981]; coefficients as printed in [hairer1993].
    """

    order: ClassVar[int] = 8

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return explicit_step(DORMAND_PRINCE, field, t, y, args, dt)
