"""All learners on four series over five seeds, scored by `cocycle.compare`: `python -m benchmarks.learners_table`.

It goes on where it stopped: what is done stands in learners_table.json beside this file, with the configuration that it
was done with; `--minutes` bounds one call, and each call writes docs/learning-table.md anew. A seed is another stretch
of data and another random key. `--tune` scores on stretches and a key that the table never uses: configurations were
chosen there. The configurations are in learners_table_rows.py.
"""

import argparse
import collections
import functools
import json
import math
import os
import pathlib
import time
import warnings

import jax
import numpy as np

import cocycle as cc
from benchmarks.learners_table_rows import few, many, one

HERE = pathlib.Path(__file__).parent
KEPT, PAGE = HERE / "learners_table.json", HERE.parent / "docs" / "learning-table.md"
WORDS = HERE / "learners_table.md"
N_SEEDS = 5
AT_ONCE = 3
ROWS = {"simplex": 8000, "S-map": 4000}
TUNING = -1
HUGE = 1000
MEASURES = ("D_stsp", "D_H", "prediction error", "valid time", "valid Lyapunov times", "largest exponent")
FLOORS = ("two halves", "nearest analog", "shuffled", "truth", "data")


@functools.cache
def orbit(name):
    system = cc.systems.Lorenz63(dt=0.03) if name == "lorenz63" else cc.systems.Lorenz96(n=20, dt=0.05)
    return system, cc.trajectory(system, n_steps=260_000, progress=False).x[10_000:]


def lorenz(name, n_rows, n_test, seed):
    """Rows to learn from, rows to be judged on, step, truth; tuning has a part of the orbit of its own."""
    system, x = orbit(name)
    first, test = (200_000, 230_000) if seed == TUNING else (n_rows * seed, 170_000)
    return x[first : first + n_rows], x[test : test + n_test], float(system.dt), system


def measured(values, dt, n_rows, test, seed):
    """The same of a short series: tuning learns from the first part of what the table learns from, and sees no test."""
    x = values[:, None]
    if seed == TUNING:
        return x[: n_rows - 1500], x[n_rows - 1500 : n_rows], dt, None
    return x[100 * seed : 100 * seed + n_rows], x[test], dt, None


SERIES = {
    "Lorenz-63": (functools.partial(lorenz, "lorenz63", 20_000, 20_000), few),
    "Lorenz-96, N = 20": (functools.partial(lorenz, "lorenz96", 20_000, 8000), many),
    "laser": (lambda seed: measured(cc.data.laser(), 1.0, 5500, slice(6000, 10_000), seed), one),
    "ECG": (lambda seed: measured(cc.data.ecg(), 1 / 360, 4000, slice(4500, 7500), seed), one),
}


