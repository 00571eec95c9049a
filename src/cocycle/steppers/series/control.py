"""How far a Taylor polynomial reaches: order and step by Jorba and Zou."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cocycle.steppers.series.line import evaluate

SWITCH_SAMPLES = 4
BISECTIONS = 60


def order_for(tol: float) -> int:
    """Return the order at which a step costs least per unit of time.

    Args:
        tol: relative precision of a step.

    Example:
        >>> order_for(1e-9), order_for(2.2e-16)
        (12, 20)
    """
    return math.ceil(-0.5 * math.log(tol) + 1.0)


def _largest(values: Sequence[Any]) -> Any:
    found = jnp.abs(values[0])
    for value in values[1:]:
        found = jnp.maximum(found, jnp.abs(value))
    return found


def _reduced(part: Any, kept: int) -> Any:
    return jnp.max(jnp.abs(part), axis=tuple(range(kept, part.ndim))) if part.ndim > kept else part


def step_length(groups: Sequence[tuple[Sequence[list[Any]], int, bool]], order: int) -> Any:
    r"""Return the length of the step: the polynomial's last two terms are at round-off of what it describes.

    $$h = e^{-2 - 0.7 / (p - 1)} \min_g \min\bigl((n_g / \|x_g^{[p-1]}\|)^{1/(p-1)}, (n_g / \|x_g^{[p]}\|)^{1/p}\bigr)$$

    where $n_g = \max(1, \|x_g\|)$ for a state (relative where it is large, absolute where it is small) and
    $\|x_g\|$ for a tangent vector, which has no size of its own.

    Args:
        groups: what has one norm: its coefficients part by part, the number of leading axes that count groups,
            and whether it is a tangent.
        order: p.

    Source: [jorba2005].
    """
    shortest: Any = None
    for parts, kept, is_tangent in groups:
        sizes = [_largest([_reduced(part[k], kept) for part in parts]) for k in (0, order - 1, order)]
        floor = jnp.finfo(sizes[0].dtype).tiny
        scale = jnp.log(jnp.maximum(sizes[0], floor if is_tangent else 1.0))
        # A zero coefficient gives an infinite length, and NaN stays NaN.
        reach = [(scale - jnp.log(size)) / k for k, size in zip((order - 1, order), sizes[1:], strict=True)]
        shorter = jnp.minimum(*reach)
        shorter = jnp.min(shorter) if kept else shorter
        shortest = shorter if shortest is None else jnp.minimum(shortest, shorter)
    return math.exp(-2.0 - 0.7 / (order - 1)) * jnp.exp(shortest)


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

    def differs(fraction: Any) -> Any:
        found = [d.differs(order, fraction * h) for d in decisions]
        return jnp.any(jnp.stack(found))

    inner = [differs(jnp.asarray((i + 1) / SWITCH_SAMPLES)) for i in range(SWITCH_SAMPLES)]
    crossed = jnp.stack(inner)

    def locate() -> Any:
        place = jnp.argmax(crossed)
        low, high = place / SWITCH_SAMPLES, (place + 1) / SWITCH_SAMPLES

        def halve(_: Any, ends: tuple[Any, Any]) -> tuple[Any, Any]:
            low, high = ends
            middle = 0.5 * (low + high)
            beyond = differs(middle)
            return jnp.where(beyond, low, middle), jnp.where(beyond, middle, high)

        return jax.lax.fori_loop(0, BISECTIONS, halve, (low * 1.0, high * 1.0))[1] * h

    return jax.lax.cond(jnp.any(crossed), locate, lambda: h * 1.0)


def moved(parts: Sequence[list[Any]], order: int, h: Any) -> list[Any]:
    """Return the state at h along its polynomials."""
    return [evaluate(part, order, h) for part in parts]
