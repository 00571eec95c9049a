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
    **dict.fromkeys(["AbstractTrainedLearner"], "trained"),
    **dict.fromkeys(["S4D", "S5"], "state_spaces"),
    **dict.fromkeys(
        [
            "AbstractDiagonal",
            "InverseDiagonal",
            "LegSDiagonal",
            "LinearDiagonal",
            "QuadraticDiagonal",
            "RealDiagonal",
        ],
        "diagonal",
    ),
    **dict.fromkeys(
        [
            "bilinear",
            "frequency_response",
            "hippo_fout",
            "hippo_legs",
            "hippo_legt",
            "hippo_normal",
            "perturbed_diagonal",
            "zero_order_hold",
        ],
        "hippo",
    ),
    **dict.fromkeys(["HAVOK", "intermittent_forcing"], "havok"),
    **dict.fromkeys(["KoopmanAutoencoder", "koopman_eigenvalues", "von_neumann_entropy"], "autoencoder"),
    **dict.fromkeys(["GaussianProcess"], "gaussian_process"),
    **dict.fromkeys(["EnsembleForecast", "ensemble_forecast"], "ensembles"),
    **dict.fromkeys(["AbstractNoise", "GeometricNoise", "LangevinNoise", "LinearNoise", "NeuralSDE"], "neural_sde"),
    **dict.fromkeys(["NeuralCDE"], "neural_cde"),
    **dict.fromkeys(["HybridODE", "missing_part"], "hybrid"),
    **dict.fromkeys(["Assimilation", "assimilate"], "assimilation"),
    **dict.fromkeys(["KnownSystem"], "known_system"),
    **dict.fromkeys(["ExponentialMemory", "MemoryKernel", "exponential_memory", "memory_kernel"], "memory"),
    **dict.fromkeys(["GeneralisedLangevin"], "langevin"),
    **dict.fromkeys(["ParetoODE", "PowerModel", "PowerRegression", "knee", "pareto_search"], "pareto"),
    **dict.fromkeys(["Between", "Optuna"], "proposals"),
    **dict.fromkeys(["SearchResult", "free_run_score", "search"], "search"),
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
