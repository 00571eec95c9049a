"""Neural controlled differential equations: a hidden state driven by the path through irregular observations."""

import dataclasses
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import DataError, InsufficientDataError
from cocycle.core.run import Trajectory
from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, SparseForcing
from cocycle.learn.layers import Layers, layers
from cocycle.learn.rules import AbstractRule, Scaler
from cocycle.learn.stretches import Segments, segments
from cocycle.learn.trained import AbstractTrainedLearner

SOLVER = dfx.Heun()
DECAY = 0.5
Hidden = tuple[Float[Array, "H"], Float[Array, "D"], Float[Array, "D"]]


class ControlledRule(AbstractRule):
    r"""A hidden state driven by time and rows; it shows the row that is expected next.

    $$dh = \tanh(f(h))\, d(t, u), \qquad \hat u(t + g) = u(t) + g\, r(h, u)$$

    Attributes:
        start: from a first row to h.
        field: f, (H (D + 1)) numbers from h.
        readout: r, rate of change expected.
        forced: whether training shows the model its own forecasts between forcings, or the path of the data alone.
    """

    start: Layers
    field: Layers
    readout: Layers
    forced: bool = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Hidden:
        """Hidden state of a first row."""
        return self.start(u), u, u

    def show(self, z: Hidden) -> Float[Array, "D"]:
        """The row that is expected."""
        return z[2]

    def vector_field(self, t: Any, h: Float[Array, "H"], args: Any) -> Float[Array, "H C"]:
        """Matrix that turns increments of (t, u) into those of h.

        Args:
            t: not used.
            h: hidden state.
            args: not used.
        """
        return jnp.tanh(self.field(h)).reshape(h.shape[0], -1)

    def advance(self, z: Hidden, u: Float[Array, "D"]) -> Hidden:
        """Follow the straight path from the row before to this one, and expect the next."""
        return self.follow(z, u, jnp.asarray(1.0), jnp.asarray(1.0))

    def follow(self, z: Hidden, u: Float[Array, "D"], since: Any, ahead: Any) -> Hidden:
        """The same over uneven gaps.

        Args:
            z: state at the row before.
            u: this row.
            since: time since the row before.
            ahead: time until the row that is to be expected.
        """
        h = self._along(z[0], since, u - z[1])
        return h, u, u + ahead * self.readout(jnp.concatenate([h, u]))

    def _along(self, h: Float[Array, "H"], gap: Any, increment: Float[Array, "D"]) -> Float[Array, "H"]:
        """One Heun step along a straight piece of the path."""
        change = jnp.concatenate([jnp.reshape(gap, 1), increment])
        first = self.vector_field(0.0, h, None) @ change
        return h + 0.5 * (first + self.vector_field(0.0, h + first, None) @ change)

    def objective(
        self,
        windows: Float[Array, "B L C"],
        seen: Float[Array, "B T C"],
        weights: Float[Array, "T"],
        n_checkpoints: int | None = None,
        n_washout: int = 0,
    ) -> Float[Array, ""]:
        """Mean square error of the next observation, over windows of (t, u) at uneven times."""
        if self.forced:
            errors = jax.vmap(lambda w, s: self.forced_errors(w, s, weights))(windows, seen)
            return jnp.mean(errors[:, n_washout:] ** 2)
        adjoint = dfx.DirectAdjoint() if n_checkpoints is None else dfx.RecursiveCheckpointAdjoint(n_checkpoints)
        return jnp.mean(jax.vmap(lambda w, s: jnp.mean(self.errors(w, s, adjoint)[n_washout:] ** 2))(windows, seen))

    def forced_errors(
        self, window: Float[Array, "L C"], seen: Float[Array, "T C"], weights: Float[Array, "T"]
    ) -> Float[Array, "T D"]:
        """Errors along a window on which data and own forecasts are mixed by the weights.

        Args:
            window: rows (t, u), times rising.
            seen: rows shown to the model, e.g. with noise; their times are not used.
            weights: of the data at each step.
        """
        gaps = jnp.diff(window[:, 0])

        def one(z: Any, step: Any) -> Any:
            u, target, weight, since, ahead = step
            z = self.follow(z, z[2] + weight * (u - z[2]), since, ahead)
            return z, z[2] - target

        since = jnp.concatenate([jnp.ones(1), gaps[:-1]])
        steps = seen[:, 1:], window[1:, 1:], weights, since, gaps
        return jax.lax.scan(one, self.cold(seen[0, 1:]), steps, unroll=4)[1]

    def errors(self, window: Float[Array, "L C"], seen: Float[Array, "T C"], adjoint: Any) -> Float[Array, "T D"]:
        """Errors of the observations after each but the last, through one solve.

        Args:
            window: rows (t, u), times rising.
            seen: rows that the path goes through, e.g. with noise; their times are not used.
            adjoint: of diffrax.
        """
        t, u = window[:, 0] - window[0, 0], jnp.concatenate([seen[:, 1:], window[-1:, 1:]])
        path = dfx.LinearInterpolation(t, jnp.concatenate([t[:, None], u], axis=1))
        # Increments of the path, not its slope: the slope jumps at each observation.
        term = dfx.ControlTerm(self.vector_field, path)
        # As in a run: the first step meets a path that stands still but for time.
        h0 = self._along(self.start(u[0]), jnp.asarray(1.0), jnp.zeros(u.shape[1]))
        found = dfx.diffeqsolve(
            term,
            SOLVER,
            t[0],
            t[-1],
            None,
            h0,
            saveat=dfx.SaveAt(ts=t),
            stepsize_controller=dfx.StepTo(ts=t),
            adjoint=adjoint,
            max_steps=window.shape[0],
        )
        hidden: Any = found.ys
        rates = jax.vmap(self.readout)(jnp.concatenate([hidden[:-1], u[:-1]], axis=1))
        return u[:-1] + (t[1:] - t[:-1])[:, None] * rates - window[1:, 1:]


