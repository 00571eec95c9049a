"""Curvature and tangent kernel of a training problem as operators: JAX and PyTorch problems alike."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError
from cocycle.operators.abstract import AbstractOperator
from cocycle.operators.kernel import Parts, diagonal_blocks, gram, parts_of
from cocycle.training.losses import SquaredLoss
from cocycle.training.problem import AbstractProblem, Params


class _OfProblem(AbstractOperator):
    """What they share: a problem, parameters, a batch."""

    problem: eqx.AbstractVar[AbstractProblem]
    params: eqx.AbstractVar[Params]
    batch: eqx.AbstractVar[Any]

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """True where JAX can trace the products."""
        return self.problem.traceable

    @property
    def size(self) -> int:
        """P, the number of parameters."""
        return self.problem.n_params


class HessianOfProblem(_OfProblem):
    """Hessian of the mean loss; made by `hessian`."""

    problem: AbstractProblem
    params: Params
    batch: Any

    def mv(self, v: Any) -> Any:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        return self.problem.hvp(self.params, self.batch, v)


class GaussNewtonOfProblem(_OfProblem):
    """Generalised Gauss-Newton matrix of the mean loss; made by `gauss_newton`."""

    problem: AbstractProblem
    params: Params
    batch: Any

    def mv(self, v: Any) -> Any:
        """Return the product with one vector.

        Args:
            v: (P,) vector.
        """
        return self.problem.ggn_vp(self.params, self.batch, v)

    def trace(self) -> float:
        """Return the exact trace: the mean square of the factors of the samples."""
        kernel = KernelOfProblem(self.problem, self.params, self.batch)
        return kernel.trace() / kernel.n_samples


class KernelOfProblem(AbstractOperator):
    """Gram matrix of the factors G_i of all samples, (N C, N C); made by `tangent_kernel`."""

    problem: AbstractProblem
    params: Params
    batch: Any

    @property
    def traceable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """True where JAX can trace the products."""
        return self.problem.traceable

    @property
    def n_samples(self) -> int:
        """N, samples of the batch."""
        return rows_in(self.batch)

    @property
    def n_outputs(self) -> int:
        """C, outputs of one sample."""
        return int(np.prod(self.problem.outputs(self.params, rows_of(self.batch, 0, 1)).shape))

    @property
    def size(self) -> int:
        """N C."""
        return self.n_samples * self.n_outputs

    def mv(self, v: Any) -> Any:
        """Return the product with one vector, without forming the kernel.

        Args:
            v: (N C,) vector.
        """
        direction = self.problem.factor_vjp(self.params, self.batch, v.reshape(self.n_samples, -1))
        return self.problem.factor_vp(self.params, self.batch, direction).reshape(-1)

    def dense(self, *, progress: bool | None = None) -> Float[np.ndarray, "D D"]:
        """Return the kernel, (N C, N C), sample by sample.

        Args:
            progress: show a progress bar; None shows it on a terminal when the work is long.
        """
        return gram(self._rows(), progress=progress)

    def blocks(self) -> Float[np.ndarray, "N C C"]:
        """Return the diagonal blocks: each sample with itself."""
        return diagonal_blocks(self._rows(), self.n_outputs)

    def trace(self) -> float:
        """Return the trace: the sum of squares of the factors."""
        return float(sum(np.sum(rows**2) for rows in self._rows()))

    def _rows(self) -> Parts:
        def factors(first: int, last: int) -> Any:
            return self.problem.factors(self.params, rows_of(self.batch, first, last))

        return parts_of(factors, self.n_samples, self.n_outputs, self.problem.n_params)


def rows_in(batch: Any) -> int:
    """Number of samples of a batch of arrays or tensors.

    Args:
        batch: pytree.
    """
    return int(jax.tree.leaves(batch)[0].shape[0])


def rows_of(batch: Any, first: int, last: int) -> Any:
    """Some samples of a batch of arrays or tensors.

    Args:
        batch: pytree.
        first: number of the first sample.
        last: number after the last.
    """
    return jax.tree.map(lambda leaf: leaf[first:last], batch)


def hessian(problem: AbstractProblem, params: Params = None, *, indices: Any = None) -> HessianOfProblem:
    """Hessian of a problem's mean loss.

    Args:
        problem: JAX or PyTorch problem.
        params: parameters; default those of the problem.
        indices: samples; default all.

    Returns:
        Operator of size P, for `extreme_eigenvalues`, `trace`, `spectral_density`, `solve`.

    Raises:
        ParameterError: if it is no problem.

    Cost: one product costs about four evaluations of the loss.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.operators import extreme_eigenvalues
        >>> from cocycle.training import Problem
        >>> line = Problem(lambda w, x: jnp.dot(w, x), jnp.zeros(2), (jnp.array([[1.0, 0], [0, 2.0]]), jnp.zeros(2)))
        >>> round(float(extreme_eigenvalues(hessian(line)).top), 12)
        2.0

    Source: [pearlmutter1994].
    """
    return HessianOfProblem(*_given(problem, params, indices))


def gauss_newton(problem: AbstractProblem, params: Params = None, *, indices: Any = None) -> GaussNewtonOfProblem:
    """Generalised Gauss-Newton matrix of a problem; the Fisher matrix for squared, cross-entropy and logistic losses.

    Args:
        problem: JAX or PyTorch problem.
        params: parameters; default those of the problem.
        indices: samples; default all.

    Returns:
        Operator of size P; its exact `trace()` costs one pass over the samples.

    Raises:
        ParameterError: if it is no problem.

    Laws: at interpolation equal to the Hessian; largest eigenvalue at most the trace.

    Source: [schraudolph2002]; equality with the Fisher matrix [martens2020].
    """
    return GaussNewtonOfProblem(*_given(problem, params, indices))


def tangent_kernel(
    problem: AbstractProblem, params: Params = None, *, indices: Any = None, weighted: bool = False
) -> KernelOfProblem:
    r"""Tangent kernel between the samples of a problem.

    $$\Theta_{ic,jd} = J_{ic} \cdot J_{jd}$$

    Args:
        problem: JAX or PyTorch problem.
        params: parameters; default those of the problem.
        indices: samples; default all.
        weighted: with the root of the loss's curvature in the outputs, R J in the place of J: the non-zero eigenvalues
            over N are then those of the Gauss-Newton matrix.

    Returns:
        Operator of size N C with `dense()`, `blocks()` and exact `trace()`.

    Raises:
        ParameterError: if it is no problem.

    Laws: positive semi-definite; gradient flow of a loss moves the outputs by -Theta dL/df.
    Cost: `dense()` N C reverse passes and (N C)^2 P operations; factors beyond 1 GB are made again, part by part.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.training import Problem
        >>> line = Problem(lambda w, x: jnp.dot(w, x), jnp.ones(2), (jnp.eye(2) * 3, jnp.ones(2)))
        >>> tangent_kernel(line).dense().tolist()
        [[9.0, 0.0], [0.0, 9.0]]

    Source: [jacot2018].
    """
    problem, params, batch = _given(problem, params, indices)
    return KernelOfProblem(problem if weighted else _unweighted(problem), params, batch)


def _given(problem: AbstractProblem, params: Params, indices: Any) -> tuple[AbstractProblem, Params, Any]:
    if not isinstance(problem, AbstractProblem):
        raise ParameterError(
            f"a training problem is needed, got {type(problem).__name__}; make one with Problem or TorchProblem."
        )
    return problem, problem.params if params is None else params, problem.batch(indices)


def _unweighted(problem: AbstractProblem) -> AbstractProblem:
    """The problem with a loss of unit curvature, so that its factors are the Jacobian."""
    copy = object.__new__(type(problem))
    for field in dataclasses.fields(problem):
        object.__setattr__(copy, field.name, getattr(problem, field.name))
    object.__setattr__(copy, "sample_loss", SquaredLoss())
    return copy
