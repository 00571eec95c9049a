"""Work and precision of single orbits: error and time at tolerances from 1e-6 to 1e-15, ours and peers', in one run.

Error: largest difference at the end from heyoka at 1e-18 (a closed form for Kepler), over a time that keeps chaos from
drowning it. Time: the best of several runs of a longer orbit, end state only. Then closed forms, compile times,
ensembles of 10,000 orbits, and the bias of exponents from RK4. The drift of energies is in `taylor_energy`.
"""

import functools
import math
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.steppers import RK4, Adaptive, Flow, Taylor, taylor_ensemble

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


def jax_solver(problem: Problem, stepper: Any) -> Callable[[float], np.ndarray]:
    field, y = field_of(problem), jnp.asarray(problem.x0)
    solve = jax.jit(lambda y, duration: stepper.step(field, jnp.zeros(()), y, None, duration))
    return lambda duration: np.asarray(solve(y, duration))


def ours(problem: Problem, tol: float) -> Callable[[float], np.ndarray]:
    return jax_solver(problem, Taylor(tol, max_steps=10**8))


def by_diffrax(solver: Any) -> Callable[..., Any]:
    def make(problem: Problem, tol: float) -> Callable[[float], np.ndarray]:
        return jax_solver(problem, Adaptive(solver, rtol=tol, atol=tol, max_steps=10**7))

    return make


def by_scipy(problem: Problem, tol: float) -> Callable[[float], np.ndarray]:
    from scipy.integrate import solve_ivp

    def f(t: float, u: np.ndarray) -> Any:
        return problem.components(np.float64(t), u)

    rtol = max(tol, 3e-14)
    return lambda d: solve_ivp(f, (0, d), problem.x0, method="DOP853", rtol=rtol, atol=tol).y[:, -1]


def by_heyoka(problem: Problem, tol: float) -> Callable[[float], np.ndarray]:
    import heyoka as hy

    names = [hy.make_vars(f"x{i}") for i in range(len(problem.x0))]
    system = list(zip(names, problem.components(hy.time, list(names)), strict=True))
    ta = hy.taylor_adaptive(system, list(problem.x0), tol=tol)

    def solve(duration: float) -> np.ndarray:
        ta.time = 0.0
        ta.state[:] = problem.x0
        ta.propagate_until(duration)
        return ta.state.copy()

    return solve


WAYS = {
    "ours": (ours, 1.0, 5),
    "heyoka": (by_heyoka, 1.0, 5),
    "diffrax Tsit5": (by_diffrax(diffrax.Tsit5()), 1.0, 2),
    "diffrax Dopri8": (by_diffrax(diffrax.Dopri8()), 1.0, 2),
    "scipy DOP853": (by_scipy, 0.02, 1),
}


def best(call: Callable[[], Any], runs: int) -> float:
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - began)
    return min(times)


def seconds_at(curve: list[tuple[float, float]], error: float) -> float:
    """Time at an error, between the measured points of a work-precision curve; NaN outside of them."""
    points = sorted((math.log(max(e, 1e-17)), math.log(t)) for e, t in curve)
    if not points[0][0] <= math.log(error) <= points[-1][0]:
        return math.nan
    return math.exp(np.interp(math.log(error), *zip(*points, strict=True)))


def picture(curves: dict[str, dict[str, list[tuple[float, float]]]], path: str = "docs/taylor.svg") -> None:
    """Error against time, one panel a problem."""
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib: no picture")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "taylor", "font.size": 9})
    colours = dict(zip(WAYS, ("#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#7f7f7f"), strict=True))
    figure, panels = plt.subplots(2, 4, figsize=(13, 6), constrained_layout=True)
    for panel, (title, ways) in zip(panels.flat, curves.items(), strict=True):
        for name, curve in ways.items():
            times, errors = [t for _, t in curve], [max(e, 1e-17) for e, _ in curve]
            panel.loglog(times, errors, marker="o", markersize=3, color=colours[name], label=name)
        panel.set_title(title, fontsize=10)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[-1]:
        panel.set_xlabel("time of the long orbit [s]")
    for panel in panels[:, 0]:
        panel.set_ylabel("error of the short orbit")
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False)
    figure.savefig(path, metadata={"Date": None})
    print(f"picture: {path}")


def ratios(curves: dict[str, dict[str, list[tuple[float, float]]]]) -> None:
    """Time of the faster of diffrax's two solvers over ours, at equal errors."""
    errors = (1e-9, 1e-10, 1e-11, 1e-12, 1e-13)
    print("\ndiffrax, the faster of Tsit5 and Dopri8, over ours, at equal error (blank: not reached by both)")
    print(f"  {'':18s}" + "".join(f"{e:>10.0e}" for e in errors))
    for name, ways in curves.items():
        cells = []
        for error in errors:
            mine = seconds_at(ways["ours"], error)
            theirs = [seconds_at(c, error) for way, c in ways.items() if way.startswith("diffrax")]
            theirs = [t for t in theirs if t == t]
            cells.append(f"{min(theirs) / mine:>10.0f}" if theirs and mine == mine else " " * 10)
        print(f"  {name:18s}" + "".join(cells), flush=True)


