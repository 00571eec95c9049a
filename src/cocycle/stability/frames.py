"""Tangent frames as matrices: K rows, one tangent vector each, and their orthonormalisation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cocycle.core.errors import NotDifferentiableError
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem, State, floating_part, push

SMALL = 8
FRAME_SEED = 1


def dimension(x: State) -> int:
    """Real dimension of the tangent space: floating leaves, complex ones counted twice."""
    moving, _ = floating_part(x)
    return sum(leaf.size * (2 if jnp.iscomplexobj(leaf) else 1) for leaf in jax.tree.leaves(moving))


def require_differentiable(system: AbstractSystem) -> None:
    """Refuse a system whose step has no meaningful tangent.

    Raises:
        NotDifferentiableError: with the remedy.
    """
    if not isinstance(system, AbstractDifferentiableSystem):
        raise NotDifferentiableError(
            f"{type(system).__name__} does not declare a differentiable step, so it has no tangents; "
            "derive it from AbstractDifferentiableSystem if its step is smooth at the states that it visits."
        )


def as_tangents(frame: Float[Array, "K D"], x: State) -> PyTree:
    """Turn the rows of a frame into tangents of the floating leaves of x, with leading axis K."""
    moving, _ = floating_part(x)
    leaves, structure = jax.tree.flatten(moving)
    if len(leaves) == 1 and leaves[0].ndim == 1 and not jnp.iscomplexobj(leaves[0]):
        return jax.tree.unflatten(structure, [frame])
    out, at = [], 0
    for leaf in leaves:
        shape = (frame.shape[0], *leaf.shape)
        part = frame[:, at : at + leaf.size].reshape(shape)
        at += leaf.size
        if jnp.iscomplexobj(leaf):
            part = part + 1j * frame[:, at : at + leaf.size].reshape(shape)
            at += leaf.size
        out.append(part.astype(leaf.dtype))
    return jax.tree.unflatten(structure, out)


def as_frame(V: PyTree) -> Float[Array, "K D"]:
    """Flatten tangents with leading axis K into the rows of a frame."""
    leaves = jax.tree.leaves(V)
    if len(leaves) == 1 and leaves[0].ndim == 2 and not jnp.iscomplexobj(leaves[0]):
        return leaves[0]
    rows = []
    for leaf in leaves:
        flat = leaf.reshape(leaf.shape[0], -1)
        rows.extend([flat.real, flat.imag] if jnp.iscomplexobj(flat) else [flat])
    return jnp.concatenate(rows, axis=1)


def push_frame(system: AbstractSystem, x: State, w: Any, frame: Float[Array, "K D"]) -> tuple[State, Any]:
    """Advance a state and the rows of a frame by one step."""
    x, V = push(system, x, w, as_tangents(frame, x))
    return x, as_frame(V)


def first_frame(n_vectors: int, n_dimensions: int) -> np.ndarray:
    """Orthonormal rows (K, D) in general position, the same at every call."""
    draw = np.random.default_rng(FRAME_SEED).normal(size=(n_dimensions, n_vectors))
    return np.ascontiguousarray(np.linalg.qr(draw)[0].T)


def orthonormalise(frame: Float[Array, "K D"]) -> tuple[Float[Array, "K D"], Float[Array, "K"]]:
    """Orthonormal rows with the same flags, and the stretching |R_ii| of each.

    Up to 8 rows by modified Gram-Schmidt, unrolled; more by LAPACK's Householder QR. A direction that is lost
    in round-off counts as killed: its stretching is 0.

    Args:
        frame: rows to orthonormalise.

    Returns:
        Rows q (K, D) and stretching (K,).
    """
    lost = 4 * jnp.finfo(frame.dtype).eps
    if frame.shape[0] > SMALL:
        q, r = jnp.linalg.qr(frame.T)
        length = jnp.linalg.norm(frame, axis=1)
        diagonal = jnp.abs(jnp.diagonal(r))
        return q.T, jnp.where(diagonal > lost * length, diagonal, 0.0)
    rows, stretching = [], []
    for i in range(frame.shape[0]):
        v = frame[i]
        whole = jnp.dot(v, v)
        for u in rows:
            v = v - jnp.dot(u, v) * u
        square = jnp.dot(v, v)
        alive = square > lost**2 * whole
        r = jnp.where(alive, jnp.sqrt(square), 0.0)
        rows.append(jnp.where(alive, v / jnp.where(alive, r, 1.0), 0.0))
        stretching.append(r)
    return jnp.stack(rows), jnp.stack(stretching)


def tangent_map(system: AbstractSystem, x: State, w: Any) -> Float[Array, "D D"]:
    """Matrix of the tangent map of one step, column i the image of unit vector i."""
    return push_frame(system, x, w, jnp.eye(dimension(x)))[1].T
