"""What becomes of many runs that start near a minimum: the experiment that the exponent predicts."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import Minibatch
from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.training.descent import Training, TrainingState

CHUNK = 200


@dataclasses.dataclass(frozen=True)
class Fates(Presentable):
    """How runs ended.

    Attributes:
        settled: loss below the tolerance, without ever leaving the neighbourhood (runs,).
        escaped: left the neighbourhood, or the finite numbers (runs,).
        loss: last loss (runs,).
        farthest: largest distance from the minimum seen (runs,).
        n_steps: steps each run was given.
    """

    settled: np.ndarray
    escaped: np.ndarray
    loss: np.ndarray
    farthest: np.ndarray
    n_steps: int

    @property
    def settled_fraction(self) -> float:
        """Share of the runs that settled."""
        return float(np.mean(self.settled))

    def __str__(self) -> str:
        """Counts."""
        n = len(self.settled)
        left = n - int(self.settled.sum()) - int(self.escaped.sum())
        return f"{n} runs: {int(self.settled.sum())} settled, {int(self.escaped.sum())} escaped, {left} neither"


@eqx.filter_jit
def _go_on(system: Any, keys: Any, states: Any, farthest: Any, n: Any, n_steps: Any, radius: Any, tol: Any, size: Any):
    """Advance all runs that have neither settled nor escaped."""
    problem = system.problem
    home = problem.flat(problem.params)
    replace, batch_size = size

    def one(key: Any, x: TrainingState, farthest: Any) -> tuple:
        driver = Minibatch(key, problem.n_samples, batch_size, replace)

        def active(carry: tuple) -> Any:
            i, x, far = carry
            return (i < n_steps) & (far <= radius) & ((i % 16 != 0) | (system.loss(x) > tol))

        def step(carry: tuple) -> tuple:
            i, x, far = carry
            x = system.step(x, driver.at(n + i))
            gap = jnp.linalg.norm(problem.flat(x.params) - home)
            return i + 1, x, jnp.where(jnp.isfinite(gap), jnp.maximum(far, gap), jnp.inf)

        _, x, farthest = jax.lax.while_loop(active, step, (jnp.zeros_like(n), x, farthest))
        return x, farthest, system.loss(x)

    return jax.vmap(one)(keys, states, farthest)


def fates(
    training: Training,
    *,
    batch_size: int,
    key: Any,
    n_runs: int = 100,
    n_steps: int = 4000,
    noise: float = 1e-4,
    radius: float = 0.05,
    tol: float = 1e-20,
    replace: bool = True,
    progress: bool | None = None,
) -> Fates:
    """Start many runs near the parameters of the problem, and see which settle there.

    Args:
        training: the run; its problem's parameters are the minimum.
        batch_size: samples a step.
        key: random key; each run has its own start and its own batches.
        n_runs: number of runs.
        n_steps: steps each run is given.
        noise: length of the random displacement at the start, on average.
        radius: a run farther than this from the minimum has escaped, for good.
        tol: a run has settled when the loss on all data is below it.
        replace: draw batches independently (True), or walk through a new order each epoch.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Fates.

    Raises:
        ParameterError: if radius does not exceed noise.

    Cost: n_runs n_steps gradients on a batch at most.

    Example:
        >>> from cocycle.training import Problem, SGD
        >>> one = Problem(lambda w, x: w * x, jnp.array(1.0), (jnp.array([1.0, 2.0]), jnp.array([1.0, 2.0])))
        >>> print(fates(Training(one, SGD(0.6)), batch_size=1, key=jr.key(0), n_runs=10))
        10 runs: 10 settled, 0 escaped, 0 neither
    """
    if not 0 < noise < radius:
        raise ParameterError(f"radius={radius} must exceed noise={noise}, and both be positive.")
    problem = training.problem
    keys = jax.vmap(jr.key_data)(jr.split(jr.fold_in(_typed(key), 1), n_runs))
    keys = jr.wrap_key_data(keys)
    start = jr.normal(jr.fold_in(_typed(key), 2), (n_runs, problem.n_params)) * noise / np.sqrt(problem.n_params)
    home = problem.flat(problem.params)
    states = jax.vmap(lambda d: training.initial_state(problem.unflat(home + d)))(start)
    farthest, loss, done = jnp.linalg.norm(start, axis=1), jnp.full(n_runs, jnp.inf), 0
    static = (bool(replace), int(training.batches(0, batch_size).batch_size))
    with Progress(n_steps, "runs from the minimum", progress) as bar:
        while done < n_steps:
            size = min(CHUNK, n_steps - done)
            numbers = (jnp.asarray(done), jnp.asarray(size), jnp.asarray(radius), jnp.asarray(tol))
            states, farthest, loss = _go_on(training, keys, states, farthest, *numbers, static)
            done += size
            bar.advance(size)
            if bool(jnp.all((farthest > radius) | (loss <= tol))):
                break
    far, last = np.asarray(farthest), np.asarray(loss)
    escaped = ~(far <= radius)
    return Fates((last <= tol) & ~escaped, escaped, last, far, n_steps)


def _typed(key: Any) -> Any:
    return jr.key(key) if isinstance(key, int) else key
