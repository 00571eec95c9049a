"""The tangent kernel of a network: full, by blocks, its trace, and its product with a vector."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ShapeError
from cocycle.operators.abstract import AbstractOperator
from cocycle.operators.flatten import check_params, flatten, n_parameters, n_samples

# Doubles of the Jacobian that are held at a time (256 MB).
JACOBIAN = 2**25


class TangentKernel(AbstractOperator):
    r"""Neural tangent kernel between the samples of a batch, at finite width.

    $$\Theta_{ic,jd} = J_{ic} \cdot J_{jd}, \qquad J_{ic} = \partial f_c(x_i) / \partial \theta$$

    The order of rows is sample by sample, output by output; D = N C.

    Args:
        outputs: `outputs(params, inputs)`, shape (N,) or (N, C) or (N, ...), each sample by itself.
        params: pytree of parameters.
        inputs: batch, a pytree of arrays with samples along the first axis.

    Raises:
        ParameterError: if a parameter is an integer or complex.
        ShapeError: if the outputs do not have one row a sample.

    Accuracy: round-off.
    Laws: positive semi-definite; the non-zero eigenvalues of Theta / N are those of the Gauss-Newton matrix of the
        squared loss; gradient flow of a loss moves the outputs by -Theta dL/df.
    Limits: networks that mix samples (batch normalisation in training mode) have no such kernel.
    Cost: `mv` costs about three times the outputs; `dense` N C backward passes and N^2 C^2 P multiplications, with
        at most 256 MB of the Jacobian held at a time.

    Example:
        >>> kernel = TangentKernel(lambda w, x: x @ w, jnp.ones(2), jnp.array([[1.0, 0.0], [1.0, 1.0]]))
        >>> kernel.dense().tolist(), kernel.trace()
        ([[1.0, 1.0], [1.0, 2.0]], 3.0)

    Source: [jacot2018].
    """

    outputs: Callable[[Any, Any], Any]
    params: Any
    inputs: Any
    output_shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, outputs: Callable[[Any, Any], Any], params: Any, inputs: Any):
        self.outputs = outputs
        self.params = check_params(params)
        self.inputs = jax.tree.map(lambda a: jnp.asarray(a) if eqx.is_array_like(a) else a, inputs)
        shape = eqx.filter_eval_shape(outputs, self.params, self.inputs).shape
        if not shape or shape[0] != n_samples(self.inputs):
            raise ShapeError(
                f"the outputs have shape {shape} for {n_samples(self.inputs)} samples; they need one row a sample."
            )
        self.output_shape = tuple(shape[1:])

    @property
    def n_samples(self) -> int:
        """N."""
        return n_samples(self.inputs)

    @property
    def n_outputs(self) -> int:
        """C, numbers that one sample gives."""
        return int(np.prod(self.output_shape, dtype=int))

    @property
    def size(self) -> int:
        """N C."""
        return self.n_samples * self.n_outputs

    def mv(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return the product with one vector, without forming the kernel.

        Args:
            v: (N C,) vector.
        """
        theta, back = flatten(self.params)
        outputs = lambda t: self.outputs(back(t), self.inputs)  # noqa: E731
        f, pull = jax.vjp(outputs, theta)
        (direction,) = pull(v.reshape(f.shape).astype(f.dtype))
        return jax.jvp(outputs, (theta,), (direction,))[1].ravel()

    def jacobian(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return the Jacobian of some samples, (n, C, P).

        Args:
            first: number of the first sample.
            last: number after the last sample; None takes all.
        """
        part = jax.tree.map(lambda a: a[first:last] if eqx.is_array(a) else a, self.inputs)
        return np.asarray(_jacobian(self.outputs, self.params, part), dtype=float)

    def dense(self) -> np.ndarray:
        """Return the kernel, (N C, N C)."""
        return gram(self._rows)

    def cross(self, inputs: Any) -> np.ndarray:
        """Return the kernel between the samples and others, (N C, M C).

        Args:
            inputs: the other samples.
        """
        return gram(self._rows, TangentKernel(self.outputs, self.params, inputs)._rows)

    def blocks(self) -> np.ndarray:
        """Return the diagonal blocks, (N, C, C): each sample with itself."""
        return diagonal_blocks(self._rows, self.n_outputs)

    def trace(self) -> float:
        """Return the trace: the sum of squares of the Jacobian."""
        return float(sum(np.sum(rows**2) for rows in self._rows()))

    def _rows(self, first: int = 0) -> Iterator[np.ndarray]:
        """Jacobian rows (n C, P) of as many samples as fit, from part number `first` on."""
        step = samples_at_once(self.n_samples, self.n_outputs * n_parameters(self.params))
        for start in range(first * step, self.n_samples, step):
            rows = self.jacobian(start, start + step)
            yield rows.reshape(-1, rows.shape[-1])


def samples_at_once(n_samples: int, size: int) -> int:
    """How many samples' Jacobians are held at a time.

    Args:
        n_samples: N.
        size: numbers in the Jacobian of one sample, C P.
    """
    return max(1, min(n_samples, JACOBIAN // max(1, size)))


def gram(
    parts: Callable[[int], Iterator[np.ndarray]], others: Callable[[int], Iterator[np.ndarray]] | None = None
) -> np.ndarray:
    """Products of all rows of a tall matrix with all others, a part of it in memory at a time.

    Args:
        parts: `parts(k)` goes through the parts (n, P) of the matrix from number k on.
        others: the same of another matrix; None takes the first.

    Returns:
        (rows, rows of the other) array.
    """
    if others is not None:
        return np.concatenate([np.concatenate([a @ b.T for b in others(0)], axis=1) for a in parts(0)])
    blocks: list[list[np.ndarray]] = []
    for k, a in enumerate(parts(0)):
        right = [a @ b.T for b in parts(k + 1)]
        blocks.append([blocks[i][k].T for i in range(k)] + [a @ a.T, *right])
    return np.block(blocks)


def diagonal_blocks(parts: Callable[[int], Iterator[np.ndarray]], n_outputs: int) -> np.ndarray:
    """Products of the rows of each sample with each other.

    Args:
        parts: as in `gram`, rows sample by sample.
        n_outputs: C, rows of a sample.

    Returns:
        (N, C, C) array.
    """
    samples = [rows.reshape(-1, n_outputs, rows.shape[1]) for rows in parts(0)]
    return np.concatenate([np.einsum("ncp,ndp->ncd", j, j) for j in samples])


@eqx.filter_jit
def _jacobian(outputs: Any, params: Any, inputs: Any) -> Any:
    theta, back = flatten(params)
    arrays, rest = eqx.partition(inputs, eqx.is_array)

    def one(sample: Any) -> Any:
        batch = eqx.combine(jax.tree.map(lambda a: a[None], sample), rest)
        return jax.jacrev(lambda t: outputs(back(t), batch)[0].ravel())(theta)

    return jax.vmap(one)(arrays)
