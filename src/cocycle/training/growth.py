r"""Growth of products of $I - \frac{\eta}{B}\sum_{i \in \text{batch}} H_i$ on the normal space, for many rates at once.

All cells (a learning rate and a batch size each) see the same samples: the batch of size B is the first B of those
drawn. One step is then two matrix products, whatever the number of parameters of the model.
"""

import dataclasses
import functools
import time
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.progress import Progress
from cocycle.core.run import Pace, Status, row_capacity
from cocycle.training.minimum import Minimum

MIN_ROWS = 16
START_SEED = 20250


@dataclasses.dataclass(frozen=True)
class Growth:
    """Log growth per step of one vector in each cell.

    Attributes:
        local: log growth (time, cells) [nats / step], transient left out.
        status: how the computation ended.
    """

    local: np.ndarray
    status: Status

    def exponents(self) -> Estimate:
        """Return mean growth (cells,) [nats / step] with standard errors."""
        return mean_estimate(self.local, method="product of batch steps on the normal space")


@eqx.filter_jit
def _grow(rows: Any, weights: Any, driver: Any, d: Any, n: Any, n_rows: Any, capacity: int) -> tuple[Any, Any]:
    """Fill up to `capacity` rows of log growth."""

    def one(i: Any, carry: tuple) -> tuple:
        d, out = carry
        seen = rows[driver.at(n + i)].reshape(-1, d.shape[1])
        after = d - ((d @ seen.T) * weights) @ seen
        length = jnp.sqrt(jnp.sum(after**2, axis=1))
        alive = length > 0
        d = jnp.where(alive[:, None], after / jnp.where(alive, length, 1.0)[:, None], d)
        return d, out.at[i].set(jnp.log(length))

    return jax.lax.fori_loop(0, n_rows, one, (d, jnp.zeros((capacity, d.shape[0]))))


def cell_weights(learning_rates: np.ndarray, batch_sizes: np.ndarray, n_drawn: int, n_outputs: int) -> np.ndarray:
    """Weight of each row that is seen, eta / B for the first B samples drawn: (cells, drawn times C).

    Raises:
        ParameterError: if a batch is larger than what is drawn.
    """
    if int(np.max(batch_sizes)) > n_drawn:
        raise ParameterError(
            f"a batch of {int(np.max(batch_sizes))} needs more than the {n_drawn} samples drawn a step."
        )
    inside = np.arange(n_drawn)[None, :] < np.asarray(batch_sizes)[:, None]
    weights = inside * (np.asarray(learning_rates, dtype=float) / batch_sizes)[:, None]
    return np.repeat(weights, n_outputs, axis=1)


@functools.lru_cache(maxsize=32)
def _first_directions(n_cells: int, rank: int) -> np.ndarray:
    """One direction in general position, the same in all cells."""
    d = np.random.default_rng(START_SEED).normal(size=rank)
    return np.tile(d / np.linalg.norm(d), (n_cells, 1))


def growth(
    at: Minimum,
    learning_rates: np.ndarray,
    batch_sizes: np.ndarray,
    driver: AbstractDriver,
    *,
    n_steps: int,
    n_transient: int | None = None,
    progress: bool | None = None,
) -> Growth:
    """Log growth of a vector of the normal space under batch steps, in each cell.

    Args:
        at: the minimum.
        learning_rates: eta (cells,).
        batch_sizes: B (cells,), at most as many as the driver draws.
        driver: which samples are seen; `max(batch_sizes)` a step.
        n_steps: steps in all, the transient included.
        n_transient: steps that only turn the vector to where growth is fastest. Default a tenth of n_steps.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Growth.

    Raises:
        ParameterError: if fewer than 16 steps are left.

    Limits: an interrupt (Ctrl-C) returns what is done, with a warning, if that is at least 16 steps.
    Cost: 4 cells B C R operations a step; another rate or n_steps does not compile again.
    """
    n_transient = n_steps // 10 if n_transient is None else n_transient
    if n_steps - n_transient < MIN_ROWS:
        raise ParameterError(
            f"n_steps={n_steps} less n_transient={n_transient} leaves {n_steps - n_transient} steps; a standard error "
            f"needs {MIN_ROWS}. Take more steps."
        )
    n_drawn = eqx.filter_eval_shape(lambda d: d.at(0), driver).shape[0]
    weights = jnp.asarray(cell_weights(learning_rates, batch_sizes, n_drawn, at.rows.shape[1]))
    rows, d = jnp.asarray(at.rows), jnp.asarray(_first_directions(len(weights), at.rank))
    capacity = row_capacity(8 * len(weights))
    pace, parts, done, status = Pace(capacity), [], 0, Status.OK
    with Progress(n_steps, "growth of batch steps", progress) as bar:
        try:
            while done < n_steps:
                size = pace.next(n_steps - done)
                began = time.perf_counter()
                d, chunk = _grow(rows, weights, driver, d, jnp.asarray(done), jnp.asarray(size), capacity)
                parts.append(np.asarray(chunk)[:size])
                pace.took(size, time.perf_counter() - began, done == 0)
                done += size
                bar.advance(size)
        except KeyboardInterrupt:
            if done - n_transient < MIN_ROWS:
                raise
            warnings.warn(f"interrupted: growth rests on {done} of {n_steps} steps.", InterruptedWarning, stacklevel=3)
            status = Status.INTERRUPTED
    return Growth(np.concatenate(parts)[n_transient:], status)
