"""The one idea: a system is a pure, deterministic, batch-free `step(x, w)`."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from cocycle.core.drivers import AbstractDriver, Still
from cocycle.core.errors import ParameterError
from cocycle.core.tracing import is_traced

State = PyTree[Any]
Drive = PyTree[Any]
Tangents = PyTree[Any]


class AbstractSystem(eqx.Module):
    """A state advanced by one step under a drive.

    A subclass gives `dt` (time that one step takes), `x0` (default initial state or None) and `step`.
    The three other methods are hooks with a default, each replaced where a system needs it.
    Parameters are leaves: a second value does not compile again.

    Example:
        >>> class Doubling(AbstractSystem):
        ...     dt: float = 1.0
        ...     x0: float | None = None
        ...     def step(self, x, w):
        ...         return 2 * x % 1
        >>> float(Doubling().step(0.75, None))
        0.5
    """

    dt: eqx.AbstractVar[Any]
    x0: eqx.AbstractVar[Any]
    # True where the step stands for the flow of a differential equation over dt.
    continuous_time: ClassVar[bool] = False

    @abc.abstractmethod
    def step(self, x: State, w: Drive) -> State:
        """Advance by one step: the result has the structure, shapes and dtypes of x.

        Args:
            x: state, any pytree of arrays.
            w: drive of this step.
        """

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives as initial state into a state. Default: arrays of it; a list is a vector.

        Args:
            x0: what the user gave, or the default `x0` of the system.
        """
        return jax.tree.map(jnp.asarray, jnp.asarray(x0) if isinstance(x0, list) else x0)

    def default_driver(self, x: State) -> AbstractDriver:
        """Return the driver that is used when none is given. Default: `Still()`.

        Args:
            x: an initial state, for its shape.
        """
        return Still()

    def observe(self, x: State) -> PyTree[Array]:
        """Return what a trajectory keeps of a state. Default: all of it.

        Args:
            x: a state.
        """
        return x


class AbstractDifferentiableSystem(AbstractSystem):
    """A system whose step has a meaningful derivative at the states that it visits."""


class AbstractTangentSystem(AbstractDifferentiableSystem):
    """A system that pushes tangent vectors by its own rule, e.g. under one error control with the state."""

    @abc.abstractmethod
    def push(self, x: State, w: Drive, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangent vectors by one step.

        Args:
            x: state.
            w: drive of this step.
            V: tangents of the floating leaves of x (others None), each with a leading axis K.
        """


def floating_part(x: State) -> tuple[PyTree, PyTree]:
    """Split a state into its floating leaves, which carry tangents, and the rest."""
    return eqx.partition(x, eqx.is_inexact_array)


def push(system: AbstractSystem, x: State, w: Drive, V: Tangents) -> tuple[State, Tangents]:
    r"""Advance a state and K tangent vectors by the derivative of the step that is taken.

    $$x' = f(x, w), \qquad V'_k = D_x f(x, w)\, V_k$$

    Args:
        system: its step is differentiated by JAX; an AbstractTangentSystem pushes by its own rule.
        x: state.
        w: drive of this step.
        V: pytree like the floating leaves of x (None elsewhere), each with a leading axis K.

    Returns:
        The next state, and the next tangents in the layout of V.

    Laws: the tangents of a composition are the composition of the tangents.
    Cost: 1 step + K Jacobian-vector products.
    """
    if isinstance(system, AbstractTangentSystem):
        return system.push(x, w, V)
    moving, rest = floating_part(x)

    def step(moving: PyTree) -> tuple[PyTree, PyTree]:
        return floating_part(system.step(eqx.combine(moving, rest), w))

    def one(v: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        moving2, v2, rest2 = jax.jvp(step, (moving,), (v,), has_aux=True)
        return moving2, rest2, v2

    moving2, rest2, V2 = jax.vmap(one, out_axes=(None, None, 0))(V)
    return eqx.combine(moving2, rest2), V2


def parameter_leaves(args: Any) -> Any:
    """Turn Python numbers among parameters into arrays, so that a new value does not compile again."""

    def leaf(a: Any) -> Any:
        if isinstance(a, bool) or not isinstance(a, int | float | complex):
            return jnp.asarray(a) if eqx.is_array_like(a) and not isinstance(a, bool) else a
        return jnp.asarray(a, dtype=complex if isinstance(a, complex) else float)

    return jax.tree.map(leaf, args)


def positive_time(dt: Any, name: str = "dt") -> Float[Array, ""]:
    """Check and convert a time: a positive, finite number, or a traced value.

    Raises:
        ParameterError: if it is not a positive finite number.
    """
    if not is_traced(dt):
        try:
            value = float(dt)
        except (TypeError, ValueError):
            raise ParameterError(f"{name} must be a positive number, got {dt!r}.") from None
        if not (0.0 < value < float("inf")):
            raise ParameterError(
                f"{name} must be positive and finite, got {value}; time runs forward in steps of {name}."
            )
    return jnp.asarray(dt, dtype=float)


Field = Callable[[Any, Any, Any], Any]
