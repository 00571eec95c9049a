"""The verdict on series of known regime; each class was tried over 10 seeds or more, these are the first ones."""

import dataclasses

import numpy as np
import pytest

import cocycle.data
from cocycle.core.errors import InsufficientDataError
from cocycle.measures import analyse_series, classify_series, line_model

KNOWN = {
    "white noise": lambda s: s.white(n=2000),
    "linear noise": lambda s: s.ar1(n=2000, phi=0.8),
    "periodic": lambda s: s.sine(n=1000, noise=0.01),
    "quasi-periodic": lambda s: s.quasi(n=1000),
    "chaotic": lambda s: s.henon()[:3000],
    "constant": lambda s: np.full(500, 2.0),
    "fixed point": lambda s: 3 + np.exp(-np.arange(1000) / 30) * np.cos(np.arange(1000)),
}


@pytest.mark.parametrize("regime", KNOWN)
def test_known_regimes(signals, regime):
    verdict = classify_series(KNOWN[regime](signals))
    assert verdict.regime == regime
    assert verdict.reasons


def test_more_chaos(signals):
    for x, dt in (
        (signals.lorenz()[:4000], 0.03),
        (signals.logistic()[:2000], 1.0),
        (signals.logistic(r=3.6)[:2000], 1.0),
    ):
        assert classify_series(x, dt=dt).regime == "chaotic"


def test_periodic_window_and_tens_of_per_cent_of_noise(signals):
    assert classify_series(signals.logistic(r=3.83)[:1000]).regime == "periodic"
    assert classify_series(signals.sine(n=1000, noise=0.1)).regime == "periodic"


def test_laser_is_chaotic_with_everything_measured():
    steps = []
    a = analyse_series(cocycle.data.laser(), progress=lambda *step: steps.append(step))
    assert a.regime == "chaotic"
    assert a.nonlinearity is not None
    assert a.nonlinearity.refuted
    assert a.correlation_dimension is not None
    assert a.refusals == {}
    assert abs(a.correlation_dimension.dimension.value - 2.1) < 0.1 + 2 * a.correlation_dimension.dimension.stderr
    assert [s[1] for s in steps] == list(range(14))
    assert {s[2] for s in steps} == {14}
    assert all(getattr(a, f.name) is not None for f in dataclasses.fields(a))


@pytest.mark.parametrize("name", ["sunspots", "ecg"])
def test_what_cannot_be_decided_is_not(name):
    verdict = classify_series(getattr(cocycle.data, name)())
    assert verdict.regime == "undecided"
    assert any("no plateau" in r for r in verdict.reasons)


def test_refusals_are_kept(signals):
    a = analyse_series(signals.logistic(r=3.5))  # period 4: four values
    assert a.regime == "periodic"
    assert a.rosenstein is None
    assert "symbolic" in a.refusals["rosenstein"]


def test_short_series_are_refused():
    with pytest.raises(InsufficientDataError, match="200 points; at least 201"):
        analyse_series(np.random.default_rng(0).normal(size=200))
    with pytest.raises(InsufficientDataError):
        analyse_series(np.ones(200))


def test_long_series_are_cut_and_say_so(signals, monkeypatch):
    monkeypatch.setattr("cocycle.measures.evidence.MAX_POINTS", 600)
    a = analyse_series(signals.sine(n=1000))
    assert a.x.size == 600
    assert a.n_given == 1000
    assert "last 600 of 1000" in a.reasons[-1]


def test_common_period_of_a_square_wave():
    # Period 37.3 is no multiple of the sampling step; a square wave has all odd harmonics, most of them aliased.
    m = line_model(np.sign(np.sin(2 * np.pi * np.arange(4000) / 37.3 + 0.1)))
    assert abs(m.period - 37.3) < 0.01
    assert m.period_error < 0.05


def test_tones_without_a_common_period():
    t = np.arange(3000)
    m = line_model(np.sin(t / 5) + 0.5 * np.sin(t / 5 * np.sqrt(2)))
    assert m.n_tones == 2
    assert np.isnan(m.period)
    # Two tones far apart: amplitudes by linear least squares, frequencies to 1e-3 of a bin (1/2000).
    np.testing.assert_allclose(2 * np.pi * m.frequency[:2], [0.2, 0.2 * np.sqrt(2)], atol=2 * np.pi * 1e-3 / 2000)
    np.testing.assert_allclose(m.power[:2], [0.8, 0.2], atol=0.01)  # variance of a finite record
