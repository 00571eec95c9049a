"""Exponents with error bars, tangent vectors and fields of them, and what they say of an orbit."""

from cocycle.stability.covariant import covariant_vectors
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
from cocycle.stability.frames import tangent_map
from cocycle.stability.oseledets import CovariantVectors
from cocycle.stability.regime import Regime, Verdict, flat_orbit, regime
from cocycle.stability.spectrum import Spectrum, kaplan_yorke_dimension

__all__ = [
    "CovariantVectors",
    "Differences",
    "FtleField",
    "GriddedVelocity",
    "Regime",
    "Ridges",
    "Spectrum",
    "Tangents",
    "TrackFtle",
    "Verdict",
    "covariant_vectors",
    "flat_orbit",
    "ftle_field",
    "ftle_of_tracks",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "maximal_exponent",
    "regime",
    "ridge_lines",
    "tangent_map",
]
