"""What the outputs of a network are parameters of: observation models with their Fisher information in closed form."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from cocycle.core.system import positive_time


class AbstractLikelihood(eqx.Module):
    """Distribution of the label of one sample, given the outputs of the network for it."""

    @abc.abstractmethod
    def negative_log(self, f: Float[Array, "..."], y: Any) -> Float[Array, ""]:
        """Return -log p(y | f) of one sample.

        Args:
            f: outputs.
            y: label.
        """

    @abc.abstractmethod
    def metric(self, f: Float[Array, "..."], u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the product of the Fisher information of the outputs with u.

        Args:
            f: outputs of one sample.
            u: vector of their shape.
        """

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, f: Float[Array, "..."]) -> Any:
        """Draw a label.

        Args:
            key: random key.
            f: outputs of one sample.
        """


class Gaussian(AbstractLikelihood):
    """Normal noise of one standard deviation around the outputs (squared loss).

    Args:
        sigma: standard deviation [unit of the labels].

    Example:
        >>> float(Gaussian(2.0).metric(jnp.zeros(1), jnp.ones(1))[0])
        0.25
    """

    sigma: Float[Array, ""]

    def __init__(self, sigma: Any = 1.0):
        self.sigma = positive_time(sigma, "sigma")

    def negative_log(self, f: Float[Array, "..."], y: Any) -> Float[Array, ""]:
        """Return -log p(y | f) of one sample.

        Args:
            f: outputs.
            y: label.
        """
        return 0.5 * jnp.sum((f - y) ** 2) / self.sigma**2 + f.size * (jnp.log(self.sigma) + 0.5 * jnp.log(2 * jnp.pi))

    def metric(self, f: Float[Array, "..."], u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return u / sigma^2.

        Args:
            f: outputs of one sample.
            u: vector of their shape.
        """
        return u / self.sigma**2

    def sample(self, key: PRNGKeyArray, f: Float[Array, "..."]) -> Float[Array, "..."]:
        """Draw a label.

        Args:
            key: random key.
            f: outputs of one sample.
        """
        return f + self.sigma * jax.random.normal(key, f.shape)


class Categorical(AbstractLikelihood):
    """Classes with probabilities softmax(f) (cross-entropy); labels are class numbers.

    Example:
        >>> Categorical().metric(jnp.zeros(2), jnp.array([1.0, 0.0])).tolist()
        [0.25, -0.25]
    """

    def negative_log(self, f: Float[Array, "C"], y: Any) -> Float[Array, ""]:
        """Return -log p(y | f) of one sample.

        Args:
            f: logits.
            y: class number.
        """
        return jax.nn.logsumexp(f) - f[y]

    def metric(self, f: Float[Array, "C"], u: Float[Array, "C"]) -> Float[Array, "C"]:
        """Return (diag p - p p^T) u.

        Args:
            f: logits of one sample.
            u: vector of their shape.
        """
        p = jax.nn.softmax(f)
        return p * u - p * jnp.sum(p * u)

    def sample(self, key: PRNGKeyArray, f: Float[Array, "C"]) -> Any:
        """Draw a class.

        Args:
            key: random key.
            f: logits of one sample.
        """
        return jax.random.categorical(key, f)


class Bernoulli(AbstractLikelihood):
    """Independent yes-no labels with probabilities sigmoid(f) (binary cross-entropy); labels are 0 or 1.

    Example:
        >>> float(Bernoulli().metric(jnp.zeros(()), jnp.ones(())))
        0.25
    """

    def negative_log(self, f: Float[Array, "..."], y: Any) -> Float[Array, ""]:
        """Return -log p(y | f) of one sample.

        Args:
            f: logits.
            y: labels, 0 or 1.
        """
        return jnp.sum(jax.nn.softplus(f) - y * f)

    def metric(self, f: Float[Array, "..."], u: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return p (1 - p) u.

        Args:
            f: logits of one sample.
            u: vector of their shape.
        """
        p = jax.nn.sigmoid(f)
        return p * (1 - p) * u

    def sample(self, key: PRNGKeyArray, f: Float[Array, "..."]) -> Any:
        """Draw a label.

        Args:
            key: random key.
            f: logits of one sample.
        """
        return jax.random.bernoulli(key, jax.nn.sigmoid(f)).astype(f.dtype)
