"""A cascade of period doublings of a map, and Feigenbaum's ratio."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ContinuationError
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.continuation.branch import BifurcationKind
from cocycle.stability.continuation.branches import continue_fixed_point
from cocycle.stability.equilibria.equation import Equation, equation_of, state_of, vector_of

DELTA = 4.6692016091029906
N_NEWTON = 30
TOLERANCE = 1e-13
SETTLE = 4000


@dataclasses.dataclass(frozen=True, eq=False)
class Cascade(Presentable):
    """Period doublings.

    Attributes:
        parameter: its name.
        values: parameter at which an orbit of period p gives way to one of 2p (n,).
        periods: p (n,).
        x: a point of each orbit (n, D).
        errors: length of the last Newton step in the parameter (n,).
        name: name of the system.
    """

    parameter: str
    values: Float[np.ndarray, "n"]
    periods: np.ndarray
    x: Float[np.ndarray, "n D"]
    errors: Float[np.ndarray, "n"]
    name: str | None = None

    @property
    def ratios(self) -> Float[np.ndarray, "m"]:
        """Ratios of successive differences; they go to Feigenbaum's 4.669201609..."""
        gaps = np.diff(self.values)
        return gaps[:-1] / gaps[1:]

    @property
    def limit(self) -> float:
        """End of the cascade, extrapolated with Feigenbaum's ratio."""
        return float(self.values[-1] + (self.values[-1] - self.values[-2]) / (DELTA - 1))


@eqx.filter_jit
def _iterated(equation: Equation, v: Any, n: Any) -> Array:
    return jax.lax.fori_loop(0, n, lambda i, v: vector_of(equation.system.step(state_of(v, equation.like), None)), v)


@eqx.filter_jit
def _solve(equation: Equation, parameter: str, v: Any, p: Any, period: Any) -> tuple[Array, Array, Array]:
    """Newton's method for a periodic point with a multiplier of -1: unknowns (v, p)."""

    def image(v: Any, p: Any) -> Any:
        return _iterated(equation.at(parameter, p), v, period)

    def function(z: Any) -> Any:
        v, p = z[:-1], z[-1]
        tangent = jax.jacfwd(image)(v, p)
        return jnp.append(image(v, p) - v, jnp.linalg.det(tangent + jnp.eye(v.shape[0])))

    def going(carry: Any) -> Any:
        i, _, step = carry
        return (i < N_NEWTON) & (step > TOLERANCE)

    def one(carry: Any) -> Any:
        i, z, _ = carry
        d = -jnp.linalg.solve(jax.jacfwd(function)(z), function(z))
        return i + 1, z + d, jnp.abs(d[-1])

    _, z, step = jax.lax.while_loop(going, one, (0, jnp.append(v, p), jnp.asarray(jnp.inf)))
    return z[:-1], z[-1], step


def period_doubling_cascade(
    system: AbstractSystem,
    x0: Any = None,
    *,
    parameter: str,
    stop: float,
    n_doublings: int = 8,
    progress: bool | None = None,
) -> Cascade:
    r"""The first period doublings of a stable fixed point of a map, each solved to round-off.

    $$F^p(x, r) = x, \qquad \det(D F^p(x, r) + 1) = 0, \qquad p = 1, 2, 4, \ldots$$

    Args:
        system: a map, or any system without a drive (a PoincareMap, a StroboscopicMap), with a stable fixed point.
        x0: near that fixed point; default that of the system.
        parameter: name of the parameter.
        stop: value towards which the first doubling is searched.
        n_doublings: doublings to find.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Cascade.

    Raises:
        ContinuationError: if a doubling is not found; its `branch` holds the Cascade so far (or the branch without a
            doubling).
        ParameterError: if the parameter or the system cannot be used.

    Accuracy: Newton's method to 1e-13 in the parameter; the orbit of period p is followed through p steps, whose
        round-off limits late doublings.
    Cost: one compilation for all periods.

    Source: [feigenbaum1978].
    """
    n_doublings = count(n_doublings, "n_doublings")
    branch = continue_fixed_point(system, x0, parameter=parameter, stop=stop, progress=progress)
    first = branch.of_kind(BifurcationKind.PERIOD_DOUBLING)
    if not first:
        raise ContinuationError(f"the fixed point has no period doubling up to {parameter}={stop:g}.", branch=branch)
    equation = equation_of(system, state_of(jnp.asarray(first[0].x), branch.curve.equation.like))
    found = [(first[0].value, 1, first[0].x, first[0].error)]
    # The next one is first guessed from the slope of the first branch, later by Feigenbaum's ratio.
    width = 0.5 * (stop - first[0].value)
    for k in range(1, n_doublings):
        if k > 1:
            width = (found[-1][0] - found[-2][0]) / DELTA
        best = _next(equation, parameter, found[-1], width, 2**k)
        if best is None:
            raise ContinuationError(
                f"doubling {k + 1} (period {2**k}) was not found beyond {parameter}={found[-1][0]:.12g}.",
                branch=_cascade(parameter, found, system),
            )
        found.append(best)
    return _cascade(parameter, found, system)


def _next(equation: Equation, parameter: str, last: tuple, width: float, period: int) -> tuple | None:
    """Settle on the stable orbit a little beyond the last doubling, and solve from there."""
    for share in (1.0, 1.2, 0.8, 0.6, 1.6, 0.4, 2.5):
        r = last[0] + share * width
        settle = period * (SETTLE // period + 1)
        v = _iterated(equation.at(parameter, 0.5 * (last[0] + r)), jnp.asarray(last[2]) * (1 + 1e-6) + 1e-9, settle)
        # The best start is the point of the orbit nearest to the critical one: try all of a short stretch.
        for _ in range(min(period, 4)):
            x, p, step = _solve(equation, parameter, v, jnp.asarray(r), jnp.asarray(period))
            beyond = (float(p) - last[0]) * np.sign(width)
            if float(step) <= 1e-9 and 0 < beyond < 3 * abs(width) and _is_prime(equation, parameter, x, p, period):
                return float(p), period, np.asarray(x), float(step)
            v = _iterated(equation.at(parameter, 0.5 * (last[0] + r)), v, 1)
    return None


def _is_prime(equation: Equation, parameter: str, x: Any, p: Any, period: int) -> bool:
    half = _iterated(equation.at(parameter, p), x, period // 2)
    return bool(jnp.max(jnp.abs(half - x)) > 1e-9 * (1 + jnp.max(jnp.abs(x))))


def _cascade(parameter: str, found: list[tuple], system: AbstractSystem) -> Cascade:
    values, periods, x, errors = zip(*found, strict=True)
    return Cascade(
        parameter, np.array(values), np.array(periods), np.stack(x), np.array(errors), getattr(system, "name", None)
    )