def batch(series, learners, seed):
    """Scores of some fits, and of the floors under their own names."""
    rows, test, dt, truth = SERIES[series][0](seed)
    models, seconds, found = {}, {}, {}
    for name, learner in learners.items():
        began = time.process_time()
        try:
            # No seed of the table is that of the tuning.
            models[name] = learner.fit(rows[: ROWS.get(name)], key=jax.random.key(1000 + seed), dt=dt, progress=False)
        except cc.CocycleError as error:
            print(f"{series}, {name}: {error}")
            found[name] = {"failed": {}}
        seconds[name] = time.process_time() - began
    if not models:
        return found
    horizon = min(512, len(test) // 16)
    options = {"n_exponent_steps": 5000, "n_vectors": 1, "horizon": horizon, "seed": max(seed, 0), "progress": False}
    table = cc.compare(models, test, truth=truth, **options)
    scores = {who: {m: float(s[m].value) for m in MEASURES if m in s} for who, s in table.scores.items()}
    floors = {who: s for who, s in scores.items() if who not in models}
    return found | {name: {name: scores[name] | {"seconds": seconds[name]}, **floors} for name in models}


def cell(values):
    """Median and half of the interquartile range; infinite scores are those of free runs that explode."""
    values = [v for v in values if not math.isnan(v)]
    if not values:
        return ""
    bad = sum(math.isinf(v) for v in values)
    if 2 * bad >= len(values):
        return f"explodes ({bad} of {len(values)})"
    finite = np.array([v for v in values if math.isfinite(v)])
    more = f" ({bad} explode)" if bad else ""
    if np.median(finite) > HUGE:
        return f"> {HUGE}"
    if len(finite) == 1:
        return f"{finite[0]:.3g}{more}"
    spread = (np.quantile(finite, 0.75) - np.quantile(finite, 0.25)) / 2
    return f"{np.median(finite):.3g} +- {spread:.1g}{more}"


def table(series, kept):
    """One series as Markdown."""
    rows = collections.defaultdict(lambda: collections.defaultdict(list))
    failed = set()
    for key, found in kept.items():
        if key.split("|")[0] != series:
            continue
        if "failed" in found:
            failed.add(key.split("|")[1])
        for who, scores in found.items():
            if who not in ("failed", "configuration"):
                for measure, value in scores.items():
                    rows[who][measure].append(value)
    if not rows:
        return []
    valid = "valid Lyapunov times" if any("valid Lyapunov times" in s for s in rows.values()) else "valid time"
    columns = ("D_stsp", "D_H", "prediction error", valid, "largest exponent", "seconds")
    lines = ["", f"## {series}", "", "| | runs | " + " | ".join(columns) + " |", "|" + " --- |" * (len(columns) + 2)]
    order = [who for who in SERIES[series][1](series) if who in rows]
    for who in order:
        # A model that explodes has no exponent: its other scores count.
        n = max(len(v) for v in rows[who].values())
        lines.append(f"| {who} | {n} | " + " | ".join(cell(rows[who][c]) for c in columns) + " |")
    for who in (f for f in FLOORS if f in rows):
        lines.append(f"| {who} | | " + " | ".join(cell(rows[who][c][:1]) for c in columns) + " |")
    return [*lines, "", "Could not be fitted: " + ", ".join(sorted(failed)) + "."] if failed else lines


def keep(kept, path):
    """Write beside, then rename: a kill leaves the old file or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(kept, indent=0) + "\n")
    os.replace(beside, path)


def page(kept):
    """Write the page: the words of learners_table.md, and the tables."""
    lines = [line for series in SERIES for line in table(series, kept)]
    PAGE.write_text(WORDS.read_text().replace("TABLES\n", "\n".join(lines).strip() + "\n"))


def tune(series, names):
    """Print scores on the stretches for tuning."""
    for name, learner in SERIES[series][1](series).items():
        if not names or name in names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores = batch(series, {name: learner}, TUNING)[name].get(name, {})
            print(f"{series}, {name}:", ", ".join(f"{m} {v:.3g}" for m, v in scores.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--series", nargs="*", default=list(SERIES))
    parser.add_argument("--learners", nargs="*")
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--page", action="store_true", help="only write the page")
    parser.add_argument("--tune", action="store_true", help="score on other stretches; nothing is kept")
    parser.add_argument(
        "--kept", type=pathlib.Path, default=KEPT, help="another file, for a second process; see --merge"
    )
    parser.add_argument("--merge", type=pathlib.Path, nargs="*", default=[], help="take over what these files keep")
    options = parser.parse_args()
    kept = json.loads(options.kept.read_text()) if options.kept.exists() else {}
    for path in options.merge:
        kept |= json.loads(path.read_text())
    end = time.monotonic() + 60 * options.minutes
    for seed in [] if options.page or options.tune else range(options.seeds):
        for series in options.series:
            rows = SERIES[series][1](series)
            names = [name for name in rows if not options.learners or name in options.learners]
            marks = {name: f"{series}|{name}|{seed}" for name in names}
            pending = [n for n in names if kept.get(marks[n], {}).get("configuration") != repr(rows[n])]
            for first in range(0, len(pending), AT_ONCE):
                if time.monotonic() > end:
                    break
                began, some = time.monotonic(), pending[first : first + AT_ONCE]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = batch(series, {name: rows[name] for name in some}, seed)
                kept |= {marks[name]: found[name] | {"configuration": repr(rows[name])} for name in some}
                print(f"{series}, seed {seed}, {', '.join(some)}: {time.monotonic() - began:.1f} s", flush=True)
                keep(kept, options.kept)
    if options.tune:
        for series in options.series:
            tune(series, options.learners)
    elif options.kept == KEPT:
        keep(kept, KEPT)
        page(kept)


if __name__ == "__main__":
    main()
