"""Data of 20 systems of the public collection, 10,000 points each, 100 a dominant period, in one run.

Ours adaptive at 1e-10 with interpolation, first with compilation, then without; dysts' `make_trajectory` (Radau) as it
comes, at 1e-12, and at 1e-9, on as many points as the second argument says (default all), its time scaled to the whole.
Error: of the first two periods, against our own solution at 1e-13, relative to the spread; the median over the systems.
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np

from cocycle.steppers import dense_orbit
from cocycle.systems import catalogue, orbit

NAMES = [
    *("lorenz84", "lorenz_stenflo", "lu_chen", "moore_spiegel", "newton_leipnik", "nose_hoover", "qi_chen"),
    *("rabinovich_fabrikant", "rikitake_dynamo", "rucklidge", "salton_sea", "shimizu_morioka", "sprott_b", "sprott_e"),
    *("sprott_jerk", "sprott_s", "thomas_labyrinth", "vallis_el_nino", "wang_sun", "zhou_chen"),
]
N_POINTS, PER_PERIOD = 10_000, 100
PEER = pathlib.Path("/opt/peers/bin/python")
PEER_CODE = """
import json, sys, time, warnings
import numpy as np
import dysts.flows as flows
warnings.simplefilter("ignore")
out = {}
for name in sys.argv[3:]:
    system = getattr(flows, name)()
    began = time.perf_counter()
    tol = float(sys.argv[2])
    x = system.make_trajectory(int(sys.argv[1]), pts_per_period=100, postprocess=False, rtol=tol, atol=tol)
    out[name] = [time.perf_counter() - began, None if x is None else np.asarray(x)[:200].tolist()]
print(json.dumps(out))
"""


def reference(name: str, times: np.ndarray) -> np.ndarray:
    system = catalogue[name].make()
    return dense_orbit(system.field, system.x0, times, system.args, rtol=1e-13, atol=1e-13)


def error(name: str, rows: np.ndarray, times: np.ndarray) -> float:
    truth = reference(name, times)
    return float(np.max(np.abs(rows - truth) / truth.std(axis=0)))


def ours() -> tuple[float, float]:
    began = time.perf_counter()
    runs = {n: orbit(n, n_periods=N_POINTS // PER_PERIOD, points_per_period=PER_PERIOD) for n in NAMES}
    seconds = time.perf_counter() - began
    errors = [error(n, np.asarray(r.x)[: 2 * PER_PERIOD], np.asarray(r.t)[: 2 * PER_PERIOD]) for n, r in runs.items()]
    return seconds, float(np.median(errors))


def theirs(n_points: int, tol: float) -> tuple[float, float]:
    """Seconds for all the points, and the error; their first point is the initial state."""
    known = {catalogue[n].collection_name: n for n in NAMES}
    command = [str(PEER), "-c", PEER_CODE, str(n_points), str(tol), *(str(k) for k in known)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    errors, seconds = [], 0.0
    for key, (took, rows) in found.items():
        seconds += took * N_POINTS / n_points
        if rows is not None:
            period = catalogue[known[key]].period or 1.0
            times = np.arange(1, len(rows)) * period * (n_points / PER_PERIOD) / (n_points - 1)
            errors.append(error(known[key], np.asarray(rows)[1:], times))
    return seconds, float(np.median(errors))


def main() -> None:
    n_peer = int(sys.argv[2]) if len(sys.argv) > 2 else N_POINTS
    cold, wrong = ours()
    warm, _ = ours()
    print(f"\n{len(NAMES)} systems x {N_POINTS} points, {PER_PERIOD} a period")
    print(f"  {'cocycle, with compilation':34s} {cold:9.2f} s   error {wrong:.1e}")
    print(f"  {'cocycle, compiled':34s} {warm:9.2f} s")
    if not PEER.exists():
        print("left out: dysts (no peers)")
        return
    for tol in (1e-12, 1e-9):
        seconds, wrong = theirs(n_peer, tol)
        print(f"  {f'dysts make_trajectory, {tol:.0e}':34s} {seconds:9.2f} s   error {wrong:.1e}", end="")
        print(f"   ratio {seconds / cold:.1f} with compilation, {seconds / warm:.1f} compiled")


if __name__ == "__main__":
    main()
