"""Learning as a dynamical system: problems, optimisers as systems, and the stability of minima."""

from cocycle.training.along import (
    RunCurves,
    batch_sharpness,
    edge,
    edge_of_stability,
    finite_time_exponents,
    sharpness,
)
from cocycle.training.critical import CriticalRates, critical_rates, gradient_descent_exponent, sgd_critical_rate
from cocycle.training.curvature import gauss_newton, hessian, tangent_kernel
from cocycle.training.descent import Training, TrainingState
from cocycle.training.fate import Fates, fates
from cocycle.training.frameworks import from_equinox, from_flax
from cocycle.training.growth import Growth, growth
from cocycle.training.losses import AbstractLoss, CrossEntropy, LogisticLoss, OutputLoss, SquaredLoss
from cocycle.training.minimum import Minimum, NotAMinimumError, curvature_kernel, interpolate, minimum
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
from cocycle.training.second_moment import SecondMoment, second_moment, trace_bound
from cocycle.training.stability_map import StabilityMap, stability_map
from cocycle.training.torch_problem import TorchProblem
from cocycle.training.verdict import Stability, stability

__all__ = [
    "SAM",
    "SGD",
    "AbstractLoss",
    "AbstractOptimiser",
    "AbstractProblem",
    "Adam",
    "AdamW",
    "CriticalRates",
    "CrossEntropy",
    "Fates",
    "Growth",
    "HeavyBall",
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
    "SecondMoment",
    "SquaredLoss",
    "Stability",
    "StabilityMap",
    "TorchProblem",
    "Training",
    "TrainingState",
    "batch_sharpness",
    "critical_rates",
    "curvature_kernel",
    "edge",
    "edge_of_stability",
    "fates",
    "finite_time_exponents",
    "from_equinox",
    "from_flax",
    "gauss_newton",
    "gradient_descent_exponent",
    "growth",
    "hessian",
    "interpolate",
    "minimum",
    "parameter_space_exponent",
    "second_moment",
    "sgd_critical_rate",
    "sharpness",
    "stability",
    "stability_map",
    "tangent_kernel",
    "trace_bound",
]
