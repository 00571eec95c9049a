"""Learning as a dynamical system: problems, optimisers as systems, and the stability of minima."""

from cocycle.training.losses import AbstractLoss, CrossEntropy, LogisticLoss, OutputLoss, SquaredLoss
from cocycle.training.problem import AbstractProblem, Problem

__all__ = [
    "AbstractLoss",
    "AbstractProblem",
    "CrossEntropy",
    "LogisticLoss",
    "OutputLoss",
    "Problem",
    "SquaredLoss",
]
