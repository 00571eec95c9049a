"""A training problem: model, parameters, data, loss; and the products that all analyses ask of it.

`AbstractProblem` is the interface between what is analysed and how. Analyses never look into parameters: they
see flat vectors (P,), Hessian and Gauss-Newton products, and per-sample gradients.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from cocycle.core.errors import ParameterError
from cocycle.training.checks import check_model
from cocycle.training.losses import AbstractLoss, SquaredLoss, as_loss

Params = PyTree[Any]
Batch = PyTree[Any]


class AbstractProblem(eqx.Module):
    r"""Parameters, data and a mean loss $L = \frac1N \sum_i \ell_i$, with its first and second derivatives.

    Vectors `v` and results of products are flat (P,), P = `n_params`, in the order of `flat`. A batch is rows of
    the data: `batch(indices)`. C is the number of outputs of one sample, flattened.
    """

    params: eqx.AbstractVar[Params]
    data: eqx.AbstractVar[Batch]
    # True where all methods may be traced by JAX (inside jit, scan, vmap).
    traceable: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def n_samples(self) -> int:
        """N, rows of the data."""

    @property
    @abc.abstractmethod
    def n_params(self) -> int:
        """P, numbers in the parameters."""

    @abc.abstractmethod
    def batch(self, indices: Int[Array, "B"] | None = None) -> Batch:
        """Return rows of the data; None is all of them."""

    @abc.abstractmethod
    def flat(self, params: Params) -> Float[Array, "P"]:
        """Return the parameters as one vector."""

    @abc.abstractmethod
    def unflat(self, vector: Float[Array, "P"]) -> Params:
        """Return a vector as parameters."""

    @abc.abstractmethod
    def outputs(self, params: Params, batch: Batch) -> Float[Array, "B ..."]:
        """Return the model's outputs."""

    @abc.abstractmethod
    def per_sample_loss(self, params: Params, batch: Batch) -> Float[Array, "B"]:
        """Return the losses of the samples."""

    @abc.abstractmethod
    def loss(self, params: Params, batch: Batch) -> Float[Array, ""]:
        """Return their mean."""

    @abc.abstractmethod
    def gradient(self, params: Params, batch: Batch) -> Float[Array, "P"]:
        """Return the gradient of the mean loss."""

    @abc.abstractmethod
    def per_sample_gradients(self, params: Params, batch: Batch) -> Float[Array, "B P"]:
        """Return the gradient of each sample's loss."""

    @abc.abstractmethod
    def hvp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the Hessian of the mean loss times v."""

    @abc.abstractmethod
    def ggn_vp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the generalised Gauss-Newton matrix of the mean loss times v."""

    @abc.abstractmethod
    def factors(self, params: Params, batch: Batch) -> Float[Array, "B C P"]:
        """Return G_i = R_i J_i of each sample: G_i^T G_i is its Gauss-Newton matrix."""

    @abc.abstractmethod
    def residuals(self, params: Params, batch: Batch) -> Float[Array, "B C"]:
        """Return u_i of each sample, where G_i^T u_i is the gradient of its loss; all zero at interpolation."""

    @abc.abstractmethod
    def factor_vp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "B C"]:
        """Return G_i v of each sample, without forming G."""

    @abc.abstractmethod
    def factor_vjp(self, params: Params, batch: Batch, u: Float[Array, "B C"]) -> Float[Array, "P"]:
        """Return the sum of G_i^T u_i, without forming G."""


