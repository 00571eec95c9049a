"""Memory of a generalised Langevin equation: its friction kernel from positions, directly or by a fit."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import scipy.optimize
import scipy.signal
from jaxtyping import Float

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.presentation import Presentable


@dataclasses.dataclass(frozen=True, eq=False)
class MemoryKernel(Presentable):
    """Friction memory found directly.

    Attributes:
        t: (n,) lags [time].
        friction: (n,) G, the running integral of the kernel [mass / time]; its plateau is the friction.
        kernel: (n,) its derivative [mass / time^2].
        mass: of the coordinate [energy time^2 / length^2].
    """

    t: np.ndarray
    friction: np.ndarray
    kernel: np.ndarray
    mass: float

    def __str__(self) -> str:
        """One line."""
        return f"friction {self.friction[-1]:.4g} after {self.t[-1]:.4g}, mass {self.mass:.4g}"


@dataclasses.dataclass(frozen=True, eq=False)
class ExponentialMemory(Presentable):
    r"""Friction memory as a sum of exponentials, $\Gamma(t) = \sum_i k_i e^{-k_i t / \gamma_i}$.

    Attributes:
        stiffnesses: (n,) k [energy / length^2].
        frictions: (n,) gamma [energy time / length^2].
        misfit: root mean square misfit of the correlations, relative.
    """

    stiffnesses: np.ndarray
    frictions: np.ndarray
    misfit: float

    @property
    def times(self) -> np.ndarray:
        """Memory times gamma / k [time]."""
        return self.frictions / self.stiffnesses

    def friction(self, t: Any) -> np.ndarray:
        """G(t), the running integral of the kernel.

        Args:
            t: lags [time].
        """
        t = np.asarray(t, dtype=float)[..., None]
        return np.sum(self.frictions * -np.expm1(-t / self.times), axis=-1)

    def __str__(self) -> str:
        """One line."""
        parts = ", ".join(f"{g:.4g} over {tau:.4g}" for g, tau in zip(self.frictions, self.times, strict=True))
        return f"friction {self.frictions.sum():.4g} ({parts})"


def correlation(a: Float[np.ndarray, "time"], b: Float[np.ndarray, "time"], n_lags: int) -> Float[np.ndarray, "lags"]:
    """Mean of a(0) b(t) for lags 0 to n_lags - 1, by fast Fourier transform.

    Args:
        a: first series.
        b: second series.
        n_lags: number of lags.

    Example:
        >>> correlation(np.array([1.0, 0, 1, 0]), np.array([0.0, 1, 0, 1]), 2).tolist()
        [0.0, 0.6666666666666666]
    """
    n = len(a)
    sums = scipy.signal.fftconvolve(b, a[::-1])[n - 1 : n - 1 + n_lags]
    return np.where(np.abs(sums) < 1e-13 * n * np.abs(a).max() * np.abs(b).max(), 0.0, sums) / (n - np.arange(n_lags))


def memory_kernel(
    x: Any,
    dt: float,
    *,
    n_lags: int,
    potential_gradient: Callable[[np.ndarray], np.ndarray] | None = None,
    temperature: float = 1.0,
) -> MemoryKernel:
    r"""Friction memory of a coordinate, by inverting its Volterra equation.

    $$m [C^{vv}(0) - C^{vv}(t)] - [C^{xU}(0) - C^{xU}(t)] = \int_0^t G(t - s)\, C^{vv}(s)\, ds$$

    Args:
        x: (time,) positions.
        dt: time between them.
        n_lags: lags wanted.
        potential_gradient: U'(x); default harmonic with the variance of the data.
        temperature: kT [energy].

    Returns:
        MemoryKernel.

    Raises:
        InsufficientDataError: if the record is shorter than ten times the lags.

    Accuracy: first the trapezoidal rule: good for dt well below the memory time, useless above half of it; then the
        sampling error of the correlations. `exponential_memory` goes further.

    Source: [tepper2024].
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 1 or len(x) < 10 * n_lags or n_lags < 3:
        raise InsufficientDataError(f"{n_lags} lags need at least {10 * max(n_lags, 3)} positions; got {x.shape}.")
    v, x = (x[2:] - x[:-2]) / (2 * dt), x[1:-1]
    x = x - x.mean() if potential_gradient is None else x
    slope = temperature / x.var() * x if potential_gradient is None else np.asarray(potential_gradient(x))
    cvv = correlation(v, v, n_lags)
    cxu = correlation(x, slope, n_lags)
    mass = temperature / cvv[0]
    left = mass * (cvv[0] - cvv) - (cxu[0] - cxu)
    G = np.zeros(n_lags)
    for i in range(1, n_lags):
        G[i] = 2 * (left[i] / dt - G[1:i] @ cvv[i - 1 : 0 : -1]) / cvv[0]
    # The scheme rings with the period of two lags; neighbours are averaged.
    smooth = np.concatenate([[0.0], 0.5 * (G[1:-1] + 0.5 * (G[:-2] + G[2:])), G[-1:]])
    return MemoryKernel(dt * np.arange(n_lags), smooth, np.gradient(smooth, dt), float(mass))


