"""Where Taylor series win: orbits of all flows of the catalogue against `dense_orbit` (Dormand and Prince, order 8).

For each flow with a dominant period, 500 points: over 5 periods and over 50. Error: largest difference over the 5 from
`dense_orbit` at 1e-14, relative to the spread of the orbit. Series at 1e-10 and pairs at 1e-12 have about the same one;
their times: the first call, which compiles, and the best of three more, in processor seconds.
"""

import json
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
from cocycle.steppers import Switches, Taylor, dense_orbit, taylor_orbit
from cocycle.steppers.series.control import order_for
from cocycle.systems.solver import series_work

TOL, RTOL = 1e-10, 1e-12
N_POINTS = 500


def timed(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, time of the first call, best of three more."""
    began = time.process_time()
    found = np.asarray(call())
    cold = time.process_time() - began
    warm = []
    for _ in range(3):
        began = time.process_time()
        np.asarray(call())
        warm.append(time.process_time() - began)
    return found, cold, min(warm)


def compared(name: str) -> dict[str, Any]:
    """Times and errors of one flow."""
    entry = cc.systems.catalogue[name]
    flow = entry.make()
    y = flow.initial_state(flow.x0)
    # The order that compiles soonest, as where few rows are wanted; fields with switches are the pair's.
    stepper = Taylor(TOL, order=order_for(TOL), switches=Switches.REFUSE)
    row: dict[str, Any] = {"name": name, "size": int(sum(a.size for a in jax.tree.leaves(y)))}
    row["work"] = series_work(flow, y, stepper)
    for label, periods in (("short", 5), ("long", 50)):
        times = entry.period * periods / N_POINTS * np.arange(1, N_POINTS + 1)
        pair = lambda rtol, times=times: dense_orbit(flow.field, jnp.ravel(y), times, flow.args, rtol=rtol, atol=rtol)
        theirs = timed(lambda: pair(RTOL))  # noqa: B023
        ours = timed(lambda: taylor_orbit(flow, y, times=times, stepper=stepper, progress=False).x)  # noqa: B023
        row[label] = {"ours": ours[1:], "theirs": theirs[1:]}
        if label == "short":
            truth = pair(1e-14)
            spread = np.max(np.ptp(truth, axis=0))
            for who, found in (("ours", ours[0]), ("theirs", theirs[0])):
                row["error of " + who] = float(np.max(np.abs(found.reshape(truth.shape) - truth)) / spread)
    return row


def summary(rows: list[dict[str, Any]]) -> None:
    """Quartiles of the ratios by class of fields."""
    refused = [row["name"] for row in rows if "refused" in row]
    kept = [row for row in rows if "refused" not in row]
    print(f"{len(kept)} flows; no series, or with switches: {', '.join(refused) or 'none'}")
    classes = {
        "analytic, number by number, work to 1000": lambda w: w is not None and w <= 1000,
        "analytic, number by number, work above 1000": lambda w: w is not None and w > 1000,
        "array by array": lambda w: w is None,
    }
    print("Dormand-Prince over Taylor; quartiles")
    for label, chosen in classes.items():
        mine = [row for row in kept if chosen(row["work"])]
        if not mine:
            continue
        print(f"  {label}: {len(mine)} flows")
        for what, value in (
            ("error", lambda r: r["error of theirs"] / max(r["error of ours"], 1e-15)),
            ("first call", lambda r: r["short"]["theirs"][0] / r["short"]["ours"][0]),
            ("5 periods, compiled", lambda r: r["short"]["theirs"][1] / r["short"]["ours"][1]),
            ("50 periods, compiled", lambda r: r["long"]["theirs"][1] / r["long"]["ours"][1]),
        ):
            quartiles = np.percentile([value(row) for row in mine], [0, 25, 50, 75, 100])
            print(f"    {what:22s}" + "".join(f"{q:9.2f}" for q in quartiles))
    print("seconds more to compile, by work:")
    for row in sorted(kept, key=lambda r: r["work"] or 10**9):
        more = row["short"]["ours"][0] - row["short"]["theirs"][0]
        saved = (row["long"]["theirs"][1] - row["long"]["ours"][1]) / 50
        print(f"  {row['name']:26s} work {row['work']!s:>6s}  more {more:6.2f}  saved a period {1e3 * saved:8.3f} ms")


def main(names: list[str] | None = None) -> None:
    jax.config.update("jax_enable_compilation_cache", False)
    warnings.simplefilter("ignore")
    path = pathlib.Path("report-out/taylor_against_pairs.json")
    path.parent.mkdir(exist_ok=True)
    rows = json.loads(path.read_text()) if path.exists() else {}
    flows = names or [e.name for e in cc.systems.catalogue if e.kind == "flow" and e.period is not None]
    # Every seventh first, so that a part of the run is a fair sample.
    for name in sorted(flows, key=lambda name: flows.index(name) % 7):
        if name in rows:
            continue
        try:
            rows[name] = compared(name)
        except CocycleError as error:
            rows[name] = {"name": name, "refused": type(error).__name__ + ": " + str(error)[:80]}
        path.write_text(json.dumps(rows))
    summary(list(rows.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