def _names(tree: PyTree, kind: Callable[[Any], bool]) -> str:
    found = [(jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    return ", ".join(f"params{path} ({leaf.dtype})" for path, leaf in found if kind(leaf))


def check_params(params: Params) -> Params:
    """Turn parameters into arrays, and refuse what cannot be trained.

    Raises:
        ParameterError: if there are none, or some are integers, complex or not finite.
    """
    if not all(eqx.is_array_like(leaf) for leaf in jax.tree.leaves(params)):
        odd = next(leaf for leaf in jax.tree.leaves(params) if not eqx.is_array_like(leaf))
        raise ParameterError(
            f"params holds a {type(odd).__name__}, which is not an array; give arrays only, or use "
            "cocycle.training.from_equinox(model, data) for a module."
        )
    params = jax.tree.map(jnp.asarray, params)
    if not jax.tree.leaves(params):
        raise ParameterError("params holds no arrays: there is nothing to train.")
    odd = _names(params, lambda leaf: not jnp.issubdtype(leaf.dtype, jnp.floating))
    if odd:
        raise ParameterError(
            f"only real floating parameters can be trained, got {odd}; cast them to float, or keep what is not "
            "trained (counters, masks) out of params."
        )
    odd = _names(params, lambda leaf: not bool(jnp.all(jnp.isfinite(leaf))))
    if odd:
        raise ParameterError(f"NaN or infinity in {odd}; training has diverged before: take an earlier checkpoint.")
    return params


def check_data(data: Batch) -> Batch:
    """Turn data into arrays that share their first axis.

    Raises:
        ParameterError: if they do not, or there are none.
    """
    data = jax.tree.map(jnp.asarray, data)
    lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(data)}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        shapes = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(data)) or "nothing"
        raise ParameterError(f"data must be arrays that share a non-empty first axis, the samples; got {shapes}.")
    return data


