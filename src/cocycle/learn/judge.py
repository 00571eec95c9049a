"""Is the model the same system? Its invariants and forecasts beside the data's, each with the floor of that length."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cocycle.core.errors import CocycleError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.run import trajectory
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem
from cocycle.learn.fitted import FittedLookup, FittedSystem, many_forecasts
from cocycle.learn.stretches import segments
from cocycle.measures import (
    correlation_dimension,
    correlation_sum_distance,
    delay_by_mutual_information,
    embed,
    kantz,
    maximum_mean_discrepancy,
    prediction_error,
    spectral_distance,
    state_space_divergence,
    theiler_window,
    valid_time,
)
from cocycle.stability import lyapunov_spectrum

MIN_ROWS = 512
N_STARTS = 64
MAX_HORIZON = 512
HORIZON_OF_ERROR = 20
ESCAPE = 100.0
MAX_WARM = 1024
WINDOW = 3
N_VECTORS = 10
N_KEPT = 20_000

MEANINGS = {
    "D_stsp": "state-space divergence, 30 boxes an axis (Gaussian mixture from 6 columns on) [nats]",
    "D_H": "Hellinger distance of power spectra, smoothed over 20 bins",
    "MMD2": "squared maximum mean discrepancy, Gaussian kernel of median width",
    "correlation sum": "mean difference of ln C(r) [nats]",
    "prediction error": "mean square error 20 steps ahead, in variances of the data",
    "valid time": "until the normalised error exceeds 0.4 [time]",
    "valid Lyapunov times": "the same in units of 1 / largest exponent of the truth, or of the data",
    "largest exponent": "[nats / time]",
    "Kaplan-Yorke dimension": "from the spectrum",
    "correlation dimension": "of the points",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison(Presentable):
    """Scores of models and of floors, each against the second half of the data.

    Attributes:
        scores: for each contestant (models first, then floors) its estimates by measure.
        models: names of the models.
        meanings: what each measure is, by name.
        notes: what to know, a sentence each.
        length: rows that every score rests on.
        dt: time between rows.
        data: (length, D) the rows that all are compared with.
        runs: free run of each contestant (rows, D).
        delay: rows between the coordinates in which one column is looked at; 0 for several columns.
    """

    scores: dict[str, dict[str, Estimate]]
    models: tuple[str, ...]
    meanings: dict[str, str]
    notes: tuple[str, ...]
    length: int
    dt: float
    data: np.ndarray
    runs: dict[str, np.ndarray]
    delay: int

    def __str__(self) -> str:
        """The table, and the notes."""
        names = list(self.scores)
        measures = [m for m in self.meanings if any(m in s for s in self.scores.values())]
        cells = [["", *names]]
        cells += [[m, *(shown(self.scores[n].get(m)) for n in names)] for m in measures]
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        lines = ["   ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in cells]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def shown(estimate: Estimate | None) -> str:
    """One cell of the table."""
    if estimate is None:
        return "-"
    value, stderr = float(estimate.value), float(estimate.stderr)
    if math.isnan(value):
        return "none"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return str(Estimate(value, stderr)) if math.isfinite(stderr) and stderr > 0 else f"{value:.4g}"


def compare(
    model: Any,
    data: Any,
    *,
    truth: AbstractSystem | None = None,
    horizon: int | None = None,
    n_exponent_steps: int = 10_000,
    n_vectors: int = N_VECTORS,
    seed: int = 0,
    progress: bool | None = None,
) -> Comparison:
    """Compare models with data that they have not seen: where they go, in which rhythm, how far they see, how chaotic.

    The data are cut in two. Everything is scored against the second half, at its length: the free run of each model,
    started at the end of the first half, and three floors: the first half itself ("two halves", what a perfect model
    would score), the nearest-analog look-up in the first half, and the first half shuffled.

    Args:
        model: a fitted system, any System that shows rows like the data, a list of those, or a dict by name.
        data: array (time,) or (time, D), a Series or a Trajectory that the models did not learn from.
        truth: the system that made the data, for its exponents; default estimates from the data.
        horizon: rows of the forecasts; default a quarter of the length, at most 512.
        n_exponent_steps: steps of the spectra.
        n_vectors: exponents of each; few of them give no dimension, but less work.
        seed: of the shuffled floor.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Comparison; print it.

    Raises:
        InsufficientDataError: if there are fewer than 512 rows without a gap.
        DataError: if the data are sampled at another step than the first model.
        ParameterError: if a model shows other columns than the data.

    Limits: D_stsp, MMD and correlation sums are blind to time, D_H saturates: none stands alone. One column is looked
        at in three delay coordinates.

    Example:
        >>> from cocycle.learn import NextGenerationReservoir
        >>> x = [0.3]
        >>> for _ in range(2000): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> model = NextGenerationReservoir(n_delays=1, ridge=0.0).fit(np.array(x[:1000]))
        >>> table = compare(model, np.array(x[1000:]), n_exponent_steps=2000)
        >>> score, floors = table.scores["NextGenerationReservoir"]["D_H"], table.scores
        >>> bool(score.value < 2 * floors["two halves"]["D_H"].value < floors["shuffled"]["D_H"].value)
        True
    """
    models = _named(model)
    found = segments(data, n_min=MIN_ROWS, dt=float(next(iter(models.values())).dt))
    rows = found.longest
    half = len(rows) // 2
    first, second = rows[:half], rows[half : 2 * half]
    delay = _delay(rows) if rows.shape[1] == 1 else 0
    horizon = min(MAX_HORIZON, half // 4) if horizon is None else horizon
    if not 1 <= horizon < half:
        raise ParameterError(f"horizon is {horizon}; with {half} rows to compare it must be 1 to {half - 1}.")
    judge = _Judge(first, second, rows[: 2 * half], found.dt, delay, horizon, n_exponent_steps, n_vectors)
    scores, runs, notes = {}, {}, list(_data_notes(found, rows, delay))
    with Progress(len(models) + 3, "comparison", progress) as bar:
        reference = judge.of_truth(truth)
        rate = reference.get("largest exponent")
        for name, system in models.items():
            scores[name], runs[name], more = judge.of_model(name, system, rate)
            notes += more
            bar.advance(1)
        scores["two halves"], runs["two halves"] = judge.of_rows(first), first
        bar.advance(1)
        scores["nearest analog"], runs["nearest analog"] = judge.of_analog(rate)
        bar.advance(1)
        shuffled = np.random.default_rng(seed).permutation(first)
        scores["shuffled"], runs["shuffled"] = judge.of_rows(shuffled), shuffled
        scores["truth" if truth is not None else "data"] = reference
        bar.advance(1)
    kept = {name: run[:N_KEPT] for name, run in runs.items()}
    return Comparison(scores, tuple(models), MEANINGS, tuple(notes), half, found.dt, second[:N_KEPT], kept, delay)


def _named(model: Any) -> dict[str, Any]:
    if isinstance(model, Mapping):
        models = dict(model)
    else:
        models = {}
        for system in model if isinstance(model, Sequence) else [model]:
            name = getattr(system, "name", None) or type(system).__name__
            models[name if name not in models else f"{name} {len(models) + 1}"] = system
    if not models:
        raise ParameterError("no model is given; compare at least one.")
    for name, system in models.items():
        if not isinstance(system, AbstractSystem):
            raise ParameterError(f"{name} is a {type(system).__name__}, not a System; give fitted models.")
    return models


def _delay(rows: np.ndarray) -> int:
    choice: Any = delay_by_mutual_information(rows[:, 0])
    return max(1, int(getattr(choice, "delay", choice)))


def _data_notes(found: Any, rows: np.ndarray, delay: int) -> list[str]:
    notes = []
    if len(rows) < found.n_rows:
        notes.append(f"only the longest stretch without gaps, {len(rows)} of {found.n_rows} rows, is compared.")
    if delay:
        notes.append(f"one column is looked at in delay coordinates: 3 values, {delay} rows apart.")
    return notes


@dataclasses.dataclass(frozen=True, eq=False)
class _Judge:
    """The data, cut, and every score against the second half."""

    first: np.ndarray
    second: np.ndarray
    rows: np.ndarray
    dt: float
    delay: int
    horizon: int
    n_exponent_steps: int
    n_vectors: int

    def of_truth(self, truth: AbstractSystem | None) -> dict[str, Estimate]:
        """Exponent and dimension of the truth, or what the data say of them."""
        scores = {"correlation dimension": self.dimension(self.second)}
        if truth is not None:
            return scores | self.exponents(truth, {})[0]
        x = self.rows[:, 0]
        try:
            lag = self.delay or _delay(self.rows[:, :1])
            scores["largest exponent"] = kantz(x, dimension=max(3, self.rows.shape[1]), delay=lag, dt=self.dt).exponent
        except CocycleError:
            pass
        return scores

    def of_rows(self, generated: np.ndarray) -> dict[str, Estimate]:
        """Scores of rows against the second half."""
        a, b = self.view(generated), self.view(self.second)
        return {
            "D_stsp": state_space_divergence(a, b),
            "D_H": spectral_distance(generated, self.second),
            "MMD2": maximum_mean_discrepancy(a, b),
            "correlation sum": correlation_sum_distance(a, b),
        }

    def view(self, rows: np.ndarray) -> np.ndarray:
        """Points of the state space."""
        return embed(rows[:, 0], 3, self.delay) if self.delay else rows

    def dimension(self, rows: np.ndarray) -> Estimate:
        """Correlation dimension; nan where there is no plateau."""
        try:
            window = theiler_window(rows[:, 0])
            return correlation_dimension(self.view(rows), theiler=window, n_reference=500).dimension
        except CocycleError:
            return Estimate(math.nan, math.inf)

    def of_model(self, name: str, system: Any, rate: Estimate | None) -> tuple[dict, np.ndarray, list[str]]:
        """Scores of a model, its free run, and what went wrong."""
        generated, status = self.free_run(name, system)
        scale = self.rows.std(axis=0)
        with np.errstate(over="ignore"):
            away = np.flatnonzero(np.abs((generated - self.rows.mean(axis=0)) / scale).max(axis=1) > ESCAPE)
        n_good = int(away[0]) if away.size else len(generated)
        notes: list[str] = []
        if n_good < len(self.second):
            why = f"beyond {ESCAPE:g} standard deviations" if away.size else status
            notes.append(f"{name} explodes after {n_good} of {len(self.second)} steps of its free run ({why}).")
            scores = {m: Estimate(math.inf, 0.0, 0.0, "the model explodes") for m in ("D_stsp", "D_H", "MMD2")}
        else:
            scores = self.of_rows(generated) | {"correlation dimension": self.dimension(generated)}
        scores |= self.of_forecasts(self.forecasts(system), rate)
        if n_good == len(self.second):
            more, said = self.exponents(system, {"name": name})
            scores |= more
            notes += said
        return scores, generated[:n_good], notes

    def free_run(self, name: str, system: Any) -> tuple[np.ndarray, str]:
        n = len(self.second)
        if isinstance(system, FittedSystem | FittedLookup):
            orbit = system.forecast(self.first[-max(MAX_WARM, system.n_context) :], n, progress=False)
        else:
            start = trajectory(system, n_steps=max(1, n // 10), save_every=max(1, n // 10), progress=False).final
            orbit = trajectory(system, start, n_steps=n, throw=False, progress=False)
        rows = np.asarray(orbit.x, dtype=float)
        rows = rows[:, None] if rows.ndim == 1 else rows
        if rows.shape[1:] != self.second.shape[1:]:
            raise ParameterError(f"{name} shows {rows.shape[1:]} numbers, not the {self.second.shape[1]} of the data.")
        return rows, str(orbit.status)

    def starts(self, n_context: int) -> tuple[np.ndarray, np.ndarray]:
        """Contexts (B, L, D) and facts (B, h, D), starts spread over the second half."""
        half, last = len(self.first), len(self.rows) - self.horizon
        if n_context > half:
            raise InsufficientDataError(f"a model needs {n_context} rows of context; half of the data are {half}.")
        at = np.unique(np.linspace(half, last, min(N_STARTS, last - half + 1)).astype(int))
        contexts = np.stack([self.rows[k - n_context : k] for k in at])
        return contexts, np.stack([self.rows[k : k + self.horizon] for k in at])

    def forecasts(self, system: Any) -> tuple[np.ndarray, np.ndarray] | None:
        if not isinstance(system, FittedSystem | FittedLookup):
            return None
        contexts, facts = self.starts(system.n_context)
        return many_forecasts(system, contexts, self.horizon), facts

    def of_forecasts(self, found: tuple | None, rate: Estimate | None) -> dict[str, Estimate]:
        if found is None:
            return {}
        forecasts, facts = found
        scale = self.rows.std(axis=0)
        valid = valid_time(forecasts, facts, scale=scale, dt=self.dt)
        at = min(HORIZON_OF_ERROR, self.horizon)
        scores = {"prediction error": prediction_error(forecasts, facts, scale=scale, horizon=at), "valid time": valid}
        if rate is not None and float(rate.value) > 2 * float(rate.stderr):
            value = float(valid.value) * float(rate.value)
            both = math.hypot(float(valid.stderr) * float(rate.value), float(rate.stderr) * float(valid.value))
            scores["valid Lyapunov times"] = Estimate(value, both, valid.n_eff, valid.method)
        return scores

    def exponents(self, system: Any, about: dict[str, str]) -> tuple[dict[str, Estimate], list[str]]:
        """Largest exponent and Kaplan-Yorke dimension with their errors."""
        if not isinstance(system, AbstractDifferentiableSystem):
            return {}, []
        x0 = None
        if isinstance(system, FittedSystem):
            x0 = system.warm_up(self.first[-max(MAX_WARM, system.n_context) :])
        try:
            size = sum(np.size(leaf) for leaf in jax.tree.leaves(system.x0 if x0 is None else x0))
            k = min(size, self.n_vectors)
            spectrum = lyapunov_spectrum(system, x0, n_steps=self.n_exponent_steps, n_vectors=k, progress=False)
        except CocycleError as error:
            return {}, [f"exponents of {about.get('name', 'the truth')}: {error}"]
        scores = {"largest exponent": spectrum.maximal_exponent}
        dimension = spectrum.kaplan_yorke_dimension
        if math.isfinite(float(dimension.value)):
            scores["Kaplan-Yorke dimension"] = dimension
        return scores, []

    def of_analog(self, rate: Estimate | None) -> tuple[dict[str, Estimate], np.ndarray]:
        """Copy what followed the nearest window of the first half, over and over."""
        lag = max(1, self.delay)
        past = (WINDOW - 1) * lag
        library, generated, window = self.first, [], list(self.first[-past - 1 :])
        scale = self.rows.std(axis=0)
        while len(generated) < len(self.second):
            # What follows must be there; the end of the library is not its own analog.
            at = _nearest(library[: -max(self.horizon, 2)], np.array(window[-past - 1 :]), lag, scale)
            follow = library[at + 1 :]
            generated.extend(follow)
            window = list(follow[-past - 1 :]) if len(follow) > past else window[-past:] + list(follow)
        run = np.array(generated[: len(self.second)])
        contexts, facts = self.starts(past + 1)
        picks = [_nearest(library[: -self.horizon], context, lag, scale) for context in contexts]
        forecasts = np.stack([library[k + 1 : k + 1 + self.horizon] for k in picks])
        return self.of_rows(run) | self.of_forecasts((forecasts, facts), rate), run


def _nearest(library: np.ndarray, window: np.ndarray, lag: int, scale: np.ndarray) -> int:
    """Row of the library at which the window nearest to the given one ends."""
    past = (WINDOW - 1) * lag
    square = np.zeros(len(library) - past)
    for k in range(0, past + 1, lag):
        square += np.sum(((library[k : k + len(square)] - window[k]) / scale) ** 2, axis=1)
    return int(np.argmin(square)) + past
