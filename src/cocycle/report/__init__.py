"""Results become tables, figures and pages: `cocycle.report(source)` and `cocycle report SOURCE`.

The package is a module that can be called. `import cocycle as cc; cc.report(thomas)` is what a user writes, and
`import cocycle.report.reading` is what the import system must still find. A function named `report` in
`cocycle/__init__.py` cannot give both: the import of any submodule binds the name `cocycle.report` to the module again,
so that the meaning of `cc.report` would depend on what was imported before. The class of this module therefore has
`__call__`. Names are loaded on first use.
"""

import importlib
import sys
import types
from typing import Any

_HOME = {
    "Series": "series",
    "read": "reading",
    "SystemAnalysis": "system_analysis",
    "analyse_system": "system_analysis",
    "Bifurcation": "system_analysis",
    "Sweep": "system_analysis",
    "bifurcation_diagram": "system_analysis",
    "Report": "document",
    "report": "document",
    "make_dataset": "dataset",
    "stability_report": "stability_report",
    "catalogue_page": "catalogue_page",
    "to_xarray": "present",
    "to_pandas": "present",
    "to_html": "present",
}
__all__ = list(_HOME)


class _CallablePackage(types.ModuleType):
    """This module, with `report` as its call."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Make a report of a source; see `cocycle.report.report`.

        Args:
            *args: those of `report`.
            **options: those of `report`.
        """
        return importlib.import_module("cocycle.report.document").report(*args, **options)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cocycle.report' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cocycle.report.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


sys.modules[__name__].__class__ = _CallablePackage
