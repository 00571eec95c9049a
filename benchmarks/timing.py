"""Interleaved timing of several contenders on one workload."""

import dataclasses
import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes:
        name: package and method.
        call: does the work once and returns the result, ready to compare.
        error: from the result to a number.
        runs: timed runs; the peers that take minutes get fewer.
    """

    name: str
    call: Callable[[], Any]
    error: Callable[[Any], float]
    runs: int = 7


def compare(title: str, contenders: list[Contender], *, unit: str, per: float) -> dict[str, dict]:
    """Time all contenders in turn, print a table, return the rows.

    The first call of each is its cold start and is printed apart. Ratios are medians of paired ratios against
    the first contender, so that a machine whose speed drifts does not favour one of them.
    """
    logging.disable(logging.INFO)  # one of the peers turns on the log of everything
    cold, times, results = {}, {c.name: [] for c in contenders}, {}
    for c in contenders:
        began = time.perf_counter()
        results[c.name] = c.call()
        cold[c.name] = time.perf_counter() - began
    for i in range(max(c.runs for c in contenders)):
        for c in contenders:
            if i < c.runs:
                began = time.perf_counter()
                results[c.name] = c.call()
                times[c.name].append(time.perf_counter() - began)
    first = contenders[0].name
    print(f"\n{title}")
    print(f"  {'':34s} {'cold s':>8s} {'median s':>10s} {unit:>12s} {'error':>10s} {'ratio':>8s}")
    rows = {}
    for c in contenders:
        pairs = [b / a for a, b in zip(times[first], times[c.name], strict=False)]
        row = {
            "cold": cold[c.name],
            "median": statistics.median(times[c.name]),
            "error": c.error(results[c.name]),
            "ratio": statistics.median(pairs),
        }
        rows[c.name] = row
        print(
            f"  {c.name:34s} {row['cold']:8.2f} {row['median']:10.4g} {row['median'] / per:12.4g} "
            f"{row['error']:10.2e} {row['ratio']:8.2f}"
        )
    return rows


def largest_difference(truth: Any) -> Callable[[Any], float]:
    """Error of an array: largest absolute difference from the truth."""
    return lambda found: float(np.max(np.abs(np.asarray(found, dtype=float) - truth)))
