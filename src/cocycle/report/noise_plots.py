"""Pictures of what noise does: what `.plot()` shows of distances, survival curves, moments, signs and densities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.measures import Density, SurvivalCurve, Visits, survival_curve
from cocycle.stability.random import MomentExponents, NPointMotion, PassageTimes, SignTest

BLUE, SOFT, ORANGE, INK = "#0072b2", "rgba(0,114,178,0.2)", "#d55e00", "#1a1d21"
Z = 2.0


def _figure(data: list[dict], title: str, x: str, y: str, **axes: Any) -> Any:
    import plotly.graph_objects as go

    return go.Figure(
        data=data,
        layout={
            "title": {"text": title, "font": {"size": 15}, "x": 0.02},
            "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
            "template": "plotly_white",
            "margin": {"l": 60, "r": 20, "t": 48, "b": 50},
            "showlegend": False,
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}, **axes},
        },
    )


def _line(x: Any, y: Any, colour: str = BLUE, **options: Any) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"color": colour, "width": 1.4}, **options}


def _bars(x: Any, y: Any, error: Any) -> dict[str, Any]:
    bars = {"type": "data", "array": Z * np.asarray(error), "color": ORANGE, "thickness": 1}
    marker = {"color": BLUE, "size": 7}
    return {"type": "scatter", "mode": "lines+markers", "x": x, "y": y, "error_y": bars, "marker": marker}


def plot_survival(curve: SurvivalCurve, title: str = "Survival, with 95 % limits") -> Any:
    """Survival curve with limits.

    Args:
        curve: the curve.
        title: heading.

    Returns:
        plotly.graph_objects.Figure.
    """
    low, high = curve.band()
    t = np.append(0.0, curve.time)
    step = {"line": {"color": BLUE, "width": 1.6, "shape": "hv"}}
    edge = {"line": {"width": 0, "shape": "hv"}}
    data = [
        {**_line(t, np.append(1.0, high)), **edge},
        {**_line(t, np.append(1.0, low)), **edge, "fill": "tonexty", "fillcolor": SOFT},
        {**_line(t, np.append(1.0, curve.survival)), **step},
    ]
    return _figure(data, title, "duration", "share that lasts longer", range=[0, 1.02])


def plot_motion(motion: NPointMotion) -> Any:
    """Distances of points under the same noise, on a logarithmic axis.

    Args:
        motion: the distances.

    Returns:
        plotly.graph_objects.Figure.
    """
    rows = np.concatenate([motion.start[None], motion.distances])
    t = np.append(0.0, motion.t)
    data = [_line(t, np.where(row > 0, row, np.nan)) for row in rows.T]
    name = f", {motion.name.replace('_', ' ')}" if motion.name else ""
    return _figure(
        data,
        f"Points under the same noise{name}",
        "time",
        "distance from the first point",
        type="log",
        exponentformat="power",
    )


def _passages(times: PassageTimes) -> Any:
    return plot_survival(survival_curve(times.times, times.observed), "Times until it happened, with 95 % limits")


def _visits(found: Visits) -> Any:
    return plot_survival(found.survival, "Durations of visits, with 95 % limits")


def _moments(found: MomentExponents) -> Any:
    slope = float(found.exponent.value)
    data = [_line(found.p, slope * found.p, ORANGE), _bars(found.p, found.exponents, found.stderr)]
    return _figure(
        data, "Moment exponents; the line has the slope of the Lyapunov exponent", "order p", "Λ(p) [nats / time]"
    )


def _sign(found: SignTest) -> Any:
    look = np.arange(1, len(found.z) + 1)
    data = [_line(look, found.bound, ORANGE), _line(look, -found.bound, ORANGE), _line(look, found.z)]
    return _figure(data, str(found), "look", "test statistic, and the bound that decides")


def _density(found: Density) -> Any:
    if found.points.shape[1] != 1:
        raise ParameterError("densities on a line can be shown; take one coordinate.")
    x = found.points[:, 0]
    low, high = found.density - Z * found.stderr, found.density + Z * found.stderr
    edge = {"line": {"width": 0}}
    data = [
        {**_line(x, high), **edge},
        {**_line(x, low), **edge, "fill": "tonexty", "fillcolor": SOFT},
        _line(x, found.density),
    ]
    return _figure(data, "Stationary density, with two standard errors", "x", "density", rangemode="tozero")


PICTURES: dict[type, Callable[[Any], Any]] = {
    SurvivalCurve: plot_survival,
    NPointMotion: plot_motion,
    PassageTimes: _passages,
    Visits: _visits,
    MomentExponents: _moments,
    SignTest: _sign,
    Density: _density,
}
