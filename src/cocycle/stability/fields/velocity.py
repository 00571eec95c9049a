"""Velocity fields given as numbers on a grid: measured, simulated elsewhere, read from a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import DataError, ParameterError, ShapeError
from cocycle.core.system import positive_time
from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper

EVEN = 1e-6
# Weights of the four neighbours (Catmull-Rom) as polynomials of the place between the middle two.
CUBIC = ((0.0, -0.5, 1.0, -0.5), (1.0, 0.0, -2.5, 1.5), (0.0, 0.5, 2.0, -1.5), (0.0, 0.0, -0.5, 0.5))


class GriddedVelocity(eqx.Module):
    """A velocity on an even grid in space and, if it changes, in time, interpolated between.

    Args:
        components: one array for each axis of space, in the order of the axes: (time, x, y, ...), or (x, y, ...)
            where it does not change. NaN marks land: an orbit that touches it is lost.
        axes: values along the axes of space by name, evenly spaced, in the order in which the arrays hold them.
        times: times of the first axis, evenly spaced [time]; None where the velocity does not change.
        order: 1 for linear, 3 for cubic (Catmull-Rom) interpolation, in space and time.
        periodic: names of the axes that close on themselves; the last value is then one spacing before the first.
        dt: time step of orbits; default a fifth of the time between snapshots, or a quarter of the least time in
            which a cell is crossed.
        stepper: rule of one step.

    Raises:
        DataError: if axes and arrays do not fit or are uneven.
        ParameterError: if an option is out of range.

    Accuracy: O(spacing^2) for linear, O(spacing^3) for cubic interpolation; FTLE fields want cubic, since linear
        interpolation has gradients that jump.
    Limits: outside the axes, and outside the times, the velocity is NaN.

    Example:
        >>> x = np.linspace(-1, 1, 21)
        >>> u, v = np.meshgrid(x, -x, indexing="ij")
        >>> saddle = GriddedVelocity([u, v], {"x": x, "y": x}, dt=0.05)
        >>> [round(float(v), 6) for v in saddle(0.0, jnp.array([0.33, 0.41]), None)]
        [0.33, -0.41]
    """

    data: Float[Array, "time *space d"]
    first: Float[Array, " d"]
    spacing: Float[Array, " d"]
    first_time: Float[Array, ""]
    interval: Float[Array, ""]
    dt: Float[Array, ""]
    stepper: AbstractStepper
    names: tuple[str, ...] = eqx.field(static=True)
    order: int = eqx.field(static=True)
    wraps: tuple[bool, ...] = eqx.field(static=True)
    steady: bool = eqx.field(static=True)

    def __init__(
        self,
        components: Sequence[Any],
        axes: Mapping[str, Any],
        *,
        times: Any = None,
        order: int = 3,
        periodic: Sequence[str] = (),
        dt: Any = None,
        stepper: AbstractStepper = RK4(),
    ):
        if order not in (1, 3):
            raise ParameterError(f"order must be 1 (linear) or 3 (cubic), got {order!r}.")
        if unknown := set(periodic) - set(axes):
            raise ParameterError(f"periodic names {sorted(unknown)}, which are no axes; the axes are {list(axes)}.")
        values = {name: np.asarray(a, dtype=float) for name, a in axes.items()}
        arrays = [np.asarray(c, dtype=float) for c in components]
        if len(arrays) != len(values) or not 2 <= len(values) <= 3:
            raise DataError(f"{len(arrays)} components for {len(values)} axes: a velocity has one for each of 2 or 3.")
        self.steady = times is None
        expected = tuple(len(a) for a in values.values())
        expected = expected if times is None else (np.size(times), *expected)
        for array in arrays:
            if array.shape != expected:
                raise DataError(f"a component has shape {array.shape}, the axes {expected}: the order is time, space.")
        steps = [_even(a, name) for name, a in values.items()]
        data = np.stack(arrays, axis=-1)
        self.data = jnp.asarray(data[None] if times is None else data)
        self.first = jnp.asarray([a[0] for a in values.values()])
        self.spacing = jnp.asarray(steps)
        t = np.zeros(1) if times is None else np.asarray(times, dtype=float)
        self.first_time = jnp.asarray(t[0])
        self.interval = jnp.asarray(1.0 if times is None else _even(t, "time"))
        self.names, self.order, self.stepper = tuple(values), order, stepper
        self.wraps = tuple(name in periodic for name in values)
        if dt is None:
            fastest = np.nanmax(np.abs(data), initial=0.0)
            dt = min(steps) / max(4 * fastest, 1e-12)
            dt = dt if times is None else min(dt, float(self.interval) / 5)
        self.dt = positive_time(dt)

    @classmethod
    def from_xarray(cls, dataset: Any, components: Sequence[str], *, time: str | None = None, **options: Any) -> Any:
        """Take the velocity from a dataset: xarray, or anything with the same `[name].dims`, `.values`.

        Args:
            dataset: an `xarray.Dataset`, e.g. of `xarray.open_dataset("velocity.nc")`.
            components: names of the variables of velocity, in the order of the axes of space as the result has them:
                the names of the axes are those of the dimensions, sorted as the components are given.
            time: name of the dimension of time; default a dimension called "time" or "t", if there is one.
            **options: those of `GriddedVelocity`. `axes=("x", "y")` says which dimension each component moves along;
                default the dimensions in reverse of their order in the file, as in (time, y, x).

        Returns:
            GriddedVelocity.

        Raises:
            DataError: if a name is missing or the dimensions differ.
        """
        try:
            variables = [dataset[name] for name in components]
        except KeyError as error:
            raise DataError(f"the dataset has no variable {error}; it has {list(dataset)}.") from None
        dims = tuple(variables[0].dims)
        time = next((d for d in dims if d in ("time", "t")), None) if time is None else time
        order = options.pop("axes", None)
        space = tuple(order) if order else tuple(d for d in reversed(dims) if d != time)
        wanted = space if time is None else (time, *space)
        if set(wanted) != set(dims) or any(set(v.dims) != set(dims) for v in variables):
            raise DataError(f"the variables have dimensions {[v.dims for v in variables]}, wanted {wanted}.")
        arrays = [np.transpose(np.asarray(v.values), [v.dims.index(d) for d in wanted]) for v in variables]
        axes = {d: np.asarray(dataset[d].values) for d in space}
        times = None if time is None else _numbers(dataset[time].values)
        return cls(arrays, axes, times=times, **options)

    @property
    def axes(self) -> dict[str, np.ndarray]:
        """Values along the axes of space."""
        counts = self.data.shape[1:-1]
        pairs = zip(self.names, np.asarray(self.first), np.asarray(self.spacing), counts, strict=True)
        return {name: first + step * np.arange(n) for name, first, step, n in pairs}

    @property
    def time_span(self) -> tuple[float, float]:
        """First and last time; infinite where the velocity does not change."""
        if self.steady:
            return -np.inf, np.inf
        first = float(self.first_time)
        return first, first + float(self.interval) * (self.data.shape[0] - 1)

    def flow(self) -> Flow:
        """Return the motion of a particle in it."""
        middle = [float(a[len(a) // 2]) for a in self.axes.values()]
        return Flow(self, None, dt=self.dt, x0=middle, stepper=self.stepper, variables=self.names, name="velocity")

    def check_inside(self, axes: Mapping[str, Any], t0: Any, duration: Any) -> None:
        """Refuse a grid or a time outside the data.

        Args:
            axes: values along the axes of the grid.
            t0: first time.
            duration: of either sign.

        Raises:
            DataError: with what the data hold.
        """
        first, last = self.time_span
        slack = EVEN * float(self.interval)
        if not (first - slack <= min(t0, t0 + duration) and max(t0, t0 + duration) <= last + slack):
            raise DataError(
                f"times {min(t0, t0 + duration):g} to {max(t0, t0 + duration):g} are outside the data, which hold "
                f"{first:g} to {last:g}; take another t0 or a shorter duration."
            )
        for (name, own), wraps, step in zip(self.axes.items(), self.wraps, np.asarray(self.spacing), strict=True):
            if name in axes and not wraps:
                low, high = float(np.min(axes[name])), float(np.max(axes[name]))
                if low < own[0] - EVEN * step or high > own[-1] + EVEN * step:
                    raise DataError(
                        f"the grid spans {name} = {low:g} to {high:g}, the data {own[0]:g} to {own[-1]:g}; "
                        "take a smaller grid, or name the axis in periodic."
                    )

    def __call__(self, t: Any, y: Any, args: Any) -> Array:
        """Return the velocity at time t and place y; NaN outside.

        Args:
            t: time.
            y: place (d,).
            args: not used.

        Raises:
            ShapeError: if y has another dimension.
        """
        d = len(self.names)
        if jnp.shape(y) != (d,):
            raise ShapeError(f"a place in this velocity field has shape ({d},), got {jnp.shape(y)}.")
        places, weights, inside = jnp.zeros(1, int), jnp.ones(1), jnp.asarray(True)
        counts = self.data.shape[:-1]
        at_time = jnp.zeros(()) if self.steady else (t - self.first_time) / self.interval
        coordinates = [at_time, *((y[k] - self.first[k]) / self.spacing[k] for k in range(d))]
        for at, n, wraps in zip(coordinates, counts, (False, *self.wraps), strict=True):
            indices, more, ok = _stencil(at, n, self.order, wraps)
            places = (places[:, None] * n + indices[None, :]).ravel()
            weights = (weights[:, None] * more[None, :]).ravel()
            inside &= ok
        rows = self.data.reshape(-1, d)[places]
        return jnp.where(inside, weights @ rows, jnp.nan)


def _stencil(at: Any, n: int, order: int, wraps: bool) -> tuple[Any, Any, Any]:
    """Indices and weights of the neighbours along one axis, and whether the place is inside."""
    if n == 1:
        return jnp.zeros(1, int), jnp.ones(1), jnp.asarray(True)
    ok = jnp.asarray(True) if wraps else (at >= -EVEN) & (at <= n - 1 + EVEN)
    cell = jnp.floor(at) if wraps else jnp.clip(jnp.floor(at), 0, n - 2)
    s, i = at - cell, jnp.where(jnp.isfinite(cell), cell, 0).astype(int)
    if order == 1 or n < 4:
        indices, weights = i + jnp.arange(2), jnp.stack([1 - s, s])
    else:
        indices, weights = i + jnp.arange(-1, 3), jnp.asarray(CUBIC) @ jnp.stack([jnp.ones_like(s), s, s * s, s**3])
        if not wraps:
            # A missing neighbour at the edge is extrapolated by a parabola: f(-1) = 3 f(0) - 3 f(1) + f(2).
            left, right = jnp.where(i == 0, weights[0], 0.0), jnp.where(i == n - 2, weights[3], 0.0)
            weights = weights + left * jnp.array([-1.0, 3.0, -3.0, 1.0]) + right * jnp.array([1.0, -3.0, 3.0, -1.0])
    return indices % n if wraps else jnp.clip(indices, 0, n - 1), weights, ok


def _even(values: np.ndarray, name: str) -> float:
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)):
        raise DataError(f"axis {name!r} must hold at least 2 finite values in one dimension.")
    steps = np.diff(values)
    if not np.all(steps > 0) or np.ptp(steps) > EVEN * steps.mean() * len(values):
        raise DataError(f"axis {name!r} is not evenly spaced and increasing; interpolate the data to such a grid.")
    return float((values[-1] - values[0]) / (len(values) - 1))


def _numbers(times: Any) -> np.ndarray:
    """Times as numbers; dates become seconds since the first."""
    times = np.asarray(times)
    if np.issubdtype(times.dtype, np.datetime64) or np.issubdtype(times.dtype, np.timedelta64):
        return (times - times[0]) / np.timedelta64(1, "s")
    return times.astype(float)
