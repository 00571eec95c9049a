"""The tangent kernel of a network: full, by blocks, its trace, and its product with a vector."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ShapeError
from cocycle.core.progress import Progress
from cocycle.core.run import check_memory
from cocycle.operators.abstract import AbstractOperator
from cocycle.operators.flatten import check_params, flatten, n_parameters, n_samples

# Doubles of the Jacobian that are made at a time (64 MB), and that are held so as not to be made again (1 GB).
JACOBIAN = 2**23
HELD = 2**27


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
    Cost: `mv` costs about three times the outputs; `dense` N C backward passes and N^2 C^2 P multiplications; what
        exceeds 1 GB of the Jacobian is made again, part by part.

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

    def dense(self, *, progress: bool | None = None) -> np.ndarray:
        """Return the kernel, (N C, N C).

        Args:
            progress: show a progress bar; None shows it on a terminal when the work is long.
        """
        return gram(self._rows(), progress=progress)

    def cross(self, inputs: Any) -> np.ndarray:
        """Return the kernel between the samples and others, (N C, M C).

        Args:
            inputs: the other samples.
        """
        return gram(self._rows(), TangentKernel(self.outputs, self.params, inputs)._rows())

    def blocks(self) -> np.ndarray:
        """Return the diagonal blocks, (N, C, C): each sample with itself."""
        return diagonal_blocks(self._rows(), self.n_outputs)

    def trace(self) -> float:
        """Return the trace: the sum of squares of the Jacobian."""
        return float(sum(np.sum(rows**2) for rows in self._rows()))

    def _rows(self) -> "Parts":
        return parts_of(self.jacobian, self.n_samples, self.n_outputs, n_parameters(self.params))


@dataclasses.dataclass(frozen=True)
class Parts:
    """A tall matrix that is made part by part.

    Attributes:
        make: `make(k)` gives the rows of part k, always of as many columns.
        n: number of parts.
        n_rows: rows in all.
    """

    make: Callable[[int], np.ndarray]
    n: int
    n_rows: int

    def __iter__(self) -> Iterator[np.ndarray]:
        """Go through the parts."""
        return (self.make(k) for k in range(self.n))


def parts_of(factors: Callable[[int, int], Any], n_samples: int, n_outputs: int, n_params: int) -> Parts:
    """Rows (n C, P) of as many samples at a time as fit; all parts are computed in one shape.

    Args:
        factors: `factors(first, last)` gives the rows of some samples, (n, C, P).
        n_samples: N.
        n_outputs: C.
        n_params: P.

    Returns:
        Parts; the last one may have fewer rows.
    """
    step = max(1, min(n_samples, JACOBIAN // max(1, n_outputs * n_params)))

    def make(k: int) -> np.ndarray:
        last = min((k + 1) * step, n_samples)
        rows = np.asarray(factors(last - step, last), dtype=float)[k * step - last + step :]
        return rows.reshape(-1, rows.shape[-1])

    return Parts(make, -(-n_samples // step), n_samples * n_outputs)


def gram(parts: Parts, others: Parts | None = None, *, progress: bool | None = None) -> np.ndarray:
    """Products of all rows of a tall matrix with all others, a part of it in memory at a time.

    Args:
        parts: the matrix.
        others: another matrix; None takes the first.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        (rows, rows of the other) array.

    Raises:
        ParameterError: if it does not fit into memory.
    """
    n, m = parts.n_rows, (parts if others is None else others).n_rows
    check_memory(n, 3 * 8 * m, "take a part of the samples")
    out, held = np.empty((n, m)), _Holding(parts if others is None else others)
    top = 0
    n_products = parts.n * (parts.n + 1) // 2 if others is None else parts.n * others.n
    with Progress(n_products, "tangent kernel", progress) as bar:
        for k in range(parts.n):
            a = held(k) if others is None else parts.make(k)
            left = top if others is None else 0
            for l in range(k if others is None else 0, held.parts.n):  # noqa: E741
                b = a if others is None and l == k else held(l)
                out[top : top + len(a), left : left + len(b)] = a @ b.T
                if others is None and l > k:
                    out[left : left + len(b), top : top + len(a)] = out[top : top + len(a), left : left + len(b)].T
                left += len(b)
                bar.advance(1)
            top += len(a)
    return out


class _Holding:
    """Parts, of which the first are kept."""

    def __init__(self, parts: Parts):
        self.parts, self.kept, self.size = parts, {}, 0

    def __call__(self, k: int) -> np.ndarray:
        """Part k."""
        if k in self.kept:
            return self.kept[k]
        part = self.parts.make(k)
        if self.size + part.size <= HELD and self.parts.n > 1:
            self.kept[k] = part
            self.size += part.size
        return part


def diagonal_blocks(parts: Parts, n_outputs: int) -> np.ndarray:
    """Products of the rows of each sample with each other.

    Args:
        parts: rows, sample by sample.
        n_outputs: C, rows of a sample.

    Returns:
        (N, C, C) array.
    """
    samples = [rows.reshape(-1, n_outputs, rows.shape[1]) for rows in parts]
    return np.concatenate([np.einsum("ncp,ndp->ncd", j, j) for j in samples])


@eqx.filter_jit
def _jacobian(outputs: Any, params: Any, inputs: Any) -> Any:
    theta, back = flatten(params)
    arrays, rest = eqx.partition(inputs, eqx.is_array)

    def one(sample: Any) -> Any:
        batch = eqx.combine(jax.tree.map(lambda a: a[None], sample), rest)
        return jax.jacrev(lambda t: outputs(back(t), batch)[0].ravel())(theta)

    return jax.vmap(one)(arrays)
