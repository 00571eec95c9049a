"""What a monitor saw of a training run, in one file that survives a crash: SQLite, or parquet."""

import json
import math
import os
import pathlib
import sqlite3
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from cocycle.core.errors import DataError, OutputError
from cocycle.core.presentation import Presentable

SUFFIXES = (".sqlite", ".db", ".parquet")
MARK = "cocycle training run"
_COLUMNS = ("step", "seconds", "quantity", "value", "stderr")


class RunRecord(eqx.Module, Presentable):
    """What was recorded of a training run: a row for each time that the monitor looked.

    Attributes:
        step: (n,) training steps.
        seconds: (n,) time since the start of the run [s].
        quantities: names, in the order of the columns.
        values: (n, q) what was measured; NaN where it was not.
        stderr: (n, q) standard errors.
        about: learning rate, batch size, sizes of the problem and what else the monitor noted.
    """

    step: np.ndarray
    seconds: np.ndarray
    quantities: tuple[str, ...]
    values: np.ndarray
    stderr: np.ndarray
    about: dict[str, Any]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.step)

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return steps, values and standard errors of one quantity, where it was measured.

        Args:
            name: its name.

        Raises:
            DataError: if it was not measured.
        """
        if name not in self.quantities:
            raise DataError(f"{name!r} was not recorded; the run has {', '.join(self.quantities) or 'nothing'}.")
        column = self.quantities.index(name)
        seen = ~np.isnan(self.values[:, column])
        return self.step[seen], self.values[seen, column], self.stderr[seen, column]


class RunFile:
    """The open file of a run; each row is on disk when `append` returns.

    SQLite in write-ahead mode: a killed process loses at most the row being written. Parquet cannot be appended to, so
    the file is written anew for each row and put in its place as a whole.

    Args:
        path: `.sqlite`, `.db` or `.parquet`.
        about: what to note of the run.
        resume: go on after the rows that the file has; else a file with rows is refused.

    Raises:
        OutputError: if the file cannot be written, or holds a run and `resume` is False.
    """

    def __init__(self, path: str | os.PathLike, about: Mapping[str, Any], *, resume: bool = False):
        self.path = pathlib.Path(path)
        if self.path.suffix.lower() not in SUFFIXES:
            raise OutputError(f"cannot write {self.path}: the suffix must be one of {', '.join(SUFFIXES)}.")
        if not self.path.parent.is_dir():
            raise OutputError(f"cannot write {self.path}: there is no directory {self.path.parent}; make it first.")
        known = self.path.exists() and self.path.stat().st_size > 0
        if known and not resume:
            raise OutputError(f"{self.path} exists; choose another file, or resume=True to add to it.")
        self.last_step = -1
        self.seconds = 0.0
        old = read_run(self.path) if known else None
        if old is not None and len(old):
            self.last_step, self.seconds = int(old.step[-1]), float(old.seconds[-1])
        self._parquet = self.path.suffix.lower() == ".parquet"
        self._rows: list[tuple[int, float, str, float, float]] = []
        self._about = json.dumps({**(old.about if old is not None else {}), **about})
        if self._parquet:
            _require_pyarrow()
            self._rows = [] if old is None else _long(old)
            self._write_parquet()
        else:
            self._open_sqlite()

    def append(self, step: int, seconds: float, values: Mapping[str, tuple[float, float]]) -> None:
        """Write one row: what was measured at a step.

        Args:
            step: training step.
            seconds: time since the start of the run.
            values: value and standard error by name.

        Raises:
            OutputError: if it cannot be written.
        """
        rows = [(int(step), float(seconds), name, float(v), float(e)) for name, (v, e) in values.items()]
        if self._parquet:
            self._rows += rows
            self._write_parquet()
            return
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write {self.path}: {error}; is the disk full?") from error

    def close(self) -> None:
        """Close the file."""
        if not self._parquet:
            self._connection.close()

    def _open_sqlite(self) -> None:
        try:
            self._connection = sqlite3.connect(self.path, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            with self._connection:
                self._connection.execute("CREATE TABLE IF NOT EXISTS run (key TEXT PRIMARY KEY, value TEXT)")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS record (step INTEGER, seconds REAL, quantity TEXT, value REAL, "
                    "stderr REAL, PRIMARY KEY (step, quantity))"
                )
                entries = [("format", MARK), ("about", self._about)]
                self._connection.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", entries)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write {self.path}: {error}; choose another place.") from error

    def _write_parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = list(zip(*self._rows, strict=True)) if self._rows else [()] * len(_COLUMNS)
        types = (pa.int64(), pa.float64(), pa.string(), pa.float64(), pa.float64())
        arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
        table = pa.table(arrays, names=list(_COLUMNS), metadata={"format": MARK, "about": self._about})
        part = self.path.with_name(f".{self.path.name}.part")
        try:
            pq.write_table(table, part)
            os.replace(part, self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"cannot write {self.path}: {error.strerror}; choose another place.") from None


def is_run(path: str | os.PathLike) -> bool:
    """Say whether a file was written by a monitor.

    Args:
        path: any file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return False
    try:
        return _metadata(path).get("format") == MARK
    except (DataError, OSError, sqlite3.Error):
        return False


