"""Data of a learner: stretches of rows without gaps, all of one kind, from whatever a user has."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.run import Trajectory

SAME_STEP = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of rows, each without gaps.

    Attributes:
        parts: arrays (time, D) of finite numbers.
        dt: time between two rows [time].
        variables: names of the columns, where known.
        n_missing: rows dropped because a value was missing.
        name: what the data are called.
    """

    parts: tuple[np.ndarray, ...]
    dt: float
    variables: tuple[str, ...] | None
    n_missing: int
    name: str

    @property
    def n_columns(self) -> int:
        """D, number of columns."""
        return self.parts[0].shape[1]

    @property
    def n_rows(self) -> int:
        """Rows in all."""
        return sum(len(part) for part in self.parts)

    @property
    def longest(self) -> np.ndarray:
        """The longest stretch (time, D)."""
        return max(self.parts, key=len)


@dataclasses.dataclass(frozen=True, eq=False)
class _Table:
    """One trajectory as given: rows, step (None where unknown), names."""

    rows: np.ndarray
    dt: float | None
    variables: tuple[str, ...] | None
    name: str


def segments(data: Any, *, n_min: int, dt: float | None = None) -> Segments:
    """Turn data into stretches of at least `n_min` rows, or say what is wrong with them.

    Args:
        data: array (time,) or (time, D), a Series, a Trajectory, or a list of those (several trajectories). Rows with
            a missing value (NaN) cut a trajectory in two.
        n_min: least length of a stretch that the method can use; shorter ones are dropped.
        dt: time between two rows, where the data do not say it. Default 1.

    Returns:
        Segments.

    Raises:
        DataError: if it is no table of real numbers, holds infinities, or trajectories differ in columns or step.
        InsufficientDataError: if no stretch is long enough, or a column is constant.
        ParameterError: if dt is not a positive number, or contradicts the data.

    Example:
        >>> rows = np.sin(np.arange(20.0))
        >>> rows[5] = np.nan
        >>> found = segments(rows, n_min=3)
        >>> [len(part) for part in found.parts], found.n_missing
        ([5, 14], 1)
    """
    tables = [_table(item, k) for k, item in enumerate(_items(data))]
    widths = {table.rows.shape[1] for table in tables}
    if len(widths) > 1:
        raise DataError(f"the trajectories have {sorted(widths)} columns; give all of them the same columns.")
    step = _one_step([t.dt for t in tables if t.dt is not None], dt)
    _require_variety([t.rows for t in tables], tables[0].variables)
    parts, n_missing = [], 0
    for table in tables:
        whole, missing = _cut(table.rows)
        n_missing += missing
        parts += whole
    kept = tuple(part for part in parts if len(part) >= n_min)
    if not kept:
        longest = max((len(part) for part in parts), default=0)
        gaps = f" between {n_missing} rows with missing values" if n_missing else ""
        raise InsufficientDataError(
            f"the longest stretch{gaps} has {longest} rows, at least {n_min} are needed: record longer, fill the gaps, "
            "or choose a method with a shorter memory."
        )
    return Segments(kept, step, tables[0].variables, n_missing, tables[0].name)


