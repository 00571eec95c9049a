"""First and second derivatives of an orbit by its initial state and its parameters: the variational equations."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.run import Status
from cocycle.core.tracing import is_traced
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow
from cocycle.steppers.orbit import starting_point, taylor_orbit
from cocycle.steppers.taylor import Taylor


@dataclasses.dataclass(frozen=True)
class Derivatives:
    """Derivatives of an orbit.

    Attributes:
        t: times (time,).
        x: states (time, D), flattened.
        first: (time, D, K), by the K numbers of the initial state and then of the parameters.
        second: (time, D, K, K), symmetric; None where only the first was asked for.
        n_state: D; columns from there on belong to parameters.
        status: how it ended.
    """

    t: np.ndarray
    x: np.ndarray
    first: np.ndarray
    second: np.ndarray | None
    n_state: int
    status: Status


class _Variational(eqx.Module):
    """The field of a state, its K first derivatives and its second ones, one a pair."""

    field: Any
    unravel: Any = eqx.field(static=True)
    # Directions in the parameters: constant, since parameters do not move.
    directions: Float[Array, "K P"]

    def __call__(self, t: Any, y: tuple, args: Any) -> tuple:
        moving, fixed = eqx.partition(args, eqx.is_inexact_array)
        x, V, *rest = y
        p, back = ravel_pytree(moving) if self.directions.shape[1] else (jnp.zeros(0, x.dtype), None)

        def slope(x: Any, p: Any) -> Any:
            given = args if back is None else eqx.combine(back(p), fixed)
            return ravel_pytree(self.field(t, self.unravel(x), given))[0]

        def first(v: Any, d: Any) -> Any:
            return jax.jvp(slope, (x, p), (v, d))[1]

        found = (slope(x, p), jax.vmap(first)(V, self.directions))
        if not rest:
            return found
        i, j = np.triu_indices(V.shape[0])

        def second(v: Any, d: Any, w: Any, e: Any, vw: Any) -> Any:
            along = lambda x, p: jax.jvp(slope, (x, p), (v, d))[1]  # noqa: E731
            bent = jax.jvp(along, (x, p), (w, e))[1]
            return bent + jax.jvp(slope, (x, p), (vw, jnp.zeros_like(d)))[1]

        return *found, jax.vmap(second)(V[i], self.directions[i], V[j], self.directions[j], rest[0])


def taylor_derivatives(
    flow: Flow,
    x0: Any = None,
    *,
    duration: Any = None,
    times: Any = None,
    order: int = 1,
    parameters: bool = False,
    t0: float = 0.0,
    stepper: Taylor | None = None,
    progress: bool | None = None,
) -> Derivatives:
    r"""Derivatives of an orbit by its initial state and parameters, from one Taylor expansion of all of them.

    $$\dot V_i = D\!f\,[e_i], \qquad \dot W_{ij} = D\!f\,[W_{ij}] + D^2\!f\,[e_i, e_j], \qquad e_i = (V_i, \delta p_i)$$

    Args:
        flow: a flow; its field and args are used.
        x0: initial state at t0; default that of the flow.
        duration: length of the orbit, sampled every flow.dt; negative for backwards.
        times: times of the samples in its place.
        order: 1 for first derivatives, 2 for second ones too.
        parameters: True takes all floating numbers in the flow's args as parameters, after those of the state.
        t0: time of the initial state.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Derivatives with one row a time.

    Raises:
        ParameterError: if the order is neither 1 nor 2, or there are no parameters to differentiate by.

    Accuracy: the tolerance of the stepper, for states, first and second derivatives each by its own size.
    Laws: second derivatives are symmetric; for a linear field they vanish.
    Limits: fields with jumps in them have no second derivatives there.
    Cost: 1 + K + K (K + 1) / 2 states in the place of one.

    Example:
        >>> grow = Flow(lambda t, y, a: a * y * y, 1.0, dt=0.1, x0=[1.0])
        >>> found = taylor_derivatives(grow, times=[0.5], order=2, parameters=True)
        >>> found.first[0].round(9).tolist(), found.second[0, 0].round(9).tolist()
        ([[4.0, 2.0]], [[8.0, 8.0], [8.0, 4.0]])

    Source: [griewank2008], [jorba2005].
    """
    if order not in (1, 2):
        raise ParameterError(f"order must be 1 or 2, got {order!r}.")
    if is_traced(flow, x0):
        raise ParameterError("taylor_derivatives is a host loop; under jit, vmap or grad differentiate flow.step.")
    y, stepper = starting_point(flow, x0, stepper)
    x, unravel = ravel_pytree(y)
    n_state = x.size
    n_parameters = ravel_pytree(eqx.filter(flow.args, eqx.is_inexact_array))[0].size if parameters else 0
    if parameters and not n_parameters:
        raise ParameterError("the flow has no floating args to differentiate by; give it args, or parameters=False.")
    n = n_state + n_parameters
    unit = jnp.eye(n, dtype=x.dtype)
    field = _Variational(CheckedField(flow.field), unravel, unit[:, n_state:])
    begin: Any = (x, unit[:, :n_state])
    if order == 2:
        begin = (*begin, jnp.zeros((n * (n + 1) // 2, n_state), x.dtype))
    whole = Flow(field, flow.args, dt=flow.dt, x0=begin, stepper=stepper)
    found = taylor_orbit(whole, duration=duration, times=times, t0=t0, progress=progress)
    states, V, *rest = found.x
    second = None
    if rest:
        i, j = np.triu_indices(n)
        second = np.empty((len(states), n_state, n, n), rest[0].dtype)
        second[:, :, i, j] = second[:, :, j, i] = np.swapaxes(rest[0], 1, 2)
    return Derivatives(np.asarray(found.t), states, np.swapaxes(V, 1, 2), second, n_state, found.status)
