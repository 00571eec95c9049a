"""Hyperparameters by what counts: the error of free runs on rows that were left out."""

import dataclasses
import hashlib
from typing import Any

import jax
import numpy as np

from cocycle.core.errors import CocycleError, InsufficientDataError, ParameterError, UnknownNameError, suggest
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.start import count
from cocycle.learn.abstract import AbstractLearner
from cocycle.learn.fitted import many_forecasts
from cocycle.learn.proposals import AbstractProposals, Draws, Optuna, Space
from cocycle.learn.stretches import segments

N_STARTS = 16
SHARE = 0.7


@dataclasses.dataclass(frozen=True, eq=False)
class SearchResult(Presentable):
    """What a search tried.

    Attributes:
        best: configuration with the least score.
        trials: options of each trial, and its score, best first.
        notes: what went wrong, a sentence each.
    """

    best: Any
    trials: tuple[tuple[dict[str, Any], float], ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """The best five."""
        lines = [
            f"{score:.4g}  " + ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in o.items())
            for o, score in self.trials[:5]
        ]
        return "\n".join([f"{len(self.trials)} trials; error of free runs:", *lines, *self.notes])


def free_run_score(
    learner: AbstractLearner, data: Any, *, key: Any = None, horizon: int = 100, dt: float | None = None
) -> float:
    """Error of free runs on the last 30 % of the data, by a model of the first 70 %.

    Args:
        learner: configuration.
        data: as for `fit`; the longest stretch without gaps counts.
        key: random key.
        horizon: rows of each free run.
        dt: time between two rows, where the data do not say it.

    Returns:
        Mean square error over the variance, each number counted at most as 1: 0 is perfect, 1 is nothing learned.

    Raises:
        InsufficientDataError: if the part left out holds no free run.
    """
    found = segments(data, n_min=20, dt=dt)
    rows = found.longest
    cut = int(SHARE * len(rows))
    model = learner.fit(rows[:cut], key=key, dt=found.dt, progress=False)
    # The configuration is static: without it models of one shape share a compilation.
    model = dataclasses.replace(model, learner=None, name=None)
    first, last = max(cut, model.n_context), len(rows) - horizon
    if last < first:
        raise InsufficientDataError(
            f"{len(rows) - cut} rows are left out; free runs of {horizon} rows do not fit: shorten horizon."
        )
    at = np.unique(np.linspace(first, last, N_STARTS).astype(int))
    contexts = np.stack([rows[k - model.n_context : k] for k in at])
    facts = np.stack([rows[k : k + horizon] for k in at])
    forecasts = many_forecasts(model, contexts, horizon)
    with np.errstate(over="ignore", invalid="ignore"):
        errors = ((forecasts - facts) / rows.std(axis=0)) ** 2
    return float(np.mean(np.minimum(np.nan_to_num(errors, nan=1.0, posinf=1.0), 1.0)))


def search(
    learner: AbstractLearner,
    space: Space,
    data: Any,
    *,
    key: Any,
    sampler: Optuna | None = None,
    n_trials: int = 30,
    horizon: int = 100,
    dt: float | None = None,
    progress: bool | None = None,
) -> SearchResult:
    """Search of options, scored by free runs on rows left out; every trial gets the same key for its fit.

    The first trial is the configuration as it is given.

    Args:
        learner: configuration whose other options stay.
        space: by option: `Between(low, high)` or a list of choices.
        data: as for `fit`.
        key: random key of trials and fits.
        sampler: `Optuna()` learns from the scores where to try next; default independent draws.
        n_trials: trials in all, those included that a storage keeps.
        horizon: rows of each free run.
        dt: time between two rows, where the data do not say it.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        SearchResult; Ctrl-C keeps what was tried.

    Raises:
        UnknownNameError: if the learner has no such option.
        ParameterError: if optuna is wanted and not installed.
        CocycleError: if every trial fails.

    Limits: no trial is cut short: its one score comes after its fit.

    Source: [bergstra2012]; [bergstra2011].
    """
    known = [f.name for f in dataclasses.fields(learner)]
    for name in space:
        if name not in known:
            raise UnknownNameError(f"{type(learner).__name__} has no option {name!r}; {suggest(name, known)}")
    k_draw, k_fit = jax.random.split(key)
    n_trials = count(n_trials, "n_trials")
    given = {name: getattr(learner, name) for name in space}
    proposals = _proposals(learner, space, data, k_draw, sampler, n_trials, horizon, dt)
    trials, notes, last = [], [], None
    kept = proposals.kept()[:n_trials]
    for options, score in kept:
        if np.isfinite(score):
            trials.append((given | options, score))
        else:
            notes.append(f"{options}: failed in an earlier call.")
    with Progress(n_trials, "search", progress) as bar:
        bar.advance(len(kept))
        try:
            for n in range(len(kept), n_trials):
                options, score = {} if n == 0 else proposals.ask(n), np.nan
                try:
                    tried = dataclasses.replace(learner, **options)
                    score = free_run_score(tried, data, key=k_fit, horizon=horizon, dt=dt)
                    trials.append((given | options, score))
                except CocycleError as error:
                    notes.append(f"{options}: {error}")
                    last = error
                proposals.tell(n, options, score)
                bar.advance(1)
        except KeyboardInterrupt:
            notes.append(f"interrupted after {len(trials)} of {n_trials} trials.")
    if not trials:
        raise last or ParameterError("the search was interrupted before its first trial.")
    trials.sort(key=lambda trial: trial[1])
    return SearchResult(dataclasses.replace(learner, **trials[0][0]), tuple(trials), tuple(notes))


def _proposals(
    learner: AbstractLearner,
    space: Space,
    data: Any,
    key: Any,
    sampler: Optuna | None,
    n_trials: int,
    horizon: int,
    dt: float | None,
) -> AbstractProposals:
    if sampler is None:
        return Draws(space, key, n_trials)
    rows = [part.tobytes() for part in segments(data, n_min=2, dt=dt).parts]
    what = repr((learner, dict(space), horizon, dt, np.asarray(jax.random.key_data(key)).tolist()))
    return sampler.begin(space, key, hashlib.sha256(b"|".join([what.encode(), *rows])).hexdigest())
