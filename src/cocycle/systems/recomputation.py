"""Recompute the records of the catalogue: in parallel, and with nothing finished ever lost."""

import contextlib
import importlib.metadata
import math
import os
import pathlib
import time
import warnings
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from cocycle.core.drivers import Still
from cocycle.core.errors import CocycleError, DataError, OutputError, ParameterError
from cocycle.core.progress import Progress
from cocycle.core.run import trajectory
from cocycle.core.storage import atomic_file
from cocycle.measures import dominant_period
from cocycle.stability import Spectrum, lyapunov_spectrum
from cocycle.steppers import DelayFlow, Flow, is_autonomous
from cocycle.systems.averaging import (
    N_PILOT,
    drift_of,
    final_state,
    is_transient,
    pools,
    short_note,
    spectra,
    transient_note,
)
from cocycle.systems.catalogue import catalogue
from cocycle.systems.orbit_measures import along, bounded, columns, correlation, pair, permutation
from cocycle.systems.records import Record, fingerprint, packaged_file, read_records, write_records
from cocycle.systems.registry import Entry
from cocycle.systems.texts import texts
from cocycle.systems.transients import chaotic_points

PER_PERIOD, N_POINTS = 20, 16_000
N_DELAY_VECTORS = 8


def recompute(
    names: Iterable[str] | None = None,
    *,
    n_jobs: int = 2,
    lyapunov_times: float = 1000.0,
    tol: float | None = None,
    path: str | pathlib.Path | None = None,
    cache: str | pathlib.Path | None = None,
    fresh: bool = False,
    progress: bool | None = None,
) -> dict[str, Record]:
    """Recompute invariants of systems, where they are not up to date, and put them into the file of records.

    Each finished system is at once a file of its own in `cache`, put in place atomically; the file of records is
    written at the end, atomically too. After a crash, Ctrl-C or a kill the same call goes on where it stopped.

    Args:
        names: systems; default all whose step has a derivative.
        n_jobs: joblib workers; another back end (Dask, Ray) comes by `joblib.parallel_config`.
        lyapunov_times: averaging time in units of 1 / largest exponent, within 20,000 to 15,000,000 steps; up to
            24,000,000 where chaos is so intermittent that its error is above a twelfth, or both halves of the orbit
            differ by more than the error can tell. Systems without chaos are averaged over as many periods, at most
            1,500,000 steps. Transient chaos is averaged over many orbits, each until it escapes.
        tol: stop a system as soon as all standard errors are below this fraction of its largest exponent.
        path: file of records; default that of the library.
        cache: directory of finished systems; default `NAME.parts` beside the file.
        fresh: compute again what is in the file or in the cache.
        progress: show a progress bar; None shows it on a terminal.

    Returns:
        Records of the systems asked for, by name.

    Raises:
        UnknownNameError: if there is no such system.
        ParameterError: if lyapunov_times or tol is not positive.
        DataError: if systems failed; the message names them, and the others are written.

    Cost: for 3 variables about 2 s of compilation and 1 s of running each.
    """
    if not lyapunov_times > 0 or (tol is not None and not tol > 0):
        raise ParameterError("lyapunov_times and tol must be positive.")
    chosen = [catalogue[name].name for name in names] if names is not None else list(catalogue.names())
    path = packaged_file() if path is None else pathlib.Path(path)
    parts = path.with_suffix(".parts") if cache is None else pathlib.Path(cache)
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {parts}: {error.strerror}; choose another cache.") from None
    settings = {"lyapunov_times": lyapunov_times, "tol": tol}
    done = {} if fresh else _finished(chosen, path, parts, settings)
    failed: dict[str, str] = {}
    try:
        with Progress(len(chosen), "recompute", progress) as bar:
            bar.advance(len(done))
            for name, problem in _each(_heavy_first(set(chosen) - set(done)), parts, settings, n_jobs):
                failed |= {name: problem} if problem else {}
                bar.advance(1)
    finally:
        done |= _finished(set(chosen) - set(done), None, parts, settings)
        if done:
            write_records(read_records(path) | done, path)
            _tidy(parts, done)
    if failed:
        told = "; ".join(f"{name}: {problem}" for name, problem in sorted(failed.items()))
        raise DataError(f"{len(failed)} of {len(chosen)} systems failed, the others are in {path}: {told}")
    return done


