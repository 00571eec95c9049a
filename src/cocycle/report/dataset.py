"""Orbits of many systems as one labelled data set, made once and kept, a file for each system."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cocycle.core.errors import OutputError, ParameterError
from cocycle.core.run import Trajectory
from cocycle.report.dataset_files import SUFFIXES, read_part, write_part
from cocycle.steppers import AbstractStepper
from cocycle.systems.catalogue import catalogue
from cocycle.systems.orbits import orbit


def make_dataset(
    names: Sequence[str] | None = None,
    *,
    n_periods: int = 100,
    points_per_period: int = 100,
    n_transient: int = 10,
    variables: Mapping[str, Sequence[str]] | int | None = None,
    noise: float = 0.0,
    seed: int = 0,
    test_share: float = 0.25,
    rtol: float = 1e-10,
    stepper: AbstractStepper | None = None,
    path: str | pathlib.Path | None = None,
    suffix: str = ".nc",
    n_jobs: int = 1,
) -> Any:
    """Orbits of many systems, for learning: equally many points of each, in its own natural time.

    Args:
        names: systems of the catalogue; default all flows and delay equations that have a dominant period.
        n_periods: periods of each orbit.
        points_per_period: points a period.
        n_transient: periods that are dropped first.
        variables: those that are observed: names for each system (all of a system that is not named), or how many of
            each, the first ones; default all.
        noise: observation noise, as a fraction of the standard deviation of each variable.
        seed: seed of the noise; each system has its own, whatever else is in the set.
        test_share: share of the points, at the end, that `is_test` marks.
        rtol: relative tolerance of the adaptive solution.
        stepper: rule for flows in place of the adaptive solution.
        path: directory that keeps a file for each system; what is there already, made in the same way, is not made
            again.
        suffix: ".nc" (NetCDF), ".parquet" or ".zarr" (a directory for each system; extra `zarr`).
        n_jobs: number of joblib workers; -1 for one per core.

    Returns:
        xarray.Dataset with a variable for each system, of dimensions `point` and `NAME_variable`, and the coordinates
        `periods` (time in periods) and `is_test`. Each variable carries its period, dt and title.

    Raises:
        UnknownNameError: if a system is not in the catalogue.
        ParameterError: if test_share lies outside [0, 1), the suffix is not known, or no variable is observed.
        OutputError: if the directory cannot be written.
        NonFiniteStateError: if an orbit explodes; the files of the others stay.

    Limits: files are written whole or not at all, so a run that was killed goes on where it stopped.

    Example:
        >>> data = make_dataset(["sprott_b", "sprott_k"], n_periods=2, points_per_period=20, n_transient=0)
        >>> data["sprott_k"].shape, int(data["is_test"].sum())
        ((40, 3), 10)
    """
    if not 0.0 <= test_share < 1.0:
        raise ParameterError(f"test_share must lie from 0 to below 1, got {test_share}.")
    if suffix not in SUFFIXES:
        raise ParameterError(f"suffix must be one of {', '.join(SUFFIXES)}, got {suffix!r}.")
    entries = [catalogue[name] for name in names] if names is not None else _all_with_period()
    settings = {
        "n_periods": n_periods,
        "points_per_period": points_per_period,
        "n_transient": n_transient,
        "noise": noise,
        "seed": seed,
        "rtol": rtol,
        "stepper": repr(stepper),
    }
    directory = _directory(path)
    wanted = [(e.name, settings | _observed(e.name, variables), stepper, directory, suffix) for e in entries]
    if n_jobs == 1:
        parts = [_part(*w) for w in wanted]
    else:
        from joblib import Parallel, delayed

        parts: Any = Parallel(n_jobs=n_jobs)(delayed(_part)(*w) for w in wanted)
    return _together(parts, settings, test_share)


def _observed(name: str, variables: Mapping[str, Sequence[str]] | int | None) -> dict[str, Any]:
    """Setting of the observed variables, absent where all are."""
    if variables is None:
        return {}
    if isinstance(variables, int):
        known: Any = catalogue[name].make()
        if variables < 1:
            raise ParameterError(f"variables must be at least 1 of each system, got {variables}.")
        return {"variables": list(known.variables or ())[:variables]}
    chosen = {catalogue[k].name: list(v) for k, v in variables.items()}.get(name)
    if chosen is not None and not chosen:
        raise ParameterError(f"no variable of {name} is observed; name one, or leave {name} out of variables.")
    return {} if chosen is None else {"variables": chosen}


def _all_with_period() -> list[Any]:
    return [e for e in catalogue if e.kind in ("flow", "delay") and e.period is not None]


def _directory(path: str | pathlib.Path | None) -> pathlib.Path | None:
    if path is None:
        return None
    directory = pathlib.Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {directory}: {error.strerror}; choose another place.") from None
    return directory


def _part(name: str, settings: dict[str, Any], stepper: Any, directory: pathlib.Path | None, suffix: str) -> Any:
    """One system's array, from its file if that was made in the same way."""
    file = None if directory is None else directory / f"{name}{suffix}"
    if file is not None and file.exists():
        kept = read_part(file)
        if kept is not None and kept.attrs.get("settings") == json.dumps(settings):
            return kept
    options = {k: v for k, v in settings.items() if k != "stepper"}
    found = _labelled(orbit(name, stepper=stepper, **options), settings)
    if file is not None:
        write_part(found, file)
    return found


def _labelled(found: Trajectory, settings: dict[str, Any]) -> Any:
    """A trajectory as an array with names."""
    import xarray as xr

    name = found.name or "orbit"
    entry = catalogue[name]
    x = np.asarray(found.x)
    x = x[:, None] if x.ndim == 1 else x
    t = np.asarray(found.t)
    attributes = {
        "title": entry.title,
        "dt": float(t[1] - t[0]) if len(t) > 1 else float("nan"),
        "period": float(entry.period or 1.0),
        "settings": json.dumps(settings),
    }
    names = list(found.variables or (f"x{i}" for i in range(x.shape[1])))
    return xr.DataArray(
        x, dims=("point", f"{name}_variable"), coords={f"{name}_variable": names}, name=name
    ).assign_attrs(attributes)


def _together(parts: list[Any], settings: dict[str, Any], test_share: float) -> Any:
    import xarray as xr

    n_points = settings["n_periods"] * settings["points_per_period"]
    point = np.arange(1, n_points + 1)
    first_test = n_points - round(test_share * n_points)
    coordinates = {
        "periods": ("point", point / settings["points_per_period"]),
        "is_test": ("point", point > first_test),
    }
    arrays = {}
    for part in parts:
        attributes = {k: v for k, v in part.attrs.items() if k != "settings"}
        arrays[part.name] = part.drop_attrs().assign_attrs(attributes)
    return xr.Dataset(arrays, coords=coordinates, attrs={**settings, "test_share": test_share})
