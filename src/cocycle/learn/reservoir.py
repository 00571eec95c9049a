"""Echo state networks: a fixed random network that remembers, and a linear readout that is learned."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import sparse

from cocycle.core.errors import ParameterError
from cocycle.learn.abstract import AbstractLearner, require_counts, require_key, require_positive
from cocycle.learn.fitted import FittedSystem
from cocycle.learn.readout import fit_readout
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.stretches import segments

UNROLLED = 32
RADIUS_TOLERANCE = 1e-7
# Moduli of the outermost eigenvalues of a random matrix lie close: fewer vectors find one that is not the largest.
N_OUTERMOST = 6
N_KRYLOV = 40
ROWS_AT_ONCE = 1000
PENALTIES = tuple(float(10.0**k) for k in range(-12, -3, 2))


class ReservoirRule(AbstractRule):
    r"""Leaky reservoir with sparse weights, `n_links` of them into every unit.

    $$r' = (1 - a)\, r + a \tanh(W r + W_{in} u + b), \qquad u = W_{out}^\top (1, r)$$

    Attributes:
        weights: (links, N) non-zero weights of each unit.
        sources: (links, N) where they come from.
        w_in: (N, D).
        bias: (N,).
        leak: a.
        w_out: (N + 1, D).
    """

    weights: Float[Array, "links N"]
    sources: Int[Array, "links N"]
    w_in: Float[Array, "N D"]
    bias: Float[Array, "N"]
    leak: Float[Array, ""]
    w_out: Float[Array, "F D"]

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "N"]:
        """Reservoir at rest."""
        return jnp.zeros(self.bias.shape) + 0.0 * jnp.sum(u)

    def show(self, z: Float[Array, "N"]) -> Float[Array, "D"]:
        """Linear readout."""
        return self.w_out[0] + z @ self.w_out[1:]

    def advance(self, z: Float[Array, "N"], u: Float[Array, "D"]) -> Float[Array, "N"]:
        """Update the reservoir with what was seen."""
        return self.driven(z, self.w_in @ u + self.bias)

    def driven(self, z: Float[Array, "N"], drive: Float[Array, "N"]) -> Float[Array, "N"]:
        """Update the reservoir with what its inputs add up to.

        Args:
            z: units.
            drive: sum of inputs and bias of each unit.
        """
        # A sum of gathered rows runs at twice the speed of a reduction, as long as it is not too long to compile.
        n_links = self.weights.shape[0]
        if n_links <= UNROLLED:
            inner = drive
            for k in range(n_links):
                inner = inner + self.weights[k] * z[self.sources[k]]
        else:
            inner = drive + jnp.sum(self.weights * z[self.sources], axis=0)
        return (1 - self.leak) * z + self.leak * jnp.tanh(inner)


@eqx.filter_jit
def reservoir_states(rule: ReservoirRule, z: Float[Array, "N"], rows: Float[Array, "time D"]) -> Any:
    """States (time, N) of a reservoir that is shown rows; row k is the state before it sees row k + 1."""

    def one(z: Any, drive: Any) -> Any:
        z = rule.driven(z, drive)
        return z, z

    return jax.lax.scan(one, z, rows @ rule.w_in.T + rule.bias[None])[1]


@dataclasses.dataclass(frozen=True)
class EchoState(AbstractLearner):
    r"""Echo state network: a random recurrent network, whose linear readout is fitted by ridge regression.

    $$r_{n+1} = (1 - a)\, r_n + a \tanh(W r_n + W_{in} u_n + b), \qquad u_{n+1} \approx W_{out}^\top (1, r_{n+1})$$

    Args:
        n_units: N.
        spectral_radius: of W.
        n_links: non-zero weights into each unit.
        leak: a, in (0, 1].
        input_scale: half width of the uniform weights of the inputs, which are in units of their standard deviation.
        bias_scale: half width of the biases.
        n_washout: rows at the start of each stretch that only bring the reservoir into step; also the least context.
        ridge: penalty, or candidates of which free runs on blocks of time left out choose one.

    Raises:
        ParameterError: if an option is out of range.

    Cost: n N (links + D) for the states, n N^2 for the fit.

    Example:
        >>> x = np.sin(0.2 * np.arange(600))
        >>> model = EchoState(n_units=50, n_washout=50).fit(x, key=jax.random.key(0))
        >>> bool(abs(model.forecast(x, 10).x[9, 0] - np.sin(0.2 * 609)) < 1e-2)
        True

    Source: [jaeger2004].
    """

    n_units: int = 500
    spectral_radius: float = 0.9
    n_links: int = 10
    leak: float = 1.0
    input_scale: float = 0.3
    bias_scale: float = 1.0
    n_washout: int = 100
    ridge: float | tuple[float, ...] = PENALTIES

    def __post_init__(self):
        require_counts(self, "n_units", "n_links", "n_washout")
        require_positive(self, "spectral_radius", "leak", "input_scale")
        if self.leak > 1 or self.n_links > self.n_units:
            raise ParameterError(
                f"EchoState: leak must be at most 1 and n_links at most n_units, "
                f"got {self.leak} and {self.n_links} of {self.n_units}."
            )

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: random key of the network.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one pass and one linear solve.
        """
        found = segments(data, n_min=self.n_washout + 2, dt=dt)
        rule = self.reservoir(require_key(key, self), found.n_columns)

        def regression(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            rows = jnp.asarray(u)
            states = np.asarray(reservoir_states(rule, rule.cold(rows[0]), rows[:-1]))[self.n_washout - 1 :]
            return np.concatenate([np.ones((len(states), 1)), states], axis=1), u[self.n_washout :]

        scaler, n_context = standard(found), self.n_washout
        return fit_readout(self, found, scaler, rule, with_weights, regression, self.ridge, n_context=n_context)

    def reservoir(self, key: Any, n_columns: int) -> ReservoirRule:
        """Draw a network, with a readout of zeros.

        Args:
            key: random key.
            n_columns: D.

        Returns:
            ReservoirRule of the wanted spectral radius.
        """
        k_weights, k_sources, k_in, k_bias = jax.random.split(key, 4)
        n, links = self.n_units, self.n_links
        weights = np.asarray(jax.random.uniform(k_weights, (n, links), minval=-1.0, maxval=1.0))
        sources = _links(k_sources, n, links)
        weights = weights * (self.spectral_radius / spectral_radius(weights, sources))
        return ReservoirRule(
            weights=jnp.asarray(weights.T),
            sources=jnp.asarray(sources.T),
            w_in=self.input_scale * jax.random.uniform(k_in, (n, n_columns), minval=-1.0, maxval=1.0),
            bias=self.bias_scale * jax.random.uniform(k_bias, (n,), minval=-1.0, maxval=1.0),
            leak=jnp.asarray(float(self.leak)),
            w_out=jnp.zeros((n + 1, n_columns)),
        )


def _links(key: Any, n: int, links: int) -> np.ndarray:
    """Different sources for every unit (N, links): those with the smallest of N random numbers."""
    out = []
    for k, first in enumerate(range(0, n, ROWS_AT_ONCE)):
        shape = (min(ROWS_AT_ONCE, n - first), n)
        drawn = np.asarray(jax.random.uniform(jax.random.fold_in(key, k), shape))
        out.append(np.argpartition(drawn, links - 1, axis=1)[:, :links])
    return np.concatenate(out)


def with_weights(rule: ReservoirRule, weights: Float[Array, "F D"]) -> ReservoirRule:
    """The same reservoir with another readout."""
    return eqx.tree_at(lambda r: r.w_out, rule, weights)


def spectral_radius(weights: np.ndarray, sources: np.ndarray) -> float:
    """Largest modulus of the eigenvalues of a sparse matrix given by the links into each row.

    Args:
        weights: (N, links) values.
        sources: (N, links) columns.

    Returns:
        The radius; by Arnoldi iteration, to 1e-6, where the matrix is large.

    Example:
        >>> float(spectral_radius(np.array([[2.0], [3.0]]), np.array([[0], [1]])))
        3.0
    """
    n, links = weights.shape
    matrix = sparse.csr_matrix((weights.ravel(), sources.ravel(), np.arange(0, n * links + 1, links)), shape=(n, n))
    if n > 200:
        try:
            start = np.random.default_rng(0).normal(size=n)
            found = sparse.linalg.eigs(
                matrix, k=N_OUTERMOST, ncv=N_KRYLOV, v0=start, tol=RADIUS_TOLERANCE, return_eigenvectors=False
            )
            return float(np.abs(found).max())
        except sparse.linalg.ArpackNoConvergence:
            pass
    return float(np.abs(np.linalg.eigvals(matrix.toarray())).max())
