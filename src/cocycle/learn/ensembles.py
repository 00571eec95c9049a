"""Forecasts with their spread: many runs of a model whose steps are drawn."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.learn.fitted import FittedSystem, first_state, rows_of_context
from cocycle.learn.rules import AbstractRule


@dataclasses.dataclass(frozen=True, eq=False)
class EnsembleForecast(Presentable):
    """Runs of a stochastic model after one context.

    Attributes:
        t: (time,) after the first row of the context [time].
        members: (n_members, time, D) in the units of the data.
        mean: (time, D).
        spread: (time, D) standard deviation over the members.
    """

    t: np.ndarray
    members: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    def __str__(self) -> str:
        """One line."""
        n, steps, _ = self.members.shape
        return (
            f"{n} members of {steps} rows; spread {self.spread[0].max():.4g} at first, {self.spread[-1].max():.4g} last"
        )


def ensemble_forecast(
    model: FittedSystem, context: Any, n_steps: int, *, key: Any, n_members: int = 100
) -> EnsembleForecast:
    """What follows after a context, with its uncertainty: many runs, each step drawn at random.

    Args:
        model: fitted by a method whose steps are random, as `GaussianProcess` or `NeuralSDE`.
        context: rows (time, D), a Series or a Trajectory; NaN is a missing value.
        n_steps: rows wanted.
        key: random key.
        n_members: runs.

    Returns:
        EnsembleForecast.

    Raises:
        ParameterError: if the steps of the model are not random.

    Cost: one compilation for all contexts of one length and all numbers of steps up to the next power of two.
    """
    if type(model.rule).draw is AbstractRule.draw:
        raise ParameterError(f"{model.name} has no random steps; its forecast is `forecast`.")
    rows = rows_of_context(model, context)
    keys = jax.random.split(key, count(n_members, "n_members"))
    capacity = 1 << (count(n_steps, "n_steps") - 1).bit_length()
    members = np.asarray(_members(model, jnp.asarray(rows), keys, jnp.asarray(n_steps), capacity))[:, :n_steps]
    t = float(model.dt) * (len(rows) + np.arange(n_steps))
    return EnsembleForecast(t, members, members.mean(axis=0), members.std(axis=0, ddof=1 if n_members > 1 else 0))


@eqx.filter_jit
def _members(model: Any, rows: Float[Array, "L D"], keys: Any, n_steps: Int[Array, ""], capacity: int) -> Any:
    x = first_state(model, rows[0])
    x = jax.lax.fori_loop(0, rows.shape[0] - 1, lambda n, x: model.step(x, rows[n]), x)
    # The first row is drawn too: it follows the last row of the context.
    last = model.scaler.to_rule(rows[-1])
    last = jnp.where(jnp.isnan(last), model.rule.show(x), last)

    def one(key: Any) -> Any:
        def save(n: Any, carry: Any) -> Any:
            x, u, out = carry
            x = model.rule.draw(x, u, jax.random.fold_in(key, n))
            return x, model.rule.show(x), out.at[n].set(model.observe(x))

        out = jnp.full((capacity, rows.shape[1]), jnp.nan)
        return jax.lax.fori_loop(0, n_steps, save, (x, last, out))[2]

    return jax.vmap(one)(keys)
