"""Searches of options: where optuna looks, that it is reproducible, and that it goes on where it stopped."""

import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle import learn
from cocycle.core.errors import DataError, ParameterError
from cocycle.learn.abstract import AbstractLearner
from cocycle.learn.fitted import FitRecord, finish
from cocycle.learn.rules import AbstractRowRule, unscaled
from cocycle.learn.stretches import segments

TURN = 0.3
WAVES = np.stack([np.cos(TURN * np.arange(400)), np.sin(TURN * np.arange(400))], axis=1)
SPACE = {"turn": learn.Between(0.0, 1.0)}
N_TRIALS, N_SEEDS = 25, 8


class Rotation(AbstractRowRule):
    turn: jax.Array

    def advance(self, z, u):
        c, s = jnp.cos(self.turn), jnp.sin(self.turn)
        return jnp.stack([c * u[0] - s * u[1], s * u[0] + c * u[1]])


@dataclasses.dataclass(frozen=True)
class Turning(AbstractLearner):
    """A model that turns by a given angle a row: free runs of WAVES are right where it is TURN."""

    turn: float = 0.9
    kind: str = "plain"

    def fit(self, data, *, key=None, dt=None, progress=None):
        if self.turn > 0.95:
            raise ParameterError("too fast")
        found = segments(data, n_min=2, dt=dt)
        return finish(Rotation(jnp.asarray(self.turn)), found, unscaled(found), self, FitRecord(), n_context=1)


def found(seed, sampler, n_trials=N_TRIALS, **more):
    # Free runs of 10 rows: the score has one valley in the whole range.
    return learn.search(
        Turning(), SPACE, WAVES, key=jax.random.key(seed), n_trials=n_trials, horizon=10, sampler=sampler, **more
    )


def test_parzen_estimator_comes_nearer_than_independent_draws():
    """The optimum is known: TURN. Of n independent draws the nearest is range / (2 n) away on average; the estimator
    must come nearer by two standard errors of the mean logarithm over the seeds."""
    names = (None, learn.Optuna())
    logs = np.array([[np.log(abs(found(s, way).best.turn - TURN)) for way in names] for s in range(N_SEEDS)])
    gain = logs[:, 0] - logs[:, 1]
    assert gain.mean() > 2 * gain.std(ddof=1) / np.sqrt(N_SEEDS)
    # Independent draws: the mean logarithm of the least distance is ln(range / (2 n)) - Euler's constant.
    law, stderr = np.log(1 / (2 * N_TRIALS)) - np.euler_gamma, np.pi / np.sqrt(6 * N_SEEDS)
    assert abs(logs[:, 0].mean() - law) < 4 * stderr


def test_search_by_optuna_is_reproducible_and_goes_on(tmp_path):
    whole = found(0, learn.Optuna())
    assert found(0, learn.Optuna()).trials == whole.trials
    assert found(1, learn.Optuna()).trials != whole.trials
    kept = learn.Optuna(storage=tmp_path / "search.log")
    assert len(found(0, kept, n_trials=13).trials) + len(found(0, kept, n_trials=13).notes) == 13
    again = found(0, kept)
    assert again.trials == whole.trials
    # Another search shares the file, not the trials.
    assert len(found(1, kept, n_trials=3).trials) <= 3
    assert len(found(0, kept).trials) == len(whole.trials)


def test_search_by_optuna_takes_choices_and_failures():
    """Choices may be anything; trials that fail are told to the sampler and noted, and the given one is the first."""
    space = {"kind": [("a", 1), None, "b"], "turn": learn.Between(0.9, 1.0)}
    result = learn.search(
        Turning(), space, WAVES, key=jax.random.key(0), n_trials=20, horizon=10, sampler=learn.Optuna()
    )
    assert {o["kind"] for o, _ in result.trials} == {("a", 1), None, "b", "plain"}
    assert len(result.trials) + len(result.notes) == 20
    assert all("too fast" in note for note in result.notes)
    assert result.notes
    assert {"kind": "plain", "turn": 0.9} in [options for options, _ in result.trials]
    whole = learn.Between(1, 3, whole=True)
    result = learn.search(
        learn.LinearAutoregression(),
        {"n_delays": whole},
        WAVES,
        key=jax.random.key(0),
        n_trials=5,
        sampler=learn.Optuna(),
    )
    assert all(isinstance(o["n_delays"], int) for o, _ in result.trials)


def test_other_samplers_of_optuna_draw_by_the_same_seeds():
    from optuna.samplers import RandomSampler

    one, two = (found(0, learn.Optuna(sampler=RandomSampler), n_trials=8) for _ in range(2))
    assert one.trials == two.trials != found(0, learn.Optuna(), n_trials=20).trials


def test_missing_optuna_names_the_extra(monkeypatch, tmp_path):
    path = tmp_path / "notes.log"
    path.write_text("no search\n")
    with pytest.raises(DataError, match="another file"):
        found(0, learn.Optuna(storage=path), n_trials=2)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ParameterError, match=r"cocycle\[search\]"):
        found(0, learn.Optuna(), n_trials=2)
