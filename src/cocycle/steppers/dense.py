"""Adaptive solutions on any grid of times, with interpolation between steps as long as accuracy allows."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import NonFiniteStateError, ParameterError
from cocycle.core.system import Field, positive_time
from cocycle.steppers.fields import CheckedField, floating_state

N_STAGES = 12
N_ALL = 16
SAFETY, SHRINK, GROW, POWER = 0.9, 0.2, 8.0, -1.0 / 8.0


@functools.cache
def dop853_tables() -> tuple[np.ndarray, ...]:
    """Return weights, nodes, error and interpolation weights of all stages: twelve of the step, and four more."""
    from scipy.integrate import DOP853

    method = DOP853
    a = np.zeros((N_ALL, N_ALL))
    a[:N_STAGES, :N_STAGES] = method.A[:N_STAGES, :N_STAGES]
    a[N_STAGES, :N_STAGES] = method.B
    a[N_STAGES + 1 :] = method.A_EXTRA
    c = np.concatenate([method.C[:N_STAGES], [1.0], method.C_EXTRA])
    weights = [np.pad(e, (0, N_ALL - len(e))) for e in (method.E5, method.E3)]
    return a, c, np.stack(weights), np.pad(method.D, ((0, 0), (0, N_ALL - method.D.shape[1])))


class _Solver(eqx.Module):
    """One attempt at a step after the other, until the last time of the grid."""

    field: CheckedField
    args: Any
    rtol: Array
    atol: Array

    def stages(self, first: int, last: int, k: Array, t: Any, y: Array, h: Any) -> Array:
        """Fill the slopes of stages first to last - 1; the loop is not unrolled, so the field is compiled once."""
        weights, nodes = (jnp.asarray(table) for table in dop853_tables()[:2])

        def one(s: Any, k: Array) -> Array:
            return k.at[s].set(self.field(t + nodes[s] * h, y + h * (weights[s] @ k), self.args))

        return jax.lax.fori_loop(first, last, one, k)

    def error(self, k: Array, y: Array, after: Array, h: Any) -> Any:
        """Estimated error of a step, as a multiple of what is allowed."""
        allowed = self.atol + self.rtol * jnp.maximum(jnp.abs(y), jnp.abs(after))
        fifth, third = jnp.sum((jnp.asarray(dop853_tables()[2]) @ k / allowed[None, :]) ** 2, axis=1)
        return h * fifth / jnp.sqrt(jnp.maximum((fifth + 0.01 * third) * y.size, jnp.finfo(y.dtype).tiny))

    def attempt(self, carry: Any) -> Any:
        """Try one step; where it is accepted, fill the rows that it passes."""
        t, y, slope, h, i, rows, times, n = carry
        k = self.stages(1, N_STAGES + 1, jnp.zeros((N_ALL, y.size)).at[0].set(slope), t, y, h)
        after = y + h * (jnp.asarray(dop853_tables()[0][N_STAGES]) @ k)
        error = self.error(k, y, after, h)
        good = error < 1.0
        error = jnp.where(jnp.isfinite(error), error, 1e30)
        factor = jnp.clip(SAFETY * jnp.maximum(error, 1e-30) ** POWER, SHRINK, jnp.where(good, GROW, 1.0))

        def fill(i: Any, rows: Array) -> tuple[Any, Array]:
            coefficients = self.interpolant(self.stages(N_STAGES + 1, N_ALL, k, t, y, h), y, after, h)
            return jax.lax.while_loop(
                lambda c: (c[0] < times.size) & (times[jnp.minimum(c[0], times.size - 1)] <= t + h),
                lambda c: (c[0] + 1, c[1].at[c[0]].set(between(coefficients, y, (times[c[0]] - t) / h))),
                (i, rows),
            )

        passes = good & (times[jnp.minimum(i, times.size - 1)] <= t + h)
        i, rows = jax.lax.cond(passes, fill, lambda i, rows: (i, rows), i, rows)
        t, y, slope = (jnp.where(good, b, a) for a, b in ((t, t + h), (y, after), (slope, k[N_STAGES])))
        return t, y, slope, h * factor, i, rows, times, n + 1

    def interpolant(self, k: Array, y: Array, after: Array, h: Any) -> Array:
        """Coefficients (7, D) of the polynomial of order 7 over a step."""
        rise = after - y
        start, end = h * k[0], h * k[N_STAGES]
        return jnp.concatenate(
            [jnp.stack([rise, start - rise, 2.0 * rise - start - end]), h * (jnp.asarray(dop853_tables()[3]) @ k)]
        )


def between(coefficients: Array, y: Array, x: Any) -> Array:
    """Value of the interpolant at the fraction x of a step.

    Args:
        coefficients: shape (7, D).
        y: state at the start of the step.
        x: fraction.
    """
    total = jnp.zeros_like(y)
    for i, row in enumerate(coefficients[::-1]):
        total = (total + row) * (x if i % 2 == 0 else 1.0 - x)
    return y + total


@eqx.filter_jit
def _solve(solver: _Solver, t0: Any, y0: Array, times: Array, max_steps: Any) -> tuple[Array, Any, Any]:
    def going(carry: Any) -> Any:
        t, y, _, h, i, _, times, n = carry
        return (i < times.size) & (n < max_steps) & (h > 1e-14 * jnp.maximum(jnp.abs(t), 1e-3)) & jnp.isfinite(y[0])

    spacing = (times[-1] - t0) / times.size
    rows = jnp.full((times.size, y0.size), jnp.nan)
    slope, zero = solver.field(t0, y0, solver.args), jnp.zeros((), int)
    start = (t0, y0, slope, 0.1 * spacing, zero, rows, times, zero)
    t, _, _, _, i, rows, _, _ = jax.lax.while_loop(going, lambda carry: solver.attempt(carry), start)
    return rows, i, t


def dense_orbit(
    field: Field,
    y0: Any,
    times: Float[Array, "time"] | Float[np.ndarray, "time"],
    args: Any = None,
    *,
    t0: float = 0.0,
    rtol: float = 1e-10,
    atol: float = 1e-10,
    max_steps: int = 100_000_000,
) -> Float[np.ndarray, "time D"]:
    """States of a field at given times, by adaptive steps of order 8 and interpolation of order 7.

    Steps are as long as the tolerance allows, whatever the times: many rows cost little more than few.

    Args:
        field: `field(t, y, args)`.
        y0: state at t0, a vector (D,).
        times: increasing times, all at or after t0.
        args: parameters.
        t0: time of y0.
        rtol: relative tolerance of a step.
        atol: absolute tolerance of a step.
        max_steps: attempts allowed in all.

    Returns:
        States (time, D).

    Raises:
        ParameterError: if times do not increase from t0, or a tolerance is not positive.
        NonFiniteStateError: if the orbit explodes, or needs more than max_steps.

    Accuracy: the error of a step is about the tolerance; the interpolation is as good.
    Limits: a field that jumps costs many short steps at each jump.
    Cost: 12 evaluations a step, 3 more for one that passes a time; compiles fast, since stages are not unrolled.

    Example:
        >>> y = dense_orbit(lambda t, y, args: -y, jnp.array([1.0]), np.array([0.5, 1.0]))
        >>> [round(float(v), 9) for v in y[:, 0]]
        [0.60653066, 0.367879441]

    Source: [hairer1993].
    """
    times, y = jnp.asarray(times, dtype=float), floating_state(y0)
    if times.ndim != 1 or times.size == 0 or not bool(jnp.all(jnp.diff(times) > 0)) or float(times[0]) < t0:
        raise ParameterError("times must be a vector that increases, from t0 on.")
    if y.ndim != 1:
        raise ParameterError(f"dense_orbit solves for vectors (D,), got shape {y.shape}; ravel the state.")
    solver = _Solver(CheckedField(field), args, positive_time(rtol, "rtol"), positive_time(atol, "atol"))
    rows, done, reached = _solve(solver, jnp.asarray(float(t0)), y, times, jnp.asarray(max_steps))
    rows, done = np.asarray(rows), int(done)
    if done < times.size or not np.all(np.isfinite(rows)):
        raise NonFiniteStateError(
            f"the orbit could not be followed beyond t = {float(reached):.6g}: it explodes, or the field jumps; "
            "take other parameters, another initial state or a wider tolerance.",
            step=done,
            last_state=rows[max(done - 1, 0)],
        )
    return rows
