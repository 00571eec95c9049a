"""Ito equations: a linear one, a double well, and one with multiplicative noise."""

from typing import Any

from cocycle.steppers.sde import ItoSDE
from cocycle.steppers.stochastic import AbstractItoStepper, EulerMaruyama, Milstein
from cocycle.systems.checks import not_negative, positive, real, vector
from cocycle.systems.registry import register

NOISE = "it is a standard deviation"


def relaxation(t: Any, x: Any, args: Any) -> Any:
    """Drift towards zero."""
    return -args["theta"] * x


def constant_noise(t: Any, x: Any, args: Any) -> Any:
    """Diffusion that does not depend on the state."""
    return args["sigma"]


@register(
    "ornstein_uhlenbeck", kind="sde", dimension=1, field="physics", chaotic=False, tags=("linear",), noise_shape=()
)
def OrnsteinUhlenbeck(
    *,
    theta: Any = 1.0,
    sigma: Any = 1.0,
    dt: Any = 0.01,
    x0: Any = None,
    stepper: AbstractItoStepper = EulerMaruyama(),
) -> ItoSDE:
    r"""The Ornstein-Uhlenbeck process: velocity of a Brownian particle.

    $$dx = -\theta x\,dt + \sigma\,dW$$

    Args:
        theta: rate of relaxation, positive.
        sigma: strength of the noise, not negative.
        dt: time per step.
        x0: initial state, one number.
        stepper: rule of one step.

    Returns:
        ItoSDE with a scalar state, driven by `Brownian(key)`.

    Raises:
        ParameterError: if theta is not positive or sigma negative.

    Laws: stationary variance sigma^2 / (2 theta); exponent -theta.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(OrnsteinUhlenbeck(dt=0.25).step(jnp.array(1.0), 0.0)), 12)
        0.75

    Source: [uhlenbeck1930].
    """
    args = {
        "theta": positive(theta, "theta", "there is no stationary state otherwise"),
        "sigma": not_negative(sigma, "sigma", NOISE),
    }
    x0 = vector(x0, 0.0)
    return ItoSDE(
        relaxation,
        constant_noise,
        args,
        dt=dt,
        x0=x0,
        stepper=stepper,
        noise_shape=(),
        name="ornstein_uhlenbeck",
        variables=("x",),
    )


def double_well_drift(t: Any, x: Any, args: Any) -> Any:
    """Force of the double well."""
    return x - x * x * x


@register("double_well", kind="sde", dimension=1, field="physics", chaotic=False, tags=("bistable",), noise_shape=())
def DoubleWell(
    *, sigma: Any = 0.5, dt: Any = 0.01, x0: Any = None, stepper: AbstractItoStepper = EulerMaruyama()
) -> ItoSDE:
    r"""An overdamped particle in a double well, kicked from one to the other by noise.

    $$dx = (x - x^3)\,dt + \sigma\,dW$$

    Args:
        sigma: strength of the noise, not negative.
        dt: time per step.
        x0: initial state, one number.
        stepper: rule of one step.

    Returns:
        ItoSDE with a scalar state, driven by `Brownian(key)`.

    Raises:
        ParameterError: if sigma is negative.

    Laws: stationary density proportional to exp((x^2 - x^4/2) / sigma^2); under common noise orbits come together.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(DoubleWell(dt=0.1).step(jnp.array(0.5), 0.0)), 12)
        0.5375

    Source: [crauel1998].
    """
    return ItoSDE(
        double_well_drift,
        constant_noise,
        {"sigma": not_negative(sigma, "sigma", NOISE)},
        dt=dt,
        x0=vector(x0, 1.0),
        stepper=stepper,
        noise_shape=(),
        name="double_well",
        variables=("x",),
    )


def proportional_growth(t: Any, x: Any, args: Any) -> Any:
    """Drift in proportion to the state."""
    return args["mu"] * x


def proportional_noise(t: Any, x: Any, args: Any) -> Any:
    """Diffusion in proportion to the state."""
    return args["sigma"] * x


@register(
    "geometric_brownian_motion",
    kind="sde",
    dimension=1,
    field="finance",
    chaotic=False,
    tags=("linear", "multiplicative noise"),
    noise_shape=(),
)
def GeometricBrownianMotion(
    *,
    mu: Any = 0.05,
    sigma: Any = 0.2,
    dt: Any = 1 / 256,
    x0: Any = None,
    stepper: AbstractItoStepper = Milstein(),
) -> ItoSDE:
    r"""Geometric Brownian motion: a price whose relative changes are independent.

    $$dx = \mu x\,dt + \sigma x\,dW$$

    Args:
        mu: mean growth rate [1/year].
        sigma: volatility, not negative [1/sqrt(year)].
        dt: time per step [year].
        x0: initial price, positive.
        stepper: rule of one step; Milstein by default, since the noise multiplies.

    Returns:
        ItoSDE with a scalar state, driven by `Brownian(key)`.

    Raises:
        ParameterError: if sigma is negative or mu not a finite number.

    Laws: exponent mu - sigma^2 / 2: a typical path can decay while the mean grows.

    Example:
        >>> import jax.numpy as jnp
        >>> round(float(GeometricBrownianMotion(dt=1.0, sigma=0.0).step(jnp.array(1.0), 0.0)), 12)
        1.05

    Source: [black1973].
    """
    args = {"mu": real(mu, "mu"), "sigma": not_negative(sigma, "sigma", NOISE)}
    return ItoSDE(
        proportional_growth,
        proportional_noise,
        args,
        dt=dt,
        x0=vector(x0, 1.0),
        stepper=stepper,
        noise_shape=(),
        name="geometric_brownian_motion",
        variables=("x",),
    )
