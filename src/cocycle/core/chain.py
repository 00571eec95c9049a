"""Markov chains are systems: the state is the number of a box, the drive a random key."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.sparse
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.core.system import AbstractSystem, positive_time

sp: Any = scipy.sparse  # its stubs know neither sparse arrays nor their attributes

ROUND_OFF = 1e-9


class MarkovChain(AbstractSystem):
    r"""A Markov chain on finitely many states, one transition a step.

    $$P(x_{n+1} = j \mid x_n = i) = p_{ij}$$

    The drive is a key of `Keys(key)`. Rows are kept sparse: the reachable states and their summed probabilities.

    Args:
        matrix: (n, n) transition probabilities, dense or scipy.sparse; rows sum to 1.
        dt: time of one transition.
        points: (n, D) places of the states, which a trajectory then keeps; None keeps their numbers.
        counts: (n, n) observed transitions that the matrix was learned from, or None.
        x0: default initial state, a number from 0 to n - 1.
        name: what to call the system.
        variables: names of the D coordinates.

    Raises:
        ShapeError: if the matrix is not square, or points are not n rows.
        ParameterError: if an entry is negative or a row does not sum to 1.

    Example:
        >>> chain = MarkovChain([[0.0, 1.0], [1.0, 0.0]])
        >>> int(chain.step(jnp.asarray(0), jr.key(0)))
        1
    """

    targets: Int[Array, "n k"]
    cumulative: Float[Array, "n k"]
    dt: Float[Array, ""]
    x0: Any
    points: Float[Array, "n D"] | None
    matrix: Any = eqx.field(static=True)
    counts: Any = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        matrix: Any,
        *,
        dt: Any = 1.0,
        points: Any = None,
        counts: Any = None,
        x0: Any = 0,
        name: str | None = None,
        variables: tuple[str, ...] | None = None,
    ):
        matrix = checked_matrix(matrix)
        n = matrix.shape[0]
        self.targets, self.cumulative = _padded_rows(matrix)
        self.dt = positive_time(dt)
        if points is not None and (np.ndim(points) != 2 or len(points) != n):
            raise ShapeError(f"points have shape {np.shape(points)}; {n} states need ({n}, D).")
        self.points = None if points is None else jnp.asarray(points, dtype=float)
        if not 0 <= int(x0) < n:
            raise ParameterError(f"x0 is {x0}; the states are numbered 0 to {n - 1}.")
        self.x0 = jnp.asarray(x0, dtype=int)
        self.matrix = _Frozen(matrix)
        self.counts = None if counts is None else _Frozen(sp.csr_array(counts))
        self.name = name
        self.variables = variables

    def step(self, x: Int[Array, ""], w: PRNGKeyArray) -> Int[Array, ""]:
        """Move to the next state.

        Args:
            x: number of the state.
            w: random key.
        """
        row = self.cumulative[x]
        u = jr.uniform(w, dtype=float) * row[-1]
        return self.targets[x, jnp.minimum(jnp.searchsorted(row, u, side="right"), row.shape[0] - 1)]

    def observe(self, x: Int[Array, ""]) -> Any:
        """Return the place of the state, or its number.

        Args:
            x: number of the state.
        """
        return x if self.points is None else self.points[x]

    def default_driver(self, x: Any) -> AbstractDriver:
        """Refuse: chance needs a key, which only the user can give.

        Args:
            x: a state.

        Raises:
            DriverError: always.
        """
        raise DriverError(
            "a Markov chain has no default driver, because chance needs a key; give cocycle.Keys(jax.random.key(0))."
        )

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.targets.shape[0]

    @property
    def transition_matrix(self) -> Any:
        """(n, n) transition probabilities."""
        return self.matrix.array

    @property
    def transition_counts(self) -> Any | None:
        """(n, n) observed transitions, where the chain was learned from some."""
        return None if self.counts is None else self.counts.array


class _Frozen:
    """A host array that JAX carries along and compares by identity."""

    def __init__(self, array: Any):
        self.array = array


def checked_matrix(matrix: Any) -> Any:
    """Return transition probabilities as a sparse matrix, or say what is wrong with them.

    Args:
        matrix: (n, n) array, dense or sparse.

    Raises:
        ShapeError: if it is not square.
        ParameterError: if an entry is negative or not finite, or a row does not sum to 1.
    """
    out = sp.csr_array(matrix, dtype=float)
    if len(out.shape) != 2 or out.shape[0] != out.shape[1] or out.shape[0] == 0:
        raise ShapeError(f"a transition matrix is square, got shape {out.shape}.")
    if out.nnz and (not np.all(np.isfinite(out.data)) or out.data.min() < 0):
        raise ParameterError("transition probabilities must be finite and not negative.")
    sums = np.asarray(out.sum(axis=1)).ravel()
    worst = int(np.argmax(np.abs(sums - 1.0)))
    if abs(sums[worst] - 1.0) > ROUND_OFF:
        raise ParameterError(
            f"row {worst} of the transition matrix sums to {sums[worst]:.6g}, not to 1; "
            "divide each row by its sum, and drop states that are never left."
        )
    out.sort_indices()
    return out


def _padded_rows(matrix: Any) -> tuple[jax.Array, jax.Array]:
    """Reachable states and summed probabilities, rows padded to the longest."""
    starts = np.asarray(matrix.indptr)
    lengths = np.diff(starts)
    width = int(lengths.max())
    column = np.arange(width)[None, :]
    filled = column < lengths[:, None]
    at = np.minimum(starts[:-1, None] + column, matrix.nnz - 1)
    probability = np.where(filled, np.asarray(matrix.data)[at], 0.0)
    last = np.asarray(matrix.indices)[starts[1:] - 1][:, None]
    targets = np.where(filled, np.asarray(matrix.indices)[at], last)
    return jnp.asarray(targets, dtype=int), jnp.asarray(np.cumsum(probability, axis=1))
