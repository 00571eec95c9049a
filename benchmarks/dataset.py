"""Data of all 135 systems of the public collection, 10,000 points each, 100 a dominant period, in one run.

Ours adaptive at 1e-10 with interpolation, one process, first with compilation, then without; dysts'
`make_trajectory_ensemble` as it comes (Radau at 1e-12) and at 1e-9, on N_PEER points, its time scaled to the
whole: it is linear in the length. `python -m benchmarks.dataset POINTS EVERY TOLERANCE...`: other points, every so
manyth system, other tolerances.
Error: of the first two periods, against our own solution at 1e-13, relative to the spread; the median over flows.
Delay equations, six: ours to the same tolerance, dysts' by fixed steps; the largest error of the six.
"""

import importlib.util
import json
import subprocess
import sys
import time

import numpy as np

from cocycle.core.errors import CocycleError
from cocycle.steppers import dense_orbit
from cocycle.systems import catalogue, orbit

N_POINTS, PER_PERIOD, N_PEER = 10_000, 100, 500
PEER_CODE = """
import json, sys, time, warnings
import numpy as np
from dysts.systems import make_trajectory_ensemble
warnings.simplefilter("ignore")
tolerance = {} if sys.argv[2] == "default" else {"rtol": float(sys.argv[2]), "atol": float(sys.argv[2])}
began = time.perf_counter()
found = make_trajectory_ensemble(
    int(sys.argv[1]), use_tqdm=False, subset=sys.argv[3:], silent_errors=True, pts_per_period=100, postprocess=False,
    **tolerance,
)
seconds = time.perf_counter() - began
print(json.dumps([seconds, {k: None if x is None else np.asarray(x)[:200].tolist() for k, x in found.items()}]))
"""


def names(every: int = 1) -> list[str]:
    """Systems of the collection."""
    return [e.name for e in catalogue if e.collection_name][::every]


def error(name: str, rows: np.ndarray, times: np.ndarray) -> float:
    """Largest distance from a tight solution, in units of the spread; infinite where there is none."""
    system = catalogue[name].make()
    try:
        if catalogue[name].kind == "delay":
            n_periods = len(times) // PER_PERIOD
            truth = np.asarray(orbit(name, n_periods=n_periods, points_per_period=PER_PERIOD, rtol=1e-13).x)[:, None]
            rows = rows.reshape(truth.shape)
        else:
            truth = dense_orbit(system.field, system.x0, times, system.args, rtol=1e-13, atol=1e-13)
    except CocycleError:
        return float("inf")
    return float(np.max(np.abs(rows - truth) / np.maximum(truth.std(axis=0), 1e-300)))


def ours(chosen: list[str]) -> tuple[float, dict[str, float], float, float]:
    """Seconds in all and of each, the median error of flows and the largest of delay equations."""
    seconds, errors, delayed = {}, [], [0.0]
    for name in chosen:
        began = time.perf_counter()
        seen = orbit(name, n_periods=N_POINTS // PER_PERIOD, points_per_period=PER_PERIOD)
        seconds[name] = time.perf_counter() - began
        first = slice(0, 2 * PER_PERIOD)
        case = (name, np.asarray(seen.x)[first], np.asarray(seen.t)[first])
        if catalogue[name].kind == "delay":
            delayed.append(error(*case))
        else:
            errors.append(case)
    return sum(seconds.values()), seconds, float(np.median([error(*e) for e in errors[::8]])), max(delayed)


def theirs(chosen: list[str], n_points: int, tolerance: str) -> tuple[float, float, int]:
    """Seconds for all the points, the median error and the failures; their first point is the initial state."""
    known = {str(catalogue[n].collection_name): n for n in chosen}
    command = [sys.executable, "-c", PEER_CODE, str(n_points), tolerance, *known]
    seconds, found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    errors = []
    for key, rows in list(found.items())[::8]:
        entry = catalogue[known[key]]
        if rows is not None and entry.kind == "flow" and len(rows[0]) == entry.dimension:
            times = np.arange(1, len(rows)) * (entry.period or 1.0) * (n_points / PER_PERIOD) / (n_points - 1)
            errors.append(error(entry.name, np.asarray(rows)[1:], times))
    failed = sum(rows is None for rows in found.values())
    return seconds * N_POINTS / n_points, float(np.median(errors)), failed


def main() -> None:
    given = [int(a) for a in sys.argv[1:] if a.isdigit()]
    tolerances = [a for a in sys.argv[1:] if not a.isdigit()] or ["default", "1e-9"]
    n_peer, every = (*given, *(N_PEER, 1)[len(given) :])
    chosen = names(every)
    cold, _, wrong, delayed = ours(chosen)
    warm, each, *_ = ours(chosen)
    print(f"\n{len(chosen)} systems x {N_POINTS} points, {PER_PERIOD} a period")
    print(f"  {'cocycle, with compilation':40s} {cold:9.2f} s   error {wrong:.1e}, delays {delayed:.1e}")
    print(f"  {'cocycle, compiled':40s} {warm:9.2f} s")
    slow = sorted(each, key=lambda n: -each[n])[:5]
    print("  slowest: " + ", ".join(f"{n} {each[n]:.2f} s" for n in slow), flush=True)
    if importlib.util.find_spec("dysts") is None:
        print("left out: dysts (no peers)")
        return
    for tolerance in tolerances:
        seconds, wrong, failed = theirs(chosen, n_peer, tolerance)
        label = f"dysts ensemble, tolerance {tolerance}"
        print(f"  {label:40s} {seconds:9.2f} s   error {wrong:.1e}   {failed} failed", flush=True)
        print(f"    ratio {seconds / cold:.1f} with compilation, {seconds / warm:.1f} compiled")


if __name__ == "__main__":
    main()
