"""Is a series a sum of a few pure tones? Fitted to its first two thirds, tested on the last."""

import dataclasses

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.signal import windows

from cocycle.measures.series import SeriesLike, checked_positive, checked_series

N_LINES = 24
N_HARMONICS = 60
MAX_SUBHARMONIC = 12
COMB_TOLERANCE = 0.01
MAX_POINTS = 6144
LEAST_GAIN = 1e-5
PATIENCE = 8
NOISE_PEAK = 16.0  # exceeded by one bin in 10^7 of white noise


@dataclasses.dataclass(frozen=True, eq=False)
class LineModel:
    """Pure tones in a series.

    Attributes:
        frequency: (k,) of the tones, in the order of falling power [cycles / time].
        power: (k,) variance of each tone over the variance of the series.
        error: mean square error over variance on the last third, which was not used for the fit.
        n_tones: tones that stand above what is left.
        period: the common period of those tones, nan if they have none [time].
        period_error: as `error`, of a periodic function with that period; nan without one.
    """

    frequency: np.ndarray
    power: np.ndarray
    error: float
    n_tones: int
    period: float
    period_error: float


def line_model(x: SeriesLike, dt: float = 1.0, *, n_lines: int = N_LINES) -> LineModel:
    """Sum of pure tones that a series may be: periodic or quasi-periodic motion continues so for ever, chaos does not.

    Tones are taken one at a time from the highest peak of the windowed spectrum of what is left, each frequency refined
    to a maximum of the windowed amplitude, all amplitudes fitted again together, until a tone gains less than 1e-5 of
    the variance or eight have left half of it. Tones with at least 1e-4 of the power
    and 16 times that of the average bin of the remainder are then asked for a common period: all of them must be
    multiples of 1/k of the strongest, k up to 12, within 1/100 of a bin and five standard errors; aliases count only
    beyond the three strongest.

    Args:
        x: series, at least 64 points; the last 6144 are used.
        dt: sampling step [time].
        n_lines: largest number of tones.

    Returns:
        LineModel.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if dt is not above 0.

    Accuracy: a frequency is good to 1e-3 of a bin for a tone that stands alone.
    Limits: sharp waveforms need more tones than are tried, but their common period is found.
    Cost: n_lines least-squares fits.

    Example:
        >>> m = line_model(np.sin(np.arange(2000) / 5) + np.sin(np.arange(2000) / 5 * 3))
        >>> bool(m.error < 1e-6 and abs(m.period - 10 * np.pi) < 1e-3)
        True

    Source: windowed refinement [laskar1993].
    """
    x = checked_series(x, n_min=64)[-MAX_POINTS:]
    checked_positive(dt, name="dt")
    split = 2 * x.size // 3
    train = x[:split]
    window = windows.blackmanharris(split, sym=False)
    frequency: list[float] = []
    left = train - train.mean()
    total = before = float(np.mean(left**2))
    for _ in range(n_lines):
        frequency.append(_strongest(left, window, frequency))
        left = train - _design(frequency, 0, split) @ _coefficients(frequency, train)
        after = float(np.mean(left**2))
        if before - after < LEAST_GAIN * total or (len(frequency) >= PATIENCE and after > 0.5 * total):
            break
        before = after
    fitted = _coefficients(frequency, train)
    error = _error(x, split, frequency, fitted)
    power = 0.5 * (fitted[1::2] ** 2 + fitted[2::2] ** 2) / train.var()
    order = np.argsort(-power, kind="stable")
    tones, power = np.array(frequency)[order], power[order]
    noise = NOISE_PEAK * float(np.mean(left**2)) / train.var() / (split / 2)
    n_tones = max(1, int(np.sum(power >= max(1e-4, noise))))
    # Least possible error of a frequency in white noise [bins], doubled because the window wastes data.
    scatter = 2 * np.sqrt(3 * np.mean(left**2) / (train.var() * np.maximum(power, 1e-300) * split)) / np.pi
    base = _common_frequency(tones[:n_tones], power[:n_tones], scatter[:n_tones], split)
    period_error = np.nan
    if np.isfinite(base):
        n_harmonics = min(N_HARMONICS, split // 8)  # aliased ones included
        comb = [base * (h + 1) for h in range(n_harmonics)]
        period_error = _error(x, split, comb, _coefficients(comb, train))
    return LineModel(tones / dt, power, error, n_tones, float(dt / base), float(period_error))


def _strongest(left: np.ndarray, window: np.ndarray, known: list[float]) -> float:
    """Frequency [cycles / sample] of the highest peak of the windowed spectrum away from those known, refined."""
    n = left.size
    weighted = window * left
    spectrum = np.abs(np.fft.rfft(weighted))
    # Two tones nearer than two bins cannot be told apart, their fit would be ill-conditioned.
    for f in known:
        spectrum[max(0, int(f * n) - 1) : int(f * n) + 3] = 0.0
    top = int(spectrum[1:].argmax()) + 1
    if top >= spectrum.size - 1:
        return 0.5
    time = np.arange(n)

    def amplitude(f: float) -> float:
        return -float(np.abs(np.exp(-2j * np.pi * f * time) @ weighted))

    bounds = ((top - 1) / n, min(0.5, (top + 1) / n))
    found = minimize_scalar(amplitude, bounds=bounds, method="bounded", options={"xatol": 1e-4 / n})
    return float(found.x)


def _design(frequency: list[float], start: int, stop: int) -> np.ndarray:
    phase = 2 * np.pi * np.outer(np.arange(start, stop), frequency)
    out = np.empty((stop - start, 1 + 2 * len(frequency)))
    out[:, 0], out[:, 1::2], out[:, 2::2] = 1.0, np.cos(phase), np.sin(phase)
    return out


def _coefficients(frequency: list[float], train: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(_design(frequency, 0, train.size), train, rcond=1e-9)[0]


def _error(x: np.ndarray, split: int, frequency: list[float], fitted: np.ndarray) -> float:
    """Mean square error on the last third over the variance of the series."""
    return float(np.mean((x[split:] - _design(frequency, split, x.size) @ fitted) ** 2) / x.var())


def _common_frequency(tones: np.ndarray, power: np.ndarray, scatter: np.ndarray, n: int) -> float:
    """Largest frequency [cycles / sample] of which all tones are multiples, nan if none.

    Args:
        tones: (k,) frequencies in the order of falling power.
        power: (k,) their powers.
        scatter: (k,) standard errors of the frequencies [bins].
        n: length of the series they were fitted to.
    """
    strongest = float(tones[0])
    for k in range(1, MAX_SUBHARMONIC + 1):
        base = strongest / k
        if base * n < 3:  # fewer than three periods are no evidence
            break
        direct = np.maximum(np.round(tones / base), 1)
        gap = np.abs(tones - direct * base) * n
        slack = 5 * scatter + (COMB_TOLERANCE + 5 * scatter[0]) * np.maximum(1.0, direct / k)
        plain = gap <= slack
        # Harmonics above half the sampling rate come back as 1 - f, 1 + f, 2 - f ... Chance finds such matches easily,
        # so the three strongest tones must be plain multiples.
        aliased = np.zeros(tones.size, dtype=bool)
        for true in (1 - tones, 1 + tones, 2 - tones, 2 + tones):
            folded = np.round(true / base)
            slack = 5 * scatter + (COMB_TOLERANCE + 5 * scatter[0]) * np.maximum(1.0, folded / k)
            aliased |= np.abs(true - folded * base) * n <= slack
        if np.all(plain[:3]) and np.all(plain | aliased):
            weight = np.where(plain, power, 0.0)
            return float(np.sum(weight * direct * tones) / np.sum(weight * direct**2))
    return float("nan")
