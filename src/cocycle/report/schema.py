"""`report.json`: one document with documented keys, the same for systems and for data.

Strict JSON: a number that does not exist is null, and its reason is in `refusals`; an exponent of minus infinity is
the string "-inf"; a standard error that is not known is null. The schema is `schema.json` beside this module,
explained in docs/report-json.md.
"""

import datetime
import importlib.metadata
import json
import math
import pathlib
import platform
from typing import Any

import jax
import numpy as np

from cocycle.core.drivers import Clock, Still
from cocycle.core.estimate import Estimate
from cocycle.core.parameters import parameters
from cocycle.core.run import Status
from cocycle.report.noise import NoiseEffect
from cocycle.report.rest import entries
from cocycle.report.system_analysis import PATTERN, SystemAnalysis
from cocycle.stability import Regime, kaplan_yorke_dimension
from cocycle.stability.regime import zero_tolerance

SCHEMA = "cocycle-report/1"
REQUIRED = (
    "lyapunov_exponents",
    "maximal_exponent",
    "kaplan_yorke_dimension",
    "mean_log_volume_rate",
    "correlation_dimension",
    "permutation_entropy",
    "statistical_complexity",
    "predictability_time",
)
ROUND_OFF = 1e-9
Z = 4.0


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of report.json.

    Example:
        >>> schema()["$id"]
        'cocycle-report/1'
    """
    return json.loads((pathlib.Path(__file__).parent / "schema.json").read_text("utf-8"))


def number(value: Any) -> Any:
    """Turn a number or an array into strict JSON: NaN is null, infinities are the strings "inf" and "-inf".

    Args:
        value: number, array or None.

    Example:
        >>> number([1.0, float("nan"), float("-inf")])
        [1.0, None, '-inf']
    """
    if value is None:
        return None
    array = np.asarray(value)
    if array.ndim:
        return [number(v) for v in array]
    item = array.item()
    if isinstance(item, bool | int | str):
        return item
    if math.isnan(item):
        return None
    return item if math.isfinite(item) else ("inf" if item > 0 else "-inf")


def quantity(value: Any, stderr: Any, unit: str, method: str) -> dict[str, Any]:
    """Entry of `quantities`.

    Args:
        value: number, array or None.
        stderr: standard error, of the same shape; not finite where unknown.
        unit: its unit.
        method: how it was found.
    """
    error = None if stderr is None or value is None else np.asarray(stderr, dtype=float)
    if error is not None:
        error = number(np.where(np.isfinite(error), error, np.nan))
    return {"value": number(value), "stderr": error, "unit": unit, "method": method}


def entry(estimate: Estimate | None, unit: str, method: str | None = None) -> dict[str, Any]:
    """Entry of an Estimate, or of one that cannot be had.

    Args:
        estimate: the estimate, or None.
        unit: its unit.
        method: how it was found; default that of the estimate.
    """
    if estimate is None or np.all(np.isnan(np.asarray(estimate.value, dtype=float))):
        return quantity(None, None, unit, method or ("" if estimate is None else estimate.method))
    return quantity(estimate.value, estimate.stderr, unit, method or estimate.method)


def versions() -> dict[str, str]:
    """Return versions of what made the numbers."""
    import cocycle

    return {
        "cocycle": cocycle.__version__,
        "jax": jax.__version__,
        "numpy": np.__version__,
        "scipy": importlib.metadata.version("scipy"),
        "python": platform.python_version(),
    }


def frame(source: dict[str, Any], regime: str, reasons: tuple[str, ...]) -> dict[str, Any]:
    """Keys that every document has, in their order.

    Args:
        source: what was measured.
        regime: verdict.
        reasons: sentences behind it.
    """
    return {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.UTC).replace(microsecond=0).isoformat(),
        "source": source,
        "verdict": {"regime": str(regime), "reasons": list(reasons)},
        "quantities": {},
        "checks": {},
        "refusals": {},
        "parameters": {},
        "options": {},
        "notes": [],
        "versions": versions(),
    }


def system_document(analysis: SystemAnalysis, source: dict[str, Any] | None = None) -> dict[str, Any]:
    """Document of a system.

    Args:
        analysis: what was measured.
        source: more about where the system comes from (title, file, reference); merged into `source`.
    """
    about: dict[str, Any] = {"kind": "system", "name": analysis.name, "type": type(analysis.system).__name__}
    spectrum = analysis.spectrum
    about["dimension"] = int(analysis.points.shape[1]) if spectrum is None else spectrum.n_dimensions
    reasons = analysis.verdict.reasons
    if analysis.noise is not None:
        reasons = (*reasons, noise_sentence(analysis.noise))
    document = frame({**about, **(source or {})}, analysis.verdict.regime, reasons)
    document["quantities"] = _system_quantities(analysis)
    document["refusals"] = _system_refusals(analysis, document["quantities"])
    document["checks"] = _checks(analysis)
    document["parameters"] = {k: number(v) for k, v in parameters(analysis.system).items() if np.size(v) <= 64}
    stepper = getattr(analysis.system, "stepper", None)
    document["options"] = {
        "n_steps": analysis.n_steps,
        "n_transient": 0 if analysis.spectrum is None else int(analysis.spectrum.n_transient),
        "dt": analysis.dt,
        "duration": analysis.n_steps * analysis.dt,
        "seed": analysis.seed,
        "driver": type(analysis.driver).__name__,
        "stepper": None if stepper is None else type(stepper).__name__,
        "status": str(Status.OK if analysis.spectrum is None else analysis.spectrum.status),
        "interrupted": analysis.interrupted,
    }
    document["notes"] = list(analysis.notes)
    if analysis.rest is not None:
        document["fixed_points"] = {
            "variables": list(analysis.variables),
            "box": number(analysis.rest.box),
            "guarantee": str(analysis.rest.guarantee),
            "note": analysis.rest.note,
            "sum_of_indices": analysis.rest.sum_of_indices,
            "eigenvalues_are": "rates" if analysis.is_flow else "multipliers",
            "points": entries(analysis.rest),
        }
    if analysis.noise is not None:
        document["noise"] = noise_document(analysis.noise)
    if analysis.bifurcation is not None:
        strip = analysis.bifurcation
        document["sweep"] = {
            "parameter": strip.parameter,
            "values": number(strip.values),
            "maximal_exponent": number(strip.exponent),
            "stderr": number(np.where(np.isfinite(strip.exponent), strip.stderr, np.nan)),
            "n_steps": strip.n_steps,
            "n_diverged": strip.n_diverged,
        }
    return document


def noise_document(effect: NoiseEffect) -> dict[str, Any]:
    """Entry `noise` of a document.

    Args:
        effect: what noise does.
    """
    sign, times = effect.sign, effect.times
    out: dict[str, Any] = {
        "level": effect.level,
        "kind": "added" if effect.added else "factor",
        "verdict": effect.verdict,
        "synchronises": effect.synchronises,
        "exponent_sign": None if sign is None else sign.sign,
        "wrong_sign_probability": None if sign is None else sign.alpha,
        "exponent": None if sign is None else number(sign.exponent.value),
        "exponent_stderr": None if sign is None else number(sign.exponent.stderr),
        "n_points": int(effect.motion.distances.shape[1]) + 1,
        "n_realisations": len(times.times),
        "n_together": int(times.observed.sum()),
        "horizon": times.horizon,
    }
    found = effect.lifetimes
    if found is not None:
        out["lifetimes"] = {
            "regime": str(found.regime),
            "levels": list(found.levels),
            "mean": [None if m is None else number(m.value) for m in found.mean],
            "stderr": [None if m is None else number(m.stderr) for m in found.mean],
            "n_visits": list(found.n_visits),
            "duration": found.duration,
        }
    return out


def noise_sentence(effect: NoiseEffect) -> str:
    """What noise does, in a sentence that names its strength.

    Args:
        effect: what noise does.
    """
    if effect.added:
        return f"Noise of strength {effect.level:g}: {effect.verdict}"
    return effect.verdict if effect.level == 1 else f"Noise times {effect.level:g}: {effect.verdict}"


def _time_together(effect: NoiseEffect | None) -> Estimate | None:
    """Mean time after which points are together, where all of them were."""
    return effect.times.mean if effect is not None and effect.synchronises and effect.times.observed.all() else None


def time_unit(analysis: SystemAnalysis) -> str:
    """Unit of time of a system: "time", or "iteration" for a map of step 1.

    Args:
        analysis: what was measured.
    """
    return "time" if analysis.is_flow or analysis.dt != 1.0 else "iteration"


def _system_quantities(analysis: SystemAnalysis) -> dict[str, Any]:
    time, spectrum = time_unit(analysis), analysis.spectrum
    rate = f"nats / {time}"
    out: dict[str, Any] = {}
    if spectrum is None:
        for name in ("lyapunov_exponents", "maximal_exponent", "mean_log_volume_rate", "entropy_rate_bound"):
            out[name] = entry(None, rate)
        out["kaplan_yorke_dimension"] = entry(None, "1")
    else:
        method = f"QR of pushed tangents over {spectrum.duration:g} {time}, errors by low-frequency spectrum"
        out["lyapunov_exponents"] = quantity(spectrum.exponents, spectrum.stderr, rate, method)
        out["maximal_exponent"] = entry(spectrum.maximal_exponent, rate)
        out["kaplan_yorke_dimension"] = entry(_kaplan_yorke(analysis), "1")
        out["mean_log_volume_rate"] = entry(spectrum.mean_log_volume_rate, rate)
        out["entropy_rate_bound"] = entry(spectrum.entropy_rate_bound, rate)
    if analysis.noise is not None or "synchronisation_time" in analysis.refusals:
        out["synchronisation_time"] = entry(_time_together(analysis.noise), time)
    out["lyapunov_time"] = entry(analysis.lyapunov_time, time)
    out["predictability_time"] = entry(analysis.predictability_time, time)
    found = analysis.correlation
    kind = "points" if found is not None and len(found.embedding) == 0 else "delay vectors"
    out["correlation_dimension"] = entry(
        None if found is None else found.dimension, "1", f"plateau of the slope of the correlation sum of {kind}"
    )
    label = f"of {analysis.variables[0]}, patterns of {PATTERN}, delay {analysis.delay * analysis.save_dt:g} {time}"
    out["permutation_entropy"] = entry(analysis.entropy, "1", f"share of log m!, ordinal patterns {label}")
    out["statistical_complexity"] = entry(analysis.complexity, "1", f"Jensen-Shannon, ordinal patterns {label}")
    return out


def _kaplan_yorke(analysis: SystemAnalysis) -> Estimate:
    """Kaplan-Yorke dimension; in regular motion an exponent that cannot be told from zero counts as zero.

    Else a limit cycle whose zero exponent comes out a little negative would have dimension 0.
    """
    spectrum = analysis.spectrum
    assert spectrum is not None
    if analysis.verdict.regime not in (Regime.PERIODIC, Regime.QUASI_PERIODIC):
        return spectrum.kaplan_yorke_dimension
    exponents = np.asarray(spectrum.exponents)
    near = np.abs(exponents) <= zero_tolerance(spectrum)
    value = kaplan_yorke_dimension(np.where(near, 0.0, exponents))
    return Estimate(float(value), 0.0, math.inf, "Kaplan-Yorke formula, zero within the error taken as zero")


def _system_refusals(analysis: SystemAnalysis, quantities: dict[str, Any]) -> dict[str, str]:
    """A reason for each quantity whose value is null."""
    calm = (
        "no exponent is positive beyond its error, so small errors do not grow exponentially: there is no such horizon."
        if analysis.verdict.regime not in (Regime.CHAOTIC, Regime.HYPERCHAOTIC)
        else "not computed."
    )
    reasons = {
        "lyapunov_time": calm,
        "predictability_time": calm,
        "kaplan_yorke_dimension": "the exponents computed do not sum to a negative number; more of them are needed.",
        "synchronisation_time": "points under the same noise did not come together in all realisations watched.",
        "mean_log_volume_rate": "only part of the spectrum was computed; the sum needs all of it.",
        "correlation_dimension": "no plateau was found.",
        **analysis.refusals,
    }
    out = {name: reasons.get(name, "not computed.") for name, q in quantities.items() if q["value"] is None}
    if "fixed_points" in analysis.refusals:
        out["fixed_points"] = analysis.refusals["fixed_points"]
    return out


def _checks(analysis: SystemAnalysis) -> dict[str, Any]:
    """Identities that a right computation fulfils, with what was found."""
    spectrum, out = analysis.spectrum, {}
    if spectrum is None:
        return out
    residual = float(spectrum.volume_residual)
    if math.isfinite(residual):
        out["trace_identity"] = {
            "value": residual,
            "tolerance": ROUND_OFF,
            "passed": residual < ROUND_OFF,
            "meaning": "largest difference between the summed growth rates and log|det| of the step [nats per step]",
        }
    still_moving = analysis.verdict.regime not in (Regime.FIXED_POINT, Regime.DIVERGING)
    autonomous = isinstance(analysis.driver, Still) and not isinstance(analysis.driver, Clock)
    if analysis.is_flow and autonomous and still_moving:
        values, errors = np.asarray(spectrum.exponents), np.asarray(spectrum.stderr)
        nearest = int(np.argmin(np.abs(values)))
        drift = math.log(max(float(spectrum.n_steps), 2.0)) / spectrum.duration
        tolerance = Z * float(errors[nearest]) + drift
        out["zero_exponent"] = {
            "value": float(values[nearest]),
            "tolerance": tolerance,
            "passed": bool(abs(float(values[nearest])) <= tolerance),
            "meaning": "exponent nearest to zero: an autonomous flow has a zero one along its orbit",
        }
    return out


def to_text(document: dict[str, Any]) -> str:
    """Write a document as strict JSON.

    Args:
        document: the document.

    Raises:
        ValueError: if it holds a number that JSON does not know.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
