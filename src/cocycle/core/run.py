"""One orbit: `run` keeps its end, `trajectory` keeps its way.

On concrete arguments the loops are compiled once for all lengths (trip counts are dynamic) and run in chunks, so
that progress shows, an interrupt keeps what is done, and a non-finite state is located to the step. Under a JAX
transformation the same calls become plain scans, differentiable in both modes.
"""

import enum
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem, State
from cocycle.core.tracing import is_traced

CHUNK_BYTES = 2**20
CHUNK_SECONDS = 0.5


class Status(enum.StrEnum):
    """How a computation ended."""

    OK = "ok"
    NON_FINITE = "non-finite state"
    INTERRUPTED = "interrupted"
    CONVERGED = "standard error below the tolerance"


class Trajectory(eqx.Module, Presentable):
    """States along an orbit.

    Attributes:
        t: times (time,) [unit of the system]; the initial state is not among them.
        x: pytree of what was observed, time along the first axis.
        final: the last full state, to go on from.
        n: number of steps taken, n0 included.
        status: how the run ended.
        variables: names of the components, if the system has them.
    """

    t: Array | np.ndarray
    x: PyTree
    final: PyTree
    n: Any
    status: Status = eqx.field(static=True, default=Status.OK)
    variables: tuple[str, ...] | None = eqx.field(static=True, default=None)
    name: str | None = eqx.field(static=True, default=None)

    def __len__(self) -> int:
        """Number of saved states."""
        return len(self.t)


@eqx.filter_jit
def _advance(system: AbstractSystem, driver: AbstractDriver, x: State, n: Any, n_steps: Any) -> State:
    return jax.lax.fori_loop(0, n_steps, lambda i, x: system.step(x, driver.at(n + i)), x)


@eqx.filter_jit
def _advance_while_finite(system: AbstractSystem, driver: AbstractDriver, x: State, n: Any, n_steps: Any) -> Any:
    """Advance up to the last finite state; return it and the number of steps that went well."""

    def going(carry: Any) -> Any:
        i, _, ok = carry
        return ok & (i < n_steps)

    def one(carry: Any) -> Any:
        i, x, _ = carry
        after = system.step(x, driver.at(n + i))
        ok = all_finite(after)
        kept = jax.tree.map(lambda a, b: jnp.where(ok, a, b), after, x)
        return jnp.where(ok, i + 1, i), kept, ok

    return jax.lax.while_loop(going, one, (jnp.zeros_like(n_steps), x, jnp.asarray(True)))


def all_finite(x: PyTree) -> Any:
    """Say whether every floating leaf is finite."""
    leaves = [leaf for leaf in jax.tree.leaves(x) if eqx.is_inexact_array(leaf)]
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in leaves])) if leaves else jnp.asarray(True)


def is_finite(x: PyTree) -> bool:
    """Say the same of concrete leaves, without a trip through the compiler."""
    return all(bool(np.all(np.isfinite(np.asarray(leaf)))) for leaf in jax.tree.leaves(x) if eqx.is_inexact_array(leaf))


def non_finite_error(
    system: AbstractSystem, driver: AbstractDriver, x: State, n: int, n_steps: int
) -> NonFiniteStateError:
    """Go over a failed stretch again, step by step, and say where it left the finite numbers."""
    done, last, _ = _advance_while_finite(system, driver, x, jnp.asarray(n), jnp.asarray(n_steps))
    step = n + int(done)
    seen = np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(system.observe(last))])
    shown = np.array2string(seen[:6], precision=4, separator=", ") + (" ..." if seen.size > 6 else "")
    return NonFiniteStateError(
        f"the state is not finite after step {step} (t = {(step + 1) * float(system.dt):.6g}); "
        f"last finite state {shown}. The orbit explodes or dt = {float(system.dt):.4g} is too large: "
        "take a smaller dt, other parameters or another initial state.",
        step=step,
        last_state=jax.tree.map(np.asarray, last),
    )


