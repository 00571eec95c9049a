"""Curvature of a loss: Hessian, generalised Gauss-Newton and Fisher matrices as products."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.start import count
from cocycle.operators.abstract import AbstractOperator
from cocycle.operators.flatten import check_params, flatten, mean_over, n_parameters, n_samples
from cocycle.operators.likelihoods import AbstractLikelihood


def _arrays(batch: Any) -> Any:
    return jax.tree.map(lambda a: jnp.asarray(a) if eqx.is_array_like(a) else a, batch)


class _OfParameters(AbstractOperator):
    """What the operators on parameter space share: parameters, data, and how much of it at a time."""

    params: eqx.AbstractVar[Any]
    batch: eqx.AbstractVar[Any]
    chunk: eqx.AbstractVar[int | None]

    @property
    def size(self) -> int:
        """P, the number of floating parameters."""
        return n_parameters(self.params)


class Hessian(_OfParameters):
    r"""Second derivative of a loss with respect to the parameters.

    $$H v = \frac{d}{d\epsilon} \nabla L(\theta + \epsilon v)$$

    Args:
        loss: `loss(params, batch)`, a scalar: the mean over the samples of the batch where `chunk` is given.
        params: pytree of parameters.
        batch: data, a pytree of arrays with samples along the first axis.
        chunk: samples in memory at a time; None takes all at once.

    Raises:
        ParameterError: if a parameter is an integer or complex.

    Accuracy: round-off.
    Laws: symmetric; equal to the Gauss-Newton matrix where outputs are linear in the parameters.
    Limits: kinks (ReLU) have no second derivative and count as flat; `chunk` is wrong for losses that mix samples.
    Cost: one product costs about four times the loss.

    Example:
        >>> h = Hessian(lambda w, x: jnp.mean((x @ w) ** 2), jnp.ones(2), jnp.eye(2))
        >>> h.dense().tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: [pearlmutter1994].
    """

    loss: Callable[[Any, Any], Any]
    params: Any
    batch: Any
    chunk: int | None = eqx.field(static=True)

    def __init__(self, loss: Callable[[Any, Any], Any], params: Any, batch: Any, *, chunk: int | None = None):
        self.loss = loss
        self.params = check_params(params)
        self.batch = _arrays(batch)
        self.chunk = None if chunk is None else count(chunk, "chunk")

    def mv(self, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        theta, back = flatten(self.params)

        def one(part: Any) -> Any:
            gradient = jax.grad(lambda t: self.loss(back(t), part))
            return jax.jvp(gradient, (theta,), (v.astype(theta.dtype),))[1]

        return mean_over(self.batch, self.chunk, one) if self.chunk else one(self.batch)


class GaussNewton(_OfParameters):
    r"""Generalised Gauss-Newton matrix: the Hessian with the network linearised.

    $$G = J^T \, \nabla_f^2 \ell \, J, \qquad J = \partial f / \partial \theta$$

    Args:
        outputs: `outputs(params, batch)`, an array with samples along the first axis.
        output_loss: `output_loss(outputs, batch)`, the mean loss of those samples.
        params: pytree of parameters.
        batch: data.
        chunk: samples in memory at a time; None takes all at once.

    Raises:
        ParameterError: if a parameter is an integer or complex.

    Accuracy: round-off.
    Laws: positive semi-definite where the loss is convex in the outputs; equal to the Hessian at interpolation.
    Cost: one product costs about three times the loss.

    Example:
        >>> g = GaussNewton(lambda w, x: x @ w, lambda f, x: jnp.mean(f**2), jnp.ones(2), jnp.eye(2))
        >>> g.dense().tolist()
        [[1.0, 0.0], [0.0, 1.0]]

    Source: [schraudolph2002].
    """

    outputs: Callable[[Any, Any], Any]
    output_loss: Callable[[Any, Any], Any]
    params: Any
    batch: Any
    chunk: int | None = eqx.field(static=True)

    def __init__(
        self,
        outputs: Callable[[Any, Any], Any],
        output_loss: Callable[[Any, Any], Any],
        params: Any,
        batch: Any,
        *,
        chunk: int | None = None,
    ):
        self.outputs, self.output_loss = outputs, output_loss
        self.params = check_params(params)
        self.batch = _arrays(batch)
        self.chunk = None if chunk is None else count(chunk, "chunk")

    def mv(self, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        theta, back = flatten(self.params)

        def one(part: Any) -> Any:
            f, u = jax.jvp(lambda t: self.outputs(back(t), part), (theta,), (v.astype(theta.dtype),))
            gradient = jax.grad(lambda f: self.output_loss(f, part))
            w = jax.jvp(gradient, (f,), (u,))[1]
            return jax.vjp(lambda t: self.outputs(back(t), part), theta)[1](w)[0]

        return mean_over(self.batch, self.chunk, one) if self.chunk else one(self.batch)


class EmpiricalFisher(_OfParameters):
    r"""Second moment of the per-sample gradients.

    $$F_e = \frac{1}{N} \sum_i \nabla \ell_i \nabla \ell_i^T$$

    Args:
        losses: `losses(params, batch)`, the (N,) losses of the samples.
        params: pytree of parameters.
        batch: data.
        chunk: samples in memory at a time; None takes all at once.

    Raises:
        ParameterError: if a parameter is an integer or complex.

    Accuracy: round-off.
    Laws: positive semi-definite, of rank at most N; its trace is the mean squared gradient norm.
    Limits: it is not the Fisher matrix: it uses the observed labels.
    Cost: one product costs about three times the loss; per-sample gradients are not formed.

    Example:
        >>> f = EmpiricalFisher(lambda w, x: x @ w, jnp.ones(2), jnp.eye(2))
        >>> f.dense().tolist()
        [[0.5, 0.0], [0.0, 0.5]]

    Source: [kunstner2019].
    """

    losses: Callable[[Any, Any], Any]
    params: Any
    batch: Any
    chunk: int | None = eqx.field(static=True)

    def __init__(self, losses: Callable[[Any, Any], Any], params: Any, batch: Any, *, chunk: int | None = None):
        self.losses = losses
        self.params = check_params(params)
        self.batch = _arrays(batch)
        self.chunk = None if chunk is None else count(chunk, "chunk")

    def mv(self, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        theta, back = flatten(self.params)

        def one(part: Any) -> Any:
            losses = lambda t: self.losses(back(t), part)  # noqa: E731
            slope = jax.jvp(losses, (theta,), (v.astype(theta.dtype),))[1]
            return jax.vjp(losses, theta)[1](slope / slope.shape[0])[0]

        return mean_over(self.batch, self.chunk, one) if self.chunk else one(self.batch)


class Fisher(_OfParameters):
    r"""Fisher information of a model under its own predictions.

    $$F = \frac{1}{N} \sum_i J_i^T M_i J_i, \qquad
      M_i = \mathrm{E}_{y \sim p(\cdot|f_i)} [\nabla_f \log p \, \nabla_f \log p^T]$$

    Args:
        outputs: `outputs(params, batch)`, an array with samples along the first axis.
        likelihood: what the outputs are parameters of: `Gaussian`, `Categorical`, `Bernoulli`.
        params: pytree of parameters.
        batch: data.
        chunk: samples in memory at a time; None takes all at once.

    Raises:
        ParameterError: if a parameter is an integer or complex.

    Accuracy: round-off; the expectation over labels is in closed form.
    Laws: equal to the Gauss-Newton matrix of the negative log-likelihood for these likelihoods.
    Cost: one product costs about three times the loss.

    Example:
        >>> from cocycle.operators.likelihoods import Gaussian
        >>> Fisher(lambda w, x: x @ w, Gaussian(0.5), jnp.ones(2), jnp.eye(2)).dense().tolist()
        [[2.0, 0.0], [0.0, 2.0]]

    Source: [martens2020].
    """

    outputs: Callable[[Any, Any], Any]
    likelihood: AbstractLikelihood
    params: Any
    batch: Any
    chunk: int | None = eqx.field(static=True)

    def __init__(
        self,
        outputs: Callable[[Any, Any], Any],
        likelihood: AbstractLikelihood,
        params: Any,
        batch: Any,
        *,
        chunk: int | None = None,
    ):
        self.outputs, self.likelihood = outputs, likelihood
        self.params = check_params(params)
        self.batch = _arrays(batch)
        self.chunk = None if chunk is None else count(chunk, "chunk")

    def mv(self, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        theta, back = flatten(self.params)

        def one(part: Any) -> Any:
            outputs = lambda t: self.outputs(back(t), part)  # noqa: E731
            f, u = jax.jvp(outputs, (theta,), (v.astype(theta.dtype),))
            w = jax.vmap(self.likelihood.metric)(f, u) / n_samples(f)
            return jax.vjp(outputs, theta)[1](w)[0]

        return mean_over(self.batch, self.chunk, one) if self.chunk else one(self.batch)


def gradient(loss: Callable[[Any, Any], Any], params: Any, batch: Any) -> np.ndarray:
    """Gradient of a loss as one vector, in the order of the operators.

    Args:
        loss: `loss(params, batch)`, a scalar.
        params: pytree of parameters.
        batch: data.

    Returns:
        (P,) gradient.

    Example:
        >>> gradient(lambda w, x: jnp.sum(x @ w), {"a": jnp.ones(2)}["a"], jnp.eye(2)).tolist()
        [1.0, 1.0]
    """
    return np.asarray(_gradient(loss, check_params(params), _arrays(batch)), dtype=float)


@eqx.filter_jit
def _gradient(loss: Any, params: Any, batch: Any) -> Any:
    theta, back = flatten(params)
    return jax.grad(lambda t: loss(back(t), batch))(theta)