def embedding(
    stiffnesses: Any, frictions: Any, *, stiffness: float, mass: float, temperature: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    r"""Markovian embedding of exponential memory in a harmonic well: drift and stationary covariance of (x, v, y).

    $$m \dot v = -\kappa x + \sum_i k_i (y_i - x), \qquad
    \dot y_i = (k_i / \gamma_i)(x - y_i) + \sqrt{2 kT / \gamma_i}\,\xi_i$$

    Args:
        stiffnesses: (n,) k.
        frictions: (n,) gamma.
        stiffness: kappa.
        mass: m.
        temperature: kT.

    Returns:
        A (2 + n, 2 + n) and S, the covariance in equilibrium.
    """
    k, g = np.atleast_1d(stiffnesses), np.atleast_1d(frictions)
    n = len(k)
    A = np.zeros((2 + n, 2 + n))
    A[0, 1] = 1.0
    A[1, 0], A[1, 2:] = -(stiffness + k.sum()) / mass, k / mass
    A[2:, 0] = k / g
    A[np.arange(2, 2 + n), np.arange(2, 2 + n)] = -k / g
    S = np.full((2 + n, 2 + n), temperature / stiffness)
    S[1], S[:, 1] = 0.0, 0.0
    S[1, 1] = temperature / mass
    S[np.arange(2, 2 + n), np.arange(2, 2 + n)] += temperature / k
    return A, S


# Natural logarithm of the most that a mode may be stiffer or rub harder than the oscillator itself, or less. Records
# without friction have no memory to be found: a fit would go on for ever.
FREE = 12.0


def exponential_memory(
    x: Any,
    dt: float,
    *,
    n_modes: int = 1,
    mass: float | None = None,
    temperature: float = 1.0,
    longest: float | None = None,
) -> ExponentialMemory:
    r"""Friction memory of a harmonic coordinate, by a fit of its correlation at the lags of the data.

    $$C_{xx}(n \Delta) = [e^{A n \Delta} S]_{xx}$$

    is exact at every sampling step, so nothing is lost by coarse sampling as long as something relaxes slower than it.

    Args:
        x: (time,) positions.
        dt: Delta, time between them.
        n_modes: exponentials.
        mass: m; default from the velocities, which needs dt well below the time of free flight.
        temperature: kT.
        longest: last lag of the fit [time]; default where the correlation falls below 2 %, six lags at least.

    Returns:
        ExponentialMemory.

    Raises:
        ParameterError: if `n_modes` is below 1.
        InsufficientDataError: if the record is shorter than ten times the lags.

    Source: [tepper2024].
    """
    if n_modes < 1:
        raise ParameterError(f"n_modes must be at least 1, got {n_modes}.")
    x = np.asarray(x, dtype=float)
    x = x - x.mean()
    n_lags = _lags(x, dt, longest)
    if len(x) < 10 * n_lags:
        raise InsufficientDataError(
            f"{n_lags} lags need at least {10 * n_lags} positions; got {len(x)}: record longer."
        )
    found = correlation(x, x, n_lags)
    stiffness = temperature / found[0]
    if mass is None:
        mass = float(temperature / np.mean(((x[2:] - x[:-2]) / (2 * dt)) ** 2))
    scale = np.sqrt(mass * stiffness)

    def modes(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Stiffnesses and frictions in the oscillator's own units; beyond FREE they do nothing that is seen."""
        held = np.exp(np.clip(logs, -FREE, FREE))
        return stiffness * held[:n_modes], scale * held[n_modes:]

    def misfit(logs: np.ndarray) -> float:
        k, g = modes(logs)
        A, S = embedding(k, g, stiffness=stiffness, mass=mass, temperature=temperature)
        step, state, rows = scipy.linalg.expm(A * dt), S[:, 0], []
        for _ in range(n_lags):
            rows.append(state[0])
            state = step @ state
        error = float(np.mean((np.array(rows) - found) ** 2)) / found[0] ** 2
        return error if np.isfinite(error) else 1e6

    def start(size: float, spread: float) -> np.ndarray:
        times = np.geomspace(spread, 4 * spread, n_modes)
        frictions = np.full(n_modes, size / n_modes)
        return np.log(np.concatenate([frictions / times, frictions]))

    # The misfit has several valleys: the best three of a grid are followed.
    grid = sorted((start(g, s) for g in (0.5, 2.0, 8.0, 32.0) for s in (0.1, 0.3, 1.0, 3.0, 10.0)), key=misfit)
    options = {"maxiter": 600 * n_modes, "xatol": 1e-5, "fatol": 1e-14}
    tried = [scipy.optimize.minimize(misfit, x0, method="Nelder-Mead", options=options) for x0 in grid[:3]]
    best = min(tried, key=lambda found: found.fun)
    k, g = modes(best.x)
    order = np.argsort(g / k)
    return ExponentialMemory(k[order], g[order], float(np.sqrt(best.fun)))


def _lags(x: np.ndarray, dt: float, longest: float | None) -> int:
    if longest is not None:
        return max(6, round(longest / dt)) + 1
    probe = correlation(x, x, max(8, len(x) // 20))
    low = np.flatnonzero(np.abs(probe) < 0.02 * probe[0])
    return min(400, max(6, int(low[0]) if low.size else len(probe) - 1)) + 1
