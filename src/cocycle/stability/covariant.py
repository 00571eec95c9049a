"""Covariant Lyapunov vectors: forward orthonormalisation, backward triangular recursion, in bounded memory."""

import math
import time
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy as jsp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InsufficientDataError, InterruptedWarning, ParameterError
from cocycle.core.estimate import mean_estimate
from cocycle.core.progress import Progress
from cocycle.core.run import Pace, Status, check_memory, is_finite, non_finite_error
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem
from cocycle.core.tracing import is_traced
from cocycle.stability.exponents import ENOUGH_ROWS, MAX_DEFAULT, MIN_ROWS, N_PILOT
from cocycle.stability.frames import SMALL, dimension, first_frame, orthonormalise, push_frame, require_differentiable
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.precision import interval_for

# Bytes of the factors of one segment, at most, unless all are kept.
SEGMENT_BYTES = 32 * 2**20
MIN_SEGMENT = 64


@eqx.filter_jit
def _factor_rows(
    system: Any, driver: Any, x: Any, frame: Any, n: Any, n_rows: Any, every: Any, capacity: int
) -> tuple[Any, Any, Any]:
    """Fill rows of (frame, state) at the start of each interval and the triangular factor of the interval."""
    k = frame.shape[0]
    seen = eqx.filter_eval_shape(system.observe, x)
    rows = (
        jnp.zeros((capacity, *frame.shape)),
        jnp.zeros((capacity, k, k)),
        jax.tree.map(lambda s: jnp.zeros((capacity, *s.shape), s.dtype), seen),
    )

    def one(i: Any, carry: tuple) -> tuple:
        x, frame, (frames, factors, states) = carry
        frames = frames.at[i].set(frame)
        states = jax.tree.map(lambda row, v: row.at[i].set(v), states, system.observe(x))
        push_one = lambda j, c: push_frame(system, c[0], driver.at(n + i * every + j), c[1])  # noqa: E731
        x, pushed = jax.lax.fori_loop(0, every, push_one, (x, frame))
        frame, stretching = orthonormalise(pushed)
        r = jnp.triu(frame @ pushed.T, 1) + jnp.diag(jnp.where(stretching > 0, jnp.sum(frame * pushed, axis=1), 0.0))
        return x, frame, (frames, factors.at[i].set(r), states)

    return jax.lax.fori_loop(0, n_rows, one, (x, frame, rows))


def solve_upper(r: Any, c: Any) -> Any:
    """Solve r y = c for upper triangular r; unrolled where it is small."""
    k = r.shape[0]
    if k > SMALL:
        return jsp.linalg.solve_triangular(r, c)
    rows: list[Any] = [None] * k
    for i in reversed(range(k)):
        v = c[i]
        for j in range(i + 1, k):
            v = v - r[i, j] * rows[j]
        rows[i] = v / r[i, i]
    return jnp.stack(rows)


@eqx.filter_jit
def _backward_rows(frames: Any, factors: Any, c: Any, n_rows: Any) -> tuple[Any, Any, Any]:
    """Carry coefficients back over the rows; return vectors and log growth of each interval."""

    def one(i: Any, carry: tuple) -> tuple:
        c, vectors, growth = carry
        at = n_rows - 1 - i
        y = solve_upper(factors[at], c)
        length = jnp.sqrt(jnp.sum(y * y, axis=0))
        c = y / length[None, :]
        return c, vectors.at[at].set(c.T @ frames[at]), growth.at[at].set(-jnp.log(length))

    begin = (c, jnp.zeros_like(frames), jnp.zeros(factors.shape[:2]))
    return jax.lax.fori_loop(0, n_rows, one, begin)


