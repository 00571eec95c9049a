"""Where the eigenvalues of a diagonal state space begin: what it can remember before it has learned anything."""

import abc
import dataclasses

import numpy as np
from jaxtyping import Complex

from cocycle.learn.hippo import hippo_normal


@dataclasses.dataclass(frozen=True)
class AbstractDiagonal(abc.ABC):
    """Eigenvalues of conjugate pairs, the half with positive imaginary part."""

    @abc.abstractmethod
    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return the eigenvalues, real parts below zero.

        Args:
            n_pairs: P; the state space has N = 2 P real dimensions.
        """


@dataclasses.dataclass(frozen=True)
class LegSDiagonal(AbstractDiagonal):
    """Eigenvalues of the normal part of the HiPPO matrix.

    Source: [gu2022].
    """

    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return those of N = 2 P states with positive imaginary part, the slowest first.

        Args:
            n_pairs: P.
        """
        values = np.asarray(hippo_normal(2 * n_pairs)[0])
        return values[np.imag(values) > 0]


@dataclasses.dataclass(frozen=True)
class InverseDiagonal(AbstractDiagonal):
    r"""A law close to them.

    $$-\tfrac12 + i \tfrac{N}{\pi} \left(\tfrac{N}{2n + 1} - 1\right)$$

    Source: [gu2022].
    """

    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return the law.

        Args:
            n_pairs: P.
        """
        n = 2 * n_pairs
        return -0.5 + 1j * n / np.pi * (n / (2 * np.arange(n_pairs) + 1) - 1)


@dataclasses.dataclass(frozen=True)
class LinearDiagonal(AbstractDiagonal):
    r"""Evenly spaced frequencies, a Fourier basis.

    $$-\tfrac12 + i \pi n$$

    Source: [gu2022].
    """

    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return the law.

        Args:
            n_pairs: P.
        """
        return -0.5 + 1j * np.pi * np.arange(n_pairs)


@dataclasses.dataclass(frozen=True)
class QuadraticDiagonal(AbstractDiagonal):
    r"""Frequencies that grow as squares.

    $$-\tfrac12 + i (1 + 2 n)^2 / \pi$$

    Source: [gu2022].
    """

    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return the law.

        Args:
            n_pairs: P.
        """
        return -0.5 + 1j * (1 + 2 * np.arange(n_pairs)) ** 2 / np.pi


@dataclasses.dataclass(frozen=True)
class RealDiagonal(AbstractDiagonal):
    """No oscillation: -(n + 1).

    Source: [gu2022].
    """

    def eigenvalues(self, n_pairs: int) -> Complex[np.ndarray, "P"]:
        """Return the law.

        Args:
            n_pairs: P.
        """
        return -(np.arange(n_pairs) + 1.0) + 0j
