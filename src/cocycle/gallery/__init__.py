"""Published papers as rows: what they claim, run again and judged, each claim with a control.

A paper is a folder with `paper.toml` and `run.py`; see `docs/architecture.md`, "Add a paper".
"""

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(["Claim", "Comparison", "Verdict"], "claims"),
    **dict.fromkeys(["Paper", "paper", "papers"], "registry"),
    **dict.fromkeys(["Curve", "Field", "Outcome", "Plot", "Results", "Row"], "results"),
    **dict.fromkeys(["run_paper"], "running"),
    **dict.fromkeys(["outcome_page"], "page"),
    **dict.fromkeys(["markdown"], "tables"),
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cocycle.gallery' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cocycle.gallery.{_HOME[name]}"), name)
    globals()[name] = value
    return value
