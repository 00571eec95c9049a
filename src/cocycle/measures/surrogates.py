"""Surrogate series: what the data would look like if they were linear noise."""

import dataclasses

import numpy as np
from scipy import fft

from cocycle.core.errors import ParameterError
from cocycle.measures.series import SeriesLike, checked_series

N_ITERATIONS = 200
MIN_SHARE = 0.7


@dataclasses.dataclass(frozen=True, eq=False)
class Surrogates:
    """Surrogate series with what their spectra miss.

    Attributes:
        series: (s, n) surrogates.
        spectrum_error: (s,) root mean square difference of the spectral amplitudes, relative to those of the data.
    """

    series: np.ndarray
    spectrum_error: np.ndarray


def shuffle_surrogates(x: SeriesLike, n_surrogates: int, *, seed: int = 0) -> Surrogates:
    """Random orders of the values: the hypothesis of independent noise.

    Args:
        x: series, at least 16 points.
        n_surrogates: s.
        seed: of the orders.

    Returns:
        Surrogates (s, n) with exactly the values of x.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if n_surrogates is below 1.

    Example:
        >>> shuffle_surrogates(np.arange(16.0), 3).series.shape
        (3, 16)

    Source: [theiler1992].
    """
    x, rng = _start(x, n_surrogates, seed)
    series = rng.permuted(np.tile(x, (n_surrogates, 1)), axis=1)
    return Surrogates(series, _spectrum_error(series, np.abs(np.fft.rfft(x))))


def fourier_surrogates(x: SeriesLike, n_surrogates: int, *, seed: int = 0) -> Surrogates:
    """Random phases with the amplitudes of the data: the hypothesis of linear Gaussian noise.

    Args:
        x: series, at least 16 points.
        n_surrogates: s.
        seed: of the phases.

    Returns:
        Surrogates (s, n) with the periodogram of x up to round-off, and nearly Gaussian values.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if n_surrogates is below 1.

    Example:
        >>> s = fourier_surrogates(np.random.default_rng(0).normal(size=64), 2)
        >>> bool(s.spectrum_error.max() < 1e-12)
        True

    Source: [theiler1992].
    """
    x, rng = _start(x, n_surrogates, seed)
    transform = np.fft.rfft(x)
    phase = rng.uniform(0, 2 * np.pi, (n_surrogates, transform.size))
    phase[:, 0] = 0.0
    if x.size % 2 == 0:
        phase[:, -1] = 0.0
    series = np.fft.irfft(transform * np.exp(1j * phase), x.size)
    return Surrogates(series, _spectrum_error(series, np.abs(transform)))


def iaaft(
    x: SeriesLike, n_surrogates: int, *, seed: int = 0, n_iterations: int = N_ITERATIONS, tolerance: float = 1e-4
) -> Surrogates:
    """Surrogates with the values and nearly the spectrum of the data (iterated amplitude adjustment).

    Hypothesis: linear Gaussian noise seen through an increasing function. Spectrum and values are imposed in turn until
    the order no longer changes, or the spectral error falls by less than `tolerance` of itself in an iteration.

    Args:
        x: series, at least 16 points. Cut it so that its ends match (`matching_stretch`) before.
        n_surrogates: s.
        seed: of the first shuffles.
        n_iterations: at most so many.
        tolerance: relative change of the spectral error at which to stop.

    Returns:
        Surrogates (s, n) with exactly the values of x; `spectrum_error` says what their spectra miss (a few per cent or
        less).

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if n_surrogates is below 1.

    Cost: s * iterations * n log n.

    Example:
        >>> x = np.random.default_rng(0).normal(size=256) ** 3
        >>> s = iaaft(x, 2)
        >>> bool(np.all(np.sort(s.series, axis=1) == np.sort(x)))
        True

    Source: [schreiber1996].
    """
    x, rng = _start(x, n_surrogates, seed)
    amplitude, values = np.abs(np.fft.rfft(x)), np.sort(x)
    series = np.empty((n_surrogates, x.size))
    for k in range(n_surrogates):
        current, error = rng.permutation(x), np.inf
        for _ in range(n_iterations):
            transform = np.fft.rfft(current)
            size = np.abs(transform)
            before, error = error, float(np.linalg.norm(size - amplitude))
            if before - error <= tolerance * error:
                break
            shaped = np.fft.irfft(transform * (amplitude / np.maximum(size, 1e-300)), x.size)
            current = np.empty_like(current)
            current[np.argsort(shaped, kind="stable")] = values
        series[k] = current
    return Surrogates(series, _spectrum_error(series, amplitude))


def matching_stretch(x: np.ndarray, *, min_share: float = MIN_SHARE) -> tuple[int, int]:
    """Longest-lived remedy against end effects: the stretch whose ends match best in value and slope.

    The periodogram takes a series as one period of a periodic one; a jump between its ends becomes spurious high
    frequencies in every surrogate. Of all stretches with at least `min_share` of the points the one with the least
    squared jump in value plus slope is taken, its length rounded down to one that the FFT likes.

    Args:
        x: (n,) series.
        min_share: least share of the points to keep.

    Returns:
        start and stop of the stretch.

    Example:
        >>> start, stop = matching_stretch(np.sin(2 * np.pi * np.arange(1000) / 300))
        >>> stop - start >= 700
        True

    Source: [schreiber2000].
    """
    n = x.size
    least = max(16, int(min_share * n))
    rise = np.gradient(x)
    scale = np.std(x) ** 2
    best, answer = np.inf, (0, n)
    starts = np.unique(np.linspace(0, n - least, min(n - least + 1, 400)).astype(int))
    lengths = np.array([m for m in range(least, n + 1) if fft.prev_fast_len(m, real=True) == m])
    if lengths.size > 200:
        lengths = lengths[np.linspace(0, lengths.size - 1, 200).astype(int)]
    for length in lengths:
        first = starts[starts + length <= n]
        last = first + length - 1
        # One step after the last point the first one should come.
        jump = (x[last] + rise[last] - x[first]) ** 2 + (rise[last] - rise[first]) ** 2
        jump = jump / scale + 1e-3 * (1 - length / n)
        k = int(jump.argmin())
        if jump[k] < best:
            best, answer = float(jump[k]), (int(first[k]), int(first[k] + length))
    return answer


def _start(x: SeriesLike, n_surrogates: int, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    if n_surrogates < 1:
        raise ParameterError(f"n_surrogates is {n_surrogates}; ask for at least 1.")
    return checked_series(x, n_min=16), np.random.default_rng(seed)


def _spectrum_error(series: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """Relative error of the amplitudes, the mean left out."""
    difference = np.abs(np.fft.rfft(series))[:, 1:] - amplitude[1:]
    return np.linalg.norm(difference, axis=1) / np.linalg.norm(amplitude[1:])
