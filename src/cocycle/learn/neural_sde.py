"""Neural stochastic differential equations: drift and noise learned together, by the likelihood of steps."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import DataError
from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, SparseForcing
from cocycle.learn.layers import Layers, layers
from cocycle.learn.rules import AbstractRowRule, Scaler, standard
from cocycle.learn.stretches import Segments
from cocycle.learn.trained import AbstractTrainedLearner

FLOOR = 1e-6


@dataclasses.dataclass(frozen=True)
class AbstractNoise(abc.ABC):
    """How drift and noise depend on the state: one of the classes of stable neural equations.

    A step is `coordinate(u') ~ N(coordinate(u) + drift, scale^2)`.
    """

    positive: bool = dataclasses.field(default=False, init=False)

    @abc.abstractmethod
    def coordinate(self, u: Any) -> Any:
        """Return the coordinate in which steps are Gaussian.

        Args:
            u: row in units of the rule.
        """

    @abc.abstractmethod
    def back(self, v: Any) -> Any:
        """Return the row of a coordinate.

        Args:
            v: coordinate.
        """

    @abc.abstractmethod
    def step(self, u: Any, g: Any, s: Any) -> tuple[Any, Any]:
        """Return drift and standard deviation of the coordinate over one row.

        Args:
            u: row in units of the rule.
            g: drift of the network.
            s: noise of the network.
        """


@dataclasses.dataclass(frozen=True)
class LangevinNoise(AbstractNoise):
    r"""Noise that does not depend on the state.

    $$dz = g(z)\,dt + s\,dW$$

    Source: [oh2024].
    """

    def coordinate(self, u: Any) -> Any:
        """The row."""
        return u

    def back(self, v: Any) -> Any:
        """The row."""
        return v

    def step(self, u: Any, g: Any, s: Any) -> tuple[Any, Any]:
        """G and s."""
        return g, s


@dataclasses.dataclass(frozen=True)
class LinearNoise(AbstractNoise):
    r"""Noise proportional to the state.

    $$dz = g(z)\,dt + s\,z\,dW$$

    Source: [oh2024].
    """

    def coordinate(self, u: Any) -> Any:
        """The row."""
        return u

    def back(self, v: Any) -> Any:
        """The row."""
        return v

    def step(self, u: Any, g: Any, s: Any) -> tuple[Any, Any]:
        """G and s |z|, floored so that a zero has a density."""
        return g, s * jnp.sqrt(u**2 + FLOOR)


@dataclasses.dataclass(frozen=True)
class GeometricNoise(AbstractNoise):
    r"""Drift and noise proportional to the state, which stays positive.

    $$dz = z\,(g(z)\,dt + s\,dW)$$

    Steps are exact in the logarithm for constant g. Data must be positive.

    Source: [oh2024].
    """

    positive: bool = dataclasses.field(default=True, init=False)

    def coordinate(self, u: Any) -> Any:
        """The logarithm."""
        return jnp.log(u)

    def back(self, v: Any) -> Any:
        """The exponential."""
        return jnp.exp(v)

    def step(self, u: Any, g: Any, s: Any) -> tuple[Any, Any]:
        """G - s^2 / 2 and s, of the logarithm."""
        return g - s**2 / 2, s


class StochasticRule(AbstractRowRule):
    """Drift and noise networks, and one step of the equation a row.

    Attributes:
        drift: g, in time units of one row.
        log_noise: (D,) logarithm of s.
        noise: the class of the equation.
    """

    drift: Layers
    log_noise: Float[Array, "D"]
    noise: AbstractNoise = eqx.field(static=True)

    def _moments(self, u: Float[Array, "D"]) -> tuple[Any, Any]:
        shift, size = self.noise.step(u, self.drift(u), jnp.exp(self.log_noise))
        return self.noise.coordinate(u) + shift, size

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Step without noise."""
        return self.noise.back(self._moments(u)[0])

    def draw(self, z: Float[Array, "D"], u: Float[Array, "D"], key: Any) -> Float[Array, "D"]:
        """Step with noise."""
        mean, size = self._moments(u)
        return self.noise.back(mean + size * jax.random.normal(key, u.shape))

    def objective(
        self,
        windows: Float[Array, "B L D"],
        seen: Float[Array, "B T D"],
        weights: Float[Array, "T"],
        n_checkpoints: int | None = None,
        n_washout: int = 0,
    ) -> Float[Array, ""]:
        """Negative log likelihood of the steps, a number [nats]."""

        def one(u: Any, after: Any) -> Any:
            mean, size = self._moments(u)
            return jnp.mean(0.5 * ((self.noise.coordinate(after) - mean) / size) ** 2 + jnp.log(size))

        n = windows.shape[2]
        return jnp.mean(jax.vmap(one)(seen.reshape(-1, n), windows[:, 1:].reshape(-1, n)))


@dataclasses.dataclass(frozen=True)
class NeuralSDE(AbstractTrainedLearner):
    r"""Neural stochastic differential equation of a stable class, trained by the likelihood of its steps.

    $$\max_\theta \sum_n \ln p_\theta(u_{n+1} \mid u_n)$$

    A run under `Keys(key)` is a path; without it the noise is left out. `ensemble_forecast` gives many.

    Args:
        n_hidden: hidden units of the drift.
        noise: `LangevinNoise()`, `LinearNoise()` or `GeometricNoise()`.
        forcing: not used: each step starts from data.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.
        DataError: if geometric noise is asked for data that are not positive.

    Accuracy: one Euler step a row: drift and noise are those of the step, O(dt) from those of the equation.

    Source: [oh2024].
    """

    n_hidden: int = 16
    noise: AbstractNoise = LangevinNoise()
    forcing: AbstractForcing = SparseForcing(1)
    descent: Descent = Descent(n_updates=2000, length=64)

    def __post_init__(self):
        require_counts(self, "n_hidden")

    def units(self, data: Segments) -> Scaler:
        """Standardised; noise that vanishes at zero keeps its zero.

        Args:
            data: what is learned from.

        Raises:
            DataError: if values that must be positive are not.
        """
        found = standard(data)
        if isinstance(self.noise, LangevinNoise):
            return found
        if self.noise.positive and min(part.min() for part in data.parts) <= 0:
            raise DataError("geometric noise needs positive data; take LangevinNoise, or shift the data.")
        return Scaler(jnp.zeros_like(found.centre), found.scale)

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> StochasticRule:
        """A weak drift, and noise of the size of the increments.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        n = data.n_columns
        return StochasticRule(layers(key, n, self.n_hidden, n, size=0.1), jnp.full(n, -1.0), self.noise)
