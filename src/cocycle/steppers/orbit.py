"""Orbits on any grid of times from the Taylor polynomials themselves: sampling costs an evaluation, not a step."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError
from cocycle.core.progress import Progress
from cocycle.core.run import Pace, Status, Trajectory, check_memory, row_capacity
from cocycle.core.tracing import is_traced
from cocycle.steppers.delay import DelayFlow
from cocycle.steppers.events import later
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow
from cocycle.steppers.series import Program, control, hidden
from cocycle.steppers.series.line import evaluate
from cocycle.steppers.series.pieces import in_pieces, one_kernel
from cocycle.steppers.taylor import Taylor

# Series steps of one compiled call, so that an interrupt is heard.
BUDGET = 1_000_000


@eqx.filter_jit
def _fill(
    stepper: Taylor, field: Any, args: Any, base: tuple, times: Any, n_rows: Any, capacity: int
) -> tuple[tuple, Any, Any, Any]:
    """Fill rows from polynomials; return the new base, the rows, how many, and whether all went well.

    `base` is (time, its rounding, state): where the next polynomial starts, at or before the first time.
    """
    t, low, y = base
    program = stepper.program(field, t, y, args)
    start = program.split(y)
    numbers = are_numbers(start)
    rows = [jnp.zeros((capacity, *jnp.shape(p)), p.dtype) for p in packed(start, numbers)]
    endless = jnp.where((times[n_rows - 1] - t) - low < 0, -jnp.inf, jnp.inf)
    (t, low, parts), rows, i, ok = _piece_by_piece(stepper, program, (t, low, start), times, n_rows, rows, endless)
    return (
        (t, low, program.join(parts)),
        jax.vmap(lambda *row: program.join([*row[0]] if numbers else row))(*rows),
        i,
        ok,
    )


def _piece_by_piece(
    stepper: Taylor, program: Program, base: tuple, times: Any, n_rows: Any, rows: list[Any], endless: Any
) -> tuple[tuple, list[Any], Any, Any]:
    """Each polynomial is made once and serves all samples that it covers."""
    order, capacity = stepper.order_for(program), times.shape[0]
    numbers = are_numbers(base[2])

    def one(carry: Any) -> Any:
        i, n, t, low, parts, ok, caution, rows = carry
        towards = endless
        if program.hides:  # what may hide something is not followed for ever
            left = (times[n_rows - 1] - t) - low
            towards = jnp.where(left == 0, endless, left)
        expansion, h, free = stepper.reach(program, t, parts, None, towards)
        h, missed, caution = stepper.cautious(program, t, expansion, None, h, free, caution)
        ok = ~jnp.isnan(h) & (h != 0) & all_finite(parts)

        def covered(inner: Any) -> Any:
            i, _ = inner
            return (
                ok & ~missed & (i < n_rows) & (jnp.abs((times[jnp.minimum(i, capacity - 1)] - t) - low) <= jnp.abs(h))
            )

        def write(inner: Any) -> Any:
            i, rows = inner
            values = packed([evaluate(c, order, (times[i] - t) - low) for c in expansion.parts], numbers)
            return i + 1, [
                jax.lax.dynamic_update_index_in_dim(row, v, i, 0) for row, v in zip(rows, values, strict=True)
            ]

        i, rows = jax.lax.while_loop(covered, write, (i, rows))
        # The next call begins here where all is sampled; a constant polynomial has no end to go to.
        stay = (i >= n_rows) | ~ok | missed | jnp.isinf(h)
        t2, low2 = later(t, low, h)
        after = control.moved(expansion.parts, order, h)
        parts = [jnp.where(stay, p, a) for p, a in zip(parts, after, strict=True)]
        return i, n + 1, jnp.where(stay, t, t2), jnp.where(stay, low, low2), parts, ok, caution, rows

    def going(carry: Any) -> Any:
        i, n, _, _, _, ok, _, _ = carry
        return (i < n_rows) & ok & (n < BUDGET)

    carry = (jnp.zeros_like(n_rows), jnp.asarray(0), *base, jnp.asarray(True), hidden.no_caution(base[0]), rows)
    loop = lambda carry: jax.lax.while_loop(going, in_pieces(one), carry)  # noqa: E731
    i, _, t, low, parts, ok, _, rows = one_kernel(loop, carry)
    return (t, low, parts), rows, i, ok


def are_numbers(parts: Any) -> bool:
    """Say whether a state is carried number by number.

    Args:
        parts: of the state.
    """
    return all(jnp.ndim(p) == 0 and p.dtype == parts[0].dtype for p in parts)


def packed(parts: Any, numbers: bool) -> list[Any]:
    """Return numbers as one vector; arrays as they are.

    Args:
        parts: of the state.
        numbers: whether they are numbers.
    """
    return [jnp.stack(parts)] if numbers else list(parts)


def all_finite(parts: Any) -> Any:
    """Say whether all parts are finite.

    Args:
        parts: of the state.
    """
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(p)) for p in parts]))


def sample_times(flow: Flow | DelayFlow, t0: float, duration: Any, times: Any) -> np.ndarray:
    """Return the times at which an orbit is wanted, ascending or descending from t0.

    Args:
        flow: whose dt is the stride of a duration.
        t0: time of the initial state.
        duration: length of the orbit, negative for backwards; or None.
        times: the times themselves; or None.

    Raises:
        ParameterError: if not exactly one is given, or the times do not go one way from t0.
    """
    if (duration is None) == (times is None):
        raise ParameterError("give either duration (sampled every flow.dt) or times, not both.")
    if times is None:
        length, dt = float(duration), float(flow.dt)
        n = int(np.floor(abs(length) / dt * (1 + 1e-12)))
        if not np.isfinite(length) or n < 1:
            raise ParameterError(f"duration={duration!r} holds no sample at dt={dt}; take a longer one, or give times.")
        return t0 + np.sign(length) * dt * np.arange(1, n + 1)
    grid = np.asarray(times, dtype=float)
    if grid.ndim != 1 or not grid.size or not np.all(np.isfinite(grid)):
        raise ParameterError("times must be a vector of finite numbers, with at least one.")
    ways = np.sign(np.diff(np.concatenate([[t0], grid])))
    if np.any(ways * ways[-1] < 0) or np.any(ways[1:] == 0):
        raise ParameterError(f"times must all rise or all fall from t0={t0}, each once; sort them.")
    return grid


def taylor_orbit(
    flow: Flow,
    x0: Any = None,
    *,
    duration: Any = None,
    times: Any = None,
    t0: float = 0.0,
    stepper: Taylor | None = None,
    throw: bool = True,
    progress: bool | None = None,
) -> Trajectory:
    """States of a flow at any times, from its Taylor polynomials.

    Series steps are as long as the tolerance allows, whatever the grid; a sample is an evaluation of the polynomial
    that covers it. The time is summed with compensation.

    Args:
        flow: a flow; its field and args are used, its dt only as the stride of `duration`.
        x0: initial state at t0; default that of the flow. It is saved only where `times` holds t0.
        duration: length of the orbit; negative goes backwards in time.
        times: times of the samples, rising or falling from t0, in place of a duration.
        t0: time of the initial state.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.
        throw: raise if a state is not finite; False returns what was reached, with `status`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Trajectory with one row a time.

    Raises:
        NonFiniteStateError: where the orbit explodes.
        ParameterError: if the times make no sense, or the rows do not fit into memory.

    Accuracy: the tolerance of the stepper, at samples as at ends of steps.
    Limits: an interrupt (Ctrl-C) returns the rows done so far, with a warning. For many orbits see `taylor_ensemble`.
    Cost: one compilation for all durations, grids and parameter values.

    Example:
        >>> circle = Flow(lambda t, y, a: jnp.stack([y[1], -y[0]]), dt=0.1, x0=[0.0, 1.0])
        >>> orbit = taylor_orbit(circle, times=[np.pi / 6, np.pi / 2])
        >>> orbit.x[:, 0].round(12).tolist()
        [0.5, 1.0]

    Source: [jorba2005].
    """
    y, stepper = starting_point(flow, x0, stepper)
    grid = sample_times(flow, t0, duration, times)
    if is_traced(flow, y):
        raise ParameterError("taylor_orbit is a host loop; under jit, vmap or grad use trajectory, or taylor_ensemble.")
    job = _Orbit(flow, stepper, y, float(t0), grid, throw)
    rows, done, status = job.rows(progress)
    final = jax.tree.map(lambda a: jnp.asarray(a[-1]), rows) if done else y
    return Trajectory(grid[:done], rows, final, done, status, flow.variables, flow.name)


def starting_point(flow: Flow, x0: Any, stepper: Taylor | None) -> tuple[Any, Taylor]:
    """Return the initial state and the stepper, checked.

    Args:
        flow: a flow.
        x0: initial state; default that of the flow.
        stepper: default the flow's own if it is `Taylor`, else `Taylor()`.

    Raises:
        ParameterError: if there is no flow, or no state.
    """
    if not isinstance(flow, Flow):
        raise ParameterError(f"a Flow is needed, got {type(flow).__name__}; only a field has a Taylor series.")
    if x0 is None and flow.x0 is None:
        raise ParameterError("no initial state: give x0, or build the flow with a default x0.")
    if stepper is None:
        stepper = flow.stepper if isinstance(flow.stepper, Taylor) else Taylor()
    y = flow.initial_state(flow.x0 if x0 is None else x0)
    stepper.check(CheckedField(flow.field), jnp.zeros(()), y, flow.args)
    return y, stepper


def host_rows(
    y: Any,
    n_rows: int,
    chunk: Callable[[int, int, int], tuple[int, bool, Any]],
    failed: Callable[[int], Status],
    show: bool | None,
) -> tuple[Any, int, Status]:
    """Return rows on the host, chunk by chunk, how many are done, and how it ended.

    Args:
        y: a state: what a row is like.
        n_rows: rows that are wanted.
        chunk: from rows done, rows asked for and the capacity to how many were made, whether all went well, and they.
        failed: from rows done to how it ended, where not all went well; or raises.
        show: show a progress bar; None shows it on a terminal when the work is long.

    Raises:
        ParameterError: if the rows do not fit into memory.
    """
    row_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(y))
    check_memory(n_rows, row_bytes, "ask for fewer times")
    out = jax.tree.map(lambda a: np.empty((n_rows, *a.shape), a.dtype), y)
    capacity = row_capacity(row_bytes)
    pace, done, status = Pace(capacity), 0, Status.OK
    with Progress(n_rows, "orbit", show) as bar:
        try:
            while done < n_rows:
                asked = pace.next(n_rows - done)
                began = time.perf_counter()
                count, ok, rows = chunk(done, asked, capacity)
                jax.tree.map(lambda o, c, a=done, b=count: o.__setitem__(slice(a, a + b), c[:b]), out, rows)
                pace.took(asked, time.perf_counter() - began, done == 0)
                done += count
                bar.advance(count)
                if not ok:
                    status = failed(done)
                    break
        except KeyboardInterrupt:
            warnings.warn(f"interrupted: {done} of {n_rows} rows are returned.", InterruptedWarning, stacklevel=4)
            status = Status.INTERRUPTED
    return (out if done == n_rows else jax.tree.map(lambda o: o[:done].copy(), out)), done, status


class _Orbit:
    """One concrete orbit: chunks of rows, failures, interrupts."""

    def __init__(self, flow: Flow, stepper: Taylor, y: Any, t0: float, grid: np.ndarray, throw: bool):
        self.flow, self.stepper, self.grid, self.throw = flow, stepper, grid, throw
        self.base = (jnp.asarray(t0), jnp.zeros(()), y)
        self.y = y

    def rows(self, show: bool | None) -> tuple[Any, int, Status]:
        """Return rows on the host, how many are done, and how it ended."""
        return host_rows(self.y, len(self.grid), self.chunk, self.failed, show)

    def chunk(self, done: int, asked: int, capacity: int) -> tuple[int, bool, Any]:
        times = np.zeros(capacity)
        times[:asked] = self.grid[done : done + asked]
        self.base, rows, count, ok = _fill(
            self.stepper,
            CheckedField(self.flow.field),
            self.flow.args,
            self.base,
            jnp.asarray(times),
            jnp.asarray(asked),
            capacity,
        )
        return int(count), bool(ok), jax.tree.map(np.asarray, rows)

    def failed(self, done: int) -> Status:
        if self.throw:
            t, _, y = self.base
            raise NonFiniteStateError(
                f"the orbit has no finite state beyond t = {float(t):.10g}: it explodes, or the field is not smooth "
                "there. Take other parameters or another initial state.",
                step=done,
                last_state=jax.tree.map(np.asarray, y),
            )
        return Status.NON_FINITE
