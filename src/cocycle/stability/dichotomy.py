"""Is a given invariant set hyperbolic? Exponential dichotomy of the tangent cocycle along it."""

import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import AccuracyWarning, InsufficientDataError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.run import is_finite, non_finite_error, run
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem
from cocycle.stability.exponents import lyapunov_spectrum
from cocycle.stability.frames import dimension, push_frame, require_differentiable

EPS = float(np.finfo(float).eps)


class Dichotomy(eqx.Module, Presentable):
    """Growth rates along a set, and whether 0 is in a gap between them.

    Attributes:
        intervals: (parts, 2) lowest and highest rate of each part of the spectrum, largest first [nats / time].
        dimensions: (parts,) number of directions in each.
        rank: number of directions that grow.
        holds: True if 0 lies in a gap: growth and decay are uniform.
        gap: distance of 0 from the spectrum [nats / time], 0 where the dichotomy fails.
        multipliers: eigenvalues of the tangent map once around a closed orbit, else None.
        angle: smallest angle between growing and decaying subspace of a closed orbit [radian], NaN where one of them is
            empty or the orbit is not closed.
        window: length of the windows that the intervals are over [time].
    """

    intervals: Float[np.ndarray, "parts two"]
    dimensions: np.ndarray
    rank: int
    holds: bool
    gap: float
    multipliers: Complex[np.ndarray, "D"] | None
    angle: float
    window: float

    def __str__(self) -> str:
        """Intervals with their dimensions, and the verdict."""
        pairs = zip(self.intervals, self.dimensions, strict=True)
        parts = [f"[{a:.4g}, {b:.4g}]" if b > a else f"{a:.6g}" for (a, b), _ in pairs]
        text = "  ".join(f"{p} x {n}" if n > 1 else p for p, n in zip(parts, self.dimensions, strict=True))
        verdict = f"dichotomy of rank {self.rank}, gap {self.gap:.3g}" if self.holds else "no dichotomy"
        return f"{text}   {verdict}"


