"""Gated recurrent networks as baselines: GRU and LSTM, fed with what they forecast."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, SparseForcing
from cocycle.learn.rules import AbstractRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.trained import AbstractTrainedLearner


class GatedUnit(AbstractRule):
    r"""GRU: update and reset gates; what is seen is linear in the hidden units.

    $$h' = (1 - s) \circ h + s \circ \tanh(W_c u + r \circ (U_c h) + b_c), \quad
    (r, s) = \sigma(W u + U h + b)$$

    Attributes:
        w_in: (3 H, D) rows for r, s and the candidate.
        w_hidden: (3 H, H).
        bias: (3 H,).
        w_out: (D, H).
        offset: (D,).
    """

    w_in: Float[Array, "G D"]
    w_hidden: Float[Array, "G H"]
    bias: Float[Array, "G"]
    w_out: Float[Array, "D H"]
    offset: Float[Array, "D"]

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "H"]:
        """Hidden units at rest."""
        return jnp.zeros(self.w_out.shape[1]) + 0.0 * jnp.sum(u)

    def show(self, z: Float[Array, "H"]) -> Float[Array, "D"]:
        """Linear readout."""
        return self.w_out @ z + self.offset

    def advance(self, z: Float[Array, "H"], u: Float[Array, "D"]) -> Float[Array, "H"]:
        """Update the hidden units with what was seen."""
        seen, kept = jnp.split(self.w_in @ u + self.bias, 3), jnp.split(self.w_hidden @ z, 3)
        reset, update = jax.nn.sigmoid(seen[0] + kept[0]), jax.nn.sigmoid(seen[1] + kept[1])
        return (1 - update) * z + update * jnp.tanh(seen[2] + reset * kept[2])


class LongShortUnit(AbstractRule):
    r"""LSTM: cell c and output h; what is seen is linear in h.

    $$c' = f \circ c + i \circ \tanh(g), \quad h' = o \circ \tanh(c'), \quad (i, f, o, g) = W u + U h + b$$

    Attributes:
        w_in: (4 H, D).
        w_hidden: (4 H, H).
        bias: (4 H,).
        w_out: (D, H).
        offset: (D,).
    """

    w_in: Float[Array, "G D"]
    w_hidden: Float[Array, "G H"]
    bias: Float[Array, "G"]
    w_out: Float[Array, "D H"]
    offset: Float[Array, "D"]

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "two H"]:
        """Both at rest."""
        return jnp.zeros((2, self.w_out.shape[1])) + 0.0 * jnp.sum(u)

    def show(self, z: Float[Array, "two H"]) -> Float[Array, "D"]:
        """Linear readout of the output."""
        return self.w_out @ z[1] + self.offset

    def advance(self, z: Float[Array, "two H"], u: Float[Array, "D"]) -> Float[Array, "two H"]:
        """Update cell and output with what was seen."""
        gates = jnp.split(self.w_in @ u + self.w_hidden @ z[1] + self.bias, 4)
        take, keep, give = (jax.nn.sigmoid(gate) for gate in gates[:3])
        cell = keep * z[0] + take * jnp.tanh(gates[3])
        return jnp.stack([cell, give * jnp.tanh(cell)])


def _guess(kind: type, n_gates: int, key: Any, n_columns: int, n_hidden: int) -> Any:
    bound = 1 / np.sqrt(n_hidden)
    k1, k2, k3 = jax.random.split(key, 3)

    def draw(k: Any, *shape: int) -> Array:
        return jax.random.uniform(k, shape, minval=-bound, maxval=bound)

    rows = n_gates * n_hidden
    return kind(
        draw(k1, rows, n_columns),
        draw(k2, rows, n_hidden),
        jnp.zeros(rows),
        draw(k3, n_columns, n_hidden),
        jnp.zeros(n_columns),
    )


@dataclasses.dataclass(frozen=True)
class GRU(AbstractTrainedLearner):
    """Gated recurrent unit, trained to forecast one row, fed with its own forecasts between forcings.

    Args:
        n_hidden: hidden units.
        n_washout: rows that bring the hidden units into step; the least context.
        forcing: default data at every step (plain one-step training).
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Source: [cho2014].
    """

    n_hidden: int = 50
    n_washout: int = 50
    forcing: AbstractForcing = SparseForcing(1)
    descent: Descent = Descent()

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_washout")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> GatedUnit:
        """Uniform weights, no bias.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        return _guess(GatedUnit, 3, key, data.n_columns, self.n_hidden)

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout


@dataclasses.dataclass(frozen=True)
class LSTM(AbstractTrainedLearner):
    """Long short-term memory, trained to forecast one row, fed with its own forecasts between forcings.

    Args:
        n_hidden: hidden units.
        n_washout: rows that bring the hidden units into step; the least context.
        forcing: default data at every step (plain one-step training).
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Source: [hochreiter1997].
    """

    n_hidden: int = 50
    n_washout: int = 50
    forcing: AbstractForcing = SparseForcing(1)
    descent: Descent = Descent()

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_washout")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> LongShortUnit:
        """Uniform weights, no bias.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        return _guess(LongShortUnit, 4, key, data.n_columns, self.n_hidden)

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout
