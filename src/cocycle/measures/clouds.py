"""Two clouds of points that are compared: the checks, and the error of a comparison."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array

from cocycle.core.errors import DataError, InsufficientDataError
from cocycle.core.estimate import Estimate

CloudLike: TypeAlias = np.ndarray | Array | Sequence[Any]

MIN_POINTS = 64


def checked_clouds(generated: Any, data: Any, *, n_min: int = MIN_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return two tables (n, D) and (m, D) of finite numbers, or say what is wrong with them.

    Args:
        generated: points of a model; a series counts as one column.
        data: points of the truth.
        n_min: least number of points.

    Returns:
        Both as float64.

    Raises:
        DataError: if one is no table of finite real numbers, or their columns differ.
        InsufficientDataError: if one is too short, or a column of the data is constant.
    """
    found = []
    for points, name in ((generated, "generated"), (data, "data")):
        try:
            table = np.asarray(points)
        except ValueError:
            raise DataError(f"{name}: rows differ in length; give a table (n, D).") from None
        if table.dtype.kind not in "biuf":
            raise DataError(f"{name} holds {table.dtype}, not real numbers; convert it.")
        table = table.astype(np.float64)
        table = table[:, None] if table.ndim == 1 else table
        if table.ndim != 2:
            raise DataError(f"{name} has shape {table.shape}; a table (n, D) is needed.")
        if not np.isfinite(table).all():
            raise DataError(f"{name} holds values that are not finite; a model that explodes cannot be compared.")
        if len(table) < n_min:
            raise InsufficientDataError(f"{name} has {len(table)} points; at least {n_min} are needed: run longer.")
        found.append(table)
    if found[0].shape[1] != found[1].shape[1]:
        raise DataError(f"generated has {found[0].shape[1]} columns, data {found[1].shape[1]}; compare the same ones.")
    flat = np.flatnonzero(np.ptp(found[1], axis=0) == 0)
    if flat.size:
        raise InsufficientDataError(f"column {flat[0]} of the data is constant; leave it out.")
    return found[0], found[1]


def jackknife(value: float, left_out: Any, method: str) -> Estimate:
    """Estimate with the jackknife error of values that each leave one block of the sample out.

    Args:
        value: of the whole sample.
        left_out: values without each block.
        method: what to call it.

    Example:
        >>> jackknife(1.0, [1.0, 1.0], "flat").stderr
        0.0
    """
    values = np.asarray(left_out, dtype=float)
    n = len(values)
    stderr = math.sqrt((n - 1) / n * float(np.sum((values - values.mean()) ** 2)))
    return Estimate(float(value), stderr, float(n), method)
