"""Which regime a measured series is in, and why."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from cocycle.core.errors import InsufficientDataError
from cocycle.measures.evidence import MAX_POINTS, N_MIN, SeriesAnalysis, gather
from cocycle.measures.series import SeriesLike, checked_positive, checked_series

LINE_ERROR = 0.1
SETTLED = 1e-3
STRONG_Z = 3.0
WHITE_LEVEL = 0.01
CHAOS_K = 0.5
SKILL = 0.5
MAX_DIMENSION = 5.0
FLAT_ERROR = 0.1


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A regime and the reasons for it.

    Attributes:
        regime: as in `SeriesAnalysis`.
        reasons: sentences with their numbers.
    """

    regime: str
    reasons: tuple[str, ...]


def analyse_series(
    x: SeriesLike, dt: float = 1.0, *, progress: Callable[[str, int, int], Any] | None = None, seed: int = 0
) -> SeriesAnalysis:
    """Measure everything of a series and say which regime it is in.

    The rules, the first that fits:

    1. constant; fixed point: the last third spans less than 1e-3 of the whole range and does not widen.
    2. periodic, quasi-periodic: pure tones fitted to two thirds leave at most 10 % of the variance on the last third,
       and near neighbours do not show a short-lived structure that the tones miss. Periodic if the tones have a common
       period, quasi-periodic if two or more have none.
    3. white noise, linear noise: IAAFT surrogates predict as well (rank test with 39 surrogates). White if the first 20
       autocorrelations vanish (Ljung-Box p above 0.01). Noise here means: not told apart from such noise.
    4. chaotic: surrogates are beaten by more than 3 standard deviations, the exponent has a scaling region and exceeds
       two standard errors, the correlation dimension has a plateau below 5, the 0-1 test is above one half, and
       forecasts err by less than half a standard deviation.
    5. undecided, with what speaks for and against chaos.

    Args:
        x: series of more than 200 points; of more than 12,000 the last 12,000 are used.
        dt: sampling step [time].
        progress: called as progress(name of the step, number done, number in all).
        seed: of every random number.

    Returns:
        SeriesAnalysis.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it has 200 points or fewer.
        ParameterError: if dt is not above 0.

    Limits: high-dimensional chaos passes for noise, as it must with so few points; a noisy limit cycle whose phase
        wanders is undecided.
    Cost: some seconds for 10,000 points.

    Example:
        >>> x = [0.3]
        >>> for _ in range(1999): x.append(3.9999 * x[-1] * (1 - x[-1]))
        >>> analyse_series(x).regime
        'chaotic'
    """
    checked_positive(dt, name="dt")
    settled = _settled(x)
    if settled is not None:
        series = np.asarray(x, dtype=float)
        return SeriesAnalysis(
            settled.regime, settled.reasons, series[-MAX_POINTS:], series.size, float(dt), {"all": settled.reasons[0]}
        )
    analysis = gather(x, dt, progress=progress, seed=seed)
    verdict = _regular(analysis) or _noise(analysis) or _chaos(analysis)
    reasons = verdict.reasons
    if analysis.n_given > analysis.x.size:
        reasons += (f"only the last {analysis.x.size} of {analysis.n_given} points were used",)
    return dataclasses.replace(analysis, regime=verdict.regime, reasons=reasons)


def classify_series(x: SeriesLike, *, dt: float = 1.0, seed: int = 0) -> Verdict:
    """Regime of a measured series, by the rules of `analyse_series`.

    Args:
        x: series of more than 200 points.
        dt: sampling step [time].
        seed: of every random number.

    Returns:
        Verdict.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it has 200 points or fewer.
        ParameterError: if dt is not above 0.

    Example:
        >>> classify_series(np.sin(np.arange(1000) / 5)).regime
        'periodic'
    """
    analysis = analyse_series(x, dt, seed=seed)
    return Verdict(analysis.regime, analysis.reasons)


def _settled(x: SeriesLike) -> Verdict | None:
    """Constant, or at rest after a transient."""
    try:
        series = checked_series(x, n_min=N_MIN)
    except InsufficientDataError:
        array = np.asarray(x, dtype=float)
        if array.size < N_MIN:
            raise
        return Verdict("constant", (f"all {array.size} values are {array[0]:g}",))
    sixth = series.size // 6
    whole, before, last = (float(np.ptp(s)) for s in (series, series[-2 * sixth : -sixth], series[-sixth:]))
    third = float(np.ptp(series[-2 * sixth :]))
    if third < SETTLED * whole and last <= max(before, 1e-9 * whole):
        rest = f"the last third spans {third:.2g} of a range of {whole:.3g} and does not widen"
        return Verdict("fixed point", (rest, f"it rests at {series[-1]:.6g}"))
    return None


