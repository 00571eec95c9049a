"""Each example runs as a user would run it, and ends as its comments say."""

import pathlib
import runpy

import numpy as np
import pytest

import cocycle as cc

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_every_example_is_tested():
    tested = {"01_known_system", "02_own_system", "03_sweep", "04_noise", "06_recurrent_network", "07_learn_from_data"}
    assert {f.stem for f in EXAMPLES.glob("*.py")} == tested


def test_known_system():
    spectrum = runpy.run_path(str(EXAMPLES / "01_known_system.py"))["spectrum"]
    # Viswanath 1998; 4.5 standard errors.
    assert np.all(np.abs(spectrum.exponents - [0.90564, 0, -14.57231]) < 4.5 * spectrum.stderr + 1e-3)


def test_own_system():
    names = runpy.run_path(str(EXAMPLES / "02_own_system.py"))
    assert names["page"].json["verdict"]["regime"] == "chaotic"  # Thomas 1999: chaos below b = 0.208
    assert names["orbit"].sizes["time"] == 10_000


@pytest.mark.slow
def test_sweep():
    exponents = runpy.run_path(str(EXAMPLES / "03_sweep.py"))["exponents"]
    assert isinstance(exponents, cc.Spectrum)
    assert exponents.exponents.shape == (400, 3)
    rho = np.linspace(0, 200, 400)
    # Below 1 the origin attracts, and below 13.926 every orbit settles on a fixed point.
    assert np.all(exponents.exponents[rho < 13.5, 0] < 0.01)
    # Divergence is constant, up to the order of the step.
    assert np.allclose(exponents.exponents.sum(axis=1), -(10 + 1 + 8 / 3), atol=0.05)


def test_noise_synchronises():
    names = runpy.run_path(str(EXAMPLES / "04_noise.py"))
    assert abs(names["pair"].x[-1, 1] - names["pair"].x[-1, 0]) < 1e-6
    spectrum = names["spectrum"]
    assert spectrum.exponents[0] + 3 * spectrum.stderr[0] < 0


def test_recurrent_network():
    spectrum = runpy.run_path(str(EXAMPLES / "06_recurrent_network.py"))["spectrum"]
    assert spectrum.exponents.shape == (10,)
    assert np.all(np.diff(spectrum.exponents) < 3 * spectrum.stderr[1:])


def test_learn_from_data():
    names = runpy.run_path(str(EXAMPLES / "07_learn_from_data.py"))
    assert names["spectrum"].exponents.shape == (2,)
    loss = names["model"].record.curves["loss"]
    assert loss[-20:].mean() < loss[:20].mean()
    table = names["table"]
    assert {"D_stsp", "D_H"} <= set(table.scores["two halves"])
