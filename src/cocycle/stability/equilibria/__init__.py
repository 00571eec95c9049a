"""Fixed points: all in a box, with type, stability and index."""

from cocycle.stability.equilibria.fixed_point import FixedPoint, FixedPoints, Guarantee
from cocycle.stability.equilibria.kinds import Kind
from cocycle.stability.equilibria.search import IntervalNewton, Multistart, fixed_points

__all__ = ["FixedPoint", "FixedPoints", "Guarantee", "IntervalNewton", "Kind", "Multistart", "fixed_points"]
