"""Where Taylor series win: orbits of all flows of the catalogue against `dense_orbit` (Dopri8) at equal error.

For each flow with a dominant period: 5 periods of 100 points. Error: largest difference from the Taylor orbit at 1e-16,
relative to the spread of the orbit. Times: warm, the best of three; and the first call, which compiles.
"""

import json
import math
import pathlib
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.core.errors import CocycleError
from cocycle.steppers import Taylor, taylor_orbit
from cocycle.steppers.dense import dense_orbit

RTOLS = (1e-8, 1e-10, 1e-12)
TOL = 1e-10


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, time of the first call, best of three more."""
    began = time.perf_counter()
    found = np.asarray(call())
    cold = time.perf_counter() - began
    warm = []
    for _ in range(3):
        began = time.perf_counter()
        np.asarray(call())
        warm.append(time.perf_counter() - began)
    return found, cold, min(warm)


def compared(name: str) -> dict[str, Any]:
    """Times and errors of one flow."""
    entry = cc.systems.catalogue[name]
    flow = entry.make()
    times = entry.period / 100 * np.arange(1, 501)
    y = flow.initial_state(flow.x0)
    truth = np.asarray(taylor_orbit(flow, y, times=times, stepper=Taylor(1e-16), progress=False).x)
    truth = truth.reshape(len(times), -1)
    spread = np.max(np.ptp(truth, axis=0))
    ours, cold, warm = timed(lambda: taylor_orbit(flow, y, times=times, stepper=Taylor(TOL), progress=False).x)
    row = {
        "name": name,
        "size": int(truth.shape[1]),
        "error": float(np.max(np.abs(ours.reshape(truth.shape) - truth)) / spread),
        "cold": cold,
        "warm": warm,
        "dense": [],
    }
    for rtol in RTOLS:
        theirs, cold, warm = timed(
            lambda r=rtol: dense_orbit(flow.field, jnp.ravel(y), times, flow.args, rtol=r, atol=r)
        )
        error = float(np.max(np.abs(np.asarray(theirs).reshape(truth.shape) - truth)) / spread)
        row["dense"].append((error, cold, warm))
    return row


def at_equal_error(row: dict[str, Any]) -> float:
    """Time of Dopri8 over ours, at our error, by the slope of its work-precision curve."""
    errors = [math.log(max(e, 1e-16)) for e, _, _ in row["dense"]]
    warm = [math.log(w) for _, _, w in row["dense"]]
    slope, start = np.polyfit(errors, warm, 1)
    return math.exp(start + min(slope, 0.0) * math.log(max(row["error"], 1e-16))) / row["warm"]


def main(names: list[str] | None = None) -> None:
    jax.config.update("jax_enable_compilation_cache", False)
    warnings.simplefilter("ignore")
    path = pathlib.Path("report-out/taylor_catalogue.json")
    path.parent.mkdir(exist_ok=True)
    rows = json.loads(path.read_text()) if path.exists() else {}
    flows = names or [e.name for e in cc.systems.catalogue if e.kind == "flow" and e.period is not None]
    for name in flows:
        if name in rows:
            continue
        try:
            rows[name] = compared(name)
        except CocycleError as error:
            rows[name] = {"name": name, "refused": type(error).__name__ + ": " + str(error)[:80]}
        path.write_text(json.dumps(rows))
    kept = [r for r in rows.values() if "error" in r]
    ratio = np.array([at_equal_error(r) for r in kept])
    cold = np.array([r["dense"][0][1] / r["cold"] for r in kept])
    print(f"{len(kept)} of {len(rows)} flows; refused: {[r for r in rows.values() if 'refused' in r]}")
    for label, values in (("warm, at equal error", ratio), ("first call", cold)):
        print(f"Dopri8 over Taylor, {label}: quartiles {np.percentile(values, [0, 25, 50, 75, 100]).round(2)}")
        print(f"  below 1: {[(r['name'], round(float(v), 2)) for r, v in zip(kept, values, strict=True) if v < 1]}")


if __name__ == "__main__":
    main(sys.argv[1:])
