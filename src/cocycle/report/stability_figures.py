"""Figures of the stability of a minimum."""

from typing import Any

import numpy as np

from cocycle.report.figure_parts import COLOURS, Figure, Panel, axis, band, dots, envelope, layout, line, numbers, rule
from cocycle.training.stability_map import StabilityMap
from cocycle.training.verdict import Stability

PARTED = [[0.0, "@blue"], [0.5, "@grid"], [1.0, "@orange"]]
LEGEND = {"showlegend": True, "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"}}
MARGIN = {"margin": {"l": 60, "r": 14, "t": 48, "b": 46}}
MOST = 2000
# Exponents of minus infinity are drawn at the bottom.
FLOOR = -5.0
# Colours grow as this power of the exponent, so that small ones are seen too.
POWER = 0.35


def stability_figures(found: Stability, chart: StabilityMap | None = None) -> tuple[Figure, ...]:
    """Return the cards of a verdict, and of a map around it.

    Args:
        found: the verdict.
        chart: exponents over learning rates and batch sizes, or None.
    """
    cards = [] if chart is None else [_rates(found, chart)]
    if chart is not None and len(chart.batch_sizes) > 1:
        cards.append(_map(found, chart))
    return (*cards, _growth(found), _curvature(found))


def _finite(values: Any) -> np.ndarray:
    return np.asarray(np.maximum(np.asarray(values, dtype=float), FLOOR))


def _rates(found: Stability, chart: StabilityMap) -> Figure:
    """Exponents against the learning rate, a curve for each batch size."""
    rates = chart.learning_rates
    traces: list[dict[str, Any]] = []
    for k, size in enumerate(chart.batch_sizes):
        colour = COLOURS[k % len(COLOURS)]
        value, error = _finite(chart.exponent[k]), 2 * chart.stderr[k]
        if len(chart.batch_sizes) == 1:
            traces.append({**band(rates, value - error, value + error), "showlegend": False})
        traces.append(line(rates, value, colour, name=f"SGD, batch {size}"))
    traces.append(line(rates, _finite(chart.gradient_descent), "@grey", name="gradient descent", line={"dash": "dash"}))
    value, error = _finite(found.exponent.value), 2 * float(found.exponent.stderr)
    point = dots([found.learning_rate], [value], "@ink", size=9, name="asked for")
    point["error_y"] = {"type": "data", "array": numbers([error]), "color": "@ink", "thickness": 1}
    traces.append(point)
    shapes = [rule(0.0), rule(found.learning_rate, vertical=True, colour="@grey")]
    seen = np.concatenate([_finite(chart.exponent).ravel(), _finite(chart.gradient_descent)])
    low = max(float(np.min(seen)), -3 * max(float(np.max(seen)), 0.02))
    high = 1.1 * max(float(np.max(seen)), 0.02)
    look = layout(
        axis("learning rate", type="log"), axis("exponent [nats / step]", range=[low, high]), shapes=shapes, **LEGEND
    )
    caption = (
        "Above zero SGD cannot settle at this minimum, below it can. Gradient descent, which sees all samples at once, "
        "has a limit of its own (2 / sharpness)."
    )
    return Figure(
        "rates", "Exponent against learning rate", caption, (Panel(traces, {**look, **MARGIN}, 400),), wide=True
    )


