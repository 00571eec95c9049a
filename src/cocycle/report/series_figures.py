"""Figures of a measured series: portrait, divergence, dimension, ordinal plane, surrogates, forecasts."""

import functools

import numpy as np

from cocycle.core.estimate import format_value
from cocycle.measures import Divergence, SeriesAnalysis, complexity_limits, permutation_entropy, statistical_complexity
from cocycle.report.figure_parts import Figure, Panel, axis, band, dots, envelope, layout, line, numbers, rule, thin
from cocycle.report.series import Series
from cocycle.report.system_figures import correlation_slopes, power_figure

N_LINE = 6000
N_REFERENCE = 10_000
PATTERNS = 120
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"}


def series_figures(series: Series, analysis: SeriesAnalysis) -> tuple[Figure, ...]:
    """All figures of a series, in the order of the page.

    Args:
        series: the series.
        analysis: what was measured of it.
    """
    name = series.column or series.name
    figures = [whole_series(series), portrait(series, analysis), divergence(series, analysis)]
    if analysis.correlation_dimension is not None:
        figures.append(correlation_slopes(analysis.correlation_dimension, "delay vectors"))
    figures += [plane(series, analysis), surrogates(analysis), forecast(series, analysis)]
    if analysis.spectrum is not None:
        found = analysis.spectrum
        figures.append(power_figure(found.frequency, found.density, found.n_segments, name, series.time_unit))
    return tuple(figure for figure in figures if figure is not None)


def _value_axis(series: Series) -> str:
    name = series.column or series.name
    return f"{name} [{series.unit}]" if series.unit and f"[{series.unit}]" not in name else name


def _lasting(time: float, unit: str) -> str:
    """A time with its unit, in the plural where the unit is a word of its own."""
    plural = unit in {"step", "second", "minute", "hour", "day", "week", "month", "year"} and time != 1
    return f"{time:,.4g} {unit}{'s' if plural else ''}" if time < 1e4 else f"{time:,.0f} {unit}{'s' if plural else ''}"


def whole_series(series: Series) -> Figure:
    """The whole series, and its first stretch so that single oscillations are seen."""
    t, x = envelope(series.times, series.values, N_LINE)
    label = axis(f"time [{series.time_unit}]")
    panels = [Panel([line(t, x, width=0.8)], layout(label, axis(_value_axis(series))), 260)]
    span = "" if series.time_unit == "step" else f" over {_lasting(series.duration, series.time_unit)}"
    text = f"All {len(series):,} values{span}"
    n = 500
    if len(series) > 4 * n:
        first = slice(0, n)
        panels.append(
            Panel([line(series.times[first], series.values[first])], layout(label, axis(_value_axis(series))), 260)
        )
        text += f", and the first {n} of them"
    thinned = "; a long series is drawn by the extremes of each stretch" if len(series) > N_LINE else ""
    return Figure("series", "Series", f"{text}{thinned}.", tuple(panels), wide=True)


def portrait(series: Series, analysis: SeriesAnalysis) -> Figure | None:
    """Delay portrait at the chosen delay."""
    if analysis.delay is None:
        return None
    delay, x = analysis.delay.delay, analysis.x
    shown = x[: min(len(x), N_LINE) + delay]
    name = series.column or series.name
    coarse = delay <= 2
    a, b = shown[delay:], shown[:-delay]
    trace = dots(a, b, size=2.4) if coarse else line(a, b, width=0.6)
    lag = _lasting(delay * analysis.dt, series.time_unit)
    panel = Panel([trace], layout(axis(f"{name}(t)"), axis(f"{name}(t - τ)")), 400)
    extra = None
    if len(shown) > 3 * delay:
        a, b, c = shown[2 * delay :], shown[delay:-delay], shown[: -2 * delay]
        space = {
            "type": "scatter3d",
            "mode": "markers" if coarse else "lines",
            "x": numbers(a),
            "y": numbers(b),
            "z": numbers(c),
            "line": {"color": "@blue", "width": 2},
            "marker": {"color": "@blue", "size": 1.6},
            "hoverinfo": "skip",
        }
        titles = {"xaxis": "x(t)", "yaxis": "x(t - τ)", "zaxis": "x(t - 2τ)"}
        scene = {k: {"title": {"text": v}} for k, v in titles.items()}
        extra = Panel([space], {"scene": scene, "showlegend": False}, 520)
    text = (
        f"The series against itself a delay τ = {lag} earlier ({analysis.delay.reason}): a round cloud means that a "
        "value says little of a later one, a thin curve that it says nearly all."
    )
    return Figure("portrait", "Delay portrait", text, (panel,), extra)


