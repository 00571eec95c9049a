"""Next-generation reservoirs and linear autoregressions: the next row as a polynomial of the last ones."""

import dataclasses
import itertools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.fitted import FittedSystem
from cocycle.learn.readout import fit_readout
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.stretches import segments

PENALTIES = tuple(float(10.0**k) for k in range(-12, 0, 2))


class PolynomialRule(AbstractRule):
    r"""The next row from monomials of the last ones.

    $$u_{n+1} = u_n + W^\top \phi(u_n, u_{n-s}, \dots, u_{n-(k-1)s})$$

    Attributes:
        weights: (F, D); the first row belongs to the constant.
        factors: (F - 1, degree) indices of the factors of each monomial; the index E stands for 1.
        taps: (k,) rows of the window that enter, newest last.
        n_window: rows of the window.
    """

    weights: Float[Array, "F D"]
    factors: Int[Array, "monomials degree"]
    taps: tuple[int, ...] = eqx.field(static=True)
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Shift the window by the row that follows u."""
        window = z.at[-1].set(u)
        lagged = jnp.concatenate([window[k] for k in self.taps])
        phi = monomials(lagged[None], self.factors)[0]
        return jnp.concatenate([window[1:], (u + phi @ self.weights)[None]])


def monomials(lagged: Float[Array, "n E"], factors: Int[Array, "monomials degree"]) -> Float[Array, "n F"]:
    """Constant and monomials of rows, traced; `monomial_table` is for many rows at once."""
    ones = jnp.ones((lagged.shape[0], 1))
    padded = jnp.concatenate([lagged, ones], axis=1)
    columns = padded[:, factors[:, 0]]
    for k in range(1, factors.shape[1]):
        columns = columns * padded[:, factors[:, k]]
    return jnp.concatenate([ones, columns], axis=1)


def monomial_table(rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Constant and monomials of many rows (n, E), column by column; features (n, F) as `monomials` gives them.

    Args:
        rows: values of the variables.
        factors: from `monomial_factors`: each monomial is one of lower degree times a variable.
    """
    n_variables = rows.shape[1]
    variables = np.ascontiguousarray(rows.T)
    table = np.empty((len(factors) + 1, len(rows)))
    table[0] = 1.0
    place: dict[tuple[int, ...], int] = {(): 0}
    for i, row in enumerate(factors, 1):
        own = tuple(int(k) for k in row if k < n_variables)
        np.multiply(table[place[own[:-1]]], variables[own[-1]], out=table[i])
        place[own] = i
    return table.T


def monomial_factors(n_variables: int, degree: int) -> np.ndarray:
    """Indices (F - 1, degree) of the factors of all monomials of degree 1 to `degree`, by degree.

    Args:
        n_variables: E; the index E stands for the factor 1.
        degree: highest degree.

    Example:
        >>> monomial_factors(2, 2).tolist()
        [[0, 2], [1, 2], [0, 0], [0, 1], [1, 1]]
    """
    rows = [
        [*combination, *[n_variables] * (degree - d)]
        for d in range(1, degree + 1)
        for combination in itertools.combinations_with_replacement(range(n_variables), d)
    ]
    return np.array(rows)


@dataclasses.dataclass(frozen=True)
class NextGenerationReservoir(AbstractLearner):
    r"""Next-generation reservoir: a nonlinear vector autoregression, fitted by ridge regression.

    $$u_{n+1} = u_n + W^\top \phi(u_n, u_{n-s}, \dots, u_{n-(k-1)s}), \quad \phi \text{ all monomials of degree} \le p$$

    Args:
        n_delays: k, rows that enter.
        delay: s, rows between them.
        degree: p.
        ridge: penalty, or candidates of which free runs on blocks of time left out choose one. Columns are in units
            of their standard deviation.

    Raises:
        ParameterError: if an option is out of range.

    Limits: the number of monomials grows as (k D)^p / p!.
    Cost: n F^2 for F monomials.

    Example:
        >>> x = [0.3]
        >>> for _ in range(400): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> model = NextGenerationReservoir(n_delays=1, degree=2, ridge=0.0).fit(np.array(x))
        >>> ahead = model.forecast(np.array(x[:11]), 1).x[0, 0]
        >>> bool(abs(ahead - x[11]) < 1e-12)
        True

    Source: [gauthier2021].
    """

    n_delays: int = 2
    delay: int = 1
    degree: int = 2
    ridge: float | tuple[float, ...] = PENALTIES

    def __post_init__(self):
        require_counts(self, "n_delays", "delay", "degree")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one linear solve.
        """
        return fit_polynomial(self, data, dt, self.n_delays, self.delay, self.degree, self.ridge)


@dataclasses.dataclass(frozen=True)
class LinearAutoregression(AbstractLearner):
    r"""Linear autoregression: the baseline that every nonlinear model has to beat.

    $$u_{n+1} = b + \sum_{j<k} A_j u_{n-j}$$

    Args:
        n_delays: k.
        ridge: penalty, or candidates of which free runs on blocks of time left out choose one.

    Raises:
        ParameterError: if an option is out of range.

    Example:
        >>> x = np.sin(0.3 * np.arange(200))
        >>> model = LinearAutoregression(n_delays=2, ridge=0.0).fit(x)
        >>> bool(np.allclose(model.forecast(x, 50).x[:, 0], np.sin(0.3 * np.arange(200, 250)), atol=1e-9))
        True

    Source: [yule1927].
    """

    n_delays: int = 3
    ridge: float | tuple[float, ...] = PENALTIES

    def __post_init__(self):
        require_counts(self, "n_delays")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one linear solve.
        """
        return fit_polynomial(self, data, dt, self.n_delays, 1, 1, self.ridge)


def fit_polynomial(
    learner: AbstractLearner, data: Any, dt: float | None, n_delays: int, delay: int, degree: int, ridge: Any
) -> FittedSystem:
    """Fit increments of the data by monomials of the rows before.

    Args:
        learner: the configuration, kept in the result.
        data: as a user gives it.
        dt: time between two rows, or None.
        n_delays: rows that enter.
        delay: rows between them.
        degree: highest degree.
        ridge: penalty or candidates.

    Returns:
        FittedSystem.
    """
    n_window = (n_delays - 1) * delay + 1
    found = segments(data, n_min=n_window + 1, dt=dt)
    factors = monomial_factors(n_delays * found.n_columns, degree)
    taps = tuple(delay * k for k in range(n_delays))

    def regression(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = len(u) - n_window
        lagged = np.concatenate([u[k : k + n] for k in taps], axis=1)
        return monomial_table(lagged, factors), u[n_window:] - u[n_window - 1 : -1]

    rule = PolynomialRule(jnp.zeros((len(factors) + 1, found.n_columns)), jnp.asarray(factors), taps, n_window)
    return fit_readout(learner, found, standard(found), rule, with_weights, regression, ridge, n_context=n_window)


def with_weights(rule: PolynomialRule, weights: Float[Array, "F D"]) -> PolynomialRule:
    """The same rule with other weights."""
    return eqx.tree_at(lambda r: r.weights, rule, weights)
