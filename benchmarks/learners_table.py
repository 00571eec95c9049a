"""All learners on four series over five seeds, scored by `cocycle.compare`: `python -m benchmarks.learners_table`.

It goes on where it stopped: what is done stands in learners_table.json beside this file; `--minutes` bounds one call,
and each call writes docs/learning-table.md anew. A seed is another stretch of data and another random key.
"""

import argparse
import collections
import json
import math
import pathlib
import time
import warnings

import jax
import numpy as np

import cocycle as cc
from cocycle import learn

HERE = pathlib.Path(__file__).parent
KEPT, PAGE = HERE / "learners_table.json", HERE.parent / "docs" / "learning-table.md"
N_SEEDS = 5
AT_ONCE = 4
MEASURES = ("D_stsp", "D_H", "prediction error", "valid time", "valid Lyapunov times", "largest exponent")


def descent(n, length=50, **more):
    return learn.Descent(n_updates=n, batch_size=16, length=length, rate=5e-3, last_rate=1e-4, **more)


def washed(n=1500):
    return {"n_washout": 30, "forcing": learn.SparseForcing(8), "descent": descent(n)}


def lorenz63(seed):
    x = cc.trajectory(cc.systems.Lorenz63(dt=0.03), n_steps=26_000, progress=False).x
    return x[3000 * seed : 3000 * seed + 6000], x[20_000:24_000], 0.03, cc.systems.Lorenz63(dt=0.03)


def lorenz96(seed):
    system = cc.systems.Lorenz96(n=20, dt=0.05)
    x = cc.trajectory(system, n_steps=26_000, progress=False).x
    return x[3000 * seed : 3000 * seed + 6000], x[20_000:24_000], 0.05, system


def laser(seed):
    x = cc.data.laser()[:, None]
    return x[100 * seed : 100 * seed + 5500], x[6000:10_000], 1.0, None


def ecg(seed):
    x = cc.data.ecg()[:, None]
    return x[100 * seed : 100 * seed + 4000], x[4500:7500], 1 / 360, None


SERIES = {"Lorenz-63": lorenz63, "Lorenz-96, N = 20": lorenz96, "laser": laser, "ECG": ecg}


