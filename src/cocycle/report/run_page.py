"""Report of a training run that a monitor recorded: verdict, last values, curves over the steps."""

import math
import os
import pathlib
from typing import Any

import numpy as np

from cocycle.core.errors import DataError
from cocycle.core.estimate import Estimate
from cocycle.report.document import Report
from cocycle.report.figure_parts import COLOURS, Figure, Panel, axis, band, layout, line, rule
from cocycle.report.schema import entry, frame, number
from cocycle.training.run_file import RunRecord, read_run

SCHEMA = "cocycle-run/1"
EDGE = 0.9
Z = 2.0
UNITS = {"exponent": "nats / step", "noise_scale": "samples", "sharpness": "1 / η", "batch_sharpness": "1 / η"}
METHODS = {
    "loss": "mean over the probe samples",
    "gradient_norm": "of the mean loss over the probe samples",
    "sharpness": "largest Hessian eigenvalue on the probe samples, Lanczos from the last eigenvector",
    "batch_sharpness": "mean curvature of batch losses along their own gradients",
    "exponent": "growth of the sharpest direction over a few batches at frozen parameters, plain SGD",
    "kernel_trace": "trace of the tangent kernel over samples and outputs, random signs",
    "noise_scale": "trace of the gradient covariance over the squared gradient",
}
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"}


def of_run(path: str | os.PathLike) -> Report:
    """Report on a training run.

    Args:
        path: file of a StabilityMonitor.

    Returns:
        Report; its `analysis` is the RunRecord.

    Raises:
        DataError: if the file holds no run, or nothing was recorded yet.
    """
    record = read_run(path)
    if not len(record):
        raise DataError(f"{path} has no records yet; wait until the monitor has looked once.")
    return Report(run_document(record, pathlib.Path(path)), lambda: run_figures(record), (), record)


def run_document(record: RunRecord, path: pathlib.Path) -> dict[str, Any]:
    """Document of a run.

    Args:
        record: what was recorded.
        path: where it lies.
    """
    regime, reasons = judge(record)
    about = record.about
    source = {
        "kind": "run",
        "name": path.stem,
        "path": str(path),
        "n_records": len(record),
        "n_params": int(about.get("n_params", 0)),
        "n_samples": int(about.get("n_samples", 0)),
    }
    document = frame(source, regime, reasons)
    document["schema"] = SCHEMA
    for name in record.quantities:
        _, values, errors = record.of(name)
        estimate = Estimate(values[-1], errors[-1]) if len(values) else None
        document["quantities"][name] = entry(estimate, UNITS.get(name, "1"), METHODS.get(name, "given by the loop"))
        if estimate is None:
            document["refusals"][name] = "never a finite number."
    document["parameters"] = {k: number(v) for k, v in about.items() if isinstance(v, int | float)}
    document["options"] = {
        "first_step": int(record.step[0]),
        "last_step": int(record.step[-1]),
        "duration [s]": float(record.seconds[-1]),
        **{k: v for k, v in about.items() if isinstance(v, str)},
    }
    return document


def judge(record: RunRecord) -> tuple[str, tuple[str, ...]]:
    """Verdict on the last quarter of a run, with the numbers that decided.

    Args:
        record: what was recorded.
    """
    missing = "loss" in record.quantities and math.isnan(record.values[-1, record.quantities.index("loss")])
    if missing:
        return "diverging", (f"The loss is not a finite number at step {record.step[-1]:,}.",)
    rate = _late(record, "learning_rate")
    if rate is None:
        return "not judged", ("No learning rate was given to the monitor, so there is no limit to compare with.",)
    reasons, ratios = [], []
    for name, limit in (("sharpness", "gradient descent"), ("batch_sharpness", "SGD")):
        found = _late(record, name)
        if found is None:
            continue
        ratio = found.value * rate.value / 2
        ratios.append(ratio)
        words = name.replace("_", " ").capitalize()
        reasons.append(
            f"{words} {found.value:.4g} is {ratio:.2f} times 2/η = {2 / rate.value:.4g}, the edge for {limit}."
        )
    growth = _late(record, "exponent")
    if growth is not None:
        reasons.append(f"Along the sharpest direction SGD grows by {growth} nats a step.")
        if growth.value > Z * growth.stderr:
            return "unstable", tuple(reasons)
    if not ratios:
        return "not judged", ("Neither sharpness nor batch sharpness was recorded.", *reasons)
    return ("edge of stability" if max(ratios) >= EDGE else "stable"), tuple(reasons)


