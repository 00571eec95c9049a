"""A measured series from a file: csv, tsv, txt, parquet, npy, npz, NetCDF."""

import difflib
import pathlib
from typing import Any

import numpy as np

from cocycle.core.errors import DataError, suggest
from cocycle.report.sampling import bare_name, is_rising, is_time_name, step_of, unit_in_name
from cocycle.report.series import Series, positive_step
from cocycle.report.tables import read_table

READERS = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".npy", ".npz", ".nc")


def read(
    path: str | pathlib.Path, *, column: str | int | None = None, dt: Any = None, time: str | None = None
) -> Series:
    r"""Read one series from a file.

    Delimiter, header and decimal comma of text are found by looking. The time column is the one named by `time`, or one
    with a name that times have (time, t, date, month, ...), or the first of several columns if it rises all along in
    equal steps. Dates become steps of the calendar (month, day, hour, ...), and the unit is kept.

    Args:
        path: .csv, .tsv, .txt, .dat, .parquet, .npy, .npz or .nc (NetCDF).
        column: name or number (0 first) of the values; not needed where only one column can be meant.
        dt: time between two values; overrules what the time column says.
        time: name of the time column.

    Returns:
        Series; its `time_unit` is "step" where the file has no time and dt is not given.

    Raises:
        DataError: if the file cannot be read, the column is not there or not numbers, values are missing, or the
            times are not evenly spaced.
        ParameterError: if dt is not a positive number.

    Limits: no resampling and no filling of gaps; both are refused with the remedy.

    Example:
        >>> import tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "sine.csv"
        >>> _ = file.write_text("t,x\n0.0,0\n0.1,1\n0.2,0\n0.3,-1\n")
        >>> x = read(file)
        >>> x.column, x.dt, x.values.tolist()
        ('x', 0.1, [0.0, 1.0, 0.0, -1.0])
    """
    path = pathlib.Path(path)
    step = None if dt is None else positive_step(dt)
    _require_file(path)
    table = read_table(path)
    if not table or not len(next(iter(table.values()))):
        raise DataError(f"{path} has no rows of data; check that it is the file that was meant.")
    clock = _time_column(table, time, column, path)
    name = _value_column(table, column, clock, path)
    values = _numbers(table[name], name, path)
    unit = "step"
    if clock is not None:
        found, unit = step_of(_times(table[clock], clock), clock)
        step = found if step is None else step
    elif step is not None:
        unit = "unit of time"
    return Series(
        values,
        dt=1.0 if step is None else step,
        name=path.stem,
        column=name,
        source=str(path),
        time_unit=unit,
        unit=unit_in_name(name),
    )


def _require_file(path: pathlib.Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a directory; name a file in it.")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, siblings, n=3, cutoff=0.5)
        hint = "did you mean " + " or ".join(near) + "?" if near else "check the path."
        raise DataError(f"no file {path}; {hint}")
    if path.suffix.lower() not in READERS:
        raise DataError(f"cannot read {path}: {path.suffix or 'no suffix'} is not one of {', '.join(READERS)}.")
    try:
        with path.open("rb") as handle:
            if not handle.read(1):
                raise DataError(f"{path} is empty; check that it is the file that was meant.")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; check its permissions.") from None


def _resolve(table: dict[str, np.ndarray], asked: str | int, path: pathlib.Path, what: str = "column") -> str:
    """Name of the column that was asked for by name, by name in another case, or by number."""
    names = list(table)
    text = str(asked)
    if text in table:
        return text
    alike = [n for n in names if n.lower() == text.lower()] or [n for n in names if bare_name(n) == text.lower()]
    if len(alike) == 1:
        return alike[0]
    if text.lstrip("-").isdigit() and 0 <= int(text) < len(names):
        return names[int(text)]
    raise DataError(f"{path} has no {what} {text!r}; {suggest(text, names)}")


def _time_column(
    table: dict[str, np.ndarray], time: str | None, column: str | int | None, path: pathlib.Path
) -> str | None:
    if time is not None:
        return _resolve(table, time, path, "time column")
    values = None if column is None else _resolve(table, column, path)
    others = [n for n in table if n != values]
    if len(table) < 2:
        return None
    named = [n for n in others if is_time_name(n) and table[n].dtype.kind in "iufMO"]
    for name in sorted(named, key=lambda n: table[n].dtype.kind == "O"):
        if table[name].dtype.kind != "O" or _as_dates(table[name]) is not None:
            return name
    first = others[0]
    if first == next(iter(table)) and is_rising(table[first]):
        try:
            step_of(table[first], first)
        except DataError:
            return None
        return first
    return None


def _value_column(table: dict[str, np.ndarray], column: str | int | None, clock: str | None, path: pathlib.Path) -> str:
    if column is not None:
        name = _resolve(table, column, path)
        if name == clock:
            raise DataError(f"column {name!r} of {path} is the time column; choose another, or another time column.")
        return name
    numeric = [n for n, v in table.items() if n != clock and v.dtype.kind in "biuf"]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        others = [n for n in table if n != clock]
        shown = ", ".join(f"{n!r} (first value {str(table[n][0])[:20]!r})" for n in others[:5])
        raise DataError(f"{path} has no column of numbers; it has {shown or 'only times'}: clean the file first.")
    shown = ", ".join(numeric[:12]) + (" ..." if len(numeric) > 12 else "")
    raise DataError(f"{path} has {len(numeric)} columns of numbers: {shown}; choose one with column=, --column.")


def _numbers(values: np.ndarray, name: str, path: pathlib.Path) -> np.ndarray:
    if values.dtype.kind in "biuf":
        return values
    for row, value in enumerate(values.tolist()):
        try:
            float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"column {name!r} of {path} is not numbers: row {row + 1} holds {str(value)[:30]!r}; "
                "choose another column or clean it."
            ) from None
    return np.asarray(values.tolist(), dtype=float)


def _as_dates(values: np.ndarray) -> np.ndarray | None:
    """Texts as dates, or None where they are not."""
    import pandas as pd

    try:
        dates = pd.to_datetime(pd.Series(values))
        if dates.dt.tz is not None:
            dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
        return dates.to_numpy()
    except (ValueError, TypeError, OverflowError, AttributeError):
        return None


def _times(values: np.ndarray, name: str) -> np.ndarray:
    if values.dtype.kind != "O":
        return values
    dates = _as_dates(values)
    if dates is None:
        raise DataError(f"time column {name!r} holds neither numbers nor dates, e.g. {values[0]!r}; give dt instead.")
    return dates