def learners(n_columns):
    """Configurations for data of so many columns; one column is seen through delays."""
    one, many = n_columns == 1, n_columns > 6
    delays = 8 if one else 1
    latent = 20 if one else n_columns + (10 if many else 17)
    found = {
        "NG-RC": learn.NextGenerationReservoir(n_delays=delays if one else (1 if many else 2), degree=2 if many else 3)
        if not one
        else learn.NextGenerationReservoir(n_delays=8, degree=2),
        "echo state, 300": learn.EchoState(n_units=300),
        "linear": learn.LinearAutoregression(n_delays=max(3, delays)),
        "simplex": learn.Simplex(n_delays=max(1, delays // 2)),
        "S-map": learn.SMap(n_delays=6 if one else 1),
        "DMD": learn.DMD(n_delays=max(3, delays)),
        "EDMD": learn.EDMD(degree=None, n_centres=200),
        "HAVOK": learn.HAVOK(n_delays=40 if one else 8, rank=12),
        "Gaussian process": learn.GaussianProcess(n_delays=delays, n_points=300),
        "PLRNN": learn.PLRNN(
            n_hidden=50, n_latent=latent, forcing=learn.GeneralisedForcing(0.3), descent=descent(2000)
        ),
        "AL-RNN": learn.AlmostLinearRNN(
            n_latent=latent, n_relu=4, forcing=learn.SparseForcing(8), descent=descent(2000, noise=0.05)
        ),
        "GRU": learn.GRU(n_hidden=32, **washed()),
        "LSTM": learn.LSTM(n_hidden=32, **washed()),
        "S4D": learn.S4D(n_channels=12, n_pairs=4, **washed(1000)),
        "S5": learn.S5(n_channels=16, n_pairs=16, **washed(1000)),
        "neural CDE": learn.NeuralCDE(n_hidden=12, descent=descent(1000)),
        "Koopman autoencoder": learn.KoopmanAutoencoder(n_latent=12, descent=descent(1500, 32)),
        "neural SDE": learn.NeuralSDE(n_hidden=32, descent=descent(2000)),
    }
    if one:
        found["Langevin memory"] = learn.GeneralisedLangevin(n_modes=2)
    else:
        found["SINDy"] = learn.SINDy(degree=2, formulation=learn.WeakForm() if n_columns < 4 else learn.Derivatives())
        found["neural ODE"] = learn.NeuralODE(n_hidden=32, descent=descent(1500, 20))
    return found


def batch(series, names, seed):
    """Scores of some fits, and of the floors under their own names."""
    rows, test, dt, truth = SERIES[series](seed)
    models, seconds, failed = {}, {}, {}
    for name in names:
        began = time.perf_counter()
        try:
            model = learners(rows.shape[1])[name].fit(rows, key=jax.random.key(seed), dt=dt, progress=False)
        except cc.CocycleError as error:
            print(f"{series}, {name}: {error}")
            failed[name] = {"failed": {}}
            continue
        models[name], seconds[name] = model, time.perf_counter() - began
    if not models:
        return failed
    options = {"n_exponent_steps": 3000, "n_vectors": 1, "horizon": 256, "seed": seed, "progress": False}
    table = cc.compare(models, test, truth=truth, **options)
    scores = {who: {m: float(s[m].value) for m in MEASURES if m in s} for who, s in table.scores.items()}
    floors = {who: s for who, s in scores.items() if who not in models}
    return failed | {name: {name: scores[name] | {"seconds": seconds[name]}, **floors} for name in models}


def cell(values):
    """Median and half of the interquartile range."""
    if not values:
        return ""
    bad = sum(not math.isfinite(v) for v in values)
    if 2 * bad >= len(values):
        return f"explodes ({bad} of {len(values)})"
    finite = np.array([v for v in values if math.isfinite(v)])
    if len(finite) == 1:
        return f"{finite[0]:.3g}" + (f" ({bad} explode)" if bad else "")
    spread = (np.quantile(finite, 0.75) - np.quantile(finite, 0.25)) / 2
    return f"{np.median(finite):.3g} +- {spread:.1g}" + (f" ({bad} explode)" if bad else "")


def page(kept):
    """The tables as Markdown."""
    lines = [
        "# All learners on four series",
        "",
        "Made by `python -m benchmarks.learners_table` (it goes on where it stopped). Median and half of the",
        "interquartile range over seeds; a seed is another stretch of data and another random key. Small training",
        "sizes, default options but for those in `benchmarks/learners_table.py`: no search. Scores of `compare` on",
        "2,000 rows (ECG 1,500) not learned from; smaller is better but for the times. The last rows are the floors.",
        "Forecasts are 256 rows long, so valid times end there. One run has no spread.",
        "Published tables use 100,000 rows and more, so they are not comparable with these: compare with the floors.",
    ]
    for series in SERIES:
        rows = collections.defaultdict(lambda: collections.defaultdict(list))
        for key, found in kept.items():
            if key.split("|")[0] == series:
                for who, scores in found.items():
                    for measure, value in scores.items():
                        rows[who][measure].append(value)
        if not rows:
            continue
        valid = "valid Lyapunov times" if any("valid Lyapunov times" in s for s in rows.values()) else "valid time"
        columns = ("D_stsp", "D_H", "prediction error", valid, "largest exponent", "seconds")
        lines += [
            "",
            f"## {series}",
            "",
            "| | runs | " + " | ".join(columns) + " |",
            "|" + " --- |" * (len(columns) + 2),
        ]
        floors = ("two halves", "nearest analog", "shuffled", "truth", "data")
        ours = [who for who in rows if who not in floors and who != "failed"]
        for who in [*ours, *(f for f in floors if f in rows)]:
            # A model that explodes has no exponent: its other scores count.
            n = max(len(v) for v in rows[who].values()) if who not in floors else 1
            texts = [cell(rows[who][c] if who not in floors else rows[who][c][:1]) for c in columns]
            texts = [t.split(" +- ")[0] if who in floors else t for t in texts]
            lines.append(f"| {who} | {n if who not in floors else ''} | " + " | ".join(texts) + " |")
        failed = sorted({key.split("|")[1] for key, f in kept.items() if key.startswith(series) and "failed" in f})
        if failed:
            lines += ["", "Could not be fitted: " + ", ".join(failed) + "."]
    PAGE.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--series", nargs="*", default=list(SERIES))
    parser.add_argument("--learners", nargs="*")
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--page", action="store_true", help="only write the page")
    options = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    end = time.monotonic() + 60 * options.minutes
    for series in [] if options.page else options.series:
        names = options.learners or list(learners(SERIES[series](0)[0].shape[1]))
        for seed in range(options.seeds):
            pending = [name for name in names if f"{series}|{name}|{seed}" not in kept]
            for first in range(0, len(pending), AT_ONCE):
                if time.monotonic() > end:
                    break
                began, some = time.monotonic(), pending[first : first + AT_ONCE]
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    kept |= {f"{series}|{name}|{seed}": found for name, found in batch(series, some, seed).items()}
                print(f"{series}, seed {seed}, {', '.join(some)}: {time.monotonic() - began:.1f} s", flush=True)
                KEPT.write_text(json.dumps(kept, indent=0) + "\n")
    page(kept)


if __name__ == "__main__":
    main()
