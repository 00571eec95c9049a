"""Arrays -> numbers: what can be measured of a series or of a cloud of points, each number with its error."""

from cocycle.measures.dimension import CorrelationDimension, correlation_dimension
from cocycle.measures.discrepancy import correlation_sum_distance, maximum_mean_discrepancy
from cocycle.measures.divergence import AbstractDensity, GaussianMixture, Histogram, state_space_divergence
from cocycle.measures.embedding import (
    DelayChoice,
    autocorrelation,
    delay_by_mutual_information,
    embed,
    mutual_information,
    theiler_window,
)
from cocycle.measures.embedding_dimension import (
    CaoDimension,
    FalseNeighbours,
    dimension_by_cao,
    dimension_by_false_neighbours,
)
from cocycle.measures.entropies import AbstractInformationMeasure, Renyi, Shannon, Tsallis
from cocycle.measures.evidence import SeriesAnalysis
from cocycle.measures.exponent import Divergence, kantz, rosenstein
from cocycle.measures.forecasts import prediction_error, valid_steps, valid_time
from cocycle.measures.lines import LineModel, line_model
from cocycle.measures.nonlinearity import (
    AbstractStatistic,
    NonlinearityTest,
    PredictionError,
    TimeReversal,
    nonlinearity_test,
)
from cocycle.measures.ordinal import (
    MissingPatterns,
    OrdinalPatterns,
    complexity_limits,
    information,
    missing_patterns,
    permutation_entropy,
    statistical_complexity,
)
from cocycle.measures.prediction import ForecastSkill, forecast_skill, predictability_time
from cocycle.measures.series import checked_series
from cocycle.measures.spectral_distance import spectral_distance
from cocycle.measures.spectrum import PowerSpectrum, dominant_period, mean_period, power_spectrum, rice_period
from cocycle.measures.surrogates import Surrogates, fourier_surrogates, iaaft, matching_stretch, shuffle_surrogates
from cocycle.measures.verdict import Verdict, analyse_series, classify_series
from cocycle.measures.zero_one import ZeroOneTest, zero_one_test

__all__ = [
    "AbstractDensity",
    "AbstractInformationMeasure",
    "AbstractStatistic",
    "CaoDimension",
    "CorrelationDimension",
    "DelayChoice",
    "Divergence",
    "FalseNeighbours",
    "ForecastSkill",
    "GaussianMixture",
    "Histogram",
    "LineModel",
    "MissingPatterns",
    "NonlinearityTest",
    "OrdinalPatterns",
    "PowerSpectrum",
    "PredictionError",
    "Renyi",
    "SeriesAnalysis",
    "Shannon",
    "Surrogates",
    "TimeReversal",
    "Tsallis",
    "Verdict",
    "ZeroOneTest",
    "analyse_series",
    "autocorrelation",
    "checked_series",
    "classify_series",
    "complexity_limits",
    "correlation_dimension",
    "correlation_sum_distance",
    "delay_by_mutual_information",
    "dimension_by_cao",
    "dimension_by_false_neighbours",
    "dominant_period",
    "embed",
    "forecast_skill",
    "fourier_surrogates",
    "iaaft",
    "information",
    "kantz",
    "line_model",
    "matching_stretch",
    "maximum_mean_discrepancy",
    "mean_period",
    "missing_patterns",
    "mutual_information",
    "nonlinearity_test",
    "permutation_entropy",
    "power_spectrum",
    "predictability_time",
    "prediction_error",
    "rice_period",
    "rosenstein",
    "shuffle_surrogates",
    "spectral_distance",
    "state_space_divergence",
    "statistical_complexity",
    "theiler_window",
    "valid_steps",
    "valid_time",
    "zero_one_test",
]
