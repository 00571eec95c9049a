"""Fixed points for a report: cheap, around the attractor, with what is proved of them."""

from typing import Any

import numpy as np

from cocycle.core.drivers import AbstractDriver, Still
from cocycle.core.errors import CocycleError
from cocycle.core.system import AbstractSystem
from cocycle.stability import FixedPoints, IntervalNewton, Multistart, fixed_points
from cocycle.stability.equilibria.equation import vector_of
from cocycle.steppers import DelayFlow

MAX_DIMENSION = 6
MARGIN = 1.0
LEAST = 0.1
BOXES = 20_000
STARTS = 64


def rest_points(
    system: AbstractSystem, points: np.ndarray, driver: AbstractDriver, refusals: dict[str, str]
) -> FixedPoints | None:
    """Fixed points in the box of the attractor, enlarged by its own size on every side.

    Args:
        system: the system.
        points: states of the orbit (time, D).
        driver: what drives it.
        refusals: where a reason is put if there is no search.

    Returns:
        FixedPoints, or None.
    """
    reason = _reason(system, points, driver)
    if reason is None:
        low, high = points.min(axis=0), points.max(axis=0)
        size = high - low
        pad = np.maximum(MARGIN * size, LEAST * max(float(size.max()), float(np.abs(points).max()), 1e-3))
        box = np.stack([low - pad, high + pad], axis=1)
        try:
            try:
                return fixed_points(system, box, method=IntervalNewton(max_boxes=BOXES), progress=False)
            except CocycleError:
                return fixed_points(system, box, method=Multistart(n_starts=STARTS, max_rounds=3), progress=False)
        except CocycleError as error:
            reason = str(error)
    refusals["fixed_points"] = reason
    return None


def _reason(system: AbstractSystem, points: np.ndarray, driver: AbstractDriver) -> str | None:
    """Why no search is made, or None."""
    if not isinstance(driver, Still):
        return "a driven system has no fixed points."
    if isinstance(system, DelayFlow):
        return "the state of a delay equation is a function; only points are searched."
    if points.shape[1] > MAX_DIMENSION:
        return f"searched in up to {MAX_DIMENSION} dimensions only; see cocycle.stability.fixed_points."
    if not np.isfinite(points).all():
        return "the orbit is not finite."
    state: Any = system.initial_state(system.x0) if system.x0 is not None else None
    if state is not None and vector_of(state).shape[0] != points.shape[1]:
        return "the orbit shows only a part of the state."
    return None


def entries(found: FixedPoints) -> list[dict[str, Any]]:
    """Return rows of the document, one for each fixed point.

    Args:
        found: fixed points.
    """
    return [
        {
            "x": [float(v) for v in p.x],
            "type": str(p.kind),
            "stable": p.stable,
            "n_unstable": p.n_unstable,
            "index": p.index,
            "eigenvalues": [[float(v.real), float(v.imag)] for v in p.eigenvalues],
            "certified": p.certified,
            "error": float(p.error),
        }
        for p in found
    ]
