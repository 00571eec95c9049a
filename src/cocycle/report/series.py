"""A measured series: values at equal steps of time, and where they come from."""

import dataclasses
import math
from typing import Any

import numpy as np

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.presentation import Presentable

TRAIN_SHARE = 0.75


@dataclasses.dataclass(frozen=True, eq=False)
class Series(Presentable):
    """Finite real numbers, equally spaced in time.

    Attributes:
        values: (n,) float64 [`unit`].
        dt: time between two values [`time_unit`].
        name: what to call it.
        column: name of the column it was read from.
        source: file it was read from, or how it was made.
        time_unit: unit of dt, "step" where none is known.
        unit: unit of the values, "" where none is known.

    Raises:
        DataError: if values are not one-dimensional, finite, real numbers.
        ParameterError: if dt is not a positive finite number.

    Example:
        >>> x = Series(np.sin(0.1 * np.arange(100)), dt=0.1, name="sine")
        >>> len(x.train), len(x.test), x.duration
        (75, 25, 10.0)
    """

    values: np.ndarray
    dt: float | int = 1.0
    name: str = "series"
    column: str = ""
    source: str = "array"
    time_unit: str = "step"
    unit: str = ""

    def __post_init__(self):
        values = _finite_column(self.values, self.column or self.name)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "dt", positive_step(self.dt))

    def __len__(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def duration(self) -> float:
        """Length in time, n dt [`time_unit`]."""
        return len(self.values) * self.dt

    @property
    def times(self) -> np.ndarray:
        """Times of the values (n,), 0 first [`time_unit`]."""
        return self.dt * np.arange(len(self.values))

    @property
    def train(self) -> "Series":
        """The first 75 %."""
        return self._part(slice(0, self._cut()), "train")

    @property
    def test(self) -> "Series":
        """The last 25 %."""
        return self._part(slice(self._cut(), None), "test")

    def _cut(self) -> int:
        if len(self.values) < 4:
            raise InsufficientDataError(f"{len(self.values)} values cannot be split; at least 4 are needed.")
        return math.floor(TRAIN_SHARE * len(self.values))

    def _part(self, part: slice, label: str) -> "Series":
        return dataclasses.replace(self, values=self.values[part], name=f"{self.name} ({label})")

    def __str__(self) -> str:
        """One line: name, length, step, range."""
        low, high = float(self.values.min()), float(self.values.max())
        return f"{self.name}: {len(self)} values, dt = {self.dt:g} {self.time_unit}, from {low:g} to {high:g}"


def positive_step(dt: Any) -> float:
    """Check a sampling step.

    Args:
        dt: what the user gave.

    Returns:
        The step as a float.

    Raises:
        ParameterError: if it is not a positive finite number.
    """
    try:
        value = float(dt)
    except (TypeError, ValueError):
        raise ParameterError(f"dt must be a positive number, the time between two values; got {dt!r}.") from None
    if not 0.0 < value < math.inf:
        raise ParameterError(f"dt must be positive and finite, the time between two values; got {value:g}.")
    return value


def _finite_column(values: Any, name: str) -> np.ndarray:
    """Check that values are one column of finite real numbers.

    Raises:
        DataError: if they are not.
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: rows differ in length; give one number per time.") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {array.dtype}, not real numbers; convert it or choose another column.")
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}; give one column, e.g. x[:, 0].")
    if array.size == 0:
        raise DataError(f"{name} is empty; at least one value is needed.")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise DataError(
            f"{name} has {bad.size} missing or infinite values, the first in row {bad[0] + 1}; "
            "fill or cut them first, e.g. pandas: x.interpolate() or x.dropna()."
        )
    return np.array(array, dtype=np.float64)
