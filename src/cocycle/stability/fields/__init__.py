"""Fields of finite-time exponents on grids of initial states, from formulas, gridded velocities and tracks."""

from cocycle.stability.fields.field import FtleField
from cocycle.stability.fields.ftle import Differences, Tangents, ftle_field
from cocycle.stability.fields.ridge_points import RidgePoints, ridge_points
from cocycle.stability.fields.ridges import Ridges, ridge_lines
from cocycle.stability.fields.tracks import TrackFtle, ftle_of_tracks
from cocycle.stability.fields.velocity import GriddedVelocity

__all__ = [
    "Differences",
    "FtleField",
    "GriddedVelocity",
    "RidgePoints",
    "Ridges",
    "Tangents",
    "TrackFtle",
    "ftle_field",
    "ftle_of_tracks",
    "ridge_lines",
    "ridge_points",
]
