"""Periodic orbits of maps: all in a box, by stabilising unstable orbits, by intervals or from many starts."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import NotFoundError, ParameterError
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.cycles.orbit import PeriodicOrbit, ordered
from cocycle.stability.equilibria.box import box_of
from cocycle.stability.equilibria.equation import Equation, equation_of, state_of, vector_of
from cocycle.stability.equilibria.newton import polish
from cocycle.stability.equilibria.search import (
    IntervalNewton,
    Multistart,
    filling,
    fixed_point_at,
    fixed_points,
    names_of,
)

SAME = 1e-7
MAX_MATRICES = 48


class Stabilised(eqx.Module):
    r"""Search by stabilising transformations.

    Unstable orbits become stable under

    $$x' = x + \lambda C (F^p(x) - x)$$

    for some signed permutation matrix C and small lambda; Newton's method then ends at round-off.

    Attributes:
        n_starts: starts for each matrix.
        n_iterations: iterations before Newton's method.
        strengths: values of lambda.
        seed: of the low-discrepancy starts.

    Source: [schmelcher1997].
    """

    n_starts: int = 128
    n_iterations: int = 300
    strengths: tuple[float, ...] = (0.3, 0.05)
    seed: int = 0


def signed_permutations(n_dimensions: int) -> Float[np.ndarray, "C D D"]:
    """All matrices with one entry of +1 or -1 in each row and column, at most 48 of them.

    Args:
        n_dimensions: D.
    """
    out = []
    for order in itertools.permutations(range(n_dimensions)):
        for signs in itertools.product((1.0, -1.0), repeat=n_dimensions):
            matrix = np.zeros((n_dimensions, n_dimensions))
            matrix[np.arange(n_dimensions), list(order)] = signs
            out.append(matrix)
            if len(out) == MAX_MATRICES:
                return np.stack(out)
    return np.stack(out)


@eqx.filter_jit
def _stabilise(equation: Equation, starts: Any, matrices: Any, strength: Any, n_iterations: Any) -> tuple[Any, Any]:
    """End points for each matrix and start, and the length of the last Newton step from there."""

    def one(matrix: Any, v: Any) -> Any:
        def iterate(_: Any, v: Any) -> Any:
            d = strength * (matrix @ equation.residual(v))
            return jnp.where(jnp.all(jnp.isfinite(d)), v + d, v)

        return polish(equation, jax.lax.fori_loop(0, n_iterations, iterate, v))

    v, step = jax.vmap(jax.vmap(one, (None, 0)), (0, None))(matrices, starts)
    return v.reshape(-1, v.shape[-1]), step.ravel()


@eqx.filter_jit
def _orbit(equation: Equation, v: Any, n: int) -> Array:
    def one(v: Any, _: Any) -> Any:
        after = vector_of(equation.system.step(state_of(v, equation.like), None))
        return after, v

    return jax.lax.scan(one, v, None, length=n)[1]


def periodic_orbits(
    system: AbstractSystem,
    box: Any,
    *,
    period: int,
    method: Stabilised | IntervalNewton | Multistart | None = None,
    throw: bool = False,
    progress: bool | None = None,
) -> tuple[PeriodicOrbit, ...]:
    """Periodic orbits of a map with a given prime period that touch a box, ordered by their first point.

    Args:
        system: a map, or any system without a drive (a PoincareMap, a StroboscopicMap); not a flow.
        box: `{"x": (low, high), ...}`, or pairs (D, 2).
        period: p, the least number of steps after which the orbit repeats.
        method: `Stabilised()` (default), `Multistart()`, or `IntervalNewton()`, which proves that all are found.
        throw: raise where nothing is found.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        One PeriodicOrbit for each orbit, its p points in their order in time.

    Raises:
        NotFoundError: if `throw` and there is none.
        ParameterError: if the system or the box cannot be used.
        NoIntervalError: if IntervalNewton was asked for and an operation has no rule.

    Limits: without IntervalNewton orbits may be missed.

    Example:
        >>> from cocycle.core.functions import Map
        >>> logistic = Map(lambda x, a: a * x * (1 - x), 3.2, x0=0.3)
        >>> orbits = periodic_orbits(logistic, [(0.0, 1.0)], period=2)
        >>> len(orbits), orbits[0].stable, round(float(orbits[0].multipliers[0].real), 8)
        (1, True, 0.16)

    Source: [schmelcher1997].
    """
    period = count(period, "period")
    if system.continuous_time:
        raise ParameterError("of a flow, periodic_orbit finds one, or give a PoincareMap here.")
    equation = equation_of(system, None if system.x0 is not None else np.asarray(box).mean(axis=-1), period=period)
    d = vector_of(equation.like).shape[0]
    ends = box_of(box, names_of(system, d), d)
    method = Stabilised() if method is None else method
    certified = isinstance(method, IntervalNewton)
    if isinstance(method, Stabilised):
        roots = _by_stabilisation(equation, ends, method)
    else:
        roots = fixed_points(system, box, period=period, method=method, progress=progress).x
    orbits = _distinct_orbits(equation, roots, ends, certified)
    if throw and not orbits:
        raise NotFoundError(f"no orbit of prime period {period} was found in the box; try more starts.", found=())
    return orbits


def _by_stabilisation(equation: Equation, ends: np.ndarray, method: Stabilised) -> np.ndarray:
    d, size = len(ends), ends[:, 1] - ends[:, 0]
    n = int(2 ** np.ceil(np.log2(count(method.n_starts, "n_starts"))))
    starts = ends[:, 0] + size * filling(n, d, method.seed)
    matrices = signed_permutations(d)
    found = []
    for strength in method.strengths:
        v, step = _stabilise(
            equation, jnp.asarray(starts), jnp.asarray(matrices), jnp.asarray(strength), method.n_iterations
        )
        v, step = np.asarray(v), np.asarray(step)
        good = np.isfinite(v).all(axis=1) & (step <= 1e-9 * (1 + np.abs(v).max(axis=1)))
        found.append(v[good])
    roots = np.concatenate(found)
    inside = np.all((roots >= ends[:, 0]) & (roots <= ends[:, 1]), axis=1)
    return roots[inside]


def _distinct_orbits(equation: Equation, roots: np.ndarray, ends: np.ndarray, certified: bool) -> tuple:
    """Keep roots of this prime period, one for each orbit."""
    size, p = ends[:, 1] - ends[:, 0], equation.period
    known = np.zeros((0, len(ends)))
    out = []
    for v in roots[np.lexsort(roots.T[::-1])]:
        if len(known) and np.min(np.max(np.abs(known - v) / size, axis=1)) < SAME:
            continue
        v, step = (np.asarray(a) for a in polish(equation, jnp.asarray(v)))
        points = np.asarray(_orbit(equation, jnp.asarray(v), p))
        known = np.concatenate([known, points])
        divisors = [k for k in range(1, p) if p % k == 0]
        if any(np.max(np.abs(points[k] - v) / size) < SAME for k in divisors):
            continue
        out.append(_describe(equation, points, float(step), certified))
    return tuple(out)


def _describe(equation: Equation, points: np.ndarray, step: float, certified: bool) -> PeriodicOrbit:
    first = int(np.lexsort(np.round(points, 9).T[::-1])[0])
    points = np.roll(points, -first, axis=0)
    at = fixed_point_at(equation, points[0])
    single = Equation(equation.system, equation.like, 1, False)
    logs = [np.linalg.slogdet(np.asarray(_tangent(single, jnp.asarray(v))))[1] for v in points]
    product = np.abs(at.eigenvalues)
    resolved = product.min() > 1e-12 * product.max()
    return PeriodicOrbit(
        points=points,
        period=len(points) * float(equation.system.dt),
        multipliers=ordered(at.eigenvalues),
        is_flow=False,
        error=step,
        volume_residual=abs(float(np.sum(np.log(product)) - sum(logs))) if resolved else float("nan"),
        certified=certified,
        variables=names_of(equation.system, points.shape[1]),
        name=getattr(equation.system, "name", None),
        state=at.state,
    )


@eqx.filter_jit
def _tangent(equation: Equation, v: Any) -> Any:
    return equation.derivative(v)