def _part(parts: pathlib.Path, name: str) -> pathlib.Path:
    return parts / f"{name}.json"


def _finished(
    names: Iterable[str], path: pathlib.Path | None, parts: pathlib.Path, settings: dict[str, Any]
) -> dict[str, Record]:
    """Records, in the file or in the cache, that still fit the equations and the settings."""
    kept = {} if path is None else read_records(path)
    found: dict[str, Record] = {}
    for name in names:
        wanted = fingerprint(catalogue[name], **settings)
        for known in (read_records(_part(parts, name)).get(name), kept.get(name)):
            if known is not None and known.fingerprint == wanted:
                found[name] = known
                break
    return found


def _tidy(parts: pathlib.Path, done: Iterable[str]) -> None:
    """Remove from the cache what is in the file of records by now."""
    for name in done:
        _part(parts, name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others are still at work there
        parts.rmdir()


def _heavy_first(names: Iterable[str]) -> list[str]:
    """Long jobs first, so that the workers end together; systems of one module share compiled code."""

    def weight(name: str) -> tuple[int, str, str]:
        entry = catalogue[name]
        return -(entry.dimension or 1000), getattr(entry.factory, "__module__", ""), name

    return sorted(names, key=weight)


def _each(names: list[str], parts: pathlib.Path, settings: dict[str, Any], n_jobs: int) -> Iterable[tuple[str, str]]:
    """Compute each, here or through joblib; yield names and problems as they come."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    _, active = get_active_backend()
    if n_jobs == 1 and active in (None, 1):
        for name in names:
            yield finish(name, parts, settings)
        return
    os.environ.setdefault("JAX_PLATFORMS", jax.default_backend())
    for option in ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"):
        if jax.config.values["jax_compilation_cache_dir"] is not None:  # the workers keep compiled programs as we do
            os.environ.setdefault(option.upper(), str(jax.config.values[option]))
    made: Any = Parallel  # its stubs know neither generators nor numbers for batch_size
    workers = made(n_jobs=n_jobs if n_jobs != 1 else None, return_as="generator_unordered", batch_size=1)
    yield from workers(delayed(finish)(name, parts, settings) for name in names)


def finish(name: str, parts: pathlib.Path, settings: dict[str, Any]) -> tuple[str, str]:
    """Compute one record and put it into the cache.

    Args:
        name: key in the catalogue.
        parts: directory of the cache.
        settings: `lyapunov_times` and `tol`.

    Returns:
        The name, and what went wrong (empty if nothing).
    """
    try:
        record = compute(name, **settings)
    except CocycleError as error:
        return name, " ".join(str(error).split())
    line = "{" + f'"{name}": {record.to_json()}' + "}\n"
    with atomic_file(_part(parts, name), "w") as handle:
        handle.write(line)
    return name, ""


def compute(name: str, *, lyapunov_times: float = 1000.0, tol: float | None = None) -> Record:
    """Compute the record of one system.

    Args:
        name: key in the catalogue.
        lyapunov_times: averaging time of the exponents in units of 1 / largest exponent.
        tol: stop when all standard errors are below this fraction of the largest exponent.

    Returns:
        The record.
    """
    began, entry = time.perf_counter(), catalogue[name]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        system: Any = entry.make()
        k = texts()[entry.name].get("n_vectors", N_DELAY_VECTORS if isinstance(system, DelayFlow) else None)
        options: dict[str, Any] = {"driver": entry.driver(0), "n_vectors": k, "progress": False}
        pilot = lyapunov_spectrum(system, n_steps=N_PILOT, **options)
        times, points, period, spacing = _orbit(entry, system, pilot)
        n_times = texts()[entry.name].get("lyapunov_times", lyapunov_times)
        if is_transient(entry):
            pool, spectrum, halved = pools(entry, system, pilot, n_times)
            times, points = chaotic_points(system, pool, round(spacing / float(system.dt)), N_POINTS)
        else:
            pool, (spectrum, halved) = None, spectra(entry, system, pilot, period, n_times, tol, options)
        divergence, speed_range = along(system, times, points) if isinstance(system, Flow) else (None, 0.0)
    notes = tuple(dict.fromkeys(" ".join(str(w.message).split()) for w in told))
    notes += transient_note(pool) if pool else short_note(entry, spectrum, lyapunov_times) if tol is None else ()
    shown = bounded(entry, points)
    largest = float(spectrum.exponents[0])
    full = spectrum.n_vectors == spectrum.n_dimensions
    return Record(
        name=entry.name,
        exponents=tuple(np.asarray(spectrum.exponents).tolist()),
        stderr=tuple(np.asarray(spectrum.stderr).tolist()),
        dimension=entry.dimension,
        autonomous=_autonomous(system),
        kaplan_yorke_dimension=pair(spectrum.kaplan_yorke_dimension),
        correlation_dimension=correlation(shown, period, spacing),
        entropy_rate=pair(spectrum.entropy_rate_bound) or (math.nan, math.nan),
        permutation_entropy=permutation(shown, period, spacing),
        lyapunov_time=1.0 / largest if largest > 0 else None,
        period=period,
        dt=float(system.dt),
        duration=spectrum.duration,
        halved_exponents=None if halved is None else tuple(np.asarray(halved.exponents).tolist()),
        halved_stderr=None if halved is None else tuple(np.asarray(halved.stderr).tolist()),
        divergence=divergence if full else None,
        volume_residual=float(spectrum.volume_residual) if np.isfinite(spectrum.volume_residual) else None,
        speed_range=speed_range * (pool.n_orbits if pool else 1),
        notes=notes,
        fingerprint=fingerprint(entry, lyapunov_times=lyapunov_times, tol=tol),
        version=importlib.metadata.version("cocycle"),
        seconds=time.perf_counter() - began,
        drift=drift_of(spectrum),
        lifetime=pool.lifetime if pool else None,
    )


def _autonomous(system: Any) -> bool | None:
    if isinstance(system, Flow):
        return is_autonomous(system)
    if isinstance(system, DelayFlow):
        return isinstance(system.default_driver(system.initial_state(system.x0)), Still)
    return None


def _orbit(entry: Entry, system: Any, pilot: Spectrum) -> tuple[Any, np.ndarray, float, float]:
    """Times and points (n, D) of an orbit, the dominant period, and the time between two points."""
    dt, period = float(system.dt), entry.period
    if period is None:
        raw = trajectory(system, final_state(pilot), entry.driver(1), n_steps=N_PILOT, progress=False)
        first = np.asarray(columns(raw.x))[:, 0]
        try:
            period = float(dominant_period(first).value) * dt
        except CocycleError:
            period = PER_PERIOD * dt
        period = min(period, N_PILOT * dt / PER_PERIOD) if np.isfinite(period) and period > dt else PER_PERIOD * dt
    every = max(1, round(period / dt / PER_PERIOD))
    options: dict[str, Any] = {"n_steps": every * N_POINTS, "save_every": every, "n0": N_PILOT, "progress": False}
    orbit = trajectory(system, final_state(pilot), entry.driver(1), **options)
    return orbit.t, columns(orbit.x), period, every * dt


def is_current(record: Record) -> bool:
    """Return whether the equations and numbers of a system are still those of its record.

    Args:
        record: a record.
    """
    return record.fingerprint.split(":")[0] == fingerprint(catalogue[record.name]).split(":")[0]
