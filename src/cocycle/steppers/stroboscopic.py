"""The map over one period of a forced flow."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.start import count
from cocycle.core.system import AbstractDifferentiableSystem, Drive, State, positive_time
from cocycle.steppers.flow import Flow


class StroboscopicMap(AbstractDifferentiableSystem):
    r"""The map over one period of a flow whose field has that period in time.

    $$x' = \varphi^{t_0 + T,\, t_0}(x)$$

    Its fixed points are the periodic orbits of the flow, the eigenvalues of its derivative their Floquet multipliers.

    Args:
        flow: a flow; its field may depend on time.
        period: T, a number or a function of `flow.args`. That the field has this period is not checked.
        n_steps: steps of the flow's stepper in a period; default as many as keep steps no longer than `flow.dt`.
        t0: phase of the stroboscope.
        x0: default initial state; default that of the flow.

    Raises:
        ParameterError: if the period is not a positive number.

    Accuracy: that of the stepper at steps of period / n_steps.
    Cost: n_steps steps; another period, phase or number of steps does not compile again.

    Example:
        >>> forced = Flow(lambda t, y, a: -y + jnp.cos(t), dt=0.01, x0=0.5)
        >>> strobe = StroboscopicMap(forced, 2 * jnp.pi)
        >>> round(float(strobe.step(0.5, None)), 6)
        0.5
    """

    flow: Flow
    period: Any
    x0: Any
    t0: Float[Array, ""]
    n_steps: Any
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(self, flow: Flow, period: Any, *, n_steps: int | None = None, t0: Any = 0.0, x0: Any = None):
        if not isinstance(flow, Flow):
            raise ParameterError(f"a Flow is needed, got {type(flow).__name__}; a map is its own stroboscope.")
        self.flow = flow
        self.period = period if callable(period) else positive_time(period, "period")
        if n_steps is None:
            n_steps = max(1, int(jnp.ceil(self.dt / flow.dt - 1e-9)))
        self.n_steps = jnp.asarray(count(n_steps, "n_steps"))
        self.t0 = jnp.asarray(t0, dtype=float)
        self.x0 = flow.x0 if x0 is None else flow.initial_state(x0)
        self.name, self.variables = flow.name, flow.variables

    @property
    def dt(self) -> Float[Array, ""]:
        """Period, the time that one step takes."""
        return positive_time(self.period(self.flow.args), "period") if callable(self.period) else self.period

    @property
    def args(self) -> Any:
        """Parameters of the flow."""
        return self.flow.args

    def initial_state(self, x0: Any) -> State:
        """Turn what a user gives into a state of the flow.

        Args:
            x0: numbers, arrays or a pytree of them.
        """
        return self.flow.initial_state(x0)

    def step(self, x: State, w: Drive) -> State:
        """Go through one period.

        Args:
            x: state at the phase t0.
            w: not used.
        """
        h = self.dt / self.n_steps
        flow = eqx.tree_at(lambda f: f.dt, self.flow, h)
        x = jax.tree.map(lambda a: jnp.asarray(a, dtype=jnp.result_type(a, float)), x)
        return jax.lax.fori_loop(0, self.n_steps, lambda i, x: flow.step(x, self.t0 + i * h), x)
