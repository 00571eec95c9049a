"""Many orbits of one system in lockstep: compiled by components, cut into tiles, spread over threads.

The numbers of a tile of some hundred orbits stay in the cache; a call of the compiled loop computes several tiles. XLA
leaves Python's lock while it computes, so that two threads keep two cores busy.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import Clock, Still
from cocycle.core.errors import InterruptedWarning, NoSeriesError, ParameterError
from cocycle.core.functions import Map
from cocycle.core.progress import Progress
from cocycle.core.start import count
from cocycle.core.system import push
from cocycle.stability.fields.trigonometry import vectorised
from cocycle.steppers.abstract import AbstractTangentStepper
from cocycle.steppers.flow import Flow
from cocycle.steppers.series import Program
from cocycle.steppers.series.scalars import ScalarForm

TILE = 512
N_TILES = 16  # in a call, where there are enough points


def step_by_components(system: Any, driver: Any, x: Any) -> Callable[[Any, list[Any]], list[Any]] | None:
    """Return a step from components to components, or None where it has no such form.

    Stacking and slicing of a small state disappear from it, so that a batch is arithmetic on long vectors.

    Args:
        system: the system; flows with an explicit step and maps have this form, unless they look things up.
        driver: its driver.
        x: a state (D,).
    """
    explicit = isinstance(system, Flow) and not isinstance(system.stepper, AbstractTangentStepper)
    if not (explicit or isinstance(system, Map)) or not isinstance(driver, Still | Clock):
        return None
    still = isinstance(driver, Still)
    try:
        program = Program(lambda t, y: system.step(y, None if still else t), jnp.zeros(()), x, by_number=True)
    except NoSeriesError:
        return None
    if not isinstance(program.form, ScalarForm):
        return None

    def step(t: Any, parts: list[Any]) -> list[Any]:
        # Order 1 of the series whose slope is the step: its coefficient is the step itself.
        return [part[1] for part in program.expand(t, parts, 1).parts]

    return step


def _by_components(step: Any, driver: Any, columns: tuple[int, ...], point: Any, rest: Any, span: Any) -> Any:
    d = rest.shape[0]
    parts = [point[columns.index(i)] if i in columns else rest[i] for i in range(d)]
    tangents = [[jnp.asarray(float(i == j)) for i in range(d)] for j in columns]
    n0, n_steps, want = span

    def one(i: Any, carry: Any) -> Any:
        parts, tangents = carry
        w = driver.at(n0 + i)
        w = jnp.zeros(()) if w is None else w
        fast = vectorised(lambda parts: step(w, parts), n_steps > 0)
        if not want:
            return fast(parts), tangents
        after, linear = jax.linearize(fast, parts)
        return after, [linear(v) for v in tangents]

    parts, tangents = jax.lax.fori_loop(0, n_steps, one, (parts, tangents if want else []))
    return jnp.stack(parts), jnp.stack([jnp.stack(v) for v in tangents]) if want else jnp.zeros((0, d))


def _by_arrays(system: Any, driver: Any, columns: tuple[int, ...], point: Any, rest: Any, span: Any) -> Any:
    x = rest.at[jnp.asarray(columns)].set(point)
    n0, n_steps, want = span
    frame = jnp.eye(rest.shape[0])[jnp.asarray(columns)]

    def one(i: Any, carry: Any) -> Any:
        x, frame = carry
        if want:
            return push(system, x, driver.at(n0 + i), frame)
        return system.step(x, driver.at(n0 + i)), frame

    x, frame = jax.lax.fori_loop(0, n_steps, one, (x, frame if want else frame[:0]))
    return x, frame


# The default is 256 bits where the processor has 512: a fifth of the time here. Narrower processors ignore it.
@eqx.filter_jit(compiler_options={"xla_cpu_prefer_vector_width": 512})  # pyright: ignore[reportCallIssue]
def _tiles(
    system: Any, driver: Any, points: Any, rest: Any, n0: Any, n_steps: Any, columns: tuple[int, ...], want: bool
) -> Any:
    """Ends (tiles, D, B) and tangents (tiles, d, D, B) of the orbits of the points (tiles, d, B)."""
    step = step_by_components(system, driver, jax.ShapeDtypeStruct(rest.shape, rest.dtype))
    span = (n0, n_steps, want)
    if step is not None:
        one = lambda point: _by_components(step, driver, columns, point, rest, span)  # noqa: E731
    else:
        one = lambda point: _by_arrays(system, driver, columns, point, rest, span)  # noqa: E731
    return jax.lax.map(jax.vmap(one, in_axes=-1, out_axes=-1), points)


class Lanes:
    """The flow map of a system on many points.

    Args:
        system: the system, whose state is one vector (D,).
        driver: its driver; all orbits see the same drive.
        rest: components that the points do not give, (D,).
        columns: components that the points give.
        tangents: whether tangents of those components are wanted.
        n_threads: threads; None for one per core.
    """

    def __init__(
        self, system: Any, driver: Any, rest: Any, columns: tuple[int, ...], tangents: bool, n_threads: int | None
    ):
        self.system, self.driver, self.columns, self.want = system, driver, columns, tangents
        self.rest = jnp.asarray(rest, dtype=float)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.n_threads = cores if n_threads is None else count(n_threads, "n_threads")

    def tiles(self, points: np.ndarray, n0: int, n_steps: int, label: str, show: bool | None) -> Iterator[tuple]:
        """Compute tile by tile, in the order in which they are ready.

        Args:
            points: (points, d).
            n0: number of the first step.
            n_steps: steps.
            label: what the progress bar says.
            show: whether it shows.

        Yields:
            Slice of the points, ends (points of the tile, D), tangents (points of the tile, d, D). An interrupt ends
            the iteration with a warning.

        Raises:
            ParameterError: if there are no points.
        """
        n = len(points)
        if n == 0:
            raise ParameterError("there are no points; give a grid, or tracks, with at least one.")
        width = 2 ** int(np.ceil(np.log2(min(TILE, max(1, -(-n // self.n_threads))))))
        size = width * (N_TILES if n >= 2 * N_TILES * width * self.n_threads else 1)
        steps = (jnp.asarray(n0), jnp.asarray(n_steps))

        def work(begin: int) -> tuple:
            part = points[begin : begin + size]
            m, d = part.shape
            lanes = np.empty((size, d))
            lanes[:m], lanes[m:] = part, part[-1:]
            lanes = jnp.asarray(np.swapaxes(lanes.reshape(-1, width, d), 1, 2))
            ends, tangents = _tiles(self.system, self.driver, lanes, self.rest, *steps, self.columns, self.want)
            ends = np.moveaxis(np.asarray(ends), 1, -1).reshape(size, -1)
            tangents = np.moveaxis(np.asarray(tangents), -1, 1)
            return slice(begin, begin + m), ends[:m], tangents.reshape(size, *tangents.shape[2:])[:m]

        begins = iter(range(0, n, size))
        with Progress(n, label, show) as bar:
            try:
                first = work(next(begins))  # compiles, alone
                bar.advance(first[0].stop - first[0].start)
                yield first
                yield from self._spread(work, begins, bar)
            except KeyboardInterrupt:
                warnings.warn(
                    "interrupted: what was not reached is NaN in the result.", InterruptedWarning, stacklevel=4
                )

    def _spread(self, work: Callable[[int], tuple], begins: Iterator[int], bar: Progress) -> Iterator[tuple]:
        if self.n_threads == 1:
            for begin in begins:
                done = work(begin)
                bar.advance(done[0].stop - done[0].start)
                yield done
            return
        with ThreadPoolExecutor(self.n_threads) as pool:
            running: set[Future] = {pool.submit(work, b) for _, b in zip(range(2 * self.n_threads), begins)}
            try:
                while running:
                    ready, running = wait(running, return_when=FIRST_COMPLETED)
                    running |= {pool.submit(work, b) for _, b in zip(ready, begins)}
                    for future in ready:
                        done = future.result()
                        bar.advance(done[0].stop - done[0].start)
                        yield done
            finally:
                for future in running:
                    future.cancel()
