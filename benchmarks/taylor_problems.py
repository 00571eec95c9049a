"""Fields on which series are tried, in the forms that each solver wants, and the solvers."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.steppers import Adaptive, Taylor

TOLERANCES = (1e-6, 1e-9, 1e-12, 1e-15)


class Problem(NamedTuple):
    """A field in jax.numpy and the same in a component form that NumPy and heyoka share."""

    name: str
    components: Callable[..., list[Any]]
    x0: list[float]
    short: float
    long: float


def _functions(x: Any) -> Any:
    """sin, cos, exp, log, atan of whatever x is."""
    if isinstance(x, float | np.floating):
        return np.sin, np.cos, np.exp, np.log, np.arctan
    if isinstance(x, jax.Array):
        return jnp.sin, jnp.cos, jnp.exp, jnp.log, jnp.arctan
    import heyoka as hy

    return hy.sin, hy.cos, hy.exp, hy.log, hy.atan


def lorenz(t, u):
    return [10.0 * (u[1] - u[0]), u[0] * (28.0 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]


def rossler(t, u):
    return [-u[1] - u[2], u[0] + 0.2 * u[1], 0.2 + u[2] * (u[0] - 5.7)]


def henon_heiles(t, u):
    return [u[2], u[3], -u[0] - 2 * u[0] * u[1], -u[1] - u[0] * u[0] + u[1] * u[1]]


def kepler(t, u):
    r = (u[0] * u[0] + u[1] * u[1]) ** -1.5
    return [u[2], u[3], -u[0] * r, -u[1] * r]


def pendulum(t, u):
    return [u[1], -_functions(u[0])[0](u[0])]


def driven(t, u):
    return [u[1], -0.2 * u[1] + u[0] - u[0] * u[0] * u[0] + 0.3 * _functions(u[0])[1](t * 1.0)]


def mixed(t, u):
    _, _, exp, log, atan = _functions(u[0])
    return [
        atan(u[1]) - 0.1 * log(u[0] * u[0] + 1.0) * u[0],
        exp(-0.5 * u[0] * u[0]) - u[0] * (u[1] * u[1] + 1.0) ** 0.3,
    ]


def lorenz96(t, u):
    n = len(u)
    return [(u[(i + 1) % n] - u[i - 2]) * u[i - 1] - u[i] + 8.0 for i in range(n)]


N96 = 40
PROBLEMS = [
    Problem("Lorenz", lorenz, [1.0, 2.0, 20.0], 10.0, 1000.0),
    Problem("Rossler", rossler, [1.0, 1.0, 0.0], 30.0, 1000.0),
    Problem("Henon-Heiles", henon_heiles, [0.0, 0.1, 0.45, 0.1], 50.0, 1000.0),
    Problem("Kepler e=0.9", kepler, [0.1, 0.0, 0.0, math.sqrt(19.0)], 2 * math.pi, 200 * math.pi),
    Problem("pendulum", pendulum, [0.0, 1.4], 50.0, 1000.0),
    Problem("driven Duffing", driven, [0.5, 0.0], 20.0, 1000.0),
    Problem("exp log pow atan", mixed, [1.0, 0.5], 30.0, 1000.0),
    Problem("Lorenz-96 N=40", lorenz96, list(8.0 + np.sin(np.arange(N96))), 3.0, 50.0),
]


def field_of(problem: Problem) -> Callable[..., Any]:
    if problem.components is lorenz96:
        return lambda t, y, a: (jnp.roll(y, -1) - jnp.roll(y, 2)) * jnp.roll(y, 1) - y + 8.0
    return lambda t, y, a: jnp.stack([jnp.asarray(c) for c in problem.components(t, [*y])])


Solver = Callable[..., np.ndarray]
"""solve(duration, start=problem.x0): the state at the end."""


def jax_solver(problem: Problem, stepper: Any) -> Solver:
    field = field_of(problem)
    solve = jax.jit(lambda y, duration: stepper.step(field, jnp.zeros(()), y, None, duration))
    begin = jnp.asarray(problem.x0)
    return lambda duration, start=begin: np.asarray(solve(start, duration))


def ours(problem: Problem, tol: float) -> Solver:
    return jax_solver(problem, Taylor(tol, max_steps=10**8))


def by_diffrax(solver: Any) -> Callable[..., Any]:
    def make(problem: Problem, tol: float) -> Solver:
        return jax_solver(problem, Adaptive(solver, rtol=tol, atol=tol, max_steps=10**7))

    return make


def by_scipy(problem: Problem, tol: float) -> Solver:
    from scipy.integrate import solve_ivp

    def f(t: float, u: np.ndarray) -> Any:
        return problem.components(np.float64(t), u)

    rtol = max(tol, 3e-14)
    return lambda d, start=problem.x0: solve_ivp(f, (0, d), start, method="DOP853", rtol=rtol, atol=tol).y[:, -1]


def by_heyoka(problem: Problem, tol: float, kind: Any = float) -> Solver:
    import heyoka as hy

    names = [hy.make_vars(f"x{i}") for i in range(len(problem.x0))]
    system = list(zip(names, problem.components(hy.time, list(names)), strict=True))
    ta = hy.taylor_adaptive(system, np.asarray(problem.x0, dtype=kind), tol=kind(tol), fp_type=kind)

    def solve(duration: float, start: Any = problem.x0) -> np.ndarray:
        ta.time = kind(0.0)
        ta.state[:] = start
        ta.propagate_until(kind(duration))
        return ta.state.copy()

    return solve


def in_extended_precision(problem: Problem) -> Solver:
    """heyoka with 64 bits of mantissa: the truth for what has 53."""
    return by_heyoka(problem, 1e-20, np.longdouble)


def nearby(problem: Problem, n: int = 15) -> np.ndarray:
    """Starts within some 1e-3 of that of the problem: one orbit alone may be lucky in its rounding."""
    return np.asarray(problem.x0) + 1e-3 * np.random.default_rng(0).normal(size=(n, len(problem.x0)))


def typical_error(solve: Solver, problem: Problem, starts: np.ndarray, ends: list[np.ndarray]) -> float:
    """Median over starts of the largest error at the end of the short orbit; a mean would be that of the worst one."""
    errors = [np.max(np.abs(solve(problem.short, y) - end)) for y, end in zip(starts, ends, strict=True)]
    return float(np.median(np.asarray(errors, dtype=float)))


WAYS = {
    "ours": (ours, 1.0, 5),
    "heyoka": (by_heyoka, 1.0, 5),
    "diffrax Tsit5": (by_diffrax(diffrax.Tsit5()), 1.0, 2),
    "diffrax Dopri8": (by_diffrax(diffrax.Dopri8()), 1.0, 2),
    "scipy DOP853": (by_scipy, 0.02, 1),
}


def best(call: Callable[[], Any], runs: int, clock: Callable[[], float] = time.process_time) -> float:
    """Least processor time, which other work on the machine disturbs less than the clock on the wall.

    What uses all cores is timed by `time.perf_counter`.
    """
    times = []
    for _ in range(runs):
        began = clock()
        jax.block_until_ready(call())
        times.append(clock() - began)
    return min(times)