def dichotomy(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    closed: bool = False,
    window: int | None = None,
    tol: float = 1e-6,
) -> Dichotomy:
    r"""Exponential dichotomy of the tangent cocycle along a fixed point, a periodic orbit or an orbit segment.

    $$\Sigma \approx \bigcup_i \Bigl[\min_m \frac{1}{H} \sum_{j=m}^{m+H} \log R^{(j)}_{ii},\;
    \max_m \frac{1}{H} \sum_{j=m}^{m+H} \log R^{(j)}_{ii}\Bigr]$$

    Args:
        system: differentiable system.
        x0: a point of the set; default that of the system.
        driver: driver; default that of the system.
        n_steps: period of a closed orbit (1 for the fixed point of a map), or length of the segment.
        closed: True if the orbit comes back to x0 after n_steps: rates then follow exactly from the tangent map once
            around.
        window: H, steps; default a twentieth of the segment.
        tol: how close a closed orbit must come back, relative to the size of the state.

    Returns:
        Dichotomy.

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if a closed orbit does not close, or the window does not fit.
        InsufficientDataError: if the segment is too short.

    Accuracy: closed orbits to round-off times the spread of the multipliers (warned where that is too much); a segment
        tells the spectrum of its own windows, which shrinks to that of the set as H grows.
    Limits: the periodic orbit of an autonomous flow has a rate 0 along itself, so 0 is in its spectrum.

    Example:
        >>> from cocycle.core.functions import Map
        >>> cat = Map(lambda x, a: jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1, x0=[0.0, 0.0])
        >>> print(dichotomy(cat, n_steps=1, closed=True))
        0.962424  -0.962424   dichotomy of rank 1, gap 0.962

    Source: [dieci2007].
    """
    require_differentiable(system)
    n_steps = count(n_steps, "n_steps")
    x, driver = start(system, x0, driver, n_steps=n_steps)
    if closed:
        return _closed(system, x, driver, n_steps, tol)
    size = max(1, n_steps // 20) if window is None else count(window, "window")
    if size > n_steps // 2:
        raise ParameterError(
            f"window={size} is longer than half of the segment of {n_steps} steps; take a shorter one."
        )
    if n_steps < 64:
        raise InsufficientDataError(f"a segment of {n_steps} steps is too short to tell; take 64, or closed=True.")
    spectrum = lyapunov_spectrum(system, x, driver, n_steps=n_steps, qr_every=1, n_vectors=dimension(x))
    sums = np.cumsum(np.concatenate([np.zeros((1, dimension(x))), np.asarray(spectrum.local)]), axis=0)
    means = (sums[size:] - sums[:-size]) / size
    return _verdict(means.min(axis=0), means.max(axis=0), None, math.nan, size * float(system.dt))


def _closed(system: Any, x: Any, driver: Any, n_steps: int, tol: float) -> Dichotomy:
    end = run(system, x, driver, n_steps=n_steps)
    miss, size = _distance(end, x)
    if miss > tol * max(size, 1.0):
        raise ParameterError(
            f"the orbit misses its beginning by {miss:.3g} after {n_steps} steps; give a point of the periodic orbit "
            "and its period, or closed=False."
        )
    matrix, at = jnp.eye(dimension(x)), x
    for n in range(n_steps):
        at, matrix = push_frame(system, at, driver.at(n), matrix)
    if not is_finite(at):
        raise non_finite_error(system, driver, x, 0, n_steps)
    once = np.asarray(matrix).T
    values, vectors = np.linalg.eig(once)
    order = np.argsort(-np.abs(values))
    values, vectors = values[order], vectors[:, order]
    if np.abs(values).min() < 1e3 * EPS * np.linalg.norm(once, 2):
        warnings.warn(
            "the smallest multipliers are below round-off of the largest; their rates are unreliable.",
            AccuracyWarning,
            stacklevel=3,
        )
    period = n_steps * float(system.dt)
    with np.errstate(divide="ignore"):
        rates = np.log(np.abs(values)) / period
    # Two rates closer than the round-off of eigenvalues are one part.
    slack = np.sqrt(EPS) / period
    growing = int(np.sum(rates > slack))
    angle = math.nan
    if 0 < growing < len(rates):
        fast, slow = (np.linalg.qr(_real_basis(v))[0] for v in (vectors[:, :growing], vectors[:, growing:]))
        angle = float(np.arccos(np.clip(np.linalg.svd(fast.T @ slow, compute_uv=False)[0], 0, 1)))
    return _verdict(rates, rates, values.astype(complex), angle, period, slack)


def _real_basis(vectors: np.ndarray) -> np.ndarray:
    """Real columns that span the same space as conjugate pairs of complex ones."""
    u, s, _ = np.linalg.svd(np.concatenate([np.real(vectors), np.imag(vectors)], axis=1), full_matrices=False)
    return u[:, : vectors.shape[1]] if s.size else np.real(vectors)


def _distance(a: Any, b: Any) -> tuple[float, float]:
    pairs = [(np.ravel(np.asarray(p)), np.ravel(np.asarray(q))) for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b))]
    gap = max(float(np.max(np.abs(p - q), initial=0.0)) for p, q in pairs)
    return gap, max(float(np.max(np.abs(q), initial=0.0)) for _, q in pairs)


def _verdict(
    low: np.ndarray, high: np.ndarray, multipliers: Any, angle: float, window: float, slack: float = 0.0
) -> Dichotomy:
    order = np.argsort(-high)
    parts: list[list[Any]] = []
    for i in order:
        if parts and high[i] >= parts[-1][0] - slack:
            parts[-1][0], parts[-1][2] = min(parts[-1][0], low[i]), parts[-1][2] + 1
        else:
            parts.append([low[i], high[i], 1])
    intervals = np.array([[p[0], p[1]] for p in parts])
    dimensions = np.array([p[2] for p in parts])
    across = (intervals[:, 0] <= slack) & (intervals[:, 1] >= -slack)
    holds = not bool(across.any())
    gap = float(np.min(np.abs(intervals))) if holds else 0.0
    rank = int(dimensions[intervals[:, 0] > slack].sum())
    return Dichotomy(intervals, dimensions, rank, holds, gap, multipliers, angle, window)