def _map(found: Stability, chart: StabilityMap) -> Figure:
    """Exponents in colours over learning rate and batch size, with the limits of each notion."""
    z, places, labels = _signed(chart)
    rates, sizes = chart.learning_rates, chart.batch_sizes.astype(float)
    rows = np.arange(len(sizes), dtype=float)
    heat = {
        "type": "heatmap",
        "z": numbers(z),
        "x": numbers(np.log10(rates)),
        "y": numbers(rows),
        "colorscale": PARTED,
        "zmin": -1,
        "zmax": 1,
        "colorbar": {
            "title": {"text": "exponent", "side": "right"},
            "thickness": 12,
            "tickvals": places,
            "ticktext": labels,
        },
        "hoverinfo": "skip",
    }
    traces = [heat]
    curves = [
        (chart.critical_rate, "@ink", "solid", "exponent zero"),
        (chart.mean_square_rate, "@ink", "dot", "mean square"),
    ]
    for values, colour, dash, name in curves:
        traces.append(line(np.log10(values), rows, colour, width=2, name=name, line={"dash": dash}))
    edge = np.log10(2 / chart.sharpness)
    traces.append(
        line([edge, edge], [rows[0] - 0.5, rows[-1] + 0.5], "@ink", name="gradient descent", line={"dash": "dash"})
    )
    if found.batch_size in chart.batch_sizes:
        row = float(np.argmax(chart.batch_sizes == found.batch_size))
        traces.append(
            dots([np.log10(found.learning_rate)], [row], "@ink", size=10, name="asked for", marker={"symbol": "x"})
        )
    half = 0.5 * float(np.log10(rates[1] / rates[0])) if len(rates) > 1 else 0.1
    ticks = np.log10(np.geomspace(rates[0], rates[-1], 6))
    look = layout(
        axis(
            "learning rate",
            range=[np.log10(rates[0]) - half, np.log10(rates[-1]) + half],
            tickvals=[float(t) for t in ticks],
            ticktext=[f"{10**t:.2g}" for t in ticks],
        ),
        axis("batch size", tickvals=rows.tolist(), ticktext=[f"{b:.0f}" for b in sizes], range=[-0.5, len(rows) - 0.5]),
        **LEGEND,
    )
    caption = (
        "Blue: SGD can settle here. Orange: it cannot. The exponent is zero on the full line; left of the dotted "
        "line the second moment is stable too; the dashed line is the limit of gradient descent."
    )
    return Figure("map", "Learning rate and batch size", caption, (Panel(traces, {**look, **MARGIN}, 420),), wide=True)


def _signed(chart: StabilityMap) -> tuple[np.ndarray, list[float], list[str]]:
    """Colours from -1 to 1, each side on a scale of its own: stable exponents are often far nearer to zero."""
    value = _finite(chart.exponent)
    clear = chart.verdict != 0
    tops = [max(float(np.max(np.abs(value[value * side > 0]), initial=0.0)), 1e-12) for side in (-1, 1)]
    top = np.where(value < 0, tops[0], tops[1])
    z = np.where(clear, np.sign(value) * (np.abs(value) / top) ** POWER, 0.0)
    ticks = [-1.0, -(0.1**POWER), 0.0, 0.1**POWER, 1.0]
    return z, ticks, [f"{s:.2g}" for s in (-tops[0], -0.1 * tops[0], 0.0, 0.1 * tops[1], tops[1])]


def _growth(found: Stability) -> Figure:
    """Log length of a small displacement along the product."""
    local = _finite(found.local)
    n = np.arange(1, len(local) + 1, dtype=float)
    x, y = envelope(n, np.cumsum(local), MOST)
    slope, error = float(_finite(found.exponent.value)), 2 * float(found.exponent.stderr)
    traces = [
        {**band(n[[0, -1]], n[[0, -1]] * (slope - error), n[[0, -1]] * (slope + error)), "showlegend": False},
        line(x, y, "@blue", width=1),
        line(n[[0, -1]], n[[0, -1]] * slope, "@ink", line={"dash": "dash"}),
    ]
    caption = "One realisation. The slope is the exponent; the band is two standard errors wide."
    panel = Panel(traces, layout(axis("step"), axis("log length of a displacement")), 340)
    return Figure("growth", "Growth of a small displacement", caption, (panel,))


def _curvature(found: Stability) -> Figure:
    """Eigenvalues of the Hessian and sharpness of single samples, against 2 / learning rate."""
    values, single = np.sort(found.eigenvalues)[::-1], np.sort(found.sample_sharpness)[::-1]
    traces = [
        dots(1 + np.arange(len(values)), values, "@blue", size=4, name="mean loss: eigenvalues"),
        dots(1 + np.arange(len(single)), single, "@orange", size=4, name="single samples: sharpness"),
    ]
    shapes = [rule(np.log10(2 / found.learning_rate), colour="@ink")]
    shapes[0] |= {"y0": 2 / found.learning_rate, "y1": 2 / found.learning_rate}
    look = layout(axis("rank", type="log"), axis("curvature", type="log"), shapes=shapes, **LEGEND)
    caption = (
        "Dotted: 2 / learning rate. Gradient descent is stable while the largest eigenvalue is below it; if all single "
        "samples are below it too, no batch stretches anything."
    )
    return Figure("curvature", "Curvature", caption, (Panel(traces, {**look, **MARGIN}, 340),))
