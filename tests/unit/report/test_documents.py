"""report.json: strict, valid against the schema that is shipped, and right."""

import json
import math

import jax.numpy as jnp
import numpy as np
import pytest
from small_systems import logistic, lorenz

import cocycle as cc
from cocycle.core.estimate import Estimate
from cocycle.report import schema
from cocycle.report.schema import REQUIRED, number, quantity

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


def errors(value, rule, root, at="$"):
    """What of a JSON value breaks the rule: the part of JSON Schema that schema.json uses."""
    if "$ref" in rule:
        rule = root["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in rule:
        return [] if any(not errors(value, r, root, at) for r in rule["anyOf"]) else [f"{at}: fits no alternative"]
    found = []
    if "const" in rule and value != rule["const"]:
        found.append(f"{at}: {value!r} is not {rule['const']!r}")
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{at}: {value!r} is none of {rule['enum']}")
    kind = rule.get("type")
    if kind and (not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [*found, f"{at}: {type(value).__name__} is not {kind}"]
    if isinstance(value, dict):
        known, rest = rule.get("properties", {}), rule.get("additionalProperties", True)
        found += [f"{at}: {key} is missing" for key in rule.get("required", []) if key not in value]
        for key, item in value.items():
            inner = known.get(key, rest)
            if inner is False:
                found.append(f"{at}: {key} is not allowed")
            elif isinstance(inner, dict):
                found += errors(item, inner, root, f"{at}.{key}")
    if isinstance(value, list) and "items" in rule:
        found += [e for k, item in enumerate(value) for e in errors(item, rule["items"], root, f"{at}[{k}]")]
    return found


def strict(document):
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(schema.to_text(document), parse_constant=refuse)


@pytest.mark.parametrize("which", ["lorenz_report", "logistic_report", "series_report"])
def test_documents_fit_the_schema(which, request):
    document = strict(request.getfixturevalue(which).json)
    rules = schema.schema()
    assert errors(document, rules, rules) == []
    assert set(REQUIRED) <= set(document["quantities"])
    for name, q in document["quantities"].items():
        assert (q["value"] is None) == (name in document["refusals"]), name


def test_the_checker_sees_faults(logistic_report):
    rules = schema.schema()
    for key, wrong in (("schema", "x"), ("quantities", {}), ("verdict", {"regime": "odd", "reasons": []}), ("more", 1)):
        assert errors({**logistic_report.json, key: wrong}, rules, rules)


def test_logistic_map_is_right(logistic_report):
    # r = 4: exponent log 2 exactly; three standard errors and what is left at 3600 iterations, log(n)/n.
    q = logistic_report.json["quantities"]
    exponent = q["maximal_exponent"]
    assert logistic_report.json["verdict"]["regime"] == "chaotic"
    assert abs(exponent["value"] - math.log(2)) < 3 * exponent["stderr"] + math.log(3600) / 3600
    assert q["predictability_time"]["value"] == pytest.approx(math.log(1000) / exponent["value"])
    assert q["lyapunov_time"]["value"] == pytest.approx(1 / exponent["value"])
    assert q["kaplan_yorke_dimension"]["value"] == 1.0 or q["kaplan_yorke_dimension"]["value"] is None
    assert exponent["unit"] == "nats / iteration"


def test_lorenz_identities_hold(lorenz_report):
    document = lorenz_report.json
    assert document["checks"]["trace_identity"]["passed"]
    assert document["checks"]["zero_exponent"]["passed"]
    volume = document["quantities"]["mean_log_volume_rate"]["value"]
    # The divergence of the field is -(sigma + 1 + beta); RK4 keeps it to dt^4.
    assert volume == pytest.approx(-(10 + 1 + 8 / 3), abs=1e-3)
    assert volume == pytest.approx(sum(document["quantities"]["lyapunov_exponents"]["value"]))
    assert document["parameters"]["rho"] == 28.0
    assert document["sweep"]["values"] == [10.0, 15.0, 20.0, 25.0, 30.0]


def test_settled_system_has_no_horizon():
    document = cc.report(lorenz(rho=20.0), n_steps=8000).json
    assert document["verdict"]["regime"] == "fixed point"
    assert document["quantities"]["predictability_time"]["value"] is None
    assert "no such horizon" in document["refusals"]["predictability_time"]


def test_limit_cycle_has_dimension_one():
    # Whatever the sign of the exponent along the cycle within its error.
    document = cc.report("van_der_pol", n_steps=20_000).json
    assert document["verdict"]["regime"] == "periodic"
    assert document["quantities"]["kaplan_yorke_dimension"]["value"] == 1.0


def test_killed_direction_is_the_string_minus_inf():
    flat = cc.Map(lambda x, a: jnp.stack([3.99 * x[0] * (1 - x[0]), jnp.zeros(())]), x0=[0.3, 0.1])
    document = strict(cc.report(flat, n_steps=2000).json)
    assert document["quantities"]["lyapunov_exponents"]["value"][1] == "-inf"
    rules = schema.schema()
    assert errors(document, rules, rules) == []


def test_same_seed_same_numbers():
    first, second = (cc.report(logistic(3.9), n_steps=1500, seed=3).json for _ in range(2))
    assert first["quantities"] == second["quantities"]


def test_series_document(series_report):
    document = series_report.json
    assert document["verdict"]["regime"] == "chaotic"
    q = document["quantities"]["maximal_exponent"]
    # Logistic map: log 2; four standard errors for the estimate from data.
    assert abs(q["value"] - math.log(2)) < 4 * q["stderr"]
    assert document["quantities"]["lyapunov_exponents"]["value"] is None
    assert document["source"]["n_values"] == 1500


def test_stochastic_equation_gets_noise_from_the_seed():
    well = cc.ItoSDE(lambda t, x, a: x - x**3, lambda t, x, a: a["s"], {"s": 0.5}, dt=0.01, x0=0.5, name="well")
    document = cc.report(well, n_steps=4000, seed=5).json
    assert document["options"]["driver"] == "Brownian"
    assert document["quantities"]["maximal_exponent"]["value"] < 0
    assert cc.report(well, n_steps=4000, seed=6).json["quantities"] != document["quantities"]


def test_numbers_and_quantities():
    assert number(np.array([1.0, np.nan, -np.inf])) == [1.0, None, "-inf"]
    assert quantity(1.0, np.inf, "1", "m")["stderr"] is None
    assert schema.entry(Estimate(np.nan, 0.0), "1")["value"] is None


def test_step_without_tangents_is_refused_with_a_reason():
    class Dice(cc.AbstractSystem):
        dt: float = 1.0
        x0: float = 0.0

        def step(self, x, w):
            return jnp.where(x > 3, 0.0, x + 1.0)

    document = cc.report(Dice(), n_steps=500).json
    assert document["verdict"]["regime"] == "undecided"
    assert document["quantities"]["lyapunov_exponents"]["value"] is None
    assert document["refusals"]["lyapunov_exponents"]


def test_catalogue_name_and_structural_parameter():
    document = cc.report("lorenz96", parameters={"n": 5}, n_steps=2000).json
    assert len(document["quantities"]["lyapunov_exponents"]["value"]) == 5
    assert document["source"]["title"]
