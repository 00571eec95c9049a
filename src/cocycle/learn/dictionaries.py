"""Dictionaries of observables for Koopman methods: functions of a row, objects that can be saved."""

import abc
import itertools
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.core.errors import ParameterError
from cocycle.learn.polynomial import monomial_factors, monomials

Rows: TypeAlias = Float[Array | np.ndarray, "n D"]


class AbstractDictionary(eqx.Module):
    """Observables psi_1 ... psi_N of a row."""

    @abc.abstractmethod
    def __call__(self, x: Rows) -> Array:
        """Return the values (n, N) of all observables, real or complex.

        Args:
            x: rows.
        """


class Monomials(AbstractDictionary):
    """All monomials up to a degree, the constant first, then the coordinates themselves.

    Args:
        n_variables: D.
        degree: highest degree.

    Example:
        >>> Monomials(2, 2)(jnp.array([[2.0, 3.0]])).tolist()
        [[1.0, 2.0, 3.0, 4.0, 6.0, 9.0]]
    """

    factors: Int[Array, "monomials degree"]

    def __init__(self, n_variables: int, degree: int):
        self.factors = jnp.asarray(monomial_factors(n_variables, degree))

    def __call__(self, x: Rows) -> Array:
        """Return the values (n, N)."""
        return monomials(jnp.asarray(x), self.factors)


class Fourier(AbstractDictionary):
    r"""Complex exponentials on a torus.

    $$\psi_k(x) = e^{2 \pi i\, k \cdot x / L}, \qquad |k_d| \le K$$

    Args:
        n_variables: D.
        order: K; the dictionary has (2 K + 1)^D functions.
        period: L.

    Example:
        >>> Fourier(1, 1)(jnp.array([[0.5]])).real.tolist()
        [[-1.0, 1.0, -1.0]]
    """

    wave_numbers: Int[Array, "N D"]
    period: Float[Array, ""]

    def __init__(self, n_variables: int, order: int, period: Any = 1.0):
        if n_variables < 1 or order < 0 or (2 * order + 1) ** n_variables > 100_000:
            raise ParameterError(f"Fourier({n_variables}, {order}) has no functions, or more than 100,000.")
        steps = range(-order, order + 1)
        self.wave_numbers = jnp.asarray(np.array(list(itertools.product(*[steps] * n_variables))))
        self.period = jnp.asarray(float(period))

    def __call__(self, x: Rows) -> Array:
        """Return the values (n, N)."""
        return jnp.exp(2j * jnp.pi * (jnp.asarray(x) @ self.wave_numbers.T.astype(float)) / self.period)


class RadialFunctions(AbstractDictionary):
    r"""The constant, the coordinates, and Gaussians about centres.

    $$\psi_j(x) = e^{-|x - c_j|^2 / 2 \ell^2}$$

    Args:
        centres: (N, D), e.g. rows of the data.
        width: l.

    Example:
        >>> RadialFunctions(np.zeros((1, 2)), 1.0)(jnp.zeros((1, 2))).tolist()
        [[1.0, 0.0, 0.0, 1.0]]
    """

    centres: Float[Array, "N D"]
    width: Float[Array, ""]

    def __init__(self, centres: Any, width: Any):
        self.centres = jnp.asarray(centres, dtype=float)
        self.width = jnp.asarray(float(width))

    def __call__(self, x: Rows) -> Array:
        """Return the values (n, 1 + D + N)."""
        x = jnp.asarray(x)
        square = jnp.sum((x[:, None, :] - self.centres[None]) ** 2, axis=2)
        ones = jnp.ones((x.shape[0], 1))
        return jnp.concatenate([ones, x, jnp.exp(-square / (2 * self.width**2))], axis=1)
