"""Information measures of a probability distribution: Shannon, Renyi, Tsallis."""

import abc
import math

import equinox as eqx
import numpy as np

from cocycle.core.errors import ParameterError


class AbstractInformationMeasure(eqx.Module):
    """A number that a probability distribution has, and how it changes with the probabilities."""

    @abc.abstractmethod
    def of(self, p: np.ndarray) -> float:
        """Value of the measure.

        Args:
            p: (k,) probabilities, all above 0.

        Returns:
            the value [nats for logarithmic measures].
        """

    @abc.abstractmethod
    def gradient(self, p: np.ndarray) -> np.ndarray:
        """Derivative by each probability.

        Args:
            p: (k,) probabilities, all above 0.

        Returns:
            (k,) derivatives.
        """


class Shannon(AbstractInformationMeasure):
    r"""Shannon entropy $-\sum p \log p$ [nats].

    Example:
        >>> Shannon().of(np.array([0.5, 0.5])) == math.log(2)
        True

    Source: [shannon1948].
    """

    def of(self, p: np.ndarray) -> float:
        """Value [nats]."""
        return float(-np.sum(p * np.log(p)))

    def gradient(self, p: np.ndarray) -> np.ndarray:
        """Derivative by each probability."""
        return -np.log(p) - 1.0


class Renyi(AbstractInformationMeasure):
    r"""Renyi entropy $\log(\sum p^q) / (1-q)$ [nats]; the Shannon entropy at q = 1.

    Example:
        >>> round(Renyi(2.0).of(np.array([0.5, 0.25, 0.25])), 6)
        0.980829

    Source: [renyi1961].
    """

    q: float

    def __check_init__(self):
        """Refuse a negative order."""
        if not self.q >= 0:
            raise ParameterError(f"order q is {self.q}; it must be 0 or more.")

    def of(self, p: np.ndarray) -> float:
        """Value [nats]."""
        if self.q == 1:
            return Shannon().of(p)
        return math.log(float(np.sum(p**self.q))) / (1 - self.q)

    def gradient(self, p: np.ndarray) -> np.ndarray:
        """Derivative by each probability."""
        if self.q == 1:
            return Shannon().gradient(p)
        return self.q / (1 - self.q) * p ** (self.q - 1) / np.sum(p**self.q)


class Tsallis(AbstractInformationMeasure):
    r"""Tsallis entropy $(1 - \sum p^q) / (q - 1)$; the Shannon entropy at q = 1.

    Example:
        >>> Tsallis(2.0).of(np.array([0.5, 0.5]))
        0.5

    Source: [tsallis1988].
    """

    q: float

    def __check_init__(self):
        """Refuse a negative order."""
        if not self.q >= 0:
            raise ParameterError(f"order q is {self.q}; it must be 0 or more.")

    def of(self, p: np.ndarray) -> float:
        """Value."""
        if self.q == 1:
            return Shannon().of(p)
        return (1.0 - float(np.sum(p**self.q))) / (self.q - 1)

    def gradient(self, p: np.ndarray) -> np.ndarray:
        """Derivative by each probability."""
        if self.q == 1:
            return Shannon().gradient(p)
        return self.q / (1 - self.q) * p ** (self.q - 1)