@dataclasses.dataclass(frozen=True)
class NeuralCDE(AbstractTrainedLearner):
    r"""Neural controlled differential equation: for observations at uneven times, and with missing rows.

    $$dh = \tanh(f_\theta(h))\, d(t, u), \qquad \hat u(t + g) = u(t) + g\, r_\theta(h, u)$$

    A Trajectory may have uneven times; rows with a missing value are left out and the path goes on from the last full
    one. The model steps in the median gap. Solved by diffrax; gradients through the solver, or recursively checkpointed
    with `Descent(n_checkpoints=...)`.

    Args:
        n_hidden: H.
        n_width: units of the hidden layers.
        n_washout: rows that bring h into step; the least context.
        forcing: default data at every row, the path solved by diffrax; others mix data and own forecasts.
        descent: how it is trained; windows are `length` gaps long.

    Raises:
        ParameterError: if an option is out of range.

    Accuracy: one Heun step a gap.

    Source: [kidger2020]; [kidger2021].
    """

    n_hidden: int = 8
    n_width: int = 32
    n_washout: int = 20
    forcing: AbstractForcing = SparseForcing(1)
    descent: Descent = Descent(length=50)

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_width", "n_washout")

    def gather(self, data: Any, n_min: int, dt: float | None) -> tuple[Segments, list[np.ndarray]]:
        """Segments for the units and the run, and tables (t, u) of observed rows for training.

        Args:
            data: as a user gives it.
            n_min: least number of observed rows of a trajectory.
            dt: time between two rows, where the data do not say it.

        Raises:
            InsufficientDataError: if no trajectory has enough observed rows.
        """
        items = data if isinstance(data, list | tuple) and not np.isscalar(data[0] if data else 0) else [data]
        items = [_even(item) if isinstance(item, Trajectory) else (None, item) for item in items]
        found = segments([item for _, item in items], n_min=1, dt=dt)
        if found.n_rows < n_min:
            raise InsufficientDataError(f"{found.n_rows} observed rows; at least {n_min} are needed: record longer.")
        scaler, tables = self.units(found), []
        for times, item in items:
            rows = np.asarray(getattr(item, "values", getattr(item, "x", item)), dtype=float)
            rows = rows[:, None] if rows.ndim == 1 else rows
            t = np.arange(len(rows), dtype=float) if times is None else times
            good = np.isfinite(rows).all(axis=1)
            tables.append(np.concatenate([t[good, None], np.asarray(scaler.to_rule(rows[good]))], axis=1))
        long = [table for table in tables if len(table) >= n_min]
        if not long:
            longest = max(len(table) for table in tables)
            raise InsufficientDataError(
                f"the longest trajectory has {longest} observed rows; {n_min} are needed: record longer or take a "
                "smaller length."
            )
        return _whole(found, [scaler, long]), long

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> ControlledRule:
        """Random networks with small outputs.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        k0, k1, k2 = jax.random.split(key, 3)
        d, h, w = data.n_columns, self.n_hidden, self.n_width
        field = layers(k1, h, w, h * (d + 1), size=0.3)
        # Along time h decays: what it does not forget at the start grows with the length of the path.
        along_time = jnp.arange(h) * (d + 1), jnp.arange(h)
        field = eqx.tree_at(lambda f: f.linear, field, field.linear.at[along_time].add(-DECAY))
        own = self.forcing != SparseForcing(1)
        return ControlledRule(layers(k0, d, w, h), field, layers(k2, h + d, w, d, size=0.1), own)

    def context(self) -> int:
        """Rows of the washout."""
        return self.n_washout


def _even(orbit: Trajectory) -> tuple[np.ndarray, Trajectory]:
    """Times in units of the median gap, and the same rows as if they were evenly spaced."""
    t = np.asarray(orbit.t, dtype=float)
    gap = float(np.median(np.diff(t))) if len(t) > 1 else 1.0
    if len(t) > 1 and (np.diff(t) <= 0).any():
        raise DataError("the times of the trajectory do not rise; sort its rows.")
    even = dataclasses.replace(orbit, t=gap * np.arange(len(t)))
    return (t - t[0]) / gap, even


def _whole(found: Segments, kept: list) -> Segments:
    """What the fitted system is warmed up on: the observed rows of the last long trajectory, one after the other."""
    scaler, tables = kept
    rows = np.asarray(scaler.to_data(jnp.asarray(tables[-1][:, 1:])))
    return dataclasses.replace(found, parts=(*found.parts, rows))
