"""In which regime is an orbit? The verdict rests on the exponents, and on whether the orbit moves and comes back."""

import enum
import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.estimate import format_value
from cocycle.core.run import Status
from cocycle.core.system import AbstractSystem
from cocycle.stability.spectrum import Spectrum

Z = 3.0
REST = 1e-8
RETURN = 1e-6
CLOSE = 2e-3


class Regime(enum.StrEnum):
    """Kinds of long-term behaviour."""

    FIXED_POINT = "fixed point"
    PERIODIC = "periodic"
    QUASI_PERIODIC = "quasi-periodic"
    CHAOTIC = "chaotic"
    HYPERCHAOTIC = "hyperchaotic"
    DIVERGING = "diverging"
    UNDECIDED = "undecided"


class Verdict(eqx.Module):
    """A regime and the reasons for it.

    Attributes:
        regime: the regime.
        reasons: sentences with the numbers that decided.
    """

    regime: Regime = eqx.field(static=True)
    reasons: tuple[str, ...] = eqx.field(static=True)

    def __str__(self) -> str:
        """Regime and reasons."""
        return f"{self.regime}: {' '.join(self.reasons)}"


def zero_tolerance(spectrum: Spectrum) -> Float[np.ndarray, "K"]:
    """Size below which each exponent cannot be told from zero [nats / time].

    Three standard errors, and three times what an orbit without any exponential growth shows: tangents that grow in
    proportion to time grow by log(t1/t0) from the end t0 of the transient to the end t1 of the run.

    Args:
        spectrum: exponents of one orbit.

    Returns:
        Tolerances (K,).
    """
    t0 = max(float(spectrum.n_transient), 1.0) * float(spectrum.dt)
    shear = math.log(1.0 + spectrum.duration / t0) / spectrum.duration
    return Z * (np.asarray(spectrum.stderr) + shear)


