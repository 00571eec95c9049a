"""Results as labelled tables and as HTML: what `to_xarray()`, `to_pandas()` and a notebook show of them."""

import dataclasses
import html
from typing import Any

import jax
import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate, format_value
from cocycle.core.run import Trajectory
from cocycle.learn.judge import Comparison, shown
from cocycle.report.series import Series
from cocycle.stability import CovariantVectors, Spectrum
from cocycle.stability.fields import FtleField, TrackFtle

MAX_ROWS = 12
LEFT = "text-align:left"


def to_xarray(result: Any) -> Any:
    """Return a result as a labelled dataset.

    A Trajectory has the dimension `time` and one variable for each named component (or one with the dimension
    `component`); a Spectrum has `exponents`, `stderr`, `n_eff` (exponent) and `local` (row, exponent); a Series one
    variable over `time`; an Estimate `value` and `stderr`; any other result its arrays and numbers by name.

    Args:
        result: a result of cocycle.

    Returns:
        xarray.Dataset.

    Raises:
        ParameterError: if it is no result.

    Example:
        >>> to_xarray(Series(np.arange(4.0), dt=0.5, name="ramp"))["ramp"].sel(time=1.0).item()
        2.0
    """
    import xarray as xr

    if isinstance(result, Trajectory):
        coords = {"time": np.asarray(result.t)}
        attributes = {"system": result.name or "", "n_steps": int(result.n), "status": str(result.status)}
        return xr.Dataset(_components(result), coords=coords, attrs=attributes)
    if isinstance(result, Spectrum):
        return _spectrum_dataset(result)
    if isinstance(result, Series):
        name = result.column or result.name
        attributes = {"source": result.source, "dt": result.dt, "time_unit": result.time_unit}
        time = ("time", result.times, {"units": result.time_unit})
        return xr.Dataset({name: ("time", result.values, {"units": result.unit})}, {"time": time}, attributes)
    if isinstance(result, FtleField):
        return _field_dataset(result)
    if isinstance(result, CovariantVectors):
        return _covariant_dataset(result)
    from cocycle.report.present_points import points_dataset

    points = points_dataset(result)
    return xr.Dataset(_fields(result)) if points is None else points


def plot(result: Any) -> Any:
    """Return a figure of a result.

    Args:
        result: a field of exponents, exponents of tracks, or what noise does (see docs/noise.md).

    Returns:
        plotly.graph_objects.Figure.

    Raises:
        ParameterError: if there is no picture of such a result.
    """
    from cocycle.report import field_figures, noise_plots

    if type(result) in noise_plots.PICTURES:
        return noise_plots.PICTURES[type(result)](result)
    if isinstance(result, FtleField):
        return field_figures.plot_field(result)
    if isinstance(result, TrackFtle):
        return field_figures.plot_tracks(result)
    raise ParameterError(f"there is no picture of a {type(result).__name__}; make a report of the system instead.")


def to_pandas(result: Any) -> Any:
    """Return a result as a table: a row for each time, exponent or quantity.

    Args:
        result: a result of cocycle.

    Returns:
        pandas.DataFrame.

    Raises:
        ParameterError: if it is no result.

    Example:
        >>> to_pandas(Estimate(1.0, 0.5))["stderr"].item()
        0.5
    """
    import pandas as pd

    if isinstance(result, Trajectory):
        return _trajectory_frame(result)
    if isinstance(result, Series):
        return pd.DataFrame({result.column or result.name: result.values}, index=pd.Index(result.times, name="time"))
    if isinstance(result, Spectrum):
        exponents, stderr = np.atleast_1d(result.exponents), np.atleast_1d(result.stderr)
        if exponents.ndim > 1:
            return to_xarray(result)[["exponents", "stderr"]].to_dataframe()
        index = pd.Index(np.arange(1, len(exponents) + 1), name="exponent")
        columns = {"value": np.asarray(exponents), "stderr": np.asarray(stderr), "n_eff": np.asarray(result.n_eff)}
        return pd.DataFrame(columns, index=index)
    if isinstance(result, Estimate):
        value, stderr = np.ravel(result.value), np.ravel(result.stderr)
        return pd.DataFrame({"value": value, "stderr": np.broadcast_to(stderr, value.shape), "method": result.method})
    if isinstance(result, Comparison):
        return _comparison_frame(result)
    rows = [(name, text) for name, text in _lines(result)]
    return pd.DataFrame(rows, columns=["quantity", "value"]).set_index("quantity")


