"""Every measure refuses what is not a series, with the remedy in the message."""

import numpy as np
import pytest

from cocycle import measures
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError

MEASURES = {
    "embed": lambda x: measures.embed(x, 2, 1),
    "autocorrelation": lambda x: measures.autocorrelation(x, 5),
    "mutual_information": lambda x: measures.mutual_information(x, 5),
    "delay": measures.delay_by_mutual_information,
    "theiler": measures.theiler_window,
    "cao": lambda x: measures.dimension_by_cao(x, 1),
    "false_neighbours": lambda x: measures.dimension_by_false_neighbours(x, 1),
    "rosenstein": lambda x: measures.rosenstein(x, dimension=2, delay=1),
    "kantz": lambda x: measures.kantz(x, dimension=2, delay=1),
    "correlation_dimension": measures.correlation_dimension,
    "permutation_entropy": measures.permutation_entropy,
    "statistical_complexity": measures.statistical_complexity,
    "missing_patterns": measures.missing_patterns,
    "zero_one": measures.zero_one_test,
    "shuffle": lambda x: measures.shuffle_surrogates(x, 1),
    "fourier": lambda x: measures.fourier_surrogates(x, 1),
    "iaaft": lambda x: measures.iaaft(x, 1),
    "nonlinearity": measures.nonlinearity_test,
    "forecast": lambda x: measures.forecast_skill(x, dimension=2, delay=1, max_horizon=5),
    "power_spectrum": measures.power_spectrum,
    "dominant_period": measures.dominant_period,
    "lines": measures.line_model,
    "analyse": measures.analyse_series,
}


def holed():
    x = np.random.default_rng(0).normal(size=1000)
    x[17] = np.nan
    return x


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES.keys())
def test_bad_series_are_refused(measure):
    with pytest.raises(DataError, match="first at index 17"):
        measure(holed())
    with pytest.raises(DataError):
        measure(np.full(1000, "a"))
    with pytest.raises(DataError):
        measure(np.ones(1000) * 1j)
    with pytest.raises(InsufficientDataError):
        measure(np.array([1.0]))


@pytest.mark.parametrize("name", [n for n in MEASURES if n != "analyse"])
def test_constant_series_are_refused(name):
    with pytest.raises(InsufficientDataError, match="constant"):
        MEASURES[name](np.full(1000, 3.0))


@pytest.mark.parametrize("name", [n for n in MEASURES if n != "correlation_dimension"])
def test_tables_are_refused(name):
    with pytest.raises(DataError, match="one column"):
        MEASURES[name](np.random.default_rng(0).normal(size=(500, 2)))


def test_lists_integers_and_jax_arrays_are_series():
    import jax.numpy as jnp

    expected = np.array([[1.0, 2.0], [2.0, 3.0]])
    for x in ([1, 2, 3], (1.0, 2.0, 3.0), np.array([1, 2, 3], dtype=np.uint8), jnp.array([1.0, 2.0, 3.0])):
        np.testing.assert_array_equal(measures.embed(x, 2, 1), expected)


def test_options_are_checked(signals):
    x = signals.white(n=500)
    for call in (
        lambda: measures.embed(x, 0, 1),
        lambda: measures.rosenstein(x, dimension=2, delay=0),
        lambda: measures.rosenstein(x, dimension=2, delay=1, dt=0.0),
        lambda: measures.kantz(x, dimension=2, delay=1, radius=-1.0),
        lambda: measures.analyse_series(x, -1.0),
        lambda: measures.iaaft(x, 0),
        lambda: measures.nonlinearity_test(x, n_surrogates=9),
    ):
        with pytest.raises(ParameterError):
            call()
