"""Trapping regions of stable fixed points: ellipsoids that an orbit does not leave again."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_discrete_lyapunov

from cocycle.stability.basins.ensemble import Ensemble, advance
from cocycle.stability.equilibria.equation import Equation
from cocycle.stability.equilibria.newton import polish
from cocycle.steppers.flow import Flow

N_DIRECTIONS = 512
N_LEVELS = 40
LEVEL = 0.75
# Steps after which the quadratic function must have fallen: those in which the linear map halves it, at most so many.
HALVING = 0.5
MAX_STEPS = 4000
# Share of the largest ellipsoid that passed which is used.
SAFETY = 0.5
MAX_TRAPS = 32
MAX_DIMENSION = 12
SAME = 1e-6
LEAST_DECAY = 1e-10


class Traps(eqx.Module):
    """Ellipsoids $|F (x - c)|^2 < 1$ with the labels of their fixed points; empty ones have label 0.

    Attributes:
        centres: (M, D).
        factors: (M, D, D).
        labels: (M,).
    """

    centres: Any
    factors: Any
    labels: Any

    def label(self, columns: Any) -> Any:
        """Label of the ellipsoid that holds each state of a batch, 0 for none.

        Args:
            columns: one array (B,) for each coordinate.
        """
        out = jnp.zeros(columns[0].shape, dtype=jnp.int16)
        for j in range(self.centres.shape[0]):
            gap = [x - self.centres[j, k] for k, x in enumerate(columns)]
            square = 0.0
            for a in range(len(columns)):
                # Factors are upper triangles.
                part = self.factors[j, a, a] * gap[a]
                for b in range(a + 1, len(columns)):
                    part = part + self.factors[j, a, b] * gap[b]
                square = square + part * part
            out = jnp.where((square < 1.0) & (self.labels[j] > 0), self.labels[j], out)
        return out


def packed(found: list[tuple[np.ndarray, np.ndarray, int]], n_dimensions: int) -> Traps:
    """Return traps as arrays, their number rounded up so that few shapes are compiled.

    Args:
        found: centre, factor and label of each.
        n_dimensions: D.
    """
    n = 1
    while n < len(found):
        n *= 2
    centres, factors = np.zeros((n, n_dimensions)), np.zeros((n, n_dimensions, n_dimensions))
    labels = np.zeros(n, dtype=np.int16)
    for j, (c, f, label) in enumerate(found):
        centres[j], factors[j], labels[j] = c, f, label
    return Traps(jnp.asarray(centres), jnp.asarray(factors), jnp.asarray(labels))


@eqx.filter_jit
def _polished(equation: Equation, v: Any) -> Any:
    def one(v: Any) -> Any:
        x, step = polish(equation, v)
        return x, step, equation.derivative(x)

    return jax.vmap(one)(v)


def stable_points(ensemble: Ensemble, ends: Float[np.ndarray, "n D"]) -> list[np.ndarray]:
    """Stable fixed points that Newton's method finds from states late on orbits.

    Args:
        ensemble: what moves them.
        ends: states.
    """
    system = ensemble.system
    equation = Equation(system, ensemble.like, 1, isinstance(system, Flow))
    good = ends[np.isfinite(ends).all(axis=1)]
    if not len(good) or ends.shape[1] > MAX_DIMENSION:
        return []
    v = np.concatenate([good, np.repeat(good[-1:], len(ends) - len(good), axis=0)])
    x, step, matrices = (np.asarray(a) for a in _polished(equation, jnp.asarray(v)))
    size = max(float(np.abs(good).max()), 1e-12)
    out: list[np.ndarray] = []
    for point, last, matrix in zip(x, step, matrices, strict=True):
        if not np.isfinite(point).all() or last > 1e-8 * (size + np.abs(point).max()):
            continue
        values = np.linalg.eigvals(matrix)
        stable = np.all(values.real < 0) if equation.is_flow else np.all(np.abs(values) < 1)
        if stable and not any(np.abs(point - other).max() < SAME * size for other in out):
            out.append(point)
    return out[:MAX_TRAPS]


def trap_of(
    ensemble: Ensemble, centre: Float[np.ndarray, "D"], reach: float, seed: int = 0
) -> Float[np.ndarray, "D D"] | None:
    r"""Factor of an ellipsoid around a stable fixed point on which a quadratic function decays.

    $$V(x) = (x - c)^T P (x - c), \qquad A^T P A - P = -1, \qquad V(F^k(x)) < V(x) \text{ for } 0 < V(x) \le v$$

    so that all orbits from V < v end at c. k is the number of steps in which the linear map halves V. The largest v for
    which the decay holds is searched on 512 points of each of 40 level sets; half of it is used.

    Args:
        ensemble: what moves states.
        centre: c, a stable fixed point.
        reach: greatest half-axis to try.
        seed: of the points.

    Returns:
        F with |F (x - c)|^2 = V / v, upper triangular, or None where nothing decays.
    """
    matrix = np.asarray(jax.jacfwd(ensemble.step)(jnp.asarray(centre)))
    rate = float(np.abs(np.linalg.eigvals(matrix)).max())
    if rate >= 1 - LEAST_DECAY:
        return None
    n_steps = int(np.clip(np.ceil(np.log(HALVING) / (2 * np.log(max(rate, 1e-3)))), 1, MAX_STEPS))
    p = solve_discrete_lyapunov(matrix.T, np.eye(len(centre)))
    p = 0.5 * (p + p.T) / np.abs(p).max()
    if not np.isfinite(p).all() or np.linalg.eigvalsh(p).min() <= 1e-13:
        return None
    factor = np.linalg.cholesky(p).T
    draw = np.random.default_rng(seed).normal(size=(N_DIRECTIONS, len(centre)))
    draw /= np.linalg.norm(draw, axis=1, keepdims=True)
    shell = np.linalg.solve(factor, draw.T).T
    highest = (reach / np.abs(shell).max()) ** 2
    levels = highest * LEVEL ** np.arange(N_LEVELS)
    points = centre + np.sqrt(levels)[:, None, None] * shell
    ends = advance(ensemble, jnp.asarray(points.reshape(-1, len(centre))), jnp.asarray(n_steps))
    after = np.sum(((np.asarray(ends) - centre) @ factor.T) ** 2, axis=-1).reshape(N_LEVELS, N_DIRECTIONS)
    decays = np.all(after < levels[:, None], axis=1)
    if not decays[-1]:
        return None
    bad = np.flatnonzero(~decays)
    largest = levels[0] if not len(bad) else levels[bad[-1] + 1]
    return factor / np.sqrt(SAFETY * largest)
