"""Diagonal state-space models: layers of linear recurrences that remember, with pointwise nonlinearities between."""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.learn.abstract import require_counts, require_positive
from cocycle.learn.descent import Descent
from cocycle.learn.diagonal import AbstractDiagonal, LegSDiagonal
from cocycle.learn.forcing import AbstractForcing, SparseForcing
from cocycle.learn.rules import AbstractRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.trained import AbstractTrainedLearner

Memory = tuple[Float[Array, "layers G P two"], Float[Array, "D"]]


class StateSpaceRule(AbstractRule):
    r"""Layers of diagonal state spaces: G groups of P conjugate pairs each, stepped exactly for held inputs.

    $$x' = \Lambda x + B h, \quad y = 2\,\mathrm{Re}(C x) + d \circ h, \quad h \leftarrow h + M \,\mathrm{gelu}(y) + m$$

    and the forecast adds a linear function of the last h to the row. Either every channel has a group of its own and B
    is 1 (S4D), or all channels drive one group through a dense B (S5).

    Attributes:
        w_in: (H, D) from rows to channels.
        b_in: (H,).
        log_decay: (layers, G, P) logarithm of minus the real part of Lambda.
        frequency: (layers, G, P) its imaginary part.
        log_step: (layers, G, P) logarithm of the time that a row takes.
        B: (layers, P, H, 2) real and imaginary part; empty where every channel has its own group.
        C: (layers, H, P, 2).
        skip: (layers, H) d.
        mix: (layers, H, H) M.
        mix_bias: (layers, H).
        w_out: (D, H).
        b_out: (D,).
    """

    w_in: Float[Array, "H D"]
    b_in: Float[Array, "H"]
    log_decay: Float[Array, "layers G P"]
    frequency: Float[Array, "layers G P"]
    log_step: Float[Array, "layers G P"]
    B: Float[Array, "layers P inputs two"]
    C: Float[Array, "layers H P two"]
    skip: Float[Array, "layers H"]
    mix: Float[Array, "layers H H"]
    mix_bias: Float[Array, "layers H"]
    w_out: Float[Array, "D H"]
    b_out: Float[Array, "D"]

    def cold(self, u: Float[Array, "D"]) -> Memory:
        """Empty memory."""
        return jnp.zeros((*self.log_decay.shape, 2)) + 0.0 * jnp.sum(u), u

    def show(self, z: Memory) -> Float[Array, "D"]:
        """The row that is expected."""
        return z[1]

    def advance(self, z: Memory, u: Float[Array, "D"]) -> Memory:
        """Update every layer with what was seen, and forecast the next row."""
        h, kept = self.w_in @ u + self.b_in, []
        for k in range(self.log_decay.shape[0]):
            x, y = self._layer(k, jax.lax.complex(z[0][k, ..., 0], z[0][k, ..., 1]), h)
            h = h + self.mix[k] @ jax.nn.gelu(y) + self.mix_bias[k]
            kept.append(jnp.stack([x.real, x.imag], axis=-1))
        return jnp.stack(kept), u + self.w_out @ h + self.b_out

    def _layer(self, k: int, x: Any, h: Float[Array, "H"]) -> tuple[Any, Float[Array, "H"]]:
        rates = jax.lax.complex(-jnp.exp(self.log_decay[k]), self.frequency[k])
        step = jnp.exp(self.log_step[k])
        ahead = jnp.exp(step * rates)
        if self.B.shape[2]:
            drive = (jax.lax.complex(self.B[k, ..., 0], self.B[k, ..., 1]) @ h)[None]
        else:
            drive = jnp.broadcast_to(h[:, None], x.shape)
        x = ahead * x + (ahead - 1) / rates * drive
        C = jax.lax.complex(self.C[k, ..., 0], self.C[k, ..., 1])
        return x, 2 * jnp.sum(C * jnp.broadcast_to(x, C.shape), axis=1).real + self.skip[k] * h


