"""Work and precision of single orbits: error and time at tolerances from 1e-6 to 1e-15, ours and peers', in one run.

Error: median over 15 nearby starts of the largest difference at the end from heyoka in extended precision, over a time
that keeps chaos from drowning it. Time: processor time, the least of several runs of a longer orbit, end
state only. Then closed forms. Compile times, ensembles and exponents are in `taylor_costs`, the drift of energies in
`taylor_energy`.
"""

import functools
import math
import sys

import numpy as np

from benchmarks.taylor_problems import (
    PROBLEMS,
    TOLERANCES,
    WAYS,
    Problem,
    best,
    by_heyoka,
    in_extended_precision,
    nearby,
    ours,
    typical_error,
)


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
        starts = nearby(problem)
        try:
            truth = in_extended_precision(problem)
        except ImportError:
            truth = ours(problem, 1e-18)
        ends = [truth(problem.short, y) for y in starts]
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
                error = typical_error(solve, problem, starts, ends)
                seconds = best(functools.partial(solve, problem.long * share), runs) / share
                cells.append(f"{error:>12.1e}{1e3 * seconds:>10.4g}")
                curves[problem.name].setdefault(name, []).append((error, seconds))
            print(f"  {name:16s}" + "".join(cells), flush=True)
    ratios(curves)
    picture(curves)


def against_heyoka() -> None:
    """Median of the ratios of our time to heyoka's, run in turn: load of the machine falls on both."""
    print("\nOur processor time over heyoka's, median of 25 pairs of the least of 3")
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


PARTS = {"closed": closed_forms, "work": work_precision, "heyoka": against_heyoka}


def main(names: list[str] | None = None) -> None:
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
