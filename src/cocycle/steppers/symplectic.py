"""Symplectic steppers for Hamiltonian fields: explicit splittings, and the implicit midpoint rule."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.flatten_util import ravel_pytree

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import Field, State
from cocycle.steppers.abstract import AbstractStepper


def split_state(y: State) -> tuple[State, State]:
    """Split a Hamiltonian state into positions and momenta.

    Args:
        y: a pair (q, p), or a vector of even length [q, p].

    Raises:
        ShapeError: if it is neither.
    """
    if isinstance(y, tuple) and len(y) == 2:
        return y[0], y[1]
    if isinstance(y, jax.Array) and y.ndim == 1 and y.shape[0] % 2 == 0:
        return y[: y.shape[0] // 2], y[y.shape[0] // 2 :]
    got = f"shape {y.shape}" if isinstance(y, jax.Array) else type(y).__name__
    raise ShapeError(
        f"a Hamiltonian state is a pair (q, p) or a vector [q, p] of even length, got {got}; "
        "order the components so that the first half holds the positions."
    )


def join_state(q: State, p: State, y: State) -> State:
    """Put positions and momenta together in the layout of y.

    Args:
        q: positions.
        p: momenta.
        y: a state that shows the layout.
    """
    return (q, p) if isinstance(y, tuple) else jnp.concatenate([q, p])


def split_step(
    drifts: tuple[float, ...], kicks: tuple[float, ...], field: Field, t: Any, y: State, args: Any, dt: Any
) -> State:
    """Alternate drifts of q and kicks of p, each of which sees only the other half.

    The clock of each half runs with the other half, so that a field that depends on t keeps the order.

    Args:
        drifts: lengths of the drifts, as fractions of dt; one more than kicks.
        kicks: lengths of the kicks.
        field: `field(t, y, args)`; of its result only the half that is needed is used.
        t: time at the start of the step.
        y: state.
        args: parameters.
        dt: length of the step.
    """
    q, p = split_state(y)
    drifted, kicked = 0.0, 0.0
    for drift, kick in zip(drifts, (*kicks, 0.0)):
        velocity, _ = split_state(field(t + kicked * dt, join_state(q, p, y), args))
        q = jax.tree.map(lambda a, v, c=drift: a + (c * dt) * v, q, velocity)
        drifted += drift
        if kick != 0.0:
            _, force = split_state(field(t + drifted * dt, join_state(q, p, y), args))
            p = jax.tree.map(lambda a, f, c=kick: a + (c * dt) * f, p, force)
            kicked += kick
    return join_state(q, p, y)


def check_separable(field: Field, t: Any, y: State, args: Any) -> None:
    """Refuse a field whose dq/dt depends on q or whose dp/dt depends on p, by derivatives at and near y.

    Args:
        field: `field(t, y, args)`.
        t: a time.
        y: a state.
        args: parameters.

    Raises:
        ParameterError: if the field is not separable.
    """
    q, p = split_state(y)
    flat, unravel = ravel_pytree((q, p))
    leaves = jax.tree.leaves((flat, t, args, eqx.filter(field, eqx.is_array)))
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return
    keys = jax.random.split(jax.random.key(0), 3)
    u, v, shift = (unravel(jax.random.normal(k, flat.shape).astype(flat.dtype)) for k in keys)

    def slope(q: State, p: State) -> tuple[State, State]:
        return split_state(field(t, join_state(q, p, y), args))

    def size(a: State) -> Any:
        return jnp.max(jnp.abs(ravel_pytree(a)[0]))

    for scale in (0.0, 0.1):
        point = jax.tree.map(lambda a, b, c=scale: a + c * (1 + abs(a)) * b, (q, p), shift)
        zero = jax.tree.map(jnp.zeros_like, point)
        _, (q_by_q, p_by_q) = jax.jvp(slope, point, (u[0], zero[1]))
        _, (q_by_p, p_by_p) = jax.jvp(slope, point, (zero[0], v[1]))
        wrong, right = size((q_by_q, p_by_p)), size((p_by_q, q_by_p))
        if isinstance(wrong, Tracer):
            return
        if bool(wrong > 1e-9 * (wrong + right)):
            raise ParameterError(
                "the field is not separable: dq/dt depends on q or dp/dt on p (friction does this too), so this "
                "stepper would not solve it; use stepper=ImplicitMidpoint(), or RK4() for a dissipative field."
            )


class Leapfrog(AbstractStepper):
    r"""The leapfrog (position Verlet) step for a separable Hamiltonian, of order 2.

    $$H(q, p) = T(p) + V(q): \quad q_{1/2} = q + \tfrac{h}{2} T'(p),\; p' = p - h V'(q_{1/2}),\;
    q' = q_{1/2} + \tfrac{h}{2} T'(p')$$

    The state is a pair (q, p) or a vector [q, p] of even length.

    Laws: symplectic and time-reversible, to round-off.
    Limits: dq/dt must not depend on q, nor dp/dt on p; the flow refuses such a field where it can see it.
    Cost: 1 evaluation of the force, 2 of the velocity.

    Example:
        >>> q, p = Leapfrog().step(lambda t, y, args: (y[1], -y[0]), 0.0, (1.0, 0.0), None, 0.1)
        >>> round(float(q), 6), round(float(p), 6)
        (0.995, -0.1)

    Source: [hairer2006].
    """

    order: ClassVar[int] = 2

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        return split_step((0.5, 0.5), (1.0,), field, t, y, args, dt)

    def check(self, field: Field, t: Any, y: State, args: Any) -> None:
        """Refuse a state that is not (q, p) and a field that is not separable."""
        check_separable(field, t, y, args)


_OUTER = 1.0 / (2.0 - 2.0 ** (1 / 3))
_INNER = 1.0 - 2.0 * _OUTER


class Yoshida4(AbstractStepper):
    """Yoshida's composition of three leapfrog steps for a separable Hamiltonian, of order 4.

    The state is a pair (q, p) or a vector [q, p] of even length.

    Laws: symplectic and time-reversible, to round-off.
    Limits: as for `Leapfrog`; the middle step runs backwards, by 1.7 dt.
    Cost: 3 evaluations of the force, 4 of the velocity.

    Example:
        >>> q, p = Yoshida4().step(lambda t, y, args: (y[1], -y[0]), 0.0, (1.0, 0.0), None, 0.1)
        >>> round(float(q), 5), round(float(p), 5)
        (0.995, -0.09983)

    Source: [yoshida1990].
    """

    order: ClassVar[int] = 4

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        middle = (_OUTER + _INNER) / 2
        drifts = (_OUTER / 2, middle, middle, _OUTER / 2)
        return split_step(drifts, (_OUTER, _INNER, _OUTER), field, t, y, args, dt)

    def check(self, field: Field, t: Any, y: State, args: Any) -> None:
        """Refuse a state that is not (q, p) and a field that is not separable."""
        check_separable(field, t, y, args)
