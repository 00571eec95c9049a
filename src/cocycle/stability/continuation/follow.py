"""Pseudo-arclength continuation: predictor, corrector, step control, and the bifurcations passed on the way."""

import dataclasses
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ContinuationError, InterruptedWarning, ParameterError
from cocycle.core.parameters import parameters, with_parameters
from cocycle.core.progress import Progress
from cocycle.core.start import count
from cocycle.stability.continuation.branch import BifurcationPoint, Branch, BranchEnd
from cocycle.stability.continuation.curve import Curve, correct, correct_at
from cocycle.stability.continuation.detection import Local, changes, local, locate
from cocycle.stability.cycles.shooting import CycleEquation
from cocycle.stability.equilibria.equation import Equation
from cocycle.stability.equilibria.kinds import growth, neutral
from cocycle.stability.equilibria.search import names_of

GROW, SHRINK = 1.4, 0.5
EASY, HARD = 3, 7
# Turn of the tangent (cosine) and first correction (share of the step) beyond which a step is taken again.
TURN = 0.9
CORRECTION = 0.5


@dataclasses.dataclass(frozen=True)
class StepSizes:
    """Lengths of steps along the branch, as shares of the interval of the parameter (and of the size of the state).

    Attributes:
        first: first step.
        largest: largest step.
        smallest: the branch stalls below it.
    """

    first: float = 0.01
    largest: float = 0.04
    smallest: float = 1e-8

    def __post_init__(self):
        """Refuse sizes out of order.

        Raises:
            ParameterError: if they are not 0 < smallest <= first <= largest.
        """
        if not 0 < self.smallest <= self.first <= self.largest:
            raise ParameterError(f"steps must be 0 < smallest <= first <= largest, got {self}.")


def interval_of(system: Any, parameter: str, stop: float, limits: tuple[float, float] | None) -> tuple[float, float]:
    """Check a parameter and return the interval that the branch may not leave.

    Args:
        system: the system.
        parameter: name.
        stop: value towards which the branch starts.
        limits: interval, or None for that between the present value and stop.

    Raises:
        UnknownNameError: if there is no such parameter.
        ParameterError: if it is an array, or the interval does not hold its value.
    """
    with_parameters(system, **{parameter: parameters(system).get(parameter, 0.0)})  # refuses unknown names
    value = parameters(system)[parameter]
    if np.ndim(value):
        raise ParameterError(f"parameter {parameter!r} is an array of shape {np.shape(value)}; only numbers vary.")
    p = float(value)
    if not np.isfinite(stop) or stop == p:
        raise ParameterError(f"stop must differ from the present value {parameter}={p:g} and be finite, got {stop}.")
    low, high = (min(p, stop), max(p, stop)) if limits is None else (float(limits[0]), float(limits[1]))
    if not low <= p <= high:
        raise ParameterError(f"limits {limits} do not hold the present value {parameter}={p:g}.")
    return low, high


