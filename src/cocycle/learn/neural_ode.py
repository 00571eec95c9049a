"""Neural ordinary differential equations: a small network as the field, Runge-Kutta steps between rows."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, GeneralisedForcing
from cocycle.learn.rules import AbstractRowRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.substeps import follow
from cocycle.learn.trained import AbstractTrainedLearner


class NeuralField(AbstractRowRule):
    r"""A field with two hidden layers, in time units of one row.

    $$\dot u = W_3 \tanh(W_2 \tanh(W_1 u + b_1) + b_2) + b_3$$

    Attributes:
        W1: (H, D).
        b1: (H,).
        W2: (H, H).
        b2: (H,).
        W3: (D, H).
        b3: (D,).
        n_substeps: Runge-Kutta steps between two rows.
    """

    W1: Float[Array, "H D"]
    b1: Float[Array, "H"]
    W2: Float[Array, "H H"]
    b2: Float[Array, "H"]
    W3: Float[Array, "D H"]
    b3: Float[Array, "D"]
    n_substeps: int = eqx.field(static=True)

    def field(self, t: Any, y: Float[Array, "D"], args: Any) -> Float[Array, "D"]:
        """Velocity at y [standard deviations / row], with diffrax's signature.

        Args:
            t: not used.
            y: state.
            args: not used.
        """
        return self.W3 @ jnp.tanh(self.W2 @ jnp.tanh(self.W1 @ y + self.b1) + self.b2) + self.b3

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Follow the field over one row."""
        return follow(self.field, u, 1.0, self.n_substeps)


@dataclasses.dataclass(frozen=True)
class NeuralODE(AbstractTrainedLearner):
    r"""Neural ordinary differential equation: the field is a network of two hidden layers.

    $$\dot u = f_\theta(u)$$

    Gradients go through the steps that are taken (discretise, then differentiate).

    Args:
        n_hidden: units in each of the two layers.
        n_substeps: Runge-Kutta steps between two rows.
        forcing: default generalised with the adaptive strength.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Limits: the columns must be all variables of the field.

    Source: [chen2018].
    """

    n_hidden: int = 32
    n_substeps: int = 1
    forcing: AbstractForcing = GeneralisedForcing()
    descent: Descent = Descent(length=30)

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_substeps")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> NeuralField:
        """A small random field.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        n_columns = data.n_columns
        keys, h = jax.random.split(key, 3), self.n_hidden

        def draw(k: Any, rows: int, columns: int, size: float) -> Array:
            return size * jax.random.normal(k, (rows, columns)) / np.sqrt(columns)

        return NeuralField(
            W1=draw(keys[0], h, n_columns, 1.0),
            b1=jnp.zeros(h),
            W2=draw(keys[1], h, h, 1.0),
            b2=jnp.zeros(h),
            W3=draw(keys[2], n_columns, h, 0.1),
            b3=jnp.zeros(n_columns),
            n_substeps=self.n_substeps,
        )
