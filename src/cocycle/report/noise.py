"""What noise does to a system: do points under the same noise come together, and how long does it stay in a regime?"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import CocycleError, InsufficientDataError, ParameterError, UnknownNameError, suggest
from cocycle.core.estimate import Estimate
from cocycle.core.realisations import is_random
from cocycle.core.run import Trajectory, trajectory
from cocycle.core.system import AbstractSystem
from cocycle.measures import SurvivalCurve, mean_lifetime, survival_curve, visits
from cocycle.stability.random import (
    NPointMotion,
    PassageTimes,
    SignTest,
    certify_sign,
    ensemble,
    n_point_motion,
    synchronisation_time,
)
from cocycle.steppers import AdditiveNoise, ScaledNoise

N_POINTS = 12
N_REALISATIONS = 64
N_PATHS = 16
N_LOOKS = 32
MOST_STEPS = 20_000
LIFETIME_STEPS = 100_000
MOST_NUMBERS = 256
TOGETHER = 1e-6
ALPHA = 1e-3


@dataclasses.dataclass(frozen=True)
class Regime:
    """A regime of one coordinate with hysteresis: entered beyond one threshold, left beyond the other.

    Attributes:
        variable: name of the coordinate.
        enter: threshold that begins a visit.
        leave: threshold that ends it. Above `enter` the regime lies below (entered where the coordinate is less than
            `enter`), below it the regime lies above.

    Example:
        >>> str(Regime("x1", 0.78, 0.86))
        'x1 < 0.78 until x1 > 0.86'
    """

    variable: str
    enter: float
    leave: float

    def __post_init__(self):
        if not (np.isfinite(self.enter) and np.isfinite(self.leave)):
            raise ParameterError(f"thresholds of a regime are finite numbers, got {self.enter} and {self.leave}.")

    def __str__(self) -> str:
        """Condition in words."""
        low = self.enter <= self.leave
        a, b = ("<", ">") if low else (">", "<")
        return f"{self.variable} {a} {self.enter:g} until {self.variable} {b} {self.leave:g}"

    def masks(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Booleans inside and outside.

        Args:
            x: values of the coordinate.
        """
        if self.enter <= self.leave:
            return x < self.enter, (x > self.leave) if self.leave > self.enter else (x >= self.leave)
        return x > self.enter, x < self.leave


@dataclasses.dataclass(frozen=True, eq=False)
class Lifetimes:
    """How long visits to a regime last, over the noise level.

    Attributes:
        regime: the regime.
        levels: (k,) noise levels.
        mean: mean duration of a visit at each level [time]; None where too few visits were seen.
        survival: law of the durations at each level, or None.
        n_visits: (k,) visits seen.
        duration: time watched at each level [time].
    """

    regime: Regime
    levels: tuple[float, ...]
    mean: tuple[Estimate | None, ...]
    survival: tuple[SurvivalCurve | None, ...]
    n_visits: tuple[int, ...]
    duration: float


@dataclasses.dataclass(frozen=True, eq=False)
class NoiseEffect:
    """What noise does.

    Attributes:
        level: strength of the noise: sigma added to a deterministic system, a factor of a stochastic one's own noise.
        added: whether the noise was added to a deterministic system.
        verdict: one sentence.
        synchronises: True, False, or None where it is open.
        sign: sequential test of the sign of the largest exponent, None where the step has no derivative.
        motion: distances of some points under the same noise.
        times: times after which they were together, over realisations.
        lifetimes: of a regime, where it was asked for.
    """

    level: float
    added: bool
    verdict: str
    synchronises: bool | None
    sign: SignTest | None
    motion: NPointMotion
    times: PassageTimes
    lifetimes: Lifetimes | None = None


