"""A trajectory as a file: NetCDF, parquet, csv or npz."""

import importlib.util
import io
import pathlib

from cocycle.core.errors import DataError, OutputError
from cocycle.core.run import Trajectory
from cocycle.core.storage import atomic_file

SUFFIXES = (".nc", ".parquet", ".csv", ".npz")
NEEDS = {".parquet": "pyarrow"}


def check_file(path: pathlib.Path) -> None:
    """Refuse, before any work, a file that cannot be written.

    Args:
        path: the file.

    Raises:
        OutputError: if its kind is not known, or its place cannot be written.
        DataError: if the package that writes it is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"cannot write {path}: {suffix or 'no suffix'} is not one of {', '.join(SUFFIXES)}.")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory; name a file in it.")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {path.parent}; make it first.")
    package = NEEDS.get(suffix)
    if package is not None and importlib.util.find_spec(package) is None:
        raise DataError(f"writing {suffix} needs {package}; install it: pip install 'cocycle[files]'.")


def write(orbit: Trajectory, path: pathlib.Path) -> None:
    """Write a trajectory, as a whole or not at all.

    Args:
        orbit: the trajectory.
        path: file; its suffix says the kind.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        orbit.save(path)
        return
    if suffix == ".nc":
        buffer = io.BytesIO()
        # NetCDF 4 where its packages are, else the classic format, which scipy writes.
        modern = all(importlib.util.find_spec(name) is not None for name in ("h5netcdf", "h5py"))
        orbit.to_xarray().to_netcdf(buffer, engine="h5netcdf" if modern else "scipy")
        with atomic_file(path) as handle:
            handle.write(buffer.getvalue())
        return
    frame = orbit.to_pandas()
    if suffix == ".parquet":
        with atomic_file(path) as handle:
            frame.to_parquet(handle)
        return
    with atomic_file(path, "w") as handle:
        frame.to_csv(handle)
