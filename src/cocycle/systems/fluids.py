"""Fluids: stirring by given flows, and a few modes of the atmosphere."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("arnold_beltrami_childress")
def ArnoldBeltramiChildress(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a particle in the ABC flow."""
    x, y, z = u
    a, b, c = p["a"], p["b"], p["c"]
    return jnp.array(
        [
            a * jnp.sin(z) + c * jnp.cos(y),
            b * jnp.sin(x) + a * jnp.cos(z),
            c * jnp.sin(y) + b * jnp.cos(x),
        ]
    )


@declared("arnold_web")
def ArnoldWeb(t: Any, u: Any, p: Any) -> Any:
    """Velocity of two rotators and a clock coupled through one potential."""
    actions, angles = u[:2], u[2:]
    depth = 4 + jnp.sum(jnp.cos(angles))
    return jnp.concatenate([-p["mu"] * jnp.sin(angles[:2]) / depth**2, actions, p["w"][None]])


@declared("atmospheric_regime")
def AtmosphericRegime(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a slow mode x and a fast oscillation (y, z) that exchange energy."""
    x, y, z = u
    turn = p["omega"] + p["alpha"] * y + p["beta"] * z
    return jnp.array(
        [
            (p["mu1"] + p["sigma"] * y) * x,
            p["mu2"] * y + turn * z - p["sigma"] * x**2,
            p["mu2"] * z - turn * y,
        ]
    )


@declared("bickley_jet")
def BickleyJet(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a particle in a jet with three travelling waves: across, along, phase."""
    y, x, phase = u
    sech2, tanh = 1 / jnp.cosh(y / p["ell"]) ** 2, jnp.tanh(y / p["ell"])
    wave = p["k"] * (x - p["sigma"] * phase)
    across = p["ell"] * jnp.sum(p["eps"] * p["k"] * jnp.sin(wave))
    along = -1 - 2 * tanh * jnp.sum(p["eps"] * jnp.cos(wave))
    return jnp.array([p["u"] * sech2 * across, p["u"] * sech2 * along, p["omega"]])


def switched(clock: Any, tau: Any) -> Any:
    """Weight of the first of two flows that take turns, a smoothed square wave of period tau (steepness 20)."""
    return 0.5 * (1 + jnp.tanh(20 * tau * jnp.sin(2 * jnp.pi * clock / tau)))


def rotlet(r: Any, theta: Any, p: Any, side: Any) -> tuple[Any, Any]:
    """Velocity in polar coordinates by a rotlet on the axis at distance b, to the right (side 1) or left (-1)."""
    a2, b = p["a"] ** 2, side * p["b"]
    c, s = jnp.cos(theta), jnp.sin(theta)
    image = a2 - 2 * b * r * c + (b * r) ** 2 / a2  # squared distance to the image, times (b / a)^2
    own = b**2 - 2 * b * r * c + r**2  # squared distance to the rotlet
    pull = b**2 * r / a2 - b * c
    wall = (1 - r**2 / a2) * (a2 - (b * r) ** 2 / a2)
    radial = b * s * (1 / own - 1 / image - p["bc"] * wall / image**2)
    spin = p["bc"] * (wall * pull / image**2 + r * (a2 + b**2 - 2 * (b * r) ** 2 / a2) / (a2 * image))
    return radial, spin + pull / image - (r - b * c) / own


def blinking(u: Any, p: Any) -> Any:
    """Velocity by two rotlets that take turns."""
    r, theta, clock = u
    weight = switched(clock, p["tau"])
    right, left = rotlet(r, theta, p, 1.0), rotlet(r, theta, p, -1.0)
    radial, tangential = (weight * one + (1 - weight) * other for one, other in zip(right, left, strict=True))
    return jnp.array([p["sigma"] * radial, p["sigma"] * tangential / r, 1.0])


@declared("blinking_rotlet")
def BlinkingRotlet(t: Any, u: Any, p: Any) -> Any:
    """Velocity by two blinking rotlets in a disc with a no-slip wall."""
    return blinking(u, p)


@declared("blinking_vortex")
def BlinkingVortex(t: Any, u: Any, p: Any) -> Any:
    """Velocity by two blinking point vortices in a disc."""
    return blinking(u, p)


@declared("double_gyre")
def DoubleGyre(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a particle in two gyres whose border swings."""
    x, y, phase = u
    a = p["eps"] * jnp.sin(phase)
    b = 1 - 2 * a
    f = (a * x + b) * x
    speed = p["alpha"] * jnp.pi
    along = -speed * jnp.sin(jnp.pi * f) * jnp.cos(jnp.pi * y)
    return jnp.array([along, speed * jnp.cos(jnp.pi * f) * jnp.sin(jnp.pi * y) * (2 * a * x + b), p["omega"]])


@declared("hadley")
def Hadley(t: Any, u: Any, p: Any) -> Any:
    """Velocity of the westerly current x and the two phases of a chain of eddies."""
    x, y, z = u
    return jnp.array(
        [
            p["a"] * (p["f"] - x) - y**2 - z**2,
            (x - 1) * y - p["b"] * x * z + p["g"],
            p["b"] * x * y + (x - 1) * z,
        ]
    )


@declared("interior_squirmer")
def InteriorSquirmer(t: Any, u: Any, p: Any) -> Any:
    """Velocity in a disc whose wall drives sine modes and cosine modes by turns."""
    r, theta, clock = u
    weight = switched(clock, p["tau"])
    n = jnp.arange(1, p["a"].size + 1)
    a, g = weight * p["a"], (1 - weight) * p["g"]
    sine, cosine = jnp.sin(n * theta), jnp.cos(n * theta)
    inner = r**n * (r**2 - 1) * n / r
    radial = jnp.sum((g * cosine + a * sine) * inner)
    tangential = jnp.sum((a * cosine - g * sine) * (2 * r ** (n + 1) + inner))
    return jnp.array([radial, tangential / r, 1.0])


def cavity_mode(x: Any, y: Any, p: Any, n: int, amplitude: Any) -> Any:
    """Stokes velocity in a cavity of length a and half height b by the n-th sine of wall speed."""
    k = n * jnp.pi / p["a"]
    wall, scale = k * p["b"], 2 * amplitude / (2 * k * p["b"] + jnp.sinh(2 * k * p["b"]))
    ch, sh, chy, shy = jnp.cosh(wall), jnp.sinh(wall), jnp.cosh(k * y), jnp.sinh(k * y)
    along = ch * (k * y * chy + shy) - wall * sh * shy
    return scale * jnp.array([jnp.sin(k * x) * along, jnp.cos(k * x) * (wall * sh * chy - k * y * ch * shy)])


@declared("lid_driven_cavity_flow")
def LidDrivenCavityFlow(t: Any, u: Any, p: Any) -> Any:
    """Velocity of a particle in a cavity whose first mode reverses by turns."""
    x, y, clock = u
    reversing = (2 * switched(clock, p["tau"]) - 1) * p["u1"]
    return jnp.append(cavity_mode(x, y, p, 1, reversing) + cavity_mode(x, y, p, 2, p["u2"]), 1.0)
