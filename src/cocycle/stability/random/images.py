"""Images of many points, each under noise of its own: what a transfer operator is made of."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ShapeError
from cocycle.core.realisations import is_random, map_rows, realisation_axes, realisations
from cocycle.core.start import count, start


def images(system: Any, points: Any, driver: Any = None, *, n_steps: int) -> Float[np.ndarray, "points D"]:
    """Images of points after some steps, under independent realisations of the noise where there is any.

    Args:
        system: a system whose state is one vector (or one number, D = 1).
        points: (n, D) states.
        driver: driver; default that of the system.
        n_steps: number of steps.

    Returns:
        (n, D) states; NaN where an orbit leaves the finite numbers.

    Raises:
        ShapeError: if the points are no table of states.

    Example:
        >>> from cocycle.core.functions import Map
        >>> images(Map(lambda x, a: 2 * x, x0=1.0), np.array([[1.0], [2.0]]), n_steps=3).ravel().tolist()
        [8.0, 16.0]
    """
    x = np.asarray(points, dtype=float)
    if x.ndim != 2 or not len(x):
        raise ShapeError(f"points have shape {x.shape}; (n, D) is needed, one state a row.")
    scalar = system.x0 is not None and np.ndim(system.x0) == 0
    states = jnp.asarray(x[:, 0] if scalar else x)
    n_steps = count(n_steps, "n_steps")
    _, driver = start(system, states[0], driver, n_steps=n_steps)
    drivers = realisations(driver, len(x)) if is_random(driver) else driver

    def part(drivers: Any, states: Any) -> Any:
        return _advance_all(system, drivers, states, jnp.asarray(n_steps))

    out = map_rows(part, drivers, states, n_rows=len(x))
    return out[:, None] if scalar else out


@eqx.filter_jit
def _advance_all(system: Any, drivers: Any, states: Any, n_steps: Any) -> Any:
    def one(driver: Any, x: Any) -> Any:
        return jax.lax.fori_loop(0, n_steps, lambda i, x: system.step(x, driver.at(i)), x)

    return eqx.filter_vmap(one, in_axes=(realisation_axes(drivers), 0))(drivers, states)
