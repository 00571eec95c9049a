"""Common noise: do points that feel the same noise come together, how fast, and when?"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.realisations import realisations
from cocycle.core.run import Status, trajectory
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem
from cocycle.core.together import Together
from cocycle.stability.random.passage import PassageTimes, passage

Distance = Callable[[Any, Any], Any]


def euclidean(x: Any, y: Any) -> Any:
    """Euclidean distance of two states, over all leaves that are numbers.

    Args:
        x: a state.
        y: another.

    Example:
        >>> float(euclidean(jnp.array([0.0, 3.0]), jnp.array([4.0, 0.0])))
        5.0
    """
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    squares = [jnp.sum(jnp.abs(a - b).astype(float) ** 2) for a, b in pairs if jnp.issubdtype(a.dtype, jnp.number)]
    return jnp.sqrt(sum(squares, jnp.zeros(())))


class _Separations(eqx.Module):
    """Distances of all copies from the first."""

    distance: Distance

    def __call__(self, x: Any) -> Float[jax.Array, "pairs"]:
        first = jax.tree.map(lambda a: a[0], x)
        return jax.vmap(lambda y: self.distance(first, y))(jax.tree.map(lambda a: a[1:], x))


class _Near(eqx.Module):
    """Whether all copies are within a tolerance of the first."""

    distance: Distance
    tolerance: Any

    def __call__(self, x: Any) -> Any:
        return jnp.all(_Separations(self.distance)(x) <= self.tolerance)


class NPointMotion(eqx.Module, Presentable):
    """Distances of points that move under the same noise.

    Attributes:
        t: (time,) times [time].
        distances: (time, n_points - 1) distances from the first point [state].
        start: (n_points - 1,) distances at the start [state].
        final: states at the end, points along the first axis.
        status: how the run ended.
        name: of the system.
    """

    t: Float[np.ndarray, "time"]
    distances: Float[np.ndarray, "time pairs"]
    start: Float[np.ndarray, "pairs"]
    final: Any
    status: Status = eqx.field(static=True, default=Status.OK)
    name: str | None = eqx.field(static=True, default=None)

    @property
    def spread(self) -> Float[np.ndarray, "time"]:
        """Largest distance from the first point (time,) [state]: between half the diameter and the diameter."""
        return self.distances.max(axis=1)

    def n_clusters(self, tolerance: float | int) -> int:
        """Number of groups that the final points form, linked by distances of at most `tolerance`.

        Args:
            tolerance: distance [state].
        """
        from scipy.cluster.hierarchy import fcluster, linkage

        leaves = [a for a in map(np.asarray, jax.tree.leaves(self.final)) if np.issubdtype(a.dtype, np.number)]
        flat = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
        return int(fcluster(linkage(flat, "single"), tolerance, "distance").max())

    def __str__(self) -> str:
        """How far apart the points were and are."""
        return f"{self.distances.shape[1] + 1} points: spread {self.start.max():.3g} -> {self.spread[-1]:.3g}"


def _several(system: AbstractSystem, points: Any) -> tuple[Together, Any]:
    many = Together(system, points)
    if len(jax.tree.leaves(many.x0)[0]) < 2:
        raise ParameterError("one point has nobody to meet; give two initial states or more along the first axis.")
    return many, many.x0


def n_point_motion(
    system: AbstractSystem,
    points: Any,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n0: int = 0,
    save_every: int = 1,
    distance: Distance = euclidean,
    progress: bool | None = None,
) -> NPointMotion:
    """Follow several points under the same noise, and how far they are apart.

    Args:
        system: the system.
        points: initial states along the first axis, at least two.
        driver: the one driver of all; default that of the system.
        n_steps: number of steps.
        n0: number of the first step.
        save_every: steps between the distances that are kept.
        distance: distance of two states, e.g. `Sphere().distance`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        NPointMotion.

    Raises:
        ParameterError: if there is only one point.
        ShapeError: if the points do not share a first axis.

    Laws: the distance of near points falls or grows at the largest exponent of the cocycle.
    Cost: as many steps as points, vectorised.

    Example:
        >>> from cocycle.core.functions import Map
        >>> n_point_motion(Map(lambda x, a: a * x, 0.5), jnp.array([0.0, 1.0]), n_steps=3).spread.tolist()
        [0.5, 0.25, 0.125]

    Source: [kunita1990].
    """
    many, x = _several(system, points)
    seen = _Separations(distance)
    orbit = trajectory(
        many, x, driver, n_steps=n_steps, n0=n0, save_every=save_every, observe=seen, progress=progress, throw=False
    )
    return NPointMotion(
        np.asarray(orbit.t),
        np.asarray(orbit.x),
        np.asarray(seen(x)),
        jax.tree.map(np.asarray, orbit.final),
        orbit.status,
        getattr(system, "name", None),
    )


def synchronisation_time(
    system: AbstractSystem,
    points: Any,
    driver: AbstractDriver,
    *,
    n_realisations: int,
    n_steps: int,
    tolerance: Any = 1e-6,
    distance: Distance = euclidean,
    n_workers: int | None = None,
    progress: bool | None = None,
) -> PassageTimes:
    """Times after which all points are together, over independent realisations of the common noise.

    Args:
        system: the system.
        points: initial states along the first axis, the same for every realisation.
        driver: driver with a random key; within a realisation all points feel the same noise.
        n_realisations: number of realisations.
        n_steps: steps that a realisation is watched at most.
        tolerance: largest distance from the first point that counts as together [state].
        distance: distance of two states.
        n_workers: threads; default the cores this process may use.
        progress: show a progress bar.

    Returns:
        PassageTimes: a realisation in which the points are still apart at the end is censored. Its `mean` has the
        standard error over realisations; feed `times` and `observed` to `measures.survival_curve` for the law.

    Raises:
        ParameterError: if there is only one point, or the tolerance is not positive.
        DriverError: if the driver has no key.

    Laws: for small tolerances the mean grows by log(10) / |lambda| for each further digit.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.steppers import ItoSDE
        >>> relax = ItoSDE(lambda t, y, a: -y, lambda t, y, a: 1.0, dt=0.01)
        >>> out = synchronisation_time(relax, jnp.array([0.0, 1.0]), Brownian(0), n_realisations=4, n_steps=2000)
        >>> round(out.mean.value, 2)  # additive noise drops out: log(1e6), less O(dt)
        13.75
    """
    if not float(tolerance) > 0:
        raise ParameterError(f"tolerance is {tolerance}; it must be a positive distance.")
    n_steps, n = count(n_steps, "n_steps"), count(n_realisations, "n_realisations")
    many, x = _several(system, points)
    x, driver = start(many, x, driver, n_steps=n_steps)
    states = jax.tree.map(lambda a: jnp.broadcast_to(a, (n, *a.shape)), x)
    near = _Near(distance, jnp.asarray(tolerance, dtype=float))
    return passage(many, states, realisations(driver, n), near, n_steps, n_workers, progress)
