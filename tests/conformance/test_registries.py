"""The conformance kit over everything that is public; a public name that nothing covers fails."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import cocycle as cc
from cocycle import learn, measures, steppers
from cocycle.core import drivers
from cocycle.core.system import AbstractSystem
from cocycle.learn import AbstractLearner
from cocycle.measures import OrdinalPatterns, Shannon
from cocycle.steppers.stochastic import AbstractItoStepper, AbstractStratonovichStepper
from cocycle.systems import catalogue
from cocycle.testing import check_driver, check_learner, check_measure, check_stepper, check_system
from cocycle.testing.learner import sample_rows

KEY = jax.random.key(0)

DRIVERS = {
    "Still": drivers.Still(),
    "Clock": drivers.Clock(0.1, 2.0),
    "Brownian": drivers.Brownian(KEY, (3,)),
    "Keys": drivers.Keys(KEY),
    "Minibatch": drivers.Minibatch(KEY, n_samples=20, batch_size=4),
    "Minibatch, by epochs": drivers.Minibatch(KEY, n_samples=20, batch_size=4, replace=False),
    "Recorded": drivers.Recorded({"u": jnp.arange(6.0), "v": jnp.ones((6, 2))}),
    "Joint": drivers.Joint(drivers.Clock(0.1), drivers.Brownian(KEY)),
}

SCALE = {"shift_invariant": True, "scale_invariant": True}

# Measures of one series: options bound, invariances promised.
MEASURES = {
    "autocorrelation": (lambda x: measures.autocorrelation(x, 10), SCALE),
    "classify_series": (measures.classify_series, {"refuses_constant": False}),
    "correlation_dimension": (measures.correlation_dimension, {"takes_points": True}),
    "delay_by_mutual_information": (measures.delay_by_mutual_information, {}),
    "dimension_by_cao": (lambda x: measures.dimension_by_cao(x, delay=1), {}),
    "dimension_by_false_neighbours": (lambda x: measures.dimension_by_false_neighbours(x, delay=1), {}),
    "dominant_period": (measures.dominant_period, {}),
    "embed": (lambda x: measures.embed(x, 3, 2), {"refuses_constant": False}),
    "forecast_skill": (lambda x: measures.forecast_skill(x, dimension=3, delay=1, max_horizon=5), {}),
    "block_maxima": (lambda x: measures.block_maxima(x, block=40), {}),
    "extremal_index": (lambda x: measures.extremal_index(x, quantile=0.9), SCALE),
    "kernel_density": (measures.kernel_density, {}),
    "peaks_over_threshold": (lambda x: measures.peaks_over_threshold(x, quantile=0.8), {}),
    "information": (lambda x: measures.information(Shannon(), OrdinalPatterns(m=3), x), SCALE),
    "kantz": (lambda x: measures.kantz(x, dimension=2, delay=1), {}),
    "line_model": (measures.line_model, {}),
    "mean_period": (measures.mean_period, {}),
    "missing_patterns": (lambda x: measures.missing_patterns(x, m=4), SCALE),
    "mutual_information": (lambda x: measures.mutual_information(x, 10), {}),
    "nonlinearity_test": (measures.nonlinearity_test, {}),
    "permutation_entropy": (lambda x: measures.permutation_entropy(x, m=4), SCALE),
    "power_spectrum": (measures.power_spectrum, {"shift_invariant": True}),
    "rice_period": (measures.rice_period, SCALE),
    "rosenstein": (lambda x: measures.rosenstein(x, dimension=2, delay=1), {}),
    "statistical_complexity": (lambda x: measures.statistical_complexity(x, m=4), SCALE),
    "theiler_window": (measures.theiler_window, {}),
    "zero_one_test": (measures.zero_one_test, {}),
}


# Learners, small enough to be quick.
BRIEF = learn.Descent(n_updates=5, batch_size=2, length=8)
LEARNERS = {
    "AlmostLinearRNN": learn.AlmostLinearRNN(n_latent=4, n_relu=1, descent=BRIEF),
    "DMD": learn.DMD(n_delays=4),
    "EDMD": learn.EDMD(degree=2),
    "EchoState": learn.EchoState(n_units=40, n_washout=20),
    "GaussianProcess": learn.GaussianProcess(n_points=60),
    "GeneralisedLangevin": learn.GeneralisedLangevin(),
    "HAVOK": learn.HAVOK(n_delays=10, rank=6),
    "HybridODE": learn.HybridODE(n_hidden=4, descent=BRIEF),
    "KnownSystem": learn.KnownSystem(
        system=cc.systems.VanDerPol(dt=0.25),
        parameters=("mu",),
        observed=(0, 1),
        n_rows=20,
        n_updates=25,
    ),
    "KoopmanAutoencoder": learn.KoopmanAutoencoder(n_latent=2, n_hidden=4, descent=BRIEF),
    "NeuralCDE": learn.NeuralCDE(n_hidden=3, n_width=4, n_washout=5, descent=BRIEF),
    "NeuralSDE": learn.NeuralSDE(n_hidden=4, descent=BRIEF),
    "ParetoODE": learn.ParetoODE(n_population=8, n_generations=2, window=9),
    "S4D": learn.S4D(n_channels=3, n_pairs=2, n_layers=1, n_washout=5, descent=BRIEF),
    "S5": learn.S5(n_channels=3, n_pairs=2, n_layers=1, n_washout=5, descent=BRIEF),
    "GRU": learn.GRU(n_hidden=4, n_washout=5, descent=BRIEF),
    "LSTM": learn.LSTM(n_hidden=4, n_washout=5, descent=BRIEF),
    "LinearAutoregression": learn.LinearAutoregression(),
    "NextGenerationReservoir": learn.NextGenerationReservoir(),
    "NeuralODE": learn.NeuralODE(n_hidden=4, forcing=learn.GeneralisedForcing(0.3), descent=BRIEF),
    "PLRNN": learn.PLRNN(n_hidden=4, forcing=learn.GeneralisedForcing(0.3), descent=BRIEF),
    "SINDy": learn.SINDy(degree=1),
    "SMap": learn.SMap(theta=1.0),
    "Simplex": learn.Simplex(),
}

# Those that need data of another kind than the default rows, or promise less.
ROWS = sample_rows()
LEARNER_DATA = {
    "GeneralisedLangevin": (ROWS[:, :1], {}),
    "ParetoODE": (ROWS + 2.0, {}),
}

# Public functions of measures that do not measure one series.
OTHER_FUNCTIONS = {
    "almost_invariant_sets": "takes a chain",
    "committor": "takes a chain",
    "escape_rate": "takes a chain",
    "generator": "takes a stochastic equation",
    "mean_first_passage": "takes a chain",
    "passage_moments": "takes a chain",
    "rate_matrix": "takes a chain",
    "regime_lifetime": "takes a chain",
    "relaxation_rates": "takes a chain",
    "resampled": "takes a chain",
    "reversed_chain": "takes a chain",
    "stationary_distribution": "takes a chain",
    "trajectory_chain": "takes points",
    "transfer_operator": "takes pairs of points",
    "transition_rate": "takes a chain",
    "mean_lifetime": "takes durations",
    "survival_curve": "takes durations",
    "visits": "takes masks",
    "histogram_density": "takes points and boxes",
    "analyse_series": "gathers all other measures of a long series; notes refusals instead of raising them",
    "checked_series": "the gate itself",
    "complexity_limits": "takes a number of outcomes",
    "correlation_sum_distance": "compares two clouds",
    "fourier_surrogates": "returns new series",
    "iaaft": "returns new series",
    "matching_stretch": "returns a stretch of the series",
    "maximum_mean_discrepancy": "compares two clouds",
    "predictability_time": "takes a result",
    "prediction_error": "takes forecasts and facts",
    "shuffle_surrogates": "returns new series",
    "spectral_distance": "compares two series",
    "state_space_divergence": "compares two clouds",
    "valid_steps": "takes forecasts and facts",
    "valid_time": "takes forecasts and facts",
}


def concrete(module, kinds) -> dict[str, Any]:
    """Public concrete classes of the given kinds."""
    found = {name: getattr(module, name) for name in getattr(module, "__all__", dir(module))}
    return {n: c for n, c in found.items() if inspect.isclass(c) and issubclass(c, kinds) and not inspect.isabstract(c)}


STEPPERS = concrete(steppers, (steppers.AbstractStepper, AbstractItoStepper, AbstractStratonovichStepper))


@pytest.mark.parametrize("name", catalogue.names())
def test_system(name):
    entry = catalogue[name]
    check_system(entry.make(), driver=entry.driver(0))


@pytest.mark.parametrize("name", DRIVERS)
def test_driver(name):
    check_driver(DRIVERS[name])


def test_every_driver_is_covered():
    public = set(concrete(drivers, drivers.AbstractDriver))
    assert public == {type(driver).__name__ for driver in DRIVERS.values()}


@pytest.mark.parametrize("name", STEPPERS)
def test_stepper(name):
    manifold = "manifold" in STEPPERS[name].__dataclass_fields__
    check_stepper(STEPPERS[name](steppers.Flat()) if manifold else STEPPERS[name]())


def test_steppers_are_found():
    assert {"RK4", "EulerMaruyama", "StochasticHeun", "Leapfrog", "Adaptive"} <= set(STEPPERS)


@pytest.mark.parametrize("name", MEASURES)
def test_measure(name):
    measure, promises = MEASURES[name]
    check_measure(measure, **promises)


def test_every_measure_is_covered():
    public = {name for name in measures.__all__ if inspect.isfunction(inspect.unwrap(getattr(measures, name)))}
    assert public == set(MEASURES) | set(OTHER_FUNCTIONS)


# Learners that share their rule or their fit with another one here: 4 to 8 s each, in the slow tier.
SIBLINGS = {
    "AlmostLinearRNN",
    "EDMD",
    "HAVOK",
    "HybridODE",
    "KnownSystem",
    "KoopmanAutoencoder",
    "LSTM",
    "NeuralCDE",
    "NeuralODE",
    "PLRNN",
    "S4D",
    "S5",
    "SMap",
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SIBLINGS else ()) for n in LEARNERS])
def test_learner(name):
    data, options = LEARNER_DATA.get(name, (None, {}))
    check_learner(LEARNERS[name], data, **options)


def test_every_learner_is_covered():
    public = {n for n in learn.__all__ if inspect.isclass(c := getattr(learn, n)) and issubclass(c, AbstractLearner)}
    assert public - {"AbstractLearner", "AbstractTrainedLearner"} == set(LEARNERS)


def test_every_system_class_is_in_the_catalogue():
    made = {type(entry.make()) for entry in catalogue}
    assert all(issubclass(kind, AbstractSystem) for kind in made)
    assert {"Map", "Flow", "ItoSDE", "DelayFlow"} <= {kind.__name__ for kind in made}