def period_of(orbit: Float[np.ndarray, "time D"], tolerance: float = RETURN) -> int | None:
    """Smallest number of saved states after which an orbit repeats itself to a relative tolerance, else None."""
    scale = np.max(np.ptp(orbit, axis=0))
    if scale == 0:
        return 1
    distance = np.max(np.abs(orbit[: len(orbit) // 2] - orbit[0]), axis=1) / scale
    for p in np.flatnonzero(distance[1:] < tolerance) + 1:
        if np.max(np.abs(orbit[p:] - orbit[:-p])) / scale < tolerance:
            return int(p)
    return None


def nearest_return(orbit: Float[np.ndarray, "time D"], dt: float) -> tuple[float, float] | None:
    """First close (else closest) return of a flow's orbit to its start, relative to its size, and its time.

    The orbit is interpolated linearly between saved states, after it has left a ball of a tenth of its size.
    """
    scale = float(np.max(np.ptp(orbit, axis=0)))
    if scale == 0:
        return None
    distance = np.linalg.norm(orbit - orbit[0], axis=1) / scale
    away = np.flatnonzero(distance > 0.1)
    if not len(away):
        return None
    a, b = orbit[away[0] : -1], orbit[away[0] + 1 :]
    if not len(a):
        return None
    d = b - a
    u = np.clip(np.sum((orbit[0] - a) * d, axis=1) / np.maximum(np.sum(d * d, axis=1), 1e-300), 0.0, 1.0)
    gap = np.linalg.norm(a + u[:, None] * d - orbit[0], axis=1) / scale
    i = int(np.argmin(gap))
    close = np.flatnonzero(gap < CLOSE)
    if len(close):  # the first close visit, at its closest
        end = close[0] + int(np.argmin(np.append(gap[close[0] :] < CLOSE, False)))
        i = int(close[0] + np.argmin(gap[close[0] : end]))
    return float(gap[i]), float((away[0] + i + u[i]) * dt)


def repeats(orbit: Float[np.ndarray, "time D"], shift: float) -> float:
    """Largest relative distance between the orbit and itself, `shift` rows later (interpolated linearly)."""
    n, u = int(shift), shift - int(shift)
    later = (1 - u) * orbit[n:-1] + u * orbit[n + 1 :]
    return float(np.max(np.linalg.norm(later - orbit[: len(later)], axis=1)) / np.max(np.ptp(orbit, axis=0)))


def regime(
    spectrum: Spectrum,
    system: AbstractSystem,
    orbit: Float[np.ndarray, "time D"],
    driver: AbstractDriver | None = None,
    *,
    save_dt: float | None = None,
) -> Verdict:
    """Decide the regime of an orbit from its exponents and its states.

    Args:
        spectrum: exponents of the orbit; at least the two largest where D > 1.
        system: the system.
        orbit: states on the attractor (time, D), equally spaced.
        driver: driver of the run, None for the system's default.
        save_dt: time between the rows of orbit; default that of one step.

    Returns:
        Verdict with a regime and its reasons.

    Limits: an exponent that cannot be told from zero within its error makes the verdict undecided or marginal, and
        the reasons say so; long transients are not recognised.
    """
    orbit = np.asarray(orbit, dtype=float).reshape(len(orbit), -1)
    if spectrum.status is Status.NON_FINITE or not np.all(np.isfinite(orbit)):
        return Verdict(Regime.DIVERGING, ("The state leaves the finite numbers.",))
    driver = system.default_driver(spectrum.final) if driver is None else driver
    noisy = not isinstance(driver, Still | Clock)
    row_dt = float(spectrum.dt if save_dt is None else save_dt)
    signs = _Signs(spectrum)
    if signs.n_positive:
        return _chaos(signs, noisy)
    if noisy:
        return _driven(signs)
    moved = float(np.max(np.ptp(orbit[len(orbit) // 2 :], axis=0)))
    size = max(float(np.max(np.abs(orbit))), 1e-300)
    if moved <= REST * size:
        return Verdict(Regime.FIXED_POINT, (f"The state no longer moves (range {moved:.1g} of {size:.3g}).", signs.top))
    return (
        _continuous(signs, orbit, row_dt, isinstance(driver, Clock))
        if system.continuous_time
        else _discrete(signs, orbit)
    )


class _Signs:
    """Which exponents are positive, zero and negative within their errors."""

    def __init__(self, spectrum: Spectrum):
        e, tolerance = np.asarray(spectrum.exponents), zero_tolerance(spectrum)
        self.spectrum, self.tolerance = spectrum, tolerance
        self.n_positive = int(np.sum(e > tolerance))
        self.n_zero = int(np.sum(np.abs(e) <= tolerance))
        # Half of the tolerance: too large to be called zero, too small to be called positive.
        self.doubtful = bool(e[0] > 0.5 * tolerance[0])
        value = format_value(float(e[0]), float(spectrum.stderr[0]))
        self.top = f"The largest exponent is {value} nats per time."
        # A trend over the run betrays a growth that is not exponential (or not yet settled).
        half = len(spectrum.local) // 2
        self.late = float(np.mean(np.asarray(spectrum.local)[half:, 0]))


def _chaos(signs: _Signs, noisy: bool) -> Verdict:
    first = float(signs.spectrum.exponents[0])
    if signs.late < 0.5 * first or signs.late > 2.0 * first:
        return Verdict(
            Regime.UNDECIDED,
            (signs.top, f"But its mean over the second half of the run is {signs.late:.4g}: not settled, run longer."),
        )
    kind = Regime.HYPERCHAOTIC if signs.n_positive > 1 else Regime.CHAOTIC
    reasons = [
        signs.top,
        f"Exponents that are positive beyond their errors: {signs.n_positive} of {signs.spectrum.n_vectors}.",
    ]
    if noisy:
        reasons.append("Two orbits under the same drive separate: the drive does not synchronise them.")
    return Verdict(kind, tuple(reasons))


def _driven(signs: _Signs) -> Verdict:
    if float(signs.spectrum.exponents[0]) < -signs.tolerance[0]:
        return Verdict(
            Regime.FIXED_POINT,
            (
                signs.top,
                "It is negative: under the same drive all near orbits come together, to a random fixed point.",
            ),
        )
    return Verdict(Regime.UNDECIDED, (signs.top, "Its sign is not certain within the error; run longer."))


def _continuous(signs: _Signs, orbit: np.ndarray, dt: float, forced: bool) -> Verdict:
    """Regular orbits of flows. An autonomous flow that keeps moving has one zero exponent along the orbit."""
    tangent_zeros = 0 if forced else 1
    back = nearest_return(orbit, dt)
    reasons = [signs.top, f"Exponents that are zero within their errors: {signs.n_zero}."]
    if back is not None:
        reasons.append(f"The orbit comes back to within {back[0]:.1g} of its size after time {back[1]:.4g}.")
    if float(signs.spectrum.exponents[0]) < -signs.tolerance[0] and not forced:
        reasons.append("All exponents are negative: near orbits spiral into a fixed point.")
        return Verdict(Regime.FIXED_POINT, tuple(reasons))
    if back is not None and back[0] < CLOSE and 2 * back[1] < dt * len(orbit) and repeats(orbit, back[1] / dt) < CLOSE:
        reasons.append("It repeats itself from then on.")
        return Verdict(Regime.PERIODIC, tuple(reasons))
    if signs.n_zero > tangent_zeros and signs.doubtful:
        return Verdict(Regime.UNDECIDED, (*reasons, "The largest may be positive: weak chaos or none. Run longer."))
    if signs.n_zero > tangent_zeros and signs.spectrum.n_vectors > 1:
        reasons.append("More zeros than the flow direction gives: motion on a torus.")
        return Verdict(Regime.QUASI_PERIODIC, tuple(reasons))
    if signs.n_zero == tangent_zeros:
        reasons.append("No other exponent is zero or positive.")
        return Verdict(Regime.PERIODIC, tuple(reasons))
    return Verdict(Regime.UNDECIDED, (*reasons, "The signs do not fit one regime within their errors; run longer."))


def _discrete(signs: _Signs, orbit: np.ndarray) -> Verdict:
    """Regular orbits of maps."""
    period = period_of(orbit)
    if period == 1:
        return Verdict(Regime.FIXED_POINT, (signs.top, "The state repeats at every step."))
    if period is not None:
        return Verdict(Regime.PERIODIC, (signs.top, f"The orbit repeats after {period} steps."))
    if signs.n_zero and not signs.doubtful and _fills_curve(orbit):
        return Verdict(
            Regime.QUASI_PERIODIC,
            (signs.top, "It is zero within its error, the orbit never repeats, but comes ever closer to itself."),
        )
    if not signs.n_zero:
        return Verdict(Regime.PERIODIC, (signs.top, "It is negative; the period is longer than the orbit shown."))
    return Verdict(Regime.UNDECIDED, (signs.top, "It cannot be told from zero within its error; run longer."))


def _fills_curve(orbit: np.ndarray) -> bool:
    """Say whether nearest neighbours thin out as on a curve or a torus: gaps like N^(-1/D) with D from 1 to 3.

    An orbit at the accumulation of period doublings never repeats either, but its gaps shrink much faster.
    """
    n = min(len(orbit), 4000)

    def gap(sample: np.ndarray) -> float:
        return float(np.median(KDTree(sample).query(sample, k=2)[0][:, 1]))

    whole, part = gap(orbit[-n:]), gap(orbit[-n // 4 :])
    return whole > 0 and 4 ** (1 / 3.5) < part / whole < 4**1.3


def flat_orbit(x: Any) -> Float[np.ndarray, "time D"]:
    """Lay the leaves of a saved trajectory side by side: (time, D)."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(x)]
    parts = [leaf.reshape(len(leaf), -1) for leaf in leaves]
    parts = [p for leaf in parts for p in ((leaf.real, leaf.imag) if np.iscomplexobj(leaf) else (leaf,))]
    return np.concatenate(parts, axis=1)