def covariant_vectors(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n_vectors: int | None = None,
    n_transient: int | None = None,
    n_settle: int | None = None,
    qr_every: int | None = None,
    save_every: int = 1,
    keep_factors: bool = False,
    n0: int = 0,
    progress: bool | None = None,
) -> CovariantVectors:
    r"""Covariant Lyapunov vectors along an orbit, with their local growth rates.

    $$Q_{m+1} R_m = D\varphi_m\, Q_m, \qquad R_m C_m = C_{m+1} D_m, \qquad V_m = Q_m C_m$$

    A forward pass brings the frame Q to the flag of fastest growing subspaces and stores the triangular factors R;
    going back, almost every upper triangular C turns to the one whose V is covariant. Frames are kept at check
    points only, and the factors between two of them are computed again, bit by bit the same, when the backward
    pass arrives there.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        n_steps: steps in all, both transients included.
        n_vectors: K, at most D. Default D, or 10 where D exceeds 100.
        n_transient: steps dropped at the start. Default a tenth of n_steps.
        n_settle: steps at the end over which the backward recursion settles. Default a tenth of n_steps.
        qr_every: steps between orthonormalisations. Default 1 to 20, by the spread of the growth rates in a pilot.
        save_every: orthonormalisations between saved frames of vectors; growth rates are kept for all.
        keep_factors: True keeps every factor in memory, which saves the second pass.
        n0: number of the first step.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        CovariantVectors, its `vectors` (rows, K, D) from the end of the transient to the beginning of the settling.

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if K exceeds D, a count is out of range, a direction is killed by the step, or the call is
            under a JAX transformation.
        InsufficientDataError: if fewer than 16 intervals are left between the transients.
        NonFiniteStateError: if the orbit leaves the finite numbers.

    Accuracy: exponential in both transients, at the rate of the gap between neighbouring exponents; `unsettled` says
        what is left of the backward one.
    Laws: the growth rates of the vectors have the same means as the stretching |R_ii| of the frame; the first vector
        is the first of the frame.
    Limits: an interrupt goes back from where the forward pass is, or returns the later part of what was asked.
        A killed direction (exponent -inf) has no covariant vector: ask for fewer vectors.
    Cost: two forward passes of `lyapunov_spectrum` (one with `keep_factors`) and K^3 / 3 + K^2 D per interval; memory
        of the order of sqrt(intervals) frames, printed with the result.

    Example:
        >>> from cocycle.core.functions import Map
        >>> cat = Map(lambda x, a: jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1, x0=[0.1, 0.2])
        >>> found = covariant_vectors(cat, n_steps=400)
        >>> abs(found.vectors[0]).round(6).tolist()
        [[0.850651, 0.525731], [0.525731, 0.850651]]

    Source: [ginelli2007]; memory and transients [kuptsov2012].
    """
    require_differentiable(system)
    n_steps, n0 = count(n_steps, "n_steps"), count(n0, "n0", 0)
    n_transient = n_steps // 10 if n_transient is None else count(n_transient, "n_transient", 0)
    n_settle = n_steps // 10 if n_settle is None else count(n_settle, "n_settle", 0)
    save_every = count(save_every, "save_every")
    if n_transient + n_settle >= n_steps:
        raise ParameterError(
            f"n_transient={n_transient} and n_settle={n_settle} leave nothing of n_steps={n_steps}; take more steps."
        )
    x, driver = start(system, x0, driver, n_steps=n_steps, n0=n0)
    if is_traced(system, x, driver):
        raise ParameterError("covariant_vectors does not run under jit or vmap; use sweep(..., vectorise=False).")
    n_dimensions = dimension(x)
    if n_dimensions == 0:
        raise ParameterError("the state has no floating numbers, so it has no tangents.")
    k = min(n_dimensions, 10 if n_dimensions > MAX_DEFAULT else n_dimensions) if n_vectors is None else n_vectors
    if count(k, "n_vectors") > n_dimensions:
        raise ParameterError(f"n_vectors={k} exceeds the {n_dimensions} dimensions of the state.")
    qr_every = None if qr_every is None else count(qr_every, "qr_every")
    job = _Job(system, driver, k, save_every, keep_factors)
    with Progress(2 * n_steps - n_transient, "covariant vectors", progress) as bar:
        return job.vectors(x, n0, n_steps, n_transient, n_settle, qr_every, bar)


