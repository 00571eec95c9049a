"""report.json of a measured series."""

import math
from typing import Any

import numpy as np

from cocycle.core.estimate import Estimate
from cocycle.measures import SeriesAnalysis
from cocycle.report.schema import entry, frame, quantity
from cocycle.report.series import Series

NOISE = ("white noise", "linear noise")
STILL = ("constant", "fixed point")


def series_document(series: Series, analysis: SeriesAnalysis, seed: int = 0) -> dict[str, Any]:
    """Document of a measured series.

    Args:
        series: the series.
        analysis: what was measured of it.
        seed: of surrogates and estimators.
    """
    source = {
        "kind": "series",
        "name": series.name,
        "path": series.source,
        "column": series.column,
        "n_values": len(series),
        "dt": series.dt,
        "time_unit": series.time_unit,
        "unit": series.unit,
        "minimum": float(series.values.min()),
        "maximum": float(series.values.max()),
        "mean": float(series.values.mean()),
        "standard_deviation": float(series.values.std()),
    }
    document = frame(source, analysis.regime, tuple(_sentence(r) for r in analysis.reasons))
    document["quantities"], document["refusals"] = _quantities(series, analysis)
    document["options"] = {
        "dt": series.dt,
        "n_values_used": len(analysis.x),
        "seed": seed,
        "theiler_window": analysis.theiler,
        "pattern_length": 5,
    }
    if analysis.n_given > len(analysis.x):
        document["notes"] = [f"Only the last {len(analysis.x):,} of {analysis.n_given:,} values were measured."]
    return document


def _sentence(text: str) -> str:
    """A reason with a capital and a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _quantities(series: Series, a: SeriesAnalysis) -> tuple[dict[str, Any], dict[str, str]]:
    unit = series.time_unit
    rate = f"nats / {unit}"
    why = {
        "lyapunov_exponents": "a scalar series gives the largest one only; all need the equations or a model.",
        "kaplan_yorke_dimension": "it needs all exponents, that is the equations or a model.",
        "mean_log_volume_rate": "it needs the equations or a model.",
    }
    out = {
        "lyapunov_exponents": entry(None, rate),
        "maximal_exponent": _exponent(a, rate, why),
        "kaplan_yorke_dimension": entry(None, "1"),
        "mean_log_volume_rate": entry(None, rate),
        "correlation_dimension": _dimension(a, why),
        "permutation_entropy": _patterns(a, "permutation_entropy", unit, why),
        "statistical_complexity": _patterns(a, "statistical_complexity", unit, why),
        "predictability_time": _predictability(a, unit, why),
    }
    delay, m = a.delay, a.dimension
    if delay is not None and m is not None:
        out["embedding_delay"] = quantity(delay.delay * a.dt, None, unit, delay.reason)
        method = "false neighbours" if a.false_neighbours is None else a.false_neighbours.reason
        out["embedding_dimension"] = quantity(m, None, "1", method)
    if a.zero_one is not None:
        out["zero_one_test"] = entry(a.zero_one.k, "1", f"0-1 test, every {a.zero_one.stride} samples")
    if a.nonlinearity is not None:
        test = a.nonlinearity
        method = f"{len(test.surrogate_statistics)} IAAFT surrogates, nearest-neighbour prediction error"
        out["nonlinearity_p_value"] = quantity(test.p_value, None, "1", method)
    if a.period is not None:
        out["dominant_period"] = entry(a.period, unit)
    for name, q in out.items():
        if q["value"] is None:
            why.setdefault(name, a.refusals.get("all", "not measured."))
    return out, {name: _sentence(reason) for name, reason in why.items() if out[name]["value"] is None}


def _exponent(a: SeriesAnalysis, rate: str, why: dict[str, str]) -> dict[str, Any]:
    method = "divergence of near neighbours in delay space"
    if a.regime in NOISE:
        why["maximal_exponent"] = f"the series cannot be told from {a.regime}, which has no exponent."
        return entry(None, rate)
    if a.exponent is None:
        reason = a.rosenstein.reason if a.rosenstein is not None else a.refusals.get("rosenstein")
        if reason is not None:
            why["maximal_exponent"] = reason
        return entry(None, rate)
    return entry(a.exponent, rate, f"{method}: {a.exponent.method}")


def _dimension(a: SeriesAnalysis, why: dict[str, str]) -> dict[str, Any]:
    found = a.correlation_dimension
    method = "plateau of the slopes of the correlation sum of delay vectors"
    if found is not None and found.has_plateau:
        return entry(found.dimension, "1", method)
    reason = a.refusals.get("correlation_dimension") if found is None else found.reason
    if reason is not None:
        why["correlation_dimension"] = reason
    return entry(None, "1")


def _patterns(a: SeriesAnalysis, name: str, unit: str, why: dict[str, str]) -> dict[str, Any]:
    estimate: Estimate | None = getattr(a, name)
    if estimate is None:
        if name in a.refusals:
            why[name] = a.refusals[name]
        return entry(None, "1")
    delay = 1 if a.delay is None else a.delay.delay
    kind = "share of log m!" if name == "permutation_entropy" else "Jensen-Shannon"
    return entry(
        estimate, "1", f"{kind}, ordinal patterns of 5 values, delay {delay * a.dt:g} {unit}, {estimate.method}"
    )


def _predictability(a: SeriesAnalysis, unit: str, why: dict[str, str]) -> dict[str, Any]:
    estimate, skill = a.predictability_time, a.forecast
    if estimate is None or skill is None:
        if "forecast" in a.refusals:
            why["predictability_time"] = a.refusals["forecast"]
        return entry(None, unit)
    if float(skill.error[0]) > 0.5:
        why["predictability_time"] = (
            f"already one sample ahead the forecast errs by {float(skill.error[0]):.2g} standard deviations."
        )
        return entry(None, unit)
    method = "horizon at which the error of nearest-neighbour forecasts reaches half a standard deviation"
    if not math.isfinite(float(np.asarray(estimate.stderr))):
        method += f"; {estimate.method}"
    return entry(estimate, unit, method)
