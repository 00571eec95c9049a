"""Typed exceptions: each message says what was wrong and what to do."""

import difflib
from collections.abc import Iterable
from typing import Any


class CocycleError(Exception):
    """Root of all errors that the library raises on purpose."""

    def __str__(self) -> str:
        """Return the message itself (a KeyError would quote it)."""
        return str(self.args[0]) if self.args else type(self).__name__


class ParameterError(CocycleError, ValueError):
    """A parameter or option has a value that cannot be used."""


class ShapeError(CocycleError, ValueError):
    """An array, or the result of a step, has the wrong shape, structure or dtype."""


class DriverError(CocycleError, TypeError):
    """The driver does not fit the system or the number of steps."""


class NotDifferentiableError(CocycleError, TypeError):
    """A tangent was asked of a step that has no meaningful derivative."""


class NoSeriesError(CocycleError, NotImplementedError):
    """A Taylor series was asked of a field with an operation that has no rule, or is not analytic."""


class NoIntervalError(CocycleError, NotImplementedError):
    """Interval arithmetic was asked of a function with an operation that has no rule."""


class NotFoundError(CocycleError, LookupError):
    """What was searched for is not there, or the search did not reach it.

    Attributes:
        found: what was found nevertheless, of the kind that the search returns.
    """

    def __init__(self, message: str, *, found: Any = None):
        """Keep what was found beside the message."""
        super().__init__(message)
        self.found = found


class ContinuationError(CocycleError, ArithmeticError):
    """The continuation of a branch cannot go on.

    Attributes:
        branch: what was computed up to there.
    """

    def __init__(self, message: str, *, branch: Any = None):
        """Keep the branch beside the message."""
        super().__init__(message)
        self.branch = branch


class UnknownNameError(CocycleError, KeyError):
    """A name is not in a registry; the nearest known names are suggested."""


class DataError(CocycleError, ValueError):
    """Data cannot be read, or cannot be what was asked for."""


class InsufficientDataError(DataError):
    """The data cannot support the measure: too short, too few distinct values, constant."""


class OutputError(CocycleError, OSError):
    """A result cannot be written where it was asked for."""


class NonFiniteStateError(CocycleError, ArithmeticError):
    """The orbit left the finite numbers.

    Attributes:
        step: number of the first step whose result is not finite.
        last_state: the state before that step, the last finite one.
    """

    def __init__(self, message: str, *, step: int, last_state: Any):
        """Keep the step number and the last finite state beside the message."""
        super().__init__(message)
        self.step = step
        self.last_state = last_state


class AccuracyWarning(UserWarning):
    """A number was computed, but something limits how far it can be trusted."""


class RangeWarning(UserWarning):
    """A parameter has a value that nature does not take; the equations are followed all the same."""


class InterruptedWarning(UserWarning):
    """A long computation was interrupted; what was done is returned."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known names are near to an unknown one, as the end of an error message."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    return "known names: " + ", ".join(known)
