"""Learning as a dynamical system: problems, optimisers as systems, and the stability of minima."""

from cocycle.training.curvature import gauss_newton, hessian, tangent_kernel
from cocycle.training.losses import AbstractLoss, CrossEntropy, LogisticLoss, OutputLoss, SquaredLoss
from cocycle.training.problem import AbstractProblem, Problem
from cocycle.training.torch_problem import TorchProblem

__all__ = [
    "AbstractLoss",
    "AbstractProblem",
    "CrossEntropy",
    "LogisticLoss",
    "OutputLoss",
    "Problem",
    "SquaredLoss",
    "TorchProblem",
    "gauss_newton",
    "hessian",
    "tangent_kernel",
]
