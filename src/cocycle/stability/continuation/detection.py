"""Test functions that change sign at bifurcations, and the location of their zeros on the curve."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from cocycle.stability.continuation.branch import BifurcationKind, BifurcationPoint
from cocycle.stability.continuation.curve import Curve, correct, local_geometry
from cocycle.stability.cycles.orbit import without_trivial
from cocycle.stability.cycles.shooting import CycleEquation
from cocycle.stability.equilibria.equation import Equation

# Pairs of real eigenvalues that merely mirror each other also make the test of a Hopf point vanish.
PAIR = 1e-6


class Local(NamedTuple):
    """A point of the curve with what the tests need.

    Attributes:
        z: scaled point.
        tangent: unit tangent.
        eigenvalues: that decide (trivial ones left out).
        tests: values of the test functions by kind.
    """

    z: Any
    tangent: Any
    eigenvalues: np.ndarray
    tests: dict[BifurcationKind, float]


def local(curve: Curve, z: Any, before: Any) -> Local:
    """Describe a point of the curve.

    Args:
        curve: the curve.
        z: a point on it.
        before: tangent before it, for the direction.
    """
    t, border, matrix = local_geometry(curve, z, before)
    whole = np.linalg.eigvals(np.asarray(matrix)).astype(complex)
    cycle = isinstance(curve.equation, CycleEquation)
    rest = without_trivial(whole) if cycle else whole
    flow = isinstance(curve.equation, Equation) and curve.equation.is_flow
    tests = {BifurcationKind.FOLD: float(t[-1]), BifurcationKind.BRANCH_POINT: float(border)}
    if flow:
        tests[BifurcationKind.HOPF] = _over_pairs(rest, lambda a, b: a + b)
    else:
        tests[BifurcationKind.PERIOD_DOUBLING] = float(np.prod(rest + 1.0).real)
        tests[BifurcationKind.NEIMARK_SACKER] = _over_pairs(rest, lambda a, b: a * b - 1.0)
    return Local(z, t, rest, tests)


def _over_pairs(values: np.ndarray, combine: Any) -> float:
    """Product over pairs of eigenvalues: real, because they come in conjugate pairs."""
    i, j = np.triu_indices(len(values), 1)
    if not len(i):
        return 1.0
    factors = combine(values[i], values[j])
    size = np.maximum(1.0, np.abs(values[i]) + np.abs(values[j]))
    return float(np.prod(factors / size).real)


def changes(a: Local, b: Local) -> list[BifurcationKind]:
    """Return the kinds whose test function changes sign between two points.

    Args:
        a: a point.
        b: the next one.
    """
    return [kind for kind in a.tests if a.tests[kind] * b.tests[kind] < 0]


def locate(curve: Curve, a: Local, b: Local, kind: BifurcationKind, row: int) -> BifurcationPoint | None:
    """Find where a test function vanishes between two points, by Brent's method along the curve.

    Args:
        curve: the curve.
        a: a point before.
        b: a point after.
        kind: which test.
        row: number of the point before.

    Returns:
        The bifurcation, or None where the zero is no bifurcation (real eigenvalues that mirror each other, a jump).

    Source: [brent1973].
    """
    chord = b.z - a.z
    normal = chord / jnp.linalg.norm(chord)
    seen: dict[float, Local] = {0.0: a, 1.0: b}

    def test(sigma: float) -> float:
        if sigma not in seen:
            z, found, _, _ = correct(curve, a.z + sigma * chord, normal)
            if not bool(found):
                raise ArithmeticError
            seen[sigma] = local(curve, z, a.tangent)
        return seen[sigma].tests[kind]

    try:
        found: Any = brentq(test, 0.0, 1.0, xtol=1e-15, maxiter=60)
        sigma = float(found)
        test(sigma)
    except ArithmeticError:
        return None
    at = seen[sigma]
    size = max(abs(a.tests[kind]), abs(b.tests[kind]))
    if abs(at.tests[kind]) > 1e-4 * size or not _is_bifurcation(kind, at.eigenvalues):
        return None
    error = _uncertainty(curve, seen, sigma, kind)
    return describe(curve, at, kind, error, row)


def _uncertainty(curve: Curve, seen: dict[float, Local], sigma: float, kind: BifurcationKind) -> float:
    """What is left of the test function, over its slope there, and round-off of the parameter."""
    other = min(
        (s for s in seen if s != sigma and seen[s].tests[kind] != seen[sigma].tests[kind]), key=lambda s: abs(s - sigma)
    )
    p, q = (float(curve.unknowns(seen[s].z)[1]) for s in (sigma, other))
    left, change = seen[sigma].tests[kind], seen[other].tests[kind] - seen[sigma].tests[kind]
    return abs(left / change * (q - p)) + 4 * float(np.finfo(float).eps) * max(abs(p), float(curve.span))


def _is_bifurcation(kind: BifurcationKind, eigenvalues: np.ndarray) -> bool:
    pair = _critical_pair(kind, eigenvalues)
    if kind in (BifurcationKind.HOPF, BifurcationKind.NEIMARK_SACKER):
        return pair is not None
    return True


def _critical_pair(kind: BifurcationKind, eigenvalues: np.ndarray) -> complex | None:
    """The complex eigenvalue on the boundary of stability, or None."""
    upper = eigenvalues[np.imag(eigenvalues) > PAIR * max(np.abs(eigenvalues).max(), 1e-300)]
    if not len(upper):
        return None
    off = np.abs(np.real(upper)) if kind is BifurcationKind.HOPF else np.abs(np.abs(upper) - 1.0)
    nearest = int(np.argmin(off))
    scale = float(np.abs(upper[nearest])) if kind is BifurcationKind.HOPF else 1.0
    return complex(upper[nearest]) if off[nearest] <= 1e-4 * scale else None


def describe(curve: Curve, at: Local, kind: BifurcationKind, error: float, row: int) -> BifurcationPoint:
    """Make a result of a located point.

    Args:
        curve: the curve.
        at: the point.
        kind: of the bifurcation.
        error: of the parameter.
        row: number of the point of the branch before it.
    """
    u, p = curve.unknowns(at.z)
    equation = curve.equation
    cycle = isinstance(equation, CycleEquation)
    pair = _critical_pair(kind, at.eigenvalues)
    angle = 0.0
    if pair is not None and kind in (BifurcationKind.HOPF, BifurcationKind.NEIMARK_SACKER):
        angle = float(pair.imag if kind is BifurcationKind.HOPF else np.angle(pair))
    x = np.asarray(u[: equation.anchor.shape[0]]) if cycle else np.asarray(u)
    period = float(u[-1]) if cycle else 0.0
    return BifurcationPoint(kind, float(p), error, x, at.eigenvalues, angle, period, np.asarray(u), row)
