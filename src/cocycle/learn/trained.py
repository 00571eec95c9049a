"""What all learners that are trained by gradients share: `fit`. Each of them says only with which rule it begins."""

import abc
import pathlib
from typing import Any

import jax
import numpy as np

from cocycle.learn.abstract import AbstractLearner, require_key
from cocycle.learn.descent import train
from cocycle.learn.fitted import FittedSystem, finish
from cocycle.learn.rules import AbstractRule, Scaler, standard
from cocycle.learn.stretches import Segments, segments


class AbstractTrainedLearner(AbstractLearner):
    """A learner that trains a first guess. It has the fields `forcing` and `descent`.

    This abstract class has bodies, for one reason: every trained learner has the same `fit`.
    """

    @abc.abstractmethod
    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> AbstractRule:
        """Return the rule from which the training begins.

        Args:
            key: random key.
            data: what is learned from.
            scaler: units of the data against those of the rule.
        """

    def context(self) -> int:
        """Return the least number of rows of a warm-up, in a training window too. Default: 1."""
        return 1

    def units(self, data: Segments) -> Scaler:
        """Return the units in which the rule works. Default: mean 0 and standard deviation 1.

        Args:
            data: what is learned from.
        """
        return standard(data)

    def gather(self, data: Any, n_min: int, dt: float | None) -> tuple[Segments, list[np.ndarray]]:
        """Return the data, and what training draws windows from. Default: stretches without gaps.

        Args:
            data: as a user gives it.
            n_min: least length of a stretch.
            dt: time between two rows, or None.
        """
        found = segments(data, n_min=n_min, dt=dt)
        scaler = self.units(found)
        return found, [np.asarray(scaler.to_rule(part)) for part in found.parts]

    def fit(
        self,
        data: Any,
        *,
        key: Any = None,
        dt: float | None = None,
        progress: bool | None = None,
        checkpoint: str | pathlib.Path | None = None,
    ) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: random key of the first guess and of the windows.
            dt: time between two rows, where the data do not say it.
            progress: show a progress bar; None shows it on a terminal when the work is long.
            checkpoint: file that keeps the state of the training; a killed run finds it there and goes on.

        Returns:
            FittedSystem.
        """
        me: Any = self
        k_guess, k_train = jax.random.split(require_key(key, self))
        found, parts = self.gather(data, self.context() + me.descent.length, dt)
        scaler = self.units(found)
        rule, record = train(
            self.first_rule(k_guess, found, scaler),
            parts,
            me.descent,
            me.forcing,
            k_train,
            fingerprint=repr(self),
            n_washout=self.context() - 1,
            checkpoint=checkpoint,
            progress=progress,
        )
        return finish(rule, found, scaler, self, record, n_context=self.context())
