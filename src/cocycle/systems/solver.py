"""Which solver samples an orbit: Taylor series where they win by measurement, else a Runge-Kutta pair or own steps."""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import AccuracyWarning, NoSeriesError
from cocycle.core.run import Trajectory
from cocycle.steppers import DelayFlow, DelayState, Flow, Switches, Taylor, delay_orbit, taylor_orbit
from cocycle.steppers.dense import dense_orbit
from cocycle.steppers.fields import CheckedField
from cocycle.steppers.series.control import order_for

# Products of series times order^2 up to which series compile about as fast as the stages of the pair, and the number of
# rows from which the time to compile is won back whatever the work: measured on all flows of the catalogue by
# benchmarks/taylor_catalogue.py, see docs/taylor.md.
MAX_WORK, MANY_ROWS = 400, 50_000
MAX_TOL = 1e-6


def series_work(flow: Flow, y: Any, stepper: Taylor) -> int | None:
    """Return what a Taylor step of a flow has to compile: products of series times order^2.

    Args:
        flow: a flow.
        y: a state.
        stepper: whose order counts.

    Returns:
        The work; None where the field has no series, is not analytic, or is carried array by array.
    """
    try:
        return stepper.program(CheckedField(flow.field), jnp.zeros(()), y, flow.args).work
    except NoSeriesError:
        return None


def sampled(flow: Flow, times: np.ndarray, rtol: float) -> Trajectory:
    """States of a flow at times, by the solver that is the faster one at this precision.

    Taylor series for analytic fields of few components and products, or where many rows are wanted; else Dormand and
    Prince's pair of order 8.

    Args:
        flow: a flow with an initial state.
        times: increasing times.
        rtol: relative tolerance of a step; the absolute one is the same.
    """
    start = flow.initial_state(flow.x0)
    if rtol <= MAX_TOL:
        tol, many = max(rtol, 1e-16), len(times) >= MANY_ROWS
        # Higher orders pay for their compilation on long orbits only.
        stepper = Taylor(tol, order=None if many else order_for(tol), switches=Switches.REFUSE)
        work = series_work(flow, start, stepper)
        if work is not None and (work <= MAX_WORK or many):
            found = taylor_orbit(flow, start, times=times, stepper=stepper)
            rows = np.asarray(found.x).reshape(len(found.t), -1)
            return Trajectory(found.t, rows, jnp.ravel(found.final), found.n, found.status)
    rows = dense_orbit(flow.field, jnp.ravel(start), times, flow.args, rtol=rtol, atol=rtol)
    return Trajectory(times, rows, jnp.asarray(rows[-1]), len(times))


def sampled_late(flow: DelayFlow, times: np.ndarray, rtol: float) -> Trajectory | None:
    """States of a delay equation at times, to a tolerance; None where only its own steps serve, which is said.

    Args:
        flow: a delay equation with an initial history.
        times: increasing times.
        rtol: relative tolerance of a step; the absolute one is the same.

    Warns:
        AccuracyWarning: if the field, or the history, has no series.
    """
    if isinstance(flow.x0, DelayState):
        return None
    try:
        return delay_orbit(flow, times=times, stepper=Taylor(max(rtol, 1e-16)))
    except NoSeriesError as error:
        warnings.warn(
            f"no tolerance is kept: {flow.name} goes by Runge-Kutta steps of order 4, no longer than "
            f"dt = {float(flow.dt):g}, since {error}",
            AccuracyWarning,
            stacklevel=4,
        )
        return None
