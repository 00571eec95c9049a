"""Hamiltonian flows: Hénon and Heiles's star in a galaxy, and the double pendulum."""

import math
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.steppers import RK4, Flow, Yoshida4
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import positive, real, vector
from cocycle.systems.registry import register


def henon_heiles_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Hénon-Heiles flow."""
    x, y, px, py = u
    c = args["coupling"]
    return jnp.array([px, py, -x - 2.0 * c * x * y, -y - c * (x * x - y * y)])


def henon_heiles_energy(u: Any, args: Any) -> Float[Array, ""]:
    """Energy of a Hénon-Heiles state.

    Args:
        u: state [x, y, px, py].
        args: parameters of the system, its `args`.

    Returns:
        Energy [1].

    Example:
        >>> system = HenonHeiles()
        >>> round(float(henon_heiles_energy(system.x0, system.args)), 12)
        0.125
    """
    x, y, px, py = u
    return 0.5 * (px * px + py * py + x * x + y * y) + args["coupling"] * (x * x * y - y * y * y / 3.0)


@register(
    "henon_heiles",
    kind="flow",
    dimension=4,
    field="physics",
    chaotic=True,
    tags=("conservative", "symplectic", "orbit"),
)
def HenonHeiles(*, coupling: Any = 1.0, dt: Any = 0.05, x0: Any = None, stepper: AbstractStepper = Yoshida4()) -> Flow:
    r"""Hénon and Heiles's star in the mean field of a galaxy.

    $$H = \tfrac12 (p_x^2 + p_y^2 + x^2 + y^2) + c\,(x^2 y - \tfrac13 y^3)$$

    The default stepper is symplectic: the Hamiltonian is separable, the energy error stays bounded for ever (a
    Runge-Kutta step loses energy steadily), and exponents come in exact pairs.

    Args:
        coupling: c, strength of the cubic term.
        dt: time per step.
        x0: initial state [x, y, px, py], which sets the energy; default energy 1/8, in the chaotic sea.
        stepper: rule of one step; the state is ordered for `Leapfrog` and `Yoshida4`.

    Returns:
        Flow with state (4,).

    Raises:
        ParameterError: if coupling is not a finite number.

    Laws: energy is kept; exponents come in pairs (l, -l), two of them zero.
    Limits: at energies above 1/(6 c^2) orbits can escape to infinity.

    Example:
        >>> HenonHeiles().variables
        ('x', 'y', 'px', 'py')

    Source: [henon1964].
    """
    args = {"coupling": real(coupling, "coupling")}
    px = math.sqrt(2 * (1 / 8 - 0.25**2 / 2 - 0.25**3 / 3))
    x0 = vector(x0, [0.0, -0.25, px, 0.0])
    variables = ("x", "y", "px", "py")
    return Flow(henon_heiles_field, args, dt=dt, x0=x0, stepper=stepper, name="henon_heiles", variables=variables)


def double_pendulum_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the double pendulum, from Hamilton's equations."""
    a, b, pa, pb = u
    m1, m2, l1, l2, g = args["m1"], args["m2"], args["l1"], args["l2"], args["g"]
    total = m1 + m2
    sine, cosine = jnp.sin(a - b), jnp.cos(a - b)
    inertia = m1 + m2 * sine * sine
    lag = pa * pb * sine / (l1 * l2 * inertia)
    kinetic = m2 * l2 * l2 * pa * pa + total * l1 * l1 * pb * pb - 2.0 * m2 * l1 * l2 * pa * pb * cosine
    turn = lag - kinetic * sine * cosine / (l1 * l2 * inertia) ** 2
    return jnp.array(
        [
            (l2 * pa - l1 * pb * cosine) / (l1 * l1 * l2 * inertia),
            (total * l1 * pb - m2 * l2 * pa * cosine) / (m2 * l1 * l2 * l2 * inertia),
            -total * g * l1 * jnp.sin(a) - turn,
            -m2 * g * l2 * jnp.sin(b) + turn,
        ]
    )


def double_pendulum_energy(u: Any, args: Any) -> Float[Array, ""]:
    """Energy of a double pendulum, zero with both arms level.

    Args:
        u: state [theta1, theta2, p1, p2].
        args: parameters of the system, its `args`.

    Returns:
        Energy [J].

    Example:
        >>> system = DoublePendulum()
        >>> abs(float(double_pendulum_energy(system.x0, system.args))) < 1e-12
        True
    """
    a, b, pa, pb = u
    m1, m2, l1, l2, g = args["m1"], args["m2"], args["l1"], args["l2"], args["g"]
    total, delta = m1 + m2, a - b
    kinetic = m2 * l2 * l2 * pa * pa + total * l1 * l1 * pb * pb - 2.0 * m2 * l1 * l2 * pa * pb * jnp.cos(delta)
    kinetic = kinetic / (2.0 * m2 * (l1 * l2) ** 2 * (m1 + m2 * jnp.sin(delta) ** 2))
    return kinetic - total * g * l1 * jnp.cos(a) - m2 * g * l2 * jnp.cos(b)


@register(
    "double_pendulum", kind="flow", dimension=4, field="physics", chaotic=True, tags=("conservative", "mechanics")
)
def DoublePendulum(
    *,
    m1: Any = 1.0,
    m2: Any = 1.0,
    l1: Any = 1.0,
    l2: Any = 1.0,
    g: Any = 9.81,
    dt: Any = 0.005,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Two point masses on massless rods, one hung from the other.

    With $\Delta = \theta_1 - \theta_2$, $M = m_1 + m_2$ and canonical momenta $p_1, p_2$:

    $$H = \frac{m_2 l_2^2 p_1^2 + M l_1^2 p_2^2 - 2 m_2 l_1 l_2 p_1 p_2 \cos\Delta}
    {2 m_2 l_1^2 l_2^2 (m_1 + m_2 \sin^2\Delta)} - M g l_1 \cos\theta_1 - m_2 g l_2 \cos\theta_2$$

    The Hamiltonian is not separable, so the explicit symplectic steppers do not apply; `ImplicitMidpoint` does.

    Args:
        m1: upper mass [kg].
        m2: lower mass [kg].
        l1: upper rod [m].
        l2: lower rod [m].
        g: gravity [m/s^2].
        dt: time per step [s].
        x0: initial state [theta1, theta2, p1, p2] [rad, kg m^2/s], angles from the downward vertical; default both
            arms level and at rest.
        stepper: rule of one step.

    Returns:
        Flow with state (4,); the angles are not wrapped.

    Raises:
        ParameterError: if a mass, a length or g is not positive.

    Laws: energy is kept; exponents come in pairs (l, -l), two of them zero.

    Example:
        >>> DoublePendulum().variables
        ('theta1', 'theta2', 'p1', 'p2')

    Source: [shinbrot1992].
    """
    values = {"m1": m1, "m2": m2, "l1": l1, "l2": l2, "g": g}
    args = {name: positive(value, name, "masses, lengths and gravity are") for name, value in values.items()}
    x0 = vector(x0, [math.pi / 2, math.pi / 2, 0.0, 0.0])
    variables = ("theta1", "theta2", "p1", "p2")
    return Flow(double_pendulum_field, args, dt=dt, x0=x0, stepper=stepper, name="double_pendulum", variables=variables)
