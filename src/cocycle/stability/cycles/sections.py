"""Points of an orbit on a section, with the times between them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import NotFoundError
from cocycle.core.presentation import Presentable
from cocycle.core.start import count, start
from cocycle.stability.equilibria.equation import vector_of
from cocycle.stability.equilibria.search import names_of
from cocycle.steppers.flow import Flow
from cocycle.steppers.section import PoincareMap
from cocycle.steppers.taylor import Taylor

CHUNK = 64


@dataclasses.dataclass(frozen=True, eq=False)
class SectionPoints(Presentable):
    """Crossings of a section along one orbit.

    Attributes:
        x: states on the section (n, D).
        t: times of the crossings [time of the flow] (n,).
        variables: names of the coordinates, or None.
        name: name of the system.
    """

    x: Float[np.ndarray, "n D"]
    t: Float[np.ndarray, "n"]
    variables: tuple[str, ...] | None = None
    name: str | None = None

    def __len__(self) -> int:
        """Number of crossings."""
        return len(self.t)

    @property
    def return_times(self) -> Float[np.ndarray, "m"]:
        """Times between crossings."""
        return np.diff(self.t)


@eqx.filter_jit
def _crossings(returns: PoincareMap, x: Any, n: int) -> tuple[Any, Any, Any]:
    def one(x: Any, _: Any) -> Any:
        found = returns.crossing(x)
        return found.x, (vector_of(found.x), found.duration)

    x, (points, durations) = jax.lax.scan(one, x, None, length=n)
    return x, points, durations


def poincare_section(
    flow: Flow,
    section: Callable[[Any, Any], Any],
    x0: Any = None,
    *,
    n_crossings: int,
    direction: int = 1,
    n_transient: int = 0,
    stepper: Taylor | None = None,
) -> SectionPoints:
    """Crossings of a section, located on the Taylor polynomial of the orbit.

    Args:
        flow: a flow whose field does not depend on time.
        section: `section(x, args)`, a smooth function whose zero is the section.
        x0: initial state; default that of the flow.
        n_crossings: crossings to keep.
        direction: 1 where the section function rises through zero, -1 where it falls, 0 for both.
        n_transient: crossings dropped first.
        stepper: order and tolerance of the series; its `max_steps` bounds the wait for a crossing.

    Returns:
        SectionPoints.

    Raises:
        NotFoundError: if the orbit stops crossing; its `found` holds the crossings up to there.
        ParameterError: if the field depends on time, or an option is out of range.

    Accuracy: states to the tolerance of the stepper, crossings to round-off.

    Example:
        >>> import jax.numpy as jnp
        >>> circle = Flow(lambda t, y, a: jnp.stack([y[1], -y[0]]), dt=0.1, x0=[1.0, 0.0])
        >>> points = poincare_section(circle, lambda x, a: x[1], n_crossings=3)
        >>> points.return_times.round(9).tolist()
        [6.283185307, 6.283185307]

    Source: [henon1982].
    """
    n_crossings, n_transient = count(n_crossings, "n_crossings"), count(n_transient, "n_transient", 0)
    returns = PoincareMap(flow, section, direction=direction, x0=x0, stepper=stepper)
    x, _ = start(flow, x0, None, n_steps=1)
    points, times, clock = [], [], 0.0
    while len(times) < n_transient + n_crossings:
        x, rows, durations = _crossings(returns, x, CHUNK)
        rows, durations = np.asarray(rows), np.asarray(durations)
        good = np.isfinite(rows).all(axis=1) & np.isfinite(durations)
        n = len(good) if good.all() else int(np.argmin(good))
        passed = clock + np.cumsum(durations[:n])
        points.extend(rows[:n])
        times.extend(passed)
        clock = times[-1] if times else 0.0
        if n < len(good):
            break
    names = names_of(flow, vector_of(x).shape[0])
    kept = slice(n_transient, n_transient + n_crossings)
    found = SectionPoints(
        np.array(points[kept]).reshape(-1, vector_of(x).shape[0]), np.array(times[kept]), names, flow.name
    )
    if len(times) < n_transient + n_crossings:
        raise NotFoundError(
            f"the orbit crosses the section {len(times)} times and then no more within {returns.stepper.max_steps} "
            "series steps: move the section, change direction, or start elsewhere; `found` holds the crossings.",
            found=found,
        )
    return found
