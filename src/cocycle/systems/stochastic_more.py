"""More Ito equations: a noisy attractor, a noisy neuron, an interest rate that stays positive."""

from typing import Any

import jax.numpy as jnp

from cocycle.core.errors import ParameterError
from cocycle.core.tracing import is_traced
from cocycle.steppers import EulerMaruyama, ImplicitMilstein, ItoSDE
from cocycle.steppers.stochastic import AbstractItoStepper
from cocycle.systems.checks import not_negative, positive, real, vector
from cocycle.systems.lorenz import lorenz63_field
from cocycle.systems.registry import register

NOISE = "it is a standard deviation"


def additive(t: Any, u: Any, args: Any) -> Any:
    """Diffusion that does not depend on the state."""
    return args["noise"]


@register(
    "stochastic_lorenz",
    kind="sde",
    dimension=3,
    field="climate",
    chaotic=True,
    tags=("convection", "random attractor"),
    noise_shape=(3,),
)
def StochasticLorenz(
    *,
    sigma: Any = 10.0,
    rho: Any = 28.0,
    beta: Any = 8 / 3,
    noise: Any = 1.0,
    dt: Any = 0.001,
    x0: Any = None,
    stepper: AbstractItoStepper = EulerMaruyama(),
) -> ItoSDE:
    r"""Lorenz's convection with independent noise on each variable.

    $$dx = \sigma (y - x)\,dt + s\,dW_1, \quad dy = (x (\rho - z) - y)\,dt + s\,dW_2, \quad
    dz = (x y - \beta z)\,dt + s\,dW_3$$

    Args:
        sigma: Prandtl number.
        rho: Rayleigh number relative to the onset of convection.
        beta: aspect ratio of the rolls.
        noise: s, strength of the noise, not negative.
        dt: time per step.
        x0: initial state [x, y, z]; default a point on the attractor without noise.
        stepper: rule of one step.

    Returns:
        ItoSDE with state (3,), driven by `Brownian(key, (3,))`.

    Raises:
        ParameterError: if sigma or beta is not positive, or noise negative.

    Laws: additive noise leaves the divergence -(sigma + 1 + beta) as it is.

    Example:
        >>> StochasticLorenz(noise=2.0).noise_shape
        (3,)

    Source: [lorenz1963]; [chekroun2011].
    """
    args = {"sigma": positive(sigma, "sigma"), "rho": real(rho, "rho"), "beta": positive(beta, "beta")}
    args["noise"] = not_negative(noise, "noise", NOISE)
    return ItoSDE(
        lorenz63_field,
        additive,
        args,
        dt=dt,
        x0=vector(x0, [-5.8373, -4.3467, 26.1266]),
        stepper=stepper,
        noise_shape=(3,),
        name="stochastic_lorenz",
        variables=("x", "y", "z"),
    )


def fitzhugh_nagumo_drift(t: Any, u: Any, args: Any) -> Any:
    """Drift of the FitzHugh-Nagumo neuron."""
    v, w = u
    return jnp.array([v - v**3 / 3.0 - w + args["current"], args["epsilon"] * (v + args["a"] - args["b"] * w)])


def voltage_noise(t: Any, u: Any, args: Any) -> Any:
    """Diffusion of the voltage alone."""
    return jnp.array([1.0, 0.0]) * args["noise"]


