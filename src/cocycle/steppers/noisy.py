"""Any system with noise added after each step, and any noise made stronger or weaker."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver, Brownian, Joint
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem, Drive, State


class AdditiveNoise(AbstractDifferentiableSystem):
    r"""A system kicked by independent normal noise after each step.

    $$x' = f(x, w) + \sigma \sqrt{\Delta t}\,\xi$$

    For a flow this is `dx = field dt + sigma dW`, with the order of the flow's stepper where sigma is 0. The
    drive is the pair (w, xi) of `noise.driver(key)`.

    Args:
        system: any system whose state is one floating array.
        sigma: strength [state / sqrt(time)], a number or the shape of the state.

    Raises:
        ParameterError: if sigma is negative.
        ShapeError: if the state is not one floating array, or sigma does not fit it.

    Accuracy: weak order 1 and strong order 1 for a flow.

    Example:
        >>> from cocycle.core.functions import Map
        >>> noisy = AdditiveNoise(Map(lambda x, a: a * x, 0.5, x0=jnp.ones(2)), sigma=0.1)
        >>> noisy.step(noisy.x0, (None, jnp.array([0.0, 1.0]))).tolist()
        [0.5, 0.6]

    Source: [maruyama1955].
    """

    system: AbstractSystem
    sigma: Float[Array, "..."]
    dt: Any
    x0: Any
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(self, system: Any, sigma: Any):
        if not isinstance(system, AbstractSystem):
            raise ParameterError(f"AdditiveNoise takes a System, got {type(system).__name__}.")
        self.system, self.dt = system, system.dt
        self.x0 = None if system.x0 is None else _one_array(system.initial_state(system.x0))
        self.sigma = jnp.asarray(sigma, dtype=float)
        if not eqx.is_array(sigma) and not bool(jnp.all((self.sigma >= 0) & jnp.isfinite(self.sigma))):
            raise ParameterError(f"sigma is {sigma}; the strength of noise is finite and not negative.")
        if self.sigma.ndim and self.x0 is not None and self.sigma.shape != self.x0.shape:
            raise ShapeError(f"sigma of shape {self.sigma.shape} does not fit a state of shape {self.x0.shape}.")
        self.name = getattr(system, "name", None)
        self.variables = getattr(system, "variables", None)

    @property
    def continuous_time(self) -> bool:  # type: ignore[override]
        """Whether the system underneath is a flow."""
        return self.system.continuous_time

    def step(self, x: Array, w: Drive) -> Array:
        """Advance by one step of the system, then add noise.

        Args:
            x: state.
            w: pair (drive of the system, standard normal draw).

        Raises:
            DriverError: if the drive is no such pair.
        """
        if not (isinstance(w, tuple) and len(w) == 2):
            raise DriverError("AdditiveNoise is driven by pairs (drive, noise); use its driver(key).")
        return self.system.step(x, w[0]) + self.sigma * jnp.sqrt(self.dt) * w[1]

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives into a state of the system.

        Args:
            x0: initial state.
        """
        return _one_array(self.system.initial_state(x0))

    def observe(self, x: State) -> Any:
        """Observe what the system observes.

        Args:
            x: state.
        """
        return self.system.observe(x)

    def driver(self, key: Any, x0: Any = None, inner: AbstractDriver | None = None) -> Joint:
        """Return a driver: the system's own, and noise of this key, independent for all components.

        Args:
            key: random key.
            x0: initial state, for its shape; default that of the system.
            inner: driver of the system underneath; default its own.

        Raises:
            ParameterError: if no initial state is known.
        """
        if x0 is None and self.x0 is None:
            raise ParameterError("no initial state: give x0, whose shape the noise takes.")
        x = self.initial_state(self.x0 if x0 is None else x0)
        return Joint(self.system.default_driver(x) if inner is None else inner, Brownian(key, x.shape))

    def default_driver(self, x: State) -> AbstractDriver:
        """Refuse: noise needs a key, which only the user can give.

        Args:
            x: a state.

        Raises:
            DriverError: always.
        """
        raise DriverError("noise needs a key; give the driver system.driver(jax.random.key(0)).")


def _one_array(x: Any) -> Any:
    if not eqx.is_inexact_array(x):
        raise ShapeError("noise is added to states that are one floating array; concatenate the leaves of the state.")
    return x


class ScaledNoise(AbstractDriver):
    """Noise of another driver, multiplied: a stochastic equation at another noise level, without changing it.

    Args:
        driver: a `Brownian`, or a `Joint` of a clock and one; times are left as they are.
        factor: factor of every noise.

    Raises:
        DriverError: if the driver makes no Brownian noise.

    Example:
        >>> noise = Brownian(0, (2,))
        >>> bool(jnp.all(ScaledNoise(noise, 0.5).at(3) == 0.5 * noise.at(3)))
        True
    """

    driver: AbstractDriver
    factor: Float[Array, ""]

    def __init__(self, driver: AbstractDriver, factor: Any):
        kinds = driver.drivers if isinstance(driver, Joint) else (driver,)
        if not any(isinstance(kind, Brownian) for kind in kinds):
            raise DriverError(f"{type(driver).__name__} makes no Brownian noise that could be scaled.")
        self.driver = driver
        self.factor = jnp.asarray(factor, dtype=float)

    def at(self, n: Any) -> Any:
        """Return the drive of step n, its noise multiplied."""
        w = self.driver.at(n)
        if isinstance(self.driver, Joint):
            kinds = self.driver.drivers
            return tuple(self.factor * v if isinstance(kind, Brownian) else v for kind, v in zip(kinds, w, strict=True))
        return self.factor * w

    def check_length(self, n_steps: int) -> None:
        """Ask the driver.

        Args:
            n_steps: number of the last step, plus one.
        """
        self.driver.check_length(n_steps)
