"""What learners accept, and what they refuse."""

import numpy as np
import pytest

import cocycle as cc
from cocycle import learn
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError, UnknownNameError

X = np.stack([np.sin(0.3 * np.arange(200)), np.cos(0.3 * np.arange(200))], axis=1)


def with_gap(at):
    x = X.copy()
    x[at] = np.nan
    return x


def test_arrays_lists_series_and_trajectories_are_the_same_data():
    series = cc.Series(X[:, 0], dt=0.5)
    orbit = cc.Trajectory(0.5 * np.arange(200), X, X[-1], 200, variables=("p", "q"))
    assert learn.segments(X[:, 0], n_min=3).parts[0].shape == (200, 1)
    assert learn.segments(X[:, 0].tolist(), n_min=3).n_rows == 200
    assert learn.segments(series, n_min=3).dt == 0.5
    found = learn.segments(orbit, n_min=3)
    assert (found.dt, found.variables) == (0.5, ("p", "q"))
    several = learn.segments([X, X[:50]], n_min=3, dt=0.5)
    assert [len(part) for part in several.parts] == [200, 50]


def test_gaps_cut_and_short_stretches_go():
    found = learn.segments(with_gap([50, 51, 60, 199]), n_min=10)
    assert [len(part) for part in found.parts] == [50, 138]
    assert found.n_missing == 4
    # A row of which one value is missing is missing.
    x = X.copy()
    x[100, 1] = np.nan
    assert [len(part) for part in learn.segments(x, n_min=10).parts] == [100, 99]


BAD = {
    "too short": (X[:5], InsufficientDataError, "5 rows, at least 10"),
    "gaps everywhere": (with_gap(np.arange(0, 200, 5)), InsufficientDataError, "fill the gaps"),
    "constant": (np.hstack([X, np.ones((200, 1))]), InsufficientDataError, "column 2 is constant"),
    "nothing but NaN": (np.hstack([X, np.full((200, 1), np.nan)]), InsufficientDataError, "no values at all"),
    "infinite": (np.where(X > 0.99, np.inf, X), DataError, "infinite in row"),
    "text": (X.astype(str), DataError, "real numbers"),
    "complex": (X + 0j, DataError, "real numbers"),
    "batch": (X[None], DataError, "list"),
    "ragged": ([[1.0, 2.0], [1.0]], DataError, "differ in length"),
    "other columns": ([X, X[:, :1]], DataError, "columns"),
    "nothing": ([], DataError, "empty"),
    "other steps": (
        [cc.Series(X[:, 0], dt=0.5), cc.Series(X[:, 0], dt=0.25)],
        DataError,
        "different steps",
    ),
    "uneven times": (cc.Trajectory(np.arange(200.0) ** 1.01, X, X[-1], 200), DataError, "evenly"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_refused(case):
    data, error, words = BAD[case]
    with pytest.raises(error, match=words):
        learn.segments(data, n_min=10)


def test_bad_step_is_refused():
    with pytest.raises(ParameterError, match="dt"):
        learn.segments(X, n_min=3, dt=-1.0)
    with pytest.raises(DataError, match="different steps"):
        learn.segments(cc.Series(X[:, 0], dt=0.5), n_min=3, dt=0.1)


OPTIONS = {
    "ngrc degree": (lambda: learn.NextGenerationReservoir(degree=0), "degree"),
    "ngrc delays": (lambda: learn.NextGenerationReservoir(n_delays=0), "n_delays"),
    "ridge": (lambda: learn.LinearAutoregression(ridge=-1.0).fit(X), "penalties"),
    "esn leak": (lambda: learn.EchoState(leak=1.5), "leak"),
    "esn radius": (lambda: learn.EchoState(spectral_radius=0.0), "spectral_radius"),
    "esn without key": (lambda: learn.EchoState().fit(X), "key"),
    "smap": (lambda: learn.SMap(theta=-1.0), "theta"),
    "simplex": (lambda: learn.Simplex(n_neighbours=1000).fit(X), "n_neighbours"),
    "dmd": (lambda: learn.DMD(rank=0), "rank"),
    "stlsq": (lambda: learn.STLSQ(threshold=-1.0), "threshold"),
    "sr3": (lambda: learn.SR3(nu=0.0), "nu"),
    "derivatives": (lambda: learn.Derivatives(n_window=4), "n_window"),
    "weak": (lambda: learn.WeakForm(power=0), "power"),
    "plrnn latent": (lambda: learn.PLRNN(n_latent=1, descent=learn.Descent(length=5)).fit(X, key=0), "n_latent"),
    "al-rnn": (lambda: learn.AlmostLinearRNN(n_latent=3, n_relu=4), "n_relu"),
    "forcing": (lambda: learn.GeneralisedForcing(1.5), "alpha"),
    "sparse forcing": (lambda: learn.SparseForcing(0), "interval"),
    "descent": (lambda: learn.Descent(n_updates=0), "n_updates"),
    "rate": (lambda: learn.Descent(rate=0.0), "rate"),
    "fourier": (lambda: learn.Fourier(3, 100), "functions"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options_are_refused(case):
    call, words = OPTIONS[case]
    with pytest.raises((ParameterError, UnknownNameError), match=words):
        call()


def test_contexts_that_do_not_fit_are_refused():
    model = learn.LinearAutoregression(n_delays=4, ridge=0.0).fit(X, dt=0.5)
    with pytest.raises(InsufficientDataError, match="needs 4 to warm up"):
        model.forecast(X[:3], 2)
    with pytest.raises(DataError, match="columns"):
        model.forecast(X[:, 0], 2)
    with pytest.raises(DataError, match="resample"):
        model.forecast(cc.Trajectory(0.1 * np.arange(200), X, X[-1], 200), 2)
    with pytest.raises(DataError, match="infinities"):
        model.forecast(np.where(X > 0.99, np.inf, X), 2)
    with pytest.raises(ParameterError, match="n_steps"):
        model.forecast(X, 0)
