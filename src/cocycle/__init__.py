"""Dynamical systems, and learning seen as a dynamical system.

Importing turns on 64-bit floats in JAX (set `COCYCLE_X64=0` before the import to opt out). All names are loaded on
first use, so that the import itself costs little more than JAX.
"""

import importlib
import os
from typing import Any

import jax

if os.environ.get("COCYCLE_X64", "1") != "0":
    jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"

# Public name -> module that defines it. Grouped as the layers are, bottom first.
_HOME = {
    **dict.fromkeys(
        ["Still", "Clock", "Brownian", "Minibatch", "Recorded", "Keys", "Joint", "AbstractDriver"], "core.drivers"
    ),
    **dict.fromkeys(["AbstractSystem", "AbstractDifferentiableSystem", "AbstractTangentSystem", "push"], "core.system"),
    **dict.fromkeys(["Map", "Recurrent", "map_system", "recurrent"], "core.functions"),
    **dict.fromkeys(["Trajectory", "Status", "run", "trajectory"], "core.run"),
    "Estimate": "core.estimate",
    "CocycleError": "core.errors",
    "sweep": "core.sweep",
    "load": "core.storage",
    **dict.fromkeys(
        ["Flow", "ItoSDE", "StratonovichSDE", "DelayFlow", "flow", "ito_sde", "stratonovich_sde", "delay_flow"],
        "steppers",
    ),
    **dict.fromkeys(
        ["Spectrum", "lyapunov_spectrum", "maximal_exponent", "kaplan_yorke_dimension", "regime"], "stability"
    ),
    **dict.fromkeys(["read", "Report", "Series"], "report"),
    **dict.fromkeys(["Comparison", "compare"], "learn"),
}
_PACKAGES = [
    "core",
    "data",
    "gallery",
    "learn",
    "measures",
    "operators",
    "report",
    "stability",
    "steppers",
    "systems",
    "testing",
    "training",
]

__all__ = ["__version__", *_HOME, *_PACKAGES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _PACKAGES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module 'cocycle' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