def run(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n0: int = 0,
    throw: bool = True,
) -> State:
    r"""State after n steps: the cocycle $\varphi(n, \omega)x$ itself.

    Args:
        system: the system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        n_steps: number of steps, at least 0.
        n0: number of the first step (the shift of the drive).
        throw: raise if the state is not finite; False returns it.

    Returns:
        The state, in the layout of x0.

    Raises:
        NonFiniteStateError: with the step number and the last finite state.

    Laws: `run(n + m) = run(n, from run(m), n0 + m)`.
    Cost: n_steps steps; another n_steps or parameter value does not compile again.

    Example:
        >>> from cocycle.core.functions import Map
        >>> float(run(Map(lambda x, a: a * x, 0.5, x0=8.0), n_steps=3))
        1.0
    """
    n_steps, n0 = count(n_steps, "n_steps", 0), count(n0, "n0", 0)
    x, driver = start(system, x0, driver, n_steps=n_steps, n0=n0)
    if is_traced(system, x, driver):
        body = lambda x, i: (system.step(x, driver.at(n0 + i)), None)  # noqa: E731
        return jax.lax.scan(body, x, jnp.arange(n_steps))[0]
    after = _advance(system, driver, x, jnp.asarray(n0), jnp.asarray(n_steps))
    if throw and not is_finite(after):
        raise non_finite_error(system, driver, x, n0, n_steps)
    return after


@eqx.filter_jit
def _save_rows(
    system: AbstractSystem,
    driver: AbstractDriver,
    x: State,
    n: Any,
    n_rows: Any,
    every: Any,
    capacity: int,
    observe: Callable[[State], PyTree],
) -> tuple[State, PyTree]:
    """Fill up to `capacity` rows, `every` steps apart (None stands for 1)."""
    like = eqx.filter_eval_shape(observe, x)
    rows = jax.tree.map(lambda s: jnp.zeros((capacity, *s.shape), s.dtype), like)

    def stride(i: Any, x: State) -> State:
        if every is None:
            return system.step(x, driver.at(n + i))
        return jax.lax.fori_loop(0, every, lambda j, x: system.step(x, driver.at(n + i * every + j)), x)

    def one(i: Any, carry: tuple[State, PyTree]) -> tuple[State, PyTree]:
        x, rows = carry
        x = stride(i, x)
        return x, jax.tree.map(lambda row, v: row.at[i].set(v), rows, observe(x))

    return jax.lax.fori_loop(0, n_rows, one, (x, rows))


def row_capacity(row_bytes: int) -> int:
    """Rows of one compiled chunk: a power of two that fills about 1 MiB, at most 65,536."""
    return int(2 ** np.clip(np.floor(np.log2(CHUNK_BYTES / max(row_bytes, 1))), 0, 16))


