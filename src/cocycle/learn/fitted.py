"""A learned model is a system: its driver is the data that warm it up, and without one it runs freely."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.run import Status, Trajectory, run, trajectory
from cocycle.core.start import count
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem, Drive, State
from cocycle.learn.rules import AbstractRule, Context, Scaler
from cocycle.learn.stretches import Segments

MAX_WARM_UP = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class FitRecord:
    """How a fit went. Nothing that is compiled depends on it, so all records count as equal.

    Attributes:
        notes: what to know of the fit, a sentence each.
        numbers: named figures, e.g. the chosen ridge.
        curves: named arrays over the course of the training, e.g. the loss.
        status: how it ended.
    """

    notes: tuple[str, ...] = ()
    numbers: dict[str, float] = dataclasses.field(default_factory=dict)
    curves: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    status: Status = Status.OK

    def __eq__(self, other: object) -> bool:
        """Equal to every other record."""
        return isinstance(other, FitRecord)

    def __hash__(self) -> int:
        """The same for every record."""
        return hash(FitRecord)


class FittedSystem(AbstractDifferentiableSystem, Presentable):
    r"""A learned model with smooth steps.

    $$z_{n+1} = F(z_n, u_n), \qquad u_n = \begin{cases} \text{row } n & \text{under a `Context`} \\
    g(z_n) & \text{else} \end{cases}$$

    Attributes:
        rule: F and g, in units of their own.
        scaler: those units.
        dt: time between two rows of the data [time].
        x0: state at the end of the data that it was learned from.
        n_context: least number of rows that a warm-up needs.
        learner: the configuration that it came from.
        record: how the fit went.
        name: what to call it.
        variables: names of the components that it shows.
    """

    rule: AbstractRule
    scaler: Scaler
    dt: Float[Array, ""]
    x0: Any
    record: FitRecord = eqx.field(static=True)
    n_context: int = eqx.field(static=True)
    learner: Any = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def step(self, x: State, w: Drive) -> State:
        """Advance by dt, following the row w where it has values, and itself where it has none.

        Args:
            x: state.
            w: row of data in their units, or None; a random key of `Keys` draws the step of a stochastic model.
        """
        return _step(self, x, w)

    def observe(self, x: State) -> Float[Array, "D"]:
        """Return what the state shows, in the units of the data.

        Args:
            x: state.
        """
        return self.scaler.to_data(self.rule.show(x))

    def warm_up(self, context: Any) -> State:
        """State after the rows of a context, from which the model runs on by itself.

        Args:
            context: rows (time, D), a Series or a Trajectory; NaN is a missing value, which the model bridges.
        """
        return _warm_up(self, context)

    def forecast(self, context: Any, n_steps: int, *, progress: bool | None = None) -> Trajectory:
        """What follows after a context.

        Args:
            context: rows (time, D), a Series or a Trajectory; NaN is a missing value, which the model bridges. None
                stands for the end of what it learned from.
            n_steps: rows wanted.
            progress: show a progress bar; None shows it on a terminal when the work is long.

        Returns:
            Trajectory with rows in the units of the data; times go on from the context, whose first row is time 0.
            A model that explodes ends early, with the status "non-finite state".
        """
        return _forecast(self, context, n_steps, progress)


class FittedLookup(AbstractSystem, Presentable):
    """A learned model whose steps jump between neighbours: a system without tangents, otherwise as FittedSystem.

    Attributes:
        rule: state, observation and step, in units of their own.
        scaler: those units.
        dt: time between two rows of the data [time].
        x0: state at the end of the data that it was learned from.
        n_context: least number of rows that a warm-up needs.
        learner: the configuration that it came from.
        record: how the fit went.
        name: what to call it.
        variables: names of the components that it shows.
    """

    rule: AbstractRule
    scaler: Scaler
    dt: Float[Array, ""]
    x0: Any
    record: FitRecord = eqx.field(static=True)
    n_context: int = eqx.field(static=True)
    learner: Any = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def step(self, x: State, w: Drive) -> State:
        """Advance by dt, following the row w where it has values.

        Args:
            x: state.
            w: row of data in their units, or None.
        """
        return _step(self, x, w)

    def observe(self, x: State) -> Float[Array, "D"]:
        """Return what the state shows, in the units of the data.

        Args:
            x: state.
        """
        return self.scaler.to_data(self.rule.show(x))

    def warm_up(self, context: Any) -> State:
        """State after the rows of a context.

        Args:
            context: as for FittedSystem.
        """
        return _warm_up(self, context)

    def forecast(self, context: Any, n_steps: int, *, progress: bool | None = None) -> Trajectory:
        """What follows after a context.

        Args:
            context: as for FittedSystem.
            n_steps: rows wanted.
            progress: show a progress bar; None shows it on a terminal when the work is long.
        """
        return _forecast(self, context, n_steps, progress)


def finish(
    rule: AbstractRule,
    data: Segments,
    scaler: Scaler,
    learner: Any,
    record: FitRecord,
    *,
    n_context: int,
    smooth: bool = True,
) -> Any:
    """Make a fitted system of a rule; its default state is warmed up on the end of the data.

    Args:
        rule: what was learned.
        data: from what.
        scaler: units of the data against those of the rule.
        learner: configuration.
        record: how the fit went.
        n_context: least number of rows of a warm-up.
        smooth: whether the step has tangents.

    Returns:
        FittedSystem, or FittedLookup where the step is not smooth.
    """
    kind = FittedSystem if smooth else FittedLookup
    if data.n_missing:
        record = dataclasses.replace(
            record, notes=(*record.notes, f"{data.n_missing} rows with missing values were left out.")
        )
    name = type(learner).__name__
    cold = rule.cold(jnp.zeros(data.n_columns))
    model = kind(
        rule=rule,
        scaler=scaler,
        dt=jnp.asarray(data.dt),
        x0=cold,
        record=record,
        n_context=n_context,
        learner=learner,
        name=name,
        variables=data.variables,
    )
    end = [part for part in data.parts if len(part) >= n_context][-1][-MAX_WARM_UP:]
    return eqx.tree_at(lambda m: m.x0, model, _warm_up(model, end))


def _step(model: Any, x: State, w: Drive) -> State:
    own = model.rule.show(x)
    if w is None:
        return model.rule.advance(x, own)
    if jnp.issubdtype(jnp.asarray(w).dtype, jax.dtypes.prng_key):
        return model.rule.draw(x, own, w)
    u = model.scaler.to_rule(w)
    return model.rule.advance(x, jnp.where(jnp.isnan(u), own, u))


def rows_of_context(model: Any, context: Any) -> np.ndarray:
    """Rows of a context, from the first one that has a value; checked against the model.

    Args:
        model: the fitted system.
        context: as a user gives it.

    Returns:
        (time, D) rows.

    Raises:
        DataError: if the columns, or the sampling step, are not those of the model.
        InsufficientDataError: if it is too short to warm the model up.
    """
    dt = getattr(context, "dt", None)
    values = context
    if isinstance(context, Trajectory):
        values = context.x
        dt = float(np.median(np.diff(np.asarray(context.t)))) if len(context) > 1 else None
    elif dt is not None:
        values = context.values
    if dt is not None and abs(float(dt) - float(model.dt)) > 1e-4 * float(model.dt):
        raise DataError(
            f"the context is sampled at steps of {float(dt):.4g}, but the model learned from steps of "
            f"{float(model.dt):.4g}; resample it to that step."
        )
    rows = np.asarray(values, dtype=float)
    rows = rows[:, None] if rows.ndim == 1 else rows
    n_columns = model.scaler.centre.shape[0]
    if rows.ndim != 2 or rows.shape[1] != n_columns:
        raise DataError(f"the context has shape {rows.shape}; the model needs rows of {n_columns} columns.")
    if np.isinf(rows).any():
        raise DataError("the context holds infinities; a missing value is NaN.")
    known = np.flatnonzero(np.isfinite(rows).any(axis=1))
    rows = rows[known[0] :] if known.size else rows[:0]
    if len(rows) < model.n_context:
        raise InsufficientDataError(
            f"the context has {len(rows)} rows, but the model needs {model.n_context} to warm up; "
            "give a longer context."
        )
    return rows


def _warm_up(model: Any, context: Any) -> State:
    rows = rows_of_context(model, context)
    return run(model, first_state(model, rows[0]), Context(rows), n_steps=len(rows), throw=False)


def first_state(model: Any, row: Any) -> State:
    """Cold state at the first row of a context; a missing value counts as the mean.

    Args:
        model: the fitted system.
        row: (D,) in the units of the data.
    """
    u = model.scaler.to_rule(jnp.asarray(row))
    return model.rule.cold(jnp.where(jnp.isnan(u), 0.0, u))


def _forecast(model: Any, context: Any, n_steps: int, progress: bool | None) -> Trajectory:
    n_steps = count(n_steps, "n_steps")
    if context is None:
        return _continued(model, n_steps, progress)
    rows = rows_of_context(model, context)
    driver, before = Context(rows), len(rows) - 1
    x = run(model, first_state(model, rows[0]), driver, n_steps=before, throw=False)
    if not all(bool(np.all(np.isfinite(np.asarray(leaf)))) for leaf in jax.tree.leaves(x)):
        raise ParameterError("the model explodes while it is warmed up; it cannot forecast: learn another one.")
    return trajectory(model, x, driver, n_steps=n_steps, n0=before, throw=False, progress=progress)


def _continued(model: Any, n_steps: int, progress: bool | None) -> Trajectory:
    """From the end of what was learned from: the default state itself is the first row."""
    rows, status, final = np.asarray(model.observe(model.x0))[None], Status.OK, model.x0
    if n_steps > 1:
        rest = trajectory(model, n_steps=n_steps - 1, throw=False, progress=progress)
        rows, status, final = np.concatenate([rows, rest.x]), rest.status, rest.final
    t = float(model.dt) * np.arange(1, len(rows) + 1)
    return Trajectory(t, rows, final, len(rows), status, model.variables, model.name)


@eqx.filter_jit
def _many(model: Any, contexts: Float[Array, "B L D"], n_steps: Int[Array, ""], capacity: int) -> Any:
    def one(rows: Float[Array, "L D"]) -> Float[Array, "capacity D"]:
        x = first_state(model, rows[0])
        x = jax.lax.fori_loop(0, rows.shape[0], lambda n, x: model.step(x, rows[n]), x)

        def save(n: Any, carry: Any) -> Any:
            x, out = carry
            return model.step(x, None), out.at[n].set(model.observe(x))

        out = jnp.full((capacity, rows.shape[1]), jnp.nan)
        return jax.lax.fori_loop(0, n_steps, save, (x, out))[1]

    return jax.vmap(one)(contexts)


def many_forecasts(model: Any, contexts: Any, n_steps: int) -> np.ndarray:
    """Forecasts from many contexts of one length at once.

    Args:
        model: the fitted system.
        contexts: (B, L, D) rows in the units of the data, L at least `n_context`.
        n_steps: rows wanted after each.

    Returns:
        (B, n_steps, D); values that are not finite where the model explodes.

    Cost: one compilation for all numbers of steps up to the next power of two.
    """
    contexts = jnp.asarray(contexts, dtype=float)
    capacity = 1 << (count(n_steps, "n_steps") - 1).bit_length()
    return np.asarray(_many(model, contexts, jnp.asarray(n_steps), capacity))[:, :n_steps]