def divergence(series: Series, analysis: SeriesAnalysis) -> Figure | None:
    """Divergence curves of near neighbours, with the fitted stretch."""
    curves = [("nearest neighbour", analysis.rosenstein, "@blue"), ("all within a radius", analysis.kantz, "@green")]
    found = [(label, d, colour) for label, d, colour in curves if d is not None]
    if not found:
        return None
    data, shapes, said = [], [], []
    for label, d, colour in found:
        level = d.curve - d.saturation
        data.append({**line(d.time, level, colour, name=label), "showlegend": True})
        if d.has_scaling:
            data.append(_fit(d, level))
            value = format_value(float(d.exponent.value), float(d.exponent.stderr))
            said.append(f"{label}: {value} nats / {series.time_unit}")
        else:
            said.append(f"{label}: {d.reason}")
    shapes.append(rule(0.0))
    plan = layout(
        axis(f"time since they were neighbours [{series.time_unit}]"),
        axis("log distance, relative to unrelated points"),
        shapes=shapes,
    )
    plan.update({"showlegend": True, "legend": LEGEND})
    text = (
        "Mean log distance of orbits that were near once; a straight rise (orange, fitted) is exponential growth, "
        f"and the dotted line its end. {' '.join(f'{s[:1].upper()}{s[1:]}.' for s in said)}"
    )
    return Figure("divergence", "Divergence of neighbours", text, (Panel(data, plan, 400),))


def _fit(d: Divergence, level: np.ndarray) -> dict:
    inside = (d.time >= d.fitted[0]) & (d.time <= d.fitted[1])
    t, y = d.time[inside], level[inside]
    slope = float(d.exponent.value)
    return line(t, y.mean() + slope * (t - t.mean()), "@orange", width=4, opacity=0.75, name="fitted", showlegend=False)


@functools.cache
def references() -> tuple[tuple[str, float, float], ...]:
    """Entropy and complexity of known processes (m = 5, delay 1, 10,000 points each).

    Returns:
        Name, permutation entropy, statistical complexity of each.
    """
    rng, n = np.random.default_rng(0), N_REFERENCE
    noise = rng.standard_normal(n)
    logistic, henon = np.empty(n), np.empty(n + 1)
    x, henon[0], henon[1] = 0.3, 0.1, 0.1
    for k in range(n):
        logistic[k] = x = 4.0 * x * (1.0 - x)
    for k in range(1, n):
        henon[k + 1] = 1.0 - 1.4 * henon[k] ** 2 + 0.3 * henon[k - 1]
    red = np.zeros(n)
    for k in range(1, n):
        red[k] = 0.9 * red[k - 1] + noise[k]
    known = {
        "white noise": noise,
        "AR(1), 0.9": red,
        "random walk": np.cumsum(noise),
        "logistic map": logistic,
        "Hénon map": henon[1:],
        "sine": np.sin(2 * np.pi * np.arange(n) / 50.3),
    }
    return tuple(
        (name, float(permutation_entropy(s).value), float(statistical_complexity(s).value)) for name, s in known.items()
    )


