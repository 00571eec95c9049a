"""Lorenz's two models of the atmosphere: convection (1963) and a latitude circle (1996)."""

from typing import Any

import jax.numpy as jnp

from cocycle.core.start import count
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


def lorenz96_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Lorenz-96 flow."""
    # One ring laid out with its neighbours compiles to faster loops than three rolls.
    ring = jnp.concatenate([u[-2:], u, u[:1]])
    return (ring[3:] - ring[:-3]) * ring[1:-2] - u + args["forcing"]


@register(
    "lorenz96", kind="flow", dimension=40, field="climate", chaotic=True, n_steps=40_000, tags=("spatiotemporal",)
)
def Lorenz96(
    *, n: int = 40, forcing: Any = 8.0, dt: Any = 0.02, x0: Any = None, stepper: AbstractStepper = RK4()
) -> Flow:
    r"""Lorenz's model of a quantity of the atmosphere along a latitude circle of n sites.

    $$\dot x_i = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + F, \quad i \bmod n$$

    Args:
        n: number of sites, at least 4; another n compiles again.
        forcing: F, 8 for the usual chaos.
        dt: time per step; one unit stands for five days.
        x0: initial state (n,); default an irregular one of the attractor's mean and spread at F = 8.
        stepper: rule of one step.

    Returns:
        Flow with state (n,).

    Raises:
        ParameterError: if n is below 4, or forcing not a finite number.

    Laws: divergence -n everywhere; the quadratic part conserves the energy, half the sum of squares.

    Example:
        >>> Lorenz96(n=8).x0.shape
        (8,)

    Source: [lorenz1996].
    """
    n = count(n, "n", 4)
    site = jnp.arange(n)
    default = 2.3 + 5.0 * jnp.sin(1.0 + 2.7 * site**2)
    variables = tuple(f"x{i}" for i in range(n))
    args = {"forcing": real(forcing, "forcing")}
    return Flow(
        lorenz96_field, args, dt=dt, x0=vector(x0, default), stepper=stepper, name="lorenz96", variables=variables
    )
