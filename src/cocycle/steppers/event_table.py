"""All events of an orbit in a time, in the order in which they happen."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError
from cocycle.core.progress import Progress
from cocycle.core.run import Status
from cocycle.core.tracing import is_traced
from cocycle.steppers.events import Event, after_jump, to_next_event
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow
from cocycle.steppers.hybrid import checked_events
from cocycle.steppers.orbit import starting_point
from cocycle.steppers.taylor import Taylor

# Events of one compiled call, so that an interrupt is heard.
ROWS = 1024


@dataclasses.dataclass(frozen=True)
class EventTable:
    """Events of an orbit.

    Attributes:
        t: times (n,) [unit of the flow].
        which: number (n,) of the event in the list that was given.
        x: states just before, (n, ...) for every leaf.
        after: states just after.
        names: of the events in the list.
        final: state at the end.
        t_final: time of it.
        status: how it ended; OK also where a terminal event ended it.
    """

    t: np.ndarray
    which: np.ndarray
    x: Any
    after: Any
    names: tuple[str, ...]
    final: Any
    t_final: float
    status: Status

    def of(self, which: int) -> np.ndarray:
        """Return the rows of one event of the list.

        Args:
            which: its number.
        """
        return np.flatnonzero(self.which == which)


@eqx.filter_jit
def _rows(
    stepper: Taylor, field: Any, args: Any, events: Any, base: tuple, end: Any, last: Any, n_rows: Any, capacity: int
) -> tuple:
    """Fill rows (t, which, before, after) until the end, a terminal event, or enough of them."""
    terminal = jnp.asarray([event.terminal for event in events])

    def going(carry: Any) -> Any:
        i, _, _, done, _ = carry
        return ~done & (i < n_rows)

    def one(carry: Any) -> Any:
        i, base, last, _, rows = carry
        (t, low, y), which = to_next_event(stepper, field, args, events, base, end, last)
        branches = [lambda t, y: y, *(lambda t, y, e=e: after_jump(e, t, y, args) for e in events)]
        after = jax.lax.switch(which + 1, branches, t, y)
        put = lambda row, a: jax.lax.dynamic_update_index_in_dim(row, a, i, 0)  # noqa: E731
        rows = jax.tree.map(put, rows, (t, which, y, after))
        happened = which >= 0
        done = ~happened | terminal[which]
        return jnp.where(happened, i + 1, i), (t, low, after), which, done, rows

    t, _, y = base
    rows = jax.tree.map(lambda a: jnp.zeros((capacity, *jnp.shape(a)), jnp.result_type(a)), (t, last, y, y))
    carry = (jnp.zeros_like(n_rows), base, last, jnp.asarray(False), rows)
    i, base, last, done, rows = jax.lax.while_loop(going, one, carry)
    return i, base, last, done, rows


def locate_events(
    flow: Flow,
    x0: Any = None,
    *,
    events: Sequence[Event],
    duration: float,
    t0: float = 0.0,
    stepper: Taylor | None = None,
    max_events: int = 100_000,
    throw: bool = True,
    progress: bool | None = None,
) -> EventTable:
    """Find events along an orbit: thresholds, sections, impacts.

    Each is the root of its condition along the Taylor polynomial, to round-off. Where an event has a jump the orbit
    goes on from the state after it; a terminal event ends the orbit.

    Args:
        flow: a flow; its field and args are used.
        x0: initial state at t0; default that of the flow.
        events: what to look for.
        duration: length of the orbit at most, negative for backwards in time (without jumps).
        t0: time of the initial state.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.
        max_events: events at most; the table ends there.
        throw: raise if the orbit explodes; False returns what was found, with `status`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        EventTable with one row an event.

    Raises:
        ParameterError: if the list is empty, or an option is out of range.
        NonFiniteStateError: where the orbit explodes or makes too many series steps.

    Accuracy: times and states to the tolerance of the stepper, conditions at round-off.
    Limits: two events of one kind within an eighth of a series step may cancel. An interrupt (Ctrl-C) returns what was
        found, with a warning.
    Cost: the series steps of the orbit, and one more an event.

    Example:
        >>> circle = Flow(lambda t, y, a: jnp.stack([y[1], -y[0]]), dt=0.1, x0=[0.0, 1.0])
        >>> top = Event(lambda t, y, a: y[1], direction=-1)
        >>> locate_events(circle, events=[top], duration=10.0).t.round(9).tolist()
        [1.570796327, 7.853981634]

    Source: [henon1982], with the polynomial in the place of his last step.
    """
    chosen = checked_events(events)
    if is_traced(flow, x0):
        raise ParameterError("locate_events is a host loop; under jit, vmap or grad use HybridFlow or PoincareMap.")
    if not np.isfinite(duration) or duration == 0:
        raise ParameterError(f"duration must be a finite number other than 0, got {duration!r}.")
    if duration < 0 and any(event.jump is not None for event in chosen):
        raise ParameterError("a jump cannot be undone: go backwards in time without events that jump.")
    if isinstance(max_events, bool) or not isinstance(max_events, int) or max_events < 1:
        raise ParameterError(f"max_events must be a positive whole number, got {max_events!r}.")
    y, stepper = starting_point(flow, x0, stepper)
    names = tuple(event.name or f"event {i}" for i, event in enumerate(chosen))
    rows: list[Any] = []
    base, last, done, count = (jnp.asarray(float(t0)), jnp.zeros(()), y), jnp.asarray(-1), False, 0
    end, status = jnp.asarray(t0 + duration), Status.OK
    with Progress(1000, "events", progress) as bar:
        shown = 0
        try:
            while not done and count < max_events:
                asked = jnp.asarray(min(ROWS, max_events - count))
                field = CheckedField(flow.field)
                n, base, last, over, found = _rows(stepper, field, flow.args, chosen, base, end, last, asked, ROWS)
                rows.append(jax.tree.map(lambda a, n=int(n): np.asarray(a)[:n], found))
                count, done = count + int(n), bool(over)
                share = int(1000 * min(abs(float(base[0] - t0) / duration), 1.0)) if np.isfinite(base[0]) else shown
                bar.advance(share - shown)
                shown = share
        except KeyboardInterrupt:
            warnings.warn(f"interrupted: {count} events are returned.", InterruptedWarning, stacklevel=2)
            status = Status.INTERRUPTED
    t, which, before, after = jax.tree.map(lambda *a: np.concatenate(a), *rows) if rows else _none(y)
    finite = all(bool(np.all(np.isfinite(leaf))) for leaf in jax.tree.leaves(base[2]))
    if not finite:
        status = Status.NON_FINITE
        if throw:
            where = float(t[-1]) if len(t) else t0
            raise NonFiniteStateError(
                f"the orbit has no finite state beyond its event at t = {where:.10g}: it explodes, or needs more "
                "series steps than max_steps of the stepper. Take other parameters, a shorter duration or throw=False.",
                step=count,
                last_state=None,
            )
    final = jax.tree.map(np.asarray, base[2])
    return EventTable(t, which, before, after, names, final, float(base[0]), status)


def _none(y: Any) -> Any:
    empty = jax.tree.map(lambda a: np.empty((0, *a.shape), a.dtype), y)
    return np.empty(0), np.empty(0, dtype=int), empty, empty
