"""Distance of power spectra: does a model have the rhythms of the data?"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.measures.clouds import CloudLike, checked_clouds

N_BLOCKS = 8


def spectral_distance(generated: CloudLike, data: CloudLike, *, smoothing: float = 20.0) -> Estimate:
    r"""Hellinger distance D_H of smoothed, normalised power spectra, the mean over columns.

    $$D_H = \frac1D \sum_d \Bigl(1 - \sum_k \sqrt{\hat f_{dk}\, \hat g_{dk}}\Bigr)^{1/2}$$

    f and g are the squared moduli of the Fourier transforms of the standardised columns, smoothed by a Gaussian of
    `smoothing` frequency bins (cut at four widths, reflected at the ends) and normalised to sum 1: the definition of
    the code that goes with Hess et al. (2023), comparable with its tables at the same length, for the width is in bins.

    Args:
        generated: rows of the model in the order of time.
        data: rows of the truth, as many.
        smoothing: standard deviation of the Gaussian [frequency bins]; 0 for none.

    Returns:
        Estimate, 0 for equal spectra to 1 for disjoint ones; its error from the rows cut into 8 blocks each.

    Raises:
        DataError: if lengths or columns differ, or values are not finite.
        InsufficientDataError: if there are fewer than 64 rows, or a column is constant.
        ParameterError: if the smoothing is negative.

    Accuracy: biased upwards by sampling; look at the floor.
    Limits: saturates: two models with wrong spectra are both near 1. Knows nothing of phases.
    Cost: n log n.

    Example:
        >>> t = np.arange(4000)
        >>> fast, slow = np.sin(0.5 * t)[:, None], np.sin(0.05 * t)[:, None]
        >>> bool(spectral_distance(fast, slow).value > 0.9 > 0.01 > spectral_distance(fast, fast).value)
        True

    Source: [hess2023], [mikhaeil2022].
    """
    if not smoothing >= 0:
        raise ParameterError(f"smoothing is {smoothing}; it must not be negative.")
    generated, data = checked_clouds(generated, data)
    if len(generated) != len(data):
        raise DataError(f"generated has {len(generated)} rows, data {len(data)}; compare the same length.")
    if (np.ptp(generated, axis=0) == 0).any():
        # A model that has settled on a fixed point has no spectrum: as far away as can be.
        return Estimate(1.0, 0.0, np.inf, "a column of the model is constant")
    value = _distance(generated, data, smoothing)
    blocks = zip(np.array_split(generated, N_BLOCKS), np.array_split(data, N_BLOCKS), strict=True)
    try:
        parts = [_distance(a, b[: len(a)], smoothing / N_BLOCKS) for a, b in blocks]
        stderr = float(np.std(parts, ddof=1) / np.sqrt(N_BLOCKS))
    except InsufficientDataError:
        stderr = np.inf
    return Estimate(value, stderr, float(N_BLOCKS), "Hellinger distance, scatter over 8 blocks")


def _distance(a: np.ndarray, b: np.ndarray, smoothing: float) -> float:
    f, g = _spectrum(a, smoothing), _spectrum(b, smoothing)
    # The difference of roots is exact where both agree; 1 - sum(sqrt(f g)) would lose half the digits.
    return float(np.mean(np.sqrt(0.5 * np.sum((np.sqrt(f) - np.sqrt(g)) ** 2, axis=0))))


def _spectrum(x: np.ndarray, smoothing: float) -> np.ndarray:
    spread = x.std(axis=0)
    if (spread == 0).any():
        raise InsufficientDataError("a column is constant; it has no spectrum.")
    power = np.abs(np.fft.rfft((x - x.mean(axis=0)) / spread, axis=0)) ** 2
    if smoothing > 0:
        power = gaussian_filter1d(power, smoothing, axis=0, mode="reflect")
    return power / power.sum(axis=0)
