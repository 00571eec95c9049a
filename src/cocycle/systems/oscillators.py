"""Oscillators: Van der Pol's relaxation, Duffing's driven double well, Thomas's cyclic feedback."""

from typing import Any

import jax.numpy as jnp

from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import not_negative, positive, real, vector
from cocycle.systems.registry import register


def van_der_pol_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Van der Pol oscillator."""
    x, y = u
    return jnp.array([y, args["mu"] * (1.0 - x * x) * y - x])


@register("van_der_pol", kind="flow", dimension=2, field="engineering", chaotic=False, tags=("limit cycle",))
def VanDerPol(*, mu: Any = 1.0, dt: Any = 0.02, x0: Any = None, stepper: AbstractStepper = RK4()) -> Flow:
    r"""Van der Pol's oscillator: energy is pumped in at small swings and taken out at large ones.

    $$\dot x = y, \quad \dot y = \mu (1 - x^2) y - x$$

    Args:
        mu: strength of the nonlinear damping, not negative; the larger, the stiffer.
        dt: time per step.
        x0: initial state [x, y]; default a point of the cycle of mu = 1.
        stepper: rule of one step.

    Returns:
        Flow with state (2,).

    Raises:
        ParameterError: if mu is negative or not a finite number.

    Laws: one limit cycle for every mu > 0, that attracts all but the origin.

    Example:
        >>> VanDerPol(mu=5.0).variables
        ('x', 'y')

    Source: [vanderpol1926].
    """
    args = {"mu": not_negative(mu, "mu", "the cycle attracts only for mu > 0")}
    x0 = vector(x0, [2.0086198608748433, 0.0])
    return Flow(van_der_pol_field, args, dt=dt, x0=x0, stepper=stepper, name="van_der_pol", variables=("x", "y"))


def duffing_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the driven Duffing oscillator."""
    x, y = u
    force = args["gamma"] * jnp.cos(args["omega"] * t)
    return jnp.array([y, force - args["delta"] * y - x * (args["alpha"] + args["beta"] * x * x)])


@register("duffing", kind="flow", dimension=2, field="engineering", chaotic=True, tags=("driven", "double well"))
def Duffing(
    *,
    delta: Any = 0.25,
    alpha: Any = -1.0,
    beta: Any = 1.0,
    gamma: Any = 0.4,
    omega: Any = 1.0,
    dt: Any = 0.02,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Duffing's oscillator under a periodic force; at the defaults a double well.

    $$\dot x = y, \quad \dot y = -\delta y - \alpha x - \beta x^3 + \gamma \cos \omega t$$

    Args:
        delta: damping, not negative.
        alpha: linear stiffness; negative for two wells.
        beta: cubic stiffness.
        gamma: amplitude of the force.
        omega: angular frequency of the force.
        dt: time per step.
        x0: initial state [x, y].
        stepper: rule of one step.

    Returns:
        Flow with state (2,), driven by `Clock`.

    Raises:
        ParameterError: if delta is negative, or a parameter not a finite number.

    Laws: divergence -delta everywhere.

    Example:
        >>> type(Duffing().default_driver(Duffing().x0)).__name__
        'Clock'

    Source: [guckenheimer1983].
    """
    args = {
        "delta": not_negative(delta, "delta", "negative damping lets orbits explode"),
        "alpha": real(alpha, "alpha"),
        "beta": real(beta, "beta"),
        "gamma": real(gamma, "gamma"),
        "omega": real(omega, "omega"),
    }
    x0 = vector(x0, [0.2, 0.0])
    return Flow(duffing_field, args, dt=dt, x0=x0, stepper=stepper, name="duffing", variables=("x", "y"))


def thomas_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of Thomas's flow."""
    x, y, z = u
    b = args["b"]
    return jnp.array([jnp.sin(y) - b * x, jnp.sin(z) - b * y, jnp.sin(x) - b * z])


@register("thomas", kind="flow", dimension=3, field="biology", chaotic=True, tags=("feedback circuit", "symmetric"))
def Thomas(*, b: Any = 0.18, dt: Any = 0.05, x0: Any = None, stepper: AbstractStepper = RK4()) -> Flow:
    r"""Thomas's cyclically symmetric flow: three variables, each driven by the sine of the next.

    $$\dot x = \sin y - b x, \quad \dot y = \sin z - b y, \quad \dot z = \sin x - b z$$

    Args:
        b: friction, positive; below about 0.208 the flow is chaotic.
        dt: time per step.
        x0: initial state [x, y, z]; default a point on the attractor.
        stepper: rule of one step.

    Returns:
        Flow with state (3,).

    Raises:
        ParameterError: if b is not a positive number.

    Laws: divergence -3 b everywhere; symmetric under cyclic exchange of the variables.

    Example:
        >>> Thomas().variables
        ('x', 'y', 'z')

    Source: [thomas1999].
    """
    args = {"b": positive(b, "b", "without friction orbits wander off for ever")}
    x0 = vector(x0, [1.0, 0.2, -0.5])
    return Flow(thomas_field, args, dt=dt, x0=x0, stepper=stepper, name="thomas", variables=("x", "y", "z"))
