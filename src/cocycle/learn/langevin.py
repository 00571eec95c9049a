"""A generalised Langevin equation as a model of one coordinate: memory as a few hidden springs and dashpots."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float

from cocycle.core.errors import DataError
from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.memory import embedding, exponential_memory
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.stretches import segments

# Data without friction leave noise of round-off size, from which no filter can be made.
FLOOR = 1e-12


class LangevinRule(AbstractRule):
    r"""Exact step of a linear stochastic equation whose first component is seen.

    $$z' = E (z + g (u - z_1)) + L \xi$$

    Attributes:
        E: (M, M) flow over one row.
        L: (M, M) square root of the covariance of the noise of one row.
        gain: (M,) what a seen value says of all components (Kalman).
    """

    E: Float[Array, "M M"]
    L: Float[Array, "M M"]
    gain: Float[Array, "M"]

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "M"]:
        """At rest, springs relaxed."""
        return jnp.full(self.gain.shape, u[0]).at[1].set(0.0)

    def show(self, z: Float[Array, "M"]) -> Float[Array, "D"]:
        """The position."""
        return z[:1]

    def advance(self, z: Float[Array, "M"], u: Float[Array, "D"]) -> Float[Array, "M"]:
        """Expected next state."""
        return self.E @ (z + self.gain * (u[0] - z[0]))

    def draw(self, z: Float[Array, "M"], u: Float[Array, "D"], key: Any) -> Float[Array, "M"]:
        """Next state with noise."""
        return self.advance(z, u) + self.L @ jax.random.normal(key, z.shape)


@dataclasses.dataclass(frozen=True)
class GeneralisedLangevin(AbstractLearner):
    r"""Generalised Langevin equation in a harmonic well, memory as a sum of exponentials.

    $$m \dot v = -\kappa x - \int_0^t \Gamma(t - s) v(s)\, ds + \eta, \qquad \langle \eta \eta' \rangle = kT\, \Gamma$$

    Correlations are fitted at the sampling step of the data (`exponential_memory`); forecasts are those of the Kalman
    filter, a run under `Keys(key)` is a path. The record keeps frictions and memory times, kT = 1.

    Args:
        n_modes: exponentials of the memory.
        n_context: least rows of a warm-up.

    Raises:
        ParameterError: if an option is out of range.

    Limits: one column; the potential is harmonic.

    Source: [tepper2024].
    """

    n_modes: int = 1
    n_context: int = 10

    def __post_init__(self):
        require_counts(self, "n_modes", "n_context")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, 1), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used.

        Raises:
            DataError: if there are several columns.
        """
        found = segments(data, n_min=max(200, self.n_context), dt=dt)
        if found.n_columns != 1:
            raise DataError(
                f"a generalised Langevin equation has one coordinate, the data have {found.n_columns} columns."
            )
        scaler = standard(found)
        x = np.asarray(scaler.to_rule(found.longest))[:, 0]
        v = (x[2:] - x[:-2]) / (2 * found.dt)
        mass = float(1 / np.mean(v**2))
        memory = exponential_memory(x, found.dt, n_modes=self.n_modes, mass=mass)
        A, S = embedding(memory.stiffnesses, memory.frictions, stiffness=1 / x.var(), mass=mass)
        E = scipy.linalg.expm(A * found.dt)
        noise = S - E @ S @ E.T
        values, vectors = np.linalg.eigh((noise + noise.T) / 2)
        L = vectors * np.sqrt(np.maximum(values, 0.0))
        rule = LangevinRule(
            jnp.asarray(E), jnp.asarray(L), jnp.asarray(_gain(E, L @ L.T + FLOOR * np.diag(np.diag(S))))
        )
        numbers = {"mass": mass, "friction": float(memory.frictions.sum()), "misfit": memory.misfit}
        curves = {"frictions": memory.frictions, "times": memory.times}
        return finish(rule, found, scaler, self, FitRecord((), numbers, curves), n_context=self.n_context)


def _gain(E: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Steady gain of a filter that sees the first component without error."""
    P = noise.copy()
    for _ in range(500):
        P = P - np.outer(P[:, 0], P[0]) / P[0, 0]
        P = E @ (P + P.T) / 2 @ E.T + noise
    return P[:, 0] / P[0, 0]
