"""Finite-time Lyapunov exponents on a grid of initial states."""

import abc
import math
import warnings
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.drivers import AbstractDriver, Clock
from cocycle.core.errors import AccuracyWarning, ParameterError, ShapeError
from cocycle.core.run import Status, check_memory
from cocycle.core.start import start
from cocycle.core.system import AbstractSystem
from cocycle.stability.fields.field import FtleField
from cocycle.stability.fields.grid import axes_of, columns_of, named, points_of
from cocycle.stability.fields.lanes import Lanes
from cocycle.stability.fields.velocity import GriddedVelocity
from cocycle.stability.frames import require_differentiable
from cocycle.steppers.flow import Flow

WHOLE = 1e-9


class AbstractGradient(eqx.Module):
    """How the gradient of the flow map is found."""

    @abc.abstractmethod
    def stretching(self, lanes: Lanes, ends: np.ndarray, axes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return log of the largest stretching at each point from the ends of all orbits.

        Args:
            lanes: the flow map.
            ends: (points, D).
            axes: of the grid.
        """


class Tangents(AbstractGradient):
    """Exact gradient of each orbit, by tangent vectors of the step that is taken: no spacing enters."""

    def stretching(self, lanes: Lanes, ends: np.ndarray, axes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Not used: the tangents come with the orbits.

        Raises:
            ParameterError: always.
        """
        raise ParameterError("the stretching of Tangents() comes with the orbits themselves.")


class Differences(AbstractGradient):
    """Differences between neighbours on the grid, central inside and one-sided at the edges.

    Three times faster than `Tangents`, and blind to what happens between the points: where neighbours part for good,
    the stretching saturates at the size of the flow over the spacing.
    """

    def stretching(self, lanes: Lanes, ends: np.ndarray, axes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return log of the largest stretching at each point from the ends of all orbits."""
        shape = tuple(len(a) for a in axes.values())
        field = ends.reshape(*shape, -1)
        rows = [np.gradient(field, a, axis=k).reshape(len(ends), -1) for k, a in enumerate(axes.values())]
        return log_stretching(np.stack(rows, axis=1))


def log_stretching(gradient: Float[np.ndarray, "points d D"]) -> Float[np.ndarray, "points"]:
    """Return log of the largest singular value of each matrix; NaN where it is not finite.

    Args:
        gradient: rows are the images of the unit vectors along the axes.
    """
    scale = np.max(np.abs(gradient), axis=(1, 2))
    safe = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    m = gradient / safe[:, None, None]
    d = m.shape[1]
    if d == 1:
        square = np.sum(m[:, 0] ** 2, axis=1)
    elif d == 2:
        a, b, c = np.sum(m[:, 0] ** 2, axis=1), np.sum(m[:, 0] * m[:, 1], axis=1), np.sum(m[:, 1] ** 2, axis=1)
        square = (a + c) / 2 + np.hypot((a - c) / 2, b)
    else:
        m = np.where(np.isfinite(m), m, 0.0)
        square = np.linalg.eigvalsh(m @ np.swapaxes(m, 1, 2))[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(scale), np.log(safe) + 0.5 * np.log(square), np.nan)


def ftle_field(
    system: AbstractSystem | GriddedVelocity,
    driver: AbstractDriver | None = None,
    *,
    grid: Any,
    duration: int | float,
    t0: int | float = 0.0,
    at: Mapping[str, Any] | None = None,
    gradient: Any = Tangents(),
    n_threads: int | None = None,
    progress: bool | None = None,
) -> FtleField:
    r"""Finite-time Lyapunov exponents on a grid of initial states.

    $$\Lambda(x) = \frac{1}{|T|} \log \sigma_{\max}\bigl(\nabla \varphi^{t_0 + T}_{t_0}(x)\bigr)$$

    Args:
        system: differentiable system whose state is one vector, or a `GriddedVelocity`.
        driver: driver, the same for all orbits; default that of the system.
        grid: `{name: (first, last, count)}` or `{name: values}`; one to three components of the state.
        duration: T [time]; negative for the backward field, whose ridges attract.
        t0: time at which the orbits begin [time]; forced flows and recorded data depend on it.
        at: values of the components that are no axis of the grid; default those of the system's `x0`.
        gradient: `Tangents()` or `Differences()`.
        n_threads: threads; None for one per core.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        FtleField: `values` in the shape of the grid [nats / time], NaN where an orbit was lost.

    Raises:
        NotDifferentiableError: if the system has no tangents and the gradient needs them.
        UnknownNameError: if an axis is no component of the state.
        ParameterError: if the grid, the duration or an option makes no sense, or the system cannot go backward.
        ShapeError: if the state is not one vector.
        DataError: if the grid or the time is outside the data of a gridded velocity.

    Accuracy: that of the stepper; with `Tangents` there is no other error. Steps are shortened to end at T.
    Laws: a saddle (a x, -a y) has the value a everywhere, a shear (g y, 0) asinh(g T / 2) / T, a rotation 0.
    Limits: stretching beyond e^700 overflows. Backward fields need a flow; of a map give the inverse map.
        An interrupt leaves NaN where nothing was computed.
    Cost: steps times points, on all cores; sine and cosine by polynomials.

    Example:
        >>> from cocycle.steppers import Flow
        >>> saddle = Flow(lambda t, y, a: jnp.array([y[0], -y[1]]) * a, 0.5, dt=0.01, x0=[0.0, 0.0])
        >>> field = ftle_field(saddle, grid={"x": (-1, 1, 5), "y": (-1, 1, 4)}, duration=1.0)
        >>> field.values.shape, round(float(field.values[2, 1]), 8)
        ((5, 4), 0.5)

    Source: [shadden2005].
    """
    axes = axes_of(grid)
    if isinstance(system, GriddedVelocity):
        system.check_inside(axes, t0, duration)
        system = system.flow()
    if isinstance(gradient, Tangents):
        require_differentiable(system)
    elif not isinstance(gradient, AbstractGradient):
        raise ParameterError(f"gradient must be Tangents() or Differences(), got {gradient!r}.")
    system, n_steps = _towards(system, duration)
    rest, columns, fixed = _rest(system, axes, at)
    rest, driver, n0 = _begin(system, rest, driver, n_steps, t0)
    shape = tuple(len(a) for a in axes.values())
    check_memory(math.prod(shape), 8 * (len(rest) * 2 + 1), "take a coarser grid")
    lanes = Lanes(system, driver, rest, tuple(columns), isinstance(gradient, Tangents), n_threads)
    points = points_of(axes)
    log_growth, done = np.full(len(points), np.nan), np.zeros(len(points), dtype=bool)
    ends = np.full((len(points), len(rest)), np.nan)
    for part, where, tangents in lanes.tiles(points, n0, n_steps, "FTLE field", progress):
        done[part], ends[part] = True, where
        if isinstance(gradient, Tangents):
            log_growth[part] = np.where(np.isfinite(where).all(axis=1), log_stretching(tangents), np.nan)
    if not isinstance(gradient, Tangents):
        log_growth = gradient.stretching(lanes, ends, axes)
    n_lost = int(np.sum(done & ~np.isfinite(log_growth)))
    if n_lost:
        warnings.warn(
            f"{n_lost} of {len(points)} orbits left the data, or the finite numbers, within the duration; the field "
            "is NaN there. Take a shorter duration or a smaller grid.",
            AccuracyWarning,
            stacklevel=2,
        )
    return FtleField(
        values=(log_growth / abs(float(duration))).reshape(shape),
        axes=dict(axes),
        ends=ends[:, list(columns)].reshape(*shape, len(columns)),
        duration=float(duration),
        t0=float(t0),
        at=fixed,
        n_lost=n_lost,
        status=Status.OK if done.all() else Status.INTERRUPTED,
        name=getattr(system, "name", None),
    )


def _towards(system: AbstractSystem, duration: Any) -> tuple[AbstractSystem, int]:
    """The system with a step that divides the duration, and the number of steps."""
    dt, duration = float(system.dt), float(duration)
    if not math.isfinite(duration) or duration == 0:
        raise ParameterError(f"duration must be finite and not 0, got {duration}; it is negative for backward fields.")
    if isinstance(system, Flow):
        n_steps = max(1, math.ceil(abs(duration) / dt - WHOLE))
        return eqx.tree_at(lambda s: s.dt, system, jnp.asarray(duration / n_steps, dtype=float)), n_steps
    n_steps = round(abs(duration) / dt)
    if duration < 0:
        raise ParameterError(
            f"a {type(system).__name__} runs forward only: give its inverse and a positive duration for the backward "
            "field."
        )
    if n_steps < 1 or abs(n_steps * dt - duration) > 1e-6 * dt:
        raise ParameterError(f"duration={duration} is no multiple of the step dt={dt}; take one that is.")
    return system, n_steps


def _rest(system: Any, axes: Mapping[str, np.ndarray], at: Mapping[str, Any] | None) -> tuple:
    """Components that are not on the grid."""
    variables = getattr(system, "variables", None)
    given = dict(at or {})
    default = system.x0
    n = None if default is None else np.ndim(default) and np.shape(default)[0]
    n = n or len(axes) + len(given)
    if default is not None and np.ndim(default) != 1:
        raise ShapeError(f"fields need a state that is one vector, got {np.shape(default)}; reshape it in the field.")
    columns = columns_of(axes, variables, n)
    names = named(variables, n)
    state = np.zeros(n) if default is None else np.array(default, dtype=float)
    for name, value in given.items():
        if name in axes or name not in names:
            raise ParameterError(f"at={name!r} is {'an axis of the grid' if name in axes else 'no component'}.")
        state[names.index(name)] = float(value)
    state[columns] = [a[0] for a in axes.values()]
    fixed = {name: float(state[k]) for k, name in enumerate(names) if k not in columns}
    return state, columns, fixed


def _begin(system: Any, rest: np.ndarray, driver: Any, n_steps: int, t0: int | float) -> tuple:
    """State, driver and number of the first step."""
    if driver is None and isinstance(system, Flow):
        x, clock = start(system, jnp.asarray(rest), None, n_steps=n_steps)
        return x, Clock(system.dt, t0) if isinstance(clock, Clock) else clock, 0
    n0 = round(t0 / float(system.dt))
    if n0 < 0 or abs(n0 * float(system.dt) - t0) > 1e-6 * abs(float(system.dt)):
        raise ParameterError(f"t0={t0} must be a non-negative multiple of dt={float(system.dt)} under a driver.")
    return *start(system, jnp.asarray(rest), driver, n_steps=n_steps, n0=n0), n0
