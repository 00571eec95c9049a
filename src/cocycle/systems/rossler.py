"""Rössler's flows: the band (1976) and hyperchaos (1979)."""

from typing import Any

import jax.numpy as jnp

from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import real, vector
from cocycle.systems.registry import register


def rossler_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Rössler flow."""
    x, y, z = u
    return jnp.array([-y - z, x + args["a"] * y, args["b"] + z * (x - args["c"])])


@register("rossler", kind="flow", dimension=3, field="chemistry", chaotic=True, tags=("strange attractor", "band"))
def Rossler(
    *,
    a: Any = 0.2,
    b: Any = 0.2,
    c: Any = 5.7,
    dt: Any = 0.02,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Rössler's band: chaos with a single nonlinear term.

    $$\dot x = -y - z, \quad \dot y = x + a y, \quad \dot z = b + z (x - c)$$

    Args:
        a: growth of the spiral.
        b: inflow into z.
        c: level of x at which z takes off.
        dt: time per step.
        x0: initial state [x, y, z]; default a point on the attractor.
        stepper: rule of one step.

    Returns:
        Flow with state (3,).

    Raises:
        ParameterError: if a parameter is not a finite number.

    Limits: orbits that start far from the attractor can escape to infinity.

    Example:
        >>> Rossler(c=4.0).dt.item()
        0.02

    Source: [rossler1976].
    """
    args = {"a": real(a, "a"), "b": real(b, "b"), "c": real(c, "c")}
    x0 = vector(x0, [-5.0, -4.0, 0.02])
    return Flow(rossler_field, args, dt=dt, x0=x0, stepper=stepper, name="rossler", variables=("x", "y", "z"))


def hyper_rossler_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of Rössler's hyperchaotic flow."""
    x, y, z, w = u
    return jnp.array([-y - z, x + args["a"] * y + w, args["b"] + x * z, args["d"] * w - args["c"] * z])


@register("hyper_rossler", kind="flow", dimension=4, field="chemistry", chaotic=True, tags=("hyperchaos",))
def HyperRossler(
    *,
    a: Any = 0.25,
    b: Any = 3.0,
    c: Any = 0.5,
    d: Any = 0.05,
    dt: Any = 0.01,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Rössler's flow with two directions of stretching, the first hyperchaos.

    $$\dot x = -y - z, \quad \dot y = x + a y + w, \quad \dot z = b + x z, \quad \dot w = -c z + d w$$

    Args:
        a: growth of the spiral.
        b: inflow into z.
        c: how much z takes from w.
        d: growth of w.
        dt: time per step; z relaxes at rates up to about 100, so a step much longer is not stable.
        x0: initial state [x, y, z, w]; default a point on the attractor.
        stepper: rule of one step.

    Returns:
        Flow with state (4,).

    Raises:
        ParameterError: if a parameter is not a finite number.

    Limits: the basin is small: many initial states escape to infinity.

    Example:
        >>> HyperRossler().variables
        ('x', 'y', 'z', 'w')

    Source: [rossler1979].
    """
    args = {"a": real(a, "a"), "b": real(b, "b"), "c": real(c, "c"), "d": real(d, "d")}
    x0 = vector(x0, [-20.0, 0.0, 0.0, 15.0])
    variables = ("x", "y", "z", "w")
    return Flow(hyper_rossler_field, args, dt=dt, x0=x0, stepper=stepper, name="hyper_rossler", variables=variables)
