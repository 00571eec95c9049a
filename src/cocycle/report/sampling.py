"""Is a column a time, and are its steps equal?"""

import re
from typing import Any

import numpy as np

from cocycle.core.errors import DataError

NAMES = {
    "time", "times", "t", "date", "dates", "datetime", "timestamp", "month", "year", "day", "hour", "minute", "second",
    "seconds", "sec", "ms", "step", "index", "n", "sample", "",
}  # fmt: skip
COUNTERS = {"step", "index", "n", "sample", ""}
UNIFORM = 0.01
COARSE = 0.4
SECONDS = {"week": 604800.0, "day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}


def bare_name(name: str) -> str:
    """Name of a column without its unit, in lower case.

    Args:
        name: e.g. "Time [s]".

    Example:
        >>> bare_name("Time [s]")
        'time'
    """
    name = re.sub(r"unnamed: \d+", "", name.strip().lower())
    return re.sub(r"[\[(].*[\])]", "", name).strip().strip("_")


def unit_in_name(name: str) -> str:
    """Unit in brackets at the end of a column's name, "" if there is none.

    Args:
        name: e.g. "Time [s]".

    Example:
        >>> unit_in_name("Time [s]")
        's'
    """
    found = re.search(r"[\[(]([^\])]*)[\])]\s*$", name)
    return found.group(1).strip() if found else ""


def is_time_name(name: str) -> bool:
    """Say whether a column's name is one that times have.

    Args:
        name: name of the column.
    """
    return bare_name(name) in NAMES


def is_rising(values: np.ndarray) -> bool:
    """Say whether numbers or dates rise strictly, at least three of them.

    Args:
        values: (n,) column.
    """
    if len(values) < 3 or values.dtype.kind not in "iufM":
        return False
    steps = np.diff(values)
    return bool(np.all(steps > np.zeros(1, steps.dtype)[0]))


def step_of(values: np.ndarray, name: str) -> tuple[float, str]:
    """Sampling step of a time column, and its unit.

    Args:
        values: (n,) numbers or dates.
        name: name of the column.

    Returns:
        The step, and the unit: of the name's brackets, of the calendar for dates, "step" for a counter.

    Raises:
        DataError: if the times do not rise, or not in equal steps.

    Example:
        >>> step_of(np.array([0.0, 0.5, 1.0]), "time [s]")
        (0.5, 's')
    """
    if values.dtype.kind == "M":
        return _calendar_step(values, name)
    if values.dtype.kind not in "iuf":
        raise DataError(
            f"time column {name!r} holds {values.dtype}, not numbers or dates; name another one, or give dt."
        )
    if len(values) < 2:
        raise DataError(f"time column {name!r} has {len(values)} rows; two are needed for a step.")
    times = np.asarray(values, dtype=float)
    step = uniform_step(times, name)
    unit = unit_in_name(name)
    if not unit:
        bare = bare_name(name)
        units = {"seconds": "s", "sec": "s", "second": "s", "ms": "ms"}
        unit = units.get(bare, bare if bare in {"year", "month", "day", "hour", "minute"} else "unit of time")
        unit = "step" if bare in COUNTERS and step == 1.0 else unit
    return step, unit


def uniform_step(times: np.ndarray, name: str) -> float:
    """Step of numbers that lie on an even grid, to 1 % of a step or the last digit written.

    Args:
        times: (n,) numbers.
        name: name of the column, for messages.

    Returns:
        The step.

    Raises:
        DataError: if they do not rise, or not evenly.
    """
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        raise DataError(f"time column {name!r} has {bad.size} gaps, the first in row {bad[0] + 1}; fill them first.")
    steps = np.diff(times)
    if not np.all(steps > 0):
        first = int(np.argmin(steps > 0))
        raise DataError(
            f"time column {name!r} does not rise at row {first + 2} ({times[first]:g}, then {times[first + 1]:g}); "
            "sort the rows and drop duplicates first."
        )
    step = float((times[-1] - times[0]) / (len(times) - 1))
    off = np.abs(times - (times[0] + step * np.arange(len(times))))
    digit = _last_digit(times)
    # Rounding moves a time, and the ends of the grid, by half a digit each; a coarse digit would excuse anything.
    rounding = 1.01 * digit if digit < COARSE * step else 0.0
    if off.max() > max(UNIFORM * step, rounding):
        raise DataError(
            f"time column {name!r} is not evenly sampled: steps run from {steps.min():.4g} to {steps.max():.4g} "
            f"(median {np.median(steps):.4g}); resample first, e.g. numpy.interp on an even grid."
        )
    # A step computed from rounded times is itself rounded to what they determine.
    return float(f"{step:.12g}")


def _last_digit(times: np.ndarray) -> float:
    """Unit of the last decimal that is used, 0 where more than nine are."""
    for digits in range(10):
        if np.allclose(times, np.round(times, digits), rtol=0, atol=1e-12 * max(1.0, float(np.abs(times).max()))):
            return 10.0**-digits
    return 0.0


def _calendar_step(values: np.ndarray, name: str) -> tuple[float, str]:
    if np.isnat(values).any():
        raise DataError(f"time column {name!r} has {int(np.isnat(values).sum())} missing dates; fill them first.")
    if len(values) < 2:
        raise DataError(f"time column {name!r} has {len(values)} rows; two are needed for a step.")
    months = values.astype("datetime64[M]").astype(int)
    day_of_month = values - values.astype("datetime64[M]").astype(values.dtype)
    if np.all(day_of_month == day_of_month[0]) or _month_ends(values):
        steps = np.unique(np.diff(months))
        if len(steps) == 1 and steps[0] > 0:
            n = int(steps[0])
            return (n / 12.0, "year") if n % 12 == 0 else (float(n), "month")
    seconds = (values - values[0]) / np.timedelta64(1, "s")
    step = uniform_step(np.asarray(seconds, dtype=float), name)
    unit = next((u for u, size in SECONDS.items() if abs(step / size - round(step / size)) < 1e-9 and step >= size), "")
    return (step / SECONDS[unit], unit) if unit else (step, "second")


def _month_ends(values: Any) -> bool:
    days = values.astype("datetime64[D]")
    return bool(np.all((days + np.timedelta64(1, "D")).astype("datetime64[M]") > days.astype("datetime64[M]")))
