"""Many initial states at once, without a drive: how orbits are started, followed and recorded in batches."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.drivers import Still
from cocycle.core.errors import ParameterError, UnknownNameError, suggest
from cocycle.core.lanes import CannotSplitError, split_numbers
from cocycle.core.start import start
from cocycle.core.system import AbstractSystem, State
from cocycle.stability.equilibria.equation import state_of, vector_of
from cocycle.stability.equilibria.search import names_of
from cocycle.steppers.flow import Flow, is_autonomous


class Ensemble(eqx.Module):
    """A system without a drive that moves vectors.

    Attributes:
        system: the system.
        like: a state, for its structure.
    """

    system: AbstractSystem
    like: State

    def step(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Advance one state by one step.

        Args:
            v: state as a vector.
        """
        return vector_of(self.system.step(state_of(v, self.like), None))

    @property
    def variables(self) -> tuple[str, ...] | None:
        """Names of the coordinates, or None."""
        return names_of(self.system, self.n_dimensions)

    @property
    def n_dimensions(self) -> int:
        """D."""
        return vector_of(self.like).shape[0]


def ensemble_of(system: AbstractSystem, x0: Any = None) -> Ensemble:
    """Check that a system has no drive and can be followed from vectors.

    Args:
        system: the system.
        x0: a state, for its shape; default that of the system.

    Raises:
        ParameterError: if it is driven, or depends on time.
    """
    x, driver = start(system, x0, None, n_steps=1)
    if isinstance(system, Flow) and not is_autonomous(system, x):
        raise ParameterError(
            "the field depends on time, so basins depend on the phase: give StroboscopicMap(flow, period)."
        )
    if not isinstance(driver, Still):
        raise ParameterError(f"basins are of a system without a drive, got {type(driver).__name__}.")
    return Ensemble(system, x)


def stepper_of(ensemble: Ensemble, n_dimensions: int) -> Callable[[tuple[Array, ...]], tuple[Array, ...]]:
    """Return one step of a batch that is held as one array (B,) for each coordinate.

    Args:
        ensemble: what moves the states.
        n_dimensions: D.
    """
    try:
        return jax.vmap(split_numbers(ensemble.step, n_dimensions))
    except CannotSplitError:
        move = jax.vmap(ensemble.step, in_axes=1, out_axes=1)
        return lambda columns: tuple(move(jnp.stack(columns)))


@eqx.filter_jit
def advance(ensemble: Ensemble, v: Float[Array, "B D"], n_steps: Any) -> Array:
    """Advance states by n_steps.

    Args:
        ensemble: what moves them.
        v: states (B, D).
        n_steps: steps.
    """
    step = stepper_of(ensemble, v.shape[1])
    return jnp.stack(jax.lax.fori_loop(0, n_steps, lambda i, c: step(c), tuple(v.T)), axis=1)


@eqx.filter_jit
def record(ensemble: Ensemble, v: Float[Array, "B D"], n_rows: int, stride: Any) -> tuple[Array, Array]:
    """Advance states, and keep them every `stride` steps.

    Args:
        ensemble: what moves them.
        v: states (B, D).
        n_rows: rows to keep.
        stride: steps between them.

    Returns:
        States (rows, B, D), and the last ones.
    """
    step = stepper_of(ensemble, v.shape[1])

    def row(columns: Any, _: Any) -> Any:
        columns = jax.lax.fori_loop(0, stride, lambda i, c: step(c), columns)
        return columns, jnp.stack(columns, axis=1)

    columns, rows = jax.lax.scan(row, tuple(v.T), None, length=n_rows)
    return rows, jnp.stack(columns, axis=1)


class StateGrid:
    """Initial states on a regular grid over some coordinates, the others fixed.

    Attributes:
        axes: name of each coordinate of the grid -> its values.
        states: initial states (points, D), last coordinate fastest.
    """

    def __init__(self, ensemble: Ensemble, grid: Any, at: Mapping[str, float] | None = None):
        """Lay out the states; see `basins` for the arguments."""
        d, names = ensemble.n_dimensions, ensemble.variables
        names = tuple(f"x{k + 1}" for k in range(d)) if names is None else names
        if not isinstance(grid, Mapping) or not grid:
            raise ParameterError('grid must be a dict such as {"x": (-2, 2, 512), "y": (-2, 2, 512)}.')
        base = np.array(vector_of(ensemble.like), dtype=float)
        for name, value in (at or {}).items():
            base[_place(name, names)] = float(value)
        self.axes = {str(name): _axis(name, given) for name, given in grid.items()}
        places = [_place(name, names) for name in self.axes]
        self.shape = tuple(len(values) for values in self.axes.values())
        mesh = np.meshgrid(*self.axes.values(), indexing="ij")
        self.states = np.tile(base, (int(np.prod(self.shape)), 1))
        for place, values in zip(places, mesh, strict=True):
            self.states[:, place] = values.ravel()


def _place(name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise UnknownNameError(f"there is no variable {name!r}; {suggest(str(name), names)}")
    return names.index(name)


def _axis(name: str, given: Any) -> np.ndarray:
    try:
        low, high, n = given
        low, high, n = float(low), float(high), int(n)
    except (TypeError, ValueError):
        raise ParameterError(f"the axis {name!r} of a grid is (low, high, number of values), got {given!r}.") from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high and n >= 2):
        raise ParameterError(f"the axis {name!r} needs finite low < high and at least 2 values, got {given!r}.")
    return np.linspace(low, high, n)
