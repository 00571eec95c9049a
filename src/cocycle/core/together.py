"""Several copies of one system under one drive: common noise."""

from typing import Any

import jax
import jax.numpy as jnp

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ShapeError
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem, Drive, State


class Together(AbstractDifferentiableSystem):
    """N copies of a system, all under the same drive: the n-point motion.

    The state has the layout of the single one with a leading axis N.

    Args:
        system: the single system.
        x0: N initial states along the first axis of every leaf.

    Example:
        >>> from cocycle.core.functions import Map
        >>> pair = Together(Map(lambda x, a, w: a * x + w, 0.5, driven=True), jnp.array([0.0, 8.0]))
        >>> pair.step(pair.x0, 1.0).tolist()
        [1.0, 5.0]
    """

    system: AbstractSystem
    dt: Any
    x0: Any

    def __init__(self, system: AbstractSystem, x0: Any = None):
        self.system, self.dt = system, system.dt
        self.x0 = None if x0 is None else self.initial_state(x0)

    @property
    def continuous_time(self) -> bool:  # type: ignore[override]
        """Whether the single system is a flow."""
        return self.system.continuous_time

    @property
    def name(self) -> str | None:
        """Name of the single system."""
        return getattr(self.system, "name", None)

    def step(self, x: State, w: Drive) -> State:
        """Advance all copies by one step.

        Args:
            x: N states.
            w: the drive of all of them.
        """
        return jax.vmap(self.system.step, in_axes=(0, None))(x, w)

    def initial_state(self, x0: Any) -> State:
        """Turn N initial states of the single system into one state.

        Args:
            x0: pytree of arrays with a common first axis, or a list of states.

        Raises:
            ShapeError: if there is no common first axis.
        """
        rows = jax.tree.map(jnp.asarray, jnp.asarray(x0) if isinstance(x0, list) else x0)
        lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(rows)}
        if len(lengths) != 1 or lengths == {()} or lengths == {(0,)}:
            raise ShapeError("several initial states share a first axis, one row each; stack them: jnp.stack([...]).")
        like = self.system.initial_state(jax.tree.map(lambda a: a[0], rows))
        return jax.tree.map(lambda a, b: jnp.asarray(a, dtype=b.dtype), _as(rows, like), like)

    def default_driver(self, x: State) -> AbstractDriver:
        """Return the default driver of the single system.

        Args:
            x: N states.
        """
        return self.system.default_driver(jax.tree.map(lambda a: a[0], x))

    def observe(self, x: State) -> Any:
        """Observe every copy.

        Args:
            x: N states.
        """
        return jax.vmap(self.system.observe)(x)


def _as(rows: Any, like: Any) -> Any:
    if jax.tree.structure(rows) != jax.tree.structure(like):
        raise ShapeError("this system transforms its initial states; stack what system.initial_state returns.")
    return rows
