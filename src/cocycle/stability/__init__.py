"""Lyapunov spectra with error bars, and what they say of an orbit."""

from cocycle.stability.covariant import covariant_vectors
from cocycle.stability.exponents import lyapunov_spectrum, maximal_exponent
from cocycle.stability.frames import tangent_map
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.regime import Regime, Verdict, flat_orbit, regime
from cocycle.stability.spectrum import Spectrum, kaplan_yorke_dimension

__all__ = [
    "CovariantVectors",
    "Regime",
    "Spectrum",
    "Verdict",
    "covariant_vectors",
    "flat_orbit",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "maximal_exponent",
    "regime",
    "tangent_map",
]