def to_html(result: Any) -> str:
    """Return a small table of a result for a notebook.

    Args:
        result: a result of cocycle.

    Returns:
        HTML.

    Example:
        >>> "0.9056 ± 0.0021" in to_html(Estimate(0.90561, 0.0021))
        True
    """
    if isinstance(result, Trajectory):
        title = f"Trajectory of {result.name or 'a system'}: {len(result)} states, {result.status}"
        body = to_pandas(result).iloc[: MAX_ROWS // 2].to_html(border=0) if len(result) else ""
        return f"<div><p><b>{html.escape(title)}</b></p>{body}</div>"
    if isinstance(result, Comparison):
        table = to_pandas(result)["shown"].unstack("contestant").fillna("-")
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in result.notes)
        order = [m for m in result.meanings if m in table.index]
        return f"<div>{table.loc[order, list(result.scores)].to_html(border=0)}{notes}</div>"
    rows = "".join(
        f"<tr><th style='{LEFT}'>{html.escape(name)}</th><td style='{LEFT}'>{html.escape(text)}</td></tr>"
        for name, text in _lines(result)
    )
    return f"<div><p><b>{html.escape(type(result).__name__)}</b></p><table>{rows}</table></div>"


def _comparison_frame(result: Comparison) -> Any:
    """A row for each contestant and measure."""
    import pandas as pd

    rows = [
        (name, measure, float(e.value), float(e.stderr), shown(e), e.method)
        for name, scores in result.scores.items()
        for measure, e in scores.items()
    ]
    columns = ["contestant", "measure", "value", "stderr", "shown", "method"]
    return pd.DataFrame(rows, columns=columns).set_index(["contestant", "measure"])


def _trajectory_frame(result: Trajectory) -> Any:
    import pandas as pd

    columns: dict[str, np.ndarray] = {}
    for name, (_, array) in _components(result).items():
        flat = array.reshape(len(array), -1)
        names = [name] if array.ndim == 1 else [f"{name}{k}" for k in range(flat.shape[1])]
        columns.update({n: flat[:, k] for k, n in enumerate(names)})
    return pd.DataFrame(columns, index=pd.Index(np.asarray(result.t), name="time"))


