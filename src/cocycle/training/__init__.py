"""Learning as a dynamical system: problems, optimisers as systems, and the stability of minima."""

from cocycle.training.along import (
    RunCurves,
    batch_sharpness,
    edge,
    edge_of_stability,
    finite_time_exponents,
    sharpness,
)
from cocycle.training.callbacks import huggingface_callback, lightning_callback
from cocycle.training.collective import CollectiveVariables, collective_variables, kernel_distance
from cocycle.training.connectivity import LinearPath, barrier_from_curvature, linear_path, match_units
from cocycle.training.critical import CriticalRates, critical_rates, gradient_descent_exponent, sgd_critical_rate
from cocycle.training.curvature import gauss_newton, hessian, tangent_kernel
from cocycle.training.descent import Training, TrainingState
from cocycle.training.fate import Fates, fates
from cocycle.training.frameworks import from_equinox, from_flax
from cocycle.training.growth import Growth, growth
from cocycle.training.last_layer import LastLayer, gaussian_log_loss, last_layer_uncertainty
from cocycle.training.losses import AbstractLoss, CrossEntropy, LogisticLoss, OutputLoss, SquaredLoss
from cocycle.training.minimum import Minimum, NotAMinimumError, interpolate, minimum
from cocycle.training.monitor import StabilityMonitor
from cocycle.training.optimisers import (
    SAM,
    SGD,
    AbstractOptimiser,
    Adam,
    AdamW,
    HeavyBall,
    Lion,
    Nesterov,
    Optax,
    RMSProp,
)
from cocycle.training.parameter_space import parameter_space_exponent
from cocycle.training.problem import AbstractProblem, Problem
from cocycle.training.run_file import RunRecord, read_run
from cocycle.training.second_moment import SecondMoment, second_moment, trace_bound
from cocycle.training.stability_map import StabilityMap, stability_map
from cocycle.training.torch_problem import TorchProblem
from cocycle.training.verdict import Stability, stability
from cocycle.training.watching import gradient_noise_scale

__all__ = [
    "SAM",
    "SGD",
    "AbstractLoss",
    "AbstractOptimiser",
    "AbstractProblem",
    "Adam",
    "AdamW",
    "CollectiveVariables",
    "CriticalRates",
    "CrossEntropy",
    "Fates",
    "Growth",
    "HeavyBall",
    "LastLayer",
    "LinearPath",
    "Lion",
    "LogisticLoss",
    "Minimum",
    "Nesterov",
    "NotAMinimumError",
    "Optax",
    "OutputLoss",
    "Problem",
    "RMSProp",
    "RunCurves",
    "RunRecord",
    "SecondMoment",
    "SquaredLoss",
    "Stability",
    "StabilityMap",
    "StabilityMonitor",
    "TorchProblem",
    "Training",
    "TrainingState",
    "barrier_from_curvature",
    "batch_sharpness",
    "collective_variables",
    "critical_rates",
    "edge",
    "edge_of_stability",
    "fates",
    "finite_time_exponents",
    "from_equinox",
    "from_flax",
    "gauss_newton",
    "gaussian_log_loss",
    "gradient_descent_exponent",
    "gradient_noise_scale",
    "growth",
    "hessian",
    "huggingface_callback",
    "interpolate",
    "kernel_distance",
    "last_layer_uncertainty",
    "lightning_callback",
    "linear_path",
    "match_units",
    "minimum",
    "parameter_space_exponent",
    "read_run",
    "second_moment",
    "sgd_critical_rate",
    "sharpness",
    "stability",
    "stability_map",
    "tangent_kernel",
    "trace_bound",
]