@dataclasses.dataclass(frozen=True)
class _DiagonalLayers(AbstractTrainedLearner):
    """What S4D and S5 share: they differ in how many state spaces a layer has."""

    n_channels: int = 16
    n_pairs: int = 8
    n_layers: int = 2
    start: AbstractDiagonal = LegSDiagonal()
    shortest: float = 0.1
    longest: float = 1.0
    n_washout: int = 50
    forcing: AbstractForcing = SparseForcing(1)
    descent: Descent = Descent()

    def __post_init__(self):
        require_counts(self, "n_channels", "n_pairs", "n_layers", "n_washout")
        require_positive(self, "shortest", "longest")

    @property
    @abc.abstractmethod
    def n_groups(self) -> int:
        """State spaces of a layer."""

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> StateSpaceRule:
        """Eigenvalues of `start`, one set for each state space.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        return _first(self, self.n_groups, key, data.n_columns)

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout


@dataclasses.dataclass(frozen=True)
class S4D(_DiagonalLayers):
    r"""Diagonal state-space layers, one state space for each channel.

    Args:
        n_channels: H, width of the layers.
        n_pairs: conjugate pairs of each channel.
        n_layers: layers.
        start: eigenvalues before training.
        shortest: least time that a row takes, in units of the eigenvalues; steps start spread evenly in logarithm.
        longest: largest.
        n_washout: rows that fill the memory; the least context.
        forcing: default data at every step (plain one-step training).
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Laws: without the nonlinearity the recurrence is a convolution; real parts stay below zero.

    Source: [gu2022].
    """

    @property
    def n_groups(self) -> int:
        """One for each channel."""
        return self.n_channels


@dataclasses.dataclass(frozen=True)
class S5(_DiagonalLayers):
    r"""Diagonal state-space layers, one state space that all channels drive and read.

    Args:
        n_channels: H, width of the layers.
        n_pairs: conjugate pairs of each layer.
        n_layers: layers.
        start: eigenvalues before training.
        shortest: least time that a row takes, in units of the eigenvalues; steps start spread evenly in logarithm.
        longest: largest.
        n_washout: rows that fill the memory; the least context.
        forcing: default data at every step (plain one-step training).
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Source: [smith2023].
    """

    n_pairs: int = 16

    @property
    def n_groups(self) -> int:
        """One for all channels."""
        return 1


def _first(learner: Any, n_groups: int, key: Any, n_columns: int) -> StateSpaceRule:
    h, p, layers = learner.n_channels, learner.n_pairs, learner.n_layers
    keys = jax.random.split(key, 6)
    values = learner.start.eigenvalues(p)
    spread = jnp.linspace(np.log(learner.shortest), np.log(learner.longest), n_groups if n_groups > 1 else p)
    steps = spread[:, None] if n_groups > 1 else spread[None]
    shape = (layers, n_groups, p)
    dense = n_groups == 1

    def draw(k: Any, size: float, *shape: int) -> Array:
        return size * jax.random.normal(k, shape)

    return StateSpaceRule(
        w_in=draw(keys[0], n_columns**-0.5, h, n_columns),
        b_in=jnp.zeros(h),
        log_decay=jnp.broadcast_to(jnp.log(-jnp.asarray(values.real))[None, None], shape),
        frequency=jnp.broadcast_to(jnp.asarray(values.imag)[None, None], shape),
        log_step=jnp.broadcast_to(steps[None], shape),
        B=draw(keys[1], (2 * h) ** -0.5, layers, p, h if dense else 0, 2),
        C=draw(keys[2], p**-0.5, layers, h, p, 2),
        skip=draw(keys[3], 1.0, layers, h),
        mix=draw(keys[4], h**-0.5, layers, h, h),
        mix_bias=jnp.zeros((layers, h)),
        w_out=draw(keys[5], 0.1 * h**-0.5, n_columns, h),
        b_out=jnp.zeros(n_columns),
    )
