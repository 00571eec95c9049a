"""Series whose answers are known: generated here, without the library's own steppers."""

import functools
import types

import numpy as np
import pytest
from scipy.signal import lfilter


@functools.cache
def lorenz(seed=0, n=10_000, dt=0.03, n_sub=3, n_transient=500):
    def field(v):
        x, y, z = v
        return (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z)

    def moved(v, k, h):
        return tuple(a + h * b for a, b in zip(v, k, strict=True))

    state, h = tuple(np.random.default_rng(seed).normal([1, 1, 20])), dt / n_sub
    out = np.empty(n)
    for step in range(-n_transient, n):
        for _ in range(n_sub):
            k1 = field(state)
            k2 = field(moved(state, k1, h / 2))
            k3 = field(moved(state, k2, h / 2))
            k4 = field(moved(state, k3, h))
            state = tuple(
                s + h / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)
            )
        if step >= 0:
            out[step] = state[0]
    return out


@functools.cache
def henon(seed=0, n=10_000):
    x, y = np.random.default_rng(seed).uniform(-0.1, 0.1, 2)
    out = np.empty(n)
    for step in range(-500, n):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        if step >= 0:
            out[step] = x
    return out


@functools.cache
def logistic(seed=0, n=4000, r=4.0):
    if r == 4.0:  # exact conjugacy with the doubling of an angle would lose bits; iterate, as everybody does
        r = 4.0 - 1e-15
    x = np.random.default_rng(seed).uniform(0.1, 0.9)
    out = np.empty(n)
    for step in range(-500, n):
        x = r * x * (1 - x)
        if step >= 0:
            out[step] = x
    return out


def ar1(seed=0, n=3000, phi=0.9):
    return lfilter([1.0], [1.0, -phi], np.random.default_rng(seed).normal(size=n + 500))[500:]


def white(seed=0, n=3000):
    return np.random.default_rng(seed).normal(size=n)


def sine(seed=0, n=3000, noise=0.0):
    rng = np.random.default_rng(seed)
    period, phase = rng.uniform(12, 60), rng.uniform(0, 2 * np.pi)
    return np.sin(2 * np.pi * np.arange(n) / period + phase) + noise * rng.normal(size=n)


def quasi(seed=0, n=3000, noise=0.0):
    rng = np.random.default_rng(seed)
    period, golden, t = rng.uniform(15, 40), (1 + 5**0.5) / 2, np.arange(n)
    return (
        np.sin(2 * np.pi * t / period)
        + rng.uniform(0.4, 1) * np.sin(2 * np.pi * t / period / golden + 1)
        + noise * rng.normal(size=n)
    )


@pytest.fixture(scope="session")
def signals():
    return types.SimpleNamespace(
        lorenz=lorenz, henon=henon, logistic=logistic, ar1=ar1, white=white, sine=sine, quasi=quasi
    )
