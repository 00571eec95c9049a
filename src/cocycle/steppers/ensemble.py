"""Many orbits at once by Taylor series, in blocks that bound what lockstep costs."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.tracing import is_traced
from cocycle.steppers.fields import CheckedField, floating_state
from cocycle.steppers.flow import Flow
from cocycle.steppers.orbit import sample_times
from cocycle.steppers.taylor import Taylor


@eqx.filter_jit
def _ends(stepper: Taylor, field: Any, args: Any, y: Any, gaps: Any, t0: Any, block: int) -> Any:
    def orbit(y: Any) -> Any:
        def one(carry: Any, gap: Any) -> Any:
            t, y = carry
            y = stepper.step(field, t, y, args, gap)
            return (t + gap, y), y

        return jax.lax.scan(one, (t0, y), gaps)[1]

    return jax.lax.map(orbit, y, batch_size=block)


def taylor_ensemble(
    flow: Flow,
    x0: Any,
    *,
    duration: Any = None,
    times: Any = None,
    t0: float = 0.0,
    stepper: Taylor | None = None,
    block: int = 64,
) -> Any:
    """States of many orbits of a flow at given times.

    Args:
        flow: a flow; all orbits share its field and args.
        x0: initial states, orbits along the first axis of every leaf.
        duration: time after which the states are wanted, of either sign; one sample.
        times: times of several samples, in its place.
        t0: time of the initial states.
        stepper: order and tolerance; default the flow's own if it is `Taylor`, else `Taylor()`.
        block: orbits that go in lockstep, as vector instructions: each of them takes as many series steps as the
            slowest of its block.

    Returns:
        States, (orbits, times, ...) for every leaf; NaN where an orbit explodes.

    Raises:
        ParameterError: if the times make no sense.
        ShapeError: if the leaves of x0 do not share a first axis.

    Accuracy: that of the stepper, orbit by orbit.
    Cost: the work of a block is that of its slowest orbit; one compilation for all durations, per number of orbits.

    Example:
        >>> decay = Flow(lambda t, y, a: -y, dt=0.1)
        >>> ends = taylor_ensemble(decay, jnp.array([[1.0], [2.0]]), duration=1.0)
        >>> [round(float(y), 6) for y in ends[:, 0, 0]]
        [0.367879, 0.735759]

    Source: [jorba2005].
    """
    y = floating_state(x0)
    if len({leaf.shape[:1] for leaf in jax.tree.leaves(y)}) != 1 or jax.tree.leaves(y)[0].ndim == 0:
        raise ShapeError("x0 needs orbits along the first axis of every leaf; add it with x[None].")
    if isinstance(block, bool) or not isinstance(block, int) or block < 1:
        raise ParameterError(f"block must be a positive whole number, got {block!r}.")
    if stepper is None:
        stepper = flow.stepper if isinstance(flow.stepper, Taylor) else Taylor()
    if times is None and duration is not None and not is_traced(duration):
        grid = sample_times(flow, t0, None, [t0 + duration])
    else:
        grid = sample_times(flow, t0, duration, times)
    gaps = jnp.asarray(np.diff(np.concatenate([[t0], grid])))
    return _ends(stepper, CheckedField(flow.field), flow.args, y, gaps, jnp.asarray(t0, dtype=float), block)
