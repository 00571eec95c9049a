"""Files as named columns: what is in them, before anything is understood."""

import importlib.util
import io
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from cocycle.core.errors import CocycleError, DataError

DELIMITERS = (",", ";", "\t", "|")
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?", "inf", "-inf"}

Table = dict[str, np.ndarray]


def read_table(path: pathlib.Path) -> Table:
    """Read a file into named columns; texts become arrays of objects.

    Args:
        path: a file that exists.

    Returns:
        Columns (n,) by name, in the order of the file.

    Raises:
        DataError: if the file is not what its suffix says, or a package that reads it is missing.
    """
    readers: dict[str, Callable[[pathlib.Path], Table]] = {
        ".npy": _npy,
        ".npz": _npz,
        ".parquet": _parquet,
        ".nc": _netcdf,
    }
    try:
        return readers.get(path.suffix.lower(), _text)(path)
    except CocycleError:
        raise
    except ImportError as error:
        package = error.name or "the package that reads it"
        raise DataError(f"reading {path} needs {package}; install it: pip install 'cocycle[files]'.") from None
    except Exception as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{path} cannot be read as {path.suffix}: {reason}; check that the file is complete.") from None


def _text(path: pathlib.Path) -> Table:
    import pandas as pd

    raw = path.read_bytes()
    if b"\0" in raw[:65536]:
        raise DataError(f"{path} is a binary file, not a table of text; convert it to csv, npy or parquet.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "%"))]
    if not lines:
        raise DataError(f"{path} has no rows of data; check that it is the file that was meant.")
    delimiter = sniff(lines[:50])
    decimal = "," if delimiter != "," and _comma_decimals(lines[1:20], delimiter) else "."
    header = has_header(lines, delimiter, decimal)
    frame = pd.read_csv(
        io.StringIO("\n".join(lines)),
        sep=r"\s+" if delimiter == " " else delimiter,
        header=0 if header else None,
        decimal=decimal,
        skipinitialspace=True,
        index_col=False,
        na_values=sorted(MISSING - {""}),
    )
    return _frame(frame)


def _cells(line: str, delimiter: str) -> list[str]:
    parts = line.split() if delimiter == " " else line.split(delimiter)
    return [part.strip().strip('"').strip("'") for part in parts]


def sniff(lines: list[str]) -> str:
    """Delimiter of some lines: the one that splits all of them into the same number of cells, the most of them.

    Args:
        lines: lines of the file, without comments.

    Returns:
        One of , ; tab | or a blank, which stands for any white space.

    Example:
        >>> sniff(["a;b", "1,5;2", "2,5;3"])
        ';'
    """
    best, most = ",", 1
    for delimiter in (";", "\t", ",", "|", " "):
        counts = {len(_cells(line, delimiter)) for line in lines}
        if len(counts) == 1 and next(iter(counts)) > most:
            best, most = delimiter, next(iter(counts))
    if most == 1 and not any(d in line for line in lines for d in DELIMITERS) and any(" " in s.strip() for s in lines):
        return " "
    return best


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        return False
    return True


def _comma_decimals(lines: list[str], delimiter: str) -> bool:
    cells = [cell for line in lines for cell in _cells(line, delimiter) if "," in cell]
    return bool(cells) and all(_is_number(cell, ",") for cell in cells)


def has_header(lines: list[str], delimiter: str, decimal: str = ".") -> bool:
    """Say whether the first line names the columns: it holds a cell that is no number where the next line has one.

    Args:
        lines: lines of the file, without comments.
        delimiter: between cells.
        decimal: sign of decimals.

    Example:
        >>> has_header(["t,x", "0,1"], ","), has_header(["0,1", "1,2"], ",")
        (True, False)
    """
    first = _cells(lines[0], delimiter)
    if any(_is_number(cell, decimal) for cell in first):
        return False
    return any(cell.lower() not in MISSING for cell in first)


def _frame(frame: Any) -> Table:
    """Columns of a pandas table; dates stay dates, anything else but numbers becomes objects."""
    import pandas as pd

    if not isinstance(frame.index, pd.RangeIndex) and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    out: Table = {}
    for number, name in enumerate(frame.columns):
        column = frame.iloc[:, number]
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=float, na_value=np.nan)
        elif isinstance(column.dtype, pd.DatetimeTZDtype):
            values = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        elif pd.api.types.is_datetime64_dtype(column):
            values = column.to_numpy()
        else:
            values = column.astype(object).to_numpy()
        out[str(name)] = values
    return out


def _columns(array: np.ndarray, name: str) -> Table:
    if array.dtype.kind not in "biufM":
        raise DataError(f"{name} holds {array.dtype}, not real numbers; save a real array.")
    if array.ndim == 0 or array.ndim > 2:
        raise DataError(f"{name} has shape {array.shape}; a series is (n,) or (n, columns).")
    if array.ndim == 1:
        return {name: array}
    return {str(k): array[:, k] for k in range(array.shape[1])}


def _npy(path: pathlib.Path) -> Table:
    return _columns(np.load(path, allow_pickle=False), path.stem)


def _npz(path: pathlib.Path) -> Table:
    with np.load(path, allow_pickle=False) as arrays:
        if "header" in arrays:
            return _saved_result(path)
        found = {name: arrays[name] for name in arrays.files}
    length = max((a.shape[0] for a in found.values() if a.ndim), default=0)
    table: Table = {}
    for name, array in found.items():
        if array.ndim in (1, 2) and array.shape[0] == length and array.dtype.kind in "biufM":
            columns = _columns(array, name)
            table.update(columns if array.ndim == 1 else {f"{name}{k}": v for k, v in columns.items()})
    if not table:
        raise DataError(f"{path} holds no array of real numbers of shape (n,) or (n, columns).")
    return table


def _saved_result(path: pathlib.Path) -> Table:
    from cocycle.core.run import Trajectory
    from cocycle.core.storage import load
    from cocycle.report.present import to_pandas
    from cocycle.report.series import Series

    result = load(path)
    if not isinstance(result, Trajectory | Series):
        raise DataError(f"{path} is a saved {type(result).__name__}; a report reads a Trajectory or a Series.")
    return _frame(to_pandas(result))


def _parquet(path: pathlib.Path) -> Table:
    import pandas as pd

    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError("pyarrow", name="pyarrow")
    return _frame(pd.read_parquet(path))


def _netcdf(path: pathlib.Path) -> Table:
    import xarray as xr

    with path.open("rb") as handle:
        magic = handle.read(4)
    classic = magic[:3] == b"CDF"
    if not classic and magic != b"\x89HDF":
        raise DataError(
            f"{path} cannot be read as .nc: it is no NetCDF file; check that it is the file that was meant."
        )
    for package in () if classic else ("h5netcdf", "h5py"):
        if importlib.util.find_spec(package) is None:
            raise ImportError(package, name=package)
    with xr.open_dataset(path, engine="scipy" if classic else "h5netcdf") as data:
        data = data.load()
    series = {str(n): v for n, v in data.data_vars.items() if v.ndim == 1 and v.size}
    if not series:
        shapes = ", ".join(f"{n} {dict(v.sizes)}" for n, v in data.data_vars.items()) or "no variables"
        raise DataError(f"{path} holds no one-dimensional variable, but {shapes}; select one series first.")
    along = max((v.dims[0] for v in series.values()), key=lambda d: data.sizes[d])
    table: Table = {}
    if along in data.coords:
        name = str(along) if not data[along].attrs.get("units") else f"{along} [{data[along].attrs['units']}]"
        table[name] = data[along].values
    table.update({n: v.values for n, v in series.items() if v.dims == (along,)})
    return table
