"""What is not analytic: comparisons, signs and roundings, decided by the order-zero terms and kept to be watched."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from cocycle.steppers.series.elementary import mul, sub
from cocycle.steppers.series.line import Line, constant, evaluate, first


class Decision(NamedTuple):
    """A choice that the order-zero terms made.

    Attributes:
        name: the primitive that chose.
        choose: from values to the choice.
        lines: series of the values.
        chosen: the choice at order zero.
    """

    name: str
    choose: Callable[..., Any]
    lines: tuple[Line, ...]
    chosen: Any

    def differs(self, order: int, h: Any) -> Any:
        """Say whether the choice at h along the polynomials is another one."""
        values = [first(line) if line.constant else evaluate(line, order, h) for line in self.lines]
        return jnp.any(self.choose(*values) != self.chosen)


def fixed(value: Any) -> Line:
    """Return the series of what stays as it was decided."""
    return constant(value)


def chosen_line(choice: Any, lines: Sequence[Line]) -> Line:
    """Return the line of those given that the choice (a number or one per element) names."""

    def make(k: int) -> Any:
        parts = [line[k] for line in lines]
        if all(part is None for part in parts):
            return None
        shape = jnp.broadcast_shapes(*(jnp.shape(first(line)) for line in lines), jnp.shape(choice))
        like = jnp.result_type(*(part for part in parts if part is not None))
        arrays = [jnp.broadcast_to(jnp.asarray(0.0 if part is None else part, dtype=like), shape) for part in parts]
        return lax.select_n(jnp.broadcast_to(choice, shape) if jnp.ndim(choice) else choice, *arrays)

    return Line(make)


def absolute(note: Callable, a: Line) -> Line:
    """Return the series of |a| on the side where a is; at zero, that of a."""
    below = note("abs", lambda x: x < 0, a)
    return chosen_line(below, (a, Line(lambda k: None if a[k] is None else -a[k])))


def larger(note: Callable, a: Line, b: Line) -> Line:
    """Return the series of the larger one."""
    return chosen_line(note("max", lambda x, y: x < y, a, b), (a, b))


def smaller(note: Callable, a: Line, b: Line) -> Line:
    """Return the series of the smaller one."""
    return chosen_line(note("min", lambda x, y: x > y, a, b), (a, b))


def clamp(note: Callable, low: Line, a: Line, high: Line) -> Line:
    """Return the series of a held between two others."""
    return smaller(note, larger(note, a, low), high)


def rem(note: Callable, a: Line, b: Line) -> Line:
    """Return the series of the remainder of a by b, within one period."""
    whole = note("rem", lambda x, y: jnp.trunc(x / y), a, b)
    y = sub(a, mul(fixed(whole), b))
    return Line(lambda k: lax.rem(*jnp.broadcast_arrays(first(a), first(b))) if k == 0 else y[k])


CHOOSING: dict[str, Callable[..., Line]] = {
    "abs": absolute,
    "max": larger,
    "min": smaller,
    "clamp": clamp,
    "rem": rem,
}

# Piecewise constant: the result is the choice.
STEPWISE = frozenset({"sign", "floor", "ceil", "round"})
