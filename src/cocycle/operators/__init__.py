"""Matrix-free linear operators: curvature of a loss, tangent kernels; their eigenvalues, densities and traces."""

from cocycle.operators.abstract import AbstractOperator, Dense, FromProducts
from cocycle.operators.curvature import EmpiricalFisher, Fisher, GaussNewton, Hessian
from cocycle.operators.density import SpectralDensity, spectral_density
from cocycle.operators.flatten import flatten
from cocycle.operators.kernel import TangentKernel
from cocycle.operators.lanczos import Eigenvalues, extreme_eigenvalues
from cocycle.operators.likelihoods import AbstractLikelihood, Bernoulli, Categorical, Gaussian
from cocycle.operators.solve import solve
from cocycle.operators.spectra import effective_rank, participation_ratio, spectral_entropy
from cocycle.operators.traces import AbstractTraceMethod, Exact, Hutchinson, HutchPlusPlus, trace

__all__ = [
    "AbstractLikelihood",
    "AbstractOperator",
    "AbstractTraceMethod",
    "Bernoulli",
    "Categorical",
    "Dense",
    "Eigenvalues",
    "EmpiricalFisher",
    "Exact",
    "Fisher",
    "FromProducts",
    "GaussNewton",
    "Gaussian",
    "Hessian",
    "HutchPlusPlus",
    "Hutchinson",
    "SpectralDensity",
    "TangentKernel",
    "effective_rank",
    "extreme_eigenvalues",
    "flatten",
    "participation_ratio",
    "solve",
    "spectral_density",
    "spectral_entropy",
    "trace",
]
