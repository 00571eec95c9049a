"""One system's part of a data set in a place of its own: NetCDF, Parquet or Zarr, written whole or not at all."""

import io
import os
import pathlib
import shutil
import tempfile
from typing import Any

from cocycle.core.errors import DataError, OutputError
from cocycle.core.storage import atomic_file

SUFFIXES = (".nc", ".parquet", ".zarr")


def write_part(array: Any, place: pathlib.Path) -> None:
    """Write one system's array; what was there before is replaced at the end.

    Args:
        array: xarray.DataArray (point, variable).
        place: file, or for Zarr directory, whose suffix says the format.

    Raises:
        OutputError: if the place cannot be written.
        DataError: if the package that writes the format is missing.
    """
    if place.suffix == ".zarr":
        _write_zarr(array, place)
        return
    if place.suffix == ".nc":
        buffer = io.BytesIO()
        array.to_netcdf(buffer, engine="h5netcdf")
        with atomic_file(place) as handle:
            handle.write(buffer.getvalue())
        return
    import pandas as pd

    frame = pd.DataFrame(array.values, columns=pd.Index(array[array.dims[1]].values))
    frame.attrs = dict(array.attrs)
    with atomic_file(place) as handle:
        frame.to_parquet(handle)


def _write_zarr(array: Any, place: pathlib.Path) -> None:
    """A directory is filled beside its place, then renamed."""
    try:
        import zarr  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise DataError("writing .zarr needs zarr; install it: pip install 'cocycle[zarr]'.") from None
    made = pathlib.Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        array.to_dataset(name=array.name).to_zarr(made / "part", zarr_format=2, consolidated=True)
        if place.is_dir():
            shutil.rmtree(place)
        os.replace(made / "part", place)
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror}; choose another place.") from None
    finally:
        shutil.rmtree(made, ignore_errors=True)


def read_part(place: pathlib.Path) -> Any:
    """Read one system's array; None where it is not one of ours.

    Args:
        place: file or directory that `write_part` made.
    """
    import pandas as pd
    import xarray as xr

    try:
        if place.suffix == ".zarr":
            return next(iter(xr.load_dataset(place, engine="zarr").values()))
        if place.suffix == ".nc":
            return xr.load_dataarray(place, engine="h5netcdf")
        frame = pd.read_parquet(place)
    except (OSError, ValueError, KeyError, StopIteration, DataError):
        return None
    name = place.stem
    columns = {f"{name}_variable": list(frame.columns)}
    return xr.DataArray(frame.to_numpy(), dims=("point", f"{name}_variable"), coords=columns, name=name).assign_attrs(
        frame.attrs
    )