def at_level(
    system: AbstractSystem, driver: AbstractDriver, level: float, seed: int, x0: Any
) -> tuple[AbstractSystem, AbstractDriver]:
    """System and driver at a noise level: noise added to a deterministic system, that of a stochastic one scaled.

    Args:
        system: the system.
        driver: its driver.
        level: sigma, or a factor.
        seed: of added noise.
        x0: initial state.

    Raises:
        ParameterError: if the level is negative.
    """
    if not (np.isfinite(level) and level >= 0):
        raise ParameterError(f"a noise level is a number that is not negative, got {level}.")
    if is_random(driver):
        return system, driver if level == 1 else ScaledNoise(driver, level)
    noisy = AdditiveNoise(system, float(level))
    return noisy, noisy.driver(jax.random.key(seed), x0, driver)


def analyse_noise(
    system: AbstractSystem,
    driver: AbstractDriver,
    states: Any,
    *,
    levels: tuple[float, ...] = (),
    regime: Regime | None = None,
    variables: tuple[str, ...] = (),
    n_steps: int,
    seed: int = 0,
    progress: bool | None = None,
) -> NoiseEffect:
    """Find out what noise does to a system.

    Args:
        system: the system.
        driver: its driver.
        states: states on its attractor, time along the first axis.
        levels: noise levels; default (1,), the own noise of a stochastic system. Points are brought together at the
            largest of them, lifetimes taken at each.
        regime: regime whose lifetimes are wanted.
        variables: names of the coordinates, for the regime.
        n_steps: steps that the report takes.
        seed: of the noise.
        progress: show progress bars.

    Returns:
        NoiseEffect.

    Raises:
        ParameterError: if no level is given for a deterministic system, or all are zero.
        CocycleError: if the system cannot be had with noise, or the regime is never visited.
    """
    added = not is_random(driver)
    levels = tuple(sorted(float(v) for v in (levels or (() if added else (1.0,)))))
    if not levels or levels[-1] == 0:
        raise ParameterError("a deterministic system needs a positive noise level: --noise 0.1 (noise=0.1).")
    n = len(jax.tree.leaves(states)[0])
    rows = np.linspace(0, n - 1, N_POINTS).astype(int)
    points = jax.tree.map(lambda a: np.asarray(a)[rows], states)
    first = jax.tree.map(lambda a: a[0], points)
    noisy, noise = at_level(system, driver, levels[-1], seed, first)
    steps = min(n_steps, MOST_STEPS)
    motion = n_point_motion(noisy, points, noise, n_steps=steps, save_every=max(1, steps // 1000), progress=progress)
    extent = max(float(motion.start.max()), 1e-300)
    tolerance = TOGETHER * extent
    times = synchronisation_time(
        noisy, points, noise, n_realisations=N_REALISATIONS, n_steps=steps, tolerance=tolerance, progress=progress
    )
    sign = None
    try:
        look = max(1, steps // N_LOOKS)
        sign = certify_sign(
            noisy, first, noise, n_steps=look * N_LOOKS, look_every=look, alpha=ALPHA, progress=progress
        )
    except CocycleError:
        sign = None  # no derivative: the points alone decide
    lifetimes = None
    if regime is not None:
        lifetimes = _lifetimes(system, driver, first, levels, regime, variables, max(n_steps, LIFETIME_STEPS), seed)
    verdict, answer = _verdict(sign, times, motion, tolerance)
    return NoiseEffect(levels[-1], added, verdict, answer, sign, motion, times, lifetimes)


def _verdict(sign: Any, times: PassageTimes, motion: NPointMotion, tolerance: float) -> tuple[str, bool | None]:
    share = f"{int(times.observed.sum())} of {len(times.times)} realisations"
    apart = motion.n_clusters(max(tolerance, 1e-3 * float(motion.start.max())))
    if sign is not None and sign.sign > 0:
        return "Points under the same noise do not come together: the largest exponent is positive.", False
    if times.observed.all() or (times.observed.mean() > 0.9 and (sign is None or sign.sign < 0)):
        return f"Points under the same noise come together, in {share} within the time watched.", True
    if sign is not None and sign.sign < 0:
        return (
            f"Near points come together (the exponent is negative), but far ones did so in {share} only within the "
            f"time watched; the run shown ends with {apart} group{'' if apart == 1 else 's'} of points.",
            None,
        )
    if times.observed.any():
        return f"Points came together in {share} within the time watched; the sign of the exponent is open.", None
    return "Points under the same noise stayed apart as long as they were watched; the exponent's sign is open.", None


class _Coordinate(eqx.Module):
    """One coordinate of what a system observes, flattened."""

    system: Any
    number: int = eqx.field(static=True)

    def __call__(self, x: Any) -> Any:
        return jax.numpy.concatenate([jax.numpy.ravel(a) for a in jax.tree.leaves(self.system.observe(x))])[self.number]


def _lifetimes(
    system: Any, driver: Any, x0: Any, levels: Any, regime: Regime, variables: tuple[str, ...], n_steps: int, seed: int
) -> Lifetimes:
    if regime.variable not in variables:
        near = suggest(regime.variable, variables)
        raise UnknownNameError(f"the system has no coordinate {regime.variable!r}; {near}")
    number, steps = variables.index(regime.variable), max(1, n_steps // 4)
    means, curves, counts = [], [], []
    for level in levels:
        noisy, noise = at_level(system, driver, level, seed, x0)
        seen = _Coordinate(noisy, number)
        if level == 0:  # without noise all realisations are one: a single orbit of the same length in all
            rows = np.asarray(trajectory(noisy, x0, noise, n_steps=N_PATHS * steps, observe=seen).x)[None]
        else:
            rows = np.asarray(ensemble(noisy, x0, noise, n_paths=N_PATHS, n_steps=steps, observe=seen).x)
        durations, observed = [], []
        for row in rows:
            try:
                found = visits(*regime.masks(row), dt=float(system.dt))
            except InsufficientDataError:
                continue
            durations.append(found.durations)
            observed.append(found.observed)
        d, o = (np.concatenate(v) if v else np.zeros(0) for v in (durations, observed))
        enough = int(np.sum(o)) >= 2
        means.append(mean_lifetime(d, o) if enough else None)
        curves.append(survival_curve(d, o) if enough else None)
        counts.append(len(d))
    if not any(counts):
        raise InsufficientDataError(f"no visit to the regime {regime} was seen at any level; check its thresholds.")
    return Lifetimes(
        regime, tuple(levels), tuple(means), tuple(curves), tuple(counts), N_PATHS * steps * float(system.dt)
    )


def noise_of_orbit(
    system: AbstractSystem,
    driver: AbstractDriver,
    orbit: Trajectory,
    levels: Sequence[float] | None,
    regime: Regime | None,
    variables: tuple[str, ...],
    n_steps: int,
    seed: int,
    refusals: dict[str, str],
    progress: bool | None,
) -> NoiseEffect | None:
    """What noise does, for a report; where it was not asked for, a refusal instead of an error.

    Args:
        system: the system.
        driver: its driver.
        orbit: orbit on its attractor.
        levels: noise levels, or None for the system's own noise.
        regime: regime whose lifetimes are wanted, or None.
        variables: names of the coordinates.
        n_steps: steps that the report takes.
        seed: of the noise.
        refusals: where a reason is left if nothing can be said.
        progress: show progress bars.
    """
    states = orbit.x
    if jax.tree.structure(states) != jax.tree.structure(orbit.final) or any(
        np.shape(a)[1:] != np.shape(b)
        for a, b in zip(jax.tree.leaves(states), jax.tree.leaves(orbit.final), strict=True)
    ):
        refusals["synchronisation_time"] = "the orbit keeps only part of the state: there are no points to start from."
        return None
    if not levels and regime is None and sum(np.size(a) for a in jax.tree.leaves(orbit.final)) > MOST_NUMBERS:
        refusals["synchronisation_time"] = (
            f"the state holds more than {MOST_NUMBERS} numbers; ask for it: --noise 1 (noise=1)."
        )
        return None
    try:
        return analyse_noise(
            system,
            driver,
            states,
            levels=tuple(levels or ()),
            regime=regime,
            variables=variables,
            n_steps=n_steps,
            seed=seed,
            progress=progress,
        )
    except CocycleError as error:
        if levels or regime is not None:
            raise
        refusals["synchronisation_time"] = str(error)
        return None
