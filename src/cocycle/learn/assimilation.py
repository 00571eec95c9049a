"""Adjoint data assimilation: parameters and hidden variables of a known system, from a record of what is seen of it."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem, State

CHUNK = 25
DIRECTION = optax.scale_by_adam()


@dataclasses.dataclass(frozen=True, eq=False)
class Assimilation(Presentable):
    """A system and its start, fitted to a record.

    Attributes:
        system: with the parameters that were found.
        x0: state at the first row.
        loss: (n_updates,) mean square misfit.
        parameters: by name, what was found.
        curvatures: eigenvalues of the Hessian of the misfit in the logarithms of the parameters, hidden variables held,
            largest first: a small one is a combination that the record does not tell.
    """

    system: Any
    x0: Any
    loss: np.ndarray
    parameters: dict[str, float]
    curvatures: np.ndarray

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest curvature; infinite where the record leaves a combination open."""
        if not self.curvatures.size:
            return math.nan
        smallest = float(self.curvatures[-1])
        return float(self.curvatures[0]) / smallest if smallest > 0 else math.inf

    def __str__(self) -> str:
        """Parameters and how well the record determines them."""
        found = ", ".join(f"{name} {value:.4g}" for name, value in self.parameters.items())
        return f"misfit {self.loss[-1]:.3g}; {found}; condition number {self.condition:.3g}"


class _Unknowns(eqx.Module):
    logs: Float[Array, "parameters"]
    hidden: Any


class _Problem(eqx.Module):
    """Everything that stays."""

    system: Any
    start: Any
    rows: Any
    signs: Float[Array, "parameters"]
    names: tuple[str, ...] = eqx.field(static=True)
    observe: Callable[[State], Any] = eqx.field(static=True)
    place: Callable[[State, Any], State] = eqx.field(static=True)
    every: int = eqx.field(static=True)
    n_checkpoints: int | None = eqx.field(static=True)

    def at(self, unknowns: _Unknowns) -> tuple[Any, Any]:
        """System and start."""
        found = {name: self.signs[k] * jnp.exp(unknowns.logs[k]) for k, name in enumerate(self.names)}
        system = self.system
        if found:
            system = eqx.tree_at(lambda s: s.args, system, {**system.args, **found})
        return system, self.place(self.start, unknowns.hidden)

    def misfit(self, unknowns: _Unknowns) -> Float[Array, ""]:
        """Mean square distance of what is seen from the record."""
        system, x = self.at(unknowns)

        def row(x: Any, target: Any) -> Any:
            x = jax.lax.scan(lambda x, _: (system.step(x, None), None), x, None, length=self.every)[0]
            return x, jnp.mean((self.observe(x) - target) ** 2)

        first = jnp.mean((self.observe(x) - self.rows[0]) ** 2)
        if self.n_checkpoints is None:
            errors = jax.lax.scan(row, x, self.rows[1:])[1]
        else:
            errors = eqxi.scan(row, x, self.rows[1:], kind="checkpointed", checkpoints=self.n_checkpoints)[1]
        return (first + jnp.sum(errors)) / self.rows.shape[0]


@eqx.filter_jit
def _descend(unknowns: Any, moments: Any, problem: _Problem, first: Any, rate: Any, n_updates: Any) -> Any:
    """A chunk of updates of Adam under a cosine schedule; the loss before each."""

    def one(i: Any, carry: Any) -> Any:
        unknowns, moments, losses = carry
        loss, gradient = jax.value_and_grad(problem.misfit)(unknowns)
        direction, moments = DIRECTION.update(gradient, moments)
        step = 0.5 * rate * (1 + jnp.cos(jnp.pi * jnp.minimum((first + i) / n_updates, 1.0)))
        unknowns = jax.tree.map(lambda p, d: p - step * d, unknowns, direction)
        return unknowns, moments, losses.at[i].set(loss)

    return jax.lax.fori_loop(0, CHUNK, one, (unknowns, moments, jnp.full(CHUNK, jnp.nan)))


@eqx.filter_jit
def _curvature(unknowns: _Unknowns, problem: _Problem) -> Any:
    def of(logs: Any) -> Any:
        return problem.misfit(_Unknowns(logs, unknowns.hidden))

    return jax.jacfwd(jax.grad(of))(unknowns.logs)


