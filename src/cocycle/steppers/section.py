"""Crossings of a section, located on the Taylor polynomial, and the Poincare map that they make."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractTangentSystem, Drive, State, Tangents
from cocycle.steppers.adaptive import scale_tangents, tangent_norms
from cocycle.steppers.events import Event, to_next_event
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow, is_autonomous
from cocycle.steppers.forced import TangentField
from cocycle.steppers.taylor import Taylor

# A start this near the section, relative to what the section function does over a step, is on it.
ON_SECTION = 1e-10


class Crossing(eqx.Module):
    """Where an orbit meets a section.

    Attributes:
        x: state.
        duration: time since the start [unit of the flow].
        tangents: of the flow over that time (not yet projected), or None.
    """

    x: Any
    duration: Float[Array, "*batch"]
    tangents: Any


class PoincareMap(AbstractTangentSystem):
    r"""The map from one crossing of a section to the next, of an autonomous flow.

    $$x' = \varphi^{\tau(x)}(x), \quad g(x') = 0, \qquad
    V' = \Bigl(I - \frac{f\, \nabla g^T}{\nabla g \cdot f}\Bigr) D\varphi^{\tau}\, V$$

    so that tangents carry the change of the crossing time. The crossing is the root of g along the Taylor polynomial.

    Args:
        flow: a flow whose field does not depend on time.
        section: `section(x, args)`, a smooth function whose zero is the section.
        direction: 1 where the section function rises through zero, -1 where it falls, 0 for both.
        x0: default initial state; default that of the flow. It need not lie on the section.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.

    Raises:
        ParameterError: if the field depends on time, or an option is out of range.

    Accuracy: crossings to round-off of the polynomial, states to the tolerance of the stepper.
    Laws: one eigenvalue of the derivative is 0 (along the flow); the others are the multipliers of a periodic orbit.
    Limits: two crossings within an eighth of a series step cancel. A crossing that never comes gives NaN after
        `max_steps` series steps. One step is one crossing: `dt` is 1 and exponents are per crossing.
    Cost: the series steps between two crossings.

    Example:
        >>> circle = Flow(lambda t, y, a: jnp.stack([y[1], -y[0]]), dt=0.1, x0=[1.0, 0.0])
        >>> returns = PoincareMap(circle, lambda x, a: x[1])
        >>> round(float(returns.crossing(jnp.array([1.0, 0.0])).duration), 12)
        3.14159265359

    Source: [henon1982], with the polynomial in the place of his last step.
    """

    flow: Flow
    section: Callable[..., Any]
    dt: Float[Array, ""]
    x0: Any
    stepper: Taylor
    direction: int = eqx.field(static=True)
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        flow: Flow,
        section: Callable[..., Any],
        *,
        direction: int = 1,
        x0: Any = None,
        stepper: Taylor | None = None,
    ):
        if direction not in (-1, 0, 1):
            raise ParameterError(f"direction must be 1 (rising), -1 (falling) or 0 (both), got {direction!r}.")
        x0 = flow.x0 if x0 is None else flow.initial_state(x0)
        if x0 is not None and not is_autonomous(flow, x0):
            raise ParameterError("the field depends on time: sample it once a period instead, with dt = the period.")
        if stepper is None:
            stepper = flow.stepper if isinstance(flow.stepper, Taylor) else Taylor()
        self.flow, self.section, self.direction, self.stepper = flow, section, direction, stepper
        self.dt, self.x0 = jnp.ones(()), x0
        self.name, self.variables = flow.name, flow.variables

    @property
    def args(self) -> Any:
        """Parameters of the flow."""
        return self.flow.args

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives into a state of the flow."""
        return self.flow.initial_state(x0)

    def step(self, x: State, w: Drive) -> State:
        """Go on to the next crossing."""
        return self._follow(x, None).x

    def crossing(self, x: State) -> Crossing:
        """Return the next crossing with its time.

        Args:
            x: state.
        """
        return self._follow(x, None)

    def push(self, x: State, w: Drive, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangents to the next crossing."""
        lengths = tangent_norms(V)
        found = self._follow(x, scale_tangents(V, 1.0 / jnp.where(lengths > 0, lengths, 1.0)))
        args = self.flow.args
        f = self.flow.field(jnp.zeros(()), found.x, args)
        section = lambda x: self.section(x, args)  # noqa: E731
        speed = jax.jvp(section, (found.x,), (f,))[1]

        def project(v: Any) -> Any:
            late = jax.jvp(section, (found.x,), (v,))[1] / speed
            return jax.tree.map(lambda a, b: a - late * b, v, f)

        return found.x, scale_tangents(jax.vmap(project)(found.tangents), lengths)

    def _follow(self, x: State, V: Any) -> Crossing:
        """Expand state, section and tangents together until the section function changes sign."""
        field: Any = CheckedField(self.flow.field)
        pair = V is not None
        event = Event(lambda t, y, args: self.section(y, args), direction=self.direction)
        (t, low, end), which = to_next_event(
            self.stepper,
            TangentField(field) if pair else field,
            self.flow.args,
            [event],
            (jnp.zeros(()), jnp.zeros(()), (x, V) if pair else x),
            jnp.asarray(jnp.inf),
            jnp.asarray(-1),
            n_tangents=jax.tree.leaves(V)[0].shape[0] if pair else None,
            near=ON_SECTION,
        )
        duration = jnp.where(which >= 0, t + low, jnp.nan)
        return Crossing(end[0] if pair else end, duration, end[1] if pair else None)
