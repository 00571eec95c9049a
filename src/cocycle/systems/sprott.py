"""Sprott's algebraically simple chaotic flows, found by search: cases A to S, the simplest jerk, a switching damper."""

from typing import Any

import jax.numpy as jnp

from cocycle.systems.declared import declared


@declared("sprott_a")
def SprottA(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case A: a thermostatted oscillator that keeps volume on average."""
    x, y, z = u
    return jnp.array([y, y * z - x, 1.0 - y * y])


@declared("sprott_b")
def SprottB(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case B: two products and a constant inflow."""
    x, y, z = u
    return jnp.array([y * z, x - y, 1.0 - x * y])


@declared("sprott_c")
def SprottC(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case C: case B with a square in the last line."""
    x, y, z = u
    return jnp.array([y * z, x - y, 1.0 - x * x])


@declared("sprott_d")
def SprottD(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case D: one product and one square, no constant."""
    x, y, z = u
    return jnp.array([-y, x + z, x * z + 3.0 * y * y])


@declared("sprott_e")
def SprottE(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case E: a linear last line with one constant."""
    x, y, z = u
    return jnp.array([y * z, x * x - y, 1.0 - 4.0 * x])


@declared("sprott_f")
def SprottF(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case F: a spiral pushed out by its own square."""
    x, y, z = u
    return jnp.array([y + z, p["a"] * y - x, x * x - z])


@declared("sprott_g")
def SprottG(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case G: one product in six terms."""
    x, y, z = u
    return jnp.array([p["a"] * x + z, x * z - y, y - x])


@declared("sprott_h")
def SprottH(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case H: a growing spiral bent by the square of z."""
    x, y, z = u
    return jnp.array([z * z - y, x + p["a"] * y, x - z])


@declared("sprott_i")
def SprottI(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case I: a slow spiral bent by the square of y."""
    x, y, z = u
    return jnp.array([-p["a"] * y, x + z, x + y * y - z])


@declared("sprott_j")
def SprottJ(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case J: one square, decay in y only."""
    x, y, z = u
    return jnp.array([2.0 * z, z - 2.0 * y, y + y * y - x])


@declared("sprott_k")
def SprottK(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case K: one product, growth in z."""
    x, y, z = u
    return jnp.array([x * y - z, x - y, x + p["a"] * z])


@declared("sprott_l")
def SprottL(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case L: one square, weighed twice."""
    x, y, z = u
    return jnp.array([y + p["b"] * z, p["a"] * x * x - y, 1.0 - x])


@declared("sprott_m")
def SprottM(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case M: one square and a constant inflow."""
    x, y, z = u
    return jnp.array([-z, -x * x - y, p["a"] * (1.0 + x) + y])


@declared("sprott_n")
def SprottN(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case N: one square of z, decay in z only."""
    x, y, z = u
    return jnp.array([-2.0 * y, x + z * z, 1.0 + y - 2.0 * z])


@declared("sprott_o")
def SprottO(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case O: one product, no damping term at all."""
    x, y, z = u
    return jnp.array([y, x - z, x + x * z + p["a"] * y])


@declared("sprott_p")
def SprottP(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case P: one square, no diagonal linear term."""
    x, y, z = u
    return jnp.array([p["a"] * y + z, y * y - x, x + y])


@declared("sprott_q")
def SprottQ(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case Q: one square, growth in z."""
    x, y, z = u
    return jnp.array([-z, x - y, p["a"] * x + y * y + p["b"] * z])


@declared("sprott_r")
def SprottR(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case R: one product and two constants."""
    x, y, z = u
    return jnp.array([p["a"] - y, p["b"] + z, x * y - z])


@declared("sprott_s")
def SprottS(t: Any, u: Any, p: Any) -> Any:
    """Sprott's case S: one square and one constant."""
    x, y, z = u
    return jnp.array([-x - 4.0 * y, x + z * z, 1.0 + x])


@declared("sprott_jerk")
def SprottJerk(t: Any, u: Any, p: Any) -> Any:
    """The simplest dissipative chaotic flow: a third-order equation with one square."""
    x, y, z = u
    return jnp.array([y, z, y * y - x - p["mu"] * z])


@declared("sprott_more")
def SprottMore(t: Any, u: Any, p: Any) -> Any:
    """An oscillator whose damping changes sign with a third variable."""
    x, y, z = u
    return jnp.array([y, -x - jnp.sign(z) * y, y * y - jnp.exp(-x * x)])
