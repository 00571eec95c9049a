"""Growth of one tangent vector in many realisations at once."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import NonFiniteStateError, ParameterError
from cocycle.core.realisations import map_rows, realisation_axes, realisations
from cocycle.core.start import start
from cocycle.core.system import AbstractSystem
from cocycle.stability.frames import dimension, first_frame, push_frame, require_differentiable


@eqx.filter_jit
def _grow(system: Any, drivers: Any, x: Any, v: Any, n: Any, n_steps: Any) -> tuple[Any, Any, Any]:
    """Log growth of a unit vector over n_steps, in every realisation."""

    def one(driver: Any, x: Any, v: Any) -> tuple[Any, Any, Any]:
        def step(i: Any, carry: tuple) -> tuple:
            x, v, total = carry
            x, frame = push_frame(system, x, driver.at(n + i), v[None])
            length = jnp.sqrt(jnp.sum(frame[0] ** 2))
            return x, frame[0] / jnp.where(length > 0, length, 1.0), total + jnp.log(length)

        return jax.lax.fori_loop(0, n_steps, step, (x, v, jnp.zeros(())))

    return eqx.filter_vmap(one, in_axes=(realisation_axes(drivers), 0, 0))(drivers, x, v)


class Growth:
    """Tangent vectors in many realisations, advanced on request.

    Args:
        system: differentiable system.
        x0: initial state, or None for the system's own.
        driver: driver with a random key.
        n_realisations: number of realisations.
        n_steps: steps that will be taken in all.
        n_workers: threads, or None for the cores this process may use.

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if the state has no floating numbers.
    """

    def __init__(
        self,
        system: AbstractSystem,
        x0: Any,
        driver: AbstractDriver | None,
        n_realisations: int,
        n_steps: int,
        n_workers: int | None,
    ):
        require_differentiable(system)
        x, driver = start(system, x0, driver, n_steps=n_steps)
        if dimension(x) == 0:
            raise ParameterError("the state has no floating numbers, so it has no tangents.")
        self.system, self.n_workers, self.n = system, n_workers, 0
        self.drivers = realisations(driver, n_realisations)
        self.x = jax.tree.map(lambda a: jnp.broadcast_to(a, (n_realisations, *a.shape)), x)
        v = jnp.asarray(first_frame(1, dimension(x))[0])
        self.v: Any = jnp.broadcast_to(v, (n_realisations, v.shape[0]))

    def advance(self, n_steps: int) -> Float[np.ndarray, "realisations"]:
        """Take steps; return the log growth in each realisation [nats].

        Args:
            n_steps: steps to take.

        Raises:
            NonFiniteStateError: if a realisation leaves the finite numbers.
        """
        if n_steps == 0:
            return np.zeros(len(self.v))

        def part(drivers: Any, x: Any, v: Any) -> Any:
            return _grow(self.system, drivers, x, v, jnp.asarray(self.n), jnp.asarray(n_steps))

        self.x, self.v, total = map_rows(
            part, self.drivers, self.x, self.v, n_rows=len(self.v), n_workers=self.n_workers
        )
        self.n += n_steps
        if np.isnan(total).any() or np.isposinf(total).any():
            bad = int(np.argmax(~(total < np.inf)))
            raise NonFiniteStateError(
                f"realisation {bad} leaves the finite numbers before step {self.n}: "
                "take a smaller dt, other parameters or another initial state.",
                step=self.n,
                last_state=None,
            )
        return total


def as_rows(x: Array | np.ndarray) -> Float[np.ndarray, "rows"]:
    """One-dimensional array of floats.

    Args:
        x: number or array.
    """
    return np.atleast_1d(np.asarray(x, dtype=float))