class _Job:
    """One computation: transient, forward pass with check points, settling, backward pass."""

    def __init__(self, system: Any, driver: Any, k: int, save_every: int, keep: bool):
        self.system, self.driver, self.k, self.save_every, self.keep = system, driver, k, save_every, keep
        self.status = Status.OK
        self.every = self.length = self.capacity = 1
        self.begin = 0

    def vectors(
        self, x: Any, n0: int, n_steps: int, n_transient: int, n_settle: int, every: int | None, bar: Progress
    ) -> CovariantVectors:
        most = max(1, (n_steps - n_transient - n_settle) // ENOUGH_ROWS)
        x, frame = self.transient(x, n0, n_transient, every, most, bar)
        n_rows, n_last = (n_steps - n_transient) // self.every, n_settle // self.every
        self.need(n_rows - n_last, n_steps, n_transient, n_settle)
        self.plan(n_rows, frame, x)
        self.begin = n0 + n_transient
        points, kept = self.forward(x, frame, n_rows, bar)
        n_rows = min(n_rows, len(points) * self.length)
        if self.status is not Status.OK:
            n_last = min(n_last, n_rows // 2)
            self.need(n_rows - n_last, n_steps, n_transient, n_settle)
        return self.backward(points, kept, n_rows, n_rows - n_last, bar)

    def need(self, n_rows: int, n_steps: int, n_transient: int, n_settle: int) -> None:
        if n_rows < MIN_ROWS:
            raise InsufficientDataError(
                f"n_steps={n_steps} less n_transient={n_transient} and n_settle={n_settle} leaves {max(n_rows, 0)} "
                f"intervals of {self.every} steps; {MIN_ROWS} are needed. Take more steps or a smaller qr_every."
            )

    def transient(self, x: Any, n: int, n_transient: int, every: int | None, most: int, bar: Progress) -> tuple:
        """Bring state and frame to the attractor; a pilot tells how often to orthonormalise."""
        frame = jnp.asarray(first_frame(self.k, dimension(x)))
        self.capacity, end = 1, n + n_transient
        if every is None:
            self.capacity, self.every = N_PILOT, 1
            n_pilot = min(N_PILOT, n_transient)
            pilot = np.zeros((0, self.k))
            if n_pilot:
                x, frame, (_, factors, _) = self.chunk(x, frame, n, n_pilot)
                with np.errstate(divide="ignore"):
                    pilot = np.log(np.abs(np.diagonal(np.asarray(factors)[:n_pilot], axis1=1, axis2=2)))
            every, n = min(interval_for(self.system, pilot), most), n + n_pilot
        pace = Pace(2**16)
        while n < end:
            stride = min(every, end - n)
            size = pace.next((end - n) // stride)
            began = time.perf_counter()
            x, frame = self.pushed(x, frame, n, size, stride)
            pace.took(size, time.perf_counter() - began, True)
            n += size * stride
            bar.advance(size * stride)
        self.every = every
        return x, frame

    def pushed(self, x: Any, frame: Any, n: int, n_rows: int, every: int) -> tuple:
        """Advance state and frame, factors forgotten."""
        after, frame = _push_rows(
            self.system, self.driver, x, frame, jnp.asarray(n), jnp.asarray(n_rows), jnp.asarray(every)
        )
        if not is_finite(after):
            raise non_finite_error(self.system, self.driver, x, n, n_rows * every)
        return after, frame

    def plan(self, n_rows: int, frame: Any, x: Any) -> None:
        """Choose the length of the segments between check points."""
        row_bytes = 8 * (frame.size + self.k**2) + _bytes(jax.eval_shape(self.system.observe, x))
        point_bytes = 8 * frame.size + _bytes(x)
        length = max(MIN_SEGMENT, math.ceil(math.sqrt(n_rows)), 1)
        self.length = max(1, min(length, SEGMENT_BYTES // row_bytes, n_rows))
        self.capacity = 2 ** math.ceil(math.log2(self.length))
        n_points = math.ceil(n_rows / self.length)
        # A segment is there twice: as the compiled loop writes it and as the backward pass reads and replaces it.
        self.bound = n_points * point_bytes + 2 * self.capacity * row_bytes
        if self.keep:
            self.bound += n_rows * row_bytes
            check_memory(n_rows, row_bytes, "take keep_factors=False")
        check_memory(n_rows // self.save_every + 1, 8 * frame.size, "save less often (save_every)")

    def chunk(self, x: Any, frame: Any, n: int, n_rows: int) -> tuple:
        counts = (jnp.asarray(n), jnp.asarray(n_rows), jnp.asarray(self.every))
        after, frame2, rows = _factor_rows(self.system, self.driver, x, frame, *counts, self.capacity)
        if not is_finite(after):
            raise non_finite_error(self.system, self.driver, x, n, n_rows * self.every)
        return after, frame2, rows

    def forward(self, x: Any, frame: Any, n_rows: int, bar: Progress) -> tuple[list, list]:
        """Segments in turn: check points, and their factors if all are kept."""
        points: list[tuple] = []
        kept: list[tuple] = []
        try:
            for at in range(0, n_rows, self.length):
                size = min(self.length, n_rows - at)
                point = (x, frame)
                if self.keep or at + size == n_rows:
                    x, frame, rows = self.chunk(x, frame, self.begin + at * self.every, size)
                    kept.append(jax.tree.map(lambda a, s=size: np.asarray(a)[:s], rows))
                else:
                    x, frame = self.pushed(x, frame, self.begin + at * self.every, size, self.every)
                points.append(point)
                bar.advance(size * self.every)
        except KeyboardInterrupt:
            warnings.warn(
                f"interrupted: going back from step {len(points) * self.length * self.every} after the transient.",
                InterruptedWarning,
                stacklevel=5,
            )
            self.status = Status.INTERRUPTED
        return points, kept

    def segment(self, points: list, kept: list, i: int, size: int) -> tuple:
        """Factors of segment i: from memory, or computed again from its check point."""
        if self.keep:
            rows = kept[i]
        elif kept and i == len(points) - 1:
            rows = kept[-1]  # the forward pass has just ended there
        else:
            x, frame = points[i]
            rows = self.chunk(x, frame, self.begin + i * self.length * self.every, size)[2]
            self.again += size * self.every
        frames, factors, states = jax.tree.map(lambda a: _padded(a, self.capacity), rows)
        diagonal = np.asarray(jnp.abs(jnp.diagonal(factors, axis1=1, axis2=2)))[:size]
        if not np.all(diagonal > 0):
            alive = int(np.min(np.argmin(diagonal > 0, axis=1)[~np.all(diagonal > 0, axis=1)]))
            raise ParameterError(
                f"a direction is killed by the step, so vector {alive + 1} is not defined; take n_vectors={alive}."
                if alive
                else "the step kills every direction, so there are no covariant vectors."
            )
        return frames, factors, states

    def backward(self, points: list, kept: list, n_rows: int, n_wanted: int, bar: Progress) -> CovariantVectors:
        """Go back over the segments; the rows above n_wanted only settle."""
        self.again = 0
        c, other = (jnp.asarray(_first_coefficients(self.k, seed)) for seed in (1, 2))
        unsettled: Any = np.full(self.k, np.nan)
        found: list[tuple] = []
        try:
            for i in reversed(range(len(points))):
                low = i * self.length
                size = min(self.length, n_rows - low)
                frames, factors, states = self.segment(points, kept, i, size)
                settling = low + size - max(n_wanted, low)
                if settling > 0:
                    tail = [jnp.roll(a, settling - size, axis=0) for a in (frames, factors)]
                    ahead = jnp.asarray(settling)
                    c, other = (_backward_rows(tail[0], tail[1], each, ahead)[0] for each in (c, other))
                    size -= settling
                if low < n_wanted:
                    if not np.isfinite(unsettled).all():
                        unsettled = np.linalg.norm(np.asarray(c - other * jnp.sum(c * other, axis=0)[None, :]), axis=0)
                    c, vectors, growth = _backward_rows(frames, factors, c, jnp.asarray(size))
                    found.append(self.kept_rows(low, size, vectors, growth, states))
                bar.advance(size * self.every)
        except KeyboardInterrupt:
            warnings.warn("interrupted: the later part of the orbit is returned.", InterruptedWarning, stacklevel=5)
            self.status = Status.INTERRUPTED
            if sum(len(part[1]) for part in found) < MIN_ROWS:
                raise
        return self.result(found[::-1], unsettled)

    def kept_rows(self, low: int, size: int, vectors: Any, growth: Any, states: Any) -> tuple:
        at = np.arange(low, low + size)
        pick = np.flatnonzero(at % self.save_every == 0)
        take = lambda a: np.asarray(a)[:size][pick]  # noqa: E731
        return at[pick], np.asarray(growth)[:size], take(vectors), jax.tree.map(take, states)

    def result(self, parts: list[tuple], unsettled: np.ndarray) -> CovariantVectors:
        at, growth, vectors, *states = zip(*parts, strict=True)
        dt = float(self.system.dt)
        local = np.concatenate(growth) / (self.every * dt)
        return CovariantVectors(
            t=(self.begin + np.concatenate(at) * self.every) * dt,
            x=jax.tree.map(lambda *p: np.concatenate(p), *states[0]),
            vectors=np.concatenate(vectors),
            local=local,
            exponents=mean_estimate(local),
            unsettled=np.asarray(unsettled),
            interval=self.every * dt,
            save_every=self.save_every,
            memory_bound=self.bound,
            n_recomputed=self.again,
            status=self.status,
            name=getattr(self.system, "name", None),
        )


@eqx.filter_jit
def _push_rows(system: Any, driver: Any, x: Any, frame: Any, n: Any, n_rows: Any, every: Any) -> tuple[Any, Any]:
    def one(i: Any, carry: tuple) -> tuple:
        push_one = lambda j, c: push_frame(system, c[0], driver.at(n + i * every + j), c[1])  # noqa: E731
        x, frame = jax.lax.fori_loop(0, every, push_one, carry)
        return x, orthonormalise(frame)[0]

    return jax.lax.fori_loop(0, n_rows, one, (x, frame))


def _first_coefficients(k: int, seed: int) -> np.ndarray:
    """Upper triangular matrix in general position, with unit columns."""
    c = np.triu(np.random.default_rng(seed).normal(size=(k, k)))
    np.fill_diagonal(c, 1.0)
    return c / np.linalg.norm(c, axis=0)


def _padded(a: Any, n_rows: int) -> Any:
    a = jnp.asarray(a)
    return a if len(a) == n_rows else jnp.concatenate([a, jnp.zeros((n_rows - len(a), *a.shape[1:]), a.dtype)])


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree) if hasattr(leaf, "dtype"))
