"""Stochastic differential equations as systems driven by Brownian increments."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.core.system import AbstractDifferentiableSystem, Drive, Field, parameter_leaves, positive_time
from cocycle.steppers.fields import CheckedField, depends_on_time, floating_state, time_of
from cocycle.steppers.stochastic import (
    AbstractItoStepper,
    AbstractStratonovichStepper,
    EulerMaruyama,
    StochasticHeun,
)


class ItoSDE(AbstractDifferentiableSystem):
    r"""An Ito equation over one step.

    $$dy = a(t, y, \theta)\,dt + g(t, y, \theta)\,dW$$

    The drive is a standard normal draw `xi` of `Brownian(key, shape)`, so that dW = sqrt(dt) xi; where drift or
    diffusion depend on time it is the pair (t, xi) of `Joint(Clock(dt), Brownian(key, shape))`.

    Args:
        drift: `drift(t, y, args)`, of the shape of y.
        diffusion: `diffusion(t, y, args)`: a scalar or the shape of y is multiplied with the noise component by
            component (a scalar draw is common to all); shape (D, M) with draws of shape (M,) is a matrix.
        args: parameters, leaves: a new value does not compile again.
        dt: time that one step takes.
        x0: default initial state, one array.
        stepper: an Ito stepper.
        noise_shape: shape of one draw, where it shall be enforced.
        name: what to call the system.
        variables: names of the components.

    Raises:
        ParameterError: if dt is not positive, or the stepper is none for Ito equations or for this diffusion.
        ShapeError: if the drift does not return the shape of x0.

    Accuracy: the strong order of the stepper for paths.

    Example:
        >>> walk = ItoSDE(drift=lambda t, y, a: -y, diffusion=lambda t, y, a: a, args=0.5, dt=0.01, x0=1.0)
        >>> round(float(walk.step(walk.x0, jnp.array(1.0))), 12)
        1.04
    """

    drift: Field
    diffusion: Field
    args: Any
    dt: Float[Array, ""]
    x0: Any
    stepper: AbstractItoStepper
    noise_shape: tuple[int, ...] | None = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    continuous_time: ClassVar[bool] = True

    def __init__(
        self,
        drift: Any,
        diffusion: Any,
        args: Any = None,
        *,
        dt: Any,
        x0: Any = None,
        stepper: Any = EulerMaruyama(),
        noise_shape: int | tuple[int, ...] | None = None,
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ):
        if not isinstance(stepper, AbstractItoStepper):
            _refuse_stepper(stepper, "ItoSDE", "EulerMaruyama() or Milstein()")
        self.drift, self.diffusion = _function(drift, "drift"), _function(diffusion, "diffusion")
        self.args = parameter_leaves(args)
        self.dt = positive_time(dt)
        self.stepper = stepper
        self.noise_shape = (noise_shape,) if isinstance(noise_shape, int) else noise_shape
        self.name = name
        self.variables = None if variables is None else tuple(variables)
        self.x0 = None if x0 is None else self.initial_state(x0)

    def step(self, x: Array, w: Drive) -> Array:
        """Advance by dt under the draw w.

        Args:
            x: state.
            w: standard normal draw, or a pair (time, draw).
        """
        t, dw = read_drive(self, x, w)
        return self.stepper.step(CheckedField(self.drift), self.diffusion, t, x, self.args, self.dt, dw)

    def initial_state(self, x0: Any) -> Array:
        """Turn what a user gives into one floating array that drift and diffusion accept.

        Args:
            x0: number, list or array.
        """
        x = vector_state(self.drift, self.args, x0)
        self.stepper.check(self.diffusion, time_of(None), x, self.args, self.noise_shape)
        return x

    def default_driver(self, x: Array) -> AbstractDriver:
        """Refuse: noise needs a key, which only the user can give.

        Args:
            x: a state.

        Raises:
            DriverError: always.
        """
        ask_for_noise(self, x)


class StratonovichSDE(AbstractDifferentiableSystem):
    r"""A Stratonovich equation over one step.

    $$dy = a(t, y, \theta)\,dt + g(t, y, \theta) \circ dW$$

    The drive is a standard normal draw `xi` of `Brownian(key, shape)`, so that dW = sqrt(dt) xi; where drift or
    diffusion depend on time it is the pair (t, xi) of `Joint(Clock(dt), Brownian(key, shape))`.

    Args:
        drift: `drift(t, y, args)`, of the shape of y.
        diffusion: `diffusion(t, y, args)`: a scalar or the shape of y is multiplied with the noise component by
            component (a scalar draw is common to all); shape (D, M) with draws of shape (M,) is a matrix.
        args: parameters, leaves: a new value does not compile again.
        dt: time that one step takes.
        x0: default initial state, one array.
        stepper: a Stratonovich stepper.
        noise_shape: shape of one draw, where it shall be enforced.
        name: what to call the system.
        variables: names of the components.

    Raises:
        ParameterError: if dt is not positive, or the stepper is none for Stratonovich equations.
        ShapeError: if the drift does not return the shape of x0.

    Accuracy: the strong order of the stepper for paths.

    Example:
        >>> walk = StratonovichSDE(drift=lambda t, y, a: -y, diffusion=lambda t, y, a: a * y, args=0.5, dt=0.01)
        >>> round(float(walk.step(jnp.array(1.0), jnp.array(0.0))), 12)
        0.99005
    """

    drift: Field
    diffusion: Field
    args: Any
    dt: Float[Array, ""]
    x0: Any
    stepper: AbstractStratonovichStepper
    noise_shape: tuple[int, ...] | None = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    continuous_time: ClassVar[bool] = True

    def __init__(
        self,
        drift: Any,
        diffusion: Any,
        args: Any = None,
        *,
        dt: Any,
        x0: Any = None,
        stepper: Any = StochasticHeun(),
        noise_shape: int | tuple[int, ...] | None = None,
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ):
        if not isinstance(stepper, AbstractStratonovichStepper):
            _refuse_stepper(stepper, "StratonovichSDE", "StochasticHeun()")
        self.drift, self.diffusion = _function(drift, "drift"), _function(diffusion, "diffusion")
        self.args = parameter_leaves(args)
        self.dt = positive_time(dt)
        self.stepper = stepper
        self.noise_shape = (noise_shape,) if isinstance(noise_shape, int) else noise_shape
        self.name = name
        self.variables = None if variables is None else tuple(variables)
        self.x0 = None if x0 is None else self.initial_state(x0)

    def step(self, x: Array, w: Drive) -> Array:
        """Advance by dt under the draw w.

        Args:
            x: state.
            w: standard normal draw, or a pair (time, draw).
        """
        t, dw = read_drive(self, x, w)
        return self.stepper.step(CheckedField(self.drift), self.diffusion, t, x, self.args, self.dt, dw)

    def initial_state(self, x0: Any) -> Array:
        """Turn what a user gives into one floating array that the drift accepts.

        Args:
            x0: number, list or array.
        """
        return vector_state(self.drift, self.args, x0)

    def default_driver(self, x: Array) -> AbstractDriver:
        """Refuse: noise needs a key, which only the user can give.

        Args:
            x: a state.

        Raises:
            DriverError: always.
        """
        ask_for_noise(self, x)


def _function(f: Any, what: str) -> Field:
    if not callable(f):
        raise ParameterError(f"{what} must be a function {what}(t, y, args), got {type(f).__name__}.")
    return f


def _refuse_stepper(stepper: Any, system: str, good: str) -> NoReturn:
    got = type(stepper).__name__
    raise ParameterError(
        f"{system} cannot use the stepper {got}: Ito and Stratonovich give different solutions; "
        f"use {good}, or the other class."
    )


def vector_state(drift: Field, args: Any, x0: Any) -> Array:
    """Turn an initial state into one floating array that the drift accepts.

    Args:
        drift: `drift(t, y, args)`.
        args: parameters.
        x0: number, list or array.

    Raises:
        ShapeError: if it is not one array, or the drift returns another shape.
    """
    x = floating_state(x0)
    if not isinstance(x, jax.Array):
        raise ShapeError(f"the state of a stochastic equation is one array, got {type(x0).__name__}; concatenate it.")
    jax.eval_shape(lambda y, args: CheckedField(drift)(time_of(None), y, args), x, args)
    return x


def read_drive(sde: ItoSDE | StratonovichSDE, x: Array, w: Drive) -> tuple[Any, Float[Array, "..."]]:
    """Return the time at the start of a step and the increment of the Wiener process.

    Args:
        sde: the system.
        x: state.
        w: standard normal draw, or a pair (time, draw).

    Raises:
        DriverError: if there is no draw, or no time where drift or diffusion depend on it.
        ShapeError: if the draw has not the shape `noise_shape`.
    """
    timed = isinstance(w, tuple) and len(w) == 2
    t, xi = (time_of(w[0]), w[1]) if timed else (time_of(None), w)
    if not eqx.is_array_like(xi):
        ask_for_noise(sde, x)
    if not timed and any(depends_on_time(f, x, sde.args) for f in (sde.drift, sde.diffusion)):
        raise DriverError(
            "drift or diffusion depend on t, but the drive holds no time; "
            "drive with cocycle.Joint(cocycle.Clock(dt), cocycle.Brownian(key, shape))."
        )
    xi = jnp.asarray(xi, dtype=float)
    if sde.noise_shape is not None and xi.shape != sde.noise_shape:
        raise ShapeError(
            f"the noise has shape {xi.shape}, the system wants {sde.noise_shape}: Brownian(key, {sde.noise_shape})."
        )
    return t, jnp.sqrt(sde.dt) * xi


def ask_for_noise(sde: ItoSDE | StratonovichSDE, x: Array) -> NoReturn:
    """Say which driver a stochastic equation wants.

    Args:
        sde: the system.
        x: a state.

    Raises:
        DriverError: always.
    """
    shape = sde.noise_shape
    if shape is None:
        g = jax.eval_shape(lambda y: jnp.asarray(sde.diffusion(time_of(None), y, sde.args)), x)
        shape = g.shape[-1:] if g.ndim == x.ndim + 1 else ()
    brownian = f"cocycle.Brownian(jax.random.key(0){'' if shape == () else f', {shape}'})"
    raise DriverError(f"a stochastic equation has no default driver, because noise needs a key; give {brownian}.")


def ito_sde(
    *,
    diffusion: Field,
    dt: Any,
    x0: Any = None,
    args: Any = None,
    stepper: AbstractItoStepper = EulerMaruyama(),
    noise_shape: int | tuple[int, ...] | None = None,
    variables: Sequence[str] | None = None,
) -> Callable[[Field], ItoSDE]:
    """Turn a drift `drift(t, y, args)` into an ItoSDE of its name.

    Args:
        diffusion: `diffusion(t, y, args)`.
        dt: time that one step takes.
        x0: default initial state.
        args: parameters.
        stepper: an Ito stepper.
        noise_shape: shape of one draw, where it shall be enforced.
        variables: names of the components.

    Returns:
        A decorator.

    Example:
        >>> @ito_sde(diffusion=lambda t, y, args: args["sigma"], dt=0.01, args={"sigma": 0.5})
        ... def double_well(t, y, args):
        ...     return y - y**3
        >>> double_well.name
        'double_well'
    """

    def decorate(drift: Field) -> ItoSDE:
        name = getattr(drift, "__name__", None)
        return ItoSDE(
            drift,
            diffusion,
            args,
            dt=dt,
            x0=x0,
            stepper=stepper,
            noise_shape=noise_shape,
            name=name,
            variables=variables,
        )

    return decorate


def stratonovich_sde(
    *,
    diffusion: Field,
    dt: Any,
    x0: Any = None,
    args: Any = None,
    stepper: AbstractStratonovichStepper = StochasticHeun(),
    noise_shape: int | tuple[int, ...] | None = None,
    variables: Sequence[str] | None = None,
) -> Callable[[Field], StratonovichSDE]:
    """Turn a drift `drift(t, y, args)` into a StratonovichSDE of its name.

    Args:
        diffusion: `diffusion(t, y, args)`.
        dt: time that one step takes.
        x0: default initial state.
        args: parameters.
        stepper: a Stratonovich stepper.
        noise_shape: shape of one draw, where it shall be enforced.
        variables: names of the components.

    Returns:
        A decorator.

    Example:
        >>> @stratonovich_sde(diffusion=lambda t, y, args: args["sigma"] * y, dt=0.01, args={"sigma": 0.5})
        ... def growth(t, y, args):
        ...     return y - y**3
        >>> growth.name
        'growth'
    """

    def decorate(drift: Field) -> StratonovichSDE:
        name = getattr(drift, "__name__", None)
        return StratonovichSDE(
            drift,
            diffusion,
            args,
            dt=dt,
            x0=x0,
            stepper=stepper,
            noise_shape=noise_shape,
            name=name,
            variables=variables,
        )

    return decorate
