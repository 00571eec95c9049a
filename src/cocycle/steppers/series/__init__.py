"""Taylor series over a traced field: one recurrence rule a primitive."""

from cocycle.steppers.series.program import Expansion, Program

__all__ = ["Expansion", "Program"]
