"""Crossings of a section, located on the Taylor polynomial, and the Poincare map that they make."""

import itertools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.system import AbstractTangentSystem, Drive, State, Tangents
from cocycle.steppers.adaptive import scale_tangents, tangent_norms
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.flow import Flow, is_autonomous
from cocycle.steppers.forced import TangentField
from cocycle.steppers.series import Program, control
from cocycle.steppers.series.line import evaluate
from cocycle.steppers.taylor import Taylor

SAMPLES = 8
BISECTIONS = 40
NEWTON = 3
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


def first_root(coefficients: list[Any], order: int, h: Any, direction: int, skip: Any) -> tuple[Any, Any]:
    """Return whether a polynomial changes sign within (0, h), and where it does first, to round-off.

    Args:
        coefficients: of the polynomial.
        order: of it.
        h: length of the interval.
        direction: 1 for rising, -1 for falling, 0 for both.
        skip: True ignores the sign at 0, which is then a root itself.

    Limits: two changes within an eighth of the interval cancel.
    """
    at = lambda s: evaluate(coefficients, order, s)  # noqa: E731
    places = [h * (j / SAMPLES) for j in range(SAMPLES + 1)]
    values = [at(s) for s in places]
    # From a section the orbit leaves to the side that its derivative points to.
    values[0] = jnp.where(skip, h * coefficients[1], values[0])
    rising = jnp.stack([(a < 0) & (b >= 0) for a, b in itertools.pairwise(values)])
    falling = jnp.stack([(a > 0) & (b <= 0) for a, b in itertools.pairwise(values)])
    crossed = rising if direction > 0 else falling if direction < 0 else rising | falling
    place = jnp.argmax(crossed)
    low, high = jnp.stack(places)[place], jnp.stack(places)[place + 1]
    below = rising[place]

    def halve(_: Any, ends: tuple[Any, Any]) -> tuple[Any, Any]:
        low, high = ends
        middle = 0.5 * (low + high)
        before = jnp.where(below, at(middle) < 0, at(middle) > 0)
        return jnp.where(before, middle, low), jnp.where(before, high, middle)

    low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (low, high))
    root = 0.5 * (low + high)
    slopes = [k * c for k, c in enumerate(coefficients)][1:]
    for _ in range(NEWTON):
        slope = evaluate(slopes, order - 1, root)
        better = root - at(root) / jnp.where(slope == 0, 1.0, slope)
        root = jnp.where((better >= low) & (better <= high), better, root)
    return jnp.any(crossed), root


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
        field, args = CheckedField(self.flow.field), self.flow.args
        pair = V is not None
        y = (x, V) if pair else x
        n_tangents = jax.tree.leaves(V)[0].shape[0] if pair else None
        whole: Any = TangentField(field) if pair else field

        def function(t: Any, y: Any) -> tuple[Any, Any]:
            return whole(t, y, args), self.section(y[0] if pair else y, args)

        options = {"switches": self.stepper.switches, "order": self.stepper.n_terms}
        program = Program(function, jnp.zeros(()), y, extras=True, **options)
        order = self.stepper.n_terms

        def going(carry: Any) -> Any:
            n, _, _, done = carry
            return ~done & (n < self.stepper.max_steps)

        def one(carry: Any) -> Any:
            n, t, parts, _ = carry
            expansion, h = self.stepper.reach(program, t, parts, n_tangents, jnp.asarray(jnp.inf))
            g = expansion.extras[0]
            change = jnp.abs(g[1] * h) + jnp.abs(g[2] * h * h)
            skip = (n == 0) & (jnp.abs(g[0]) <= ON_SECTION * change)
            found, root = first_root(g, order, h, self.direction, skip)
            length = jnp.where(found, root, h)
            return n + 1, t + length, control.moved(expansion.parts, order, length), found | ~jnp.isfinite(h)

        begin = (jnp.asarray(0), jnp.zeros(()), program.split(y), jnp.asarray(False))
        _, t, parts, done = jax.lax.while_loop(going, one, begin)
        parts = [jnp.where(done & jnp.isfinite(t), part, jnp.nan) for part in parts]
        end = program.join(parts)
        return Crossing(end[0] if pair else end, t, end[1] if pair else None)