def joined(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays one below the other; a single one as it is, since large ones take long to copy.

    Args:
        pieces: at least one.
    """
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _items(data: Any) -> list[Any]:
    """The trajectories in what a user gave; a list of numbers, or of rows, is one."""
    if isinstance(data, Segments):
        return list(data.parts)
    if not isinstance(data, list | tuple):
        return [data]
    if not data:
        raise DataError("the list of trajectories is empty; give at least one.")
    # A list of plain numbers or of plain rows is one trajectory.
    plain = all(np.isscalar(item) or isinstance(item, list | tuple) for item in data)
    return [data] if plain else list(data)


def _table(item: Any, number: int) -> _Table:
    dt, variables, name = None, None, getattr(item, "name", None) or "data"
    if isinstance(item, Trajectory):
        if not hasattr(item.x, "shape"):
            raise DataError("a trajectory of several arrays cannot be learned from; observe one array, see observe=.")
        dt = _step_of(np.asarray(item.t))
        variables, values = item.variables, item.x
    elif hasattr(item, "values") and hasattr(item, "dt") and not callable(item.values):
        dt, values = float(item.dt), item.values
        variables = (item.column,) if getattr(item, "column", "") else None
    else:
        values = item
    rows = _numbers(values, f"trajectory {number + 1}" if number else "data")
    if variables is not None and len(variables) != rows.shape[1]:
        variables = None
    return _Table(rows, dt, None if variables is None else tuple(variables), name)


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        rows = np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: rows differ in length; give one table (time, D).") from None
    if rows.dtype.kind not in "biuf":
        raise DataError(f"{name} holds {rows.dtype}, not real numbers; convert it or choose other columns.")
    rows = rows.astype(np.float64)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim == 3:
        raise DataError(f"{name} has shape {rows.shape}; several trajectories are a list: list(x).")
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise DataError(f"{name} has shape {rows.shape}; a table (time, D) is needed.")
    if np.isinf(rows).any():
        at = int(np.flatnonzero(np.isinf(rows).any(axis=1))[0])
        raise DataError(f"{name} is infinite in row {at + 1}; a missing value is NaN, an infinity is an error: cut it.")
    return rows


def _step_of(t: np.ndarray) -> float | None:
    if len(t) < 2:
        return None
    steps = np.diff(t)
    middle = float(np.median(steps))
    if middle <= 0 or np.max(np.abs(steps - middle)) > SAME_STEP * abs(middle) * max(1.0, np.abs(t).max() / middle):
        raise DataError(
            f"the times are not evenly spaced (steps from {steps.min():.4g} to {steps.max():.4g}); "
            "resample to equal steps first."
        )
    return middle


def _one_step(known: Sequence[float], dt: float | None) -> float:
    if dt is not None and not 0 < float(dt) < np.inf:
        raise ParameterError(f"dt must be a positive number, the time between two rows; got {dt!r}.")
    steps = [*known, *([] if dt is None else [float(dt)])]
    if not steps:
        return 1.0
    if max(steps) - min(steps) > 1e-4 * max(steps):
        raise DataError(
            f"the data are sampled at different steps ({min(steps):.4g} to {max(steps):.4g}); "
            "resample all to one step, or learn from those of one step only."
        )
    return float(steps[0] if dt is None else dt)


# Tables of fewer columns than this are turned first: NumPy is slow along the first axis of narrow ones.
NARROW = 16


def _extremes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each column, NaN only where there is no other."""
    if not len(rows):
        return np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    table, axis = (np.ascontiguousarray(rows.T), 1) if rows.shape[1] < NARROW else (rows, 0)
    return np.fmin.reduce(table, axis=axis), np.fmax.reduce(table, axis=axis)


def _require_variety(tables: Sequence[np.ndarray], variables: tuple[str, ...] | None) -> None:
    """Refuse columns without values, or with one value only."""
    ends = [_extremes(rows) for rows in tables]
    low = np.fmin.reduce([least for least, _ in ends])
    high = np.fmax.reduce([most for _, most in ends])
    for k, (least, most) in enumerate(zip(low, high, strict=True)):
        label = variables[k] if variables else f"column {k}"
        if np.isnan(least):
            raise InsufficientDataError(f"{label} has no values at all; leave it out.")
        if most - least <= 1e-12 * max(abs(least), abs(most)):
            raise InsufficientDataError(f"{label} is constant ({least:g}); there is nothing to learn: leave it out.")


def _cut(rows: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Stretches between rows with a missing value, and the number of those rows."""
    missing = np.isnan(rows).any(axis=1)
    if not missing.any():
        return [np.ascontiguousarray(rows)], 0
    edges = np.flatnonzero(np.diff(np.concatenate([[True], missing, [True]]).astype(int)))
    return [rows[a:b].copy() for a, b in zip(edges[::2], edges[1::2], strict=True)], int(missing.sum())