def work_precision() -> None:
    """Error at the end of the short orbit, time for the long one."""
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for problem in PROBLEMS:
        curves[problem.name] = {}
        try:
            truth = by_heyoka(problem, 1e-18)(problem.short)
        except ImportError:
            truth = ours(problem, 1e-18)(problem.short)
        if problem.components is kepler:
            truth = np.asarray(problem.x0)
        print(f"\n{problem.name}: error at t = {problem.short:.4g}; time for {problem.long:.4g} time units [ms]")
        print(f"  {'':16s}" + "".join(f"{tol:>22.0e}" for tol in TOLERANCES))
        for name, (make, share, runs) in WAYS.items():
            cells = []
            for tol in TOLERANCES:
                if name == "diffrax Tsit5" and tol < 1e-12:
                    cells.append(f"{'(hours)':>22s}")
                    continue
                try:
                    solve = make(problem, tol)
                except ImportError:
                    cells.append(f"{'not installed':>22s}")
                    continue
                error = float(np.max(np.abs(solve(problem.short) - truth)))
                seconds = best(functools.partial(solve, problem.long * share), runs) / share
                cells.append(f"{error:>12.1e}{1e3 * seconds:>10.4g}")
                curves[problem.name].setdefault(name, []).append((error, seconds))
            print(f"  {name:16s}" + "".join(cells), flush=True)
    ratios(curves)
    picture(curves)


def against_heyoka() -> None:
    """Median of the ratios of our time to heyoka's, run in turn: load of the machine falls on both."""
    print("\nOur time over heyoka's, median of 25 pairs")
    print(f"  {'':18s}" + "".join(f"{tol:>10.0e}" for tol in TOLERANCES))
    for problem in PROBLEMS:
        cells = []
        for tol in TOLERANCES:
            both = [make(problem, tol) for make in (ours, by_heyoka)]
            found = []
            for _ in range(26):
                found.append([best(functools.partial(solve, problem.long), 3) for solve in both])
            cells.append(f"{np.median([a / b for a, b in found[1:]]):>10.2f}")
        print(f"  {problem.name:18s}" + "".join(cells), flush=True)


def first_call(problem_field: Callable[..., Any], y: Any, order: int) -> float:
    """Seconds from a field to the first result."""
    stepper, y = Taylor(1e-12, order=order), jnp.asarray(y, dtype=float)
    began = time.perf_counter()
    jax.jit(lambda y: stepper.step(problem_field, jnp.zeros(()), y, None, 1e-2))(y).block_until_ready()
    return time.perf_counter() - began


