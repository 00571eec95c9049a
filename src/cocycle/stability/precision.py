"""What limits a computed exponent: the interval between orthonormalisations, the step, and the tangents themselves."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import AccuracyWarning
from cocycle.stability.frames import dimension, push_frame
from cocycle.steppers import AbstractTangentStepper, Flow

MAX_INTERVAL = 20
BLIND_INTERVAL = 10
N_CHECKED = 64
MAX_CHECKED = 64
EPS = float(np.finfo(float).eps)


def relative_precision(system: Any) -> float:
    """Relative precision of a pushed tangent vector: the tolerance of an adaptive stepper, else round-off."""
    return float(getattr(getattr(system, "stepper", None), "rtol", EPS))


def spread(log_rows: np.ndarray) -> np.ndarray:
    """Difference of the largest and smallest log stretching of each row, killed directions aside."""
    finite = np.isfinite(log_rows)
    top = np.max(np.where(finite, log_rows, -np.inf), axis=1)
    bottom = np.min(np.where(finite, log_rows, np.inf), axis=1)
    return np.where(finite.any(axis=1), top - bottom, 0.0)


def interval_for(system: Any, pilot: np.ndarray | None = None) -> int:
    """Steps between orthonormalisations: as many, up to 20, as keep the smallest stretching readable.

    The stretching of the weakest direction is read off a frame whose vectors differ by the factor exp(spread), so
    its relative error is the precision times that factor. It is held below 1e-6 in the worst row of the pilot,
    at round-off, or below 1e-2 where an adaptive stepper's tolerance is all there is.

    Args:
        system: the system.
        pilot: log stretching per step (rows, K), from orthonormalisation at every step.

    Returns:
        Number of steps.
    """
    precision = relative_precision(system)
    if pilot is None or not len(pilot):
        return BLIND_INTERVAL if precision <= EPS and hasattr(system, "stepper") else 1
    worst = float(np.max(spread(pilot)))
    budget = math.log((1e-6 if precision <= EPS else 1e-2) / precision)
    return int(np.clip(budget / max(worst, 1e-9), 1, MAX_INTERVAL))


@eqx.filter_jit
def _jacobian(system: Any, driver: Any, x: Any, n: Any) -> Any:
    """Matrix of the tangent map of step n, by rows; small, since it is compiled anew for every system."""
    return push_frame(system, x, driver.at(n), jnp.eye(dimension(x)))[1]


def volume_residual(
    system: Any, driver: Any, x: Any, frame: Any, n: int, n_steps: int, advance: Callable[[Any, Any, int], tuple]
) -> float:
    """Largest difference, over up to 64 steps, of sum log|R_ii| and log|det| of the step's own Jacobian matrix.

    The Jacobian is pushed column by column and its determinant taken by LU, so the two numbers share only the step.

    Args:
        system: the system.
        driver: its driver.
        x: state to begin with.
        frame: orthonormal rows (K, D).
        n: number of the first step.
        n_steps: steps at hand.
        advance: the step under test: (state, frame, step number) to the next two and the log stretching (K,).

    Returns:
        The difference [nats], NaN if K < D.
    """
    if frame.shape[0] != dimension(x) or frame.shape[0] > MAX_CHECKED:
        return math.nan
    worst = 0.0
    for i in range(n, n + min(N_CHECKED, n_steps)):
        log_volume = float(np.linalg.slogdet(np.asarray(_jacobian(system, driver, x, jnp.asarray(i))))[1])
        x, frame, log_r = advance(x, frame, i)
        if not np.isfinite(log_volume):
            continue
        worst = max(worst, abs(float(np.sum(log_r)) - log_volume))
    return worst


def check_accuracy(system: Any, spectrum: Any, every: int, chosen: bool) -> None:
    """Warn where the interval or the step is too long for the exponents that were found.

    Args:
        system: the system.
        spectrum: the result.
        every: steps between orthonormalisations.
        chosen: True if the caller, not a pilot, chose `every`.
    """
    if chosen and every > 1 and np.isneginf(spectrum.local).any():
        warnings.warn(
            f"a direction is killed, or shrinks by more than 1e-15 within qr_every={every} steps and is lost in "
            "round-off. Take qr_every=1 to tell the two apart.",
            AccuracyWarning,
            stacklevel=4,
        )
    log_rows = np.asarray(spectrum.local) * spectrum.interval
    widest = float(np.max(spread(log_rows)))
    if widest + math.log(relative_precision(system)) > math.log(0.1):
        warnings.warn(
            f"between orthonormalisations {every} steps apart the growth rates spread by {widest:.3g} nats, more than "
            "the precision of the tangents can resolve: the smallest exponents are unreliable. Take a smaller "
            "qr_every, a smaller dt or a tighter tolerance.",
            AccuracyWarning,
            stacklevel=4,
        )
    finite = np.asarray(spectrum.exponents)[np.isfinite(spectrum.exponents)]
    fixed_step = isinstance(system, Flow) and not isinstance(system.stepper, AbstractTangentStepper)
    if fixed_step and finite.size and abs(float(finite.min())) * spectrum.dt > 1.0:
        warnings.warn(
            f"|dt * lambda_min| = {abs(float(finite.min())) * spectrum.dt:.2g} exceeds 1: the step dt = "
            f"{spectrum.dt:.3g} is too long for the strongest contraction, whose exponent belongs to the "
            "discretised system rather than to the flow. Take a smaller dt, or Adaptive().",
            AccuracyWarning,
            stacklevel=4,
        )
