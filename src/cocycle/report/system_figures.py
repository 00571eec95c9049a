"""Figures of a system: portrait, series, convergence, local rates, power spectrum, bifurcation strip."""

from typing import Any

import numpy as np

from cocycle.core.drivers import Clock, Still
from cocycle.core.estimate import format_value
from cocycle.measures.dimension import CorrelationDimension
from cocycle.report.figure_parts import (
    COLOURS,
    Figure,
    Panel,
    axis,
    band,
    dots,
    layout,
    line,
    numbers,
    raster,
    rule,
    stacked,
    thin,
)
from cocycle.report.noise_figures import noise_figures
from cocycle.report.schema import time_unit
from cocycle.report.system_analysis import SystemAnalysis

N_LINE = 8000
N_DOTS = 5000
N_SHOWN = 1500
MANY = 6


def system_figures(analysis: SystemAnalysis) -> tuple[Figure, ...]:
    """All figures of a system, in the order of the page.

    Args:
        analysis: what was measured.
    """
    figures = [portrait(analysis), time_series(analysis)]
    if analysis.spectrum is not None:
        figures += [convergence(analysis), local_rates(analysis)]
        if analysis.spectrum.n_vectors > 3:
            figures.append(spectrum_curve(analysis))
    figures.append(power(analysis))
    if analysis.correlation is not None:
        figures.append(correlation_slopes(analysis.correlation, "the state"))
    figures.append(strip(analysis))
    if analysis.noise is not None:
        figures += noise_figures(analysis.noise, time_unit(analysis))
    return tuple(figure for figure in figures if figure is not None)


def portrait(analysis: SystemAnalysis) -> Figure | None:
    """Phase portrait: planes of the first three coordinates, the space on request; a return plot in 1-D."""
    points, names = analysis.shown, analysis.variables
    if len(points) < 3:
        return None
    if points.shape[1] == 1 and analysis.is_flow:
        return _one_dimensional_flow(analysis)
    if points.shape[1] == 1:
        x = points[:, 0]
        sample = thin(np.stack([x[:-1], x[1:]], axis=1), N_DOTS)
        axes = axis(f"{names[0]}(n)"), axis(f"{names[0]}(n + 1)")
        panel = Panel([dots(sample[:, 0], sample[:, 1])], layout(*axes), 420)
        pairs = f"{len(sample):,} of {len(x):,} pairs"
        text = f"Each state against the next, {pairs}: a curve means that one number decides the next."
        return Figure("portrait", "Return plot", text, (panel,))
    smooth = analysis.is_flow
    shown = points[:N_LINE] if smooth else thin(points, N_DOTS)

    def trace(i: int, j: int) -> dict:
        return line(shown[:, i], shown[:, j], width=0.6) if smooth else dots(shown[:, i], shown[:, j], size=2)

    pairs = [(0, 1)] if points.shape[1] == 2 else [(0, 1), (0, 2), (1, 2)]
    panels = tuple(Panel([trace(i, j)], layout(axis(names[i]), axis(names[j]))) for i, j in pairs)
    extra = None
    if points.shape[1] >= 3:
        space: dict[str, Any] = {"type": "scatter3d", "mode": "lines" if smooth else "markers", "hoverinfo": "skip"}
        space.update({k: numbers(shown[:, i]) for i, k in enumerate("xyz")})
        space.update({"line": {"color": "@blue", "width": 2}, "marker": {"color": "@blue", "size": 1.5}})
        scene = {f"{k}axis": {"title": {"text": names[i]}} for i, k in enumerate("xyz")}
        extra = Panel([space], {"scene": scene, "showlegend": False}, 520)
    if analysis.approach is not None:
        return _approach(analysis, panels, extra)
    span = f"{len(shown) * analysis.save_dt:.3g} time units" if smooth else f"{len(shown):,} of {len(points):,} states"
    text = f"The orbit on its attractor, after the transient, over {span}"
    text += "." if points.shape[1] <= 3 else f", in three of its {points.shape[1]} coordinates."
    return Figure("portrait", "Phase portrait", text, panels, extra, wide=len(panels) > 1)


def _approach(analysis: SystemAnalysis, panels: tuple[Panel, ...], extra: Panel | None) -> Figure:
    """The way to rest, with the place of rest marked."""
    end, n = analysis.points[-1], analysis.points.shape[1]
    for panel, (i, j) in zip(panels, [(0, 1), (0, 2), (1, 2)][: max(1, len(panels))]):
        panel.data.append(dots([end[i]], [end[j % n]], "@orange", size=9, name="rest"))
    text = f"The way from the initial state to rest (orange), {len(analysis.shown):,} steps."
    return Figure("portrait", "Approach to the fixed point", text, panels, extra, wide=len(panels) > 1)


