"""Attractors, their basins and shares, the boundaries between them, and tipping."""

from cocycle.stability.basins.attractors import Attractor, Recurrences
from cocycle.stability.basins.basin_maps import basin_fractions, basins
from cocycle.stability.basins.boundary import BasinEntropy, UncertaintyExponent, basin_entropy, uncertainty_exponent
from cocycle.stability.basins.features import Features
from cocycle.stability.basins.result import BasinFractions, Basins
from cocycle.stability.basins.tipping import BasinContinuation, Tipping, continue_basins

__all__ = [
    "Attractor",
    "BasinContinuation",
    "BasinEntropy",
    "BasinFractions",
    "Basins",
    "Features",
    "Recurrences",
    "Tipping",
    "UncertaintyExponent",
    "basin_entropy",
    "basin_fractions",
    "basins",
    "continue_basins",
    "uncertainty_exponent",
]
