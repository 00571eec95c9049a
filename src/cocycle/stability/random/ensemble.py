"""Many orbits under independent noise, with all that is observed of them."""

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InterruptedWarning, NonFiniteStateError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.realisations import map_rows, realisation_axes, realisations
from cocycle.core.run import Status, check_memory
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem

ROWS = 1024


class Ensemble(eqx.Module, Presentable):
    """Orbits under independent realisations of the noise.

    Attributes:
        t: (time,) times [time].
        x: pytree of what was observed, (paths, time, ...).
        final: last states, paths along the first axis.
        status: how the run ended.
    """

    t: Float[np.ndarray, "time"]
    x: Any
    final: Any
    status: Status = eqx.field(static=True, default=Status.OK)


@eqx.filter_jit
def _rows(system: Any, drivers: Any, x: Any, n: Any, n_rows: Any, every: Any, watch: Any) -> tuple[Any, Any]:
    def one(driver: Any, x: Any) -> tuple[Any, Any]:
        like = eqx.filter_eval_shape(watch, x)
        rows = jax.tree.map(lambda s: jnp.zeros((ROWS, *s.shape), s.dtype), like)

        def row(i: Any, carry: tuple) -> tuple:
            x, rows = carry
            at = n + i * every
            x = jax.lax.fori_loop(0, every, lambda j, x: system.step(x, driver.at(at + j)), x)
            return x, jax.tree.map(lambda r, v: r.at[i].set(v), rows, watch(x))

        return jax.lax.fori_loop(0, n_rows, row, (x, rows))

    return eqx.filter_vmap(one, in_axes=(realisation_axes(drivers), 0))(drivers, x)


def ensemble(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_paths: int,
    n_steps: int,
    save_every: int = 1,
    observe: Callable[[Any], Any] | None = None,
    n_workers: int | None = None,
    progress: bool | None = None,
) -> Ensemble:
    """Orbits from one initial state under independent realisations of the noise.

    Args:
        system: the system.
        x0: initial state of all; default that of the system.
        driver: driver with a random key.
        n_paths: number of orbits.
        n_steps: steps of each.
        save_every: stride of saving.
        observe: function of the state that is saved; default the system's own.
        n_workers: threads; default the cores this process may use.
        progress: show a progress bar.

    Returns:
        Ensemble.

    Raises:
        DriverError: if the driver has no key.
        NonFiniteStateError: if an orbit leaves the finite numbers.
        ParameterError: if nothing would be saved, or the rows do not fit into memory.

    Limits: an interrupt (Ctrl-C) returns the rows done so far, with a warning.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.core.functions import Map
        >>> walk = Map(lambda x, a, w: x + w, x0=0.0, driven=True)
        >>> ensemble(walk, None, Brownian(0), n_paths=3, n_steps=10, save_every=5).x.shape
        (3, 2)
    """
    n_paths, n_steps, every = count(n_paths, "n_paths"), count(n_steps, "n_steps"), count(save_every, "save_every")
    if every > n_steps:
        raise ParameterError(f"save_every={every} exceeds n_steps={n_steps}: nothing would be saved.")
    x, driver = start(system, x0, driver, n_steps=n_steps)
    drivers = realisations(driver, n_paths)
    x = jax.tree.map(lambda a: jnp.broadcast_to(a, (n_paths, *a.shape)), x)
    watch = system.observe if observe is None else observe
    like = eqx.filter_eval_shape(watch, jax.tree.map(lambda a: a[0], x))
    size, n_rows = sum(s.size * s.dtype.itemsize for s in jax.tree.leaves(like)), n_steps // every
    check_memory(n_rows * n_paths, size, "save less often (save_every), less of the state (observe), or fewer paths")
    out = jax.tree.map(lambda s: np.empty((n_paths, n_rows, *s.shape), s.dtype), like)
    done, status = 0, Status.OK
    with Progress(n_rows, "ensemble", progress) as bar:
        try:
            while done < n_rows:
                k = min(ROWS, n_rows - done)

                def part(d: Any, x: Any, a: int = done * every, b: int = k) -> Any:
                    return _rows(system, d, x, jnp.asarray(a), jnp.asarray(b), jnp.asarray(every), watch)

                x, rows = map_rows(part, drivers, x, n_rows=n_paths, n_workers=n_workers)
                _require_finite(x, (done + k) * every)
                place = (slice(None), slice(done, done + k))
                jax.tree.map(lambda o, r, p=place, b=k: o.__setitem__(p, r[:, :b]), out, rows)
                done += k
                bar.advance(k)
        except KeyboardInterrupt:
            warnings.warn(f"interrupted: {done} of {n_rows} rows are returned.", InterruptedWarning, stacklevel=2)
            status = Status.INTERRUPTED
    t = every * (1 + np.arange(done)) * float(system.dt)
    return Ensemble(t, jax.tree.map(lambda o: o[:, :done], out), x, status)


def _require_finite(x: Any, step: int) -> None:
    for leaf in jax.tree.leaves(x):
        values = np.asarray(leaf)
        if np.issubdtype(values.dtype, np.inexact) and not np.all(np.isfinite(values)):
            bad = int(np.argmax(~np.isfinite(values.reshape(len(values), -1)).all(axis=1)))
            raise NonFiniteStateError(
                f"path {bad} leaves the finite numbers before step {step}; take a smaller dt or other parameters.",
                step=step,
                last_state=None,
            )