def _components(result: Trajectory) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Variables of a trajectory: dimensions and values by name."""
    leaves = jax.tree_util.tree_flatten_with_path(result.x)[0]
    if len(leaves) == 1 and not leaves[0][0]:
        x = np.asarray(leaves[0][1])
        names = result.variables
        if names is None and x.ndim == 2 and x.shape[1] <= 3:
            names = ("x", "y", "z")[: x.shape[1]]
        if names is not None and x.ndim == 2 and len(names) == x.shape[1]:
            return {name: (("time",), x[:, k]) for k, name in enumerate(names)}
        if names is not None and x.ndim == 1 and len(names) == 1:
            return {names[0]: (("time",), x)}
        return {"x": (_dims("", x), x)}
    out = {}
    for path, leaf in leaves:
        name = "_".join(str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in path)
        array = np.asarray(leaf)
        out[name] = (_dims(name, array), array)
    return out


def _dims(name: str, array: np.ndarray) -> tuple[str, ...]:
    label = f"{name}_component" if name else "component"
    rest = array.ndim - 1
    return ("time", *([label] if rest == 1 else [f"{label}_{k}" for k in range(rest)]))


def _spectrum_dataset(result: Spectrum) -> Any:
    import xarray as xr

    exponents = np.asarray(result.exponents)
    batch = tuple(f"case_{k}" if exponents.ndim > 2 else "case" for k in range(exponents.ndim - 1))
    data = {
        "exponents": ((*batch, "exponent"), exponents, {"units": "nats / time"}),
        "stderr": ((*batch, "exponent"), np.asarray(result.stderr), {"units": "nats / time"}),
        "n_eff": ((*batch, "exponent"), np.asarray(result.n_eff)),
        "local": ((*batch, "row", "exponent"), np.asarray(result.local), {"units": "nats / time"}),
    }
    coords = {"exponent": np.arange(1, exponents.shape[-1] + 1)}
    attributes = {"n_dimensions": result.n_dimensions, "status": str(result.status), "system": result.name or ""}
    for name in ("dt", "interval", "n_steps", "n_transient"):
        value = np.asarray(getattr(result, name))
        if value.ndim == 0:
            attributes[name] = value.item()
    return xr.Dataset(data, coords, attributes)


def _field_dataset(result: FtleField) -> Any:
    import xarray as xr

    dims = tuple(result.axes)
    attributes = {"duration": result.duration, "t0": result.t0, "n_lost": result.n_lost, "status": str(result.status)}
    attributes |= {"system": result.name or "", **{f"at_{k}": v for k, v in result.at.items()}}
    data = {"ftle": (dims, np.asarray(result.values), {"units": "nats / time"})}
    data |= {f"end_{name}": (dims, np.asarray(result.ends)[..., k]) for k, name in enumerate(dims)}
    return xr.Dataset(data, {name: np.asarray(a) for name, a in result.axes.items()}, attributes)


def _covariant_dataset(result: CovariantVectors) -> Any:
    import xarray as xr

    n, k, _ = result.vectors.shape
    data = {
        "vectors": (("time", "exponent", "component"), np.asarray(result.vectors)),
        "local": (("interval", "exponent"), np.asarray(result.local), {"units": "nats / time"}),
        "exponents": (("exponent",), np.asarray(result.exponents.value), {"units": "nats / time"}),
        "stderr": (("exponent",), np.asarray(result.exponents.stderr), {"units": "nats / time"}),
        "unsettled": (("exponent",), np.asarray(result.unsettled)),
    }
    if isinstance(result.x, np.ndarray | jax.Array):
        dims = ("time", *(f"state_{i}" for i in range(np.ndim(result.x) - 1)))
        data["x"] = (dims, np.asarray(result.x))
    coords = {"time": np.asarray(result.t), "exponent": np.arange(1, k + 1)}
    attributes = {"memory_bound": result.memory_bound, "status": str(result.status), "system": result.name or ""}
    return xr.Dataset(data, coords, {**attributes, "interval": result.interval, "n_frames": n})


def _fields(result: Any, prefix: str = "") -> dict[str, Any]:
    """Arrays and numbers of any result, by name; results inside it by their own fields."""
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise ParameterError(f"to_xarray takes a result of cocycle, got {type(result).__name__}.")
    out: dict[str, Any] = {}
    for field in dataclasses.fields(result):
        value, name = getattr(result, field.name), f"{prefix}{field.name}"
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            out.update(_fields(value, f"{name}_"))
        elif isinstance(value, np.ndarray | jax.Array) and np.ndim(value):
            out[name] = (tuple(f"{name}_{k}" for k in range(np.ndim(value))), np.asarray(value))
        elif isinstance(value, int | float | str | np.generic | jax.Array):
            out[name] = ((), np.asarray(value))
    return out


def _lines(result: Any) -> list[tuple[str, str]]:
    """What there is to say of a result, a line each."""
    from cocycle.report.present_points import points_lines

    found = points_lines(result)
    if found is not None:
        return found
    if isinstance(result, Estimate):
        return [("value", str(result)), ("method", result.method)]
    if isinstance(result, Spectrum):
        if np.ndim(result.exponents) > 1:
            return [("exponents", f"shape {np.shape(result.exponents)}")]
        pairs = zip(np.asarray(result.exponents), np.asarray(result.stderr), strict=True)
        rows = [(f"exponent {k + 1}", format_value(float(v), float(s))) for k, (v, s) in enumerate(pairs)]
        rows = rows if len(rows) <= MAX_ROWS else [*rows[: MAX_ROWS - 1], ("...", ""), rows[-1]]
        return [*rows, ("Kaplan-Yorke dimension", str(result.kaplan_yorke_dimension)), ("status", str(result.status))]
    if isinstance(result, Series):
        return [("series", str(result)), ("source", result.source)]
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        raise ParameterError(f"a result of cocycle is needed, got {type(result).__name__}.")
    rows = []
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        if isinstance(value, Estimate | int | float | str):
            rows.append((field.name, str(value)))
        elif field.name == "reasons":
            rows.append((field.name, "; ".join(value)))
    return rows
