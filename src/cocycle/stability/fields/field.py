"""The result of a field computation, with its ridges, picture and table."""

import equinox as eqx
import numpy as np

from cocycle.core.presentation import Presentable
from cocycle.core.run import Status
from cocycle.stability.fields.ridge_points import RidgePoints, ridge_points
from cocycle.stability.fields.ridges import Ridges, ridge_lines


class FtleField(eqx.Module, Presentable):
    """Finite-time Lyapunov exponents on a grid.

    Attributes:
        values: in the shape of the grid [nats / time]; NaN where an orbit was lost or not computed.
        axes: values along each axis, by name.
        ends: (..., d) where the orbits ended, in the components of the axes.
        duration: T [time], negative for a backward field.
        t0: time of the initial states [time].
        at: components that were not on the grid.
        n_lost: orbits that left the data or the finite numbers.
        status: how the computation ended.
        name: of the system.
    """

    values: np.ndarray
    axes: dict[str, np.ndarray]
    ends: np.ndarray
    duration: float
    t0: float
    at: dict[str, float]
    n_lost: int = eqx.field(static=True, default=0)
    status: Status = eqx.field(static=True, default=Status.OK)
    name: str | None = eqx.field(static=True, default=None)

    def __str__(self) -> str:
        """Shape, direction and range of the field."""
        way = "backward" if self.duration < 0 else "forward"
        low, high = (
            (float(f(self.values)) for f in (np.nanmin, np.nanmax)) if np.isfinite(self.values).any() else (0, 0)
        )
        shape = " x ".join(f"{len(a)} {name}" for name, a in self.axes.items())
        lost = f", {self.n_lost} orbits lost" if self.n_lost else ""
        return f"{way} FTLE on {shape} over {abs(self.duration):g}: {low:.3g} to {high:.3g}{lost}, {self.status}"

    def ridges(
        self, *, quantile: int | float = 0.9, smoothing: int | float = 1.0, min_length: int = 8
    ) -> Ridges | RidgePoints:
        """Lines, or in space surfaces, across which the field is largest: candidates of Lagrangian coherent structures.

        Args:
            quantile: share of the field that is too low to be a ridge.
            smoothing: standard deviation of a Gaussian filter before derivatives are taken [grid cells].
            min_length: least number of points of a line; not used in space.

        Returns:
            Ridges, the longest line first; of three axes RidgePoints, the points of the surfaces.

        Raises:
            ParameterError: if the field has one axis, or fewer than 5 values along an axis.

        Source: [shadden2005].
        """
        if len(self.axes) == 3:
            return ridge_points(self.values, self.axes, quantile=quantile, smoothing=smoothing)
        return ridge_lines(self.values, self.axes, quantile=quantile, smoothing=smoothing, min_length=min_length)
