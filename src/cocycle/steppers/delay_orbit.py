"""Orbits of delay equations to a tolerance, on any grid of times."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import NonFiniteStateError, ParameterError
from cocycle.core.run import Status, Trajectory
from cocycle.core.tracing import is_traced
from cocycle.steppers.delay import DelayFlow, DelayState
from cocycle.steppers.delay_pieces import SHARE, Front, Ring, delay_program, fill
from cocycle.steppers.fields import floating_state
from cocycle.steppers.orbit import host_rows, sample_times
from cocycle.steppers.series import Program, control
from cocycle.steppers.taylor import EPS, Taylor

# Pieces of the past that there is room for at first; twice as many whenever these are too few.
ROOM = 256
# Kinks that are nearer to each other than this part of their time are one.
SAME = 1e-12
MAX_KINKS = 100_000
DEFAULT_TOL = 1e-12


def delay_orbit(
    flow: DelayFlow,
    x0: Any = None,
    *,
    duration: Any = None,
    times: Any = None,
    stepper: Taylor | None = None,
    throw: bool = True,
    progress: bool | None = None,
) -> Trajectory:
    r"""States of a delay equation at any times after 0, to a tolerance, by Taylor series and the method of steps.

    $$\dot y = f(t, y(t), y(t - \tau_1), \dots), \qquad
    y(t + h) = \sum_{k=0}^{p} y_k h^k, \quad y_{k+1} = \frac{f_k}{k + 1}$$

    The past is known as polynomials, and so are its Taylor coefficients about $t - \tau_j$, which the recurrence of
    $f_k$ takes as given. The solution has a kink at 0, where the history does not solve the equation; it comes back,
    one derivative higher each time, at all sums of the delays: steps end there, until it is beyond order p.
    Steps are as long as the tolerance allows, whatever the grid; a sample is one evaluation of a polynomial.

    Args:
        flow: delay equation; its field, args and delays are used, its dt only as the stride of `duration` and of the
            history that is returned.
        x0: history, a constant or a function of t <= 0; default that of the flow.
        duration: length of the orbit, which begins at 0.
        times: rising times of the samples after 0, in place of a duration.
        stepper: whose order and tolerance count; default `Taylor(1e-12)`.
        throw: raise if a state is not finite; False returns what was reached, with `status`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Trajectory of y, one row a time. `final` is a `DelayState` from which the flow can be stepped on.

    Raises:
        NoSeriesError: if field or history use a primitive without a series, or one that is not analytic.
        NonFiniteStateError: where the orbit explodes.
        ParameterError: if the times make no sense, or the history is a `DelayState`, which is known on its nodes only.

    Accuracy: the tolerance, at samples as at ends of steps, up to the growth of errors along the orbit.
    Limits: switches that coefficients do not tell of (docs/taylor.md) are not looked for. Delays are positive and
        constant. A history must be analytic for t <= 0. Fields with abs, max, where are refused: `trajectory` takes
        them, by fixed Runge-Kutta steps of order 4. Many incommensurate delays have many kinks, of which there are
        (p + m)! / (p! m!).
    Cost: as `taylor_orbit`, with half the step, and order^2 / 2 products for each delayed number. One compilation for
        all grids and values of parameters and delays.

    Example:
        >>> late = DelayFlow(lambda t, y, past, a: -past, delays=np.pi / 2, dt=0.1, x0=jnp.cos)
        >>> orbit = delay_orbit(late, times=[1.0, 10.0])
        >>> bool(np.allclose(orbit.x, np.cos(orbit.t), rtol=0, atol=1e-11))
        True

    Source: [bellen2003]; recurrences as in [jorba2005].
    """
    if not isinstance(flow, DelayFlow):
        raise ParameterError(f"a DelayFlow is needed, got {type(flow).__name__}; for a Flow take taylor_orbit.")
    history = flow.x0 if x0 is None else x0
    if history is None:
        raise ParameterError("no history: give x0, or build the flow with a default x0.")
    if isinstance(history, DelayState):
        raise ParameterError(
            "a DelayState knows the past on its nodes only, not to a tolerance: give a constant or a function of t, "
            "or go on from it by trajectory, in steps of dt."
        )
    if is_traced(flow, history if eqx.is_array_like(history) else None):
        raise ParameterError("delay_orbit is a host loop; under jit, vmap or grad use trajectory.")
    grid = sample_times(flow, 0.0, duration, times)
    if grid[0] < 0:
        raise ParameterError(
            "the past of a delay equation is not unique: take a positive duration, or times from 0 on."
        )
    job = _DelayOrbit(flow, history, Taylor(DEFAULT_TOL) if stepper is None else stepper, grid, throw)
    rows, done, status = host_rows(job.y, len(grid), job.chunk, job.failed, progress)
    final = job.history_at(float(grid[done - 1])) if done else flow.initial_state(history)
    return Trajectory(grid[:done], rows, final, done, status, flow.variables, flow.name)


class _DelayOrbit:
    """One concrete orbit: the history in pieces, chunks of rows, more room for the past."""

    def __init__(self, flow: DelayFlow, history: Any, stepper: Taylor, grid: np.ndarray, throw: bool):
        self.flow, self.stepper, self.grid, self.throw = flow, stepper, grid, throw
        self.remembered = jnp.asarray(flow.n_intervals * float(flow.dt))
        given = history if callable(history) else lambda t: history
        self.y = floating_state(given(jnp.zeros(())))
        self.slope0 = jax.jvp(lambda t: floating_state(given(t)), (jnp.zeros(()),), (jnp.ones(()),))[1]
        program = delay_program(flow.field, self.y, flow.args, flow.delays, stepper.n_terms)
        self.n_parts = sum(program.counts[: len(jax.tree.leaves(self.y))])
        delays = flow.delays if isinstance(flow.delays, tuple) else (flow.delays,)
        self.kinks = kinks([float(d) for d in delays], stepper.n_terms, float(grid[-1]))
        pieces = self.before(history, program)
        self.ring = _ring(pieces, max(ROOM, 2 * len(pieces)), 0)
        parts = program.split((self.y, self.y))[: self.n_parts]
        zero, none = jnp.zeros(()), jnp.zeros((), int)
        self.front = Front(none + len(pieces), zero, zero, parts, (none,) * (len(delays) + 1), none)

    def before(self, history: Any, program: Program) -> list[tuple]:
        """Pieces (start, low, length, reach, coefficients) of the initial history, up to 0."""
        order, begin = self.stepper.n_terms, -float(self.remembered)
        if not callable(history):
            first = program.split((self.y, self.y))[: self.n_parts]
            lines = [np.stack([np.asarray(p), *[np.zeros_like(p)] * order]) for p in first]
            return [(begin, 0.0, -begin, -begin, lines)]
        found, t = [], begin
        share = control.fraction(self.stepper.tol, order)
        while t < 0:
            lines, good = _history_piece(history, jnp.asarray(t), order, share)
            # Leaf by leaf, each coefficient in parts as the program has them.
            terms = [[program.form.split(c) for c in np.asarray(leaf)] for leaf in lines]
            split = [np.stack(column) for leaf in terms for column in zip(*leaf, strict=True)]
            h = min(SHARE * float(good), -t)
            if not h > 0 or not all(np.isfinite(line).all() for line in split):
                raise ParameterError(f"the history has no finite Taylor series at t = {t:g}; give another one.")
            after = 0.0 if h == -t else t + h
            found.append((t, 0.0, after - t, h if after == 0.0 else float(good), split))
            t = after
        return found

    def chunk(self, done: int, asked: int, capacity: int) -> tuple[int, bool, Any]:
        times = np.zeros(capacity)
        times[:asked] = self.grid[done : done + asked]
        while True:
            found = fill(
                self.stepper,
                self.flow.field,
                (self.y, self.flow.args),
                self.flow.delays,
                self.remembered,
                jnp.asarray(self.kinks),
                self.front,
                self.ring,
                jnp.asarray(times),
                jnp.asarray(asked),
                jnp.asarray(max(self.grid[-1], float(self.flow.dt))),
            )
            self.front, self.ring = found.front, found.ring
            if bool(found.full):
                self.ring = self.roomier()
            if int(found.count) or not bool(found.full):
                return int(found.count), bool(found.ok), jax.tree.map(np.asarray, found.rows)

    def roomier(self) -> Ring:
        """The ring with room for twice as many pieces."""
        size, n = self.ring.starts.shape[0], int(self.front.n)
        first = max(0, n - size)
        held = [tuple(np.asarray(a)[k % size] for a in self.ring[:4]) for k in range(first, n)]
        lines = [[np.asarray(c)[k % size] for c in self.ring.coefficients] for k in range(first, n)]
        return _ring([(*a, b) for a, b in zip(held, lines, strict=True)], 2 * size, first)

    def history_at(self, t: float) -> DelayState:
        """History on the grid of the flow's steps that ends at t."""
        size, last, first = self.ring.starts.shape[0], int(self.front.n), int(self.front.marks[-1])
        rows = np.arange(max(first, last - size + 1), last + 1) % size
        starts = np.asarray(self.ring.starts)[rows]
        if starts[-1] != float(self.front.t):  # the last piece failed, and was not kept
            rows, starts = rows[:-1], starts[:-1]
        n, dt = self.flow.n_intervals, float(self.flow.dt)
        times = t - dt * np.arange(n, -1, -1)
        piece = np.clip(np.searchsorted(starts, times + EPS * abs(t), side="right") - 1, 0, len(rows) - 1)
        s = times - starts[piece]
        values, slopes = [], []
        for c in self.ring.coefficients:
            line = np.asarray(c)[rows][piece]
            powers = s[:, None] ** np.arange(line.shape[1])
            k = np.arange(1, line.shape[1])
            values.append(np.einsum("nk,nk...->n...", powers, line))
            slopes.append(np.einsum("nk,nk...->n...", powers[:, :-1] * k, line[:, 1:]))
        nodes, rates = (self.joined(v) for v in (values, slopes))
        age = min(round(t / dt), n + 1)
        slope0 = jax.tree.map(lambda a: a if age <= n else jnp.zeros_like(a), self.slope0)
        return DelayState(nodes, jax.tree.map(lambda a: a[:-1], rates), slope0, jnp.asarray(age))

    def joined(self, parts: Sequence[np.ndarray]) -> Any:
        """States of which these are the parts, one a row."""
        leaves, structure = jax.tree.flatten(self.y)
        counts = [1 if self.n_parts == len(leaves) else leaf.size for leaf in leaves]
        made, begun = [], 0
        for leaf, count in zip(leaves, counts, strict=True):
            columns = np.stack(parts[begun : begun + count], axis=1)
            made.append(jnp.asarray(columns.reshape(len(columns), *leaf.shape)))
            begun += count
        return jax.tree.unflatten(structure, made)

    def failed(self, done: int) -> Status:
        if self.throw:
            raise NonFiniteStateError(
                f"the orbit has no finite state beyond t = {float(self.front.t):.10g}: it explodes. Take other "
                "parameters or another history.",
                step=done,
                last_state=[np.asarray(part) for part in self.front.parts],
            )
        return Status.NON_FINITE


