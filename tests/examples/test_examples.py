"""Each example runs as a user would run it, and ends as its comments say."""

import pathlib
import runpy

import numpy as np
import pytest

import cocycle as cc

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_every_example_is_tested():
    tested = {"01_known_system", "02_own_system", "03_sweep", "04_noise", "05_stable_minimum", "06_recurrent_network"}
    tested |= {"07_learn_from_data", "08_transport_barriers"}
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


def test_stable_minimum():
    names = runpy.run_path(str(EXAMPLES / "05_stable_minimum.py"))
    verdict, chart = names["verdict"], names["chart"]
    assert verdict.stable is False
    assert verdict.gradient_descent_stable
    # SGD's limit lies above that of mean square, below that of gradient descent, and rises with the batch.
    assert verdict.critical.mean_square < float(verdict.critical.sgd.value) < verdict.critical.gradient_descent
    assert np.all(np.diff(chart.critical_rate) > 0)


def test_transport_barriers():
    names = runpy.run_path(str(EXAMPLES / "08_transport_barriers.py"))
    field, ridges = names["ftle"], names["ridges"]
    assert names["table"]["ftle"].sizes == {"x": 256, "y": 128}
    assert names["figure"].data[0].type == "heatmap"
    assert field.n_lost == 0
    # The walls are invariant, and the corner's rate bounds what they stretch: pi^2 alpha (1 + 2 eps) at most.
    assert 0.2 < float(np.max(field.values)) < np.pi**2 * 0.1 * 1.2
    # The barrier between the gyres, upright in the middle.
    assert any(np.ptp(line[:, 1]) > 0.3 and np.all(np.abs(line[:, 0] - 0.9) < 0.25) for line in ridges.lines)
