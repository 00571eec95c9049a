"""HAVOK: the delay coordinates of a chaotic series as a linear system under an intermittent forcing."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.dmd import windows_of
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.singular import leading_singular
from cocycle.learn.stretches import segments


class ForcedLinearRule(AbstractRule):
    r"""Principal delay coordinates, all but the last of which are stepped linearly; the last one forces them.

    $$v = P^\top y / s, \qquad v'_{1 \dots r-1} = A\, v_{1 \dots r-1} + B\, v_r$$

    Attributes:
        basis: (E, r) orthonormal directions P of windows.
        sizes: (r,) root mean square s of each coordinate.
        A: (r - 1, r - 1).
        B: (r - 1,).
        readout: (D, r) next row from all coordinates.
        n_window: rows of a window.
    """

    basis: Float[Array, "E r"]
    sizes: Float[Array, "r"]
    A: Float[Array, "q q"]
    B: Float[Array, "q"]
    readout: Float[Array, "D r"]
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def coordinates(self, rows: Float[Array, "n E"]) -> Float[Array, "n r"]:
        """Delay coordinates of windows; the last one is the forcing."""
        return (rows @ self.basis) / self.sizes[None]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Read the next row off the coordinates of the window; its forcing is what the window itself says."""
        window = z.at[-1].set(u)
        v = self.coordinates(window.ravel()[None])[0]
        return jnp.concatenate([window[1:], (self.readout @ v)[None]])


@dataclasses.dataclass(frozen=True)
class HAVOK(AbstractLearner):
    r"""Hankel alternative view of Koopman: linear delay coordinates under an intermittent forcing.

    $$v'_{1 \dots r-1} = A\, v_{1 \dots r-1} + B\, v_r$$

    Args:
        n_delays: rows in a window.
        rank: r, coordinates; the last of them is the forcing.

    Raises:
        ParameterError: if an option is out of range.

    Limits: the forcing of the data is not known ahead: in a free run it is read off the model's own window, and
        chaotic series are left after a few steps. `intermittent_forcing` gives it for data.
    Cost: n E^2 for windows of E numbers.

    Example:
        >>> x = np.sin(0.3 * np.arange(400)) + 0.5 * np.sin(0.7 * np.arange(400))
        >>> model = HAVOK(n_delays=20, rank=5).fit(x)
        >>> found = np.angle(np.linalg.eigvals(np.asarray(model.rule.A)))
        >>> sorted({float(abs(v).round(4)) for v in found})  # the fifth coordinate is round-off
        [0.3, 0.7]

    Source: [brunton2017].
    """

    n_delays: int = 40
    rank: int = 11

    def __post_init__(self):
        require_counts(self, "n_delays")
        require_counts(self, "rank", minimum=2)

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one decomposition.

        Raises:
            InsufficientDataError: if a window has fewer numbers than `rank`.
        """
        found = segments(data, n_min=self.n_delays + 2, dt=dt)
        scaler = standard(found)
        x, y = windows_of(found, scaler, self.n_delays)
        if min(x.shape) < self.rank:
            raise InsufficientDataError(
                f"{len(x)} windows of {x.shape[1]} numbers have no {self.rank} coordinates; lower rank or take more."
            )
        _, s, vt = leading_singular(x, self.rank)
        basis, sizes = vt.T, np.maximum(s, s[0] * 1e-14) / np.sqrt(len(x))
        v, after = x @ basis / sizes, (y @ basis / sizes)[:, :-1]
        solved = np.linalg.lstsq(v, after, rcond=1e-12)[0].T
        readout = np.linalg.lstsq(v, y[:, -found.n_columns :], rcond=1e-12)[0].T
        rule = ForcedLinearRule(
            basis=jnp.asarray(basis),
            sizes=jnp.asarray(sizes),
            A=jnp.asarray(solved[:, :-1]),
            B=jnp.asarray(solved[:, -1]),
            readout=jnp.asarray(readout),
            n_window=self.n_delays,
        )
        error = float(np.sqrt(np.mean((after - v @ solved.T) ** 2)))
        forcing = v[:, -1]
        kurtosis = float(np.mean((forcing - forcing.mean()) ** 4) / forcing.var() ** 2)
        record = FitRecord(numbers={"one_step_error": error, "forcing_kurtosis": kurtosis})
        return finish(rule, found, scaler, self, record, n_context=self.n_delays)


def intermittent_forcing(model: FittedSystem, rows: Any) -> Float[np.ndarray, "time"]:
    """Forcing that a HAVOK model sees in data: rare, large where a chaotic orbit leaves a linear regime.

    Args:
        model: fitted by `HAVOK`.
        rows: (time, D) in the units of the data, without gaps.

    Returns:
        (time,) in units of its root mean square over the training data; NaN before the first full window.

    Raises:
        ParameterError: if the model is another one.
    """
    rule = model.rule
    if not isinstance(rule, ForcedLinearRule):
        raise ParameterError(f"{model.name} is no HAVOK model; it has no forcing.")
    found = segments(rows, n_min=rule.n_window, dt=float(model.dt))
    u = np.asarray(model.scaler.to_rule(found.longest))
    n = len(u) - rule.n_window + 1
    windows = np.concatenate([u[k : k + n] for k in range(rule.n_window)], axis=1)
    forcing = np.asarray(rule.coordinates(jnp.asarray(windows)))[:, -1]
    return np.concatenate([np.full(rule.n_window - 1, np.nan), forcing])