def _ring(pieces: Sequence[tuple], size: int, first: int) -> Ring:
    """A ring of `size` rows with pieces, the first of which has number `first`."""
    numbers = np.zeros((4, size))
    lines = [np.zeros((size, *c.shape), c.dtype) for c in pieces[0][4]]
    for n, piece in enumerate(pieces, first):
        numbers[:, n % size] = piece[:4]
        for line, c in zip(lines, piece[4], strict=True):
            line[n % size] = c
    starts, lows, lengths, reaches = (jnp.asarray(row) for row in numbers)
    return Ring(starts, lows, lengths, reaches, [jnp.asarray(line) for line in lines])


@eqx.filter_jit
def _history_piece(history: Any, t: Any, order: int, share: float) -> tuple[list[Any], Any]:
    """Taylor coefficients (order + 1, ...) of each leaf of a history at t, and how far they reach."""

    def still(t: Any, y: Any) -> Any:
        return jnp.zeros_like(y), floating_state(history(t))

    program = Program(still, t, jnp.zeros(()), extras=True, switches=False, by_number=False)
    extras = program.expand(t, [jnp.zeros(())], order).extras
    groups = [([line], 0, False) for line in extras]
    return [jnp.stack(line) for line in extras], control.step_length(groups, order, share)


def kinks(delays: Sequence[float], order: int, end: float) -> np.ndarray:
    """Return the times up to `end` at which a derivative below the order jumps: sums of the delays, then infinity.

    The length is rounded up, so that few of them compile anew.

    Args:
        delays: the delays.
        order: of the polynomials.
        end: last time of interest.

    Raises:
        ParameterError: if there are too many.

    Example:
        >>> kinks([1.0, 1.5], 2, 10.0)[:5].tolist()
        [1.0, 1.5, 2.0, 2.5, 3.0]
    """
    level, found = [0.0], {}
    for _ in range(order):
        # Sums in another order differ by rounding, and are one.
        sums = {f"{t + d:.13g}": t + d for t in level for d in delays if t + d <= end}
        level = list(sums.values())
        found |= sums
        if len(found) > MAX_KINKS:
            raise ParameterError(
                f"{len(delays)} delays have more than {MAX_KINKS:,} kinks up to order {order}; take a lower order, or "
                "trajectory, which steps over them."
            )
    times = sorted(found.values())
    kept = [t for t, before in zip(times, [-math.inf, *times], strict=False) if t - before > SAME * max(1.0, t)]
    size = 2 ** math.ceil(math.log2(len(kept) + 2))
    return np.concatenate([kept, np.full(size - len(kept), np.inf)])
