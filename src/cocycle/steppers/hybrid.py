"""Flows with jumps: an orbit follows a field, and an event moves its state, as an impact does."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractTangentSystem, Drive, State, Tangents
from cocycle.steppers.adaptive import scale_tangents, tangent_norms
from cocycle.steppers.events import Event, after_jump, saltated, to_next_event
from cocycle.steppers.fields import CheckedField, depends_on_time, time_of
from cocycle.steppers.flow import Flow
from cocycle.steppers.forced import TangentField
from cocycle.steppers.taylor import Taylor


class HybridFlow(AbstractTangentSystem):
    r"""A flow whose state jumps where events happen.

    $$\dot y = f(t, y, \theta), \qquad y^+ = R(t, y^-, \theta) \ \text{ where } \ g(t, y, \theta) = 0$$

    Each event is the root of its condition along the Taylor polynomial. Tangents pass it by the saltation matrix, so
    that exponents of flows with impacts are those of the flow, not of the smooth arcs alone.

    Args:
        flow: the field, its parameters, and dt, the time that one step takes.
        events: what happens on the way, with jumps; of several at once the first in the list counts.
        x0: default initial state; default that of the flow.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.
        max_events: jumps allowed within dt.

    Raises:
        ParameterError: if there is no event, one ends the orbit, or an option is out of range.
        NoSeriesError: if the field or a condition has no series.

    Accuracy: events to round-off of the polynomial, states to the tolerance of the stepper.
    Laws: a jump by the identity changes nothing; its saltation matrix is the identity.
    Limits: two events of one kind within an eighth of a series step may cancel. Infinitely many jumps in finite time
        (a ball that comes to rest) give NaN, which the run reports. Where an orbit only touches an event (grazing)
        there is no tangent.
    Cost: the series steps of an arc, at least one an event.

    Example:
        >>> fall = Flow(lambda t, y, a: jnp.stack([y[1], -1.0]), dt=1.0, x0=[0.0, 1.0])
        >>> floor = Event(lambda t, y, a: y[0], direction=-1, jump=lambda t, y, a: y * jnp.array([1.0, -1.0]))
        >>> ball = HybridFlow(fall, [floor])
        >>> ball.step(ball.step(ball.x0, None), None).round(12).tolist()
        [0.0, 1.0]

    Source: [muller1995].
    """

    flow: Flow
    events: tuple[Event, ...]
    dt: Float[Array, ""]
    x0: Any
    stepper: Taylor
    max_events: int = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    continuous_time: ClassVar[bool] = True

    def __init__(
        self,
        flow: Flow,
        events: Sequence[Event],
        *,
        x0: Any = None,
        stepper: Taylor | None = None,
        max_events: int = 1000,
    ):
        events = checked_events(events)
        if any(event.terminal for event in events):
            raise ParameterError("an event of a HybridFlow cannot end the orbit; locate_events takes terminal ones.")
        if isinstance(max_events, bool) or not isinstance(max_events, int) or max_events < 1:
            raise ParameterError(f"max_events must be a positive whole number, got {max_events!r}.")
        if stepper is None:
            stepper = flow.stepper if isinstance(flow.stepper, Taylor) else Taylor()
        self.flow, self.events, self.stepper, self.max_events = flow, events, stepper, max_events
        self.dt = flow.dt
        self.name, self.variables = flow.name, flow.variables
        self.x0 = flow.x0 if x0 is None else flow.initial_state(x0)
        if self.x0 is not None:
            stepper.check(CheckedField(flow.field), jnp.zeros(()), self.x0, flow.args)

    @property
    def args(self) -> Any:
        """Parameters of the flow."""
        return self.flow.args

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives into a state of the flow."""
        return self.flow.initial_state(x0)

    def default_driver(self, x: State) -> AbstractDriver:
        """Return `Clock(dt)` where the field or an event depends on t, else `Still()`."""
        moving = depends_on_time(CheckedField(self.flow.field), x, self.flow.args) or any(
            depends_on_time(_Everything(event), x, self.flow.args) for event in self.events
        )
        return Clock(self.dt) if moving else Still()

    def step(self, x: State, w: Drive) -> State:
        """Advance by dt from the time w (None: time 0); NaN where it fails."""
        return self._follow(x, time_of(w), None)

    def push(self, x: State, w: Drive, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangents, which pass events by the saltation matrix."""
        lengths = tangent_norms(V)
        unit = scale_tangents(V, 1.0 / jnp.where(lengths > 0, lengths, 1.0))
        x1, unit1 = self._follow(x, time_of(w), unit)
        return x1, scale_tangents(unit1, lengths)

    def _follow(self, x: State, t: Any, V: Any) -> Any:
        """Arcs and jumps until dt has passed."""
        field, args = CheckedField(self.flow.field), self.flow.args
        pair = V is not None
        n_tangents = jax.tree.leaves(V)[0].shape[0] if pair else None
        whole: Any = TangentField(field) if pair else field
        end = t + self.dt

        def jump(event: Event, t: Any, y: Any) -> Any:
            if event.jump is None:
                return y
            if not pair:
                return after_jump(event, t, y, args)
            return after_jump(event, t, y[0], args), saltated(event, field, t, y[0], args, y[1])

        def going(carry: Any) -> Any:
            n, t, _, _, _ = carry
            return (t != end) & jnp.isfinite(t) & (n <= self.max_events)

        def one(carry: Any) -> Any:
            n, t, low, y, last = carry
            base = (t, low, y)
            (t, low, y), which = to_next_event(
                self.stepper, whole, args, self.events, base, end, last, n_tangents=n_tangents
            )
            branches = [lambda t, y: y, *(lambda t, y, e=e: jump(e, t, y) for e in self.events)]
            y = jax.lax.switch(which + 1, branches, t, y)
            # A failed arc has no time either, which ends the loop.
            bad = (which < 0) & (t != end)
            return n + 1, jnp.where(bad, jnp.nan, t), low, y, which

        begin = (jnp.asarray(0), t, jnp.zeros_like(t), (x, V) if pair else x, jnp.asarray(-1))
        _, t, _, y, _ = jax.lax.while_loop(going, one, begin)
        return jax.tree.map(lambda a: jnp.where(t == end, a, jnp.nan), y)


class _Everything(eqx.Module):
    """The numbers of an event as a function like a field, to be traced."""

    event: Event

    def __call__(self, t: Any, y: Any, args: Any) -> Any:
        return self.event.condition(t, y, args), after_jump(self.event, t, y, args)


def checked_events(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events as a tuple.

    Args:
        events: a list of them.

    Raises:
        ParameterError: if it is empty, or holds something else.
    """
    if isinstance(events, Event):
        events = [events]
    if not events or not all(isinstance(event, Event) for event in events):
        raise ParameterError(f"events must be a list of at least one Event, got {events!r}.")
    return tuple(events)