def products(n: int) -> Callable[..., Any]:
    """A field of three components with n different products of two series."""

    def field(t: Any, y: Any, a: Any) -> Any:
        terms, new = [y[0], y[1], y[2]], []
        for i in range(n):
            new.append(terms[i % len(terms)] * terms[(i + 1 + i // len(terms)) % len(terms)] + 0.1 * i)
            terms.append(new[-1])
        return jnp.stack([1e-3 * sum(new[j::3], start=y[j]) for j in range(3)])

    return field


def compile_times() -> None:
    """Time from a field to the first result: by order, by number of components, by number of products."""
    jax.config.update("jax_enable_compilation_cache", False)
    orders = (8, 12, 15, 20, 30)
    print("\nFirst call [s]: tracing, compiling, running; order 15 is that of 1e-12")
    print(f"  {'':24s}" + "".join(f"{'order ' + str(p):>10s}" for p in orders))
    for problem in [*PROBLEMS[:3], PROBLEMS[6], PROBLEMS[7]]:
        cells = [f"{first_call(field_of(problem), problem.x0, order):>10.2f}" for order in orders]
        print(f"  {problem.name:24s}" + "".join(cells), flush=True)
    field, y = field_of(PROBLEMS[0]), jnp.asarray(PROBLEMS[0].x0)
    cells = []
    for order in orders:
        stepper = Taylor(1e-12, order=order)
        began = time.perf_counter()
        jax.jit(lambda y, V, s=stepper: s.push(field, jnp.zeros(()), y, None, 1e-2, V))(y, jnp.eye(3))
        cells.append(f"{time.perf_counter() - began:>10.2f}")
    print(f"  {'Lorenz + 3 tangents':24s}" + "".join(cells), flush=True)
    sizes = (4, 8, 16, 32, 40, 400, 4000)
    print("  Lorenz-96, order 15; components" + "".join(f"{n:>10d}" for n in sizes))
    lorenz96_field = field_of(PROBLEMS[7])
    cells = [f"{first_call(lorenz96_field, 8.0 + np.sin(np.arange(n)), 15):>10.2f}" for n in sizes]
    print(f"  {'':31s}" + "".join(cells), flush=True)
    counts = (1, 2, 5, 10, 15, 20, 40)
    print("  three components, order 15; products" + "".join(f"{n:>7d}" for n in counts))
    cells = [f"{first_call(products(n), [0.1, 0.2, 0.3], 15):>7.2f}" for n in counts]
    print(f"  {'':36s}" + "".join(cells), flush=True)


def duffing(t, u):
    return [u[1], -u[0] - u[0] * u[0] * u[0]]


def harmonic(t, u):
    return [u[1], -u[0]]


def logistic(t, u):
    return [u[0] * (1.0 - u[0])]


def duffing_solution(t: float) -> np.ndarray:
    from scipy import special

    sn, cn, dn, _ = special.ellipj(math.sqrt(2.0) * t, 0.25)
    return np.array([cn, -math.sqrt(2.0) * sn * dn])


def closed_forms() -> None:
    """Error against closed forms, ours and heyoka's."""
    cases = [
        (Problem("harmonic", harmonic, [1.0, 0.0], 20.0, 0.0), np.array([math.cos(20.0), -math.sin(20.0)])),
        (PROBLEMS[3], np.asarray(PROBLEMS[3].x0)),
        (Problem("Duffing", duffing, [1.0, 0.0], 20.0, 0.0), duffing_solution(20.0)),
        (Problem("logistic", logistic, [0.1], 5.0, 0.0), np.array([1 / (1 + 9 * math.exp(-5.0))])),
    ]
    print("\nError against closed forms: ours, heyoka's")
    print(f"  {'':28s}" + "".join(f"{tol:>20.0e}" for tol in TOLERANCES))
    for problem, truth in cases:
        cells = []
        for tol in TOLERANCES:
            ends = [ours(problem, tol)(problem.short), by_heyoka(problem, tol)(problem.short)]
            cells.append("".join(f"{np.max(np.abs(end - truth)):>10.1e}" for end in ends))
        print(f"  {problem.name:15s}, t = {problem.short:<7.4g}" + "".join(cells), flush=True)


def ensembles(n: int = 10_000, duration: float = 10.0, tol: float = 1e-9) -> None:
    """Many Lorenz orbits: blocks of several sizes, and heyoka one by one, in batches and in its ensemble."""
    rng = np.random.default_rng(0)
    y = np.array(PROBLEMS[0].x0) + rng.normal(size=(n, 3))
    flow = Flow(field_of(PROBLEMS[0]), dt=1.0, x0=PROBLEMS[0].x0, stepper=Taylor(tol))
    print(f"\n{n} Lorenz orbits over {duration:g} time units at {tol:g} [s]")
    for block in (1, 8, 16, 64, 256, 1024):
        call = lambda b=block: taylor_ensemble(flow, y, duration=duration, block=b)
        call()
        print(f"  ours, block {block:<5d}      {best(call, 2):8.3f}", flush=True)
    try:
        import heyoka as hy
    except ImportError:
        return
    names = hy.make_vars("x0", "x1", "x2")
    system = list(zip(names, lorenz(None, list(names)), strict=True))
    ta = hy.taylor_adaptive(system, [0.0] * 3, tol=tol)

    def single(ta: Any, i: int) -> Any:
        ta.time = 0.0
        ta.state[:] = y[i]
        return ta

    began = time.perf_counter()
    hy.ensemble_propagate_until(ta, duration, n, single)
    print(f"  heyoka ensemble         {time.perf_counter() - began:8.3f}")
    width = hy.recommended_simd_size()
    batch = hy.taylor_adaptive_batch(system, np.zeros((3, width)), tol=tol)
    began = time.perf_counter()
    for i in range(0, n, width):
        batch.set_time(0.0)
        batch.state[:] = np.resize(y[i : i + width], (width, 3)).T
        batch.propagate_until(duration)
    print(f"  heyoka batches of {width}     {time.perf_counter() - began:8.3f}")


def exponent_bias() -> None:
    """Exponents of the quiet Lorenz orbit, known in closed form, and of the chaotic one; RK4 beside."""
    truth = np.array([-0.15479177, -0.15479177, -13.35708312])

    def quiet_field(t: Any, y: Any, a: Any) -> Any:
        return jnp.stack([10.0 * (y[1] - y[0]), y[0] * (a - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]])

    print("\nLyapunov exponents of Lorenz: error at rho = 20 over 400 time units; sum + 41/3 at rho = 28")
    for name, stepper, dt in (
        ("RK4, dt = 0.02", RK4(), 0.02),
        ("RK4, dt = 0.01", RK4(), 0.01),
        ("RK4, dt = 0.005", RK4(), 0.005),
        ("Taylor, dt = 0.1", Taylor(), 0.1),
    ):
        n = round(500 / dt)
        quiet, chaotic = (
            cc.lyapunov_spectrum(Flow(quiet_field, rho, dt=dt, x0=[1.0, 2.0, 20.0], stepper=stepper), n_steps=n)
            for rho in (20.0, 28.0)
        )
        error = np.asarray(quiet.exponents) - truth
        print(
            f"  {name:18s} mean of the pair {np.mean(error[:2]):9.1e}   smallest {error[2]:9.1e}   "
            f"sum {chaotic.exponents.sum() + 41 / 3:9.1e}",
            flush=True,
        )


PARTS = {
    "closed": closed_forms,
    "work": work_precision,
    "heyoka": against_heyoka,
    "compile": compile_times,
    "ensembles": ensembles,
    "exponents": exponent_bias,
}


def main(names: list[str] | None = None) -> None:
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