def assimilate(
    system: AbstractSystem,
    x0: State,
    observations: Any,
    *,
    parameters: Sequence[str] = (),
    hidden: Any = (),
    observe: Callable[[State], Any] | None = None,
    place: Callable[[State, Any], State] | None = None,
    every: int = 1,
    n_updates: int = 400,
    rate: float = 0.03,
    n_checkpoints: int | None = None,
    progress: bool | None = None,
) -> Assimilation:
    r"""Fit parameters and hidden variables of a known system to a record, by gradients through its steps.

    $$\min_{p, h} \frac1n \sum_k |g(x_k) - y_k|^2, \qquad x_{k+1} = F_p(x_k), \quad x_0 = (\text{given}, h)$$

    Parameters move in their logarithm, so they keep their sign. Gradients are those of the steps that are taken
    (discrete adjoint).

    Args:
        system: autonomous, with a dict of `args`; its values of `parameters` are the first guess.
        x0: state at the first row; its hidden part is replaced.
        observations: (n, ...) what is seen, the first row at x0.
        parameters: names in `args` that are unknown.
        hidden: first guess of the hidden part of the start, any pytree.
        observe: state -> what is seen; default `system.observe`.
        place: (state, hidden) -> state; default: hidden is the whole state, where it is given.
        every: steps between two rows.
        n_updates: updates of Adam, rounded up to a multiple of 25.
        rate: first learning rate; it falls as a cosine.
        n_checkpoints: states kept for the way back, others are computed again; None keeps all.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Assimilation.

    Raises:
        ParameterError: if a parameter is unknown to the system, zero or not a number, or the system is driven.
        ShapeError: if the observations do not have the shape of what is seen.

    Limits: a small misfit is no proof: look at `condition`, or at a profile. Beyond a few Lyapunov times of a chaotic
        system the misfit has more valleys than can be searched: cut the record.

    Source: [lettermann2023]; checkpoints [griewank2000].
    """
    observe = system.observe if observe is None else observe
    place = _whole if place is None else place
    if system.default_driver(system.initial_state(x0)).at(0) is not None:
        raise ParameterError("assimilate takes autonomous systems; put time into the state.")
    start = jax.tree.map(jnp.asarray, system.initial_state(x0))
    logs, signs = _logs(system, parameters)
    rows = jnp.asarray(observations, dtype=float)
    seen = jax.eval_shape(lambda: observe(place(start, hidden)))
    if rows.ndim < 1 or rows.shape[1:] != seen.shape or rows.shape[0] < 2:
        raise ShapeError(f"observations have shape {rows.shape}; rows of shape {seen.shape} are needed, at least two.")
    problem = _Problem(
        system, start, rows, signs, tuple(parameters), observe, place, count(every, "every"), n_checkpoints
    )
    unknowns = _Unknowns(logs, jax.tree.map(lambda v: jnp.asarray(v, dtype=float), hidden))
    moments, losses = DIRECTION.init(eqx.filter(unknowns, eqx.is_array)), []
    n_chunks = -(-count(n_updates, "n_updates") // CHUNK)
    with Progress(n_chunks * CHUNK, "assimilation", progress) as bar:
        for k in range(n_chunks):
            numbers = jnp.asarray(k * CHUNK), jnp.asarray(float(rate)), jnp.asarray(float(n_chunks * CHUNK))
            unknowns, moments, found = _descend(unknowns, moments, problem, *numbers)
            losses.append(np.asarray(found))
            bar.advance(CHUNK)
    fitted, x = problem.at(unknowns)
    curvatures = np.zeros(0)
    if len(parameters):
        curvatures = np.linalg.eigvalsh(np.asarray(_curvature(unknowns, problem)))[::-1]
    values = {name: float(s * np.exp(v)) for name, s, v in zip(parameters, signs, unknowns.logs, strict=True)}
    return Assimilation(fitted, x, np.concatenate(losses), values, curvatures)


def _whole(x: State, hidden: Any) -> State:
    return hidden if jax.tree.leaves(hidden) else x


def _logs(system: Any, parameters: Sequence[str]) -> tuple[Any, Any]:
    args = getattr(system, "args", None)
    values = []
    for name in parameters:
        value = args.get(name) if isinstance(args, dict) else None
        if value is None or np.ndim(value) != 0 or not np.isfinite(value) or float(value) == 0:
            raise ParameterError(
                f"{name!r} is no number other than zero among the args of the system; only such can be fitted."
            )
        values.append(float(value))
    found = np.array(values)
    return jnp.log(jnp.abs(jnp.asarray(found))), jnp.sign(jnp.asarray(found))
