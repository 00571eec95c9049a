"""Delay equations: the state is the history, on the grid of the steps."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import AbstractDifferentiableSystem, Drive, parameter_leaves, positive_time
from cocycle.steppers.fields import depends_on_time, floating_state, like_state, time_of

DelayField = Callable[[Any, Any, Any, Any], Any]


class DelayState(NamedTuple):
    """History of a delay equation on nodes one step apart, oldest first.

    Attributes:
        nodes: values, with a leading axis of n + 1 nodes.
        slopes: time derivatives at the first n of them; that of the last is the next to be computed.
        initial_slope: derivative of the initial history at its end; solutions have a kink there.
        age: steps since the start, at most n + 1.
    """

    nodes: PyTree[Any]
    slopes: PyTree[Any]
    initial_slope: PyTree[Any]
    age: Any


def _hermite(theta: Any, dt: Any, y0: Any, f0: Any, y1: Any, f1: Any) -> Any:
    """Cubic with values y0, y1 and slopes f0, f1 at the ends of an interval, at the fraction theta of it."""
    rest = 1.0 - theta
    at_start = rest**2 * ((1.0 + 2.0 * theta) * y0 + theta * dt * f0)
    return at_start + theta**2 * ((1.0 + 2.0 * rest) * y1 - rest * dt * f1)


def _append(history: PyTree, value: PyTree) -> PyTree:
    """Drop the oldest entry and add a newest."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a[1:], b[None]]), history, value)


def _delayed(state: DelayState, dt: Any, delay: Any, fraction: float, slope: Any) -> PyTree:
    """Return y at (newest time + fraction dt - delay); slope is that of the newest node, None where not needed."""
    n = jax.tree.leaves(state.slopes)[0].shape[0]
    back = delay / dt - fraction
    start = jnp.clip(jnp.ceil(back).astype(int), 1, n)
    # A delay that outgrew the history, or fell below dt, has no value here.
    round_off = 1e-6
    theta = jnp.where((back > n + round_off) | (back < -round_off), jnp.nan, start - back)

    def entry(history: PyTree, back: Any) -> PyTree:
        return jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, n - back, keepdims=False), history)

    y0, y1 = entry(state.nodes, start), entry(state.nodes, start - 1)
    f0, f1 = entry(state.slopes, start), entry(state.slopes, start - 1)
    if slope is not None:
        f1 = jax.tree.map(lambda k, f: jnp.where(start == 1, k, f), slope, f1)
    f1 = jax.tree.map(lambda kink, f: jnp.where(start - 1 == state.age, kink, f), state.initial_slope, f1)
    return jax.tree.map(lambda *ends: _hermite(theta, dt, *ends), y0, f0, y1, f1)


def advance_history(field: DelayField, state: DelayState, t: Any, args: Any, delays: Any, dt: Any) -> DelayState:
    """Take one classical Runge-Kutta step over an interpolated history.

    Args:
        field: `field(t, y, delayed, args)`.
        state: history.
        t: time at the start of the step.
        args: parameters.
        delays: one delay or a tuple.
        dt: length of the step.
    """
    y = jax.tree.map(lambda a: a[-1], state.nodes)

    def past(fraction: float, slope: Any) -> PyTree:
        return (
            tuple(_delayed(state, dt, delay, fraction, slope) for delay in delays)
            if isinstance(delays, tuple)
            else _delayed(state, dt, delays, fraction, slope)
        )

    def moved(c: Any, k: PyTree) -> PyTree:
        return jax.tree.map(lambda a, b: a + c * b, y, k)

    # At the start of the step every delayed value lies on or before the node that precedes the newest.
    k1 = field(t, y, past(0.0, None), args)
    halfway = past(0.5, k1)
    k2 = field(t + dt / 2, moved(dt / 2, k1), halfway, args)
    k3 = field(t + dt / 2, moved(dt / 2, k2), halfway, args)
    k4 = field(t + dt, moved(dt, k3), past(1.0, k1), args)
    y1 = jax.tree.map(lambda y, a, b, c, d: y + dt * ((a + d) / 6 + (b + c) / 3), y, k1, k2, k3, k4)
    n = jax.tree.leaves(state.slopes)[0].shape[0]
    forgotten = state.age >= n
    return DelayState(
        nodes=_append(state.nodes, y1),
        slopes=_append(state.slopes, k1),
        initial_slope=jax.tree.map(lambda kink: jnp.where(forgotten, 0.0, kink), state.initial_slope),
        age=jnp.minimum(state.age + 1, n + 1),
    )


