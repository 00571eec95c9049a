"""Branches of fixed points and of cycles, and the branches that leave them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ContinuationError, NotFoundError, ParameterError
from cocycle.core.parameters import parameters, with_parameters
from cocycle.core.system import AbstractSystem
from cocycle.stability.continuation.branch import BifurcationKind, BifurcationPoint, Branch
from cocycle.stability.continuation.curve import Curve, correct, correct_at, local_geometry
from cocycle.stability.continuation.follow import Follower, StepSizes, interval_of
from cocycle.stability.cycles.orbit import PeriodicOrbit
from cocycle.stability.cycles.shooting import (
    CycleEquation,
    cycle_equation,
    periodic_orbit,
    refined_cycle,
    segment_starts,
)
from cocycle.stability.equilibria.equation import Equation, equation_of, state_of, vector_of
from cocycle.stability.equilibria.fixed_point import FixedPoint
from cocycle.stability.equilibria.newton import polish
from cocycle.steppers.flow import Flow

AMPLITUDE = 0.01


def continue_fixed_point(
    system: AbstractSystem,
    x0: Any = None,
    *,
    parameter: str,
    stop: float,
    limits: tuple[float, float] | None = None,
    period: int = 1,
    steps: StepSizes | None = None,
    n_points: int = 2000,
    throw: bool = True,
    progress: bool | None = None,
) -> Branch:
    r"""Follow a fixed point over a parameter, around folds, with its bifurcations located.

    $$F(x, p) = 0, \qquad t \cdot (z - z_{\text{predicted}}) = 0$$

    with z = (x, p) and t the unit tangent of the branch (pseudo-arclength).

    Args:
        system: a flow that does not depend on time, or any other system without a drive, at the first value.
        x0: a fixed point (a state, or a FixedPoint), or a state from which Newton's method finds one; default that
            of the system.
        parameter: name of a parameter that is a number.
        stop: value towards which the branch starts.
        limits: interval that the branch may not leave; default that from the present value to stop.
        period: of a map, steps after which it comes back.
        steps: sizes of steps along the branch.
        n_points: points at most.
        throw: raise where the branch stalls; False returns what was found, with `end`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Branch; its `bifurcations` are folds, branch points, Hopf points (flows), period doublings and
        Neimark-Sacker points (maps).

    Raises:
        ContinuationError: if the branch stalls; its `branch` holds what was found.
        NotFoundError: if Newton's method finds no fixed point at the start.
        ParameterError: if the parameter, the interval or the system cannot be used.

    Accuracy: points to round-off; bifurcations by Brent's method on the branch, `error` is the last bracket.
    Limits: two bifurcations of one kind within a step cancel: take a smaller `StepSizes.largest`.

    Example:
        >>> pitchfork = Flow(lambda t, y, a: a["r"] * y - y**3, {"r": -1.0}, dt=0.1, x0=[0.0])
        >>> branch = continue_fixed_point(pitchfork, parameter="r", stop=1.0)
        >>> [(str(b.kind), abs(round(b.value, 6))) for b in branch.bifurcations]
        [('branch point', 0.0)]

    Source: [keller1977].
    """
    interval = interval_of(system, parameter, stop, limits)
    x0 = x0.state if isinstance(x0, FixedPoint) else x0
    equation = equation_of(system, x0, period=period)
    v, step = polish(equation, vector_of(equation.like))
    if not bool(jnp.all(jnp.isfinite(v))) or float(step) > 1e-6 * (1 + float(jnp.linalg.norm(v))):
        raise NotFoundError("Newton's method finds no fixed point from x0; find one with fixed_points first.")
    size = float(jnp.max(jnp.abs(v)))
    curve = _curve(equation, np.full(v.shape, size if size > 0 else 1.0), interval, parameter)
    follower = Follower(curve, interval, steps or StepSizes(), n_points, system, progress)
    p = float(parameters(system)[parameter])
    return follower.branch(curve.point(v, p), _towards(curve, stop - p), throw=throw)


def _curve(equation: Any, scale: Any, interval: tuple[float, float], parameter: str) -> Curve:
    low, high = interval
    return Curve(equation, jnp.asarray(scale), jnp.asarray(low), jnp.asarray(high - low), parameter)


def _towards(curve: Curve, direction: float) -> Any:
    n = curve.scale.shape[0] + 1
    return jnp.zeros(n).at[-1].set(float(np.sign(direction)))


def continue_cycle(
    flow: Flow,
    cycle: PeriodicOrbit,
    *,
    parameter: str,
    stop: float,
    limits: tuple[float, float] | None = None,
    n_segments: int = 4,
    tol: float = 1e-9,
    steps: StepSizes | None = None,
    n_points: int = 500,
    throw: bool = True,
    progress: bool | None = None,
) -> Branch:
    """Follow a periodic orbit of a flow over a parameter, with its bifurcations located.

    Args:
        flow: a flow that does not depend on time, at the first value. (A forced one: fixed points of
            `StroboscopicMap`, by `continue_fixed_point`.)
        cycle: a periodic orbit at that value, from `periodic_orbit` or `cycle_at_hopf`.
        parameter: name of a parameter that is a number.
        stop: value towards which the branch starts.
        limits: interval that the branch may not leave; default that from the present value to stop.
        n_segments: segments of multiple shooting: more where the period becomes long.
        tol: decides the number of steps of order 8 in a segment, at the start of the branch.
        steps: sizes of steps along the branch.
        n_points: points at most.
        throw: raise where the branch stalls; False returns what was found, with `end`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Branch with `periods`, and folds, branch points, period doublings and Neimark-Sacker points.

    Raises:
        ContinuationError: if the branch stalls; its `branch` holds what was found.
        NotFoundError: if the cycle is none at the first value.
        ParameterError: if the parameter, the interval or the system cannot be used.

    Accuracy: steps in a segment are fixed, so that it falls where the period becomes much longer than at the start.
    Cost: a step is some Newton iterations of N + 1 tangents, N = n_segments D + 1.

    Source: [keller1977]; [keller1968].
    """
    interval = interval_of(flow, parameter, stop, limits)
    equation = cycle_equation(flow, cycle.points[0], n_segments=n_segments)
    u = segment_starts(equation, jnp.asarray(cycle.points[0]), jnp.asarray(cycle.period))
    u, _, equation, _ = refined_cycle(equation, u, tol)
    points = np.asarray(u[:-1])
    scale = np.append(np.full(len(points), max(float(np.abs(points).max()), 1e-12)), float(u[-1]))
    curve = _curve(equation, scale, interval, parameter)
    follower = Follower(curve, interval, steps or StepSizes(), n_points, flow, progress)
    p = float(parameters(flow)[parameter])
    return follower.branch(curve.point(u, p), _towards(curve, stop - p), throw=throw)


def cycle_at_hopf(
    flow: Flow, point: BifurcationPoint, *, parameter: str, amplitude: float = AMPLITUDE, n_segments: int = 1
) -> tuple[Flow, PeriodicOrbit]:
    """Return the small cycle that is born at a Hopf point, and the flow at the parameter where it exists.

    Args:
        flow: the flow, at any value of the parameter.
        point: a Hopf point on a branch of its fixed points.
        parameter: name of the parameter.
        amplitude: distance from the fixed point relative to its norm (at least 1).
        n_segments: segments of shooting.

    Returns:
        The flow at the parameter of the cycle, and the cycle.

    Raises:
        ParameterError: if the point is no Hopf point.
        NotFoundError: if no cycle is found at that amplitude.
    """
    if point.kind is not BifurcationKind.HOPF:
        raise ParameterError(f"a Hopf point is needed, got a {point.kind}.")
    at = _with(flow, parameter, point.value)
    equation = equation_of(at, state_of(jnp.asarray(point.x), at.initial_state(flow.x0)))
    values, vectors = np.linalg.eig(np.asarray(equation.derivative(jnp.asarray(point.x))))
    w = vectors[:, int(np.argmin(np.abs(values - 1j * point.frequency)))]
    w = w / np.linalg.norm(np.real(w))
    size = amplitude * max(1.0, float(np.linalg.norm(point.x)))
    v = jnp.asarray(point.x + size * np.real(w))
    period = 2 * np.pi / point.frequency
    cycles = cycle_equation(at, v, n_segments=n_segments, n_steps=128)
    # On the ellipse of the linear flow, at a fixed amplitude: the parameter is the unknown that gives way.
    angles = 2 * np.pi * np.arange(n_segments) / n_segments
    ring = point.x + size * (np.cos(angles)[:, None] * np.real(w) - np.sin(angles)[:, None] * np.imag(w))
    u = np.append(ring.ravel(), period)
    scale = np.append(np.full(u.size - 1, size), period)
    curve = Curve(cycles, jnp.asarray(scale), jnp.asarray(point.value), jnp.asarray(_width(point)), parameter)
    z = curve.point(u, point.value)
    outward = jnp.asarray(np.append(np.tile(np.real(w), n_segments) * (np.arange(u.size - 1) < len(w)), [0.0, 0.0]))
    end, found, _, _ = correct(curve, z, outward / jnp.linalg.norm(outward))
    u, p = curve.unknowns(end)
    if not bool(found) or float(jnp.linalg.norm(u[: len(w)] - point.x)) < 0.1 * size:
        raise NotFoundError("no cycle was found near the Hopf point; take a smaller amplitude.")
    at = _with(flow, parameter, float(p))
    return at, periodic_orbit(at, state_of(u[: len(w)], equation.like), period=float(u[-1]), n_segments=n_segments)


def _with(flow: Flow, parameter: str, value: float) -> Flow:
    changed: Any = with_parameters(flow, **{parameter: value})
    return changed


def _width(point: BifurcationPoint) -> float:
    return max(abs(point.value), 1.0) * 0.1


def switch_branch(
    branch: Branch,
    point: BifurcationPoint,
    *,
    amplitude: float = AMPLITUDE,
    steps: StepSizes | None = None,
    limits: tuple[float, float] | None = None,
    n_points: int = 2000,
    throw: bool = True,
    progress: bool | None = None,
    sign: int = 1,
) -> Branch:
    """Follow the other branch through a branch point, or the orbits of twice the period from a doubling of a map.

    Args:
        branch: where the point was found.
        point: a branch point, or a period doubling of a map.
        amplitude: length of the first step off the branch, as the sizes of steps.
        steps: sizes of steps.
        limits: interval that the new branch may not leave; default that of the old one.
        n_points: points at most.
        throw: raise where the branch stalls.
        progress: show a progress bar.
        sign: 1 or -1, the side on which to leave.

    Returns:
        The new Branch, without the point itself.

    Raises:
        ParameterError: if the point is of another kind.
        ContinuationError: if no other branch is found, or it stalls.

    Source: [keller1977].
    """
    curve: Curve = branch.curve
    interval = (float(branch.values.min()), float(branch.values.max())) if limits is None else limits
    equation = curve.equation
    if point.kind is BifurcationKind.PERIOD_DOUBLING and isinstance(equation, Equation):
        curve, direction = _doubled(curve, equation, point)
    elif point.kind is BifurcationKind.BRANCH_POINT:
        direction = _other_direction(curve, point)
    else:
        raise ParameterError(f"a branch point, or a period doubling of a map, is needed; got a {point.kind}.")
    z0 = curve.point(point.unknowns, point.value)
    direction = direction * float(np.sign(sign))
    z, found, _, _ = correct(curve, z0 + amplitude * direction, direction)
    away = float(jnp.linalg.norm(z - z0))
    if not bool(found) or not 0.3 * amplitude < away < 3 * amplitude:
        raise ContinuationError("no other branch was found near the point; try another amplitude.", branch=branch)
    system = equation.flow if isinstance(equation, CycleEquation) else equation.system
    follower = Follower(curve, interval, steps or StepSizes(), n_points, system, progress)
    return follower.branch(z, direction, throw=throw)


def _doubled(curve: Curve, equation: Equation, point: BifurcationPoint) -> tuple[Curve, Any]:
    """The equation of twice the period, and the eigenvector of the multiplier -1."""
    matrix = np.asarray(curve.matrix(curve.point(point.unknowns, point.value)))
    values, vectors = np.linalg.eig(matrix)
    w = np.real(vectors[:, int(np.argmin(np.abs(values + 1.0)))])
    twice = Equation(equation.system, equation.like, 2 * equation.period, False)
    direction = np.append(w / np.asarray(curve.scale), 0.0)
    doubled = Curve(twice, curve.scale, curve.origin, curve.span, curve.parameter)
    return doubled, jnp.asarray(direction / np.linalg.norm(direction))


def _other_direction(curve: Curve, point: BifurcationPoint) -> Any:
    """In the kernel of the Jacobian, the direction across the branch itself."""
    z = curve.point(point.unknowns, point.value)
    before = jnp.zeros_like(z).at[-1].set(1.0)
    _, _, vectors = np.linalg.svd(np.asarray(jax.jacfwd(curve.residual)(z)))
    kernel = vectors[-2:]
    # The tangent of the branch just beside the point, laid into the kernel.
    beside, _, _, _ = correct_at(curve, z.at[-1].add(1e-4))
    t = np.asarray(local_geometry(curve, beside, before)[0])
    along = kernel @ t
    along /= np.linalg.norm(along)
    return jnp.asarray(np.array([-along[1], along[0]]) @ kernel)
