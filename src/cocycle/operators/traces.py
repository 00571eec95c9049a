"""Trace of an operator from few products, with its standard error."""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.start import count
from cocycle.operators.abstract import AbstractOperator, check_operator, products


class AbstractTraceMethod(eqx.Module):
    """A way to estimate a trace from products with random vectors."""

    @abc.abstractmethod
    def estimate(self, operator: AbstractOperator, key: Any) -> Estimate:
        """Return the trace with its standard error.

        Args:
            operator: the matrix.
            key: random key of the probes.
        """


class Exact(AbstractTraceMethod):
    """All diagonal elements: D products (fewer for a TangentKernel)."""

    def estimate(self, operator: AbstractOperator, key: Any) -> Estimate:
        """Return the trace with standard error 0.

        Args:
            operator: the matrix.
            key: not used.
        """
        return Estimate(operator.trace(), 0.0, method="all diagonal elements")


class Hutchinson(AbstractTraceMethod):
    r"""Mean of quadratic forms of random signs.

    $$\mathrm{tr} A \approx \frac{1}{m} \sum_k z_k^T A z_k, \qquad \mathrm{Var} = \frac{2}{m} \sum_{i \ne j} A_{ij}^2$$

    Args:
        n_probes: m, products.

    Source: [hutchinson1990].
    """

    n_probes: int = eqx.field(static=True, default=100, converter=lambda n: count(n, "n_probes", 2))

    def estimate(self, operator: AbstractOperator, key: Any) -> Estimate:
        """Return the trace with its standard error.

        Args:
            operator: the matrix.
            key: random key of the probes.
        """
        z = _signs(key, self.n_probes, operator.size)
        return _mean(np.sum(z * products(operator, z), axis=1), 0.0, "Hutchinson")


class HutchPlusPlus(AbstractTraceMethod):
    r"""Exact trace on the range that a third of the products finds, Hutchinson's estimate of the rest.

    $$\mathrm{tr} A = \mathrm{tr}\, Q^T A Q + \mathrm{tr}\, (I - Q Q^T) A (I - Q Q^T)$$

    Args:
        n_products: products in all; a third each for the range, the trace on it, and the rest.

    Source: [meyer2021].
    """

    n_products: int = eqx.field(static=True, default=99, converter=lambda n: count(n, "n_products", 6))

    def estimate(self, operator: AbstractOperator, key: Any) -> Estimate:
        """Return the trace with its standard error.

        Args:
            operator: the matrix.
            key: random key of the probes.
        """
        m, n = self.n_products // 3, operator.size
        if m >= n:
            return Exact().estimate(operator, key)
        first, second = jax.random.split(jax.random.key(key) if isinstance(key, int) else key)
        q = np.ascontiguousarray(np.linalg.qr(products(operator, _signs(first, m, n)).T)[0].T)
        known = float(np.sum(q * products(operator, q)))
        z = _signs(second, m, n)
        z = z - (z @ q.T) @ q
        return _mean(np.sum(z * products(operator, z), axis=1), known, "Hutch++")


def trace(operator: AbstractOperator, method: AbstractTraceMethod | None = None, *, key: Any = 0) -> Estimate:
    """Trace of a symmetric operator.

    Args:
        operator: the matrix.
        method: `Hutchinson`, `HutchPlusPlus` or `Exact`. Default Exact up to D = 100, then HutchPlusPlus.
        key: random key of the probes, or a seed.

    Returns:
        Estimate [unit of the matrix], with the standard error over the probes.

    Raises:
        ParameterError: if the operator or the method is none.
        NonFiniteStateError: if a product is not finite.

    Accuracy: unbiased; error of Hutchinson falls as m^-1/2, of HutchPlusPlus as 1/m for decaying spectra.
    Laws: linear in the operator.
    Cost: as many products as the method says.

    Example:
        >>> from cocycle.operators.abstract import Dense
        >>> print(trace(Dense(np.diag([1.0, 2.0, 4.0]))))
        7
    """
    check_operator(operator)
    if method is None:
        method = Exact() if operator.size <= 100 else HutchPlusPlus()
    if not isinstance(method, AbstractTraceMethod):
        raise ParameterError(f"method must be Hutchinson(), HutchPlusPlus() or Exact(), got {method!r}.")
    return method.estimate(operator, key)


def _signs(key: Any, n: int, size: int) -> np.ndarray:
    key = jax.random.key(key) if isinstance(key, int) else key
    return np.asarray(jax.random.rademacher(key, (n, size), dtype=float))


def _mean(samples: np.ndarray, known: float, method: str) -> Estimate:
    stderr = float(np.std(samples, ddof=1)) / math.sqrt(len(samples))
    return Estimate(known + float(np.mean(samples)), stderr, float(len(samples)), f"{method}, {len(samples)} probes")
