"""Before the first step: initial state and driver are resolved and checked, with errors a person can act on."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.core.system import AbstractSystem, State
from cocycle.core.tracing import is_traced, once_per_shape


def count(value: Any, name: str, minimum: int = 1) -> int:
    """Check a count: a whole number of at least `minimum`.

    Raises:
        ParameterError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ParameterError(f"{name} must be a whole number of at least {minimum}, got {value!r}.")
    return int(value)


def start(
    system: AbstractSystem, x0: Any, driver: AbstractDriver | None, *, n_steps: int, n0: int = 0
) -> tuple[State, AbstractDriver]:
    """Resolve defaults and check that one step maps the state into its own kind.

    Args:
        system: the system.
        x0: initial state as a user gives it, or None for the system's default.
        driver: driver, or None for the system's default.
        n_steps: steps that will be taken.
        n0: number of the first step.

    Returns:
        A state (pytree of arrays) and a driver.

    Raises:
        ParameterError: if there is no initial state, or it is not finite.
        DriverError: if the drive does not fit, or is too short.
        ShapeError: if the step returns another structure, shape or dtype.
    """
    if not isinstance(system, AbstractSystem):
        raise ParameterError(f"a System is needed, got {type(system).__name__}; wrap a function with Map or Flow.")
    if isinstance(x0, AbstractDriver):
        raise ParameterError("got a driver in the place of x0; call with driver=... or give x0 first.")
    if x0 is None:
        x0 = system.x0
    if x0 is None:
        raise ParameterError("no initial state: give x0, or build the system with a default x0.")
    if any(isinstance(leaf, str | bytes) for leaf in jax.tree.leaves(x0)):
        raise ShapeError("x0 cannot be turned into arrays: it holds text; give numbers.")
    try:
        x = system.initial_state(x0)
    except (TypeError, ValueError) as error:
        if isinstance(error, ShapeError | ParameterError):
            raise
        raise ShapeError(f"x0 cannot be turned into arrays: {error}.") from None
    if not is_traced(x):
        for leaf in jax.tree.leaves(x):
            if jnp.issubdtype(leaf.dtype, jnp.inexact) and not np.all(np.isfinite(np.asarray(leaf))):
                raise ParameterError("x0 holds NaN or infinity; give a finite initial state.")
    if driver is None:
        driver = system.default_driver(x)
    elif not isinstance(driver, AbstractDriver):
        raise DriverError(
            f"driver must be a cocycle driver such as Still() or Brownian(key), got {type(driver).__name__}."
        )
    driver.check_length(n0 + n_steps)
    return _closed_under_step(system, x, driver), driver


def _shapes(tree: Any) -> str:
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree)) or "nothing"


@once_per_shape
def _after_one_step(system: AbstractSystem, driver: AbstractDriver, x: State) -> State:
    """Shapes and dtypes of the state after a step."""
    return eqx.filter_eval_shape(lambda s, d, x: s.step(x, d.at(0)), system, driver, x)


def _closed_under_step(system: AbstractSystem, x: State, driver: AbstractDriver) -> State:
    """Check that step(x, w) is like x; integer states of real maps become floats."""
    try:
        after = _after_one_step(system, driver, x)
    except (TypeError, ValueError, IndexError, KeyError) as error:
        if isinstance(error, ShapeError | ParameterError | DriverError):
            raise
        first = str(error).strip().splitlines()[0]
        raise ShapeError(
            f"the step fails on a state of {_shapes(x)} under {type(driver).__name__}: {first} "
            "Check the shape of x0, the parameters and the driver."
        ) from error
    if jax.tree.structure(after) != jax.tree.structure(x):
        raise ShapeError(
            f"the step turns a state of structure {jax.tree.structure(x)} into {jax.tree.structure(after)}; "
            "it must return the structure that it was given."
        )
    promoted = jax.tree.map(
        lambda a, b: (
            a.astype(b.dtype) if jnp.issubdtype(a.dtype, jnp.integer) and jnp.issubdtype(b.dtype, jnp.floating) else a
        ),
        x,
        after,
    )
    if _shapes(promoted) != _shapes(after):
        raise ShapeError(f"the step turns a state of {_shapes(x)} into {_shapes(after)}; both must be alike.")
    if _shapes(promoted) != _shapes(x):
        return _closed_under_step(system, promoted, driver)
    return promoted
