"""Pictures of fields on grids: what `FtleField.plot()` shows."""

from typing import Any

import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.stability.fields.field import FtleField
from cocycle.stability.fields.ridges import ridge_lines
from cocycle.stability.fields.tracks import TrackFtle

FORWARD, BACKWARD, LINE, INK = "Viridis", "Cividis", "#ffffff", "#1a1d21"
UNIT = "nats / time"
N_SLICES = 3


def plot_field(field: FtleField) -> Any:
    """Heat map of a field with its ridges; a curve on one axis, three slices on three.

    Args:
        field: the field.

    Returns:
        plotly.graph_objects.Figure.
    """
    way = "Backward" if field.duration < 0 else "Forward"
    title = f"{way} finite-time exponents over {abs(field.duration):g} from t = {field.t0:g}"
    title += f", {field.name.replace('_', ' ')}" if field.name else ""
    if len(field.axes) == 1:
        return _curve(field, title)
    if len(field.axes) == 3:
        return _slices(field, title)
    return _plane(field, title)


def _heat(values: np.ndarray, x: np.ndarray, y: np.ndarray, backward: bool, **options: Any) -> dict[str, Any]:
    # Walls and a few exact values tower over the rest: the colours end at the 97th percentile.
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.0, 0.97]) if known.size else (0.0, 1.0)
    scale = {"colorscale": BACKWARD if backward else FORWARD, "zmin": float(low), "zmax": float(high)}
    bar = {"colorbar": {"title": {"text": UNIT, "side": "right"}, "thickness": 12, "outlinewidth": 0}}
    return {"type": "heatmap", "x": x, "y": y, "z": values.T.astype(np.float32), **scale, **bar, **options}


def _style(title: str, **options: Any) -> dict[str, Any]:
    font = {"family": "system-ui, sans-serif", "size": 13, "color": INK}
    return {
        "title": {"text": title, "font": {"size": 15}, "x": 0.02},
        "font": font,
        "template": "plotly_white",
        "margin": {"l": 60, "r": 20, "t": 48, "b": 50},
        **options,
    }


def _figure(data: list, layout: dict) -> Any:
    import plotly.graph_objects as go

    return go.Figure(data=data, layout=layout)


def _curve(field: FtleField, title: str) -> Any:
    (name, x), *_ = field.axes.items()
    trace = {"type": "scatter", "mode": "lines", "x": x, "y": field.values, "line": {"color": "#0072b2"}}
    return _figure([trace], _style(title, xaxis={"title": name}, yaxis={"title": UNIT}))


def _plane(field: FtleField, title: str) -> Any:
    (x_name, x), (y_name, y) = field.axes.items()
    data = [_heat(field.values, x, y, field.duration < 0)]
    drawable = min(field.values.shape) >= 5 and np.isfinite(field.values).any()
    ridges = ridge_lines(field.values, field.axes).lines if drawable else ()
    if ridges:
        gap = np.full((1, 2), np.nan)
        path = np.concatenate([part for line in ridges for part in (line, gap)])
        style = {"color": LINE, "width": 1.2}
        data.append(
            {"type": "scatter", "mode": "lines", "x": path[:, 0], "y": path[:, 1], "line": style, "name": "ridges"}
        )
    spans = np.ptp(x), np.ptp(y)
    square = {"scaleanchor": "x", "scaleratio": 1} if max(spans) < 5 * min(spans) else {}
    shape = {"constrain": "domain", "showgrid": False, "zeroline": False}
    height = int(np.clip(110 + 800 * spans[1] / spans[0], 320, 800)) if square else 460
    return _figure(
        data,
        _style(
            title,
            xaxis={"title": x_name, **shape},
            yaxis={"title": y_name, **square, **shape},
            width=960,
            height=height,
            showlegend=False,
        ),
    )


def _slices(field: FtleField, title: str) -> Any:
    """Planes at three values of the last axis."""
    (x_name, x), (y_name, y), (z_name, z) = field.axes.items()
    picks = np.linspace(0, len(z) - 1, N_SLICES + 2).round().astype(int)[1:-1]
    data, layout = [], _style(title, width=1100, height=420, showlegend=False)
    notes = []
    for k, at in enumerate(picks):
        suffix = "" if k == 0 else str(k + 1)
        trace = _heat(field.values[:, :, at], x, y, field.duration < 0, showscale=k == N_SLICES - 1)
        data.append({**trace, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        left, right = k / N_SLICES, (k + 0.9) / N_SLICES
        layout[f"xaxis{suffix}"] = {"title": x_name, "domain": [left, right]}
        layout[f"yaxis{suffix}"] = {"title": y_name if k == 0 else "", "anchor": f"x{suffix}"}
        place = {"x": (left + right) / 2, "y": 1.06, "xref": "paper", "yref": "paper", "showarrow": False}
        notes.append({"text": f"{z_name} = {z[at]:.3g}", **place})
    return _figure(data, {**layout, "annotations": notes})


def plot_tracks(found: TrackFtle) -> Any:
    """Places coloured by their exponents.

    Args:
        found: exponents of tracks.

    Returns:
        plotly.graph_objects.Figure.

    Raises:
        ParameterError: if the places are not in the plane or in space.
    """
    if found.points.shape[1] not in (2, 3):
        raise ParameterError("tracks in the plane or in space can be shown.")
    marker = {"color": found.values, "colorscale": FORWARD, "size": 5, "colorbar": {"title": UNIT, "thickness": 12}}
    text = [f"{v:.3g} ± {e:.1g}" for v, e in zip(found.values, found.stderr, strict=True)]
    axes = dict(zip("xyz", found.points.T))
    kind = "scatter" if len(axes) == 2 else "scatter3d"
    trace = {"type": kind, "mode": "markers", "marker": marker, "text": text, **axes}
    title = f"Finite-time exponents of {len(found.values)} tracks over {abs(found.duration):g}"
    return _figure([trace], _style(title, xaxis={"title": "x"}, yaxis={"title": "y", "scaleanchor": "x"}))
