"""Data -> systems: learners with one protocol, whose results are measured by the calls that measured the original."""

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(["AbstractLearner"], "abstract"),
    **dict.fromkeys(["FitRecord", "FittedLookup", "FittedSystem"], "fitted"),
    **dict.fromkeys(["AbstractRule", "Context"], "rules"),
    **dict.fromkeys(["Segments", "segments"], "stretches"),
    **dict.fromkeys(["ridge_block", "ridge_weights"], "ridge"),
    **dict.fromkeys(["LinearAutoregression", "NextGenerationReservoir"], "polynomial"),
    **dict.fromkeys(["EchoState"], "reservoir"),
    **dict.fromkeys(["AbstractDictionary", "Fourier", "Monomials", "RadialFunctions"], "dictionaries"),
    **dict.fromkeys(["KoopmanSpectrum", "koopman_spectrum", "pseudospectrum", "residuals_on"], "koopman"),
    **dict.fromkeys(["AlmostLinearRNN", "PLRNN"], "plrnn"),
    **dict.fromkeys(["AbstractForcing", "GeneralisedForcing", "SparseForcing", "optimal_strength"], "forcing"),
    **dict.fromkeys(["SymbolicDynamics", "symbolic_dynamics"], "symbolic"),
    **dict.fromkeys(["GRU", "LSTM"], "gated"),
    **dict.fromkeys(["NeuralODE"], "neural_ode"),
    **dict.fromkeys(["Descent"], "descent"),
    **dict.fromkeys(["SINDy", "equations"], "sindy"),
    **dict.fromkeys(["AbstractSparseRegression", "SR3", "STLSQ"], "sparse"),
    **dict.fromkeys(["AbstractFormulation", "Derivatives", "WeakForm"], "formulations"),
    **dict.fromkeys(["DMD", "EDMD", "dmd_eigenvalues"], "dmd"),
    **dict.fromkeys(["Comparison", "compare"], "judge"),
    **dict.fromkeys(["SMap", "Simplex"], "neighbours"),
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'cocycle.learn' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cocycle.learn.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
