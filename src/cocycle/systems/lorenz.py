"""Lorenz's two models of the atmosphere: convection (1963) and a latitude circle (1996)."""

from typing import Any

import jax.numpy as jnp

from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import positive, real, vector
from cocycle.systems.registry import register


def lorenz63_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Lorenz-63 flow."""
    x, y, z = u
    return jnp.array([args["sigma"] * (y - x), x * (args["rho"] - z) - y, x * y - args["beta"] * z])


@register("lorenz63", kind="flow", dimension=3, field="climate", chaotic=True, tags=("convection", "strange attractor"))
def Lorenz63(
    *,
    sigma: Any = 10.0,
    rho: Any = 28.0,
    beta: Any = 8 / 3,
    dt: Any = 0.01,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Lorenz's convection model, the first strange attractor.

    $$\dot x = \sigma (y - x), \quad \dot y = x (\rho - z) - y, \quad \dot z = x y - \beta z$$

    Args:
        sigma: Prandtl number.
        rho: Rayleigh number relative to the onset of convection.
        beta: aspect ratio of the rolls.
        dt: time per step.
        x0: initial state [x, y, z]; default a point on the attractor.
        stepper: rule of one step.

    Returns:
        Flow with state (3,).

    Raises:
        ParameterError: if a parameter is not a finite number, or sigma or beta not positive.

    Laws: divergence -(sigma + 1 + beta) everywhere; symmetric under (x, y) -> (-x, -y).

    Example:
        >>> Lorenz63(rho=20.0).variables
        ('x', 'y', 'z')

    Source: [lorenz1963].
    """
    args = {"sigma": positive(sigma, "sigma"), "rho": real(rho, "rho"), "beta": positive(beta, "beta")}
    x0 = vector(x0, [-5.8373, -4.3467, 26.1266])
    return Flow(lorenz63_field, args, dt=dt, x0=x0, stepper=stepper, name="lorenz63", variables=("x", "y", "z"))
