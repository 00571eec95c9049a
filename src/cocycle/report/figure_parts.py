"""Figures as plain plotly dictionaries, built without importing plotly.

Colours are tokens such as "@blue"; the page turns them into a light or a dark palette (both safe for the colour-blind).
"""

import base64
import dataclasses
from typing import Any

import numpy as np

COLOURS = ("@blue", "@orange", "@green", "@purple", "@sky", "@red", "@grey")


@dataclasses.dataclass(frozen=True)
class Panel:
    """One plot: traces, layout, and how tall it is.

    Attributes:
        data: plotly traces.
        layout: plotly layout.
        height: height [pixels].
    """

    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int = 340


@dataclasses.dataclass(frozen=True)
class Figure:
    """A card of the page.

    Attributes:
        key: name, unique on the page.
        title: heading.
        caption: what one sees and how sure it is.
        panels: plots side by side.
        extra: a plot shown on request (it needs WebGL), or None.
        wide: take the whole width of the page.
    """

    key: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    extra: Panel | None = None
    wide: bool = False


def numbers(values: Any, kind: str = "f4") -> dict[str, Any]:
    """Array in plotly's binary form: 32 bits are more than a screen resolves.

    Args:
        values: array of one or two dimensions.
        kind: plotly dtype, e.g. "f4" or "u1".

    Example:
        >>> numbers([1.0, 2.0])
        {'dtype': 'f4', 'bdata': 'AACAPwAAAEA='}
    """
    array = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
    out = {"dtype": kind, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    if array.ndim == 2:
        out["shape"] = f"{array.shape[0]}, {array.shape[1]}"
    return out


def thin(values: np.ndarray, most: int) -> np.ndarray:
    """Every k-th row, so that at most `most` remain.

    Args:
        values: rows.
        most: number of rows wanted at most.
    """
    return values[:: max(1, -(-len(values) // most))]


def envelope(t: np.ndarray, x: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest value of each stretch, so that a long series keeps its look in at most `most` points.

    Args:
        t: (n,) times.
        x: (n,) values.
        most: number of points wanted at most.

    Example:
        >>> envelope(np.arange(4.0), np.array([0.0, 3.0, 1.0, 2.0]), 2)[1].tolist()
        [0.0, 3.0]
    """
    if len(x) <= most:
        return t, x
    size = -(-2 * len(x) // most)
    n = len(x) // size
    rows = x[: n * size].reshape(n, size)
    low, high = rows.argmin(axis=1), rows.argmax(axis=1)
    picks = np.sort(np.stack([low, high], axis=1), axis=1) + size * np.arange(n)[:, None]
    picks = picks.ravel()
    return t[picks], x[picks]


def axis(title: str, **options: Any) -> dict[str, Any]:
    """Axis with a title.

    Args:
        title: quantity and unit.
        **options: more plotly options.
    """
    return {"title": {"text": title, "standoff": 8}, "automargin": True, **options}


def layout(x: dict[str, Any], y: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Layout of one plot.

    Args:
        x: x axis.
        y: y axis.
        **options: more plotly options.
    """
    return {"xaxis": x, "yaxis": y, "showlegend": False, **options}


def line(
    x: Any, y: Any, colour: str = "@blue", *, width: int | float = 1.4, name: str = "", **options: Any
) -> dict[str, Any]:
    """Line through points.

    Args:
        x: (n,) array.
        y: (n,) array.
        colour: token.
        width: of the line [pixels].
        name: for legend and hover.
        **options: more plotly options.
    """
    style = {"color": colour, "width": width, **options.pop("line", {})}
    trace = {"type": "scatter", "mode": "lines", "x": numbers(x), "y": numbers(y), "line": style, "name": name}
    return {**trace, **options}


def dots(
    x: Any, y: Any, colour: str = "@blue", *, size: int | float = 3, name: str = "", **options: Any
) -> dict[str, Any]:
    """Points.

    Args:
        x: (n,) array.
        y: (n,) array.
        colour: token.
        size: of the markers [pixels].
        name: for legend and hover.
        **options: more plotly options.
    """
    style = {"color": colour, "size": size, **options.pop("marker", {})}
    trace = {"type": "scatter", "mode": "markers", "x": numbers(x), "y": numbers(y), "marker": style, "name": name}
    return {**trace, **options}


def band(
    x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str = "@blue-soft", name: str = ""
) -> dict[str, Any]:
    """Filled area between two curves.

    Args:
        x: (n,) array.
        low: (n,) lower curve.
        high: (n,) upper curve.
        colour: token.
        name: for the legend.
    """
    return {
        "type": "scatter",
        "mode": "lines",
        "x": numbers(np.concatenate([x, x[::-1]])),
        "y": numbers(np.concatenate([high, low[::-1]])),
        "fill": "toself",
        "fillcolor": colour,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": name,
    }


def rule(
    value: int | float, *, vertical: bool = False, colour: str = "@ink", dash: str = "dot", **options: Any
) -> dict:
    """Straight line across the plot, as a layout shape.

    Args:
        value: where.
        vertical: at this x, else at this y.
        colour: token.
        dash: plotly's name of the dash.
        **options: more plotly options.
    """
    ends = {"x0": value, "x1": value, "y0": 0, "y1": 1, "yref": "paper"}
    if not vertical:
        ends = {"y0": value, "y1": value, "x0": 0, "x1": 1, "xref": "paper"}
    return {"type": "line", **ends, "line": {"color": colour, "width": 1, "dash": dash}, **options}


def stacked(n: int, gap: float = 0.06) -> list[list[float]]:
    """Vertical domains of n plots above each other, the first on top.

    Args:
        n: number of plots.
        gap: between two of them.

    Example:
        >>> stacked(1)
        [[0.0, 1.0]]
    """
    height = (1.0 - gap * (n - 1)) / n
    return [[max(0.0, 1 - (k + 1) * height - k * gap), 1 - k * (height + gap)] for k in range(n)]


def raster(
    x: np.ndarray, y: np.ndarray, x_edges: np.ndarray, n_rows: int, y_range: tuple[Any, Any], **options: Any
) -> dict[str, Any]:
    """Many points as a picture of their density, darker where there are more: light to draw and to print.

    Args:
        x: (n,) points.
        y: (n,) points.
        x_edges: edges of the columns.
        n_rows: number of rows.
        y_range: least and largest y.
        **options: more plotly options.
    """
    y_edges = np.linspace(y_range[0], y_range[1], n_rows + 1)
    count, _, _ = np.histogram2d(x, y, bins=(x_edges, y_edges))
    top = np.maximum(count.max(axis=1, keepdims=True), 1)
    shade = np.where(count > 0, 80 + 175 * np.sqrt(count / top), 0)
    return {
        "type": "heatmap",
        "z": numbers(shade.T.astype(np.uint8), "u1"),
        "x": numbers((x_edges[:-1] + x_edges[1:]) / 2),
        "y": numbers((y_edges[:-1] + y_edges[1:]) / 2),
        "zmin": 0,
        "zmax": 255,
        "colorscale": [[0, "@blue-none"], [1, "@blue"]],
        "showscale": False,
        "hoverinfo": "skip",
        **options,
    }
