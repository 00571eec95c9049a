"""How long the spectrum of a record is averaged, and over which orbits."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.stability import Spectrum, lyapunov_spectrum
from cocycle.stability.exponents import spectrum_of
from cocycle.systems.registry import Entry
from cocycle.systems.texts import texts
from cocycle.systems.transients import Pool, pooled

N_PILOT = 10_000
MIN_STEPS, MAX_STEPS, MOST_STEPS = 20_000, 15_000_000, 24_000_000
CALM_STEPS = 1_500_000  # at most, without chaos: there are no Lyapunov times to cover
# The orbit at half the step takes as many steps, beyond this number half as many. It then covers a quarter of the time:
# its standard error is twice that of the orbit, and the comparison resolves 5 sqrt(5) of those in place of 5 sqrt(3).
HALVED_STEPS = 1_500_000
WEAKEST = 0.01  # chaos below this rate a period is averaged over no longer than 1 / WEAKEST periods a Lyapunov time
HALVES = 4.0  # standard errors by which the means over both halves may differ
PRECISE = 12.0  # the largest exponent over its standard error; intermittent chaos takes longer to get there


def is_transient(entry: Entry) -> bool:
    """Return whether a system's chaos is that of orbits which leave it in the end.

    Args:
        entry: entry of the catalogue.
    """
    return entry.chaotic and "transient chaos" in entry.tags


def pools(entry: Entry, system: Any, pilot: Spectrum, n_times: float) -> tuple[Pool, Spectrum, Spectrum]:
    """Return a pool of orbits of transient chaos, its spectrum, and that of half as long a pool at half the step.

    Args:
        entry: the system.
        system: made of it.
        pilot: short spectrum from its initial state.
        n_times: Lyapunov times to cover.
    """
    pool = pooled(system, pilot, n_times=n_times, angles=entry.angles, max_steps=MOST_STEPS)
    finer = entry.make(dt=float(system.dt) / 2)
    first = lyapunov_spectrum(finer, n_steps=2 * N_PILOT, n_vectors=pilot.n_vectors, progress=False)
    halved = pooled(finer, first, n_times=n_times / 2, angles=entry.angles, n_escapes=0, max_steps=MOST_STEPS)
    return pool, pool.spectrum, halved.spectrum


def spectra(
    entry: Entry, system: Any, pilot: Spectrum, period: float, n_times: float, tol: float | None, options: Any
) -> tuple[Spectrum, Spectrum | None]:
    """Return the spectrum of one long orbit, and of another one at half the step (None for maps).

    Args:
        entry: the system.
        system: made of it.
        pilot: short spectrum from its initial state, which tells the length.
        period: dominant period [time].
        n_times: Lyapunov times to cover.
        tol: stop when all standard errors are below this fraction of the largest exponent.
        options: of `lyapunov_spectrum`.
    """
    n_steps, n0 = _steps_to_take(entry, pilot, period, n_times), N_PILOT
    if n_steps // 10 > N_PILOT:  # a tenth of the work tells the length of the rest better
        pilot = lyapunov_spectrum(system, n_steps=n_steps // 10, x0=final_state(pilot), n0=n0, **options)
        n0 += n_steps // 10
        n_steps = _steps_to_take(entry, pilot, period, n_times)
    bound = None if tol is None else tol * _rate(entry, pilot, period)
    options = options | {"x0": final_state(pilot), "n0": n0, "tol": bound}
    spectrum = lyapunov_spectrum(system, n_steps=n_steps, **options)
    n_missing = _steps_missing(entry, spectrum, n_times) if tol is None else 0
    while n_missing or (_may_go_on(entry, n_steps) and not _settled(spectrum)):
        n_more = n_missing or max(min(3 * n_steps, MOST_STEPS - n_steps), MIN_STEPS)
        spectrum = _longer(system, spectrum, n_more, options | {"n0": n0 + n_steps})
        n_steps += n_more + spectrum.n_transient
        n_missing = _steps_missing(entry, spectrum, n_times) if tol is None else 0
    return spectrum, _halved(entry, system, n_steps, options)


def _longer(system: Any, spectrum: Spectrum, n_more: int, options: dict[str, Any]) -> Spectrum:
    """The spectrum with more of the same orbit; new tangent vectors need as long to turn as the first ones had."""
    every = round(float(spectrum.interval) / float(spectrum.dt))
    lengths = {"n_steps": n_more + spectrum.n_transient, "n_transient": spectrum.n_transient, "qr_every": every}
    more = lyapunov_spectrum(system, **(options | lengths | {"x0": final_state(spectrum)}))
    rows = np.concatenate([spectrum.local, more.local]) * float(spectrum.interval)
    worst = np.fmax(spectrum.volume_residual, more.volume_residual)
    return spectrum_of(system, rows, every, spectrum.n_transient, more.final, spectrum.n_dimensions, more.status, worst)


def _rate(entry: Entry, pilot: Spectrum, period: float) -> float:
    """Growth rate by which to choose lengths: the largest exponent, or one a period where that is smaller."""
    return max(float(pilot.exponents[0]), (WEAKEST if entry.chaotic else 1.0) / period)


def _steps_to_take(entry: Entry, pilot: Spectrum, period: float, n_times: float) -> int:
    wanted = 1.03 * n_times / (_rate(entry, pilot, period) * pilot.dt)
    return _steps_for(min(wanted, MAX_STEPS if entry.chaotic else CALM_STEPS))


def _steps_for(n_steps: float) -> int:
    """As many steps, or the fewest, and a ninth more: the transient is a tenth of all."""
    return math.ceil(max(n_steps, MIN_STEPS) / 0.9)


def _steps_missing(entry: Entry, spectrum: Spectrum, n_times: float) -> int:
    """Steps that are missing to the Lyapunov times, now that the exponent is known better than from the pilot."""
    largest = float(spectrum.exponents[0])
    if not entry.chaotic or not largest > 0 or "lyapunov_times" in texts()[entry.name]:
        return 0
    # The exponent of the longer orbit may be smaller still: 3 % more.
    most = min(1.03 * n_times / (largest * spectrum.dt), MAX_STEPS)
    return (
        _steps_for(most - spectrum.n_steps) if n_times / largest > spectrum.duration and most > spectrum.n_steps else 0
    )


def short_note(entry: Entry, spectrum: Spectrum, n_times: float) -> tuple[str, ...]:
    """Return the note of a record that rests on fewer Lyapunov times than asked for, if it does.

    Args:
        entry: the system.
        spectrum: of the record.
        n_times: Lyapunov times asked for.
    """
    covered = spectrum.duration * float(spectrum.exponents[0])
    if not entry.chaotic or not 0 < covered < 0.99 * n_times:
        return ()
    return (f"averaged over {covered:.0f} Lyapunov times: {MAX_STEPS:,} steps are the most.",)


def transient_note(pool: Pool) -> tuple[str, ...]:
    """Return the note of a record of transient chaos.

    Args:
        pool: its orbits.
    """
    covered = pool.spectrum.duration * float(pool.spectrum.exponents[0])
    return (
        f"exponents of the transient chaotic set: {pool.n_orbits} orbits, {pool.n_escapes} of which escaped, in sum "
        f"{covered:.0f} Lyapunov times on the set.",
    )


def final_state(spectrum: Spectrum) -> Any:
    """Return the state at which a spectrum ended, as an initial state.

    Args:
        spectrum: the spectrum.
    """
    return jax.tree.map(jnp.asarray, spectrum.final)


def _may_go_on(entry: Entry, n_steps: int) -> bool:
    """Whether chaos may be averaged over longer: not where the table limits the time, since orbits escape."""
    return entry.chaotic and n_steps < MOST_STEPS and "lyapunov_times" not in texts()[entry.name]


def _settled(spectrum: Spectrum) -> bool:
    """Whether the largest exponent is known well, and the same over both halves of the orbit."""
    largest, error, drift = float(spectrum.exponents[0]), float(spectrum.stderr[0]), drift_of(spectrum)
    return largest > PRECISE * error and (drift is None or abs(drift) < 2.0 * HALVES * error)


def _halved(entry: Entry, system: Any, n_steps: int, options: dict[str, Any]) -> Spectrum | None:
    """Spectrum at half the step; a delay equation starts anew, its history has other nodes."""
    if entry.kind == "map":
        return None
    finer = entry.make(dt=float(system.dt) / 2)
    changed: dict[str, Any] = {"n0": 2 * options["n0"]} | ({"x0": None} if entry.kind == "delay" else {})
    n_halved = n_steps if n_steps <= HALVED_STEPS / 0.9 else max(n_steps // 2, math.ceil(HALVED_STEPS / 0.9))
    return lyapunov_spectrum(finer, n_steps=n_halved, **(options | changed))


def drift_of(spectrum: Spectrum) -> float | None:
    """Return the largest exponent over the second half of the orbit less that over the first; None if not finite.

    Args:
        spectrum: the spectrum.
    """
    rates = np.asarray(spectrum.local)[:, 0]
    middle = len(rates) // 2
    drift = float(rates[-middle:].mean() - rates[:middle].mean())
    return drift if np.isfinite(drift) else None
