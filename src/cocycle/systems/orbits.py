"""Orbits in natural units of time, as they might be observed: a part of the variables, with noise."""

import math
import zlib
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ParameterError, UnknownNameError, suggest
from cocycle.core.functions import Map
from cocycle.core.run import Trajectory, run, trajectory
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem, positive_time
from cocycle.steppers import RK4, AbstractStepper, DelayFlow, Flow
from cocycle.systems.catalogue import catalogue
from cocycle.systems.registry import Entry
from cocycle.systems.solver import sampled, sampled_late


def orbit(
    source: str | Entry | AbstractSystem,
    *,
    n_periods: int = 10,
    points_per_period: int = 100,
    n_transient: int = 0,
    period: float | None = None,
    variables: Sequence[str] | None = None,
    noise: float = 0.0,
    seed: int = 0,
    rtol: float = 1e-10,
    stepper: AbstractStepper | None = None,
    parameters: dict[str, Any] | None = None,
) -> Trajectory:
    """Orbit of a system of the catalogue, sampled in dominant periods instead of units of time.

    Flows and delay equations are solved to a tolerance, whatever their dt, by Taylor series or a Runge-Kutta pair
    (docs/taylor.md); stochastic and spatial systems by their own steps, as many a point as keep dt at or below its
    default. A map has no period: each point is one iteration.

    Args:
        source: name, entry, or a system.
        n_periods: periods to cover.
        points_per_period: points a period.
        n_transient: periods that are dropped first.
        period: length of a period [time of the system]; default that of the catalogue.
        variables: names of the variables that are observed; default all.
        noise: standard deviation of observation noise, as a fraction of that of each variable.
        seed: seed of the noise, and of the system's own where it is stochastic.
        rtol: relative tolerance of the adaptive solution; the absolute one is the same.
        stepper: rule for a flow in place of the adaptive solution; it takes one step a point. Of a delay equation
            `RK4()` asks for its own steps.
        parameters: values that differ from the defaults, where source is a name or entry.

    Returns:
        Trajectory of n_periods * points_per_period points. Its final state is free of noise.

    Raises:
        ParameterError: if no period is known, noise is negative, or a stepper does not serve.
        UnknownNameError: if there is no such system or variable; the nearest names are suggested.
        NonFiniteStateError: if the orbit explodes.

    Warns:
        AccuracyWarning: if a delay equation has no Taylor series, and goes by its own steps.

    Accuracy: steps within rtol; along a chaotic orbit errors grow with its largest exponent.

    Example:
        >>> seen = orbit("rossler", n_periods=2, points_per_period=50, variables=["x"], period=5.86)
        >>> seen.x.shape, seen.variables
        ((100, 1), ('x',))
    """
    entry = _entry(source)
    system: Any = source if isinstance(source, AbstractSystem) else entry.make(**(parameters or {}))  # pyright: ignore[reportOptionalMemberAccess]
    if parameters and isinstance(source, AbstractSystem):
        raise ParameterError("parameters belong to a name; a ready system has its own: make it with them.")
    if not 0.0 <= noise < math.inf:
        raise ParameterError(f"noise is a fraction of each variable's spread, at least 0, got {noise}.")
    n_points = count(n_periods, "n_periods") * count(points_per_period, "points_per_period")
    chosen = _chosen(system, variables)
    length = _period(system, entry, period)
    n_dropped = count(n_transient, "n_transient", 0) * points_per_period
    driver = None if entry is None else entry.driver(seed)
    found = _points(system, driver, n_points, n_dropped, length / points_per_period, rtol, stepper)
    x = np.asarray(found.x)
    x = x if x.ndim == 1 else x.reshape(len(x), -1)
    if chosen is not None:
        x = (x[:, None] if x.ndim == 1 else x)[:, chosen]
    if noise:
        label = zlib.crc32((getattr(system, "name", None) or "").encode())
        x = x + noise * x.std(axis=0) * np.random.default_rng([seed, label]).normal(size=x.shape)
    names = system.variables if chosen is None else tuple(system.variables[i] for i in chosen)
    return Trajectory(found.t, x, found.final, found.n, variables=names, name=getattr(system, "name", None))


def _entry(source: Any) -> Entry | None:
    """Entry of a name, or of a system that was made by the catalogue."""
    if isinstance(source, Entry):
        return source
    if isinstance(source, AbstractSystem):
        name: Any = getattr(source, "name", None)
        return next((entry for entry in catalogue if entry.name == name), None)
    return catalogue[source]


def _period(system: Any, entry: Entry | None, period: float | None) -> float:
    if period is not None:
        return float(positive_time(period, "period"))
    if isinstance(system, Map):
        return 1.0
    known = None if entry is None else entry.period
    if known is None:
        name = getattr(system, "name", None) or type(system).__name__
        raise ParameterError(f"no dominant period is known of {name}; give period= in its unit of time.")
    return float(known)


def _chosen(system: Any, variables: Sequence[str] | None) -> list[int] | None:
    """Places of the observed variables."""
    if variables is None:
        return None
    names = system.variables or ()
    for name in variables:
        if name not in names:
            raise UnknownNameError(f"{system.name} has no variable {name!r}; {suggest(name, names)}")
    return [names.index(name) for name in variables]


def _points(
    system: Any, driver: Any, n_points: int, n_dropped: int, spacing: float, rtol: float, stepper: Any
) -> Trajectory:
    """Points one spacing apart, after those that are dropped."""
    if isinstance(system, Flow) and stepper is None:
        times = spacing * np.arange(n_dropped + 1, n_dropped + n_points + 1)
        found = sampled(system, times, rtol)
        return Trajectory(found.t, found.x, found.final, n_dropped + found.n)
    if isinstance(system, DelayFlow):
        if stepper is not None and not isinstance(stepper, RK4):
            raise ParameterError("a delay equation is solved to rtol; of steppers only RK4() serves, its own steps.")
        times = spacing * np.arange(n_dropped + 1, n_dropped + n_points + 1)
        late = sampled_late(system, times, rtol) if stepper is None else None
        if late is not None:
            return late
    if isinstance(system, Map):
        every = 1
    elif isinstance(system, Flow):
        system, every = eqx.tree_at(lambda s: (s.dt, s.stepper), system, (jnp.asarray(spacing), stepper)), 1
    else:
        every = max(1, math.ceil(spacing / float(system.dt) - 1e-9))
        system = _with_dt(system, spacing / every)
    x0 = system.initial_state(system.x0)
    if n_dropped:
        x0 = run(system, x0, driver, n_steps=n_dropped * every)
    return trajectory(system, x0, driver, n_steps=n_points * every, n0=n_dropped * every, save_every=every)


def _with_dt(system: Any, dt: float) -> Any:
    """The same system with other steps; a delay equation gets a history on the new grid."""
    if not hasattr(system, "delays"):
        return eqx.tree_at(lambda s: s.dt, system, jnp.asarray(dt))
    delays = jax.tree.map(float, system.delays)
    return type(system)(
        system.field, system.args, delays=delays, dt=dt, x0=system.x0, name=system.name, variables=system.variables
    )
