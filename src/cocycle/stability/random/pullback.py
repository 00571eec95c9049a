"""Pullback: start ever earlier under the same noise and look at one fixed time."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.run import run
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.core.together import Together


class PullbackAttractor(eqx.Module, Presentable):
    """Clouds of points at one time, started ever earlier.

    Attributes:
        n_steps: (k,) how many steps earlier each cloud was started.
        points: clouds (k, n_points, ...), pytree; the last one is nearest to the attractor.
        diameter: (k,) extent of each cloud: the diagonal of its bounding box [state].
        at: number of the step whose beginning the clouds show.
    """

    n_steps: Int[np.ndarray, "k"]
    points: Any
    diameter: Float[np.ndarray, "k"]
    at: int

    @property
    def cloud(self) -> Any:
        """The last cloud (n_points, ...): each point carries the same weight of the random invariant measure."""
        return jax.tree.map(lambda a: a[-1], self.points)

    def __str__(self) -> str:
        """Extents."""
        pairs = zip(self.n_steps, self.diameter, strict=True)
        return "   ".join(f"{n} steps earlier: {d:.3g}" for n, d in pairs)


class RandomFixedPoint(eqx.Module, Presentable):
    """The point to which pullback leads.

    Attributes:
        point: the state at the time looked at; the mean of the last cloud.
        diameter: extent of that cloud [state]: the error of the point.
        n_steps: how many steps earlier the cloud was started.
        at: number of the step whose beginning it belongs to.
        collapsed: whether the extent fell below the tolerance; else there may be no random fixed point.
    """

    point: Any
    diameter: float
    n_steps: int
    at: int
    collapsed: bool

    def __str__(self) -> str:
        """What was found."""
        kind = "random fixed point" if self.collapsed else "no collapse"
        return f"{kind} after {self.n_steps} steps, extent {self.diameter:.2g}"


def _extent(cloud: Any) -> float:
    leaves = [a for a in map(np.asarray, jax.tree.leaves(cloud)) if np.issubdtype(a.dtype, np.number)]
    return float(np.sqrt(sum(np.sum(np.ptp(leaf, axis=0) ** 2) for leaf in leaves)))


def pullback_attractor(
    system: AbstractSystem, points: Any, driver: AbstractDriver, *, at: int, n_steps: int | Sequence[int]
) -> PullbackAttractor:
    r"""Clouds at one time, from points started ever earlier under the same noise.

    $$A(\omega) = \lim_{n \to \infty} \varphi(n, \theta_{-n} \omega) B$$

    The clouds show what is left of the set B of initial states: the random (pullback) attractor. With many points
    the last cloud is a sample of the random invariant measure (sample measure), the physical one in most cases.

    Args:
        system: the system.
        points: B, initial states along the first axis.
        driver: the noise.
        at: number of the step at whose beginning the clouds are looked at; at least the largest of n_steps.
        n_steps: how many steps earlier to start, one number or several in rising order.

    Returns:
        PullbackAttractor.

    Raises:
        ParameterError: if a start would lie before step 0, or the numbers do not rise.

    Laws: the cocycle carries the attractor at one time to that at another; sample measures averaged over noise give the
        stationary law.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.core.functions import Map
        >>> ar = Map(lambda x, a, w: a * x + w, 0.5, driven=True)
        >>> out = pullback_attractor(ar, jnp.array([-1.0, 1.0]), Brownian(0), at=50, n_steps=[1, 2, 50])
        >>> out.diameter.round(12).tolist()
        [1.0, 0.5, 0.0]

    Source: [crauel1994]; sample measures [ledrappier1988].
    """
    back = [count(n, "n_steps") for n in ([n_steps] if isinstance(n_steps, int | np.integer) else n_steps)]
    if not back or sorted(set(back)) != back:
        raise ParameterError(f"n_steps must be counts in rising order, got {back}.")
    at = count(at, "at")
    if back[-1] > at:
        raise ParameterError(
            f"a start {back[-1]} steps before step {at} lies before step 0, where drivers begin; take at={back[-1]}."
        )
    many = Together(system, points)
    clouds = [run(many, many.x0, driver, n0=at - n, n_steps=n) for n in back]
    stacked = jax.tree.map(lambda *a: np.stack([np.asarray(v) for v in a]), *clouds)
    return PullbackAttractor(np.asarray(back), stacked, np.asarray([_extent(c) for c in clouds]), at)


def random_fixed_point(
    system: AbstractSystem,
    points: Any,
    driver: AbstractDriver,
    *,
    at: int,
    tolerance: Any = 1e-9,
    first: int = 64,
) -> RandomFixedPoint:
    """The state to which pullback collapses, started earlier and earlier (by doubling) until the cloud is a point.

    Args:
        system: the system.
        points: initial states along the first axis; they stand for all that matters.
        driver: the noise.
        at: number of the step at whose beginning the point is wanted; the earliest start is step 0.
        tolerance: extent of the cloud that counts as a point [state].
        first: steps of the first trial.

    Returns:
        RandomFixedPoint; `collapsed` says whether the tolerance was reached within `at` steps.

    Raises:
        ParameterError: if the tolerance is not positive.

    Laws: the step carries the point at n to the point at n + 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.core.drivers import Brownian
        >>> from cocycle.core.functions import Map
        >>> ar = Map(lambda x, a, w: a * x + w, 0.5, driven=True)
        >>> random_fixed_point(ar, jnp.array([-1.0, 1.0]), Brownian(0), at=200).collapsed
        True

    Source: [crauel1994].
    """
    if not float(tolerance) > 0:
        raise ParameterError(f"tolerance is {tolerance}; it must be a positive distance.")
    at, n = count(at, "at"), min(count(first, "first"), at)
    many = Together(system, points)
    cloud = run(many, many.x0, driver, n0=at - n, n_steps=n)
    while _extent(cloud) > float(tolerance) and n < at:
        n = min(2 * n, at)
        cloud = run(many, many.x0, driver, n0=at - n, n_steps=n)
    extent = _extent(cloud)
    point = jax.tree.map(lambda a: np.asarray(a).mean(axis=0), cloud)
    return RandomFixedPoint(point, extent, n, at, extent <= float(tolerance))
