"""How results show and save themselves, without the core knowing tables or pictures.

`save` needs only numpy. Labelled tables and HTML are made by `cocycle.report`, which is bound here by name at the
time of the call, so that imports still go downward only.
"""

import importlib
import pathlib
from typing import Any

from cocycle.core.storage import save as _save


def _presenter(name: str) -> Any:
    return getattr(importlib.import_module("cocycle.report.present"), name)


class Presentable:
    """Adds saving, labelled tables and notebook display to a result."""

    def save(self, path: str | pathlib.Path) -> pathlib.Path:
        """Write the result to one `.npz` file, atomically; `cocycle.load` reads it back.

        Args:
            path: file to write; `.npz` is added where it has no suffix.
        """
        return _save(self, path)

    def to_xarray(self) -> Any:
        """Return the result as a labelled `xarray.Dataset`."""
        return _presenter("to_xarray")(self)

    def to_pandas(self) -> Any:
        """Return the result as a `pandas.DataFrame`."""
        return _presenter("to_pandas")(self)

    def plot(self) -> Any:
        """Return a `plotly` figure of the result."""
        return _presenter("plot")(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return _presenter("to_html")(self)
