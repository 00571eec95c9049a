"""Systems from plain functions: maps and recurrent cells."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from cocycle.core.system import AbstractDifferentiableSystem, parameter_leaves, positive_time


def default_state(x0: Any) -> Any:
    """Turn a default initial state into arrays; a list of numbers is a vector."""
    return parameter_leaves(jnp.asarray(x0) if isinstance(x0, list) else x0)


class Map(AbstractDifferentiableSystem):
    """A map `x' = f(x, args)`, or `x' = f(x, args, w)` under a drive.

    Args:
        function: the map, written with `jax.numpy`.
        args: parameters, any pytree; numbers become leaves.
        dt: time that one iteration stands for.
        x0: default initial state.
        driven: True if the function takes the drive as third argument.
        name: short name for reports.
        variables: names of the components.

    Example:
        >>> logistic = Map(lambda x, a: a["r"] * x * (1 - x), {"r": 4.0}, x0=0.3)
        >>> round(float(logistic.step(logistic.x0, None)), 12)
        0.84
    """

    function: Callable[..., PyTree]
    args: Any
    dt: Float[Array, ""]
    x0: Any
    driven: bool = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        function: Callable[..., PyTree],
        args: Any = None,
        *,
        dt: Any = 1.0,
        x0: Any = None,
        driven: bool = False,
        name: str | None = None,
        variables: tuple[str, ...] | None = None,
    ):
        self.function = function
        self.args = parameter_leaves(args)
        self.dt = positive_time(dt)
        self.x0 = default_state(x0)
        self.driven = driven
        self.name = name
        self.variables = variables

    def step(self, x: PyTree, w: Any) -> PyTree:
        """Apply the map once."""
        return self.function(x, self.args, w) if self.driven else self.function(x, self.args)


class Recurrent(AbstractDifferentiableSystem):
    """A recurrent network or state-space model: `h' = cell(params, h, u)` under recorded inputs u.

    Args:
        cell: state update `cell(params, h, u)`; or an Equinox module called as `cell(u, h)`
            when `params` is None.
        params: parameters, any pytree.
        dt: time per step.
        x0: default initial hidden state.
        name: short name for reports.

    Example:
        >>> import jax.numpy as jnp
        >>> leaky = Recurrent(lambda p, h, u: p * h + u, 0.5, x0=jnp.zeros(1))
        >>> float(leaky.step(jnp.ones(1), jnp.ones(1))[0])
        1.5
    """

    cell: Callable[..., PyTree]
    params: Any
    dt: Float[Array, ""]
    x0: Any
    name: str | None = eqx.field(static=True)

    def __init__(
        self, cell: Callable[..., PyTree], params: Any = None, *, dt: Any = 1.0, x0: Any = None, name: str | None = None
    ):
        self.cell = cell
        self.params = parameter_leaves(params)
        self.dt = positive_time(dt)
        self.x0 = default_state(x0)
        self.name = name

    def step(self, x: PyTree, w: Any) -> PyTree:
        """Update the hidden state with one input."""
        return self.cell(w, x) if self.params is None else self.cell(self.params, x, w)


def map_system(
    *, args: Any = None, dt: Any = 1.0, x0: Any = None, driven: bool = False, variables: tuple[str, ...] | None = None
) -> Callable[[Callable[..., PyTree]], Map]:
    """Make a Map of the function that follows; its name becomes the system's.

    Args:
        args: parameters.
        dt: time per iteration.
        x0: default initial state.
        driven: True if the function takes the drive as third argument.
        variables: names of the components.

    Returns:
        A decorator from a function `f(x, args)` to a Map.

    Example:
        >>> @map_system(args={"r": 4.0}, x0=0.3)
        ... def logistic(x, args):
        ...     return args["r"] * x * (1 - x)
        >>> logistic.name
        'logistic'
    """

    def decorate(function: Callable[..., PyTree]) -> Map:
        name = getattr(function, "__name__", None)
        return Map(function, args, dt=dt, x0=x0, driven=driven, name=name, variables=variables)

    return decorate


def recurrent(*, params: Any, dt: Any = 1.0, x0: Any = None) -> Callable[[Callable[..., PyTree]], Recurrent]:
    """Make a Recurrent system of the cell `cell(params, h, u)` that follows.

    Args:
        params: parameters of the cell.
        dt: time per step.
        x0: default initial hidden state.

    Returns:
        A decorator from a cell to a Recurrent system.
    """

    def decorate(cell: Callable[..., PyTree]) -> Recurrent:
        return Recurrent(cell, params, dt=dt, x0=x0, name=getattr(cell, "__name__", None))

    return decorate