def _late(record: RunRecord, name: str) -> Estimate | None:
    """Mean of a quantity over the last quarter of its records, at least one."""
    if name not in record.quantities:
        return None
    _, values, errors = record.of(name)
    n = max(1, len(values) // 4)
    values, errors = values[-n:], errors[-n:]
    if not len(values):
        return None
    spread = float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else float(errors[0])
    return Estimate(float(np.mean(values)), spread, float(n))


def run_figures(record: RunRecord) -> tuple[Figure, ...]:
    """Curves of a run, in the order of the page.

    Args:
        record: what was recorded.
    """
    known = {"loss", "gradient_norm", "sharpness", "batch_sharpness", "exponent", "kernel_trace", "noise_scale"}
    figures = [
        _loss(record),
        _sharpness(record),
        _curve(record, "exponent", "Growth along the sharpest direction", "exponent [nats / step]", zero=True),
        _curve(record, "kernel_trace", "Trace of the tangent kernel", "trace / (N C)"),
        _noise(record),
    ]
    rest = [name for name in record.quantities if name not in known]
    figures += [_curve(record, name, name.replace("_", " ").capitalize(), name.replace("_", " ")) for name in rest]
    return tuple(figure for figure in figures if figure is not None)


def _traces(record: RunRecord, name: str, colour: str, label: str) -> list[dict[str, Any]]:
    if name not in record.quantities:
        return []
    step, values, errors = record.of(name)
    finite = np.isfinite(values)
    step, values, errors = step[finite].astype(float), values[finite], errors[finite]
    if not len(step):
        return []
    traces = []
    if np.any(errors > 0) and len(step) > 1:
        errors = np.where(np.isfinite(errors), errors, 0.0)
        traces.append(band(step, values - errors, values + errors, f"{colour}-soft", ""))
    return [*traces, line(step, values, colour, name=label)]


def _log_if_positive(record: RunRecord, names: tuple[str, ...]) -> dict[str, Any]:
    """A logarithmic axis where the values span more than a decade above zero."""
    columns = [record.of(name)[1] for name in names if name in record.quantities]
    values = np.concatenate(columns) if columns else np.zeros(0)
    values = values[np.isfinite(values)]
    wide = len(values) > 1 and values.min() > 0 and values.max() > 10 * values.min()
    return {"type": "log", "exponentformat": "power"} if wide else {}


def _loss(record: RunRecord) -> Figure | None:
    names = ("loss", "gradient_norm")
    traces = [line_ for name, c in zip(names, COLOURS, strict=False) for line_ in _plain(record, name, c)]
    if not traces:
        return None
    y = axis("loss, gradient norm", **_log_if_positive(record, names))
    panel = Panel(_named(traces), layout(axis("step"), y, showlegend=True, legend=LEGEND), 300)
    return Figure("loss", "Loss", "On the probe samples, which are the same all along.", (panel,), wide=True)


def _plain(record: RunRecord, name: str, colour: str) -> list[dict[str, Any]]:
    return _traces(record, name, colour, name.replace("_", " "))[-1:]


def _named(traces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only lines with a name in the legend."""
    return [{**t, "showlegend": bool(t.get("name"))} for t in traces]


def _sharpness(record: RunRecord) -> Figure | None:
    traces = _traces(record, "sharpness", "@blue", "sharpness")
    traces += _traces(record, "batch_sharpness", "@orange", "batch sharpness")
    if not traces:
        return None
    text = "Curvature of the loss: the largest Hessian eigenvalue, and the mean along the gradients of batches."
    if "learning_rate" in record.quantities:
        step, rate, _ = record.of("learning_rate")
        traces.append(line(step.astype(float), 2 / rate, "@ink", name="2 / η", line={"dash": "dot"}))
        text += " Beyond 2 / η a quadratic loss is left by gradient descent; training often hovers there."
    y = axis("curvature", **_log_if_positive(record, ("sharpness", "batch_sharpness")))
    panel = Panel(_named(traces), layout(axis("step"), y, showlegend=True, legend=LEGEND), 360)
    return Figure("sharpness", "Sharpness", text, (panel,), wide=True)


def _curve(record: RunRecord, name: str, title: str, label: str, *, zero: bool = False) -> Figure | None:
    traces = _traces(record, name, "@blue", "")
    if not traces or name == "learning_rate":
        return None
    options = {} if zero else _log_if_positive(record, (name,))
    shapes = [rule(0)] if zero else []
    panel = Panel(traces, layout(axis("step"), axis(label, **options), shapes=shapes), 300)
    said = f"{METHODS[name][:1].upper()}{METHODS[name][1:]}." if name in METHODS else "Given by the loop."
    return Figure(name, title, f"{said} The band is one standard error." if len(traces) > 1 else said, (panel,))


def _noise(record: RunRecord) -> Figure | None:
    traces = _plain(record, "noise_scale", "@blue")
    if not traces:
        return None
    step = record.step.astype(float)
    size = record.about.get("batch_size")
    if size:
        ends = np.array([step[0], step[-1]])
        traces.append(line(ends, np.array([size, size], dtype=float), "@ink", name="batch size", line={"dash": "dot"}))
    y = axis("samples", **_log_if_positive(record, ("noise_scale",)))
    panel = Panel(_named(traces), layout(axis("step"), y, showlegend=True, legend=LEGEND), 300)
    text = "Batch size at which the noise of the gradient is as large as the gradient. Far above yours: noise rules."
    return Figure("noise_scale", "Gradient noise scale", text, (panel,))
