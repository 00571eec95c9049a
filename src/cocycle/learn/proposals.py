"""Which options a search tries next: independent draws, or draws that learn from the scores so far (optuna)."""

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cocycle.core.errors import DataError, ParameterError

Options = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Between:
    """Numbers between two ends.

    Args:
        low: smallest.
        high: largest.
        log: drawn evenly in the logarithm.
        whole: whole numbers.

    Raises:
        ParameterError: if the ends are in the wrong order, or not positive where the logarithm is wanted.

    Example:
        >>> Between(1, 3, whole=True).at(0.99)
        3
    """

    low: float | int
    high: float | int
    log: bool = False
    whole: bool = False

    def __post_init__(self):
        if not -np.inf < self.low < self.high < np.inf or (self.log and self.low <= 0):
            raise ParameterError(f"Between({self.low}, {self.high}) is empty, or has no logarithm.")

    def at(self, share: float) -> float | int:
        """Value at a share of the way.

        Args:
            share: in [0, 1).
        """
        low, high = (self.low, self.high + 1) if self.whole else (self.low, self.high)
        value = low * (high / low) ** share if self.log else low + share * (high - low)
        return min(int(value), int(self.high)) if self.whole else float(value)


Space = Mapping[str, Between | Sequence[Any]]


class AbstractProposals(abc.ABC):
    """Trials of one search, in their order."""

    @abc.abstractmethod
    def kept(self) -> list[tuple[Options, float]]:
        """Return the trials of an earlier, interrupted call: options, and score (NaN where it failed)."""

    @abc.abstractmethod
    def ask(self, n: int) -> Options:
        """Return the options of trial n.

        Args:
            n: its number, from 1 on: trial 0 is the configuration as it is given.
        """

    @abc.abstractmethod
    def tell(self, n: int, options: Options, score: float) -> None:
        """Take the score of trial n.

        Args:
            n: its number.
            options: as asked, or as given (0).
            score: NaN where it failed.
        """


class Draws(AbstractProposals):
    """Independent draws, all made at once.

    Args:
        space: by option: ends or choices.
        key: random key.
        n_trials: trials.

    Source: [bergstra2012].
    """

    def __init__(self, space: Space, key: Any, n_trials: int):
        self._space = space
        self._shares = np.asarray(jax.random.uniform(key, (n_trials, max(1, len(space)))))

    def kept(self) -> list[tuple[Options, float]]:
        """Nothing is kept."""
        return []

    def ask(self, n: int) -> Options:
        """Row n of the draws.

        Args:
            n: number of the trial.
        """
        return {name: _drawn(self._space[name], s) for name, s in zip(self._space, self._shares[n], strict=False)}

    def tell(self, n: int, options: Options, score: float) -> None:
        """Nothing is learned.

        Args:
            n: number of the trial.
            options: not used.
            score: not used.
        """


def _drawn(range_: Between | Sequence[Any], share: float) -> Any:
    return range_.at(float(share)) if isinstance(range_, Between) else range_[int(share * len(range_))]


@dataclasses.dataclass(frozen=True)
class Optuna:
    """A sampler of optuna drives the search. It needs the extra: pip install 'cocycle[search]'.

    Trial n draws from a sampler seeded by (key, n) that sees the trials before it, so a search that was killed and goes
    on from its storage makes the same trials as one that was not.

    Args:
        sampler: called with `seed=`; default `optuna.samplers.TPESampler`, the tree-structured Parzen estimator.
        storage: file in which every trial is kept; the same search finds it there and goes on. It may hold many.

    Example:
        >>> Optuna(storage="search.log").sampler is None
        True

    Source: [bergstra2011]; [akiba2019].
    """

    sampler: Callable[..., Any] | None = None
    storage: str | pathlib.Path | None = None

    def begin(self, space: Space, key: Any, mark: str) -> AbstractProposals:
        """Open the study.

        Args:
            space: by option: ends or choices.
            key: random key.
            mark: what the search is: one of other data, options or key is another study.

        Raises:
            ParameterError: if optuna is not installed.
            DataError: if the storage is no file of optuna.
        """
        try:
            import optuna
        except ImportError:
            raise ParameterError(
                "Optuna() needs optuna: pip install 'cocycle[search]', or leave sampler out for a random search."
            ) from None
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            storage = None if self.storage is None else _journal(optuna, self.storage)
            study = optuna.create_study(study_name=mark, storage=storage, load_if_exists=True)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{self.storage} keeps no searches ({error}); name another file as storage.") from None
        finally:
            optuna.logging.set_verbosity(before)
        return _Study(optuna, study, space, key, self.sampler or optuna.samplers.TPESampler)


def _journal(optuna: Any, path: str | pathlib.Path) -> Any:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


class _Study(AbstractProposals):
    """Trials asked of optuna and told to it; choices go by their number, so that they may be anything."""

    def __init__(self, optuna: Any, study: Any, space: Space, key: Any, sampler: Callable[..., Any]):
        self._optuna, self._study, self._space, self._key, self._sampler = optuna, study, space, key, sampler
        self._open: Any = None

    def kept(self) -> list[tuple[Options, float]]:
        """Finished trials; one that was interrupted does not count."""
        states = self._optuna.trial.TrialState
        done = self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.FAIL))
        return [(self._values(t.params), np.nan if t.value is None else float(t.value)) for t in done]

    def ask(self, n: int) -> Options:
        """What the sampler proposes after the trials so far.

        Args:
            n: number of the trial.
        """
        seed = int(jax.random.bits(jax.random.fold_in(self._key, n), dtype=np.uint32))
        self._study.sampler = self._sampler(seed=seed)
        self._open = self._study.ask({name: self._distribution(range_) for name, range_ in self._space.items()})
        return self._values(self._open.params)

    def tell(self, n: int, options: Options, score: float) -> None:
        """Hand the score to optuna. The configuration as given, which may lie outside the space, is kept beside it.

        Args:
            n: number of the trial.
            options: as asked, or as given (0).
            score: NaN where it failed.
        """
        states = self._optuna.trial.TrialState
        state, value = (states.FAIL, None) if np.isnan(score) else (states.COMPLETE, score)
        if n == 0:
            self._study.add_trial(self._optuna.trial.create_trial(state=state, value=value))
        else:
            self._study.tell(self._open, value, state=state)

    def _distribution(self, range_: Between | Sequence[Any]) -> Any:
        made = self._optuna.distributions
        if not isinstance(range_, Between):
            return made.CategoricalDistribution(tuple(range(len(range_))))
        kind = made.IntDistribution if range_.whole else made.FloatDistribution
        return kind(range_.low, range_.high, log=range_.log)

    def _values(self, params: Options) -> Options:
        values = {}
        for name, v in params.items():
            range_ = self._space[name]
            values[name] = v if isinstance(range_, Between) else range_[v]
        return values
