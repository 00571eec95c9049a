"""The tangent of a step under one control with its state: with everything moving that the step depends on."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from cocycle.core.system import State


class TangentField(eqx.Module):
    """The field of a state together with K tangent vectors."""

    field: Any

    def __call__(self, t: Any, pair: tuple, args: Any) -> tuple:
        """Return the slopes of the state and of the tangents."""
        y, V = pair

        def one(v: PyTree) -> tuple:
            return jax.jvp(lambda y: self.field(t, y, args), (y,), (v,))

        return jax.vmap(one, out_axes=(None, 0))(V)


class Forced(eqx.Module):
    """The field in the unit time s = (time - t) / dt, with the tangent that moves with everything it depends on."""

    inputs: PyTree
    inputs_tangent: PyTree

    def __call__(self, s: Any, pair: tuple, args: None) -> tuple:
        """Return the slopes of the state and of its tangent, per unit of s."""
        y, V = pair
        moving, fixed = eqx.partition(self.inputs, eqx.is_inexact_array)

        def slope(y: State, moving: PyTree) -> State:
            field, t, args, dt = eqx.combine(moving, fixed)
            return jax.tree.map(lambda f: dt * f, field(t + s * dt, y, args))

        v = jax.tree.map(lambda leaf: leaf[0], V)
        k, kv = jax.jvp(slope, (y, moving), (v, self.inputs_tangent))
        return k, jax.tree.map(lambda leaf: leaf[None], kv)


def zero_filled(tangent: PyTree, primal: PyTree) -> PyTree:
    """Return tangents of the floating leaves, zeros where none was given, None elsewhere."""
    floating = eqx.filter(primal, eqx.is_inexact_array)
    given = jax.tree.map(lambda p, v: v, floating, tangent, is_leaf=lambda a: a is None)
    return jax.tree.map(
        lambda p, v: None if p is None else (jnp.zeros_like(p) if v is None else v),
        floating,
        given,
        is_leaf=lambda a: a is None,
    )
