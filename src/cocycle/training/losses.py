"""Losses of one sample, and the square root of their curvature in the output."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, suggest


class AbstractLoss(eqx.Module):
    """Loss of one sample as a function of the model's output and the target.

    A subclass gives `__call__`, `root` and `residual`. Losses of a batch are means over its samples.
    """

    @abc.abstractmethod
    def __call__(self, output: Array, target: Array) -> Float[Array, ""]:
        """Return the loss of one sample.

        Args:
            output: what the model gives for it.
            target: what it should give.
        """

    @abc.abstractmethod
    def root(self, output: Array, target: Array) -> Float[Array, "C C"]:
        """Return R with R^T R = Hessian of the loss in the flattened output (C numbers).

        Args:
            output: what the model gives for the sample.
            target: what it should give.
        """

    @abc.abstractmethod
    def residual(self, output: Array, target: Array) -> Float[Array, "C"]:
        """Return u with R^T u = gradient of the loss in the flattened output.

        Args:
            output: what the model gives for the sample.
            target: what it should give.
        """


class SquaredLoss(AbstractLoss):
    r"""Half the squared error, summed over the outputs of a sample: $\ell = |f - z|^2 / 2$.

    Example:
        >>> float(SquaredLoss()(jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0])))
        2.5
    """

    def __call__(self, output: Array, target: Array) -> Float[Array, ""]:
        """Return half the squared error."""
        return 0.5 * jnp.sum((output - target) ** 2)

    def root(self, output: Array, target: Array) -> Float[Array, "C C"]:
        """Return the identity."""
        return jnp.eye(output.size, dtype=output.dtype)

    def residual(self, output: Array, target: Array) -> Float[Array, "C"]:
        """Return output less target."""
        return (output - target).reshape(-1)


class CrossEntropy(AbstractLoss):
    r"""Cross-entropy of a softmax over the outputs: $\ell = \log\sum_c e^{f_c} - f_z$ [nats].

    The target is a class number, or a vector of class probabilities.

    Example:
        >>> round(float(CrossEntropy()(jnp.zeros(2), jnp.array(1))), 12)
        0.69314718056
    """

    def __call__(self, output: Array, target: Array) -> Float[Array, ""]:
        """Return the cross-entropy in nats."""
        log_p = jax.nn.log_softmax(output)
        if jnp.issubdtype(target.dtype, jnp.integer):
            return -jnp.take(log_p, target.reshape(()))
        return -jnp.sum(target * log_p)

    def root(self, output: Array, target: Array) -> Float[Array, "C C"]:
        """Return diag(s) - s p^T with s = sqrt(p): its Gram matrix is diag(p) - p p^T."""
        p = jax.nn.softmax(output.reshape(-1))
        s = jnp.sqrt(p)
        mass = 1.0 if jnp.issubdtype(target.dtype, jnp.integer) else jnp.sqrt(jnp.sum(target))
        return mass * (jnp.diag(s) - jnp.outer(s, p))

    def residual(self, output: Array, target: Array) -> Float[Array, "C"]:
        """Return (p - target) / sqrt(p): the components of p - target sum to zero, so that R^T gives it back."""
        log_p = jax.nn.log_softmax(output.reshape(-1))
        if jnp.issubdtype(target.dtype, jnp.integer):
            z, mass = jax.nn.one_hot(target.reshape(()), output.size, dtype=output.dtype), 1.0
        else:
            z, mass = target.reshape(-1), jnp.sum(target)
        return (mass * jnp.exp(log_p) - z) * jnp.exp(-0.5 * log_p) / jnp.sqrt(mass)


class LogisticLoss(AbstractLoss):
    r"""Logistic loss of a label 0 or 1 and one output, the log-odds: $\ell = \log(1 + e^f) - z f$ [nats].

    Example:
        >>> round(float(LogisticLoss()(jnp.array(0.0), jnp.array(1.0))), 12)
        0.69314718056
    """

    def __call__(self, output: Array, target: Array) -> Float[Array, ""]:
        """Return the logistic loss, summed over the outputs of a sample."""
        return jnp.sum(jnp.logaddexp(0.0, output) - target * output)

    def root(self, output: Array, target: Array) -> Float[Array, "C C"]:
        """Return the diagonal matrix of sqrt(p (1 - p))."""
        f = output.reshape(-1)
        return jnp.diag(jnp.exp(0.5 * (jax.nn.log_sigmoid(f) + jax.nn.log_sigmoid(-f))))

    def residual(self, output: Array, target: Array) -> Float[Array, "C"]:
        """Return (p - target) / sqrt(p (1 - p))."""
        f = output.reshape(-1)
        return (jax.nn.sigmoid(f) - target.reshape(-1)) * jnp.exp(
            -0.5 * (jax.nn.log_sigmoid(f) + jax.nn.log_sigmoid(-f))
        )


class OutputLoss(AbstractLoss):
    """Any differentiable function `loss(output, target)` of one sample.

    Args:
        function: the loss, written with `jax.numpy`; convex in the output if its Gauss-Newton matrix is used.

    Example:
        >>> huber = OutputLoss(lambda f, z: jnp.sum(jnp.sqrt(1 + (f - z) ** 2) - 1))
        >>> float(huber.root(jnp.array([0.0]), jnp.array([0.0]))[0, 0])
        1.0
    """

    function: Callable[[Array, Array], Any]

    def __call__(self, output: Array, target: Array) -> Float[Array, ""]:
        """Return the loss of one sample."""
        return self.function(output, target)

    def root(self, output: Array, target: Array) -> Float[Array, "C C"]:
        """Return the symmetric root of the Hessian; negative curvature counts as none."""
        flat = output.reshape(-1)
        hessian = jax.hessian(lambda f: self.function(f.reshape(output.shape), target))(flat)
        values, vectors = jnp.linalg.eigh(hessian)
        return (vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None, :]) @ vectors.T

    def residual(self, output: Array, target: Array) -> Float[Array, "C"]:
        """Return the least-squares solution of R u = gradient."""
        flat = output.reshape(-1)
        gradient = jax.grad(lambda f: self.function(f.reshape(output.shape), target))(flat)
        return jnp.linalg.pinv(self.root(output, target)) @ gradient


_BY_NAME = {"squared": SquaredLoss, "cross_entropy": CrossEntropy, "logistic": LogisticLoss}


def as_loss(loss: AbstractLoss | Callable | str) -> AbstractLoss:
    """Turn what a user gives as loss into one: an object, a function of (output, target), or a short name.

    Args:
        loss: an AbstractLoss; a function; or "squared", "cross_entropy", "logistic".

    Raises:
        ParameterError: if it is none of these.
    """
    if isinstance(loss, AbstractLoss):
        return loss
    if isinstance(loss, str):
        if loss not in _BY_NAME:
            raise ParameterError(f"no loss is called {loss!r}; {suggest(loss, _BY_NAME)}")
        return _BY_NAME[loss]()
    if callable(loss):
        return OutputLoss(loss)
    raise ParameterError(f"loss must be a loss object, a function of (output, target) or a name, got {loss!r}.")
