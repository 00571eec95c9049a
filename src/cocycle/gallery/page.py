"""The page of a run, rendered from what its JSON holds."""

import pathlib
from typing import Any

import numpy as np

from cocycle.gallery.claims import Verdict
from cocycle.gallery.registry import paper
from cocycle.gallery.results import Outcome, number_text
from cocycle.report.figure_parts import COLOURS, Figure, Panel, axis, dots, layout, line, numbers
from cocycle.report.shell import render_shell

FOLDER = pathlib.Path(__file__).parent
WARM = [[0.0, "#0b1f3a"], [0.5, "#2f8f9d"], [1.0, "#fde9a9"]]
PARTED = [[0.0, "#0072b2"], [0.5, "#f4f4f2"], [1.0, "#d55e00"]]
TONES = {Verdict.REPRODUCED: "calm", Verdict.NOT_JUDGED: "calm", Verdict.NOT_REPRODUCED: "bad"}


def outcome_page(outcome: Outcome) -> str:
    """Render a judged run as one self-contained HTML file.

    Args:
        outcome: the run.

    Returns:
        The page.
    """
    source = paper(outcome.slug)
    counted = [r.verdict for r in outcome.rows if r.verdict is not Verdict.NOT_JUDGED]
    good = sum(v is Verdict.REPRODUCED for v in counted)
    worst = "bad" if Verdict.NOT_REPRODUCED in counted else "unsure" if good < len(counted) else "calm"
    claims = {c.id: c for c in source.claims}
    rows = [
        {
            "sentence": claims[r.id].sentence,
            "expected": claims[r.id].expectation,
            "origin": claims[r.id].origin,
            "control": claims[r.id].control,
            "measured": number_text(r.measured, r.stderr),
            "control_value": number_text(r.control, r.control_stderr),
            "verdict": r.verdict,
            "tone": TONES.get(r.verdict, "unsure"),
        }
        for r in outcome.rows
        if r.id in claims
    ]
    analogue = ["An analogue runs here, not the paper's own subject."] if source.analogue else []
    options = [(k.replace("_", " "), _text(v)) for k, v in outcome.config.items()]
    made = [("wall time", f"{outcome.seconds:.1f} s"), ("cocycle", outcome.version), ("created", outcome.created)]
    return render_shell(
        "paper.html.j2",
        outcome.to_document(),
        [_figure(k, table) for k, table in enumerate(outcome.plots)],
        title=source.title,
        folder=FOLDER,
        download=f"{outcome.slug}.json",
        paper=source,
        tone=worst,
        summary=f"{good} of {len(counted)} claims reproduced",
        remarks=[*analogue, *source.deviations, *outcome.notes],
        rows=rows,
        options=options + made,
    )


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _array(values: Any) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values], float)


def _figure(number: int, table: dict[str, Any]) -> Figure:
    traces = [] if table["field"] is None else [_heat(table["field"])]
    colours = iter(COLOURS * (1 + len(table["curves"]) // len(COLOURS)))
    traces += [_trace(c, "@grey" if c["dashed"] else next(colours)) for c in table["curves"]]
    kinds = [{"type": "log"} if table[k] else {} for k in ("log_x", "log_y")]
    look: dict[str, Any] = layout(axis(table["x_label"], **kinds[0]), axis(table["y_label"], **kinds[1]))
    if sum(bool(c["name"]) for c in table["curves"]) > 1:
        look |= {"showlegend": True, "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"}}
        look |= {"margin": {"l": 56, "r": 12, "t": 44, "b": 46}}
    return Figure(f"figure-{number}", table["title"], table["caption"], (Panel(traces, look, 360),))


def _trace(curve: dict[str, Any], colour: str) -> dict[str, Any]:
    x, y = _array(curve["x"]), _array(curve["y"])
    if curve["dots"]:
        size = 6 if len(x) <= 60 else 3 if len(x) <= 600 else 2
        trace = dots(x, y, colour, size=size, name=curve["name"])
    else:
        style = {"dash": "dash"} if curve["dashed"] else {}
        trace = line(x, y, colour, name=curve["name"], line=style)
    if curve["stderr"] is not None:
        trace["error_y"] = {"type": "data", "array": numbers(_array(curve["stderr"])), "color": colour, "thickness": 1}
    return {**trace, "showlegend": bool(curve["name"])}


def _heat(field: dict[str, Any]) -> dict[str, Any]:
    z = np.array([[np.nan if v is None else v for v in row] for row in field["z"]], float)
    scale: dict[str, Any] = {"colorscale": WARM}
    if field["diverging"]:
        top = float(np.nanmax(np.abs(z))) or 1.0
        scale = {"colorscale": PARTED, "zmin": -top, "zmax": top}
    bar = {"title": {"text": field["name"], "side": "right"}, "thickness": 12}
    places = {"x": numbers(_array(field["x"])), "y": numbers(_array(field["y"]))}
    return {"type": "heatmap", "z": numbers(z), **places, "colorbar": bar, **scale}
