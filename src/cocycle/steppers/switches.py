"""What a Taylor step does where the field is not analytic."""

import enum
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.steppers.dense import N_ALL, N_STAGES, POWER, SAFETY, SHRINK, dop853_tables
from cocycle.steppers.series import Program

# The shortest step across a switch, as a fraction of the series step: what bisection would leave.
SHORTEST = 2.0**-60
MAX_ATTEMPTS = 200
DEGREE = 7


class Switches(enum.Enum):
    """What a `Taylor` step does at abs, max, where, sign, floor and branches that the state decides.

    Attributes:
        LOCATE: end the polynomial at the switch, located on it to round-off, and go on beyond: fast, of full order.
        RUNGE_KUTTA: cross it by steps of an embedded Runge-Kutta pair of order 8, held to the tolerance.
        REFUSE: accept analytic fields only.
    """

    LOCATE = "locate"
    RUNGE_KUTTA = "Runge-Kutta"
    REFUSE = "refuse"


def basis() -> np.ndarray:
    """Return, row by row, the monomials (degree 0 to 7) of the products x, x (1 - x), x^2 (1 - x), ... of the pair."""
    rows, product = [], np.array([1.0])
    for i in range(DEGREE):
        product = np.convolve(product, [0.0, 1.0] if i % 2 == 0 else [1.0, -1.0])
        rows.append(np.pad(product, (0, DEGREE + 1 - len(product))))
    return np.stack(rows)


def _combined(weights: Any, k: Any) -> Any:
    """Sum of stages along the first axis, with their weights."""
    return jnp.sum(weights.reshape((-1,) + (1,) * (k.ndim - 1)) * k, axis=0)


def _stages(program: Program, t: Any, parts: Sequence[Any], h: Any, last: int) -> tuple[list[Any], Any]:
    """Slopes of stages 0 to last - 1 of the pair, and whether they lie on both sides of a switch.

    A loop, so that the field is compiled once.
    """
    weights, nodes = (jnp.asarray(table) for table in dop853_tables()[:2])
    at_start = [d.chosen for d in program.expand(t, parts, 0).decisions]

    def one(s: Any, carry: tuple[list[Any], Any]) -> tuple[list[Any], Any]:
        k, mixed = carry
        moved = [part + h * _combined(weights[s], row) for part, row in zip(parts, k, strict=True)]
        found = program.expand(t + nodes[s] * h, moved, 1)
        other = [jnp.any(d.chosen != before) for d, before in zip(found.decisions, at_start, strict=True)]
        slopes = zip(k, found.parts, strict=True)
        k = [jax.lax.dynamic_update_index_in_dim(row, part[1], s, 0) for row, part in slopes]
        return k, mixed | jnp.any(jnp.stack(other))

    empty = [jnp.zeros((N_ALL, *jnp.shape(p)), p.dtype) for p in parts]
    return jax.lax.fori_loop(0, last, one, (empty, jnp.asarray(False)))


def _error(groups: Sequence[Any], h: Any, rtol: float, mixed: Any) -> Any:
    """Estimated error of a step as a multiple of what is allowed, the largest of all groups.

    The pair's own estimate sets two errors against each other, which is right for a smooth field only: over a kink it
    can be 10,000 times too small. There the larger one of the two is taken, which is at most 4.3 times too small,
    wherever in the step a kink or a jump lies.
    """
    found = []
    for parts, kept, is_tangent in groups:
        over = lambda reduce, a, kept=kept: reduce(a, axis=tuple(range(kept, a.ndim)))  # noqa: E731
        size = functools.reduce(jnp.maximum, [over(jnp.max, jnp.abs(part[0])) for part in parts])
        fifth, third = (sum(over(jnp.sum, jnp.abs(part[i]) ** 2) for part in parts) for i in (1, 2))
        tiny = jnp.finfo(size.dtype).tiny
        smooth = fifth / jnp.sqrt(jnp.maximum(fifth + 0.01 * third, tiny))
        error = jnp.abs(h) * jnp.where(mixed, jnp.sqrt(jnp.maximum(fifth, third)), smooth)
        found.append(jnp.max(error / (rtol * jnp.maximum(size, tiny if is_tangent else 1.0))))
    # The largest one; NaN stays NaN, so that the step is refused.
    return functools.reduce(jnp.maximum, found)


def stepped_across(
    program: Program, t: Any, parts: Sequence[Any], h: Any, grouped: Callable[..., Any], rtol: float, order: int
) -> tuple[list[list[Any]], Any]:
    """Take one accepted step of Dormand and Prince's pair of order 8, as the polynomials of its interpolant.

    Args:
        program: of the field.
        t: time.
        parts: state.
        h: length to begin with, of either sign.
        grouped: from lists of arrays, part by part, to what has one norm.
        rtol: error that is allowed.
        order: of the series whose coefficients are filled; those above 7 are zero.

    Returns:
        Coefficients part by part, and the length of the step.

    Accuracy: a kink or a jump within the step is held to rtol like any other error; then the step is as short as that
        takes.
    Limits: a step of 2^-60 of the first length is accepted whatever its error.
    """
    fixed = jax.lax.stop_gradient(list(parts))
    at, start = jax.lax.stop_gradient((t, h))

    def attempted(h: Any) -> Any:
        k, mixed = _stages(program, at, fixed, h, N_STAGES)
        weights = [jnp.asarray(row) for row in dop853_tables()[2]]
        both = [[part, *(_combined(w, row) for w in weights)] for part, row in zip(fixed, k, strict=True)]
        return jax.lax.stop_gradient(_error(grouped(both), h, rtol, mixed))

    def refused(carry: Any) -> Any:
        n, h, error = carry
        return ~(error < 1.0) & (jnp.abs(h) > SHORTEST * jnp.abs(start)) & (n < MAX_ATTEMPTS)

    def shorter(carry: Any) -> Any:
        n, h, error = carry
        held = jnp.where(jnp.isfinite(error), error, 1e30)
        h = h * jnp.clip(SAFETY * held**POWER, SHRINK, SAFETY)
        return n + 1, h, attempted(h)

    _, length, _ = jax.lax.while_loop(refused, shorter, (jnp.asarray(0), start, attempted(start)))
    k, _ = _stages(program, t, parts, length, N_ALL)
    coefficients = [_polynomial(part, row, length) for part, row in zip(parts, k, strict=True)]
    return [(c + [jnp.zeros_like(c[0])] * order)[: order + 1] for c in coefficients], length


def _polynomial(part: Any, k: Any, h: Any) -> list[Any]:
    """Coefficients 0 to 7 in time of the interpolant over a step."""
    a, _, _, dense = dop853_tables()
    rise = h * _combined(jnp.asarray(a[N_STAGES]), k)
    start, end = h * k[0], h * k[N_STAGES]
    rows = [rise, start - rise, 2.0 * rise - start - end, *(h * _combined(jnp.asarray(row), k) for row in dense)]
    found, table, scale = [part], basis(), jnp.ones_like(h)
    for m in range(1, DEGREE + 1):
        scale = scale / h
        found.append(sum(float(table[j, m]) * row for j, row in enumerate(rows) if table[j, m]) * scale)
    return found
