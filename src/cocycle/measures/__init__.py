"""Arrays -> numbers: what can be measured of a series or of a cloud of points, each number with its error."""

from cocycle.measures.boxes import AdaptiveBoxes, BoxGrid
from cocycle.measures.density import Density, histogram_density, kernel_density
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
from cocycle.measures.extremes import ExtremeFit, block_maxima, extremal_index, peaks_over_threshold
from cocycle.measures.forecasts import prediction_error, valid_steps, valid_time
from cocycle.measures.generator import Generator, generator
from cocycle.measures.lines import LineModel, line_model
from cocycle.measures.markov import (
    committor,
    mean_first_passage,
    passage_moments,
    rate_matrix,
    regime_lifetime,
    reversed_chain,
    stationary_distribution,
    transition_rate,
)
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
from cocycle.measures.slow import InvariantSets, almost_invariant_sets, escape_rate, relaxation_rates, resampled
from cocycle.measures.spectral_distance import spectral_distance
from cocycle.measures.spectrum import PowerSpectrum, dominant_period, mean_period, power_spectrum, rice_period
from cocycle.measures.surrogates import Surrogates, fourier_surrogates, iaaft, matching_stretch, shuffle_surrogates
from cocycle.measures.survival import SurvivalCurve, mean_lifetime, survival_curve
from cocycle.measures.transfer import TransferOperator, trajectory_chain, transfer_operator
from cocycle.measures.verdict import Verdict, analyse_series, classify_series
from cocycle.measures.visits import Visits, visits
from cocycle.measures.zero_one import ZeroOneTest, zero_one_test

__all__ = [
    "AbstractDensity",
    "AbstractInformationMeasure",
    "AbstractStatistic",
    "AdaptiveBoxes",
    "BoxGrid",
    "CaoDimension",
    "CorrelationDimension",
    "DelayChoice",
    "Density",
    "Divergence",
    "ExtremeFit",
    "FalseNeighbours",
    "ForecastSkill",
    "GaussianMixture",
    "Generator",
    "Histogram",
    "InvariantSets",
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
    "SurvivalCurve",
    "TimeReversal",
    "TransferOperator",
    "Tsallis",
    "Verdict",
    "Visits",
    "ZeroOneTest",
    "almost_invariant_sets",
    "analyse_series",
    "autocorrelation",
    "block_maxima",
    "checked_series",
    "classify_series",
    "committor",
    "complexity_limits",
    "correlation_dimension",
    "correlation_sum_distance",
    "delay_by_mutual_information",
    "dimension_by_cao",
    "dimension_by_false_neighbours",
    "dominant_period",
    "embed",
    "escape_rate",
    "extremal_index",
    "forecast_skill",
    "fourier_surrogates",
    "generator",
    "histogram_density",
    "iaaft",
    "information",
    "kantz",
    "kernel_density",
    "line_model",
    "matching_stretch",
    "maximum_mean_discrepancy",
    "mean_first_passage",
    "mean_lifetime",
    "mean_period",
    "missing_patterns",
    "mutual_information",
    "nonlinearity_test",
    "passage_moments",
    "peaks_over_threshold",
    "permutation_entropy",
    "power_spectrum",
    "predictability_time",
    "prediction_error",
    "rate_matrix",
    "regime_lifetime",
    "relaxation_rates",
    "resampled",
    "reversed_chain",
    "rice_period",
    "rosenstein",
    "shuffle_surrogates",
    "spectral_distance",
    "state_space_divergence",
    "stationary_distribution",
    "statistical_complexity",
    "survival_curve",
    "theiler_window",
    "trajectory_chain",
    "transfer_operator",
    "transition_rate",
    "valid_steps",
    "valid_time",
    "visits",
    "zero_one_test",
]
