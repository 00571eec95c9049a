"""The method of steps by Taylor series: polynomials of the past are what the next one is made of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax

from cocycle.steppers.delay import DelayField
from cocycle.steppers.events import later
from cocycle.steppers.fields import like_state
from cocycle.steppers.orbit import BUDGET, all_finite, are_numbers, packed
from cocycle.steppers.series import Program, control
from cocycle.steppers.series.line import evaluate, recentred
from cocycle.steppers.series.pieces import in_pieces, one_kernel
from cocycle.steppers.taylor import EPS, Taylor, groups_of

# A step is half as long as its polynomial is good for: the rest serves where a delayed step begins in one piece of the
# past and ends in the next.
SHARE = 0.5
# Ends of pieces and places in the past are equal where they differ by the rounding of a few sums of times.
ROUNDING = 16.0 * EPS


class Ring(NamedTuple):
    """The last C pieces of the solution, piece n in row n modulo C.

    Attributes:
        starts: their times.
        lows: what rounding left over of these.
        lengths: of the steps.
        reaches: how far each polynomial is good for: to its end where that is a kink.
        coefficients: of each part of the state (C, order + 1, ...).
    """

    starts: Any
    lows: Any
    lengths: Any
    reaches: Any
    coefficients: list[Any]


class Front(NamedTuple):
    """Where the next piece begins.

    Attributes:
        n: its number.
        t: its time.
        low: what rounding left over.
        parts: state.
        marks: numbers of the pieces in which the delayed times lie, and the end of what is remembered.
        kink: number of the next kink.
    """

    n: Any
    t: Any
    low: Any
    parts: list[Any]
    marks: tuple[Any, ...]
    kink: Any


class Fill(NamedTuple):
    """What one call gave.

    Attributes:
        front: where to go on.
        ring: the past.
        rows: samples.
        count: how many.
        ok: whether all is finite.
        full: whether the ring had no room for another piece.
    """

    front: Front
    ring: Ring
    rows: Any
    count: Any
    ok: Any
    full: Any


def delay_program(field: DelayField, y: Any, args: Any, delays: Any, order: int) -> Program:
    """Trace a field as a function of t and the pair (y, values of the past).

    Args:
        field: `field(t, y, delayed, args)`.
        y: a state.
        args: parameters.
        delays: one delay, or the tuple of them.
        order: of the series.

    Raises:
        NoSeriesError: if a primitive has no rule, or is not analytic.
    """
    past = tuple(y for _ in delays) if isinstance(delays, tuple) else y

    def slope(t: Any, pair: Any) -> Any:
        y, past = pair
        return like_state(field(t, y, past, args), y), jax.tree.map(jnp.zeros_like, past)

    return Program(slope, jnp.zeros(()), (y, past), switches=False, order=order)


def _at(ring: Ring, n: Any) -> Any:
    """Row of piece n."""
    return lax.rem(n, jnp.asarray(ring.starts.shape[0], n.dtype))


def _entry(array: Any, row: Any) -> Any:
    return lax.dynamic_index_in_dim(array, row, keepdims=False)


def _place(ring: Ring, front: Front, mark: Any, delay: Any) -> Any:
    """How far the delayed time lies behind the start of a piece."""
    row = _at(ring, mark)
    return ((front.t - _entry(ring.starts, row)) - delay) + (front.low - _entry(ring.lows, row))


def _marked(ring: Ring, front: Front, mark: Any, delay: Any) -> Any:
    """Number of the piece in which the delayed time lies; the last one serves what comes after it."""
    rounding = ROUNDING * (jnp.abs(front.t) + delay)

    def ended(mark: Any) -> Any:
        beyond = _place(ring, front, mark, delay) >= _entry(ring.lengths, _at(ring, mark)) - rounding
        return beyond & (mark < front.n - 1)

    return lax.while_loop(ended, lambda mark: mark + 1, mark)


def _past(ring: Ring, front: Front, mark: Any, delay: Any, order: int) -> tuple[list[list[Any]], Any]:
    """Coefficients of all parts about the delayed time, and how far these are good for."""
    row, s = _at(ring, mark), _place(ring, front, mark, delay)
    lines = [_entry(c, row) for c in ring.coefficients]
    moved = [recentred([line[k] for k in range(order + 1)], order, s) for line in lines]
    return moved, _entry(ring.reaches, row) - s


def _stored(ring: Ring, n: Any, keep: Any, front: Front, h: Any, reach: Any, coefficients: Any) -> Ring:
    """The ring with piece n, or as it was where `keep` says so."""
    row = _at(ring, n)

    def put(array: Any, value: Any) -> Any:
        value = jnp.where(keep, _entry(array, row), value)
        return lax.dynamic_update_index_in_dim(array, value, row, 0)

    parts = [put(c, jnp.stack(new)) for c, new in zip(ring.coefficients, coefficients, strict=True)]
    return Ring(
        put(ring.starts, front.t), put(ring.lows, front.low), put(ring.lengths, h), put(ring.reaches, reach), parts
    )


@eqx.filter_jit
def fill(
    stepper: Taylor,
    field: DelayField,
    problem: tuple[Any, Any],
    delays: Any,
    remembered: Any,
    kinks: Any,
    front: Front,
    ring: Ring,
    times: Any,
    n_rows: Any,
    end: Any,
) -> Fill:
    """Go on piece by piece until the rows are filled.

    Args:
        stepper: order and tolerance.
        field: `field(t, y, delayed, args)`.
        problem: a state for its shape, and args.
        delays: one delay, or the tuple of them.
        remembered: time to look back, at least the longest delay.
        kinks: times at which a step must end, ascending, with infinity at the end.
        front: where to begin.
        ring: the past.
        times: of the samples.
        n_rows: how many of these.
        end: time beyond which nothing is wanted.
    """
    y, args = problem
    order = stepper.n_terms
    share = control.fraction(stepper.tol, order)
    program = delay_program(field, y, args, delays, order)
    n_leaves, n_parts = len(jax.tree.leaves(y)), len(front.parts)
    each = delays if isinstance(delays, tuple) else (delays,)
    numbers = are_numbers(front.parts)

    def piece(front: Front, ring: Ring) -> tuple[Front, list[Any], Any, Any]:
        """Marks, coefficients, length and reach of the next piece."""
        lags = (*each, remembered)
        marks = tuple(_marked(ring, front, m, lag) for m, lag in zip(front.marks, lags, strict=True))
        past = [_past(ring, front, m, lag, order) for m, lag in zip(marks, each, strict=False)]
        given = [line for lines, _ in past for line in lines]
        found = program.expand(front.t, [*front.parts, *(line[0] for line in given)], order, given).parts[:n_parts]
        good = control.step_length(groups_of(program, [*found, *given], None)[:n_leaves], order, share)
        to_kink = (kinks[front.kink] - front.t) - front.low
        h = SHARE * good
        for limit in (*(reach for _, reach in past), to_kink, (end - front.t) - front.low):
            h = jnp.minimum(h, limit)
        # The end of a piece of the past and the kink that it sends ahead are one place.
        h = jnp.where(jnp.abs(h - to_kink) <= ROUNDING * (front.t + remembered), to_kink, h)
        return front._replace(marks=marks), found, h, jnp.where(h == to_kink, h, good)

    def one(carry: Any) -> Any:
        i, count, front, ring, _, _, rows = carry
        front, found, h, reach = piece(front, ring)
        ok = (h > 0) & all_finite(front.parts)
        full = front.n - front.marks[-1] >= ring.starts.shape[0]

        def covered(inner: Any) -> Any:
            i, _ = inner
            return ok & ~full & (i < n_rows) & ((_time(times, i) - front.t) - front.low <= h)

        def write(inner: Any) -> Any:
            i, rows = inner
            s = (_time(times, i) - front.t) - front.low
            values = packed([evaluate(c, order, s) for c in found], numbers)
            return i + 1, [lax.dynamic_update_index_in_dim(r, v, i, 0) for r, v in zip(rows, values, strict=True)]

        i, rows = lax.while_loop(covered, write, (i, rows))
        ring = _stored(ring, front.n, full | ~ok, front, h, reach, found)
        # The next call begins here where all is sampled.
        stay = (i >= n_rows) | ~ok | full
        t, low = later(front.t, front.low, h)
        at_kink = h == (kinks[front.kink] - front.t) - front.low
        moved = Front(front.n + 1, t, low, control.moved(found, order, h), front.marks, front.kink + at_kink)
        front = jax.tree.map(lambda a, b: jnp.where(stay, a, b), front, moved)
        return i, count + 1, front, ring, ok, full, rows

    def going(carry: Any) -> Any:
        i, count, _, _, ok, full, _ = carry
        return (i < n_rows) & ok & ~full & (count < BUDGET)

    rows = [jnp.zeros((times.shape[0], *p.shape), p.dtype) for p in packed(front.parts, numbers)]
    yes = jnp.asarray(True)
    carry = (jnp.zeros_like(n_rows), jnp.asarray(0), front, ring, yes, ~yes, rows)
    loop = lambda carry: lax.while_loop(going, in_pieces(one), carry)  # noqa: E731
    i, _, front, ring, ok, full, rows = one_kernel(loop, carry)
    states = jax.vmap(lambda *row: _joined(program, [*row[0]] if numbers else row, n_leaves))(*rows)
    return Fill(front, ring, jax.tree.unflatten(jax.tree.structure(y), states), i, ok, full)


def _time(times: Any, i: Any) -> Any:
    return _entry(times, jnp.minimum(i, times.shape[0] - 1))


def _joined(program: Program, parts: Sequence[Any], n_leaves: int) -> list[Any]:
    """Leaves of the state of which these are the parts."""
    leaves, begun = [], 0
    for like, count in zip(program.likes[:n_leaves], program.counts, strict=False):
        leaves.append(program.form.join(parts[begun : begun + count], like))
        begun += count
    return leaves
