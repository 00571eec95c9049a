"""All fixed points in a box: proved by intervals where the system allows it, else searched from many starts."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import NoIntervalError, NotFoundError, ParameterError
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.equilibria.box import box_of
from cocycle.stability.equilibria.equation import Equation, equation_of, state_of, vector_of
from cocycle.stability.equilibria.fixed_point import FixedPoint, FixedPoints, Guarantee
from cocycle.stability.equilibria.kinds import growth, index_of, kind_of
from cocycle.stability.equilibria.krawczyk import find_roots
from cocycle.stability.equilibria.newton import polish, search

SAME = 1e-7
RESIDUAL = 1e-9
CAPACITY = 64
MAX_INTERVAL_DIMENSION = 8


class IntervalNewton(eqx.Module):
    """Search by interval arithmetic: finds all fixed points of the box and proves it.

    Attributes:
        resolution: boxes narrower than this share of the whole are not divided again.
        max_boxes: boxes to look at before giving up.
    """

    resolution: float = 1e-7
    max_boxes: int = 200_000


class Multistart(eqx.Module):
    """Search by Newton's method from points that fill the box; zeros that are found are divided out.

    Attributes:
        n_starts: starts of a round; rounds go on until one finds nothing new.
        max_rounds: rounds at most.
        seed: of the low-discrepancy points.
    """

    n_starts: int = 256
    max_rounds: int = 8
    seed: int = 0


Method = IntervalNewton | Multistart


def fixed_points(
    system: AbstractSystem,
    box: Any,
    *,
    period: int = 1,
    method: Method | None = None,
    throw: bool = False,
    progress: bool | None = None,
) -> FixedPoints:
    r"""All fixed points of a system in a box, with type, stability and index.

    $$f(x) = 0 \text{ for a flow}, \qquad F^p(x) = x \text{ for a map}$$

    Args:
        system: a flow that does not depend on time, or any other system without a drive.
        box: `{"x": (low, high), ...}` by the names of the variables, or pairs (D, 2) in their order.
        period: p, steps after which a map is to come back.
        method: `IntervalNewton()` or `Multistart()`; default the first in up to 8 dimensions if every operation of
            the system has an interval rule, else the second.
        throw: raise where nothing is found.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        FixedPoints; `guarantee` says what is proved.

    Raises:
        NotFoundError: if `throw` and there is none; its `found` holds the empty result with its guarantee.
        NoIntervalError: if IntervalNewton was asked for and an operation has no rule.
        ParameterError: if the box or the system cannot be used.

    Accuracy: round-off; `error` of a certified point is a proved bound.
    Laws: over a region that a flow only enters, the indices sum to (-1)^D times its Euler number.
    Limits: degenerate fixed points, and lines of them, cannot be certified; their boxes are in `undecided`.
        The proof takes parameters as exact and trusts the elementary functions of numpy to 4 units in the last place.
    Cost: of the proof exponential in the dimension at worst; of the search n_starts Newton runs a round.

    Example:
        >>> from cocycle.core.functions import Map
        >>> found = fixed_points(Map(lambda x, a: a * x * (1 - x), 3.2, x0=0.3), [(-1.0, 1.0)])
        >>> [(round(float(p.x[0]), 6), str(p.kind)) for p in found]
        [(0.0, 'unstable node'), (0.6875, 'unstable node')]

    Source: [krawczyk1969] for the proof; [farrell2015] for the search.
    """
    equation = equation_of(system, _some_state(system, box), period=period)
    d = vector_of(equation.like).shape[0]
    variables = names_of(system, d)
    ends = box_of(box, variables, d)
    note = ""
    found: FixedPoints | None = None
    if isinstance(method, IntervalNewton) or (method is None and d <= MAX_INTERVAL_DIMENSION):
        try:
            found = _by_intervals(equation, ends, method or IntervalNewton(), variables, progress)
        except NoIntervalError as error:
            if method is not None:
                raise
            note = str(error).partition(";")[0]
    if found is None:
        chosen = method if isinstance(method, Multistart) else Multistart()
        found = _by_starts(equation, ends, chosen, variables, note)
    if throw and not len(found):
        raise NotFoundError(
            f"no fixed point in the box ({found.guarantee}); take a larger box or more starts.", found=found
        )
    return found


def filling(n: int, n_dimensions: int, seed: int) -> Float[np.ndarray, "n D"]:
    """Return points that fill the unit box evenly: Sobol's, shifted at random.

    Args:
        n: points, a power of two.
        n_dimensions: D.
        seed: of the shift.
    """
    from scipy.stats import qmc  # half a second to import

    points = qmc.Sobol(n_dimensions, scramble=False).random(n)
    return (points + np.random.default_rng(seed).random(n_dimensions)) % 1.0


def _some_state(system: AbstractSystem, box: Any) -> Any:
    """A state for its shape: the system's own, else the middle of the box."""
    if system.x0 is not None or isinstance(box, dict):
        return None
    try:
        return np.asarray(box, dtype=float).mean(axis=-1)
    except (TypeError, ValueError):
        raise ParameterError("a box is made of pairs (low, high) of numbers, one for each variable.") from None


def names_of(system: AbstractSystem, n_dimensions: int) -> tuple[str, ...] | None:
    """Return the names of the coordinates of a state, or None.

    Args:
        system: the system.
        n_dimensions: D.
    """
    names = getattr(system, "variables", None)
    return tuple(names) if names is not None and len(names) == n_dimensions else None