class Problem(AbstractProblem):
    r"""Supervised training of `apply(params, x)` on samples (x, z): $L = \frac1N \sum_i \ell(f_\theta(x_i), z_i)$.

    Args:
        apply: the model, a deterministic function written with `jax.numpy`: of one sample, or of a batch of samples
            along the first axis with `batched=True` (as Flax modules are).
        params: parameters, any pytree of floating arrays.
        data: pair (x, z) of arrays, or of pytrees of arrays, with samples along the first axis.
        loss: "squared" (half the squared error), "cross_entropy", "logistic", a loss object, or a function of
            (output, target) of one sample.
        batched: whether `apply` takes batches.

    Raises:
        ParameterError: if parameters are not floating, data do not fit each other or the model, the loss is NaN,
            or the model gives two answers to one question.

    Cost: one evaluation of the loss on one sample.

    Example:
        >>> apply = lambda w, x: jnp.dot(w, x)
        >>> problem = Problem(apply, jnp.array([1.0, 2.0]), (jnp.eye(2), jnp.array([1.0, 0.0])))
        >>> problem.per_sample_loss(problem.params, problem.data).tolist()
        [0.0, 2.0]
    """

    apply: Callable[[Params, Any], Array]
    params: Params
    data: Batch
    sample_loss: AbstractLoss
    batched: bool = eqx.field(static=True)

    def __init__(
        self,
        apply: Callable[[Params, Any], Array],
        params: Params,
        data: Any,
        *,
        loss: AbstractLoss | Callable | str = SquaredLoss(),
        batched: bool = False,
    ):
        self.apply = apply
        self.params = check_params(params)
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise ParameterError("data must be a pair (inputs, targets).")
        self.data = check_data(tuple(data))
        self.sample_loss = as_loss(loss)
        self.batched = batched
        check_model(self)

    @property
    def n_samples(self) -> int:
        """N, rows of the data."""
        return jax.tree.leaves(self.data)[0].shape[0]

    @property
    def n_params(self) -> int:
        """P, numbers in the parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.params))

    def batch(self, indices: Int[Array, "B"] | None = None) -> Batch:
        """Return rows of the data; None is all of them."""
        return self.data if indices is None else jax.tree.map(lambda leaf: leaf[indices], self.data)

    def flat(self, params: Params) -> Float[Array, "P"]:
        """Return the parameters as one vector, in the widest of their dtypes."""
        leaves = jax.tree.leaves(params)
        dtype = jnp.result_type(*leaves)
        return jnp.concatenate([leaf.reshape(-1).astype(dtype) for leaf in leaves])

    def unflat(self, vector: Float[Array, "P"]) -> Params:
        """Return a vector as parameters, each in its own shape and dtype."""
        leaves, structure = jax.tree.flatten(self.params)
        out, at = [], 0
        for leaf in leaves:
            out.append(vector[at : at + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
            at += leaf.size
        return jax.tree.unflatten(structure, out)

    def output(self, params: Params, x: Any) -> Array:
        """Return the model's output for one sample.

        Args:
            params: parameters.
            x: input of one sample.
        """
        if not self.batched:
            return self.apply(params, x)
        return self.apply(params, jax.tree.map(lambda leaf: leaf[None], x))[0]

    @eqx.filter_jit
    def outputs(self, params: Params, batch: Batch) -> Float[Array, "B ..."]:
        """Return the model's outputs."""
        if self.batched:
            return self.apply(params, batch[0])
        return jax.vmap(lambda x: self.apply(params, x))(batch[0])

    @eqx.filter_jit
    def per_sample_loss(self, params: Params, batch: Batch) -> Float[Array, "B"]:
        """Return the losses of the samples."""
        return jax.vmap(self.sample_loss)(self.outputs(params, batch), batch[1])

    @eqx.filter_jit
    def loss(self, params: Params, batch: Batch) -> Float[Array, ""]:
        """Return their mean."""
        return jnp.mean(self.per_sample_loss(params, batch))

    @eqx.filter_jit
    def gradient(self, params: Params, batch: Batch) -> Float[Array, "P"]:
        """Return the gradient of the mean loss."""
        return self.flat(jax.grad(self.loss)(params, batch))

    @eqx.filter_jit
    def per_sample_gradients(self, params: Params, batch: Batch) -> Float[Array, "B P"]:
        """Return the gradient of each sample's loss."""

        def one(x: Any, z: Any) -> Array:
            return self.flat(jax.grad(lambda p: self.sample_loss(self.output(p, x), z))(params))

        return jax.vmap(one)(*batch)

    @eqx.filter_jit
    def hvp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the Hessian of the mean loss times v: forward over reverse."""
        gradient = lambda p: jax.grad(self.loss)(p, batch)  # noqa: E731
        return self.flat(jax.jvp(gradient, (params,), (self.unflat(v),))[1])

    @eqx.filter_jit
    def ggn_vp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "P"]:
        """Return the generalised Gauss-Newton matrix of the mean loss times v."""
        u = self.factor_vp(params, batch, v)
        return self.factor_vjp(params, batch, u) / u.shape[0]

    @eqx.filter_jit
    def factors(self, params: Params, batch: Batch) -> Float[Array, "B C P"]:
        """Return G_i = R_i J_i of each sample, by reverse mode over its outputs."""

        def one(x: Any, z: Any) -> Array:
            output, pull = jax.vjp(lambda p: self.output(p, x), params)
            root = self.sample_loss.root(output, z)
            return jax.vmap(lambda row: self.flat(pull(row.reshape(output.shape))[0]))(root)

        return jax.vmap(one)(*batch)

    @eqx.filter_jit
    def residuals(self, params: Params, batch: Batch) -> Float[Array, "B C"]:
        """Return u_i of each sample, where G_i^T u_i is the gradient of its loss."""
        return jax.vmap(self.sample_loss.residual)(self.outputs(params, batch), batch[1])

    @eqx.filter_jit
    def factor_vp(self, params: Params, batch: Batch, v: Float[Array, "P"]) -> Float[Array, "B C"]:
        """Return G_i v of each sample, by forward mode."""
        outputs, tangent = jax.jvp(lambda p: self.outputs(p, batch), (params,), (self.unflat(v),))
        roots = jax.vmap(self.sample_loss.root)(outputs, batch[1])
        return jnp.einsum("bij,bj->bi", roots, tangent.reshape(roots.shape[0], -1))

    @eqx.filter_jit
    def factor_vjp(self, params: Params, batch: Batch, u: Float[Array, "B C"]) -> Float[Array, "P"]:
        """Return the sum of G_i^T u_i, by reverse mode."""
        outputs, pull = jax.vjp(lambda p: self.outputs(p, batch), params)
        roots = jax.vmap(self.sample_loss.root)(outputs, batch[1])
        rows = jnp.einsum("bij,bi->bj", roots, u).reshape(outputs.shape)
        return self.flat(pull(rows.astype(outputs.dtype))[0])
