"""A comparison of models with data as a page and as a document: the table with its floors, attractors side by side."""

import math
import pathlib
from typing import Any

import numpy as np

from cocycle.core.estimate import Estimate
from cocycle.core.storage import atomic_file
from cocycle.learn.judge import Comparison, shown
from cocycle.measures import power_spectrum
from cocycle.report.figure_parts import COLOURS, Figure, Panel, axis, layout, line

MOST = 3000
FLOORS = {
    "two halves": "the first half of the data: what a perfect model would score",
    "nearest analog": "look up the nearest past window, copy what followed",
    "shuffled": "the first half in random order",
}


def comparison_document(found: Comparison) -> dict[str, Any]:
    """All that a comparison says, as JSON can hold it.

    Args:
        found: the comparison.

    Returns:
        Measures with their meanings, and for each contestant value, standard error and method; null where there is
        none, and "inf" as a text.
    """
    scores = {
        name: {measure: _number(estimate) for measure, estimate in row.items()} for name, row in found.scores.items()
    }
    return {
        "schema": "cocycle-comparison-1",
        "models": list(found.models),
        "length": found.length,
        "dt": found.dt,
        "measures": found.meanings,
        "scores": scores,
        "notes": list(found.notes),
    }


def _number(estimate: Estimate) -> dict[str, Any]:
    def plain(value: float) -> float | str | None:
        return None if math.isnan(value) else (value if math.isfinite(value) else ("inf" if value > 0 else "-inf"))

    return {
        "value": plain(float(estimate.value)),
        "stderr": plain(float(estimate.stderr)),
        "method": estimate.method,
    }


def comparison_page(found: Comparison) -> str:
    """One self-contained HTML file: table, notes, attractors, spectra.

    Args:
        found: the comparison.
    """
    from cocycle.report.shell import render_shell

    names = list(found.scores)
    measures = [m for m in found.meanings if any(m in row for row in found.scores.values())]
    rows = [(m, found.meanings[m], [shown(found.scores[n].get(m)) for n in names]) for m in measures]
    about = f"{found.length} rows, dt = {found.dt:g}; every score is against the second half of the data."
    return render_shell(
        "comparison.html.j2",
        comparison_document(found),
        comparison_figures(found),
        title=" and ".join(found.models) + " against data",
        download="comparison.json",
        names=names,
        rows=rows,
        about=about,
        notes=found.notes,
        floors={name: text for name, text in FLOORS.items() if name in names},
    )


def save_comparison(found: Comparison, directory: str | pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Write comparison.html and comparison.json, each as a whole or not at all.

    Args:
        found: the comparison.
        directory: where; made if it does not exist.

    Returns:
        Paths of the page and of the document.
    """
    import json

    from cocycle.report.document import require_directory

    directory = require_directory(directory)
    page, document = directory / "comparison.html", directory / "comparison.json"
    html, text = comparison_page(found), json.dumps(comparison_document(found), indent=1, ensure_ascii=False) + "\n"
    for path, content in ((page, html), (document, text)):
        with atomic_file(path, "w") as handle:
            handle.write(content)
    return page, document


def comparison_figures(found: Comparison) -> list[Figure]:
    """Attractors side by side, series one below the other, spectra in one plot.

    Args:
        found: the comparison.
    """
    contestants = {"data": found.data, **{name: found.runs[name] for name in found.models}}
    return [_attractors(found, contestants), _series(found, contestants), _spectra(found, contestants)]


def _attractors(found: Comparison, contestants: dict[str, np.ndarray]) -> Figure:
    views = {name: _plane(found, rows) for name, rows in contestants.items()}
    x, y = views["data"]
    ranges = [[float(v.min() - 0.1 * np.ptp(v)), float(v.max() + 0.1 * np.ptp(v))] for v in (x, y)]
    labels = (f"x(t - {found.delay} dt)", "x(t)") if found.delay else ("first column", "last column")
    panels = []
    for k, (name, (a, b)) in enumerate(views.items()):
        title = {"text": name, "font": {"size": 13}}
        axes = axis(labels[0], range=ranges[0]), axis(labels[1], range=ranges[1])
        trace = line(a[:MOST], b[:MOST], "@ink" if k == 0 else COLOURS[(k - 1) % len(COLOURS)], width=0.8)
        panels.append(Panel([trace], layout(*axes, title=title), 360))
    caption = f"Free runs of the models beside the data, {min(MOST, found.length)} rows each, on the same axes."
    return Figure("attractors", "Attractors side by side", caption, tuple(panels), wide=True)


def _plane(found: Comparison, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if found.delay:
        return rows[: -found.delay, 0], rows[found.delay :, 0]
    return rows[:, 0], rows[:, -1]


def _series(found: Comparison, contestants: dict[str, np.ndarray]) -> Figure:
    n = min(found.length, 600)
    traces = []
    for k, (name, rows) in enumerate(contestants.items()):
        colour = "@ink" if k == 0 else COLOURS[(k - 1) % len(COLOURS)]
        shown_rows = rows[:n, 0]
        traces.append(line(found.dt * np.arange(len(shown_rows)), shown_rows, colour, name=name))
    panel = Panel(traces, layout(axis("time"), axis("first column"), showlegend=True), 340)
    caption = "All start together where the first half of the data ends: how long do they stay together?"
    return Figure("series", "The first rows of the free runs", caption, (panel,), wide=True)


def _spectra(found: Comparison, contestants: dict[str, np.ndarray]) -> Figure:
    traces = []
    for k, (name, rows) in enumerate(contestants.items()):
        if len(rows) < 64 or np.ptp(rows[:, 0]) == 0:
            continue
        power = power_spectrum(rows[:, 0], found.dt)
        colour = "@ink" if k == 0 else COLOURS[(k - 1) % len(COLOURS)]
        density = power.density[1:] / max(float(power.density[1:].sum()), 1e-300)
        traces.append(line(power.frequency[1:], density, colour, name=name))
    axes = axis("frequency [1 / time]"), axis("share of power", type="log", exponentformat="power")
    caption = "Welch spectra of the first column, normalised."
    return Figure("spectra", "Power spectra", caption, (Panel(traces, layout(*axes, showlegend=True), 340),), wide=True)
