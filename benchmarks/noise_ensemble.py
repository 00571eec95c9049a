"""An ensemble of a stochastic double well: 4,096 paths of 5,000 steps, ends kept. Error: E x^2 against quadrature."""

import jax
import numpy as np
from scipy.integrate import quad

import cocycle as cc
from benchmarks.timing import Contender
from cocycle.stability.random import ensemble

N_PATHS, N_STEPS, DT, SIGMA = 4096, 5000, 0.01, 0.7


def density(x):
    return np.exp((x**2 - x**4 / 2) / SIGMA**2)


EXACT = quad(lambda x: x**2 * density(x), -5, 5)[0] / quad(density, -5, 5)[0]


def error(x):
    return abs(float(np.mean(np.asarray(x) ** 2)) - EXACT)


def ours(n_workers, name) -> Contender:
    system, driver = cc.systems.DoubleWell(sigma=SIGMA, dt=DT), cc.Brownian(jax.random.key(0))

    def call():
        options = {"n_paths": N_PATHS, "n_steps": N_STEPS, "save_every": N_STEPS, "n_workers": n_workers}
        return ensemble(system, 1.0, driver, **options).final

    return Contender(name, call, error, runs=5)


def both_cores() -> Contender:
    return ours(None, "cocycle, a thread for each core")


def one_core() -> Contender:
    return ours(1, "cocycle, one thread")


def plain_numpy() -> Contender:
    def call():
        random, x = np.random.default_rng(0), np.ones(N_PATHS)
        for _ in range(N_STEPS):
            x = x + (x - x**3) * DT + SIGMA * np.sqrt(DT) * random.standard_normal(N_PATHS)
        return x

    return Contender("numpy, all paths at once", call, error, runs=3)


def numba_loop() -> Contender:
    import numba

    @numba.njit(parallel=True)
    def paths(n_paths, n_steps, dt, sigma):
        out = np.empty(n_paths)
        for i in numba.prange(n_paths):
            x = 1.0
            for _ in range(n_steps):
                x += (x - x * x * x) * dt + sigma * np.sqrt(dt) * np.random.normal()
            out[i] = x
        return out

    return Contender("numba, parallel loop by hand", lambda: paths(N_PATHS, N_STEPS, DT, SIGMA), error, runs=5)


WORK = ("Double well, 4,096 noisy paths of 5,000 steps", "s/step", N_PATHS * N_STEPS)
CONTENDERS = [both_cores, one_core, plain_numpy, numba_loop]