def _one_dimensional_flow(analysis: SystemAnalysis) -> Figure:
    """One observed number in continuous time: its distribution under noise, else its delay portrait."""
    x, name = analysis.shown[:, 0], analysis.variables[0]
    if not isinstance(analysis.driver, Still | Clock):
        count, edges = np.histogram(x, bins=80, density=True)
        trace = line((edges[:-1] + edges[1:]) / 2, count, line={"shape": "hvh"}, fill="tozeroy", fillcolor="@blue-soft")
        text = f"Distribution of {len(x):,} states, {analysis.save_dt:g} apart in time: neighbours are not independent."
        panel = Panel([trace], layout(axis(name), axis("density", rangemode="tozero")), 360)
        return Figure("portrait", "Stationary distribution", text, (panel,))
    delay = max(1, analysis.delay)
    shown = x[: N_LINE + delay]
    trace = line(shown[delay:], shown[:-delay], width=0.7)
    text = (
        f"The orbit in delay coordinates, a delay of {delay * analysis.save_dt:.3g} apart "
        f"(first minimum of the mutual information), over {len(shown) * analysis.save_dt:.3g} time units."
    )
    panel = Panel([trace], layout(axis(f"{name}(t)"), axis(f"{name}(t - τ)")), 420)
    return Figure("portrait", "Delay portrait", text, (panel,))


def time_series(analysis: SystemAnalysis) -> Figure:
    """The first coordinates over a stretch of time; a carpet where there are many."""
    unit = time_unit(analysis)
    orbit = analysis.orbit if analysis.approach is None else analysis.approach
    shown, t = analysis.shown[:N_SHOWN], np.asarray(orbit.t)[:N_SHOWN]
    clock = axis(unit)
    n = shown.shape[1]
    if n > MANY:
        carpet = thin(shown, 400)
        low, high = float(carpet.min()), float(carpet.max())
        trace = {
            "type": "heatmap",
            "x": numbers(thin(t, 400), "f8"),
            "y": numbers(np.arange(1, n + 1)),
            "z": numbers(carpet.T),
            "zmin": low,
            "zmax": high,
            "colorscale": "Cividis",
            "colorbar": {"title": {"text": "value"}, "thickness": 12},
        }
        text = f"All {n} coordinates over {t[-1] - t[0]:.3g} {_times(unit)}."
        return Figure(
            "series", "Space and time", text, (Panel([trace], layout(clock, axis("coordinate")), 380),), wide=True
        )
    k = min(n, 3)
    domains = stacked(k)
    marks: dict[str, Any] = {} if analysis.is_flow else {"mode": "lines+markers", "marker": {"size": 3}}
    if not analysis.is_flow:
        shown, t = shown[:200], t[:200]
    data = [line(t, shown[:, i], COLOURS[i], yaxis=f"y{i + 1}", **marks) for i in range(k)]
    plan = {"xaxis": {**clock, "anchor": f"y{k}"}, "showlegend": False}
    for i in range(k):
        plan["yaxis" if i == 0 else f"yaxis{i + 1}"] = axis(analysis.variables[i], domain=domains[i])
    where = "on its attractor" if analysis.approach is None else "from its initial state"
    text = f"The orbit {where} over {t[-1] - t[0]:.3g} {_times(unit)}."
    return Figure("series", "Time series", text, (Panel(data, plan, 160 + 110 * k),), wide=True)


def _times(unit: str) -> str:
    """Unit of time, in the plural."""
    return "time units" if unit == "time" else f"{unit}s"


