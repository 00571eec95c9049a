"""Classic maps of the interval, the circle, the plane and a lattice."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("tent")
def Tent(x: Any, p: Any) -> Any:
    """Two straight pieces of equal slope."""
    return p["mu"] * jnp.minimum(x, 1.0 - x)


@declared("gauss")
def Gauss(x: Any, p: Any) -> Any:
    """The next remainder of a continued fraction; zero stays."""
    return jnp.where(x == 0.0, 0.0, (1.0 / jnp.where(x == 0.0, 1.0, x)) % 1.0)


@declared("mouse")
def Mouse(x: Any, p: Any) -> Any:
    """A bell curve, moved down."""
    return jnp.exp(-p["a"] * x * x) + p["b"]


@declared("cubic")
def Cubic(x: Any, p: Any) -> Any:
    """An odd map of the interval with two bends."""
    return p["r"] * x * (1.0 - x * x)


@declared("sine")
def Sine(x: Any, p: Any) -> Any:
    """One arch of a sine."""
    return p["r"] * jnp.sin(jnp.pi * x)


@declared("ricker")
def Ricker(x: Any, p: Any) -> Any:
    """A population whose young die off in the crowd."""
    return p["a"] * x * jnp.exp(-x)


@declared("arnold_circle")
def ArnoldCircle(x: Any, p: Any) -> Any:
    """A turn of the circle, with a periodic kick."""
    return (x + p["omega"] - p["k"] / (2.0 * jnp.pi) * jnp.sin(2.0 * jnp.pi * x)) % 1.0


@declared("delayed_logistic")
def DelayedLogistic(u: Any, p: Any) -> Any:
    """A population held back by its number one generation before."""
    x, y = u
    return jnp.array([p["a"] * x * (1.0 - y), x])


@declared("baker")
def Baker(u: Any, p: Any) -> Any:
    """Cut, stretch and stack, with area kept; the cut need not be in the middle."""
    x, y = u
    c = p["cut"]
    left = x < c
    return jnp.array([jnp.where(left, x / c, (x - c) / (1.0 - c)), jnp.where(left, c * y, c + (1.0 - c) * y)])


@declared("ikeda")
def Ikeda(u: Any, p: Any) -> Any:
    """Light in a ring with a medium whose index depends on it."""
    x, y = u
    turn = p["phase"] - p["alpha"] / (1.0 + x * x + y * y)
    cosine, sine = jnp.cos(turn), jnp.sin(turn)
    return jnp.array([p["gamma"] + p["mu"] * (x * cosine - y * sine), p["mu"] * (x * sine + y * cosine)])


@declared("gingerbread")
def Gingerbread(u: Any, p: Any) -> Any:
    """A piecewise turn that keeps area: chaos around islands of order."""
    x, y = u
    return jnp.array([1.0 - y + jnp.abs(x), x])


@declared("lozi")
def Lozi(u: Any, p: Any) -> Any:
    """The Henon map with a modulus in place of the square."""
    x, y = u
    return jnp.array([1.0 - p["a"] * jnp.abs(x) + y, p["b"] * x])


@declared("tinkerbell")
def Tinkerbell(u: Any, p: Any) -> Any:
    """A complex square, sheared."""
    x, y = u
    return jnp.array([x * x - y * y + p["a"] * x + p["b"] * y, 2.0 * x * y + p["c"] * x + p["d"] * y])


@declared("duffing_map")
def DuffingMap(u: Any, p: Any) -> Any:
    """A cubic with memory of one step."""
    x, y = u
    return jnp.array([y, y * (p["a"] - y * y) - p["b"] * x])


@declared("bogdanov")
def Bogdanov(u: Any, p: Any) -> Any:
    """A discrete Bogdanov-Takens bifurcation."""
    x, y = u
    y = y * (1.0 + p["eps"] + p["mu"] * x) + p["k"] * x * (x - 1.0)
    return jnp.array([x + y, y])


@declared("zaslavskii")
def Zaslavskii(u: Any, p: Any) -> Any:
    """A rotor with friction, kicked with the cosine of its angle."""
    x, y = u
    rest = jnp.exp(-p["gamma"])
    mu = (1.0 - rest) / p["gamma"]
    kick = p["eps"] * jnp.cos(2.0 * jnp.pi * x)
    return jnp.array([(x + p["nu"] * (1.0 + mu * (y + kick))) % 1.0, rest * (y + kick)])


@declared("coupled_map_lattice")
def CoupledMapLattice(u: Any, p: Any) -> Any:
    """A ring of quadratic maps, each mixed with its two neighbours."""
    f = 1.0 - p["a"] * u * u
    return (1.0 - p["eps"]) * f + 0.5 * p["eps"] * (jnp.roll(f, 1) + jnp.roll(f, -1))
