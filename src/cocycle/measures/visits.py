"""Visits to a regime: entered through one condition, left through another."""

import equinox as eqx
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.measures.survival import SurvivalCurve, mean_lifetime, survival_curve

Mask = Array | np.ndarray


class Visits(eqx.Module, Presentable):
    """Visits to a regime along one orbit.

    Attributes:
        begin: (visits,) number of the first sample of each visit.
        durations: (visits,) how long each lasted [time].
        observed: (visits,) False for a last visit that the record cuts off.
        share: share of all time spent in visits.
    """

    begin: Int[np.ndarray, "visits"]
    durations: Float[np.ndarray, "visits"]
    observed: Bool[np.ndarray, "visits"]
    share: float

    @property
    def mean(self) -> Estimate:
        """Mean duration of a visit [time], with standard error."""
        return mean_lifetime(self.durations, self.observed)

    @property
    def survival(self) -> SurvivalCurve:
        """Law of the durations."""
        return survival_curve(self.durations, self.observed)

    def __len__(self) -> int:
        """Number of visits."""
        return len(self.durations)

    def __str__(self) -> str:
        """Number and mean."""
        return f"{len(self)} visits of mean duration {self.mean}, {100 * self.share:.1f} % of the time"


def visits(inside: Mask, outside: Mask | None = None, *, dt: float) -> Visits:
    """Cut an orbit into visits to a regime, with hysteresis.

    A visit begins with the first sample that is `inside` and ends with the first later one that is `outside`; what is
    neither belongs to what came before. A visit that is on when the record begins is dropped, since its begin is
    not known; one that is on at the end is kept as cut off.

    Args:
        inside: (time,) booleans that begin a visit, e.g. x < 0.78.
        outside: (time,) booleans that end it, e.g. x > 0.86; default not inside.
        dt: time between samples [time].

    Returns:
        Visits.

    Raises:
        DataError: if the masks are no booleans of one length, or overlap.
        ParameterError: if dt is not positive.
        InsufficientDataError: if no visit begins.

    Limits: durations are multiples of dt; visits shorter than dt are missed.

    Example:
        >>> x = np.array([1, 0, 0, 1, 1, 0, 1, 0])
        >>> visits(x == 0, dt=0.5).durations.tolist()
        [1.0, 0.5, 0.5]
    """
    a = np.asarray(inside)
    b = ~a if outside is None and a.dtype == bool else np.asarray(outside)
    if a.dtype != bool or b.dtype != bool or a.ndim != 1 or a.shape != b.shape:
        raise DataError("inside and outside are booleans of one length, e.g. x < 0.78 and x > 0.86.")
    if not (np.isfinite(dt) and dt > 0):
        raise ParameterError(f"dt is {dt}; the time between samples is positive.")
    if np.any(a & b):
        raise DataError("a sample is inside and outside at once; the two conditions must exclude each other.")
    # +1 or -1 where known, filled forward.
    mark = np.where(a, 1, np.where(b, -1, 0)).astype(np.int8)
    known = np.flatnonzero(mark)
    if not known.size:
        raise InsufficientDataError("no sample is inside or outside; check the thresholds.")
    state = mark[known]
    turns = np.flatnonzero(np.diff(state)) + 1
    begin = known[turns[state[turns] == 1]]
    end = known[turns[state[turns] == -1]]
    if not begin.size:
        raise InsufficientDataError("no visit begins within the record; check the thresholds, or record longer.")
    end = end[end > begin[0]]
    observed = np.arange(len(begin)) < len(end)
    stop = np.append(end, np.full(len(begin) - len(end), len(a)))
    share = float(np.sum(stop - begin) / (len(a) - begin[0]))
    return Visits(begin, (stop - begin) * float(dt), observed, share)
