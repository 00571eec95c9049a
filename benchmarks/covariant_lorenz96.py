"""Lorenz-96, N = 40: all 40 covariant vectors at 500 times, RK4 steps of 0.02, a QR at each of 1,500 steps.

Error, apart from the timing: all codes get one recorded orbit, 2,000 steps to settle on either side; median over the 40
vectors of the sine of the angle to a reference in plain NumPy, which has 2,250 steps more on both sides and takes
half the step for state and tangents. (On orbits of their own they could not be compared: round-off parts them
within 1,000 steps.)
"""

import functools

import jax
import numpy as np
from scipy.linalg import solve_triangular

import cocycle as cc
from benchmarks.timing import Contender
from cocycle.stability import covariant_vectors

N, F, DT = 40, 8.0, 0.02
N_TRANSIENT, N_KEPT, N_SETTLE = 500, 500, 500
FIRST, MIDDLE, LAST, LENGTH = 2250, 4250, 6250, 8500


def flow():
    return cc.systems.Lorenz96(n=N, forcing=F, dt=DT, x0=F + 0.01 * np.sin(np.arange(N)))


@functools.cache
def orbit():
    return np.asarray(cc.trajectory(flow(), n_steps=LENGTH + 2000).x)[2000 - 1 : -1]


def replay(first, last, middle):
    """Our vectors at one place of the recorded orbit."""
    step = lambda x, system, w: system.step(w + x - jax.lax.stop_gradient(x), None)
    system = cc.Map(step, flow(), dt=DT, x0=orbit()[first], driven=True)
    driver = cc.Recorded(orbit()[first:last])
    options = {"n_transient": middle - first, "n_settle": last - middle - 100}
    return covariant_vectors(system, None, driver, n_steps=last - first, qr_every=1, **options).vectors[0]


def variation(x, frame):
    """Slopes of a state and of tangents (columns)."""
    return field(x), jacobian(x) @ frame


def finer_step(x, frame, n=2):
    """Tangents after one step, by n steps of RK4 for state and tangents together."""
    h = DT / n
    for _ in range(n):
        a, p = variation(x, frame)
        b, q = variation(x + h / 2 * a, frame + h / 2 * p)
        c, r = variation(x + h / 2 * b, frame + h / 2 * q)
        d, s = variation(x + h * c, frame + h * r)
        x, frame = x + h / 6 * (a + 2 * b + 2 * c + d), frame + h / 6 * (p + 2 * q + 2 * r + s)
    return frame


@functools.cache
def reference():
    """Covariant vectors at MIDDLE, as rows."""
    frame, factors = np.linalg.qr(np.random.default_rng(0).normal(size=(N, N)))[0], []
    for k in range(LENGTH):
        if k == MIDDLE:
            there = frame
        frame, r = np.linalg.qr(finer_step(orbit()[k], frame))
        factors.append(r)
    c = np.eye(N)
    for r in reversed(factors[MIDDLE:]):
        c = solve_triangular(r, c)
        c /= np.linalg.norm(c, axis=0)
    return (there @ c).T


def error_of(vectors):
    """A number from a function that gives the rows of the first frame, whatever was timed."""

    def error(timed):
        found, truth = vectors(), reference()
        overlap = np.sum(found * truth, axis=1, keepdims=True)
        return float(np.median(np.linalg.norm(found - overlap * truth, axis=1)))

    return error


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
    system, x0 = flow(), orbit()[0]
    options = {"n_steps": N_TRANSIENT + N_KEPT + N_SETTLE, "n_transient": N_TRANSIENT, "n_settle": N_SETTLE}
    call = lambda: covariant_vectors(system, x0, qr_every=1, keep_factors=keep, progress=False, **options).vectors
    name = f"cocycle, {'all factors kept' if keep else 'check points'}"
    return Contender(name, call, error_of(lambda: replay(FIRST, LAST, MIDDLE)), runs=5)


def ours_kept():
    return ours(keep=True)


def lyapynov():
    from lyapynov import CLV, ContinuousDS

    class Replay(ContinuousDS):
        at = FIRST

        def next(self):
            self.at += 1
            self.x = orbit()[self.at]

    def made(kind, x0):
        return kind(x0, 0.0, lambda x, t: field(x), lambda x, t: jacobian(x), DT)

    def recorded():
        system = made(Replay, orbit()[FIRST])
        return CLV(system, N, 0, MIDDLE - FIRST, 100, LAST - MIDDLE - 100, False)[0].T

    call = lambda: CLV(made(ContinuousDS, orbit()[0]), N, 0, N_TRANSIENT, N_KEPT, N_SETTLE, False)
    return Contender("lyapynov", call, error_of(recorded), runs=2)


def clvlib():
    from clvlib import lyap_analysis, lyap_analysis_from_ic

    f, df = lambda t, x: field(x), lambda t, x: jacobian(x)
    times = DT * np.arange(N_TRANSIENT + N_KEPT + N_SETTLE + 1)

    def recorded():
        t = DT * np.arange(LAST - FIRST)
        return lyap_analysis(f, df, orbit()[FIRST:LAST], t)[4][MIDDLE - FIRST].T

    call = lambda: lyap_analysis_from_ic(f, df, orbit()[0], times)[4]
    return Contender("clvlib (NumPy)", call, error_of(recorded), runs=2)


WORK = ("Lorenz-96 N=40, 40 covariant vectors, 1,500 steps", "s/step", N_TRANSIENT + N_KEPT + N_SETTLE)
CONTENDERS = [ours, ours_kept, lyapynov, clvlib]