@register(
    "noisy_fitzhugh_nagumo",
    kind="sde",
    dimension=2,
    field="neuroscience",
    chaotic=False,
    tags=("excitable",),
    noise_shape=(),
)
def NoisyFitzHughNagumo(
    *,
    current: Any = 0.3,
    epsilon: Any = 0.08,
    a: Any = 0.7,
    b: Any = 0.8,
    noise: Any = 0.1,
    dt: Any = 0.01,
    x0: Any = None,
    stepper: AbstractItoStepper = EulerMaruyama(),
) -> ItoSDE:
    r"""FitzHugh and Nagumo's neuron at rest just below threshold, made to fire by a noisy current.

    $$dv = (v - v^3/3 - w + I)\,dt + s\,dW, \quad dw = \varepsilon (v + a - b w)\,dt$$

    Args:
        current: I, mean current.
        epsilon: rate of recovery relative to that of the voltage, positive.
        a: offset of recovery.
        b: self-inhibition of recovery.
        noise: s, strength of the noise, not negative.
        dt: time per step.
        x0: initial state [v, w].
        stepper: rule of one step.

    Returns:
        ItoSDE with state (2,), driven by `Brownian(key)`.

    Raises:
        ParameterError: if epsilon is not positive or noise negative.

    Example:
        >>> NoisyFitzHughNagumo().variables
        ('v', 'w')

    Source: [fitzhugh1961]; [lindner2004].
    """
    args = {name: real(v, name) for name, v in {"current": current, "a": a, "b": b}.items()}
    args |= {"epsilon": positive(epsilon, "epsilon"), "noise": not_negative(noise, "noise", NOISE)}
    return ItoSDE(
        fitzhugh_nagumo_drift,
        voltage_noise,
        args,
        dt=dt,
        x0=vector(x0, [-1.0, -0.4]),
        stepper=stepper,
        noise_shape=(),
        name="noisy_fitzhugh_nagumo",
        variables=("v", "w"),
    )


def mean_reversion(t: Any, x: Any, args: Any) -> Any:
    """Drift towards the mean."""
    return args["kappa"] * (args["mean"] - x)


def square_root_noise(t: Any, x: Any, args: Any) -> Any:
    """Diffusion in proportion to the square root of the state."""
    return args["sigma"] * jnp.sqrt(x)


@register(
    "cox_ingersoll_ross",
    kind="sde",
    dimension=1,
    field="finance",
    chaotic=False,
    tags=("positive", "multiplicative noise"),
    noise_shape=(),
)
def CoxIngersollRoss(
    *,
    kappa: Any = 1.0,
    mean: Any = 0.05,
    sigma: Any = 0.1,
    dt: Any = 1 / 256,
    x0: Any = None,
    stepper: AbstractItoStepper = ImplicitMilstein(),
) -> ItoSDE:
    r"""Cox, Ingersoll and Ross's interest rate, which returns to its mean and stays positive.

    $$dx = \kappa (m - x)\,dt + \sigma \sqrt{x}\,dW$$

    Args:
        kappa: rate of return, positive [1/year].
        mean: m, positive.
        sigma: strength of the noise, not negative, with sigma^2 <= 4 kappa m.
        dt: time per step [year].
        x0: initial rate, positive.
        stepper: rule of one step; the default keeps every path positive.

    Returns:
        ItoSDE with a scalar state, driven by `Brownian(key)`.

    Raises:
        ParameterError: if kappa, mean or x0 is not positive, or the noise too strong to keep paths positive.

    Laws: stationary mean m and variance m sigma^2 / (2 kappa); exponent
        -kappa (1 + sigma^2 / (4 (2 kappa m - sigma^2))) where 2 kappa m > sigma^2.

    Example:
        >>> float(CoxIngersollRoss().x0)
        0.05

    Source: [cox1985].
    """
    args = {"kappa": positive(kappa, "kappa"), "mean": positive(mean, "mean")}
    args["sigma"] = not_negative(sigma, "sigma", NOISE)
    if not any(is_traced(v) for v in args.values()) and float(args["sigma"]) ** 2 > 4.0 * float(
        args["kappa"] * args["mean"]
    ):
        raise ParameterError("sigma^2 exceeds 4 kappa mean: no step keeps such paths positive; take a smaller sigma.")
    return ItoSDE(
        mean_reversion,
        square_root_noise,
        args,
        dt=dt,
        x0=positive(0.05 if x0 is None else x0, "x0", "it is under a square root"),
        stepper=stepper,
        noise_shape=(),
        name="cox_ingersoll_ross",
        variables=("x",),
    )
