"""All that a report says of a system: one orbit, its exponents, and what follows from both."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.errors import (
    AccuracyWarning,
    CocycleError,
    InterruptedWarning,
    NotDifferentiableError,
    ParameterError,
)
from cocycle.core.estimate import Estimate
from cocycle.core.realisations import is_random
from cocycle.core.run import Status, Trajectory, trajectory
from cocycle.core.start import start
from cocycle.core.system import AbstractSystem
from cocycle.measures.dimension import CorrelationDimension, correlation_dimension
from cocycle.measures.embedding import delay_by_mutual_information
from cocycle.measures.ordinal import permutation_entropy, statistical_complexity
from cocycle.measures.spectrum import PowerSpectrum, power_spectrum, rice_period
from cocycle.report.noise import NoiseEffect, noise_of_orbit
from cocycle.report.noise import Regime as Spell
from cocycle.report.rest import rest_points
from cocycle.report.run_options import driver_for, size_of, steps_of
from cocycle.stability import FixedPoints, Regime, Spectrum, Verdict, flat_orbit, lyapunov_spectrum, regime
from cocycle.stability.continuation.orbit_diagram import Bifurcation, Sweep, bifurcation_diagram

N_SAVED = 20_000
N_POINTS = 10_000
N_SWEEP = 4000
GROWTH = 1000.0
N_APPROACH = 1500
REST = 1e-6
MAX_POINT_DIMENSION = 12
PATTERN = 5
SAMPLES_PER_PERIOD = 50.0


@dataclasses.dataclass(frozen=True, eq=False)
class SystemAnalysis:
    """One orbit of a system, measured.

    Attributes:
        system: the system.
        name: what to call it.
        spectrum: Lyapunov exponents, None where the step has no tangents.
        orbit: states on the attractor, after the steps of the spectrum.
        variables: names of the coordinates of the flattened state.
        verdict: regime with reasons.
        correlation: correlation dimension with its curves, or None.
        entropy: permutation entropy of the first coordinate, or None.
        complexity: statistical complexity of the first coordinate, or None.
        delay: samples between the values of an ordinal pattern.
        power: power spectrum of the first coordinate, or None.
        bifurcation: strip over one parameter, where it was asked for.
        refusals: quantity -> why it is not there.
        notes: warnings met on the way.
        driver: what drove it.
        seed: of noise and of the estimators.
        n_steps: steps of the spectrum, transient included.
        interrupted: whether a person stopped it; then later parts are missing.
        noise: what noise does, for a stochastic system or where it was asked for, else None.
        approach: the orbit from the initial state, where the attractor itself shows no motion, else None.
        rest: fixed points near the attractor, where the system is small and has no drive, else None.
    """

    system: AbstractSystem
    name: str
    spectrum: Spectrum | None
    orbit: Trajectory
    variables: tuple[str, ...]
    verdict: Verdict
    correlation: CorrelationDimension | None
    entropy: Estimate | None
    complexity: Estimate | None
    delay: int
    power: PowerSpectrum | None
    bifurcation: Bifurcation | None
    refusals: dict[str, str]
    notes: tuple[str, ...]
    driver: AbstractDriver
    seed: int
    n_steps: int
    interrupted: bool = False
    approach: Trajectory | None = None
    rest: FixedPoints | None = None
    noise: NoiseEffect | None = None

    @property
    def points(self) -> np.ndarray:
        """States of the orbit, flattened (time, D)."""
        return flat_orbit(self.orbit.x)

    @property
    def shown(self) -> np.ndarray:
        """States to look at (time, D): of the attractor, or of the approach to it where it does not move."""
        return self.points if self.approach is None else flat_orbit(self.approach.x)

    @property
    def dt(self) -> float:
        """Time per step."""
        return float(self.system.dt)

    @property
    def save_dt(self) -> float:
        """Time between the states of the orbit."""
        t = np.asarray(self.orbit.t)
        return float(t[1] - t[0]) if len(t) > 1 else self.dt

    @property
    def is_flow(self) -> bool:
        """Whether time is continuous."""
        return self.system.continuous_time

    @property
    def lyapunov_time(self) -> Estimate | None:
        """1 / lambda_1 [time], the time in which a small error grows by e; None where no exponent is positive."""
        return self._over_exponent(1.0, "1 / maximal exponent")

    @property
    def predictability_time(self) -> Estimate | None:
        """ln(1000) / lambda_1 [time], in which an error of a thousandth of the attractor grows to its size, or None."""
        return self._over_exponent(math.log(GROWTH), "ln(1000) / maximal exponent: error 1e-3 to 1 of the attractor")

    def _over_exponent(self, factor: float, method: str) -> Estimate | None:
        if self.spectrum is None or self.verdict.regime not in (Regime.CHAOTIC, Regime.HYPERCHAOTIC):
            return None
        top = self.spectrum.maximal_exponent
        value, error = float(top.value), float(top.stderr)
        return Estimate(factor / value, factor * error / value**2, float(top.n_eff), method)


def analyse_system(
    system: AbstractSystem,
    *,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    n_steps: int | None = None,
    duration: float | None = None,
    seed: int = 0,
    sweep: Sweep | None = None,
    noise: Sequence[float] | None = None,
    lifetimes: Spell | None = None,
    name: str | None = None,
    progress: bool | None = None,
) -> SystemAnalysis:
    """Measure one orbit of a system for a report.

    Args:
        system: the system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system, or noise of the seed for a stochastic equation.
        n_steps: steps of the spectrum, a tenth of them transient; default 50,000, fewer in many dimensions.
        duration: the same as a time.
        seed: of noise and of the estimators.
        sweep: also follow the orbit over this parameter.
        noise: noise levels: sigma added to a deterministic system, factors of the noise of a stochastic one.
        lifetimes: regime whose lifetimes over those levels are wanted.
        name: what to call it; default the name of the system.
        progress: show progress bars; None shows them on a terminal when the work is long.

    Returns:
        SystemAnalysis; what cannot be had is in its `refusals`.

    Raises:
        NonFiniteStateError: if the orbit leaves the finite numbers.
        ParameterError: if a count or the initial state cannot be used.
    """
    driver = driver_for(system, x0, seed) if driver is None else driver
    if lifetimes is not None and not noise and not is_random(driver):
        raise ParameterError("lifetimes over the noise level need levels: --noise 0,0.1,0.2 (noise=[0, 0.1, 0.2]).")
    n_steps = steps_of(system, x0, n_steps, duration)
    refusals: dict[str, str] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spectrum, after, n0 = _spectrum(system, x0, driver, n_steps, progress, refusals)
        stopped = spectrum is not None and spectrum.status is Status.INTERRUPTED
        orbit, every = _orbit(system, after, driver, n0, 2000 if stopped else n_steps, progress)
        stopped = stopped or orbit.status is Status.INTERRUPTED
        points = flat_orbit(orbit.x)
        verdict = _verdict(spectrum, system, points, driver, every)
        observed = _Observed(points, size_of(after), every * float(system.dt), seed, refusals, skip=stopped)
        approach = None
        if np.ptp(points, axis=0).max() <= REST * max(float(np.abs(points).max()), 1e-300) and not stopped:
            approach = trajectory(system, x0, driver, n_steps=min(n_steps, N_APPROACH), progress=progress)
        rest = None if stopped else rest_points(system, points, driver, refusals)
        strip = None
        if sweep is not None and not stopped:
            label = _variables(system, points)[0]
            steps = min(n_steps, N_SWEEP)
            strip = bifurcation_diagram(
                system, x0, driver, over=sweep, n_steps=steps, coordinate=label, progress=progress
            )
        effect = None
        if not stopped and (noise or is_random(driver)):
            names = _variables(system, points)
            effect = noise_of_orbit(system, driver, orbit, noise, lifetimes, names, n_steps, seed, refusals, progress)
    return SystemAnalysis(
        system=system,
        name=name or getattr(system, "name", None) or type(system).__name__,
        spectrum=spectrum,
        orbit=orbit,
        variables=_variables(system, points),
        verdict=verdict,
        correlation=observed.correlation,
        entropy=observed.entropy,
        complexity=observed.complexity,
        delay=observed.delay,
        power=observed.power,
        bifurcation=strip,
        refusals=refusals,
        notes=_notes(caught),
        driver=driver,
        seed=seed,
        n_steps=n_steps,
        interrupted=stopped,
        approach=approach,
        rest=rest,
        noise=effect,
    )


def _notes(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Keep what limits the numbers; pass every other warning on."""
    kept = []
    for warning in caught:
        if issubclass(warning.category, AccuracyWarning | InterruptedWarning):
            kept.append(" ".join(str(warning.message).split()))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return tuple(dict.fromkeys(kept))


