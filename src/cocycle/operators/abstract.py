"""The one thing that every algorithm here asks of a matrix: its product with a vector."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import NonFiniteStateError, ParameterError, ShapeError
from cocycle.core.start import count
from cocycle.core.tracing import is_traced

# Doubles that one call may hold (about 64 MB), and that are multiplied side by side: more of them leave the cache, and
# XLA's batched products of matrices are slower than single ones.
BLOCK, TOGETHER = 2**23, 2**18


class AbstractOperator(eqx.Module):
    """A real symmetric matrix known by its products; parameters and data are leaves.

    A subclass gives `size` (D) and `mv`. Algorithms call `products`, which compiles once per shape.

    Example:
        >>> class Twice(AbstractOperator):
        ...     size = 3
        ...     def mv(self, v):
        ...         return 2 * v
        >>> Twice().dense().diagonal().tolist()
        [2.0, 2.0, 2.0]
    """

    # False where products are made outside of JAX (PyTorch, a plain function).
    traceable: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """D."""

    @abc.abstractmethod
    def mv(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return the product with one vector.

        Args:
            v: (D,) vector.
        """

    def dense(self) -> np.ndarray:
        """Return the matrix itself, (D, D), by D products: for small D only."""
        return products(self, np.eye(self.size))

    def trace(self) -> float:
        """Return the exact trace, by D products or less where a subclass knows how."""
        step = max(1, BLOCK // self.size)
        total = 0.0
        for first in range(0, self.size, step):
            rows = np.eye(min(step, self.size - first), self.size, first)
            total += float(np.sum(rows * products(self, rows)))
        return total

    def to_lineax(self) -> Any:
        """Return the same as a `lineax.FunctionLinearOperator`, tagged symmetric.

        Raises:
            ParameterError: if products are made outside of JAX.
        """
        import lineax as lx

        if not self.traceable:
            raise ParameterError("products of this operator are made outside of JAX; lineax cannot trace them.")
        return lx.FunctionLinearOperator(self.mv, jax.ShapeDtypeStruct((self.size,), jnp.float64), lx.symmetric_tag)


class Dense(AbstractOperator):
    """A symmetric matrix given as an array.

    Args:
        matrix: (D, D) symmetric array.

    Example:
        >>> float(Dense(jnp.diag(jnp.array([1.0, 3.0]))).mv(jnp.ones(2))[1])
        3.0
    """

    matrix: Float[Array, "D D"]

    def __init__(self, matrix: Any):
        matrix = jnp.asarray(matrix, dtype=float)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ShapeError(f"a square matrix is needed, got an array of shape {matrix.shape}.")
        if not is_traced(matrix) and not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12):
            raise ParameterError("the matrix is not symmetric; give (A + A.T) / 2 if that is what is meant.")
        self.matrix = matrix

    @property
    def size(self) -> int:
        """D."""
        return self.matrix.shape[0]

    def mv(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return the product with one vector.

        Args:
            v: (D,) vector.
        """
        return self.matrix @ v


class FromProducts(AbstractOperator):
    """A symmetric matrix given by a plain function, in numpy or any other library.

    Args:
        function: product with a (D,) numpy vector, as something that numpy takes.
        size: D.

    Example:
        >>> FromProducts(lambda v: v[::-1], 2).dense().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """

    function: Callable[[np.ndarray], Any] = eqx.field(static=True)
    n: int = eqx.field(static=True)
    traceable: ClassVar[bool] = False

    def __init__(self, function: Callable[[np.ndarray], Any], size: int):
        self.function = function
        self.n = count(size, "size")

    @property
    def size(self) -> int:
        """D."""
        return self.n

    def mv(self, v: Any) -> Any:
        """Return the product with one vector.

        Args:
            v: (D,) vector.
        """
        return np.asarray(self.function(np.asarray(v)), dtype=float)


@eqx.filter_jit
def _product(operator: AbstractOperator, v: Array) -> Array:
    return operator.mv(v)


@eqx.filter_jit
def _products(operator: AbstractOperator, V: Array) -> Array:
    together = TOGETHER // V.shape[1]
    return jax.vmap(operator.mv)(V) if together >= len(V) else jax.lax.map(operator.mv, V, batch_size=max(1, together))


def product(operator: AbstractOperator, v: np.ndarray) -> np.ndarray:
    """Product with one vector, in double precision on the host.

    Args:
        operator: the matrix.
        v: (D,) vector.

    Returns:
        (D,) product.

    Raises:
        NonFiniteStateError: if the product is not finite.
    """
    out = _product(operator, jnp.asarray(v)) if operator.traceable else operator.mv(jnp.asarray(v))
    return _finite(np.asarray(out, dtype=float), v)


def products(operator: AbstractOperator, rows: np.ndarray) -> np.ndarray:
    """Products with the rows of an array, as many at a time as memory allows.

    Args:
        operator: the matrix.
        rows: (K, D) vectors.

    Returns:
        (K, D) products.

    Raises:
        NonFiniteStateError: if a product is not finite.
    """
    if not operator.traceable:
        return _finite(np.stack([np.asarray(operator.mv(jnp.asarray(v)), dtype=float) for v in rows]), rows)
    step = max(1, min(len(rows), BLOCK // operator.size))
    parts = [np.asarray(_products(operator, jnp.asarray(rows[i : i + step])), float) for i in range(0, len(rows), step)]
    return _finite(np.concatenate(parts), rows)


def _finite(out: np.ndarray, given: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(out)):
        raise NonFiniteStateError(
            "a product with the operator is not finite: the loss or a derivative is NaN or infinite at these "
            "parameters. Look at the loss there, or take parameters from before it diverged.",
            step=0,
            last_state=given,
        )
    return out


def check_operator(operator: Any) -> AbstractOperator:
    """Refuse what is no operator.

    Args:
        operator: as given.

    Raises:
        ParameterError: if it is no AbstractOperator.
    """
    if not isinstance(operator, AbstractOperator):
        raise ParameterError(
            f"an operator is needed, got {type(operator).__name__}; wrap a matrix with Dense, a product with "
            "FromProducts."
        )
    return operator
