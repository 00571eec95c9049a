"""Bodies, pendulums and nuclei in motion."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared

GRAVITY = 9.82


@declared("newton_leipnik")
def NewtonLeipnik(t: Any, u: Any, p: Any) -> Any:
    """A rigid body under linear feedback, with two strange attractors."""
    x, y, z = u
    return jnp.array([y - p["a"] * x + 10.0 * y * z, 5.0 * x * z - x - 0.4 * y, p["b"] * z - 5.0 * x * y])


@declared("nuclear_quadrupole")
def NuclearQuadrupole(t: Any, u: Any, p: Any) -> Any:
    """A nucleus that vibrates in two quadrupole modes."""
    q1, q2, p1, p2 = u
    a, cubic, d = p["a"], 3.0 * p["b"] / jnp.sqrt(2.0), p["d"]
    radial = a + d * (q1 * q1 + q2 * q2)
    return jnp.array([a * p1, a * p2, cubic * (q1 * q1 - q2 * q2) - radial * q1, -2.0 * cubic * q1 * q2 - radial * q2])


def nuclear_quadrupole_energy(u: Any, args: Any) -> Any:
    """Energy of the quadrupole vibrations.

    Args:
        u: state [q1, q2, p1, p2].
        args: parameters a, b, d.

    Returns:
        Energy, one number.
    """
    q1, q2, p1, p2 = u
    square = q1 * q1 + q2 * q2
    cubic = args["b"] / jnp.sqrt(2.0) * (3.0 * q1 * q2 * q2 - q1**3)
    return 0.5 * args["a"] * (p1 * p1 + p2 * p2 + square) + cubic + 0.25 * args["d"] * square**2


@declared("swinging_atwood")
def SwingingAtwood(t: Any, u: Any, p: Any) -> Any:
    """Atwood's machine whose lighter weight may swing."""
    r, theta, pr, pt = u
    m1, m2 = p["m1"], p["m2"]
    turning = pt / (m1 * r * r)
    return jnp.array(
        [
            pr / (m1 + m2),
            turning,
            pt * turning / r - GRAVITY * (m2 - m1 * jnp.cos(theta)),
            -m1 * GRAVITY * r * jnp.sin(theta),
        ]
    )


def swinging_atwood_energy(u: Any, args: Any) -> Any:
    """Energy of the swinging Atwood machine.

    Args:
        u: state [r, theta, p_r, p_theta].
        args: masses m1 and m2.

    Returns:
        Energy, one number.
    """
    r, theta, pr, pt = u
    m1, m2 = args["m1"], args["m2"]
    kinetic = 0.5 * pr * pr / (m1 + m2) + 0.5 * pt * pt / (m1 * r * r)
    return kinetic + GRAVITY * r * (m2 - m1 * jnp.cos(theta))


@declared("stick_slip_oscillator")
def StickSlipOscillator(t: Any, u: Any, p: Any) -> Any:
    """A weight on a moving belt, in a double well, under a weak periodic force."""
    x, v, phase = u
    slip = v - p["vs"]
    friction = p["t0"] * jnp.sign(slip) - p["alpha"] * v + p["beta"] * slip**3
    return jnp.array([v, p["eps"] * (p["gamma"] * jnp.cos(phase) - friction) + x * (p["a"] - p["b"] * x * x), p["w"]])