def _spectrum(
    system: AbstractSystem,
    x0: Any,
    driver: AbstractDriver,
    n_steps: int,
    progress: bool | None,
    refusals: dict[str, str],
) -> tuple[Spectrum | None, Any, int]:
    """Spectrum, the state to go on from, and the number of the next step."""
    try:
        spectrum = lyapunov_spectrum(system, x0, driver, n_steps=n_steps, progress=progress)
    except NotDifferentiableError as error:
        for quantity in EXPONENT_QUANTITIES:
            refusals[quantity] = str(error)
        x, _ = start(system, x0, driver, n_steps=n_steps)
        return None, x, 0
    return spectrum, spectrum.final, int(spectrum.n_transient) + int(spectrum.n_steps)


def _orbit(
    system: AbstractSystem, x: Any, driver: AbstractDriver, n0: int, n_steps: int, progress: bool | None
) -> tuple[Trajectory, int]:
    """At most 20,000 states, about 50 to each oscillation of a continuous orbit, and their stride."""
    first = trajectory(system, x, driver, n_steps=min(n_steps, N_SAVED), n0=n0, progress=progress)
    if n_steps < 2 * N_SAVED or not system.continuous_time or first.status is not Status.OK:
        return first, 1
    every = n_steps // N_SAVED
    if isinstance(driver, Still | Clock):  # noise has no oscillation to resolve
        try:
            period = rice_period(flat_orbit(first.x)[:, 0])
        except CocycleError:
            return first, 1
        every = int(np.clip(period / SAMPLES_PER_PERIOD, 1, every))
    if every == 1:
        return first, 1
    n_steps = every * N_SAVED
    return trajectory(system, x, driver, n_steps=n_steps, n0=n0, save_every=every, progress=progress), every


