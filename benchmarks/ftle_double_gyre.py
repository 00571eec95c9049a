"""FTLE of the double gyre on 1,024 x 1,024 points, T = 15, 150 RK4 steps, differences between neighbours.

Error: median over 64 points of |value - value from DOP853 orbits of the same four neighbours|. The exact gradient by
tangents is another quantity, so its error is against tangents by DOP853.
"""

import functools

import numpy as np
from scipy.integrate import solve_ivp

import cocycle as cc
from benchmarks.timing import Contender
from cocycle.stability import Differences, Tangents, ftle_field

N, T, DT = 1024, 15.0, 0.1
A, EPS, OMEGA = 0.1, 0.1, 0.62832
N_CHECKED = 64


def velocity(t, x, y):
    a = EPS * np.sin(OMEGA * t)
    b = 1 - 2 * a
    f = (a * x + b) * x
    u = -np.pi * A * np.sin(np.pi * f) * np.cos(np.pi * y)
    return u, np.pi * A * np.cos(np.pi * f) * np.sin(np.pi * y) * (2 * a * x + b)


def axes(n):
    return np.linspace(0, 2, n), np.linspace(0, 1, n)


def stretching(xx, xy, yx, yy):
    """Log of the largest singular value of a gradient, over T."""
    a, b, c = xx**2 + yx**2, xx * xy + yx * yy, xy**2 + yy**2
    return 0.5 * np.log((a + c) / 2 + np.hypot((a - c) / 2, b)) / T


def from_ends(x, y, n):
    gx, gy = axes(n)
    return stretching(*np.gradient(x, gx, gy), *np.gradient(y, gx, gy))


@functools.cache
def checked(n, exact=False):
    """Points, and values from orbits by DOP853."""
    picks = np.random.default_rng(0).integers(1, n - 1, size=(N_CHECKED, 2))
    gx, gy = axes(n)
    truth = []
    for i, j in picks:
        hx, hy = (1e-6, 1e-6) if exact else (gx[1], gy[1])
        x = gx[i] + hx * np.array([1, -1, 0, 0])
        y = gy[j] + hy * np.array([0, 0, 1, -1])
        field = lambda t, u: np.concatenate(velocity(t, u[:4], u[4:]))
        end = solve_ivp(field, (0, T), np.concatenate([x, y]), method="DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
        ex, ey = end[:4], end[4:]
        ends = [(e[0] - e[1]) / (2 * hx) for e in (ex, ey)] + [(e[2] - e[3]) / (2 * hy) for e in (ex, ey)]
        truth.append(stretching(ends[0], ends[2], ends[1], ends[3]))
    return picks, np.array(truth)


def error_of(n, exact=False):
    def error(values):
        picks, truth = checked(n, exact)
        return float(np.median(np.abs(values[picks[:, 0], picks[:, 1]] - truth)))

    return error


def ours(n=N, threads=None, gradient=None):
    system = cc.systems.DoubleGyre(dt=DT)
    grid = {"x": (0, 2, n), "y": (0, 1, n)}
    gradient = gradient or Differences()
    call = lambda: (
        ftle_field(
            system, grid=grid, duration=T, at={"z": 0.0}, gradient=gradient, n_threads=threads, progress=False
        ).values
    )
    what = "tangents" if isinstance(gradient, Tangents) else "differences"
    name = f"cocycle, {what}, {'all cores' if threads is None else '1 core'}"
    return Contender(name, call, error_of(n, isinstance(gradient, Tangents)), runs=3)


def ours_one_core(n=N):
    return ours(n, 1)


def ours_tangents(n=N):
    return ours(n, None, Tangents())


def numpy_rk4(n=N):
    def call():
        x, y = np.meshgrid(*axes(n), indexing="ij")
        for k in range(round(T / DT)):
            t = k * DT
            u1, v1 = velocity(t, x, y)
            u2, v2 = velocity(t + DT / 2, x + DT / 2 * u1, y + DT / 2 * v1)
            u3, v3 = velocity(t + DT / 2, x + DT / 2 * u2, y + DT / 2 * v2)
            u4, v4 = velocity(t + DT, x + DT * u3, y + DT * v3)
            x = x + DT / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
            y = y + DT / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        return from_ends(x, y, n)

    return Contender("numpy, vectorised RK4", call, error_of(n), runs=1)


def numba_rk4(n=N):
    import numba

    @numba.njit(fastmath=True)
    def field(t, x, y):
        a = EPS * np.sin(OMEGA * t)
        b = 1 - 2 * a
        f = (a * x + b) * x
        u = -np.pi * A * np.sin(np.pi * f) * np.cos(np.pi * y)
        return u, np.pi * A * np.cos(np.pi * f) * np.sin(np.pi * y) * (2 * a * x + b)

    @numba.njit(parallel=True, fastmath=True)
    def ends(x, y):
        for i in numba.prange(x.size):
            p, q = x[i], y[i]
            for k in range(round(T / DT)):
                t = k * DT
                u1, v1 = field(t, p, q)
                u2, v2 = field(t + DT / 2, p + DT / 2 * u1, q + DT / 2 * v1)
                u3, v3 = field(t + DT / 2, p + DT / 2 * u2, q + DT / 2 * v2)
                u4, v4 = field(t + DT, p + DT * u3, q + DT * v3)
                p += DT / 6 * (u1 + 2 * u2 + 2 * u3 + u4)
                q += DT / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
            x[i], y[i] = p, q

    def call():
        x, y = (m.ravel() for m in np.meshgrid(*axes(n), indexing="ij"))
        x, y = x.copy(), y.copy()
        ends(x, y)
        return from_ends(x.reshape(n, n), y.reshape(n, n), n)

    return Contender("numba, parallel loop", call, error_of(n), runs=2)


WORK = (f"FTLE of the double gyre, {N:,} x {N:,} points, 150 steps", "s/point", N * N)
CONTENDERS = [ours, ours_one_core, ours_tangents, numpy_rk4, numba_rk4]
