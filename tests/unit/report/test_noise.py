"""What the report says of noise: the right verdict for systems whose answer is known, valid documents, refusals."""

import json

import numpy as np
import pytest
from small_systems import logistic, lorenz
from test_documents import errors

import cocycle as cc
from cocycle.cli.options import levels_of, regime_of
from cocycle.core.errors import CocycleError
from cocycle.report import report, schema
from cocycle.report.noise import Regime

Z = 4.5


@pytest.fixture(scope="module")
def well():
    return report(cc.systems.DoubleWell(sigma=0.7), n_steps=20_000)


def test_double_well_synchronises(well):
    noise = well.json["noise"]
    assert noise["synchronises"] is True
    assert noise["exponent_sign"] == -1
    assert noise["kind"] == "factor"
    assert noise["level"] == 1
    assert not errors(well.json, schema.schema(), schema.schema())
    found = well.json["quantities"]["synchronisation_time"]
    assert found["value"] is None or found["value"] > 0
    assert "noise" in well.html


def test_lorenz_with_noise_does_not():
    found = report(lorenz(), n_steps=4000, noise=2.0)
    assert found.json["noise"]["synchronises"] is False
    assert found.json["noise"]["exponent_sign"] == 1
    assert found.json["noise"]["kind"] == "added"
    assert "strength 2" in found.json["verdict"]["reasons"][-1]
    assert json.loads(schema.to_text(found.json))["noise"]["n_points"] == 12


def test_a_deterministic_report_says_nothing_of_noise():
    assert "noise" not in report(logistic(), n_steps=2000).json


def test_lifetimes_over_the_noise_level():
    """Visits of the double well's left side: longer for weaker noise, and the mean as a single run has it."""
    system = cc.systems.DoubleWell(sigma=0.7)
    found = report(system, n_steps=20_000, noise=[0.8, 1.0], lifetimes=Regime("x", -0.5, 0.5))
    life = found.json["noise"]["lifetimes"]
    assert life["levels"] == [0.8, 1.0]
    assert life["mean"][0] - life["mean"][1] > Z * np.hypot(*life["stderr"])
    x = np.asarray(cc.trajectory(system, None, cc.Brownian(5), n_steps=400_000).x)
    from cocycle.measures import visits

    alone = visits(x < -0.5, x > 0.5, dt=0.01).mean
    assert abs(alone.value - life["mean"][1]) < Z * np.hypot(alone.stderr, life["stderr"][1])
    assert not errors(found.json, schema.schema(), schema.schema())
    assert {f.key for f in found._make_figures()} >= {"noise", "lifetimes"}


def test_options_of_the_command():
    assert levels_of("0, 0.1") == (0.0, 0.1)
    assert regime_of("x:1:0") == Regime("x", 1.0, 0.0)
    low, high = Regime("x", 0.2, 0.4).masks(np.array([0.1, 0.3, 0.5]))
    assert low.tolist() == [True, False, False]
    assert high.tolist() == [False, False, True]
    above, below = Regime("x", 0.4, 0.2).masks(np.array([0.1, 0.3, 0.5]))
    assert above.tolist() == [False, False, True]
    assert below.tolist() == [True, False, False]


BAD = {
    "no level": lambda: report(logistic(), n_steps=200, lifetimes=Regime("x", 0.2, 0.4)),
    "negative": lambda: report(logistic(), n_steps=200, noise=-1.0),
    "zero": lambda: report(logistic(), n_steps=200, noise=0.0),
    "coordinate": lambda: report(lorenz(), n_steps=500, noise=0.1, lifetimes=Regime("w", 0.2, 0.4)),
    "never": lambda: report(lorenz(), n_steps=500, noise=0.1, lifetimes=Regime("z", -100.0, -90.0)),
    "levels": lambda: levels_of("0,,1"),
    "regime": lambda: regime_of("x"),
    "threshold": lambda: Regime("x", np.nan, 0.0),
    "data": lambda: report(np.arange(100.0), noise=1.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case]()


def test_results_show_themselves(key):
    from cocycle.measures import BoxGrid, histogram_density, survival_curve
    from cocycle.stability.random import certify_sign, moment_exponents, n_point_motion

    system, driver = cc.systems.DoubleWell(sigma=0.7), cc.Brownian(key)
    results = [
        survival_curve([1.0, 2.0, 3.0], [True, False, True]),
        n_point_motion(system, np.array([-1.0, 1.0]), driver, n_steps=50),
        moment_exponents(system, None, driver, p=[0.5], n_steps=20, n_realisations=64),
        certify_sign(system, None, driver, n_steps=640),
        histogram_density(np.random.default_rng(0).normal(size=1000), BoxGrid([-3.0], [3.0], 10)),
    ]
    for result in results:
        assert result.plot().data
        assert result.to_xarray().data_vars
        assert "<table" in result._repr_html_()
