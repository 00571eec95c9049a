"""A Lorenz orbit of 10^6 RK4 steps, all states kept. Error: distance to ours after 500 steps (before chaos)."""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N_STEPS, DT = 1_000_000, 0.01
X0 = np.array([1.0, 2.0, 20.0])
REFERENCE: dict[str, np.ndarray] = {}


def error(orbit):
    return float(np.max(np.abs(orbit[:500] - REFERENCE["x"])))


def ours() -> Contender:
    system = cc.systems.Lorenz63(dt=DT, x0=X0)
    REFERENCE["x"] = cc.trajectory(system, n_steps=500).x
    return Contender("cocycle", lambda: cc.trajectory(system, n_steps=N_STEPS).x, error)


def numba_loop() -> Contender:
    import numba

    @numba.njit
    def field(u, sigma, rho, beta):
        return np.array([sigma * (u[1] - u[0]), u[0] * (rho - u[2]) - u[1], u[0] * u[1] - beta * u[2]])

    @numba.njit
    def plain(u, n, dt, sigma, rho, beta):
        out = np.empty((n, 3))
        for i in range(n):
            k1 = field(u, sigma, rho, beta)
            k2 = field(u + dt / 2 * k1, sigma, rho, beta)
            k3 = field(u + dt / 2 * k2, sigma, rho, beta)
            k4 = field(u + dt * k3, sigma, rho, beta)
            u = u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            out[i] = u
        return out

    return Contender("numba, arrays", lambda: plain(X0, N_STEPS, DT, 10.0, 28.0, 8 / 3), error, runs=3)


def numba_by_hand() -> Contender:
    import numba

    @numba.njit(inline="always")
    def field(x, y, z, s, r, b):
        return s * (y - x), x * (r - z) - y, x * y - b * z

    @numba.njit
    def unrolled(u, n, dt, s, r, b):
        out = np.empty((n, 3))
        x, y, z = u
        h = dt / 2
        for i in range(n):
            a1, b1, c1 = field(x, y, z, s, r, b)
            a2, b2, c2 = field(x + h * a1, y + h * b1, z + h * c1, s, r, b)
            a3, b3, c3 = field(x + h * a2, y + h * b2, z + h * c2, s, r, b)
            a4, b4, c4 = field(x + dt * a3, y + dt * b3, z + dt * c3, s, r, b)
            x += dt / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            y += dt / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
            z += dt / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
            out[i, 0], out[i, 1], out[i, 2] = x, y, z
        return out

    return Contender("numba, scalars by hand", lambda: unrolled(X0, N_STEPS, DT, 10.0, 28.0, 8 / 3), error)


WORK = ("Lorenz-63 orbit, RK4, 10^6 states", "s/step", N_STEPS)
CONTENDERS = [ours, numba_by_hand, numba_loop]