class DelayFlow(AbstractDifferentiableSystem):
    r"""A delay equation over one step of the classical Runge-Kutta method.

    $$\dot y = f(t, y(t), y(t - \tau_1), \dots, \theta)$$

    Values between the nodes of the history are cubic Hermite interpolations.

    Args:
        field: `field(t, y, delayed, args)`; delayed is y(t - tau), or the tuple of them where delays is a tuple.
        args: parameters, leaves.
        delays: one delay or a tuple of them, each at least dt; need not be multiples of dt. Leaves too.
        dt: time that one step takes.
        x0: default initial history: a constant value, a function `history(t)` for t <= 0, or a `DelayState`.
        max_delay: largest delay that the history serves. Default the largest of delays.
        name: what to call the system.
        variables: names of the components.

    Raises:
        ParameterError: if a delay is below dt or above max_delay.
        ShapeError: if the field does not return the shape of y.

    Accuracy: order 4 for smooth solutions. A history that does not solve the equation makes kinks at multiples of
        the delays; where they fall between the nodes (delay no multiple of dt) each costs an error O(dt^2), once.
    Limits: the spectrum of a delay system is infinite; beyond the leading exponents that no longer move when dt is
        halved, what is computed belongs to the discretisation (slopes repeat the nodes: many are -inf). Ask for few
        vectors.
    Cost: 4 evaluations of the field; memory 2 D max_delay / dt.

    Example:
        >>> glass = DelayFlow(
        ...     lambda t, y, past, a: a["b"] * past / (1 + past**10) - a["g"] * y,
        ...     {"b": 0.2, "g": 0.1}, delays=17.0, dt=0.1, x0=1.2,
        ... )
        >>> state = glass.initial_state(glass.x0)
        >>> round(float(glass.observe(glass.step(state, None))), 6)
        1.19138

    Source: [bellen2003].
    """

    field: DelayField
    args: Any
    delays: Any
    dt: Float[Array, ""]
    x0: Any
    n_intervals: int = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    continuous_time: ClassVar[bool] = True

    def __init__(
        self,
        field: Any,
        args: Any = None,
        *,
        delays: Any,
        dt: Any,
        x0: Any = None,
        max_delay: float | None = None,
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ):
        if not callable(field):
            raise ParameterError(f"field must be a function field(t, y, delayed, args), got {type(field).__name__}.")
        self.field = field
        self.args = parameter_leaves(args)
        self.dt = positive_time(dt)
        many = isinstance(delays, tuple | list)
        self.n_intervals = count_intervals(tuple(delays) if many else (delays,), dt, max_delay)
        self.delays = tuple(positive_time(d, "delay") for d in delays) if many else positive_time(delays, "delay")
        self.name = name
        self.variables = None if variables is None else tuple(variables)
        self.x0 = x0 if x0 is None or callable(x0) or isinstance(x0, DelayState) else floating_state(x0)
        if x0 is not None:
            self.initial_state(self.x0)

    def step(self, x: DelayState, w: Drive) -> DelayState:
        """Advance by dt from the time w (None: time 0).

        Args:
            x: history.
            w: time at the start of the step, from `Clock`, or None.
        """

        def field(t: Any, y: Any, past: Any, args: Any) -> Any:
            return like_state(self.field(t, y, past, args), y)

        return advance_history(field, x, time_of(w), self.args, self.delays, self.dt)

    def initial_state(self, x0: Any) -> DelayState:
        """Make a history from a constant, from a function of time, or take a ready one.

        Args:
            x0: constant value (number, array, pytree), function `history(t)` for t <= 0, or DelayState.

        Raises:
            ShapeError: if a ready state has another number of nodes.
        """
        n = self.n_intervals
        if isinstance(x0, DelayState):
            length = jax.tree.leaves(x0.nodes)[0].shape[0]
            if length != n + 1:
                raise ShapeError(
                    f"the history has {length} nodes, this system needs {n + 1}; make it by initial_state."
                )
            return x0
        if callable(x0):
            times = self.dt * jnp.arange(-n, 1)
            nodes, slopes = jax.vmap(lambda t: jax.jvp(lambda t: floating_state(x0(t)), (t,), (jnp.ones(()),)))(times)
        else:
            nodes = jax.tree.map(lambda a: jnp.broadcast_to(a, (n + 1, *a.shape)), floating_state(x0))
            slopes = jax.tree.map(jnp.zeros_like, nodes)
        last = jax.tree.map(lambda a: a[-1], slopes)
        state = DelayState(nodes, jax.tree.map(lambda a: a[:-1], slopes), last, jnp.asarray(0))
        jax.eval_shape(lambda s: self.step(s, None), state)
        return state

    def default_driver(self, x: DelayState) -> AbstractDriver:
        """Return `Clock(dt)` where the field depends on t, else `Still()`.

        Args:
            x: a history.
        """
        y = self.observe(x)
        past = (y,) * len(self.delays) if isinstance(self.delays, tuple) else y

        def field(t: Any, y: Any, args: Any) -> Any:
            return self.field(t, y, past, args)

        return Clock(self.dt) if depends_on_time(field, y, self.args) else Still()

    def observe(self, x: DelayState) -> PyTree[Array]:
        """Return the present value of y.

        Args:
            x: a history.
        """
        return jax.tree.map(lambda a: a[-1], x.nodes)


