"""Report on the stability of a minimum: the document and the page."""

from typing import Any

import numpy as np

from cocycle.report.document import Report
from cocycle.report.schema import entry, frame, number, quantity
from cocycle.training.stability_map import StabilityMap
from cocycle.training.verdict import Stability

SCHEMA = "cocycle-stability/1"
WORDS = {True: "stable for SGD", False: "unstable for SGD", None: "undecided"}


def stability_report(found: Stability, chart: StabilityMap | None = None, *, name: str = "minimum") -> Report:
    """Report on a verdict of `cocycle.training.stability`, and on a map around it.

    Args:
        found: the verdict.
        chart: exponents over learning rates and batch sizes, or None.
        name: what to call the minimum.

    Returns:
        Report, with `json`, `save(directory)`, `open()`, and the page in a notebook.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.training import Problem, stability
        >>> line = Problem(lambda w, x: w @ x, jnp.ones(3), (jnp.eye(3)[:2] * 2, jnp.full(2, 2.0)))
        >>> found = stability(line, learning_rate=0.6, batch_size=1, n_steps=400, critical=False)
        >>> stability_report(found).json["verdict"]["regime"]
        'unstable for SGD'
    """
    from cocycle.report.stability_figures import stability_figures

    document = stability_document(found, chart, name)
    return Report(document, lambda: stability_figures(found, chart), (), found)


def stability_document(found: Stability, chart: StabilityMap | None, name: str) -> dict[str, Any]:
    """Document of a verdict.

    Args:
        found: the verdict.
        chart: a map around it, or None.
        name: what to call the minimum.
    """
    source = {
        "kind": "minimum",
        "name": name,
        "title": f"Is {name} stable?",
        "n_params": found.n_params,
        "n_samples": found.n_samples,
    }
    limit = 2 / found.learning_rate
    side = "below" if found.sharpness < limit else "above"
    reasons = (
        *found.rests_on,
        f"Gradient descent is {'stable' if found.gradient_descent_stable else 'unstable'}: the sharpness "
        f"{found.sharpness:.4g} is {side} 2 / learning rate = {limit:.4g}.",
    )
    document = frame(source, WORDS[found.stable], reasons)
    document["schema"] = SCHEMA
    document["quantities"] = _quantities(found)
    document["refusals"] = _refusals(found)
    document["parameters"] = {"learning rate": found.learning_rate, "batch size": found.batch_size}
    document["options"] = {
        "n_steps": len(found.local),
        "replace": found.replace,
        "interrupted": str(found.status) == "interrupted",
    }
    document["notes"] = list(found.limits)
    if chart is not None:
        document["map"] = {
            "learning_rates": number(chart.learning_rates),
            "batch_sizes": number(chart.batch_sizes),
            "exponent": number(chart.exponent),
            "stderr": number(chart.stderr),
            "gradient_descent": number(chart.gradient_descent),
            "critical_rate": number(chart.critical_rate),
            "mean_square_rate": number(chart.mean_square_rate),
            "trace_rate": number(chart.trace_rate),
        }
    return document


def _quantities(found: Stability) -> dict[str, Any]:
    step, inverse = "nats / step", "1 / learning rate"
    rates = found.critical
    bound = "" if rates is None or rates.mean_square_exact else "; upper bound: the sharpest directions only"
    none = "not asked for"
    return {
        "sgd_exponent": entry(found.exponent, step),
        "gradient_descent_exponent": quantity(
            found.gradient_descent_exponent, 0.0, step, "largest of log|1 - eta h| over the eigenvalues h"
        ),
        "mean_square_exponent": quantity(found.mean_square_exponent, 0.0, step, "second-moment operator"),
        "critical_rate": entry(None if rates is None else rates.sgd, "learning rate", none if rates is None else None),
        "critical_rate_mean_square": quantity(
            None if rates is None else rates.mean_square,
            0.0,
            "learning rate",
            f"eigenvalue of the second moment{bound}",
        ),
        "critical_rate_gradient_descent": quantity(2 / found.sharpness, 0.0, "learning rate", "2 / sharpness"),
        "trace_bound": quantity(
            None if rates is None else rates.trace_bound,
            0.0,
            "learning rate",
            "traces of H, H squared and single samples",
        ),
        "certainly_stable_rate": quantity(
            2 / float(np.max(found.sample_sharpness)), 0.0, "learning rate", "2 / largest sharpness of a sample"
        ),
        "sharpness": quantity(found.sharpness, 0.0, inverse, "largest eigenvalue of the tangent kernel over N"),
        "trace": quantity(found.trace, 0.0, inverse, "trace of the tangent kernel over N"),
        "normal_directions": quantity(len(found.eigenvalues), 0.0, "1", "rank of the tangent kernel"),
        "loss": quantity(found.loss, 0.0, "1", "mean over the samples"),
        "gradient_norm": quantity(found.gradient_norm, 0.0, "1", "of the mean loss"),
        "distance_to_minimum": quantity(found.distance, 0.0, "1", "length of a Gauss-Newton step"),
    }


def _refusals(found: Stability) -> dict[str, str]:
    out = {}
    if found.mean_square_exponent is None:
        out["mean_square_exponent"] = "the normal space is too large for the second-moment operator"
    if found.critical is None:
        out |= dict.fromkeys(("critical_rate", "critical_rate_mean_square", "trace_bound"), "not asked for")
    return out
