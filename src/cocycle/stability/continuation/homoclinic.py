"""Bracket of a homoclinic orbit: the unstable branch of a saddle passes the saddle on the other side."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import NotFoundError, ParameterError
from cocycle.core.parameters import with_parameters
from cocycle.core.presentation import Presentable
from cocycle.core.run import trajectory
from cocycle.stability.equilibria.equation import equation_of, vector_of
from cocycle.stability.equilibria.newton import polish
from cocycle.stability.equilibria.search import fixed_point_at
from cocycle.stability.regime import flat_orbit
from cocycle.steppers.flow import Flow

OFFSET = 1e-6
FAR = 1e6


@dataclasses.dataclass(frozen=True, eq=False)
class HomoclinicBracket(Presentable):
    """Two values of a parameter between which the saddle has a homoclinic orbit.

    Attributes:
        parameter: its name.
        low: value below.
        high: value above.
        sides: side of the return at each of them, +1 or -1.
    """

    parameter: str
    low: float
    high: float
    sides: tuple[int, int]

    @property
    def value(self) -> float:
        """Middle of the bracket."""
        return 0.5 * (self.low + self.high)


def unstable_branch(
    flow: Flow, saddle: Any, *, sign: int = 1, duration: float
) -> tuple[Float[np.ndarray, "time D"], Float[np.ndarray, "D"], Float[np.ndarray, "D"]]:
    """Follow one branch of the one-dimensional unstable manifold of a saddle.

    Args:
        flow: a flow that does not depend on time.
        saddle: a state near a fixed point with one unstable direction.
        sign: which branch; the unstable vector is oriented so that its largest component is positive.
        duration: time to follow.

    Returns:
        The orbit, the saddle, and the left eigenvector of the unstable direction (scaled so that its product with the
        unstable vector is 1).

    Raises:
        ParameterError: if the fixed point has not exactly one unstable direction.
    """
    equation = equation_of(flow, saddle)
    v, _ = polish(equation, vector_of(equation.like))
    point = fixed_point_at(equation, v)
    if point.n_unstable != 1:
        raise ParameterError(f"a saddle with one unstable direction is needed, this has {point.n_unstable}: {point}.")
    values, vectors = np.linalg.eig(point.jacobian)
    k = int(np.argmax(np.real(values)))
    w = np.real(vectors[:, k])
    w = w * np.sign(w[np.argmax(np.abs(w))])
    left = np.real(np.linalg.inv(vectors)[k])
    left = left / (left @ w)
    size = max(1.0, float(np.linalg.norm(point.x)))
    n = max(2, int(np.ceil(duration / float(flow.dt))))
    x0 = point.x + np.sign(sign) * OFFSET * size * w
    orbit = flat_orbit(trajectory(flow, x0, n_steps=n, throw=False, progress=False).x)
    gone = np.flatnonzero(~(np.abs(orbit).max(axis=1) < FAR * size))
    return orbit[: gone[0]] if len(gone) else orbit, point.x, left


def homoclinic_bracket(
    flow: Flow,
    saddle: Any,
    *,
    parameter: str,
    between: tuple[float, float],
    sign: int = 1,
    duration: float = 50.0,
    tol: float = 1e-6,
) -> HomoclinicBracket:
    """Bracket the parameter of a homoclinic orbit by bisection.

    One branch of the unstable manifold is followed until its first closest return to the saddle; the side on which it
    passes (sign of its component along the unstable direction) changes where it hits the saddle.

    Args:
        flow: a flow that does not depend on time.
        saddle: a state near a saddle with one unstable direction, for all values between.
        parameter: name of the parameter.
        between: two values with returns on opposite sides.
        sign: which branch of the unstable manifold.
        duration: time within which it comes back.
        tol: width of the bracket.

    Returns:
        HomoclinicBracket.

    Raises:
        NotFoundError: if both ends return on the same side, or one does not return.
        ParameterError: if the saddle has not one unstable direction.

    Limits: the values are those of the flow as stepped; the manifold is started on its tangent, 1e-6 from the saddle.
    """
    low, high = sorted(map(float, between))

    def side(p: float) -> int:
        at: Any = with_parameters(flow, **{parameter: p})
        orbit, point, left = unstable_branch(at, saddle, sign=sign, duration=duration)
        distance = np.linalg.norm(orbit - point, axis=1)
        turn = np.flatnonzero((np.diff(distance)[:-1] > 0) & (np.diff(distance)[1:] < 0)) + 1
        away = turn[distance[turn] > 10 * distance[0]] if len(turn) else turn
        if not len(away):
            raise NotFoundError(f"the unstable branch does not come back at {parameter}={p:g} within {duration:g}.")
        after = distance[away[0] :]
        back = np.flatnonzero((np.diff(after)[:-1] <= 0) & (np.diff(after)[1:] > 0))
        if not len(back):
            raise NotFoundError(f"the unstable branch does not come back at {parameter}={p:g} within {duration:g}.")
        return int(np.sign((orbit[away[0] + back[0] + 1] - point) @ left))

    first, last = side(low), side(high)
    if first == last:
        raise NotFoundError(f"the branch returns on the same side at both ends of {between}; take another interval.")
    while high - low > tol:
        middle = 0.5 * (low + high)
        if side(middle) == first:
            low = middle
        else:
            high = middle
    return HomoclinicBracket(parameter, low, high, (first, last))
