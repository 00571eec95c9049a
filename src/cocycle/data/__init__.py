"""Measured series that ship with the package; SOURCES.md beside the files says where each comes from."""

import importlib.resources
import pathlib

import numpy as np

from cocycle.core.errors import UnknownNameError, suggest

__all__ = ["FILES", "ecg", "laser", "path", "sunspots"]

FILES = {"laser": "santafe_laser.csv", "sunspots": "sunspots_monthly.csv", "ecg": "ecg_mitdb.csv"}


def path(name: str) -> pathlib.Path:
    """File that holds a series.

    Args:
        name: "laser", "sunspots" or "ecg", or the name of the file itself.

    Returns:
        path of the CSV file inside the installed package.

    Raises:
        UnknownNameError: if there is no series of that name.

    Example:
        >>> path("laser").name
        'santafe_laser.csv'
    """
    file = FILES.get(name, name)
    if file not in FILES.values():
        raise UnknownNameError(f"no sample series is called {name!r}; {suggest(name, FILES)}")
    return pathlib.Path(str(importlib.resources.files(__name__) / file))


def laser() -> np.ndarray:
    """Intensity of a far-infrared NH3 laser in a chaotic state (Santa Fe data set A with its continuation).

    Returns:
        (10093,) 8-bit integers as floats [digitiser units]; the sampling step is 1.

    Example:
        >>> laser().shape
        (10093,)

    Source: [huebner1989], [weigend1994].
    """
    return np.loadtxt(path("laser"), skiprows=1)


def sunspots() -> np.ndarray:
    """Monthly mean sunspot numbers from January 1749 to June 2009.

    Returns:
        (3126,) [spots]; the sampling step is 1/12 year.

    Example:
        >>> sunspots()[:2].tolist()
        [58.0, 62.6]
    """
    return np.loadtxt(path("sunspots"), skiprows=1, delimiter=",", usecols=1)


def ecg() -> np.ndarray:
    """Excerpt of an electrocardiogram, record of the MIT-BIH Arrhythmia Database.

    Returns:
        (7500,) [mV]; the sampling step is 1/360 s (nominal).

    Example:
        >>> ecg().shape
        (7500,)

    Source: [moody2001].
    """
    return np.loadtxt(path("ecg"), skiprows=1)