def _regular(a: SeriesAnalysis) -> Verdict | None:
    """Periodic or quasi-periodic: pure tones that hold outside of the data they were fitted to."""
    lines = a.lines
    if lines is None:
        return None
    periodic = np.isfinite(lines.period_error) and lines.period_error <= LINE_ERROR
    error = lines.period_error if periodic else lines.error
    if error > LINE_ERROR:
        return None
    if a.forecast is not None:
        near, far = float(a.forecast.error[0]) ** 2, float(a.forecast.error[-1]) ** 2
        if near < 0.1 * error and far > 10 * near:
            return None  # chaos in narrow bands: the tones are only its skeleton
    left = f"fitted to two thirds, they leave {100 * error:.2g} % of the variance on the last third"
    if periodic:
        text = f"{lines.n_tones} tone(s) with the common period {lines.period:.6g}: {left}"
        return Verdict("periodic", (text, *_flat(a)))
    if lines.n_tones < 2:
        return None
    pair = " and ".join(f"{1 / f:.5g}" for f in lines.frequency[:2])
    text = f"{lines.n_tones} tones without a common period, the strongest with periods {pair}: {left}"
    return Verdict("quasi-periodic", (text, *_flat(a)))


def _flat(a: SeriesAnalysis) -> tuple[str, ...]:
    """What else speaks for regular motion."""
    out = []
    if a.rosenstein is not None and not a.rosenstein.has_scaling:
        out.append(f"no exponent: {a.rosenstein.reason}")
    if a.zero_one is not None and a.zero_one.k.value < CHAOS_K:
        out.append(f"0-1 test: K = {a.zero_one.k}")
    if a.correlation_dimension is not None and a.correlation_dimension.has_plateau:
        out.append(f"correlation dimension {a.correlation_dimension.dimension}")
    return tuple(out)


def _noise(a: SeriesAnalysis) -> Verdict | None:
    """Not told apart from linear noise."""
    test = a.nonlinearity
    if test is None or test.refuted or a.whiteness is None:
        return None
    skill = None if a.forecast is None else float(a.forecast.error.min())
    if _plateau(a) and skill is not None and skill < FLAT_ERROR:
        return None  # deterministic after all: the surrogates share its structure
    reasons = [test.reason]
    if a.correlation_dimension is not None and not a.correlation_dimension.has_plateau:
        reasons.append(f"correlation dimension: {a.correlation_dimension.reason}")
    white = a.whiteness > WHITE_LEVEL
    text = "no autocorrelation" if white else "autocorrelated"
    reasons.append(f"{text}: Ljung-Box p = {a.whiteness:.2g} over 20 lags")
    return Verdict("white noise" if white else "linear noise", tuple(reasons))


def _plateau(a: SeriesAnalysis) -> bool:
    return a.correlation_dimension is not None and a.correlation_dimension.has_plateau


def _chaos(a: SeriesAnalysis) -> Verdict:
    """All five signs of chaos, or undecided with those that fail."""
    signs: list[tuple[bool, str]] = []
    if a.nonlinearity is not None:
        strong = a.nonlinearity.refuted and a.nonlinearity.z > STRONG_Z
        weak = "" if strong or not a.nonlinearity.refuted else f", too little: {STRONG_Z:.0f} are asked for"
        signs.append((strong, f"{a.nonlinearity.reason}, z = {a.nonlinearity.z:.1f}{weak}"))
    if a.exponent is not None:
        value, stderr = float(a.exponent.value), float(a.exponent.stderr)
        signs.append((value > 2 * stderr, f"largest exponent {a.exponent} nats per unit time"))
    else:
        why = a.rosenstein.reason if a.rosenstein is not None else a.refusals.get("rosenstein", "not measured")
        signs.append((False, f"no exponent: {why}"))
    if a.correlation_dimension is not None:
        d = a.correlation_dimension
        low = d.has_plateau and float(d.dimension.value) < MAX_DIMENSION
        signs.append((low, f"correlation dimension {d.dimension}: {d.reason}" if d.has_plateau else d.reason))
    else:
        signs.append((False, f"no correlation dimension: {a.refusals.get('correlation_dimension', 'not measured')}"))
    if a.zero_one is not None:
        signs.append((float(a.zero_one.k.value) > CHAOS_K, f"0-1 test: K = {a.zero_one.k}"))
    if a.forecast is not None:
        best = float(a.forecast.error[0])
        signs.append((best < SKILL, f"forecasts one sample ahead err by {best:.2g} standard deviations"))
    else:
        signs.append((False, f"no forecasts: {a.refusals.get('forecast', 'not measured')}"))
    if a.nonlinearity is not None and all(good for good, _ in signs):
        return Verdict("chaotic", tuple(text for _, text in signs))
    speaking = [f"for chaos: {text}" for good, text in signs if good]
    against = [f"against, or missing: {text}" for good, text in signs if not good]
    return Verdict("undecided", (*against, *speaking))
