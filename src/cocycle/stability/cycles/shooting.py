"""Periodic orbits of flows by multiple shooting."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import NonFiniteStateError, NotFoundError, ParameterError
from cocycle.core.parameters import with_parameters
from cocycle.core.run import run, trajectory
from cocycle.core.start import count, start
from cocycle.core.system import State
from cocycle.stability.cycles.orbit import PeriodicOrbit, ordered
from cocycle.stability.equilibria.equation import state_of, vector_of
from cocycle.stability.equilibria.search import names_of
from cocycle.stability.regime import flat_orbit, nearest_return
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow, is_autonomous
from cocycle.steppers.runge_kutta import DOP853

N_NEWTON = 40
NEWTON_TOLERANCE = 1e-11
FIRST_STEPS = 64
MAX_STEPS = 16_384
NEAR = 0.1


class CycleEquation(eqx.Module):
    r"""The equations of a periodic orbit in M segments, unknowns $u = (x_1, ..., x_M, T)$.

    $$\varphi^{T/M}(x_i) = x_{i+1}, \qquad f(r) \cdot (x_1 - r) = 0$$

    Attributes:
        flow: a flow that does not depend on time.
        like: a state, for its structure.
        anchor: r, a state near the orbit (D,).
        slope: f(r) / |f(r)| (D,).
        n_steps: steps of order 8 in a segment.
        n_segments: M.
    """

    flow: Flow
    like: State
    anchor: Float[Array, "D"]
    slope: Float[Array, "D"]
    n_steps: Any
    n_segments: int = eqx.field(static=True)

    def field(self, v: Float[Array, "D"]) -> Float[Array, "D"]:
        """Return the slope at a state.

        Args:
            v: state as a vector.
        """
        f = CheckedField(self.flow.field)
        return vector_of(f(jnp.zeros(()), state_of(v, self.like), self.flow.args))

    def advance(self, v: Float[Array, "D"], length: Any) -> Float[Array, "D"]:
        """Follow the flow.

        Args:
            v: state as a vector.
            length: time.
        """
        h = length / self.n_steps
        step = lambda i, v: DOP853().step(lambda t, v, a: self.field(v), 0.0, v, None, h)  # noqa: E731
        return jax.lax.fori_loop(0, self.n_steps, step, v)

    def residual(self, u: Float[Array, "N"]) -> Float[Array, "N"]:
        """Return gaps between segments, and the distance from the plane of the phase.

        Args:
            u: unknowns.
        """
        points, period = u[:-1].reshape(self.n_segments, -1), u[-1]
        ends = jax.vmap(lambda v: self.advance(v, period / self.n_segments))(points)
        gaps = ends - jnp.roll(points, -1, axis=0)
        return jnp.append(gaps.ravel(), jnp.dot(self.slope, points[0] - self.anchor))

    def monodromy(self, u: Float[Array, "N"]) -> Float[Array, "D D"]:
        """Return the derivative of the flow over one period, at the first point.

        Args:
            u: unknowns.
        """
        points, length = u[:-1].reshape(self.n_segments, -1), u[-1] / self.n_segments
        parts = jax.vmap(jax.jacfwd(lambda v: self.advance(v, length)))(points)
        whole = parts[0]
        for k in range(1, self.n_segments):
            whole = parts[k] @ whole
        return whole

    def divergence(self, u: Float[Array, "N"]) -> Float[Array, ""]:
        """Return the integral of the divergence of the field over the period, by an own quadrature.

        Args:
            u: unknowns.
        """
        points, length = u[:-1].reshape(self.n_segments, -1), u[-1] / self.n_segments

        def extended(t: Any, y: Any, a: Any) -> Any:
            return self.field(y[:-1]), jnp.trace(jax.jacfwd(self.field)(y[:-1]))

        def rate(t: Any, y: Any, a: Any) -> Any:
            f, d = extended(t, y, a)
            return jnp.append(f, d)

        def one(v: Any) -> Any:
            h = length / self.n_steps
            step = lambda i, y: DOP853().step(rate, 0.0, y, None, h)  # noqa: E731
            return jax.lax.fori_loop(0, self.n_steps, step, jnp.append(v, 0.0))[-1]

        return jnp.sum(jax.vmap(one)(points))

    def at(self, parameter: str | None, value: Any) -> "CycleEquation":
        """Return the equations at another value of a parameter.

        Args:
            parameter: its name; None returns the equations themselves.
            value: its value.
        """
        if parameter is None:
            return self
        return eqx.tree_at(lambda e: e.flow, self, with_parameters(self.flow, **{parameter: value}))

    def anchored(self, v: Any) -> "CycleEquation":
        """Return the equations with the phase fixed at another state.

        Args:
            v: state as a vector.
        """
        v = jnp.asarray(v)
        slope = _slope(self, v)
        return eqx.tree_at(lambda e: (e.anchor, e.slope), self, (v, slope))


@eqx.filter_jit
def _slope(equation: CycleEquation, v: Any) -> Any:
    f = equation.field(v)
    return f / jnp.linalg.norm(f)


def cycle_equation(flow: Flow, v: Any, *, n_segments: int = 1, n_steps: int = FIRST_STEPS) -> CycleEquation:
    """Return the equations of a periodic orbit near a state.

    Args:
        flow: a flow that does not depend on time.
        v: state as a vector.
        n_segments: M.
        n_steps: steps in a segment.

    Raises:
        ParameterError: if the system is no autonomous flow.
    """
    if not isinstance(flow, Flow):
        raise ParameterError(f"a Flow is needed, got {type(flow).__name__}; of a map use periodic_orbits.")
    x, _ = start(flow, state_of(jnp.asarray(v), flow.x0) if flow.x0 is not None else v, None, n_steps=1)
    if not is_autonomous(flow, x):
        raise ParameterError(
            "the field depends on time: its periodic orbits are fixed points of StroboscopicMap(flow, period)."
        )
    v = vector_of(x)
    empty = CycleEquation(flow, x, v, v, jnp.asarray(n_steps), count(n_segments, "n_segments"))
    return empty.anchored(v)


@eqx.filter_jit
def solve_cycle(equation: CycleEquation, u: Float[Array, "N"]) -> tuple[Array, Array]:
    """Newton's method, steps no longer than a tenth of the unknowns.

    Args:
        equation: what to solve.
        u: near a solution.

    Returns:
        Unknowns, and the length of the last step relative to them.
    """

    def going(carry: Any) -> Any:
        i, _, step, last = carry
        return (i < N_NEWTON) & (step > NEWTON_TOLERANCE) & ~((i > 4) & (step < 1e-8) & (step >= 0.5 * last))

    def one(carry: Any) -> Any:
        i, u, step, _ = carry
        d = -jnp.linalg.solve(jax.jacfwd(equation.residual)(u), equation.residual(u))
        size = jnp.maximum(jnp.max(jnp.abs(u)), 1e-300)
        length = jnp.max(jnp.abs(d)) / size
        return i + 1, u + d * jnp.minimum(1.0, 0.1 / length), length, step

    _, u, step, _ = jax.lax.while_loop(going, one, (0, u, jnp.asarray(jnp.inf), jnp.asarray(jnp.inf)))
    return u, step


@eqx.filter_jit
def segment_starts(equation: CycleEquation, v: Any, period: Any) -> Array:
    """Return unknowns: points on the orbit of v, equally spaced in time, and the period.

    Args:
        equation: for the flow and the number of segments.
        v: first point.
        period: T.
    """
    length = period / equation.n_segments
    points = jax.lax.scan(lambda v, _: (equation.advance(v, length), v), v, None, length=equation.n_segments)[1]
    return jnp.append(points.ravel(), period)


@eqx.filter_jit
def monodromy(equation: CycleEquation, u: Any) -> tuple[Array, Array]:
    """Return the monodromy matrix and the integral of the divergence.

    Args:
        equation: of the orbit.
        u: its unknowns.
    """
    return equation.monodromy(u), equation.divergence(u)


def periodic_orbit(
    flow: Flow,
    x0: Any = None,
    *,
    period: float | None = None,
    n_segments: int = 1,
    tol: float = 1e-10,
    n_transient: int = 5000,
) -> PeriodicOrbit:
    r"""A periodic orbit of a flow, with its period and Floquet multipliers, by shooting.

    $$\varphi^T(x) = x, \qquad \mu_i \text{ the eigenvalues of } D\varphi^T(x)$$

    Args:
        flow: a flow that does not depend on time; of a forced one take fixed points of `StroboscopicMap`.
        x0: a state on or near the orbit; default that of the flow.
        period: guess of the period. Without it the orbit of x0 is followed for n_transient steps, which must bring it
            to a stable cycle or near an unstable one, and its first close return is the guess.
        n_segments: M, segments of multiple shooting: more for orbits that are very unstable, or long.
        tol: steps are halved until points, period and multipliers change by less than this, relatively.
        n_transient: steps before the period is guessed.

    Returns:
        PeriodicOrbit.

    Raises:
        NotFoundError: if no close return is seen, or Newton's method does not converge to a moving orbit.
        ParameterError: if the system is no autonomous flow.

    Accuracy: `error`, from halving the steps (order 8).
    Laws: one multiplier is 1 (`trivial_residual`); the product is exp of the integral of the divergence
        (`volume_residual`).
    Limits: multipliers smaller than round-off times the largest are lost in it.

    Example:
        >>> hopf = Flow(lambda t, y, a: jnp.stack([y[0] - y[1], y[0] + y[1]]) - y * (y @ y), dt=0.01, x0=[0.5, 0.1])
        >>> cycle = periodic_orbit(hopf)
        >>> round(cycle.period, 8), cycle.stable
        (6.28318531, True)

    Source: [keller1968] for multiple shooting.
    """
    probe, _ = start(flow, x0, None, n_steps=1)
    v = vector_of(probe)
    equation = cycle_equation(flow, v, n_segments=n_segments)
    if period is None:
        v, period = _guess(flow, probe, n_transient)
        equation = equation.anchored(v)
    if not np.isfinite(period) or period <= 0:
        raise ParameterError(f"period must be a positive number, got {period}.")
    u = segment_starts(equation, jnp.asarray(v), jnp.asarray(float(period)))
    u, matrix, equation, error = refined_cycle(equation, u, tol)
    return describe_cycle(equation, u, matrix, error)


def _guess(flow: Flow, x: State, n_transient: int) -> tuple[np.ndarray, float]:
    try:
        x = run(flow, x, n_steps=max(n_transient, 1))
        orbit = flat_orbit(trajectory(flow, x, n_steps=max(n_transient, 100), progress=False).x)
    except NonFiniteStateError as error:
        raise NotFoundError(f"no cycle: {error} Give a state and a period near the orbit.") from None
    back = nearest_return(orbit, float(flow.dt))
    if back is None or back[0] > NEAR:
        gap = "never" if back is None else f"only within {back[0]:.2g} of its size"
        raise NotFoundError(f"the orbit of x0 comes back {gap}: give a period, or a state near the orbit.")
    return orbit[0], back[1]


def refined_cycle(equation: CycleEquation, u: Any, tol: float) -> tuple[Array, np.ndarray, CycleEquation, float]:
    """Solve, and halve the steps until nothing changes by more than the tolerance.

    Args:
        equation: with a first number of steps.
        u: near a solution.
        tol: relative tolerance.

    Returns:
        Unknowns, monodromy matrix, equations with the number of steps used, and the estimated error.

    Raises:
        NotFoundError: if Newton's method fails.
    """
    before: tuple[np.ndarray, np.ndarray] | None = None
    first = u
    while True:
        u, step = solve_cycle(equation, first if before is None else u)
        converged = bool(step <= 1e-7) and bool(jnp.all(jnp.isfinite(u)))
        n = int(equation.n_steps)
        if converged:
            _require_motion(equation, u)
            matrix = np.asarray(monodromy(equation, u)[0])
            now = np.asarray(u), matrix
            if before is not None:
                change = max(np.abs(a - b).max() / np.abs(a).max() for a, b in zip(now, before, strict=True))
                if change <= tol or n >= MAX_STEPS:
                    return u, matrix, equation, float(max(change, float(step)))
            before = now
        elif n >= 8 * FIRST_STEPS:
            raise NotFoundError(
                f"Newton's method does not converge to a periodic orbit (last step {float(step):.1e}): start nearer to "
                "it, or take more segments."
            )
        equation = eqx.tree_at(lambda e: e.n_steps, equation, jnp.asarray(2 * n))


def _require_motion(equation: CycleEquation, u: Any) -> None:
    """Refuse a fixed point, which repeats after any time."""
    v = u[: equation.anchor.shape[0]]
    speed = float(jnp.linalg.norm(equation.field(v)))
    if speed * abs(float(u[-1])) <= 1e-6 * max(float(jnp.linalg.norm(v)), 1e-6) or float(u[-1]) <= 0:
        raise NotFoundError("the search ended at a fixed point, not at a cycle; start nearer to the orbit.")


def describe_cycle(equation: CycleEquation, u: Any, matrix: np.ndarray, error: float) -> PeriodicOrbit:
    """Make a result of a solution.

    Args:
        equation: of the orbit.
        u: its unknowns.
        matrix: monodromy matrix.
        error: estimated.
    """
    multipliers = ordered(np.linalg.eigvals(matrix))
    points = np.asarray(u[:-1]).reshape(equation.n_segments, -1)
    whole = float(monodromy(equation, u)[1])
    resolved = np.abs(multipliers).min() > 1e-12 * np.abs(multipliers).max()
    residual = abs(float(np.sum(np.log(np.abs(multipliers)))) - whole) if resolved else float("nan")
    return PeriodicOrbit(
        points=points,
        period=float(u[-1]),
        multipliers=multipliers,
        is_flow=True,
        error=error,
        volume_residual=residual,
        variables=names_of(equation.flow, points.shape[1]),
        name=equation.flow.name,
        state=state_of(jnp.asarray(points[0]), equation.like),
    )
