"""A known system as a model of data that show only some of its variables."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractSystem
from cocycle.learn.abstract import AbstractLearner, require_counts, require_positive
from cocycle.learn.assimilation import assimilate
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.rules import AbstractRule, unscaled
from cocycle.learn.stretches import segments


class KnownRule(AbstractRule):
    """A system whose state is a vector, some components of which are seen.

    Attributes:
        system: with its parameters.
        start: (M,) state whose hidden components a cold start takes.
        observed: numbers of the components that are seen.
        every: steps of the system between two rows.
    """

    system: Any
    start: Float[Array, "M"]
    observed: tuple[int, ...] = eqx.field(static=True)
    every: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "M"]:
        """Hidden components of the start beside u."""
        return self.start.at[jnp.array(self.observed)].set(u)

    def show(self, z: Float[Array, "M"]) -> Float[Array, "D"]:
        """The components that are seen."""
        return z[jnp.array(self.observed)]

    def advance(self, z: Float[Array, "M"], u: Float[Array, "D"]) -> Float[Array, "M"]:
        """Step the system, its seen components set to u; hidden ones follow, and may synchronise."""
        z = z.at[jnp.array(self.observed)].set(u)
        for _ in range(self.every):
            z = self.system.step(z, None)
        return z


@dataclasses.dataclass(frozen=True)
class _Seen:
    """Components of a state, as an object that compiles once for all fits."""

    observed: tuple[int, ...]

    def __call__(self, x: Any) -> Any:
        return x[jnp.array(self.observed)]


@dataclasses.dataclass(frozen=True)
class _Placed:
    """Hidden components put into a state."""

    free: tuple[int, ...]

    def __call__(self, x: Any, hidden: Any) -> Any:
        return x.at[jnp.array(self.free, dtype=int)].set(hidden)


@dataclasses.dataclass(frozen=True)
class KnownSystem(AbstractLearner):
    """Adjoint data assimilation as a learner: the equations are known, parameters and hidden variables are not.

    Args:
        system: a System whose state is a vector and whose `args` are a dict; its step divides the time between rows.
        parameters: names in `args` to be fitted; their values are the first guess.
        observed: components of the state that the columns show.
        n_rows: rows of the first stretch that are fitted: at most a few Lyapunov times.
        n_updates: updates of Adam.
        rate: first learning rate.

    Raises:
        ParameterError: if an option is out of range.

    Limits: the data must be long enough that the record tells the parameters; see `FitRecord.numbers["condition"]`.

    Source: [lettermann2023].
    """

    system: Any = dataclasses.field(default=None, hash=False, compare=False)
    parameters: tuple[str, ...] = ()
    observed: tuple[int, ...] = (0,)
    n_rows: int = 50
    n_updates: int = 500
    rate: float = 0.03

    def __post_init__(self):
        require_counts(self, "n_rows", minimum=2)
        require_counts(self, "n_updates")
        require_positive(self, "rate")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: show a progress bar; None shows it on a terminal when the work is long.

        Raises:
            ParameterError: if the system, or its step, does not suit the data.
        """
        system = self.system
        if not isinstance(system, AbstractSystem):
            raise ParameterError("KnownSystem needs the system whose parameters are wanted: KnownSystem(system=...).")
        found = segments(data, n_min=self.n_rows, dt=dt)
        every = round(found.dt / float(system.dt))
        if every < 1 or abs(every * float(system.dt) - found.dt) > 1e-6 * found.dt:
            raise ParameterError(f"steps of {float(system.dt):g} do not divide the {found.dt:g} between rows.")
        start = jnp.asarray(system.initial_state(system.x0), dtype=float)
        if start.ndim != 1 or len(self.observed) != found.n_columns or max(self.observed) >= start.shape[0]:
            raise ParameterError(
                f"the data show {found.n_columns} columns, `observed` names {len(self.observed)} of {start.shape}."
            )
        seen, rows = jnp.array(self.observed), found.parts[0][: self.n_rows]
        free = jnp.array([k for k in range(start.shape[0]) if k not in self.observed], dtype=int)
        result = assimilate(
            system,
            start.at[seen].set(jnp.asarray(rows[0])),
            rows,
            parameters=self.parameters,
            hidden=start[free],
            observe=_Seen(self.observed),
            place=_Placed(tuple(int(k) for k in free)),
            every=every,
            n_updates=self.n_updates,
            rate=self.rate,
            progress=progress,
        )
        numbers = {"misfit": float(result.loss[-1]), "condition": result.condition, **result.parameters}
        rule = KnownRule(result.system, result.x0, self.observed, every)
        record = FitRecord(numbers=numbers, curves={"loss": np.asarray(result.loss)})
        return finish(rule, found, unscaled(found), self, record, n_context=1)