def plane(series: Series, analysis: SeriesAnalysis) -> Figure | None:
    """Entropy-complexity plane with its limits, known processes, and the series."""
    entropy, complexity = analysis.permutation_entropy, analysis.statistical_complexity
    if entropy is None or complexity is None:
        return None
    low, high = (thin(curve, 400) for curve in complexity_limits(PATTERNS))
    data = [line(low[:, 0], low[:, 1], "@grey"), line(high[:, 0], high[:, 1], "@grey")]
    known = references()
    places = {
        "white noise": "top left",
        "AR(1), 0.9": "bottom left",
        "random walk": "middle left",
        "Hénon map": "middle left",
        "logistic map": "middle right",
        "sine": "bottom right",
    }
    for name, h, c in known:
        mark = dots([h], [c], "@soft", size=8, name=name, marker={"symbol": "diamond-open"})
        mark.update(mode="markers+text", text=[name], textposition=places[name])
        mark["textfont"] = {"size": 11, "color": "@soft"}
        data.append(mark)
    h, c = float(entropy.value), float(complexity.value)
    bars = {
        "error_x": {"type": "data", "array": [2 * float(entropy.stderr)], "color": "@orange"},
        "error_y": {"type": "data", "array": [2 * float(complexity.stderr)], "color": "@orange"},
    }
    data.append(dots([h], [c], "@orange", size=12, name=series.column or series.name, **bars))
    axes = axis("permutation entropy", range=[-0.03, 1.05]), axis("statistical complexity", range=[0, 0.56])
    text = (
        f"The series (orange, bars of two standard errors) at entropy {format_value(h, float(entropy.stderr))} and "
        f"complexity {format_value(c, float(complexity.stderr))}, between the limits of what is possible (grey), "
        "beside known processes: noise lies at the lower right, deterministic chaos higher up."
    )
    return Figure("plane", "Entropy-complexity plane", text, (Panel(data, layout(*axes), 420),))


def surrogates(analysis: SeriesAnalysis) -> Figure | None:
    """Statistic of the series beside that of its surrogates."""
    test = analysis.nonlinearity
    if test is None:
        return None
    values = np.sort(test.surrogate_statistics)
    heights = np.linspace(0.1, 0.9, len(values))[np.random.default_rng(0).permutation(len(values))]
    data = [
        dots(values, heights, "@blue", size=7, opacity=0.7, name="surrogates", showlegend=True),
        dots([test.statistic], [0.5], "@orange", size=13, name="series", showlegend=True, marker={"symbol": "diamond"}),
    ]
    shapes = [rule(test.statistic, vertical=True, colour="@orange")]
    hidden = {"visible": False, "range": [0, 1]}
    error = "prediction error of neighbours [standard deviations]" if test.name == "PredictionError" else test.name
    plan = {**layout(axis(error), hidden, shapes=shapes), "showlegend": True, "legend": LEGEND}
    verb = "is refuted" if test.refuted else "is not refuted"
    text = (
        f"Linear noise with this spectrum and these values {verb}: the series against {len(values)} surrogates, p = "
        f"{test.p_value:.3g}, {abs(test.z):.1f} standard deviations {'below' if test.z >= 0 else 'above'} their mean "
        "(heights are only to tell the points apart)."
    )
    return Figure("surrogates", "Surrogate test", text, (Panel(data, plan, 400),))


def forecast(series: Series, analysis: SeriesAnalysis) -> Figure | None:
    """Error of nearest-neighbour forecasts over the horizon, beside persistence and the mean."""
    skill = analysis.forecast
    if skill is None:
        return None
    two = 2 * np.where(np.isfinite(skill.error_stderr), skill.error_stderr, 0.0)
    data = [
        band(skill.horizon, skill.error - two, skill.error + two),
        line(skill.horizon, skill.error, "@blue", name="near neighbours", showlegend=True, width=2),
        line(skill.horizon, skill.persistence, "@orange", name="persistence", showlegend=True, line={"dash": "dash"}),
        line(skill.horizon, skill.mean, "@grey", name="mean", showlegend=True, line={"dash": "dot"}),
    ]
    data[0]["showlegend"] = False
    top = 1.1 * float(max(skill.error.max(), np.minimum(skill.persistence, 2).max(), 1.0))
    axes = axis(f"horizon [{series.time_unit}]"), axis("error [standard deviations]", range=[0, top])
    plan = {**layout(*axes, shapes=[rule(0.5)]), "showlegend": True, "legend": LEGEND}
    text = (
        f"Error of {skill.n_targets:,} forecasts per horizon on the last third of the series, learnt on the rest; "
        "the band is two standard errors. Below persistence and the mean is skill; the dotted line is half a standard "
        "deviation."
    )
    return Figure("forecast", "Forecast skill", text, (Panel(data, plan, 400),))
