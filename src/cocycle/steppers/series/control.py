"""How far a Taylor polynomial reaches: order and step by Jorba and Zou."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from cocycle.steppers.series.line import evaluate

SWITCH_SAMPLES = 4
BISECTIONS = 60


# Where rounding decides, truncation stays 20 times below it: it has a sign, and energies would drift like time.
ROUNDED, GUARD, FINEST = 1e-14, 20.0, 1e-18
# Orders above Jorba and Zou's. Their step costs order^2 products; in a field of few products it costs what waits in a
# row, which grows with the order itself, and then longer steps of a higher order take less time.
FEW_PRODUCTS, MORE_ORDERS = 6, 4
# Digits of room (natural ones) for the larger share of the radius of convergence that the longer steps go.
ROOM = 1.0


def order_for(tol: float) -> int:
    """Return the order at which a step costs least per unit of time, if its cost is that of order^2 products.

    Args:
        tol: relative precision of a step; below 1e-14 it is taken 20 times smaller.

    Example:
        >>> order_for(1e-9), order_for(2.2e-16)
        (12, 21)
    """
    held = max(tol / GUARD, min(tol, FINEST)) if tol < ROUNDED else tol
    return math.ceil(-0.5 * math.log(held) + 1.0)


def fraction(tol: float, order: int) -> float:
    r"""Return the share of the radius of convergence that a step of an order may go.

    $$e^{-E / (p + 1)}, \qquad E = (p_0 + 1) \left(2 + \frac{0.7}{p_0 - 1}\right)$$

    where p_0 is Jorba and Zou's order: the first term left out is as large as in their step, whatever the order.

    Args:
        tol: relative precision of a step.
        order: p.

    Source: [jorba2005].
    """
    best = order_for(tol)
    digits = (best + 1) * (2.0 + 0.7 / (best - 1)) + (ROOM if order > best else 0.0)
    return math.exp(-digits / (order + 1))


def largest(values: Sequence[Any]) -> Any:
    """Return the largest absolute value of several, each an array of one shape."""
    found = jnp.abs(values[0])
    for value in values[1:]:
        found = jnp.maximum(found, jnp.abs(value))
    return found


def reduced(part: Any, kept: int) -> Any:
    """Return the largest absolute value along all but the first axes; of a number, itself."""
    return jnp.max(jnp.abs(part), axis=tuple(range(kept, part.ndim))) if part.ndim > kept else part


def step_length(groups: Sequence[tuple[Sequence[list[Any]], int, bool]], order: int, share: float) -> Any:
    r"""Return the length of the step: a share of the radius of convergence that the last two terms tell.

    $$h = s \min_g \min\bigl((n_g / \|x_g^{[p-1]}\|)^{1/(p-1)}, (n_g / \|x_g^{[p]}\|)^{1/p}\bigr)$$

    where $n_g = \max(1, \|x_g\|)$ for a state (relative where it is large, absolute where it is small) and
    $\|x_g\|$ for a tangent vector, which has no size of its own.

    Args:
        groups: what has one norm: its coefficients part by part, the number of leading axes that count groups,
            and whether it is a tangent.
        order: p.
        share: s, of `fraction`.

    Source: [jorba2005].
    """
    shortest: Any = None
    for parts, kept, is_tangent in groups:
        sizes = [largest([reduced(part[k], kept) for part in parts]) for k in (0, order - 1, order)]
        floor = jnp.finfo(sizes[0].dtype).tiny
        scale = _log2(jnp.maximum(sizes[0], floor if is_tangent else 1.0))
        # A zero coefficient gives an infinite length, and NaN stays NaN.
        reach = [(scale - _log2(size)) * (1.0 / k) for k, size in zip((order - 1, order), sizes[1:], strict=True)]
        shorter = jnp.minimum(*reach)
        shorter = jnp.min(shorter) if kept else shorter
        shortest = shorter if shortest is None else jnp.minimum(shortest, shorter)
    return share * _exp2(shortest)


# A length needs three digits only; logarithms to the last one take as long as a third of a step of a small field.
MANTISSA, BIAS = 52, 1023
ONE_BITS, MANTISSA_BITS = BIAS << MANTISSA, (1 << MANTISSA) - 1
LOG_SHAPE, EXP_SHAPE = (0.42286495, -0.15921954), (0.30410987, 0.0792449)


def _log2(x: Any) -> Any:
    """Logarithm of a length to 0.001: the exponent, and a cubic for the mantissa. 0 gives -inf, NaN and inf NaN."""
    if x.dtype != jnp.float64:
        return jnp.log2(x)
    bits = lax.bitcast_convert_type(x, jnp.int64)
    exponent = (bits >> MANTISSA).astype(jnp.int32).astype(x.dtype)
    m = lax.bitcast_convert_type((bits & MANTISSA_BITS) | ONE_BITS, x.dtype) - 1.0
    found = (exponent - BIAS) + (m + m * (1.0 - m) * (LOG_SHAPE[0] + LOG_SHAPE[1] * m))
    return jnp.where(x < jnp.inf, jnp.where(x == 0, -jnp.inf, found), jnp.nan)


def _exp2(x: Any) -> Any:
    """Power of two, to a relative 0.0002; infinite where x is above the range."""
    if x.dtype != jnp.float64:
        return jnp.exp2(x)
    held = jnp.clip(x, 1.0 - BIAS, BIAS)
    whole = jnp.floor(held)
    m = held - whole
    bits = (whole.astype(jnp.int32).astype(jnp.int64) + BIAS) << MANTISSA
    found = lax.bitcast_convert_type(bits, x.dtype) * (1.0 + m - m * (1.0 - m) * (EXP_SHAPE[0] + EXP_SHAPE[1] * m))
    return jnp.where(x > BIAS, jnp.inf, jnp.where(x == x, found, x))


def _differs(decisions: Sequence[Any], order: int, h: Any) -> Any:
    return jnp.any(jnp.stack([d.differs(order, h) for d in decisions]))


def changes(decisions: Sequence[Any], order: int, h: Any) -> Any:
    """Say for each quarter of a step whether a decision is another one at its end.

    Args:
        decisions: what was decided at the start of the step.
        order: of the polynomials.
        h: length of the step.
    """
    places = [jnp.asarray((i + 1) / SWITCH_SAMPLES) for i in range(SWITCH_SAMPLES)]
    return jnp.stack([_differs(decisions, order, place * h) for place in places])


def within_branch(decisions: Sequence[Any], order: int, h: Any) -> Any:
    """Shorten a step so that it ends just beyond the first switch, where the next step takes the other branch.

    Args:
        decisions: what was decided at the start of the step.
        order: of the polynomials.
        h: length of the step without switches, of either sign.

    Returns:
        The length, within 2^-60 of the step from the switch.

    Limits: a switch that is undone again within a quarter of the step is not seen.
    """
    if not decisions:
        return h
    crossed = changes(decisions, order, h)

    def locate() -> Any:
        place = jnp.argmax(crossed)
        low, high = place / SWITCH_SAMPLES, (place + 1) / SWITCH_SAMPLES

        def halve(_: Any, ends: tuple[Any, Any]) -> tuple[Any, Any]:
            low, high = ends
            middle = 0.5 * (low + high)
            beyond = _differs(decisions, order, middle * h)
            return jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)

        return jax.lax.fori_loop(0, BISECTIONS, halve, (low * 1.0, high * 1.0))[1] * h

    return jax.lax.cond(jnp.any(crossed), locate, lambda: h * 1.0)


def moved(parts: Sequence[list[Any]], order: int, h: Any) -> list[Any]:
    """Return the state at h along its polynomials."""
    return [evaluate(part, order, h) for part in parts]