def read_run(path: str | os.PathLike) -> RunRecord:
    """Read what a monitor wrote, also while it still writes.

    Args:
        path: `.sqlite`, `.db` or `.parquet`.

    Returns:
        RunRecord.

    Raises:
        DataError: if there is no such file, or it holds no run.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.sqlite"
        >>> file = RunFile(path, {"learning_rate": 0.1})
        >>> file.append(0, 0.5, {"loss": (2.0, 0.1)})
        >>> read_run(path).of("loss")[1].tolist()
        [2.0]
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise DataError(f"no file {path}; check the path.")
    try:
        meta = _metadata(path)
        if meta.get("format") != MARK:
            raise DataError(f"{path} was not written by a StabilityMonitor.")
        if path.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            columns = pq.read_table(path).to_pydict()
            rows = list(zip(*(columns[name] for name in _COLUMNS), strict=True))
        else:
            with _Reader(path) as connection:
                rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM record ORDER BY step, rowid").fetchall()
    except (sqlite3.Error, OSError) as error:
        raise DataError(f"cannot read {path}: {error}.") from error
    return _wide(rows, json.loads(meta["about"]))


class _Reader:
    """Connection that is closed at the end (sqlite3's own context only commits)."""

    def __init__(self, path: pathlib.Path):
        self.connection = sqlite3.connect(path)

    def __enter__(self) -> sqlite3.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def _metadata(path: pathlib.Path) -> dict[str, str]:
    if path.suffix.lower() == ".parquet":
        _require_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            raw = pq.read_schema(path).metadata or {}
        except pa.ArrowException as error:
            raise DataError(f"{path} is not parquet: {error}.") from error
        return {k.decode(): v.decode() for k, v in raw.items() if k in (b"format", b"about")}
    with path.open("rb") as handle:
        if handle.read(15) != b"SQLite format 3":
            raise DataError(f"{path} is not SQLite.")
    with _Reader(path) as connection:
        return dict(connection.execute("SELECT key, value FROM run").fetchall())


def _wide(rows: list[tuple], about: dict[str, Any]) -> RunRecord:
    names = tuple(dict.fromkeys(row[2] for row in rows))
    steps = sorted({row[0] for row in rows})
    at = {step: k for k, step in enumerate(steps)}
    seconds = np.full(len(steps), math.nan)
    values, stderr = (np.full((len(steps), len(names)), math.nan) for _ in range(2))
    for step, second, name, value, error in rows:
        k, j = at[step], names.index(name)
        seconds[k] = second
        values[k, j] = math.nan if value is None else value  # SQLite keeps NaN as NULL
        stderr[k, j] = math.nan if error is None else error
    return RunRecord(np.asarray(steps, dtype=np.int64), seconds, names, values, stderr, about)


def _long(record: RunRecord) -> list[tuple[int, float, str, float, float]]:
    return [
        (int(step), float(second), name, float(record.values[k, j]), float(record.stderr[k, j]))
        for k, (step, second) in enumerate(zip(record.step, record.seconds, strict=True))
        for j, name in enumerate(record.quantities)
        if not math.isnan(record.values[k, j])
    ]


def _require_pyarrow() -> None:
    import importlib.util

    if importlib.util.find_spec("pyarrow") is None:
        raise DataError("parquet needs pyarrow: pip install 'cocycle[files]', or take a .sqlite file.")
