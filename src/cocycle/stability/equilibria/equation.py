"""The equation whose solutions a system leaves alone, as a function from vectors to vectors."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import Still
from cocycle.core.errors import ParameterError
from cocycle.core.parameters import with_parameters
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem, AbstractTangentSystem, State, floating_part, push
from cocycle.stability.frames import as_frame, as_tangents, dimension, require_differentiable
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow, is_autonomous

# Interval arithmetic needs a straight line of operations; longer ones are loops.
UNROLLED = 8


def vector_of(x: State) -> Float[Array, "D"]:
    """Lay the floating leaves of a state side by side.

    Args:
        x: state.
    """
    return as_frame(jax.tree.map(lambda a: a[None], floating_part(x)[0]))[0]


def state_of(v: Float[Array, "D"], like: State) -> State:
    """Turn a vector into a state.

    Args:
        v: vector.
        like: a state, for the structure and the leaves that are not floating.
    """
    moving = jax.tree.map(lambda a: a[0], as_tangents(v[None], like))
    return eqx.combine(moving, floating_part(like)[1])


class Equation(eqx.Module):
    r"""The equation of the fixed points of a system.

    $$f(x) = 0 \text{ for a flow}, \qquad F^p(x) - x = 0 \text{ for any other system}$$

    Attributes:
        system: the system.
        like: a state, for its structure.
        period: p.
        is_flow: whether the field itself is solved.
    """

    system: AbstractSystem
    like: State
    period: int = eqx.field(static=True)
    is_flow: bool = eqx.field(static=True)

    def residual(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return what vanishes at a fixed point.

        Args:
            v: state as a vector.
        """
        return self.image(v) if self.is_flow else self.image(v) - v

    def image(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return the slope of a flow, or the state after p steps.

        Args:
            v: state as a vector.
        """
        x = state_of(v, self.like)
        if self.is_flow:
            system: Any = self.system
            return vector_of(CheckedField(system.field)(jnp.zeros(()), x, system.args))
        if self.period > UNROLLED:
            x = jax.lax.fori_loop(0, self.period, lambda i, x: self.system.step(x, None), x)
            return vector_of(x)
        for _ in range(self.period):
            x = self.system.step(x, None)
        return vector_of(x)

    def derivative(self, v: Float[Array, "D"]) -> Float[Array, "D D"]:
        """Return the Jacobian of `image`: of the field, or the tangent map of p steps.

        Args:
            v: state as a vector.
        """
        own_rule = isinstance(self.system, AbstractTangentSystem) and not isinstance(self.system, Flow)
        if self.is_flow or not own_rule:
            return jax.jacfwd(self.image)(v)
        x, frame = state_of(v, self.like), jnp.eye(v.shape[0])
        V = as_tangents(frame, x)
        for _ in range(self.period):
            x, V = push(self.system, x, None, V)
        return as_frame(V).T

    def jacobian(self, v: Float[Array, "D"]) -> Float[Array, "D D"]:
        """Return the Jacobian of `residual`.

        Args:
            v: state as a vector.
        """
        matrix = self.derivative(v)
        return matrix if self.is_flow else matrix - jnp.eye(v.shape[0])

    def at(self, parameter: str | None, value: Any) -> "Equation":
        """Return the equation at another value of a parameter.

        Args:
            parameter: its name; None returns the equation itself.
            value: its value.
        """
        if parameter is None:
            return self
        return eqx.tree_at(lambda e: e.system, self, with_parameters(self.system, **{parameter: value}))


def equation_of(system: AbstractSystem, x0: Any = None, *, period: int = 1) -> Equation:
    """Return the equation of the fixed points of a system.

    Args:
        system: a flow that does not depend on time, or any other system without a drive.
        x0: a state, for its shape; default that of the system.
        period: steps after which a map is to come back.

    Returns:
        Equation.

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if it is driven, or the period does not fit.
    """
    require_differentiable(system)
    period = count(period, "period")
    x, driver = start(system, x0, None, n_steps=1)
    if not dimension(x):
        raise ParameterError("the state has no floating numbers, so it has no fixed points to solve for.")
    if isinstance(system, Flow):
        if not is_autonomous(system, x):
            raise ParameterError(
                "the field depends on time, so nothing rests: give StroboscopicMap(flow, period) in its place."
            )
        if period != 1:
            raise ParameterError("a flow has no number of steps as period; see periodic_orbit, or give PoincareMap.")
        return Equation(system, x, 1, True)
    if not isinstance(driver, Still):
        raise ParameterError(
            f"{type(system).__name__} is driven by {type(driver).__name__}: only a system without a drive has fixed "
            "points; give one without."
        )
    return Equation(system, x, period, False)
