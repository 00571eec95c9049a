"""Echo state network of 500 units on 10,000 rows of Lorenz-63: fit, then a free run of 5,000 steps.

Ours with the fixed penalty that reservoirpy gets, the same spectral radius, density and scales. Error: root mean square
of the first 50 rows of the free run, in standard deviations (the networks are random, so orders of magnitude count).
"""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N_UNITS, N_ROWS, N_FREE, DT = 500, 10_000, 5_000, 0.03
PENALTY = 1e-8


def data():
    x = cc.trajectory(cc.systems.Lorenz63(dt=DT), n_steps=N_ROWS + N_FREE).x
    centre, scale = x[:N_ROWS].mean(axis=0), x[:N_ROWS].std(axis=0)
    return (x - centre) / scale


def error(free):
    """Root mean square error of the first 50 rows of the free run."""
    x = data()[N_ROWS : N_ROWS + 50]
    return float(np.sqrt(np.mean((np.asarray(free)[:50] - x) ** 2)))


def ours() -> Contender:
    import jax

    x = data()
    learner = cc.learn.EchoState(
        n_units=N_UNITS, n_links=10, spectral_radius=0.9, input_scale=0.3, bias_scale=1.0, ridge=PENALTY / N_ROWS
    )

    def work():
        model = learner.fit(x[:N_ROWS], key=jax.random.key(0), dt=DT)
        return model.forecast(None, N_FREE, progress=False).x

    return Contender("cocycle EchoState", work, error)


def reservoirpy() -> Contender:
    import reservoirpy as rpy
    from reservoirpy.nodes import Reservoir, Ridge

    if hasattr(rpy, "verbosity"):
        rpy.verbosity(0)
    x, rng = data(), np.random.default_rng(0)

    def work():
        options = {"lr": 1.0, "sr": 0.9, "rc_connectivity": 10 / N_UNITS, "input_connectivity": 1.0, "seed": 0}
        options |= {"bias": rng.uniform(-1, 1, N_UNITS)}
        model = Reservoir(N_UNITS, input_scaling=0.3, **options) >> Ridge(ridge=PENALTY)
        model = model.fit(x[: N_ROWS - 1], x[1:N_ROWS], warmup=100)
        last, rows = x[N_ROWS - 1], np.empty((N_FREE, 3))
        for k in range(N_FREE):
            last = np.asarray(model(last)).ravel()
            rows[k] = last
        return rows

    return Contender("reservoirpy", work, error, runs=3)


WORK = ("Echo state network, 500 units: fit 10,000 rows, run 5,000", "s/row", N_ROWS + N_FREE)
CONTENDERS = [ours, reservoirpy]
