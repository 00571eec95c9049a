"""Delay equations: to the tolerance by Taylor series, by the steps of the flow, and by jitcdde (adaptive, in C).

Ours: 10,000 points, 100 a dominant period, of each delay equation of the catalogue, with compilation and compiled.
Errors: of the first two periods against a solution at 1e-15, relative to the spread. jitcdde solves N_PEER periods of
Mackey and Glass's equation at several tolerances, its time scaled to the 100; its compilation is not counted.
"""

import json
import subprocess
import sys
import time

import numpy as np

from cocycle.steppers import RK4, Taylor, delay_orbit
from cocycle.systems import catalogue, orbit

N_PERIODS, PER_PERIOD, N_SHORT, N_PEER = 100, 100, 2, 20
TOLERANCES = (1e-6, 1e-9, 1e-12)
PEER_CODE = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from jitcdde import jitcdde, t, y
period, n, tolerance = float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
late = y(0, t - 17.0)
solver = jitcdde([0.2 * late / (1 + late**10) - 0.1 * y(0)], max_delay=17.0, verbose=False)
solver.constant_past([1.2])
solver.compile_C()
solver.set_integration_parameters(rtol=tolerance, atol=tolerance, first_step=1e-3, max_step=1.0)
solver.step_on_discontinuities()
begin, began = solver.t, time.perf_counter()
rows = [float(solver.integrate(s)[0]) for s in period * np.arange(1, n + 1) / 100 if s > begin]
print(json.dumps([time.perf_counter() - began, begin, rows]))
"""


def timed(call) -> tuple[float, float, np.ndarray]:
    """Seconds of the first and of the best of two more calls, and the rows."""
    seconds, rows = [], np.zeros(0)
    for _ in range(3):
        began = time.perf_counter()
        rows = np.asarray(call().x)
        seconds.append(time.perf_counter() - began)
    return seconds[0], min(seconds[1:]), rows


def error(rows: np.ndarray, truth: np.ndarray) -> float:
    n = N_SHORT * PER_PERIOD
    return float(np.max(np.abs(rows[:n] - truth) / truth.std(axis=0)))


def main() -> None:
    sampling = {"n_periods": N_PERIODS, "points_per_period": PER_PERIOD}
    print(f"{'':24s} {'series 1e-10: first, compiled [s], error':>42s}   {'own steps RK4: the same':>36s}")
    for entry in (e for e in catalogue if e.kind == "delay"):
        truth = np.asarray(orbit(entry.name, n_periods=N_SHORT, points_per_period=PER_PERIOD, rtol=1e-15).x)
        cells = []
        for stepper in (None, RK4()):
            first, best, rows = timed(lambda s=stepper, name=entry.name: orbit(name, stepper=s, **sampling))
            cells.append(f"{first:12.2f} {best:12.3f} {error(rows, truth):12.1e}")
        print(f"{entry.name:24s}    {cells[0]}   {cells[1]}", flush=True)
    flow, entry = catalogue["mackey_glass"].make(), catalogue["mackey_glass"]
    assert entry.period is not None
    grid = entry.period / PER_PERIOD * np.arange(1, N_PERIODS * PER_PERIOD + 1)
    truth = np.asarray(delay_orbit(flow, times=grid[: N_SHORT * PER_PERIOD], stepper=Taylor(1e-15)).x)  # pyright: ignore[reportArgumentType]
    print("\nmackey_glass by tolerance: seconds for 100 periods, error of the first two")
    for tol in TOLERANCES:
        _, best, rows = timed(lambda tol=tol: delay_orbit(flow, times=grid, stepper=Taylor(tol)))  # pyright: ignore[reportArgumentType]
        print(f"  {tol:.0e}   series {best:8.4f} s {error(rows, truth):9.1e}", end="", flush=True)
        found = peer(entry.period, tol)
        if found is None:
            print("   jitcdde left out (not there)")
            continue
        seconds, begin, rows = found
        part = truth[grid[: len(truth)] > begin]
        wrong = np.max(np.abs(rows[: len(part)] - part)) / truth.std()
        scaled = seconds * N_PERIODS / N_PEER
        print(f"   jitcdde {scaled:8.3f} s {wrong:9.1e}   ratio {scaled / best:.0f}")


def peer(period: float, tol: float) -> tuple[float, float, np.ndarray] | None:
    """Seconds, the time of its first row, and rows of jitcdde; None where it is not installed."""
    command = [sys.executable, "-c", PEER_CODE, str(period), str(N_PEER * PER_PERIOD), str(tol)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    seconds, begin, rows = json.loads(done.stdout.splitlines()[-1])
    return seconds, begin, np.asarray(rows)


if __name__ == "__main__":
    main()