def check_memory(n_rows: int, row_bytes: int, remedy: str) -> None:
    """Refuse what cannot fit into this machine's memory.

    Raises:
        ParameterError: if the rows need more than 80 % of it.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if n_rows * row_bytes > 0.8 * total:
        raise ParameterError(f"{n_rows:,} rows of {row_bytes} bytes do not fit into {total / 2**30:.0f} GiB; {remedy}.")


class Pace:
    """How many rows the next compiled call may do, so that it lasts about half a second."""

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._rows = min(capacity, 1024)

    def next(self, remaining: int) -> int:
        """Return the number of rows of the next call."""
        return min(self._rows, remaining)

    def took(self, rows: int, seconds: float, first: bool) -> None:
        """Learn from a call; the first one may have compiled, so it cannot slow the pace."""
        fitting = int(rows * CHUNK_SECONDS / max(seconds, 1e-6))
        self._rows = max(1, min(self._capacity, max(fitting, rows) if first else fitting))


def trajectory(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n0: int = 0,
    save_every: int = 1,
    observe: Callable[[State], PyTree] | None = None,
    throw: bool = True,
    progress: bool | None = None,
) -> Trajectory:
    """States along an orbit, every `save_every` steps.

    Args:
        system: the system.
        x0: initial state; default that of the system. It is not saved itself.
        driver: driver; default that of the system. The same driver is the same noise.
        n_steps: number of steps; `n_steps // save_every` states are saved.
        n0: number of the first step.
        save_every: stride of saving.
        observe: function of the state that is saved; default the system's own (mostly the whole state).
            A named function, defined once, is compiled once.
        throw: raise if a state is not finite; False returns what was reached, with `status`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Trajectory with `n_steps // save_every` rows.

    Raises:
        NonFiniteStateError: with the step number and the last finite state.
        ParameterError: if the rows do not fit into memory.

    Limits: an interrupt (Ctrl-C) returns the rows done so far, with a warning.
    Cost: n_steps steps; another n_steps, save_every > 1 or parameter value does not compile again.

    Example:
        >>> from cocycle.core.functions import Map
        >>> trajectory(Map(lambda x, a: a * x, 0.5, x0=8.0), n_steps=3).x
        array([4., 2., 1.])
    """
    n_steps, n0, save_every = count(n_steps, "n_steps"), count(n0, "n0", 0), count(save_every, "save_every")
    if save_every > n_steps:
        raise ParameterError(f"save_every={save_every} exceeds n_steps={n_steps}: nothing would be saved.")
    x, driver = start(system, x0, driver, n_steps=n_steps, n0=n0)
    watch = system.observe if observe is None else observe
    n_rows = n_steps // save_every
    variables, name = getattr(system, "variables", None), getattr(system, "name", None)
    if is_traced(system, x, driver):
        final, rows = _scan_rows(system, driver, x, n0, n_rows, save_every, watch)
        t = (n0 + save_every * (1 + jnp.arange(n_rows))) * system.dt
        return Trajectory(t, rows, final, n0 + n_rows * save_every, Status.OK, variables, name)
    final, rows, n_done, status = _chunked_rows(system, driver, x, n0, n_rows, save_every, watch, throw, progress)
    t = (n0 + save_every * (1 + np.arange(n_done))) * float(system.dt)
    return Trajectory(t, rows, final, n0 + n_done * save_every, status, variables, name)


def _scan_rows(system: Any, driver: Any, x: Any, n0: int, n_rows: int, every: int, watch: Any) -> Any:
    def stride(x: State, i: Any) -> tuple[State, PyTree]:
        body = lambda x, j: (system.step(x, driver.at(n0 + i * every + j)), None)  # noqa: E731
        x = jax.lax.scan(body, x, jnp.arange(every))[0]
        return x, watch(x)

    return jax.lax.scan(stride, x, jnp.arange(n_rows))


def _chunked_rows(
    system: Any, driver: Any, x: Any, n0: int, n_rows: int, every: int, watch: Any, throw: bool, show: bool | None
) -> tuple[State, PyTree, int, Status]:
    """Fill host arrays chunk by chunk; stop at a non-finite state or an interrupt."""
    like = eqx.filter_eval_shape(watch, x)
    row_bytes = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
    check_memory(n_rows, row_bytes, "save less often (save_every) or less of the state (observe)")
    out = jax.tree.map(lambda s: np.empty((n_rows, *s.shape), s.dtype), like)
    capacity = row_capacity(row_bytes)
    pace, done, status = Pace(capacity), 0, Status.OK
    stride = None if every == 1 else jnp.asarray(every)
    with Progress(n_rows * every, "orbit", show) as bar:
        try:
            while done < n_rows:
                n, rows = n0 + done * every, pace.next(n_rows - done)
                began = time.perf_counter()
                after, chunk = _save_rows(system, driver, x, jnp.asarray(n), jnp.asarray(rows), stride, capacity, watch)
                jax.tree.map(lambda o, c, a=done, b=rows: o.__setitem__(slice(a, a + b), np.asarray(c)[:b]), out, chunk)
                pace.took(rows, time.perf_counter() - began, done == 0)
                if not is_finite(after):
                    error = non_finite_error(system, driver, x, n, rows * every)
                    if throw:
                        raise error
                    x, done, status = error.last_state, done + (error.step - n) // every, Status.NON_FINITE
                    break
                x, done = after, done + rows
                bar.advance(rows * every)
        except KeyboardInterrupt:
            warnings.warn(f"interrupted: {done} of {n_rows} rows are returned.", InterruptedWarning, stacklevel=3)
            status = Status.INTERRUPTED
    if done < n_rows:
        out = jax.tree.map(lambda o: o[:done].copy(), out)
    return x, out, done, status
