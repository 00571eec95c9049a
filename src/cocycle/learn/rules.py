"""What a learner finds: a rule in units of its own, the units, and the driver that shows it data."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver, StepNumber
from cocycle.core.system import State
from cocycle.learn.forcing import window_errors
from cocycle.learn.stretches import Segments


class Context(AbstractDriver):
    """Rows that a model is shown one by one; afterwards, and where a value is missing, it follows itself.

    Args:
        rows: (time, D) in the units of the data; NaN is a missing value.

    Example:
        >>> Context([[1.0], [2.0]]).at(5)
        Array([nan], dtype=float64)
    """

    rows: Float[Array, "time D"]

    def __init__(self, rows: Any):
        rows = np.asarray(rows, dtype=float)
        # Padding to a power of two: contexts of similar length share one compilation.
        capacity = 1 << max(0, int(len(rows) - 1).bit_length())
        padded = np.full((capacity, rows.shape[1]), np.nan)
        padded[: len(rows)] = rows
        self.rows = jnp.asarray(padded)

    def at(self, n: StepNumber) -> Float[Array, "D"]:
        """Return row n; NaN after the last one."""
        return self.rows.at[n].get(mode="fill", fill_value=jnp.nan)


class AbstractRule(eqx.Module):
    """What a learner found: a state, what is seen of it, and the state that follows."""

    @abc.abstractmethod
    def cold(self, u: Float[Array, "D"]) -> State:
        """Return a state that shows u, when nothing is known of the past.

        Args:
            u: observation, in the units of the rule.
        """

    @abc.abstractmethod
    def show(self, z: State) -> Float[Array, "D"]:
        """Return what is seen of a state.

        Args:
            z: a state.
        """

    @abc.abstractmethod
    def advance(self, z: State, u: Float[Array, "D"]) -> State:
        """Return the next state.

        Args:
            z: a state.
            u: what was seen at its time: `show(z)` in a free run, the data while the model is warmed up.
        """

    def draw(self, z: State, u: Float[Array, "D"], key: Any) -> State:
        """Return a next state drawn at random. Default: the one that follows without noise.

        Args:
            z: a state.
            u: what was seen at its time.
            key: random key of this step.
        """
        return self.advance(z, u)

    def objective(
        self,
        windows: Float[Array, "B L D"],
        seen: Float[Array, "B T D"],
        weights: Float[Array, "T"],
        n_checkpoints: int | None = None,
        n_washout: int = 0,
    ) -> Float[Array, ""]:
        """Return what training makes small. Default: the mean square error along windows.

        Args:
            windows: T + 1 rows each.
            seen: rows shown to the model, e.g. with noise.
            weights: of the data at each step.
            n_checkpoints: states kept for the way back; None for all.
            n_washout: steps at the start of a window that bring the state into step; their errors do not count.
        """
        errors = jax.vmap(lambda w, s: window_errors(self, w, s, weights, n_checkpoints))(windows, seen)
        return jnp.mean(errors[:, n_washout:] ** 2)


class AbstractRowRule(AbstractRule):
    """A rule whose state is the row itself."""

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "D"]:
        """The row itself."""
        return u

    def show(self, z: Float[Array, "D"]) -> Float[Array, "D"]:
        """The row itself."""
        return z


class Scaler(eqx.Module):
    """Units of the data against those of a rule: `x = centre + scale * u`."""

    centre: Float[Array, "D"]
    scale: Float[Array, "D"]

    def to_rule(self, x: Any) -> Any:
        """Return data in the units of the rule."""
        return (x - jnp.broadcast_to(self.centre, jnp.shape(x))) / jnp.broadcast_to(self.scale, jnp.shape(x))

    def table_to_rule(self, rows: Float[np.ndarray, "time D"]) -> Float[np.ndarray, "time D"]:
        """Return a table of data in the units of the rule, on the host; itself where those are its own.

        Args:
            rows: data.
        """
        centre, scale = np.asarray(self.centre), np.asarray(self.scale)
        return rows if not centre.any() and np.all(scale == 1) else (rows - centre) / scale

    def to_data(self, u: Any) -> Any:
        """Return numbers of the rule in the units of the data."""
        return jnp.broadcast_to(self.centre, jnp.shape(u)) + jnp.broadcast_to(self.scale, jnp.shape(u)) * u


def standard(data: Segments) -> Scaler:
    """Scaler to mean 0 and standard deviation 1 in every column.

    Args:
        data: what is learned from.
    """
    rows = np.concatenate(data.parts)
    return Scaler(jnp.asarray(rows.mean(axis=0)), jnp.asarray(rows.std(axis=0)))


def unscaled(data: Segments) -> Scaler:
    """Scaler that changes nothing.

    Args:
        data: what is learned from.
    """
    return Scaler(jnp.zeros(data.n_columns), jnp.ones(data.n_columns))
