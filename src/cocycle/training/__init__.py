"""Learning as a dynamical system: problems, optimisers as systems, and the stability of minima."""

from cocycle.training.callbacks import huggingface_callback, lightning_callback
from cocycle.training.collective import CollectiveVariables, collective_variables, kernel_distance
from cocycle.training.connectivity import LinearPath, barrier_from_curvature, linear_path, match_units
from cocycle.training.curvature import gauss_newton, hessian, tangent_kernel
from cocycle.training.last_layer import LastLayer, gaussian_log_loss, last_layer_uncertainty
from cocycle.training.losses import AbstractLoss, CrossEntropy, LogisticLoss, OutputLoss, SquaredLoss
from cocycle.training.monitor import StabilityMonitor
from cocycle.training.problem import AbstractProblem, Problem
from cocycle.training.run_file import RunRecord, read_run
from cocycle.training.torch_problem import TorchProblem
from cocycle.training.watching import batch_sharpness, gradient_noise_scale

__all__ = [
    "AbstractLoss",
    "AbstractProblem",
    "CollectiveVariables",
    "CrossEntropy",
    "LastLayer",
    "LinearPath",
    "LogisticLoss",
    "OutputLoss",
    "Problem",
    "RunRecord",
    "SquaredLoss",
    "StabilityMonitor",
    "TorchProblem",
    "barrier_from_curvature",
    "batch_sharpness",
    "collective_variables",
    "gauss_newton",
    "gaussian_log_loss",
    "gradient_noise_scale",
    "hessian",
    "huggingface_callback",
    "kernel_distance",
    "last_layer_uncertainty",
    "lightning_callback",
    "linear_path",
    "match_units",
    "read_run",
    "tangent_kernel",
]
