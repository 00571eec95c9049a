"""What a run of a paper gives: measured numbers, those of their controls, and curves to look at."""

import dataclasses
import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from cocycle.core.errors import DataError
from cocycle.core.estimate import Estimate, format_value
from cocycle.core.storage import atomic_file
from cocycle.gallery.claims import Verdict

SCHEMA = "cocycle.gallery/1"
MOST_POINTS = 3000
DIGITS = 6


@dataclasses.dataclass(frozen=True)
class Curve:
    """One line, or cloud of points, of a plot.

    Attributes:
        x: (n,) array.
        y: (n,) array; NaN breaks the line.
        name: for the legend; "" for none.
        dots: points instead of a line.
        stderr: (n,) standard errors of y, drawn as bars; None for none.
        dashed: for what theory expects.
    """

    x: Any
    y: Any
    name: str = ""
    dots: bool = False
    stderr: Any = None
    dashed: bool = False


@dataclasses.dataclass(frozen=True)
class Field:
    """A scalar field on a grid, drawn in colours.

    Attributes:
        x: (n,) array.
        y: (m,) array.
        z: (m, n) values.
        name: of the quantity and its unit.
        diverging: whether colours part at zero.
    """

    x: Any
    y: Any
    z: Any
    name: str = ""
    diverging: bool = False


@dataclasses.dataclass(frozen=True)
class Plot:
    """One figure of the page.

    Attributes:
        title: heading.
        x_label: quantity and unit.
        y_label: quantity and unit.
        curves: lines and points.
        field: a field below the curves, or None.
        caption: what one sees.
        log_x: logarithmic x axis.
        log_y: logarithmic y axis.
    """

    title: str
    x_label: str
    y_label: str
    curves: tuple[Curve, ...] = ()
    field: Field | None = None
    caption: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclasses.dataclass(frozen=True)
class Results:
    """What `main(config)` of a paper returns.

    Attributes:
        measured: number of each claim, by its id; a float is exact.
        controls: the same quantities in the controls.
        plots: figures.
        notes: what a reader should know.
    """

    measured: Mapping[str, Estimate | float]
    controls: Mapping[str, Estimate | float]
    plots: tuple[Plot, ...] = ()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Row:
    """A claim with its numbers and the verdict."""

    id: str
    measured: float
    stderr: float
    control: float
    control_stderr: float
    verdict: Verdict


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A judged run, as it is kept.

    Attributes:
        slug: of the paper.
        tier: smoke or check.
        rows: one a claim.
        config: values of the configuration.
        seed: of all random numbers.
        seconds: wall time.
        version: of cocycle.
        created: date and time, ISO 8601.
        fingerprint: of the paper's files and the configuration.
        plots: figures, as plain tables.
        notes: what a reader should know.
    """

    slug: str
    tier: str
    rows: tuple[Row, ...]
    config: dict[str, Any]
    seed: int
    seconds: float
    version: str
    created: str
    fingerprint: str
    plots: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every claim that the tier can judge is reproduced."""
        return all(r.verdict in (Verdict.REPRODUCED, Verdict.NOT_JUDGED) for r in self.rows)

    def to_document(self) -> dict[str, Any]:
        """Return the outcome as JSON can hold it; numbers that are not finite become None."""
        return {"schema": SCHEMA, **_plain(dataclasses.asdict(self))}

    def save(self, path: str | pathlib.Path) -> None:
        """Write it as JSON, atomically.

        Args:
            path: the file.
        """
        text = json.dumps(self.to_document(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        with atomic_file(path, "w") as handle:
            handle.write(text + "\n")

    @classmethod
    def load(cls, path: str | pathlib.Path) -> "Outcome":
        """Read what `save` wrote.

        Args:
            path: the file.

        Returns:
            The outcome.

        Raises:
            DataError: if the file is no such JSON.
        """
        try:
            table: dict[str, Any] = json.loads(pathlib.Path(path).read_text("utf-8"))
            if table.pop("schema") != SCHEMA:
                raise ValueError("another schema")
            rows = tuple(_row(r) for r in table.pop("rows"))
            plots, notes = tuple(table.pop("plots")), tuple(table.pop("notes"))
            return cls(rows=rows, plots=plots, notes=notes, **table)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path} holds no result of the gallery ({error}); run the paper again.") from None


def _row(table: dict[str, Any]) -> Row:
    verdict = Verdict(table.pop("verdict"))
    filled: dict[str, Any] = {k: math.nan if v is None else v for k, v in table.items()}
    return Row(verdict=verdict, **filled)


def number_text(value: float, stderr: float) -> str:
    """Write a number with its error; an exact one with six digits.

    Args:
        value: the number.
        stderr: its standard error.

    Example:
        >>> number_text(4.2023717e-11, 0.0), number_text(0.90561, 0.0021)
        ('4.20237e-11', '0.9056 ± 0.0021')
    """
    return f"{value:.6g}" if stderr == 0 else format_value(value, stderr)


def plot_table(plot: Plot) -> dict[str, Any]:
    """Turn a plot into a plain table, long curves thinned.

    Args:
        plot: the plot.
    """
    table = dataclasses.asdict(dataclasses.replace(plot, curves=(), field=None))
    table["curves"] = [_curve(c) for c in plot.curves]
    table["field"] = None if plot.field is None else _plain(dataclasses.asdict(plot.field))
    return table


def _curve(curve: Curve) -> dict[str, Any]:
    every = max(1, -(-len(np.asarray(curve.x)) // MOST_POINTS))
    columns = {k: getattr(curve, k) for k in ("x", "y", "stderr")}
    thin = {k: None if v is None else _plain(np.asarray(v)[::every]) for k, v in columns.items()}
    return {"name": curve.name, "dots": curve.dots, "dashed": curve.dashed, **thin}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str | bool) or value is None:
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "__array__"):
        rows = np.asarray(value)
        return [_plain(v) for v in rows.tolist()] if rows.dtype.kind != "f" else _short(rows)
    return str(value)


def _short(rows: np.ndarray) -> Any:
    if rows.ndim == 0:
        return _plain(float(rows))
    if rows.ndim > 1:
        return [_short(r) for r in rows]
    return [float(f"{v:.{DIGITS}g}") if math.isfinite(v) else None for v in rows.tolist()]
