"""The tangent kernel of a network: full, by blocks, its trace, and its product with a vector."""

from collections.abc import Callable
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
    def size(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
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
        return self.cross(None)

    def cross(self, inputs: Any) -> np.ndarray:
        """Return the kernel between the samples and others, (N C, M C).

        Args:
            inputs: the other samples; None takes the same.
        """
        other = self if inputs is None else TangentKernel(self.outputs, self.params, inputs)
        c = self.n_outputs
        out = np.empty((self.size, other.size))
        for i, rows in self._parts():
            for j, columns in [(i, rows)] if inputs is None else []:
                out[i * c : i * c + len(rows), j * c : j * c + len(columns)] = rows @ columns.T
            for j, columns in other._parts(i + len(rows) // c if inputs is None else 0):
                block = rows @ columns.T
                out[i * c : i * c + len(rows), j * c : j * c + len(columns)] = block
                if inputs is None:
                    out[j * c : j * c + len(columns), i * c : i * c + len(rows)] = block.T
        return out

    def blocks(self) -> np.ndarray:
        """Return the diagonal blocks, (N, C, C): each sample with itself."""
        c = self.n_outputs
        parts = [rows.reshape(-1, c, rows.shape[1]) for _, rows in self._parts()]
        return np.concatenate([np.einsum("ncp,ndp->ncd", rows, rows) for rows in parts])

    def trace(self) -> float:
        """Return the trace: the sum of squares of the Jacobian."""
        return float(sum(np.sum(rows**2) for _, rows in self._parts()))

    def _parts(self, first: int = 0) -> Any:
        """Jacobian rows (n C, P) with the number of their first sample, from sample `first` on."""
        n_at_once = max(1, min(self.n_samples, JACOBIAN // max(1, self.n_outputs * n_parameters(self.params))))
        for start in range(first, self.n_samples, n_at_once):
            rows = self.jacobian(start, start + n_at_once)
            yield start, rows.reshape(-1, rows.shape[-1])


@eqx.filter_jit
def _jacobian(outputs: Any, params: Any, inputs: Any) -> Any:
    theta, back = flatten(params)
    arrays, rest = eqx.partition(inputs, eqx.is_array)

    def one(sample: Any) -> Any:
        batch = eqx.combine(jax.tree.map(lambda a: a[None], sample), rest)
        return jax.jacrev(lambda t: outputs(back(t), batch)[0].ravel())(theta)

    return jax.vmap(one)(arrays)
