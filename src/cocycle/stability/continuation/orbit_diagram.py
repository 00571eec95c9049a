"""A bifurcation strip: what an orbit visits, and its largest exponent, over one parameter."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import NotDifferentiableError, ParameterError
from cocycle.core.parameters import parameters, with_parameters
from cocycle.core.run import run, trajectory
from cocycle.core.start import start
from cocycle.core.sweep import sweep
from cocycle.core.system import AbstractSystem
from cocycle.stability.exponents import lyapunov_spectrum

N_SHOWN = 100
FLAT = 1e-9


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Equally spaced values of one parameter.

    Attributes:
        parameter: its name.
        start: first value.
        stop: last value.
        n_values: number of values, at least 2.

    Example:
        >>> Sweep("rho", 0.0, 200.0, 3).values.tolist()
        [0.0, 100.0, 200.0]
    """

    parameter: str
    start: float
    stop: float
    n_values: int = 400

    def __post_init__(self):
        if not (np.isfinite(self.start) and np.isfinite(self.stop)) or self.start == self.stop:
            raise ParameterError(f"a sweep needs two different finite ends, got {self.start} and {self.stop}.")
        if not 2 <= self.n_values <= 100_000:
            raise ParameterError(f"a sweep has 2 to 100,000 values, got {self.n_values}.")

    @property
    def values(self) -> np.ndarray:
        """(n_values,) values of the parameter."""
        return np.linspace(self.start, self.stop, self.n_values)


@dataclasses.dataclass(frozen=True, eq=False)
class Bifurcation:
    """What orbits visit over one parameter.

    Attributes:
        parameter: its name.
        values: (n,) values.
        exponent: (n,) largest exponent [nats / time]; nan where the orbit diverges or has no tangents.
        stderr: (n,) its standard error [same].
        at: (points,) parameter value of each visited point.
        visited: (points,) local maxima of the coordinate for a flow, states for a map.
        what: "local maxima of x" or "x".
        coordinate: name of the coordinate.
        n_steps: steps averaged over, for each value.
        n_diverged: values whose orbit left the finite numbers.
    """

    parameter: str
    values: np.ndarray
    exponent: np.ndarray
    stderr: np.ndarray
    at: np.ndarray
    visited: np.ndarray
    what: str
    coordinate: str
    n_steps: int
    n_diverged: int


class _Case(eqx.Module):
    """One value of the parameter: exponent, and the coordinate along the orbit after a transient."""

    system: AbstractSystem
    x0: Any
    driver: AbstractDriver
    parameter: str = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)
    n_transient: int = eqx.field(static=True)
    tangents: bool = eqx.field(static=True)

    def __call__(self, value: Any) -> tuple[Any, Any, Any]:
        system = with_parameters(self.system, **{self.parameter: value})
        x = run(system, self.x0, self.driver, n_steps=self.n_transient, throw=False)
        n0, n_steps = self.n_transient, self.n_steps

        def watch(x: Any) -> Any:
            return _first(system.observe(x))

        orbit = trajectory(system, x, self.driver, n_steps=n_steps, n0=n0, observe=watch, throw=False).x
        if not self.tangents:
            nothing = jnp.full((), jnp.nan)
            return orbit, nothing, nothing
        spectrum = lyapunov_spectrum(system, x, self.driver, n_steps=n_steps, n_vectors=1, n0=n0, throw=False)
        return orbit, spectrum.exponents[0], spectrum.stderr[0]


def _first(x: Any) -> Any:
    """First real number of a state."""
    leaf = jnp.ravel(jax.tree.leaves(x)[0])[0]
    return jnp.real(leaf).astype(float)


def bifurcation_diagram(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    over: Sweep,
    n_steps: int = 4000,
    n_transient: int | None = None,
    coordinate: str = "x",
    progress: bool | None = None,
) -> Bifurcation:
    """Follow one orbit for each value of a parameter: what it visits, and its largest exponent.

    Args:
        system: the system, with the parameter among its `args` or `params`.
        x0: initial state, the same for every value; default that of the system.
        driver: driver, the same for every value.
        over: parameter and its values.
        n_steps: steps of each orbit after the transient.
        n_transient: steps dropped first; default half of n_steps.
        coordinate: name of the first coordinate, for labels.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Bifurcation; at most 100 points are kept for each value.

    Raises:
        UnknownNameError: if there is no such parameter.
        ParameterError: if the parameter is not a number.

    Limits: one initial state finds one attractor of several; transients longer than n_transient are shown as they are.
    Cost: n_values (n_transient + 2 n_steps) steps and n_values n_steps tangent steps, in one compilation.
    """
    known = parameters(with_parameters(system, **{over.parameter: over.start}))  # refuses unknown names
    if over.parameter in known and np.ndim(known[over.parameter]):
        raise ParameterError(f"parameter {over.parameter!r} is an array of shape {np.shape(known[over.parameter])}.")
    n_transient = n_steps // 2 if n_transient is None else n_transient
    x, driver = start(system, x0, driver, n_steps=n_transient + 2 * n_steps)
    case = _Case(system, x, driver, over.parameter, n_steps, n_transient, True)
    try:
        orbit, exponent, stderr = sweep(case, over.values, progress=progress)
    except NotDifferentiableError:
        case = dataclasses.replace(case, tangents=False)
        orbit, exponent, stderr = sweep(case, over.values, progress=progress)
    is_flow = system.continuous_time
    finite = np.isfinite(orbit).all(axis=1)
    at, visited = [np.zeros(0)], [np.zeros(0)]
    for value, row in zip(over.values[finite], orbit[finite], strict=True):
        points = _maxima(row) if is_flow else row
        points = points[-N_SHOWN:]
        at.append(np.full(len(points), value))
        visited.append(points)
    exponent = np.where(finite, exponent, np.nan)
    return Bifurcation(
        parameter=over.parameter,
        values=over.values,
        exponent=np.where(np.isfinite(exponent), exponent, np.nan),
        stderr=np.where(finite, stderr, np.nan),
        at=np.concatenate(at),
        visited=np.concatenate(visited),
        what=f"local maxima of {coordinate}" if is_flow else coordinate,
        coordinate=coordinate,
        n_steps=n_steps,
        n_diverged=int(np.sum(~finite)),
    )


def _maxima(row: np.ndarray) -> np.ndarray:
    """Local maxima, each the top of a parabola through three samples; the state itself where it rests."""
    size = max(float(np.abs(row).max()), 1e-300)
    half = row[len(row) // 2 :]
    if np.ptp(half) <= FLAT * size:
        return row[-1:]
    a, b, c = row[:-2], row[1:-1], row[2:]
    top = np.flatnonzero((b > a) & (b >= c))
    a, b, c = a[top], b[top], c[top]
    bend = a - 2 * b + c
    safe = np.where(bend == 0, 1.0, bend)
    return np.where(bend == 0, b, b - (a - c) ** 2 / (8 * safe))
