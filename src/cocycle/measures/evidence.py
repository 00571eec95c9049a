"""Everything that is measured of one series before a verdict is given."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from cocycle.core.errors import CocycleError
from cocycle.core.estimate import Estimate
from cocycle.measures.dimension import CorrelationDimension, correlation_dimension
from cocycle.measures.embedding import DelayChoice, delay_by_mutual_information, theiler_window
from cocycle.measures.embedding_dimension import (
    CaoDimension,
    FalseNeighbours,
    dimension_by_cao,
    dimension_by_false_neighbours,
)
from cocycle.measures.exponent import Divergence, kantz, rosenstein
from cocycle.measures.lines import LineModel, line_model
from cocycle.measures.nonlinearity import NonlinearityTest, PredictionError, nonlinearity_test
from cocycle.measures.ordinal import MissingPatterns, missing_patterns, permutation_entropy, statistical_complexity
from cocycle.measures.prediction import ForecastSkill, forecast_skill, predictability_time
from cocycle.measures.series import SeriesLike, checked_positive, checked_series
from cocycle.measures.spectrum import PowerSpectrum, dominant_period, power_spectrum
from cocycle.measures.zero_one import ZeroOneTest, zero_one_test

N_MIN = 201
MAX_POINTS = 12_000
MAX_DIMENSION = 6


@dataclasses.dataclass(frozen=True, eq=False)
class SeriesAnalysis:
    """All measures of a series; None where one is refused, with the reason in `refusals`.

    Attributes:
        regime: "constant", "fixed point", "periodic", "quasi-periodic", "chaotic", "white noise", "linear noise" or
            "undecided".
        reasons: sentences that led there, with their numbers.
        x: (n,) the points used.
        n_given: points given; the last 12,000 are used.
        dt: sampling step [time].
        refusals: measure -> why it could not be taken.
        dimension: embedding dimension used, by false neighbours, at most 6.
        delay: choice of the delay.
        theiler: Theiler window [samples].
        cao: embedding dimension by Cao.
        false_neighbours: embedding dimension by false neighbours.
        spectrum: power spectrum.
        period: dominant period [time].
        lines: sum of pure tones, tested out of sample.
        rosenstein: divergence of nearest neighbours.
        kantz: divergence of all neighbours in a radius.
        exponent: of the two the exponent with the smaller error [nats / time].
        correlation_dimension: with its curves.
        permutation_entropy: normalised, m = 5, at the delay.
        statistical_complexity: m = 5, at the delay.
        missing_patterns: m = 5, at the delay.
        zero_one: 0-1 test.
        nonlinearity: surrogate test.
        forecast: skill over horizon.
        predictability_time: horizon at which the error reaches half a standard deviation [time].
        whiteness: p-value of the hypothesis of no autocorrelation (Ljung-Box).
    """

    regime: str
    reasons: tuple[str, ...]
    x: np.ndarray
    n_given: int
    dt: float
    refusals: dict[str, str]
    dimension: int | None = None
    delay: DelayChoice | None = None
    theiler: int | None = None
    cao: CaoDimension | None = None
    false_neighbours: FalseNeighbours | None = None
    spectrum: PowerSpectrum | None = None
    period: Estimate | None = None
    lines: LineModel | None = None
    rosenstein: Divergence | None = None
    kantz: Divergence | None = None
    exponent: Estimate | None = None
    correlation_dimension: CorrelationDimension | None = None
    permutation_entropy: Estimate | None = None
    statistical_complexity: Estimate | None = None
    missing_patterns: MissingPatterns | None = None
    zero_one: ZeroOneTest | None = None
    nonlinearity: NonlinearityTest | None = None
    forecast: ForecastSkill | None = None
    predictability_time: Estimate | None = None
    whiteness: float | None = None


def gather(
    x: SeriesLike, dt: float = 1.0, *, progress: Callable[[str, int, int], Any] | None = None, seed: int = 0
) -> SeriesAnalysis:
    """Take every measure of a series, noting those that refuse it; the regime is left "undecided".

    Args:
        x: series of more than 200 points; of more than 12,000 the last 12,000 are used.
        dt: sampling step [time].
        progress: called as progress(name of the step, number done, number in all).
        seed: of every random number.

    Returns:
        SeriesAnalysis.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it has 200 points or fewer, or is constant.
        ParameterError: if dt is not above 0.

    Cost: some seconds for 10,000 points.

    Example:
        >>> a = gather(np.random.default_rng(0).normal(size=400))
        >>> a.nonlinearity.refuted, a.rosenstein.has_scaling
        (False, False)
    """
    checked_positive(dt, name="dt")
    given = checked_series(x, n_min=N_MIN)
    steps = _Steps(progress)
    x = given[-MAX_POINTS:]
    if np.ptp(x) == 0:
        x = given
    delay: DelayChoice = delay_by_mutual_information(x)
    theiler, tau = theiler_window(x), delay.delay
    cao = steps.take("cao", dimension_by_cao, x, tau, theiler=theiler, seed=seed)
    false = steps.take("false_neighbours", dimension_by_false_neighbours, x, tau, theiler=theiler, seed=seed)
    m = min(false.dimension, MAX_DIMENSION) if false is not None else 3
    embedding: dict[str, Any] = {"dimension": m, "delay": tau, "theiler": theiler}
    found: dict[str, Any] = {
        "spectrum": steps.take("spectrum", power_spectrum, x, dt),
        "period": steps.take("period", dominant_period, x, dt),
        "lines": steps.take("lines", line_model, x, dt),
        "rosenstein": steps.take("rosenstein", rosenstein, x, **embedding, dt=dt, seed=seed),
        "kantz": steps.take("kantz", kantz, x, **embedding, dt=dt, seed=seed),
        "correlation_dimension": steps.take(
            "correlation_dimension", correlation_dimension, x, dimension=min(8, 2 * m + 2), delay=tau, theiler=theiler, seed=seed
        ),
        "permutation_entropy": steps.take("permutation_entropy", permutation_entropy, x, delay=tau),
        "statistical_complexity": steps.take("statistical_complexity", statistical_complexity, x, delay=tau),
        "missing_patterns": steps.take("missing_patterns", missing_patterns, x, delay=tau, n_shuffles=39, seed=seed),
        "zero_one": steps.take("zero_one", zero_one_test, x, stride=tau, seed=seed),
        "nonlinearity": steps.take(
            "nonlinearity", nonlinearity_test, x, statistic=PredictionError(3, tau, theiler), seed=seed
        ),
    }
    horizon = max(10, min(8 * theiler, x.size // 10))
    forecast = steps.take("forecast", forecast_skill, x, **embedding, max_horizon=horizon, dt=dt)
    if forecast is not None:
        found["predictability_time"] = predictability_time(forecast)
    found["exponent"] = _better(found["rosenstein"], found["kantz"])
    return SeriesAnalysis(
        "undecided", (), x, given.size, float(dt), steps.refusals, m, delay, theiler, cao, false,
        forecast=forecast, whiteness=_ljung_box(x), **found,
    )  # fmt: skip


class _Steps:
    """Runs one measure after the other, keeping the reasons of those that refuse."""

    n_steps = 14

    def __init__(self, progress: Callable[[str, int, int], Any] | None):
        self.progress, self.n_done = progress, 0
        self.refusals: dict[str, str] = {}

    def take(self, name: str, measure: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self.progress is not None:
            self.progress(name, self.n_done, self.n_steps)
        self.n_done += 1
        try:
            return measure(*args, **options)
        except CocycleError as refusal:
            self.refusals[name] = str(refusal)
            return None


def _better(first: Divergence | None, second: Divergence | None) -> Estimate | None:
    found = [d.exponent for d in (first, second) if d is not None and d.has_scaling]
    return min(found, key=lambda e: e.stderr) if found else None


def _ljung_box(x: np.ndarray, n_lags: int = 20) -> float:
    """P-value of the portmanteau statistic of the first autocorrelations [ljung1978]."""
    from scipy.stats import chi2

    from cocycle.measures.embedding import autocorrelation

    r = autocorrelation(x, n_lags)[1:]
    statistic = x.size * (x.size + 2) * np.sum(r**2 / (x.size - np.arange(1, n_lags + 1)))
    return float(chi2.sf(statistic, n_lags))
