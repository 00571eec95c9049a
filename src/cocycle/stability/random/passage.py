"""Ensembles that run until something happens: first passages, exits, lifetimes by simulation."""

import time
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InsufficientDataError, InterruptedWarning, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.realisations import chosen_realisations, map_rows, realisation_axes, realisations
from cocycle.core.run import Pace, Status
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem

MOST_STEPS = 65_536


class PassageTimes(eqx.Module, Presentable):
    """Times after which something happened, one for each path; those where it did not are censored.

    Attributes:
        times: (paths,) time of the event, or of the end of watching [time].
        observed: (paths,) whether the event happened; False is a censored time.
        final: states at those times, paths along the first axis.
        horizon: time watched at most [time].
        status: how the computation ended.
    """

    times: Float[np.ndarray, "paths"]
    observed: Bool[np.ndarray, "paths"]
    final: Any
    horizon: float
    status: Status = eqx.field(static=True, default=Status.OK)

    @property
    def mean(self) -> Estimate:
        """Mean of min(time, horizon) [time], with standard error; the plain mean where nothing is censored."""
        n = len(self.times)
        error = float(np.std(self.times, ddof=1) / np.sqrt(n)) if n > 1 else np.inf
        kind = "mean" if self.observed.all() else f"mean restricted to {self.horizon:.6g}: some paths are censored"
        return Estimate(float(self.times.mean()), error, float(n), kind)

    @property
    def fraction(self) -> Estimate:
        """Fraction of paths where the event happened, with standard error (Wilson's centre where it is 0 or 1)."""
        n, hits = len(self.times), float(self.observed.sum())
        p = (hits + 2.0) / (n + 4.0)
        return Estimate(hits / n, float(np.sqrt(p * (1 - p) / (n + 4.0))), float(n), "binomial")

    @property
    def rate(self) -> Estimate:
        """Events per time at risk [1 / time]: the rate of an exponential law, censoring allowed for.

        Raises:
            InsufficientDataError: if nothing happened.
        """
        hits = int(self.observed.sum())
        if hits == 0:
            raise InsufficientDataError("no event was seen, so there is no rate; watch longer or more paths.")
        rate = hits / float(self.times.sum())
        return Estimate(rate, rate / np.sqrt(hits), float(hits), "events per time at risk, exponential law")

    def __str__(self) -> str:
        """Mean and fraction."""
        return f"mean {self.mean}   happened in {int(self.observed.sum())} of {len(self.times)} paths"


@eqx.filter_jit
def _watch(system: Any, drivers: Any, x: Any, hit: Any, n: Any, n_steps: Any, event: Any) -> tuple[Any, Any]:
    """Advance paths in lockstep; a path whose event happened stays where it is."""

    def one(driver: Any, x: Any, hit: Any) -> tuple[Any, Any]:
        def step(i: Any, carry: tuple) -> tuple:
            x, hit = carry
            after = system.step(x, driver.at(n + i))
            going = hit < 0
            x = jax.tree.map(lambda a, b: jnp.where(going, a, b), after, x)
            return x, jnp.where(going & event(x), n + i + 1, hit)

        return jax.lax.fori_loop(0, n_steps, step, (x, hit))

    return eqx.filter_vmap(one, in_axes=(realisation_axes(drivers), 0, 0))(drivers, x, hit)


