"""Labelled datasets of fixed points, branches, charts and basins."""

from typing import Any

import numpy as np

from cocycle.stability import BasinContinuation, Branch, FixedPoints, LyapunovChart
from cocycle.stability.basins import Basins


def points_dataset(result: Any) -> Any:
    """Return the dataset of a result of this kind, or None for another.

    Args:
        result: any result.
    """
    makers = {
        FixedPoints: _fixed_points,
        Branch: _branch,
        LyapunovChart: _chart,
        Basins: _basins,
        BasinContinuation: _continuation,
    }
    make = makers.get(type(result))
    return None if make is None else make(result)


def points_lines(result: Any) -> list[tuple[str, str]] | None:
    """Return what there is to say of a result of this kind, a line each, or None for another.

    Args:
        result: any result.
    """
    if isinstance(result, FixedPoints):
        rows = [(str(p.kind), str(p).partition(" at ")[2]) for p in result]
        return [*rows, ("guarantee", f"{result.guarantee} {result.note}".strip())]
    if isinstance(result, Branch | Basins | BasinContinuation):
        return [(type(result).__name__, line.strip()) for line in str(result).splitlines()]
    return None


def _names(variables: tuple[str, ...] | None, n: int) -> list[str]:
    return list(variables) if variables is not None else [f"x{k + 1}" for k in range(n)]


def _fixed_points(found: FixedPoints) -> Any:
    import xarray as xr

    d = len(found.box)
    values = np.array([p.eigenvalues for p in found]).reshape(len(found), d)
    data = {
        "x": (("point", "coordinate"), found.x),
        "eigenvalue_real": (("point", "eigenvalue"), np.real(values)),
        "eigenvalue_imag": (("point", "eigenvalue"), np.imag(values)),
        "type": ("point", np.array([str(p.kind) for p in found], dtype=object)),
        "stable": ("point", np.array([p.stable for p in found], dtype=bool)),
        "index": ("point", np.array([p.index for p in found], dtype=int)),
        "certified": ("point", np.array([p.certified for p in found], dtype=bool)),
    }
    coords = {"coordinate": _names(found.variables, d)}
    return xr.Dataset(data, coords, {"guarantee": str(found.guarantee), "system": found.name or ""})


def _branch(found: Branch) -> Any:
    import xarray as xr

    data = {
        found.parameter: ("row", found.values),
        "x": (("row", "coordinate"), found.x),
        "minimum": (("row", "coordinate"), np.asarray(found.minima)[:, : found.x.shape[1]]),
        "maximum": (("row", "coordinate"), np.asarray(found.maxima)[:, : found.x.shape[1]]),
        "eigenvalue_real": (("row", "eigenvalue"), np.real(found.eigenvalues)),
        "eigenvalue_imag": (("row", "eigenvalue"), np.imag(found.eigenvalues)),
        "n_unstable": ("row", found.n_unstable),
        "bifurcation_value": ("bifurcation", np.array([b.value for b in found.bifurcations])),
        "bifurcation_kind": ("bifurcation", np.array([str(b.kind) for b in found.bifurcations], dtype=object)),
    }
    if found.periods is not None:
        data["period"] = ("row", found.periods)
    coords = {"coordinate": _names(found.variables, found.x.shape[1])}
    return xr.Dataset(data, coords, {"end": str(found.end), "system": found.name or ""})


def _chart(found: LyapunovChart) -> Any:
    import xarray as xr

    dims = tuple(found.axes)
    units = {"units": "nats / time"}
    data = {"exponent": (dims, found.exponent, units), "stderr": (dims, found.stderr, units)}
    return xr.Dataset(data, dict(found.axes), {"n_steps": found.n_steps, "system": found.name or ""})


def _basins(found: Basins) -> Any:
    import xarray as xr

    dims = tuple(found.axes)
    about = {"labels": "attractor; 0 undecided, -1 diverged", "system": found.name or ""}
    return xr.Dataset({"label": (dims, found.labels), "steps": (dims, found.steps)}, dict(found.axes), about)


def _continuation(found: BasinContinuation) -> Any:
    import xarray as xr

    dims = (found.parameter, "label")
    data = {"fraction": (dims, found.fractions), "stderr": (dims, found.stderr)}
    return xr.Dataset(data, {found.parameter: found.values, "label": found.labels}, {"system": found.name or ""})
