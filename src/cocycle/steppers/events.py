"""Events of an orbit: where a function changes sign along a Taylor polynomial, and what happens there."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import State, Tangents
from cocycle.steppers.fields import CheckedField, like_state
from cocycle.steppers.flow import Flow
from cocycle.steppers.series import Program, control, hidden
from cocycle.steppers.series.line import evaluate
from cocycle.steppers.series.pieces import in_pieces, one_kernel
from cocycle.steppers.switches import Switches
from cocycle.steppers.taylor import Taylor

SAMPLES = 8
BISECTIONS = 40
NEWTON = 3


class Event(eqx.Module):
    r"""Something that happens where a function of the state passes zero.

    Args:
        condition: `condition(t, y, args)`, a smooth number whose zero is the event.
        direction: 1 where it rises through zero, -1 where it falls, 0 for both.
        terminal: True ends an orbit there.
        jump: `jump(t, y, args)`, the state just after; None leaves the state as it is.
        name: what to call it.

    Raises:
        ParameterError: if an argument is out of range.

    Example:
        >>> floor = Event(lambda t, y, args: y[0], direction=-1, jump=lambda t, y, args: y * jnp.array([1.0, -0.9]))
        >>> floor.direction
        -1
    """

    condition: Callable[..., Any]
    jump: Callable[..., Any] | None
    direction: int = eqx.field(static=True)
    terminal: bool = eqx.field(static=True)
    name: str | None = eqx.field(static=True)

    def __init__(
        self,
        condition: Any,
        *,
        direction: int = 0,
        terminal: bool = False,
        jump: Any = None,
        name: str | None = None,
    ):
        if not callable(condition):
            raise ParameterError(f"condition must be a function condition(t, y, args), got {condition!r}.")
        if jump is not None and not callable(jump):
            raise ParameterError(f"jump must be a function jump(t, y, args) or None, got {jump!r}.")
        if direction not in (-1, 0, 1):
            raise ParameterError(f"direction must be 1 (rising), -1 (falling) or 0 (both), got {direction!r}.")
        if jump is not None and terminal:
            raise ParameterError("an event either ends the orbit (terminal) or makes it jump; make two events of it.")
        self.condition, self.jump, self.direction, self.terminal, self.name = (
            condition, jump, direction, terminal, name,
        )  # fmt: skip


def first_root(coefficients: list[Any], order: int, h: Any, direction: int, skip: Any) -> tuple[Any, Any]:
    """Return whether a polynomial changes sign within (0, h), and where it does first, to round-off.

    Args:
        coefficients: of the polynomial.
        order: of it.
        h: length of the interval.
        direction: 1 for rising, -1 for falling, 0 for both.
        skip: True ignores the sign at 0, which is then a root itself.

    Limits: two changes within an eighth of the interval cancel.
    """
    at = lambda s: evaluate(coefficients, order, s)  # noqa: E731
    places = [h * (j / SAMPLES) for j in range(SAMPLES + 1)]
    values = [at(s) for s in places]
    # From a section the orbit leaves to the side that its derivative points to.
    values[0] = jnp.where(skip, h * coefficients[1], values[0])
    rising = jnp.stack([(a < 0) & (b >= 0) for a, b in itertools.pairwise(values)])
    falling = jnp.stack([(a > 0) & (b <= 0) for a, b in itertools.pairwise(values)])
    crossed = rising if direction > 0 else falling if direction < 0 else rising | falling
    found = jnp.any(crossed)
    return found, jax.lax.cond(found, lambda: _located(coefficients, order, h, crossed, rising), lambda: h * 1.0)


def _located(coefficients: list[Any], order: int, h: Any, crossed: Any, rising: Any) -> Any:
    """The root in the first interval with a change of sign: by bisection, then by Newton."""
    at = lambda s: evaluate(coefficients, order, s)  # noqa: E731
    place = jnp.argmax(crossed)
    low, high = h * (place / SAMPLES), h * ((place + 1) / SAMPLES)
    below = jnp.any(rising & (jnp.arange(SAMPLES) == place))

    def halve(_: Any, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = ends
        middle = 0.5 * (low + high)
        before = jnp.where(below, at(middle) < 0, at(middle) > 0)
        return jnp.where(before, middle, low), jnp.where(before, high, middle)

    low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (low, high))
    root = 0.5 * (low + high)
    slopes = [k * c for k, c in enumerate(coefficients)][1:]
    for _ in range(NEWTON):
        slope = evaluate(slopes, order - 1, root)
        better = root - at(root) / jnp.where(slope == 0, 1.0, slope)
        inside = (better >= jnp.minimum(low, high)) & (better <= jnp.maximum(low, high))
        root = jnp.where(inside, better, root)
    return root


def to_next_event(
    stepper: Taylor,
    field: Any,
    args: Any,
    events: Sequence[Event],
    base: tuple[Any, Any, Any],
    end: Any,
    last: Any,
    *,
    n_tangents: int | None = None,
    near: float = 0.0,
) -> tuple[tuple[Any, Any, Any], Any]:
    """Follow a state, or a state with tangents, to the first event or to a time.

    Args:
        stepper: order and tolerance.
        field: `field(t, y, args)`, of a state or of a pair (y, V).
        args: parameters.
        events: what to look for; all conditions are of the state alone.
        base: (time, its rounding, state or pair).
        end: time at which to stop; infinite for never.
        last: number of the event that the state has just come from and which is not seen again at once; -1 for none.
        n_tangents: K for a pair, else None.
        near: a start this near an event, relative to what its condition does over a step, has just come from it.

    Returns:
        The base at the end (NaN where it fails), and the number of the event there, or -1.
    """
    t, low, y = base

    def function(t: Any, y: Any) -> tuple[Any, Any]:
        state = y if n_tangents is None else y[0]
        return field(t, y, args), [jnp.asarray(e.condition(t, state, args), dtype=float) for e in events]

    if stepper.switches is Switches.RUNGE_KUTTA:
        raise ParameterError("events are located on series: take Taylor(switches=Switches.LOCATE), the default.")
    analytic = stepper.switches is Switches.REFUSE
    program = Program(function, t, y, extras=True, switches=not analytic, order=stepper.n_terms)
    order = stepper.order_for(program)

    def going(carry: Any) -> Any:
        n, t, _, _, _, which, _ = carry
        return (which < 0) & (t != end) & jnp.isfinite(t) & (n < stepper.max_steps)

    def one(carry: Any) -> Any:
        n, t, low, parts, last, _, caution = carry
        left = (end - t) - low
        expansion, h, free = stepper.reach(program, t, parts, n_tangents, left)
        h, missed, caution = stepper.cautious(program, t, expansion, n_tangents, h, free, caution)
        found, roots = [], []
        for i, (event, g) in enumerate(zip(events, expansion.extras, strict=True)):
            skip = last == i
            if near:
                change = jnp.abs(g[1] * h) + jnp.abs(g[2] * h * h)
                skip = skip | ((n == 0) & (jnp.abs(g[0]) <= near * change))
            here, root = first_root(g, order, h, event.direction, skip)
            found.append(here)
            roots.append(jnp.where(here, root, jnp.inf))
        which = jnp.where(jnp.any(jnp.stack(found)) & ~missed, jnp.argmin(jnp.stack(roots)), -1)
        length = jnp.where(which >= 0, jnp.min(jnp.stack(roots)), h)
        after, rest = later(t, low, length)
        ended = (which < 0) & (h == left)
        there = (
            jnp.where(ended, end, after),
            jnp.where(ended, 0.0, rest),
            control.moved(expansion.parts, order, length),
        )
        there = jax.tree.map(lambda old, new: jnp.where(missed, old, new), (t, low, parts), there)
        return n + 1, *there, jnp.where(missed, last, -1), which, caution

    begin = (jnp.asarray(0), t, low, program.split(y), last, jnp.asarray(-1), hidden.no_caution(t))
    loop = lambda begin: jax.lax.while_loop(going, in_pieces(one), begin)  # noqa: E731
    _, t, low, parts, _, which, _ = one_kernel(loop, begin)
    good = ((which >= 0) | (t == end)) & jnp.isfinite(t)
    return (t, low, program.join([jnp.where(good, part, jnp.nan) for part in parts])), which


def later(t: Any, low: Any, h: Any) -> tuple[Any, Any]:
    """Return the sum of a time and a step, with what rounding left over.

    Args:
        t: time.
        low: what earlier roundings left over.
        h: step.
    """
    after = t + (h + low)
    return after, (h + low) - (after - t)


def after_jump(event: Event, t: Any, y: State, args: Any) -> State:
    """Return the state just after an event, like the state before.

    Args:
        event: what happens.
        t: time.
        y: state before.
        args: parameters.
    """
    return y if event.jump is None else like_state(event.jump(t, y, args), y, "the jump")


def saltated(event: Event, field: Any, t: Any, y: State, args: Any, V: Tangents) -> Tangents:
    r"""Return tangents just after an event.

    $$v^+ = \partial_y R\,(v + f^- \delta) + \partial_t R\,\delta - f^+ \delta, \qquad
    \delta = -\frac{\nabla g \cdot v}{\partial_t g + \nabla g \cdot f^-}$$

    where the orbit beside this one meets the event later by delta, jumps by R, and goes on by the field f.

    Args:
        event: with the condition g and the jump R.
        field: `field(t, y, args)`.
        t: time of the event.
        y: state just before.
        args: parameters.
        V: K tangents just before, pytree like y with a leading axis K.

    Source: [muller1995].
    """
    before = field(t, y, args)
    condition = lambda t, y: jnp.asarray(event.condition(t, y, args), dtype=float)  # noqa: E731
    jump = lambda t, y: after_jump(event, t, y, args)  # noqa: E731
    after = field(t, jump(t, y), args)
    still, one = jnp.zeros_like(t), jnp.ones_like(t)
    speed = jax.jvp(condition, (t, y), (one, before))[1]

    def single(v: Any) -> Any:
        late = -jax.jvp(condition, (t, y), (still, v))[1] / speed
        moved = jax.tree.map(lambda a, b: a + late * b, v, before)
        turned = jax.jvp(jump, (t, y), (late, moved))[1]
        return jax.tree.map(lambda a, b: a - late * b, turned, after)

    return jax.vmap(single)(V)


def saltation_matrix(flow: Flow, event: Event, x: Any, t: float = 0.0) -> Float[Array, "D D"]:
    """Return the derivative of the state just after an event by the state just before, at one time.

    Args:
        flow: the field and its parameters.
        event: what happens at x.
        x: state just before the event, a vector.
        t: time.

    Returns:
        Matrix (D, D), columns are images of unit vectors.

    Raises:
        ShapeError: if the state is not a vector.

    Limits: infinite where the orbit only touches the event (grazing).

    Example:
        >>> fall = Flow(lambda t, y, a: jnp.stack([y[1], -1.0]), dt=0.1, x0=[0.0, -2.0])
        >>> floor = Event(lambda t, y, a: y[0], direction=-1, jump=lambda t, y, a: y * jnp.array([1.0, -0.5]))
        >>> saltation_matrix(fall, floor, [0.0, -2.0]).tolist()
        [[-0.5, 0.0], [0.75, -0.5]]

    Source: [muller1995].
    """
    y = flow.initial_state(x)
    if jnp.ndim(y) != 1:
        raise ShapeError(
            "saltation_matrix needs a vector state; flatten the state, or push tangents through HybridFlow."
        )
    field = CheckedField(flow.field)
    return saltated(event, field, jnp.asarray(t, dtype=float), y, flow.args, jnp.eye(y.shape[0], dtype=y.dtype)).T
