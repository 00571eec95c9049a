"""A quench with exponential memory, seen by an ensemble of runs; memory capacity of small reservoirs."""

import dataclasses

import numpy as np

from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results

KAPPA, TAU, BEFORE, AFTER, DT, DURATION = 2.0, 1.0, 1.0, 5.0, 0.01, 6.0
N_DELAYS, WASHOUT = 120, 500


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_runs: of the ensemble.
        n_inputs: of the reservoirs.
        seed: of all noise.
    """

    n_runs: int = 40_000
    n_inputs: int = 60_000
    seed: int = 0


SMOKE = Config(n_runs=20_000, n_inputs=20_000)


def main(config: Config) -> Results:
    """Both parts.

    Args:
        config: sizes.
    """
    v = quench(config)
    n = v.shape[0]
    ensemble = np.mean(v * v[:1], axis=1)
    t = DT * np.arange(n)
    law = KAPPA * TAU * -np.expm1(-t / TAU)
    found, wrong = running_memory(ensemble), running_memory(over_time(v))
    counted = slice(1, int(2 / DT))
    error, other = (float(np.sqrt(np.mean((g - law)[counted] ** 2)) / KAPPA) for g in (found, wrong))
    last, first = v[-1] ** 2, v[0] ** 2
    sizes = (5, 10, 20)
    linear = {k: capacity(config, k, linear=True) for k in sizes}
    bent = {k: capacity(config, k, linear=False) for k in sizes}
    measured = {
        "ensemble": error,
        "relaxed": Estimate(float(last.mean()), float(last.std() / np.sqrt(v.shape[1]))),
        "capacity_linear": linear[10],
    }
    controls = {
        "ensemble": other,
        "relaxed": Estimate(float(first.mean()), float(first.std() / np.sqrt(v.shape[1]))),
        "capacity_linear": bent[10],
    }
    lines = (
        Curve(t, found, "ensemble"),
        Curve(t, wrong, "time averages"),
        Curve(t, law, "exact", dashed=True),
    )
    capacities = (
        Curve(np.array(sizes), np.array([linear[k] for k in sizes]), "linear"),
        Curve(np.array(sizes), np.array([bent[k] for k in sizes]), "tanh, strong drive"),
    )
    plots = (
        Plot("Running memory after a quench", "time", "G", lines),
        Plot("Memory capacity", "units", "inputs remembered", capacities),
    )
    return Results(measured, controls, plots)


def quench(config: Config) -> np.ndarray:
    """Velocities (time, runs) after a quench; half steps of the rotation about an exact step of the noise.

    Args:
        config: sizes and seed.
    """
    rng = np.random.default_rng(config.seed)
    n = round(DURATION / DT)
    v = np.sqrt(BEFORE) * rng.normal(size=config.n_runs)
    z = np.sqrt(KAPPA * AFTER) * rng.normal(size=config.n_runs)
    c, s = np.cos(np.sqrt(KAPPA) * DT / 2), np.sin(np.sqrt(KAPPA) * DT / 2)
    decay, root = np.exp(-DT / TAU), np.sqrt(KAPPA)
    kick = np.sqrt(KAPPA * AFTER * (1 - decay**2))
    rows = np.empty((n + 1, config.n_runs))
    rows[0] = v
    for k in range(n):
        v, z = c * v + s / root * z, -root * s * v + c * z
        z = decay * z + kick * rng.normal(size=config.n_runs)
        v, z = c * v + s / root * z, -root * s * v + c * z
        rows[k + 1] = v
    return rows


def over_time(v: np.ndarray) -> np.ndarray:
    """Correlation averaged over time origins of the transient too, as if it were stationary.

    Args:
        v: (time, runs).
    """
    n, some = len(v), v[:, :4000]
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(some, size, axis=0)) ** 2
    return np.mean(np.fft.irfft(spectrum, size, axis=0)[:n], axis=1) / (n - np.arange(n))


def running_memory(c: np.ndarray) -> np.ndarray:
    """G from C(t) - C(0) = -int_0^t G(t - s) C(s) ds, trapezoidal rule.

    Args:
        c: correlation at steps of DT.
    """
    g, left = np.zeros(len(c)), c[0] - c
    for i in range(1, len(c)):
        g[i] = 2 * (left[i] / DT - g[1:i] @ c[i - 1 : 0 : -1]) / c[0]
    smooth = g.copy()
    smooth[1:-1] = 0.5 * (g[1:-1] + 0.5 * (g[:-2] + g[2:]))
    return smooth


def capacity(config: Config, n_units: int, *, linear: bool) -> float:
    """Sum over delays of the squared correlation of an input with the best linear readout of it.

    Args:
        config: sizes and seed.
        n_units: of the reservoir.
        linear: whether its units are.
    """
    rng = np.random.default_rng(config.seed + n_units)
    W = rng.normal(size=(n_units, n_units))
    W *= 0.8 / np.abs(np.linalg.eigvals(W)).max()
    w_in = rng.uniform(-1, 1, n_units) * (1.0 if linear else 3.0)
    u = rng.uniform(-1, 1, config.n_inputs)
    x, rows = np.zeros(n_units), np.empty((config.n_inputs, n_units))
    for k in range(config.n_inputs):
        x = W @ x + w_in * u[k]
        x = x if linear else np.tanh(x)
        rows[k] = x
    X = rows[WASHOUT:] - rows[WASHOUT:].mean(axis=0)
    q = np.linalg.qr(X)[0]
    total = 0.0
    for delay in range(N_DELAYS):
        y = u[WASHOUT - delay : config.n_inputs - delay]
        y = y - y.mean()
        total += float(np.sum((q.T @ y) ** 2) / (y @ y))
    # Chance correlation adds units / samples for each delay.
    return total - N_DELAYS * n_units / len(X)