def count_intervals(delays: tuple[Any, ...], dt: Any, max_delay: float | None) -> int:
    """Return how many steps a history must reach back.

    Args:
        delays: the delays.
        dt: length of a step.
        max_delay: largest delay to be served, or None.

    Raises:
        ParameterError: if a delay is below dt or above max_delay, or nothing is known of the length.
    """
    step = float(positive_time(dt))
    known = [float(positive_time(d, "delay")) for d in delays if not isinstance(d, Tracer)]
    if max_delay is None and (len(known) < len(delays) or not known):
        raise ParameterError("a delay that is traced needs max_delay, which fixes the length of the history.")
    longest = max(known) if max_delay is None else float(positive_time(max_delay, "max_delay"))
    round_off = 1e-9
    if known and min(known) < step * (1 - round_off):
        raise ParameterError(f"the delay {min(known):g} is below dt={step:g}; take dt at most as long as the delay.")
    if known and max(known) > longest * (1 + round_off):
        raise ParameterError(f"the delay {max(known):g} exceeds max_delay={longest:g}; raise max_delay.")
    return max(1, math.ceil(longest / step - round_off))


def delay_flow(
    *,
    delays: Any,
    dt: Any,
    x0: Any = None,
    args: Any = None,
    max_delay: float | None = None,
    variables: Sequence[str] | None = None,
) -> Callable[[DelayField], DelayFlow]:
    """Turn a function `field(t, y, delayed, args)` into a DelayFlow of its name.

    Args:
        delays: one delay or a tuple of them.
        dt: time that one step takes.
        x0: default initial history.
        args: parameters.
        max_delay: largest delay that the history serves.
        variables: names of the components.

    Returns:
        A decorator.

    Example:
        >>> @delay_flow(delays=1.0, dt=0.1, x0=1.0)
        ... def slow_decay(t, y, past, args):
        ...     return -past
        >>> slow_decay.name
        'slow_decay'
    """

    def decorate(field: DelayField) -> DelayFlow:
        name = getattr(field, "__name__", None)
        return DelayFlow(field, args, delays=delays, dt=dt, x0=x0, max_delay=max_delay, name=name, variables=variables)

    return decorate
