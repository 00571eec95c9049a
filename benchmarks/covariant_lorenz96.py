"""Lorenz-96, N = 40: all 40 covariant vectors at 500 times, RK4 steps of 0.02, a QR at each of 1,500 steps.

Error: median over the 40 vectors of the sine of the angle to a converged reference, at the first of those times: later
the orbits of different codes part. The reference begins 2,000 steps earlier and settles over 2,000 steps more.
"""

import functools

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender
from cocycle.stability import covariant_vectors

N, F, DT = 40, 8.0, 0.02
N_TRANSIENT, N_KEPT, N_SETTLE = 500, 500, 500
N_EARLIER = 2000


@functools.cache
def first_state():
    system = cc.systems.Lorenz96(n=N, forcing=F, dt=DT, x0=F + 0.01 * np.sin(np.arange(N)))
    early = cc.run(system, n_steps=2000)
    return early, np.asarray(cc.run(system, early, n_steps=N_EARLIER))


@functools.cache
def reference():
    early, _ = first_state()
    system = cc.systems.Lorenz96(n=N, forcing=F, dt=DT)
    found = covariant_vectors(
        system, early, n_steps=6500, n_transient=N_EARLIER + N_TRANSIENT, n_settle=3500, qr_every=1, save_every=500
    )
    return found.vectors[0]


def error(vectors):
    """Rows of the first frame against the reference."""
    truth = reference()
    overlap = np.sum(vectors * truth, axis=1, keepdims=True)
    return float(np.median(np.linalg.norm(vectors - overlap * truth, axis=1)))


def field(x):
    return (np.roll(x, -1) - np.roll(x, 2)) * np.roll(x, 1) - x + F


INDEX = np.arange(N)


def jacobian(x):
    out = np.zeros((N, N))
    out[INDEX, (INDEX + 1) % N] = np.roll(x, 1)
    out[INDEX, INDEX - 2] = -np.roll(x, 1)
    out[INDEX, INDEX - 1] = np.roll(x, -1) - np.roll(x, 2)
    out[INDEX, INDEX] = -1.0
    return out


def ours(keep=False):
    system = cc.systems.Lorenz96(n=N, forcing=F, dt=DT)
    x0 = first_state()[1]
    options = {"n_steps": N_TRANSIENT + N_KEPT + N_SETTLE, "n_transient": N_TRANSIENT, "n_settle": N_SETTLE}
    call = lambda: covariant_vectors(system, x0, qr_every=1, keep_factors=keep, progress=False, **options).vectors[0]
    return Contender(f"cocycle, {'all factors kept' if keep else 'check points'}", call, error, runs=5)


def ours_kept():
    return ours(keep=True)


def lyapynov():
    from lyapynov import CLV, ContinuousDS

    def call():
        system = ContinuousDS(first_state()[1], 0.0, lambda x, t: field(x), lambda x, t: jacobian(x), DT)
        return CLV(system, N, 0, N_TRANSIENT, N_KEPT, N_SETTLE, False)[0].T

    return Contender("lyapynov", call, error, runs=2)


def clvlib():
    from clvlib import lyap_analysis_from_ic

    times = DT * np.arange(N_TRANSIENT + N_KEPT + N_SETTLE + 1)

    def call():
        found = lyap_analysis_from_ic(lambda t, x: field(x), lambda t, x: jacobian(x), first_state()[1], times)
        return found[4][N_TRANSIENT].T

    return Contender("clvlib (NumPy)", call, error, runs=2)


WORK = ("Lorenz-96 N=40, 40 covariant vectors, 1,500 steps", "s/step", N_TRANSIENT + N_KEPT + N_SETTLE)
CONTENDERS = [ours, ours_kept, lyapynov, clvlib]