def first_passage(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    event: Callable[[Any], Any],
    n_paths: int,
    n_steps: int,
    n_workers: int | None = None,
    progress: bool | None = None,
) -> PassageTimes:
    """Times at which independent paths first fulfil a condition.

    Args:
        system: the system.
        x0: initial state of all paths; default that of the system.
        driver: driver with a random key; every path gets a realisation of its own.
        event: from a state to a boolean, written with `jax.numpy`; a named function is compiled once.
        n_paths: number of paths.
        n_steps: steps that a path is watched at most.
        n_workers: threads; default the cores this process may use.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        PassageTimes. A path that fulfils the condition at the start has time 0.

    Raises:
        DriverError: if the driver has no key.
        ShapeError: if the condition is not one boolean.

    Accuracy: the condition is looked at after each step. A diffusion that leaves a domain between two steps is seen
        late: the boundary seems 0.5826 g sqrt(dt) farther out, g the diffusion normal to it.
    Limits: an interrupt (Ctrl-C) returns all paths, those still on their way as censored.
    Cost: paths of a batch go in lockstep; finished ones are dropped as soon as three quarters are.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.steppers import ItoSDE
        >>> walk = ItoSDE(lambda t, y, a: 0 * y, lambda t, y, a: 1.0, dt=0.01, x0=0.0)
        >>> out = first_passage(walk, None, Brownian(0), event=lambda x: abs(x) > 1, n_paths=100, n_steps=2000)
        >>> bool(abs(out.mean.value - 1.0) < 5 * out.mean.stderr + 0.15)
        True

    Source: shift of the boundary [broadie1997].
    """
    n_paths, n_steps = count(n_paths, "n_paths"), count(n_steps, "n_steps")
    x, driver = start(system, x0, driver, n_steps=n_steps)
    states = jax.tree.map(lambda a: jnp.broadcast_to(a, (n_paths, *a.shape)), x)
    return passage(system, states, realisations(driver, n_paths), event, n_steps, n_workers, progress)


def passage(
    system: Any, states: Any, drivers: Any, event: Any, n_steps: int, n_workers: int | None, progress: bool | None
) -> PassageTimes:
    """Run paths from given states under given drivers until the event or the end.

    Args:
        system: the system.
        states: states, paths along the first axis.
        drivers: as many realisations.
        event: from a state to a boolean.
        n_steps: steps at most.
        n_workers: threads, or None.
        progress: show a progress bar.
    """
    seen = jax.eval_shape(event, jax.tree.map(lambda a: a[0], states))
    if getattr(seen, "shape", None) != () or seen.dtype != bool:
        raise ParameterError("event must return one boolean of a state, e.g. lambda x: x[0] > 1.")
    n_paths = len(jax.tree.leaves(states)[0])
    final = jax.tree.map(lambda a: np.array(a), states)
    hit = np.where(np.asarray(jax.vmap(event)(states)), 0, -1)
    rows, done, status = np.flatnonzero(hit < 0), 0, Status.OK
    size, pace = n_paths, Pace(MOST_STEPS)
    with Progress(n_steps, "passages", progress) as bar:
        try:
            while done < n_steps and len(rows):
                if len(rows) <= size // 4:
                    size = len(rows)
                taken = np.resize(rows, size)  # padded by repeating paths: the shape is compiled once
                n = pace.next(n_steps - done)
                began = time.perf_counter()
                now = jax.tree.map(lambda a, taken=taken: jnp.asarray(a[taken]), final)
                x, h = map_rows(
                    lambda d, x, h, a=done, b=n: _watch(system, d, x, h, jnp.asarray(a), jnp.asarray(b), event),
                    chosen_realisations(drivers, jnp.asarray(taken)),
                    now,
                    jnp.asarray(hit[taken]),
                    n_rows=size,
                    n_workers=n_workers,
                )
                pace.took(n, time.perf_counter() - began, done == 0)
                jax.tree.map(lambda o, v, t=taken: o.__setitem__(t, v), final, x)
                hit[taken] = h
                rows, done = rows[hit[rows] < 0], done + n
                bar.advance(n)
        except KeyboardInterrupt:
            message = f"interrupted: {len(rows)} of {n_paths} paths are cut after {done} of {n_steps} steps."
            warnings.warn(message, InterruptedWarning, stacklevel=3)
            status = Status.INTERRUPTED
    observed = hit >= 0
    dt = float(system.dt)
    return PassageTimes(np.where(observed, hit, done) * dt, observed, final, n_steps * dt, status)
