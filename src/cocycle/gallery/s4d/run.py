"""Diagonal forms of LegS: frequencies, responses, kernels, and what a readout of them remembers."""

import dataclasses

import numpy as np
import scipy.signal

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import (
    AbstractDiagonal,
    InverseDiagonal,
    LegSDiagonal,
    LinearDiagonal,
    QuadraticDiagonal,
    RealDiagonal,
    frequency_response,
    hippo_legs,
    hippo_normal,
    zero_order_hold,
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_large: states where the limit of many is looked at.
        n_steps: of the recurrence.
        seed: of its input and readout.
    """

    n_large: int = 256
    n_steps: int = 4096
    seed: int = 0


SMOKE = Config()
STARTS = {
    "LegS": LegSDiagonal(),
    "inverse": InverseDiagonal(),
    "linear": LinearDiagonal(),
    "quadratic": QuadraticDiagonal(),
    "real": RealDiagonal(),
}


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    n = config.n_large
    linear = LinearDiagonal().eigenvalues(n // 2).imag.max()
    recall = {name: delay_error(start) for name, start in STARTS.items()}
    measured = {
        "largest_frequency": n**2 / np.pi - hippo_normal(n)[0].imag.max(),
        "response_identity": identity_error(0.5),
        "kernel_distance": kernel_distance(n),
        "recurrence": recurrence_error(config, exact=True),
        "start_inverse": recall["inverse"],
        "start_legs": recall["LegS"],
    }
    controls = {
        "largest_frequency": n**2 / np.pi - linear,
        "response_identity": identity_error(1.0),
        "kernel_distance": sine_distance(n),
        "recurrence": recurrence_error(config, exact=False),
        "start_inverse": recall["quadratic"],
        "start_legs": recall["real"],
    }
    sizes = np.array([16, 32, 64, 128, n])
    lines = (
        Curve(sizes, np.array([kernel_distance(int(k)) for k in sizes]), "first kernel"),
        Curve(sizes, np.array([sine_distance(int(k)) for k in sizes]), "response to sin t"),
    )
    plot = Plot("Diagonal form against LegS", "states", "relative distance", lines, log_x=True, log_y=True)
    notes = ("Readout of a delay: " + ", ".join(f"{name} {value:.3f}" for name, value in recall.items()) + ".",)
    return Results(
        {k: float(v) for k, v in measured.items()}, {k: float(v) for k, v in controls.items()}, (plot,), notes
    )


def identity_error(share: float) -> float:
    """Largest error of the identity of responses.

    Args:
        share: of B that the diagonal form gets; a half is right.
    """
    n, w = 64, np.array([1.0, 10.0, 100.0])
    values, drive, V = hippo_normal(n)
    whole = frequency_response(*hippo_legs(n), w)
    part = 2 * share * frequency_response(values, drive, w) @ V.T
    return float(np.max(np.abs(np.abs(whole / part - 1) - (w / np.hypot(w, n))[:, None])))


def kernel_distance(n: int) -> float:
    """Relative L2 distance of the first kernel, exp(-t), from that of the diagonal form; integrals in closed form.

    Args:
        n: states.
    """
    values, drive, V = hippo_normal(n)
    c = V[0] * drive
    both = np.sum(c / (1 - values)).real
    square = np.sum(np.outer(c, c.conj()) / -(values[:, None] + values.conj()[None])).real
    return float(np.sqrt((0.5 - 2 * both + square) / 0.5))


def sine_distance(n: int) -> float:
    """Relative distance of the responses to sin t.

    Args:
        n: states.
    """
    values, drive, V = hippo_normal(n)
    w = np.array([1.0])
    whole = frequency_response(*hippo_legs(n), w)[0, 0]
    part = (V[0] * frequency_response(values, drive, w)[0]).sum()
    return float(abs(part - whole) / abs(part))


def recurrence_error(config: Config, *, exact: bool) -> float:
    """Largest difference between a recurrence and the convolution with the kernel of the zero-order hold.

    Args:
        config: sizes.
        exact: whether the recurrence is that of the zero-order hold; else of the bilinear rule.
    """
    rng, dt = np.random.default_rng(config.seed), 0.01
    rates = InverseDiagonal().eigenvalues(32)
    C = rng.normal(size=32) + 1j * rng.normal(size=32)
    u = rng.normal(size=config.n_steps)
    ahead, drive = zero_order_hold(rates, np.ones(32), dt)
    kernel = 2 * (C * drive * ahead ** np.arange(config.n_steps)[:, None]).sum(axis=1).real
    if not exact:
        ahead, drive = (1 + dt / 2 * rates) / (1 - dt / 2 * rates), dt / (1 - dt / 2 * rates)
    x, y = np.zeros(32, dtype=complex), np.empty(config.n_steps)
    for k in range(config.n_steps):
        x = ahead * x + drive * u[k]
        y[k] = 2 * (C @ x).real
    return float(np.max(np.abs(y - scipy.signal.fftconvolve(u, kernel)[: config.n_steps])))


def delay_error(start: AbstractDiagonal) -> float:
    """Relative error of a readout of u(t - 2) for noise with |w| <= 20, by regularised least squares over frequencies.

    Args:
        start: eigenvalues.
    """
    w = np.arange(0, 20.005, 0.01)
    A = start.eigenvalues(32)
    plus, minus = 1 / (1j * w[:, None] - A), 1 / (1j * w[:, None] - A.conj())
    columns = np.concatenate([plus + minus, 1j * (plus - minus)], axis=1)
    target = np.exp(-2j * w)
    X, y = (np.concatenate([np.real(v), np.imag(v)]) for v in (columns, target))
    weights = np.linalg.solve(X.T @ X + 1e-3 * len(w) * np.eye(64), X.T @ y)
    return float(np.linalg.norm(X @ weights - y) / np.linalg.norm(y))