def convergence(analysis: SystemAnalysis) -> Figure | None:
    """Running mean of each leading exponent, with the band of two standard errors."""
    spectrum = analysis.spectrum
    assert spectrum is not None
    unit = time_unit(analysis)
    history = spectrum.history
    t = float(spectrum.interval) * np.arange(1, len(history) + 1)
    keep = np.unique(np.geomspace(max(1, len(t) // 500), len(t), 400).astype(int)) - 1
    t, history = t[keep], history[keep]
    finite = np.flatnonzero(np.isfinite(history).all(axis=0))[:3]
    if not len(finite):
        return None
    domains = stacked(len(finite), 0.08)
    data, plan = (
        [],
        {
            "showlegend": False,
            "xaxis": {
                **axis("averaging time" if unit == "time" else f"{unit}s averaged over"),
                "anchor": f"y{len(finite)}",
            },
        },
    )
    shapes = []
    for row, i in enumerate(finite):
        stderr = float(np.nan_to_num(spectrum.stderr[i], posinf=0.0))
        error = 2 * stderr * np.sqrt(t[-1] / t)
        value = float(spectrum.exponents[i])
        late = np.abs(history[t > 0.05 * t[-1], i] - value).max()
        reach = max(10 * stderr, 1.2 * float(late), 1e-3 * abs(value), 1e-6)
        on = {"yaxis": f"y{row + 1}"}
        data.append({**band(t, history[:, i] - error, history[:, i] + error, "@blue-soft"), **on})
        data.append({**line(t, history[:, i], "@blue"), **on})
        label = axis(f"λ<sub>{i + 1}</sub>", domain=domains[row], range=[value - reach, value + reach])
        plan["yaxis" if row == 0 else f"yaxis{row + 1}"] = label
        yref = "y" if row == 0 else f"y{row + 1}"
        shapes.append(rule(value, colour="@orange", yref=yref))
    plan["shapes"] = shapes
    shown = "; ".join(
        f"λ<sub>{i + 1}</sub> = {format_value(float(spectrum.exponents[i]), float(spectrum.stderr[i]))}" for i in finite
    )
    text = (
        f"Running means [nats / {unit}] settle at {shown} (orange). "
        "The band is two standard errors of an average over that time."
    )
    return Figure("convergence", "Convergence of the exponents", text, (Panel(data, plan, 160 + 110 * len(finite)),))


def local_rates(analysis: SystemAnalysis) -> Figure | None:
    """Histogram of the growth rates of the first tangent vector between orthonormalisations."""
    spectrum, unit = analysis.spectrum, time_unit(analysis)
    assert spectrum is not None
    rates = np.asarray(spectrum.local)[:, 0]
    rates = rates[np.isfinite(rates)]
    mean = float(np.mean(rates)) if len(rates) else 0.0
    if len(rates) < 16 or np.ptp(rates) <= 1e-9 * max(1.0, abs(mean)):
        return None
    count, edges = np.histogram(rates, bins=min(80, max(20, int(np.sqrt(len(rates))))), density=True)
    bars = {
        "type": "bar",
        "x": numbers((edges[:-1] + edges[1:]) / 2),
        "y": numbers(count),
        "width": float(edges[1] - edges[0]),
        "marker": {"color": "@blue", "line": {"width": 0}},
    }
    shapes = [rule(0.0, vertical=True), rule(mean, vertical=True, colour="@orange", dash="solid")]
    axes = axis(f"local growth rate [nats / {unit}]"), axis(f"density [{unit} / nat]")
    text = (
        f"Growth rates over {float(spectrum.interval):g} {_times(unit)} along the orbit; their mean (orange) is "
        f"λ<sub>1</sub>. For {100 * np.mean(rates < 0):.0f} % of the time small errors shrink."
    )
    height = 160 + 110 * min(3, spectrum.n_vectors)
    return Figure("rates", "Local growth rates", text, (Panel([bars], layout(*axes, shapes=shapes, bargap=0), height),))


def spectrum_curve(analysis: SystemAnalysis) -> Figure:
    """All exponents over their number."""
    spectrum, unit = analysis.spectrum, time_unit(analysis)
    assert spectrum is not None
    values, errors = np.asarray(spectrum.exponents, dtype=float), np.asarray(spectrum.stderr, dtype=float)
    finite = np.isfinite(values)
    number = np.arange(1, len(values) + 1)[finite]
    bars = {"type": "data", "array": numbers(2 * errors[finite]), "color": "@orange", "thickness": 1, "width": 2}
    data = [dots(number, values[finite], size=6, error_y=bars)]
    axes = axis("number"), axis(f"exponent [nats / {unit}]")
    n_positive = int(np.sum(values > 3 * errors))
    text = f"The {len(values)} exponents with bars of two standard errors; {n_positive} are positive beyond three."
    if not finite.all():
        text += f" {int(np.sum(~finite))} are minus infinity and not shown."
    return Figure("spectrum", "Lyapunov spectrum", text, (Panel(data, layout(*axes, shapes=[rule(0.0)]), 360),))


def power(analysis: SystemAnalysis) -> Figure | None:
    """Power spectrum of the first coordinate."""
    found = analysis.power
    if found is None:
        return None
    unit, name = time_unit(analysis), analysis.variables[0]
    return power_figure(found.frequency, found.density, found.n_segments, name, unit)


def power_figure(frequency: np.ndarray, density: np.ndarray, n_segments: int, name: str, unit: str) -> Figure | None:
    """Power spectrum with a logarithmic density.

    Args:
        frequency: (f,) [cycles / unit].
        density: (f,) power density.
        n_segments: averaged segments.
        name: of the series.
        unit: of time.
    """
    kept = (frequency > 0) & (density > 0)
    if kept.sum() < 4:
        return None
    f, p = frequency[kept], density[kept]
    floor = float(p.max()) * 1e-10
    last = min(len(f), int(1.3 * np.flatnonzero(p > 1e-8 * p.max())[-1]) + 8)
    f, p = thin(np.stack([f[:last], p[:last]], axis=1), 3000).T
    axes = (
        axis(f"frequency [cycles / {unit}]"),
        axis(
            f"power density of {name}", type="log", exponentformat="power", dtick=2 if p.min() < 1e-5 * p.max() else 1
        ),
    )
    text = (
        f"Power spectrum of {name}, the mean of {n_segments} windowed segments (each value is known to about "
        f"{100 * 1.3 / np.sqrt(max(n_segments, 1)):.0f} %): sharp lines are periods, a broad floor is chaos or noise."
    )
    return Figure(
        "power", "Power spectrum", text, (Panel([line(f, np.maximum(p, floor), width=1)], layout(*axes), 360),)
    )


def correlation_slopes(found: CorrelationDimension, of: str) -> Figure | None:
    """Local slopes of the correlation sum, and the plateau that gives the dimension.

    Args:
        found: the result.
        of: what was measured, for the caption.
    """
    rows = [k for k in range(len(found.slope)) if np.isfinite(found.slope[k]).sum() > 1]
    if not rows:
        return None
    # Below the radii at which the largest embeddings can be read, the small ones say nothing more.
    seen = [found.radius[np.isfinite(found.slope[k])][0] for k in rows[-3:]]
    least = min(seen) / 3
    data = []
    for k in rows:
        ok = np.isfinite(found.slope[k]) & (found.radius >= least)
        name = f"m = {k + 1}" if len(found.slope) > 1 else "slope"
        colour = "@blue" if (k + 1 in found.embedding or len(found.slope) == 1) else "@grey"
        data.append(line(found.radius[ok], found.slope[k][ok], colour, width=1.6, name=name, hovertemplate="%{y:.2f}"))
    top = float(np.nanmax(found.slope))
    shapes = []
    if found.has_plateau:
        low, high = found.plateau
        box = {"type": "rect", "x0": low, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
        shapes = [{**box, "fillcolor": "@orange-soft", "line": {"width": 0}}]
        shapes.append(rule(float(found.dimension.value), colour="@orange"))
    axes = axis("radius r", type="log", exponentformat="power"), axis("d log C / d log r", range=[0, 1.1 * top])
    reason = found.reason[:1].upper() + found.reason[1:]
    if found.has_plateau:
        value = format_value(float(found.dimension.value), float(found.dimension.stderr))
        text = f"Slope of the correlation sum of {of}: {value} on the shaded plateau. {reason}."
    else:
        text = f"Slope of the correlation sum of {of}: no dimension can be read off. {reason}."
    if len(rows) > 1:
        text += f" One curve for each embedding dimension m = {rows[0] + 1} to {rows[-1] + 1}, growing upwards."
    return Figure("correlation", "Correlation dimension", text, (Panel(data, layout(*axes, shapes=shapes), 360),))


def strip(analysis: SystemAnalysis) -> Figure | None:
    """Bifurcation strip: what orbits visit, and the largest exponent below it."""
    found = analysis.bifurcation
    if found is None or not len(found.visited):
        return None
    unit, n = time_unit(analysis), len(found.values)
    values = np.sort(found.values)
    step = values[1] - values[0]
    columns = min(n, 800)
    edges = np.linspace(values[0] - step / 2, values[-1] + step / 2, columns + 1)
    low, high = np.quantile(found.visited, [0.0, 1.0])
    margin = 0.03 * (high - low) or 1.0
    image = raster(found.at, found.visited, edges, 280, (low - margin, high + margin), yaxis="y")
    order = np.argsort(found.values)
    exponent = line(found.values[order], found.exponent[order], "@orange", width=1.2, yaxis="y2", connectgaps=False)
    domains = [[0.36, 1.0], [0.0, 0.3]]
    plan = {
        "showlegend": False,
        "xaxis": {**axis(found.parameter), "anchor": "y2"},
        "yaxis": axis(found.what, domain=domains[0]),
        "yaxis2": axis(f"λ<sub>1</sub> [nats / {unit}]", domain=domains[1]),
        "shapes": [rule(0.0, yref="y2")],
    }
    text = (
        f"{found.what[:1].upper() + found.what[1:]} that one orbit visits (above, darker is more often) and its "
        f"largest exponent (below) at {n} values of {found.parameter}, each over {found.n_steps:,} steps after a "
        "transient; where it is positive, there is chaos."
    )
    error = found.stderr[np.isfinite(found.stderr)]
    if len(error):
        text += f" The median standard error of the exponents is {np.median(error):.2g}."
    if found.n_diverged:
        text += f" At {found.n_diverged} values the orbit leaves the finite numbers; they are left blank."
    return Figure(
        "bifurcation", f"Bifurcations over {found.parameter}", text, (Panel([image, exponent], plan, 560),), wide=True
    )
