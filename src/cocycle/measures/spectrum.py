"""Power spectrum and the period that dominates it."""

import dataclasses

import numpy as np
from scipy import signal
from scipy.signal import windows

from cocycle.core.estimate import Estimate
from cocycle.measures.series import SeriesLike, checked_positive, checked_series


@dataclasses.dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """One-sided power spectral density.

    Attributes:
        frequency: (f,) [cycles / time].
        density: (f,) [unit of x squared * time].
        n_segments: averaged segments; the relative error of each ordinate is about 1.3 / sqrt(n_segments).
    """

    frequency: np.ndarray
    density: np.ndarray
    n_segments: int


def power_spectrum(x: SeriesLike, dt: float = 1.0, *, n_per_segment: int | None = None) -> PowerSpectrum:
    r"""Power spectral density by Welch's average over half-overlapping Hann segments.

    $$\int_0^{f_N} S(f)\,df \approx \mathrm{var}(x)$$

    Args:
        x: series, at least 16 points.
        dt: sampling step [time].
        n_per_segment: points in a segment; default n/8, at least 256 (or the whole series).

    Returns:
        PowerSpectrum.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if dt or n_per_segment is not above 0.

    Laws: the integral is the variance, up to leakage and sampling.
    Cost: n log n.

    Example:
        >>> s = power_spectrum(np.sin(2 * np.pi * 0.125 * np.arange(1024)))
        >>> float(s.frequency[s.density.argmax()])
        0.125

    Source: [welch1967].
    """
    x = checked_series(x, n_min=16)
    checked_positive(dt, name="dt")
    length = min(x.size, max(256, x.size // 8)) if n_per_segment is None else min(x.size, n_per_segment)
    checked_positive(length, name="n_per_segment")
    frequency, density = signal.welch(x, fs=1.0 / dt, nperseg=length, detrend="constant")
    n_segments = max(1, (x.size - length) // max(1, length - length // 2) + 1)
    return PowerSpectrum(frequency, density, n_segments)


def dominant_period(x: SeriesLike, dt: float = 1.0) -> Estimate:
    r"""Period of the highest line of the periodogram (Hann window, parabola through the log of the top three bins).

    Args:
        x: series, at least 16 points.
        dt: sampling step [time].

    Returns:
        Estimate of the period [time]. Its standard error is 1/20 of a frequency bin for a line; for a broad peak it is
        the half width at half height in the spectrum averaged over segments of n/8 points.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if dt is not above 0.

    Limits: broad-band noise has a highest line too; look at the spectrum.
    Cost: n log n.

    Example:
        >>> print(dominant_period(np.sin(2 * np.pi * np.arange(4096) / 50), dt=0.1))
        5.0004 ± 0.0031
    """
    x = checked_series(x, n_min=16)
    checked_positive(dt, name="dt")
    n = x.size
    power = np.abs(np.fft.rfft((x - x.mean()) * windows.hann(n, sym=False))) ** 2
    top = int(power[1:].argmax()) + 1
    offset = 0.0
    if 1 < top < power.size - 1:
        left, centre, right = np.log(power[top - 1 : top + 2] + 1e-300)
        curvature = left - 2 * centre + right
        offset = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    frequency = (top + offset) / (n * dt)
    return Estimate(dt * n / (top + offset), _half_width(x, dt, frequency) / frequency**2, 1.0, "periodogram peak")


def _half_width(x: np.ndarray, dt: float, frequency: float) -> float:
    """Half width [cycles / time] of the peak: of a line 1/20 bin, of a broad peak what Welch segments show."""
    n = x.size
    line = 0.05 / (n * dt)
    length = min(n, max(64, n // 8))
    f, density = signal.welch(x, fs=1.0 / dt, nperseg=length, detrend="constant")
    near = int(np.abs(f - frequency).argmin())
    low = high = near
    while low > 0 and density[low] > 0.5 * density[near]:
        low -= 1
    while high < f.size - 1 and density[high] > 0.5 * density[near]:
        high += 1
    # A line seen through a Hann window is at most 4 bins wide at half height.
    return line if high - low <= 4 else 0.5 * (high - low) * float(f[1])


def mean_period(x: SeriesLike, dt: float = 1.0) -> float:
    r"""Reciprocal of the mean frequency of the power spectrum.

    $$1 / \bar f, \quad \bar f = \sum_k f_k |X_k|^2 \Big/ \sum_k |X_k|^2$$

    Args:
        x: series, at least 16 points.
        dt: sampling step [time].

    Returns:
        the period [time], between 2 and n samples.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if dt is not above 0.

    Cost: n log n.

    Example:
        >>> round(mean_period(np.sin(2 * np.pi * np.arange(1000) / 25), dt=2.0), 6)
        50.0

    Source: [rosenstein1993].
    """
    x = checked_series(x, n_min=16)
    checked_positive(dt, name="dt")
    power = np.abs(np.fft.rfft(x - x.mean())) ** 2
    return float(dt * x.size * np.sum(power) / np.sum(power * np.arange(power.size)))


def rice_period(x: SeriesLike, dt: float = 1.0) -> float:
    r"""Mean time between upward crossings of the mean, for a Gaussian process with the spectrum of x (Rice's formula).

    $$T = \Big( \sum_k |X_k|^2 \Big/ \sum_k f_k^2 |X_k|^2 \Big)^{1/2}$$

    Args:
        x: series, at least 16 points.
        dt: sampling step [time].

    Returns:
        the period [time]; 3.46 samples for white noise.

    Raises:
        DataError: if x is not a series of finite numbers.
        InsufficientDataError: if it is too short or constant.
        ParameterError: if dt is not above 0.

    Cost: n log n.

    Example:
        >>> round(rice_period(np.sin(2 * np.pi * np.arange(1000) / 25), dt=2.0), 6)
        50.0

    Source: [rice1945].
    """
    x = checked_series(x, n_min=16)
    checked_positive(dt, name="dt")
    power = np.abs(np.fft.rfft(x - x.mean())) ** 2
    return float(dt * x.size * np.sqrt(np.sum(power) / np.sum(power * np.arange(power.size) ** 2.0)))
