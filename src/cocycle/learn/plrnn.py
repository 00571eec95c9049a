"""Piecewise-linear recurrent networks: the shallow one with generalised forcing, and the almost-linear one."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, GeneralisedForcing, SparseForcing
from cocycle.learn.rules import AbstractRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.trained import AbstractTrainedLearner


class ShallowPLRNN(AbstractRule):
    r"""Shallow piecewise-linear network; the first D units are what is seen.

    $$z' = A z + W_1 [\max(0, W_2 z + h_2) - \max(0, W_2 z)] + h_1$$

    without the second maximum where `clipped` is False.

    Attributes:
        A: (M,) diagonal.
        W1: (M, H).
        W2: (H, M).
        h1: (M,).
        h2: (H,).
        B: (M - D, D) first guess of the hidden units from a row.
        clipped: bounded form.
    """

    A: Float[Array, "M"]
    W1: Float[Array, "M H"]
    W2: Float[Array, "H M"]
    h1: Float[Array, "M"]
    h2: Float[Array, "H"]
    B: Float[Array, "R D"]
    clipped: bool = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "M"]:
        """The row, and hidden units guessed from it."""
        return jnp.concatenate([u, self.B @ u])

    def show(self, z: Float[Array, "M"]) -> Float[Array, "D"]:
        """The first D units."""
        return z[: self.B.shape[1]]

    def advance(self, z: Float[Array, "M"], u: Float[Array, "D"]) -> Float[Array, "M"]:
        """One step from the state whose first units are u."""
        z = jnp.concatenate([u, z[u.shape[0] :]])
        inner = self.W2 @ z
        active = jax.nn.relu(inner + self.h2)
        if self.clipped:
            active = active - jax.nn.relu(inner)
        return self.A * z + self.W1 @ active + self.h1


class AlmostLinear(AbstractRule):
    r"""Linear network of which only the last P units are rectified; the first D units are what is seen.

    $$z' = A z + W \phi(z) + h, \qquad \phi(z)_i = z_i \text{ for } i \le M - P, \max(0, z_i) \text{ else}$$

    Attributes:
        A: (M,) diagonal.
        W: (M, M).
        h: (M,).
        B: (M - D, D) first guess of the hidden units from a row.
        n_relu: P.
    """

    A: Float[Array, "M"]
    W: Float[Array, "M M"]
    h: Float[Array, "M"]
    B: Float[Array, "R D"]
    n_relu: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "M"]:
        """The row, and hidden units guessed from it."""
        return jnp.concatenate([u, self.B @ u])

    def show(self, z: Float[Array, "M"]) -> Float[Array, "D"]:
        """The first D units."""
        return z[: self.B.shape[1]]

    def advance(self, z: Float[Array, "M"], u: Float[Array, "D"]) -> Float[Array, "M"]:
        """One step from the state whose first units are u."""
        z = jnp.concatenate([u, z[u.shape[0] :]])
        n_linear = z.shape[0] - self.n_relu
        active = jnp.concatenate([z[:n_linear], jax.nn.relu(z[n_linear:])])
        return self.A * z + self.W @ active + self.h


@dataclasses.dataclass(frozen=True)
class PLRNN(AbstractTrainedLearner):
    r"""Shallow piecewise-linear recurrent network, trained under generalised teacher forcing.

    $$z' = A z + W_1 [\max(0, W_2 z + h_2) - \max(0, W_2 z)] + h_1$$

    Args:
        n_hidden: H.
        n_latent: M; default the number of columns.
        clipped: the bounded form.
        n_washout: rows that bring hidden units into step; the least context. More than 1 where the columns are not all
            that matters.
        forcing: default generalised with the adaptive strength.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Accuracy: see docs/learning.md for measured figures; look at `cocycle.compare`.
    Cost: batch * length * 2 M H per update.

    Source: [hess2023].
    """

    n_hidden: int = 50
    n_latent: int | None = None
    clipped: bool = True
    n_washout: int = 1
    forcing: AbstractForcing = GeneralisedForcing()
    descent: Descent = Descent()

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_washout")
        if self.n_latent is not None:
            require_counts(self, "n_latent")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> ShallowPLRNN:
        """Uniform weights, no hidden units seen yet.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        n_columns = data.n_columns
        k1, k2, k3, k4 = jax.random.split(key, 4)
        h, m = self.n_hidden, latent_units(self.n_latent, n_columns)
        inner, outer = 1 / np.sqrt(m), 1 / np.sqrt(h)
        return ShallowPLRNN(
            A=_diagonal(k4, m),
            W1=jax.random.uniform(k1, (m, h), minval=-outer, maxval=outer),
            W2=jax.random.uniform(k2, (h, m), minval=-inner, maxval=inner),
            h1=jnp.zeros(m),
            h2=jax.random.uniform(k3, (h,), minval=-inner, maxval=inner),
            B=jnp.zeros((m - n_columns, n_columns)),
            clipped=self.clipped,
        )

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout


@dataclasses.dataclass(frozen=True)
class AlmostLinearRNN(AbstractTrainedLearner):
    r"""Almost-linear recurrent network: all of its nonlinearity is in P rectified units, so its dynamics is symbolic.

    $$z' = A z + W \phi(z) + h$$

    `symbolic_dynamics` reads pieces, transitions and entropy off a fitted model.

    Args:
        n_latent: M.
        n_relu: P; the state space has 2^P pieces.
        n_washout: rows that bring hidden units into step; the least context. More than 1 where the columns are not all
            that matters.
        forcing: default sparse, every 16 steps.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Limits: nothing bounds its orbits: a fit may explode in free run; `cocycle.compare` says so.

    Source: [brenner2024].
    """

    n_latent: int = 20
    n_relu: int = 2
    n_washout: int = 1
    forcing: AbstractForcing = SparseForcing(16)
    descent: Descent = Descent(length=200, rate=1e-3, last_rate=1e-5, noise=0.05)

    def __post_init__(self):
        require_counts(self, "n_latent", "n_washout")
        require_counts(self, "n_relu", minimum=0)
        if self.n_relu > min(self.n_latent, 30):
            raise ParameterError(f"AlmostLinearRNN: n_relu must be at most n_latent and 30, got {self.n_relu}.")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> AlmostLinear:
        """A contraction with small couplings.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        n_columns = data.n_columns
        k1, k2, k3 = jax.random.split(key, 3)
        m = latent_units(self.n_latent, n_columns)
        bound = 1 / np.sqrt(n_columns)
        return AlmostLinear(
            A=_diagonal(k1, m),
            W=0.01 * jax.random.normal(k2, (m, m)),
            h=jnp.zeros(m),
            B=jax.random.uniform(k3, (m - n_columns, n_columns), minval=-bound, maxval=bound),
            n_relu=self.n_relu,
        )

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout


def _diagonal(key: Any, m: int) -> Float[Array, "M"]:
    """Diagonal of a normalised positive-definite random matrix."""
    r = jax.random.normal(key, (m, m))
    k = r.T @ r / m + jnp.eye(m)
    return jnp.diagonal(k) / jnp.linalg.eigvalsh(k)[-1]


def latent_units(n_latent: int | None, n_columns: int) -> int:
    """Number of latent units; they begin with the columns.

    Args:
        n_latent: as chosen, or None for as many as columns.
        n_columns: of the data.

    Raises:
        ParameterError: if there are fewer latent units than columns.
    """
    m = n_columns if n_latent is None else n_latent
    if m < n_columns:
        raise ParameterError(f"n_latent={m} is below the {n_columns} columns of the data; take at least as many.")
    return m
