"""Exponents with error bars, tangent vectors and fields of them, and what they say of an orbit."""

from cocycle.stability.alignment import Alignment, alignment_index, fast_lyapunov_indicator
from cocycle.stability.covariant import covariant_vectors
from cocycle.stability.dichotomy import Dichotomy, dichotomy
from cocycle.stability.exponents import lyapunov_spectrum, maximal_exponent
from cocycle.stability.fields import (
    Differences,
    FtleField,
    GriddedVelocity,
    Ridges,
    Tangents,
    TrackFtle,
    ftle_field,
    ftle_of_tracks,
    ridge_lines,
)
from cocycle.stability.finite_time import (
    FiniteTimeExponents,
    LargeDeviations,
    finite_time_exponents,
    large_deviations,
)
from cocycle.stability.frames import tangent_map
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.regime import Regime, Verdict, flat_orbit, regime
from cocycle.stability.spectrum import Spectrum, kaplan_yorke_dimension
from cocycle.stability.transverse import (
    MasterStability,
    conditional_exponents,
    master_stability,
    transverse_exponents,
)

__all__ = [
    "Alignment",
    "CovariantVectors",
    "Dichotomy",
    "Differences",
    "FiniteTimeExponents",
    "FtleField",
    "GriddedVelocity",
    "LargeDeviations",
    "MasterStability",
    "Regime",
    "Ridges",
    "Spectrum",
    "Tangents",
    "TrackFtle",
    "Verdict",
    "alignment_index",
    "conditional_exponents",
    "covariant_vectors",
    "dichotomy",
    "fast_lyapunov_indicator",
    "finite_time_exponents",
    "flat_orbit",
    "ftle_field",
    "ftle_of_tracks",
    "kaplan_yorke_dimension",
    "large_deviations",
    "lyapunov_spectrum",
    "master_stability",
    "maximal_exponent",
    "regime",
    "ridge_lines",
    "tangent_map",
    "transverse_exponents",
]
