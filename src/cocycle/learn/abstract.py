"""The one protocol of all learners: a frozen configuration, `fit(data, key=...)`, and a system comes back."""

import abc
import dataclasses
from typing import Any

import jax

from cocycle.core.errors import ParameterError


@dataclasses.dataclass(frozen=True)
class AbstractLearner(abc.ABC):
    """Configuration of a method that turns data into a system. Nothing is changed by a fit."""

    @abc.abstractmethod
    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> Any:
        """Learn a system.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: random key, for methods that draw numbers.
            dt: time between two rows, where the data do not say it.
            progress: show a progress bar; None shows it on a terminal when the work is long.

        Returns:
            A system with `forecast`, `warm_up`, `save` and all that a System has.
        """


def require_key(key: Any, learner: AbstractLearner) -> jax.Array:
    """Refuse a missing key.

    Args:
        key: as given.
        learner: who needs it.

    Returns:
        The key.

    Raises:
        ParameterError: if there is none.
    """
    if key is None:
        raise ParameterError(f"{type(learner).__name__} draws random numbers; give key=jax.random.key(0).")
    if isinstance(key, int):
        return jax.random.key(key)
    return key


def require_positive(learner: AbstractLearner, *names: str) -> None:
    """Refuse fields that are not above zero.

    Args:
        learner: the configuration.
        *names: fields.

    Raises:
        ParameterError: naming the first bad one.
    """
    for name in names:
        value = getattr(learner, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ParameterError(f"{type(learner).__name__}: {name} must be a positive number, got {value!r}.")


def require_counts(learner: AbstractLearner, *names: str, minimum: int = 1) -> None:
    """Refuse fields that are not whole numbers of at least `minimum`.

    Args:
        learner: the configuration.
        *names: fields.
        minimum: least value.

    Raises:
        ParameterError: naming the first bad one.
    """
    for name in names:
        value = getattr(learner, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise ParameterError(
                f"{type(learner).__name__}: {name} must be a whole number of at least {minimum}, got {value!r}."
            )
