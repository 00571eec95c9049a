"""What a run takes when the user does not say: driver, number of steps."""

from typing import Any

import jax
import numpy as np

from cocycle.core.drivers import AbstractDriver, Brownian
from cocycle.core.errors import ParameterError
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem, positive_time
from cocycle.steppers import ItoSDE, StratonovichSDE

N_STEPS = 50_000


def driver_for(system: AbstractSystem, x0: Any = None, seed: int = 0) -> AbstractDriver:
    """Driver of a system that needs none from the user: its default, or noise of this seed for a stochastic equation.

    Args:
        system: the system.
        x0: initial state; default that of the system.
        seed: of the noise; every component gets noise of its own.

    Returns:
        A driver.

    Raises:
        ParameterError: if no initial state is known.
    """
    state = system.x0 if x0 is None else x0
    if state is None:
        raise ParameterError("no initial state: give x0 (--x0), or build the system with a default x0.")
    x = system.initial_state(state)
    if not isinstance(system, ItoSDE | StratonovichSDE):
        return system.default_driver(x)
    if system.noise_shape is not None:
        return Brownian(seed, system.noise_shape)
    g = jax.eval_shape(lambda y: jax.numpy.asarray(system.diffusion(jax.numpy.zeros(()), y, system.args)), x)
    return Brownian(seed, g.shape[-1:] if g.ndim == x.ndim + 1 else x.shape)


def steps_of(system: AbstractSystem, x0: Any, n_steps: int | None, duration: float | None) -> int:
    """Number of steps of a run: as given, of a duration, or what suits the size of the state.

    Args:
        system: the system.
        x0: initial state; default its own.
        n_steps: steps, or None.
        duration: time, or None.

    Returns:
        Steps.

    Raises:
        ParameterError: if both are given, or one is not positive.
    """
    if n_steps is not None and duration is not None:
        raise ParameterError("give n_steps or duration, not both.")
    if duration is not None:
        positive_time(duration, "duration")
        return max(1, round(duration / float(system.dt)))
    if n_steps is not None:
        return count(n_steps, "n_steps")
    state = system.initial_state(system.x0 if x0 is None else x0)
    size = size_of(state)
    return N_STEPS if size <= 10 else (20_000 if size <= 50 else 5000)


def size_of(state: Any) -> int:
    """Number of real numbers in a state.

    Args:
        state: pytree of arrays.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    floating = [leaf for leaf in leaves if np.issubdtype(leaf.dtype, np.inexact)]
    return sum(leaf.size * (2 if np.iscomplexobj(leaf) else 1) for leaf in floating)