EXPONENT_QUANTITIES = (
    "lyapunov_exponents",
    "maximal_exponent",
    "kaplan_yorke_dimension",
    "mean_log_volume_rate",
    "entropy_rate_bound",
    "lyapunov_time",
    "predictability_time",
)


def _verdict(
    spectrum: Spectrum | None, system: AbstractSystem, points: np.ndarray, driver: AbstractDriver, every: int
) -> Verdict:
    if spectrum is None:
        return Verdict(Regime.UNDECIDED, ("The step has no derivative, so there are no exponents to decide by.",))
    return regime(spectrum, system, points, driver, save_dt=every * float(system.dt))


def _variables(system: AbstractSystem, points: np.ndarray) -> tuple[str, ...]:
    """Names of the coordinates: the system's own, or x, y, z, or x_1, x_2, ..."""
    n = points.shape[1]
    own = getattr(system, "variables", None)
    if own is not None and len(own) == n:
        return tuple(own)
    return ("x", "y", "z")[:n] if n <= 3 else tuple(f"x{i + 1}" for i in range(n))


class _Observed:
    """What the first coordinate, and the points, say by themselves; each refusal is kept with its reason."""

    def __init__(
        self, points: np.ndarray, n_dimensions: int, dt: float, seed: int, refusals: dict[str, str], *, skip: bool
    ):
        self.refusals, self.skip, self.n_dimensions = refusals, skip, n_dimensions
        series = np.ascontiguousarray(points[:, 0])
        self.delay = 1
        if not skip:
            try:
                self.delay = delay_by_mutual_information(series).delay
            except CocycleError:
                self.delay = 1
        m, tau = PATTERN, self.delay
        self.entropy = self.attempt("permutation_entropy", lambda: permutation_entropy(series, m=m, delay=tau))
        self.complexity = self.attempt("statistical_complexity", lambda: statistical_complexity(series, m=m, delay=tau))
        self.correlation = self.attempt("correlation_dimension", lambda: self.dimension(points, series, seed))
        self.power = self.attempt("power_spectrum", lambda: power_spectrum(series, dt))

    def attempt(self, quantity: str, function: Any) -> Any:
        if self.skip:
            self.refusals[quantity] = "interrupted before it was computed."
            return None
        try:
            return function()
        except CocycleError as error:
            self.refusals[quantity] = str(error)
            return None

    def dimension(self, points: np.ndarray, series: np.ndarray, seed: int) -> CorrelationDimension:
        # A part of the state, as of a delay equation, must be embedded; a long state holds too many coordinates.
        if points.shape[1] > MAX_POINT_DIMENSION or points.shape[1] < self.n_dimensions:
            found = correlation_dimension(series[-N_POINTS:], delay=self.delay, n_reference=1000, seed=seed)
        else:
            window = min(5 * self.delay, len(points) // 20)
            found = correlation_dimension(points[-N_POINTS:], theiler=window, n_reference=1000, seed=seed)
        if not found.has_plateau:
            self.refusals["correlation_dimension"] = found.reason
        return found