def fixed_point_at(
    equation: Equation, v: Any, *, certified: bool = False, error: float = 0.0, hits: int = 0
) -> FixedPoint:
    """Describe the fixed point at v.

    Args:
        equation: what it solves.
        v: where it is.
        certified: whether it is proved.
        error: of v.
        hits: starts that led to it.
    """
    matrix = np.asarray(_derivative(equation, jnp.asarray(v)))
    eigenvalues = np.linalg.eigvals(matrix).astype(complex)
    order = np.lexsort((-np.imag(eigenvalues), -growth(eigenvalues, equation.is_flow)))
    eigenvalues = eigenvalues[order]
    return FixedPoint(
        x=np.asarray(v),
        eigenvalues=eigenvalues,
        jacobian=matrix,
        kind=kind_of(eigenvalues, equation.is_flow),
        index=index_of(matrix, equation.is_flow),
        is_flow=equation.is_flow,
        certified=certified,
        error=error,
        hits=hits,
        state=state_of(jnp.asarray(v), equation.like),
    )


@eqx.filter_jit
def _derivative(equation: Equation, v: Any) -> Any:
    return equation.derivative(v)


def _by_intervals(
    equation: Equation, ends: Float[np.ndarray, "D 2"], method: IntervalNewton, variables: Any, progress: bool | None
) -> FixedPoints:
    roots = find_roots(
        lambda v: (equation.residual(v), equation.jacobian(v)),
        ends,
        resolution=method.resolution,
        max_boxes=count(method.max_boxes, "max_boxes"),
        progress=progress,
    )
    points = []
    for lo, hi in zip(*roots.boxes, strict=True):
        v, _ = polish(equation, jnp.asarray(0.5 * (lo + hi)))
        v = np.clip(np.asarray(v), lo, hi)
        if np.isfinite(v).all():
            points.append(fixed_point_at(equation, v, certified=True, error=float(np.max(hi - lo))))
    undecided = np.stack([roots.undecided.lo, roots.undecided.hi], axis=-1)
    note = ""
    if not roots.complete:
        full = roots.n_boxes >= method.max_boxes
        why = f"after {roots.n_boxes:,} boxes" if full else "a zero there is degenerate, or the field has a corner"
        note = f"{len(undecided):,} boxes are undecided: {why}"
    guarantee = Guarantee.ALL if roots.complete else Guarantee.PARTIAL
    return _result(equation, points, ends, guarantee, undecided, np.nan, roots.n_boxes, variables, note)


def _by_starts(
    equation: Equation, ends: Float[np.ndarray, "D 2"], method: Multistart, variables: Any, note: str
) -> FixedPoints:
    n, d = count(method.n_starts, "n_starts"), len(ends)
    size = ends[:, 1] - ends[:, 0]
    known, hits = np.zeros((CAPACITY, d)), []
    n_starts = 0
    low, high = jnp.asarray(ends[:, 0]), jnp.asarray(ends[:, 1])
    starts = jnp.asarray(ends[:, 0] + size * filling(int(2 ** np.ceil(np.log2(n))), d, method.seed))
    # The first round counts hits; later ones divide out what is known, from the same starts.
    for number in range(count(method.max_rounds, "max_rounds")):
        n_known = len(hits)
        after, converged = map(np.asarray, search(equation, starts, jnp.asarray(known), n_known, low, high))
        n_starts += len(after) if number == 0 else 0
        for v in after[converged]:
            v, step = (np.asarray(a) for a in polish(equation, jnp.asarray(v)))
            if not _is_zero(equation, v, float(step), ends):
                continue
            gap = np.max(np.abs(known[: len(hits)] - v) / size, axis=1) if hits else np.zeros(0)
            if len(gap) and gap.min() < SAME:
                hits[int(gap.argmin())] += number == 0
            elif len(hits) < CAPACITY:
                known[len(hits)] = v
                hits.append(1 if number == 0 else 0)
        if len(hits) == n_known and number:
            break
    points = [fixed_point_at(equation, v, hits=h, error=_last_step(equation, v)) for v, h in zip(known, hits)]
    once = sum(h <= 1 for h in hits)
    none = np.zeros((0, d, 2))
    return _result(equation, points, ends, Guarantee.SEARCHED, none, once / max(n_starts, 1), n_starts, variables, note)


def _last_step(equation: Equation, v: np.ndarray) -> float:
    return float(polish(equation, jnp.asarray(v))[1])


def _is_zero(equation: Equation, v: np.ndarray, step: float, ends: np.ndarray) -> bool:
    size = ends[:, 1] - ends[:, 0]
    inside = np.all((v >= ends[:, 0] - SAME * size) & (v <= ends[:, 1] + SAME * size))
    return bool(np.isfinite(v).all() and inside and step <= RESIDUAL * (np.linalg.norm(size) + np.linalg.norm(v)))


def _result(
    equation: Equation,
    points: list[FixedPoint],
    ends: Any,
    guarantee: Guarantee,
    undecided: Any,
    chance: float,
    n_evaluated: int,
    variables: Any,
    note: str,
) -> FixedPoints:
    points = sorted(points, key=lambda p: tuple(np.round(p.x, 9)))
    return FixedPoints(
        points=tuple(points),
        box=ends,
        guarantee=guarantee,
        undecided=undecided,
        chance_of_more=chance,
        n_evaluated=n_evaluated,
        variables=variables,
        name=getattr(equation.system, "name", None),
        note=note,
    )