class Follower:
    """One continuation."""

    def __init__(
        self, curve: Curve, limits: tuple[float, float], sizes: StepSizes, n_points: int, system: Any, show: bool | None
    ):
        self.curve, self.limits, self.sizes, self.show = curve, limits, sizes, show
        self.n_points = count(n_points, "n_points", 2)
        self.system = system
        self.points: list[Local] = []
        self.solutions: list[tuple[np.ndarray, float]] = []
        self.bifurcations: list[BifurcationPoint] = []

    def branch(self, z: Any, direction: Any, *, throw: bool) -> Branch:
        """Follow the curve from a point on it.

        Args:
            z: scaled point.
            direction: vector whose side the first step takes.
            throw: raise where it stalls.

        Raises:
            ContinuationError: with the branch, if it stalls.
        """
        self.points, self.solutions = [], []
        self.add(local(self.curve, z, direction))
        end, step = BranchEnd.N_POINTS, self.sizes.first
        with Progress(self.n_points, "continuation", self.show) as bar:
            try:
                while len(self.points) < self.n_points:
                    step, ended = self.advance(step)
                    bar.advance(1)
                    if ended is not None:
                        end = ended
                        break
            except KeyboardInterrupt:
                warnings.warn(
                    f"interrupted: {len(self.points)} points of the branch are returned.", InterruptedWarning, 3
                )
                end = BranchEnd.INTERRUPTED
        branch = self.result(end)
        if end is BranchEnd.STALLED and throw:
            raise ContinuationError(
                f"the branch stalls at {self.curve.parameter}={branch.values[-1]:.8g} after {len(branch)} points: the "
                "corrector fails at the smallest step. The branch may end there (the period grows without bound, the "
                "field is not smooth), or needs a smaller smallest step; what was found is in the error's `branch`.",
                branch=branch,
            )
        return branch

    def advance(self, step: float) -> tuple[float, BranchEnd | None]:
        """Take one step; returns the next length, and why the branch ends, or None."""
        here = self.points[-1]
        while step >= self.sizes.smallest:
            guess = here.z + step * here.tangent
            z, found, n, first = correct(self.curve, guess, here.tangent)
            if bool(found) and float(first) <= CORRECTION * step + 1e-9:
                there = local(self.curve, z, here.tangent)
                if float(jnp.dot(there.tangent, here.tangent)) >= TURN:
                    break
            step *= SHRINK
        else:
            return step, BranchEnd.STALLED
        p = float(self.curve.unknowns(z)[1])
        low, high = self.limits
        if not low <= p <= high:
            return step, self.finish(here, there, low if p < low else high)
        self.accept(there)
        step = step * (GROW if int(n) <= EASY else SHRINK if int(n) >= HARD else 1.0)
        return min(step, self.sizes.largest), None

    def accept(self, there: Local) -> None:
        """Add a point, with the bifurcations before it; a cycle fixes its phase anew."""
        here = self.points[-1]
        for kind in changes(here, there):
            found = locate(self.curve, here, there, kind, len(self.points) - 1)
            if found is not None:
                self.bifurcations.append(found)
        self.add(there)
        equation = self.curve.equation
        if isinstance(equation, CycleEquation):
            u, p = self.curve.unknowns(there.z)
            moved = equation.at(self.curve.parameter, p).anchored(u[: equation.anchor.shape[0]])
            fixed = eqx.tree_at(lambda e: (e.anchor, e.slope), equation, (moved.anchor, moved.slope))
            self.curve = eqx.tree_at(lambda c: c.equation, self.curve, fixed)
            self.rescale(u, p)

    def add(self, there: Local) -> None:
        """Keep a point and its solution in the units of the user."""
        u, p = self.curve.unknowns(there.z)
        self.points.append(there)
        self.solutions.append((np.asarray(u), float(p)))

    def rescale(self, u: Any, p: Any) -> None:
        """Measure steps by the size of the cycle as it is now, once that has doubled."""
        size = float(jnp.max(jnp.abs(u[:-1])))
        old = self.curve.scale
        if size < 2 * float(old[0]) and float(u[-1]) < 2 * float(old[-1]):
            return
        new = jnp.full_like(old, max(size, float(old[0]))).at[-1].set(jnp.maximum(u[-1], old[-1]))
        here = self.points[-1]
        t = here.tangent * jnp.append(old / new, 1.0)
        self.curve = eqx.tree_at(lambda c: c.scale, self.curve, new)
        self.points[-1] = here._replace(z=self.curve.point(u, p), tangent=t / jnp.linalg.norm(t))

    def finish(self, here: Local, beyond: Local, limit: float) -> BranchEnd:
        """Add the point at the end of the interval."""
        a, b = (float(self.curve.unknowns(q.z)[1]) for q in (here, beyond))
        z = here.z + (limit - a) / (b - a) * (beyond.z - here.z)
        z = z.at[-1].set((limit - self.curve.origin) / self.curve.span)
        z, found, _, _ = correct_at(self.curve, z)
        if bool(found):
            there = local(self.curve, z, here.tangent)
            if float(jnp.linalg.norm(there.z - here.z)) > 0:
                self.accept(there)
        return BranchEnd.STOP

    def result(self, end: BranchEnd) -> Branch:
        """Make the result."""
        equation = self.curve.equation
        cycle = isinstance(equation, CycleEquation)
        u = np.stack([solution for solution, _ in self.solutions])
        values = np.array([p for _, p in self.solutions])
        flow = isinstance(equation, Equation) and equation.is_flow
        n_unstable = [_n_unstable(p.eigenvalues, flow) for p in self.points]
        d = equation.anchor.shape[0] if isinstance(equation, CycleEquation) else u.shape[1]
        low, high = u, u
        if isinstance(equation, CycleEquation):
            extents = [_extent(equation.at(self.curve.parameter, p), jnp.asarray(v)) for v, p in zip(u, values)]
            low, high = (np.stack([np.asarray(e[k]) for e in extents]) for k in (0, 1))
        return Branch(
            parameter=self.curve.parameter,
            values=values,
            x=u[:, :d],
            eigenvalues=np.stack([_sorted(p.eigenvalues, flow) for p in self.points]),
            n_unstable=np.array(n_unstable),
            periods=u[:, -1] if cycle else None,
            minima=low,
            maxima=high,
            bifurcations=tuple(self.bifurcations),
            unknowns=u,
            end=end,
            variables=names_of(self.system, d),
            name=getattr(self.system, "name", None),
            curve=self.curve,
        )


def _n_unstable(eigenvalues: np.ndarray, flow: bool) -> int:
    if not len(eigenvalues):
        return 0
    return int(np.sum((growth(eigenvalues, flow) > 0) & ~neutral(eigenvalues, flow)))


def _sorted(eigenvalues: np.ndarray, flow: bool) -> np.ndarray:
    return eigenvalues[np.lexsort((-np.imag(eigenvalues), -growth(eigenvalues, flow)))]


@eqx.filter_jit
def _extent(equation: CycleEquation, u: Any) -> tuple[Any, Any]:
    """Least and greatest value of each coordinate, over the steps of the stepper."""
    points, length = u[:-1].reshape(equation.n_segments, -1), u[-1] / equation.n_segments
    h = length / equation.n_steps

    def segment(v: Any) -> Any:
        def one(i: Any, carry: Any) -> Any:
            v, low, high = carry
            v = _one_step(equation, v, h)
            return v, jnp.minimum(low, v), jnp.maximum(high, v)

        return jax.lax.fori_loop(0, equation.n_steps, one, (v, v, v))[1:]

    low, high = jax.vmap(segment)(points)
    return low.min(axis=0), high.max(axis=0)


def _one_step(equation: CycleEquation, v: Any, h: Any) -> Any:
    return eqx.tree_at(lambda e: e.n_steps, equation, jnp.asarray(1)).advance(v, h)
