"""Kernels and recall of HiPPO memories, and a task that needs them."""

import dataclasses

import numpy as np
import scipy.linalg
from numpy.polynomial.legendre import legvander

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import bilinear, hippo_fout, hippo_legs, hippo_legt


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        dt: step of the recall.
        duration: of the signal that is recalled.
        task_duration: of the noise that is copied.
        seed: of the noise and of the control.
    """

    dt: float = 1e-3
    duration: float = 30.0
    task_duration: float = 60.0
    seed: int = 0


SMOKE = Config(task_duration=30.0)
N_ENDS = 8
TIMES = (0.1, 0.5, 1.0, 3.0)
BAND, TASK_STEP, DELAY = 6.0, 0.005, 0.5


def slow(t: np.ndarray) -> np.ndarray:
    """The signal of LegS."""
    return np.sin(2 * t) + 0.5 * np.cos(0.7 * t)


def fast(t: np.ndarray) -> np.ndarray:
    """The signal of LegT."""
    return np.sin(7 * t) + 0.5 * np.cos(13 * t + 1)


def main(config: Config) -> Results:
    """Kernels, recall, task.

    Args:
        config: sizes.
    """
    sizes = (4, 8, 16, 32)
    legs = {n: legs_recall(config, n) for n in sizes}
    legt = {n: legt_recall(config, n) for n in sizes[:3]}
    kernel, energy = fout(32)
    rough, spread = fout(4)[0], late_share(*hippo_legs(65))
    task = {name: copying(config, name) for name in ("LegT", "LegS", "real")}
    measured = {
        "legs_kernel": legs_kernel(1.0),
        "legs_recall": legs[16],
        "time_scale": typical_recall(config, 8, 10.0),
        "legt_recall": legt[16],
        "fout_kernel": kernel,
        "fout_energy": energy,
        "copy": task["LegT"],
    }
    controls = {
        "legs_kernel": legs_kernel(-1.0),
        "legs_recall": legs[4],
        "time_scale": typical_recall(config, 8, 1.0),
        "legt_recall": legt[8],
        "fout_kernel": rough,
        "fout_energy": spread,
        "copy": task["real"],
    }
    lines = (
        Curve(np.array(sizes), np.array([legs[n] for n in sizes]), "LegS, the last 1.5 units"),
        Curve(np.array(sizes[:3]), np.array([legt[n] for n in sizes[:3]]), "LegT, its window of 1"),
    )
    plot = Plot("Recall", "states", "relative error", lines, log_x=True, log_y=True)
    return Results(measured, controls, (plot,), (f"Copying with LegS: relative error {task['LegS']:.3g}.",))


def legs_kernel(sign: float) -> float:
    """Largest error of the closed form of the kernels.

    Args:
        sign: -1 for alternating signs.
    """
    A, B = hippo_legs(16)
    n = np.arange(16)
    errors = []
    for t in TIMES:
        law = np.sqrt(2 * n + 1) * legvander(np.array([2 * np.exp(-t) - 1]), 15)[0] * np.exp(-t) * sign**n
        errors.append(np.max(np.abs(scipy.linalg.expm(t * A) @ B - law)))
    return float(max(errors))


def state_of(A: np.ndarray, B: np.ndarray, u: np.ndarray, dt: float) -> np.ndarray:
    """State after a signal, by the bilinear rule.

    Args:
        A: (N, N).
        B: (N,).
        u: (time,).
        dt: step.
    """
    step, drive = bilinear(A, B, dt)
    x = np.zeros(len(B))
    # The rule averages the input over a step.
    for value in 0.5 * (u[1:] + u[:-1]):
        x = step @ x + drive * value
    return x


def legs_recall(config: Config, n: int, slower: float = 1.0) -> float:
    """Relative error of the last 1.5 units.

    Args:
        config: sizes.
        n: states.
        slower: factor of the time scale.
    """
    t = np.arange(0, config.duration, config.dt)
    A, B = hippo_legs(n)
    x = state_of(A / slower, B / slower, slow(t), config.dt)
    s = np.arange(0, 1.5, config.dt)
    found = legvander(2 * np.exp(-s / slower) - 1, n - 1) * np.sqrt(2 * np.arange(n) + 1) @ x
    truth = slow(t[-1] - s)
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def typical_recall(config: Config, n: int, slower: float) -> float:
    """Root mean square of the error over signals that end at different phases.

    Args:
        config: sizes.
        n: states.
        slower: factor of the time scale.
    """
    ends = config.duration + np.arange(N_ENDS)
    errors = [legs_recall(dataclasses.replace(config, duration=float(end)), n, slower) for end in ends]
    return float(np.sqrt(np.mean(np.square(errors))))


def legt_recall(config: Config, n: int) -> float:
    """Relative error over the window.

    Args:
        config: sizes.
        n: states.
    """
    t = np.arange(0, 6.0, config.dt)
    A, B = hippo_legt(n)
    x = state_of(A, B, fast(t), config.dt)
    s = np.arange(0, 1.0, config.dt)
    found = legvander(1 - 2 * s, n - 1) * np.sqrt(2 * np.arange(n) + 1) @ x
    truth = fast(t[-1] - s)
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def fout(n_waves: int) -> tuple[float, float]:
    """Error of the first kernels at t = 0.3, and share of the energy after t = 1.02.

    Args:
        n_waves: cosines and sines.
    """
    A, B = hippo_fout(2 * n_waves + 1)
    law = np.array([1, np.sqrt(2) * np.cos(0.6 * np.pi), np.sqrt(2) * np.sin(0.6 * np.pi)])
    error = float(np.max(np.abs((scipy.linalg.expm(0.3 * A) @ B)[:3] - law)))
    return error, late_share(A, B)


def late_share(A: np.ndarray, B: np.ndarray) -> float:
    """Share of the energy of the kernels after t = 1.02; the integral of |K|^2 solves a Lyapunov equation.

    Args:
        A: (N, N).
        B: (N,).
    """
    gram = scipy.linalg.solve_continuous_lyapunov(A.T, -np.eye(len(B)))
    late = scipy.linalg.expm(1.02 * A) @ B
    return float(late @ gram @ late / (B @ gram @ B))


def copying(config: Config, name: str) -> float:
    """Relative error of noise, delayed by 0.5, read linearly from 32 states.

    Args:
        config: sizes.
        name: LegT, LegS or real.
    """
    rng = np.random.default_rng(config.seed)
    n = int(config.task_duration / TASK_STEP)
    spectrum = np.fft.rfft(rng.normal(size=n))
    spectrum[np.fft.rfftfreq(n, TASK_STEP) > BAND] = 0
    u = np.fft.irfft(spectrum, n)
    rates = np.exp(rng.uniform(np.log(0.5), np.log(50), 32))
    pairs = {"LegT": hippo_legt, "LegS": hippo_legs}
    A, B = pairs[name](32) if name in pairs else (-np.diag(rates), np.ones(32))
    step, drive = bilinear(A, B, TASK_STEP)
    x, rows = np.zeros(32), np.empty((n, 32))
    for k in range(n):
        x = step @ x + drive * u[k]
        rows[k] = x
    lag, warm = round(DELAY / TASK_STEP), 1000
    X, y = rows[warm:], u[warm - lag : n - lag]
    half = len(X) // 2
    gram = X[:half].T @ X[:half]
    weights = np.linalg.solve(gram + 1e-6 * np.trace(gram) / 32 * np.eye(32), X[:half].T @ y[:half])
    return float(np.linalg.norm(X[half:] @ weights - y[half:]) / np.linalg.norm(y[half:]))
