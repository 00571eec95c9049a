"""Deep Koopman autoencoder: an encoder after which the dynamics is one matrix, and the way back."""

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
from cocycle.learn.forcing import AbstractForcing, SparseForcing, window_errors
from cocycle.learn.layers import Layers, layers
from cocycle.learn.rules import AbstractRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.trained import AbstractTrainedLearner

TEMPERATURE = 0.1
NEAR = 3


class KoopmanRule(AbstractRule):
    r"""Latent coordinates that a matrix advances; what is seen is decoded.

    $$z' = K z, \qquad u = d(z), \qquad z \leftarrow z + e(u) - e(d(z)) \text{ where } u \text{ is data}$$

    Attributes:
        encoder: e, beside the coordinates themselves where `n_latent` exceeds them.
        decoder: d.
        K: (M, M).
        reconstruction: weight of |d(e(u)) - u|^2.
        coherence: weight of the mutual information between neighbours in time.
        entropy: reward for the von Neumann entropy of the latent covariance.
    """

    encoder: Layers
    decoder: Layers
    K: Float[Array, "M M"]
    reconstruction: float = eqx.field(static=True)
    coherence: float = eqx.field(static=True)
    entropy: float = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "M"]:
        """Encoded row."""
        return self.encoder(u)

    def show(self, z: Float[Array, "M"]) -> Float[Array, "D"]:
        """Decoded row."""
        return self.decoder(z)

    def advance(self, z: Float[Array, "M"], u: Float[Array, "D"]) -> Float[Array, "M"]:
        """Advance by the matrix, after what is new in u."""
        return self.K @ (z + self.encoder(u) - self.encoder(self.decoder(z)))

    def objective(
        self,
        windows: Float[Array, "B L D"],
        seen: Float[Array, "B T D"],
        weights: Float[Array, "T"],
        n_checkpoints: int | None = None,
        n_washout: int = 0,
    ) -> Float[Array, ""]:
        """Errors along windows and of reconstruction, less what coherence and entropy are worth."""
        errors = jax.vmap(lambda w, s: window_errors(self, w, s, weights, n_checkpoints))(windows, seen)
        z = jax.vmap(jax.vmap(self.encoder))(windows)
        back = jax.vmap(jax.vmap(self.decoder))(z) - windows
        loss = jnp.mean(errors[:, n_washout:] ** 2) + self.reconstruction * jnp.mean(back**2)
        if self.coherence:
            loss += self.coherence * jnp.mean(jax.vmap(contrast)(z))
        if self.entropy:
            loss -= self.entropy * von_neumann_entropy(z.reshape(-1, z.shape[-1]))
        return loss


def von_neumann_entropy(z: Float[Array, "n M"]) -> Float[Array, ""]:
    r"""Entropy of the directions in which latent points spread.

    $$S = -\mathrm{tr}\,\rho \ln \rho, \qquad \rho = \mathrm{cov}(z) / \mathrm{tr}\,\mathrm{cov}(z)$$

    Args:
        z: points.

    Returns:
        S [nats]; e^S is the effective rank, between 1 and M.

    Laws: ln M for an isotropic cloud, 0 on a line; invariant under rotations and scaling.

    Example:
        >>> round(float(jnp.exp(von_neumann_entropy(jnp.eye(4) - 0.25))), 6)
        3.0

    Source: [cheng2025].
    """
    centred = z - jnp.mean(z, axis=0, keepdims=True)
    covariance = centred.T @ centred
    # A touch of the identity keeps gradients of equal eigenvalues finite, and moves S by less than 1e-8.
    values = jnp.maximum(jnp.linalg.eigvalsh(covariance / jnp.trace(covariance)), 1e-12)
    return -jnp.sum(values * jnp.log(values))


def contrast(z: Float[Array, "L M"]) -> Float[Array, ""]:
    """Information-noise contrastive loss: points up to 3 rows apart shall be alike, all others of the window not.

    Args:
        z: latent points along a window.
    """
    unit = z / jnp.maximum(jnp.linalg.norm(z, axis=1, keepdims=True), 1e-9)
    likeness = unit @ unit.T / TEMPERATURE
    gap = jnp.abs(jnp.arange(z.shape[0])[:, None] - jnp.arange(z.shape[0])[None])
    others = jnp.where(gap > 0, likeness, -jnp.inf)
    near = (gap > 0) & (gap <= NEAR)
    logs = others - jax.nn.logsumexp(others, axis=1, keepdims=True)
    return -jnp.sum(jnp.where(near, logs, 0.0)) / jnp.sum(near)


@dataclasses.dataclass(frozen=True)
class KoopmanAutoencoder(AbstractTrainedLearner):
    r"""Deep Koopman model: encoder and decoder are networks, between them the dynamics is one matrix.

    $$u_{n+k} \approx d(K^k e(u_n))$$

    Args:
        n_latent: M, latent coordinates.
        n_hidden: units of the one hidden layer of encoder and decoder.
        reconstruction: weight of the error of reconstruction.
        coherence: weight of the mutual information along time (contrastive).
        entropy: reward for the von Neumann entropy of the latent covariance, which keeps modes alive.
        forcing: default every 32 steps: in between one matrix carries the forecast.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Limits: the free run is linear in the latent coordinates: it cannot have a chaotic attractor.

    Source: [lusch2018]; objective [cheng2025].
    """

    n_latent: int = 8
    n_hidden: int = 32
    reconstruction: float = 1.0
    coherence: float = 0.0
    entropy: float = 0.0
    forcing: AbstractForcing = SparseForcing(32)
    descent: Descent = Descent(length=32)

    def __post_init__(self):
        require_counts(self, "n_latent", "n_hidden")
        for name in ("reconstruction", "coherence", "entropy"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ParameterError(f"KoopmanAutoencoder: {name} must be a number of at least 0, got {value!r}.")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> KoopmanRule:
        """Random networks and a slow contraction.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        k_in, k_out = jax.random.split(key)
        d, m, h = data.n_columns, self.n_latent, self.n_hidden
        encoder, decoder = layers(k_in, d, h, m), layers(k_out, m, h, d)
        weights = self.reconstruction, self.coherence, self.entropy
        return KoopmanRule(encoder, decoder, 0.99 * jnp.eye(m), *(float(w) for w in weights))

    def context(self) -> int:
        """One row."""
        return 1


def koopman_eigenvalues(model: Any) -> np.ndarray:
    """Eigenvalues of the matrix of a deep Koopman model, largest modulus first.

    Args:
        model: fitted by `KoopmanAutoencoder`.

    Returns:
        (M,) complex.

    Raises:
        ParameterError: if the model is another one.
    """
    if not isinstance(model.rule, KoopmanRule):
        raise ParameterError(f"{model.name} is no Koopman autoencoder; it has no latent matrix.")
    values = np.linalg.eigvals(np.asarray(model.rule.K))
    return values[np.argsort(-np.abs(values))]
