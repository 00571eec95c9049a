"""Periodic orbits of maps and flows, their Floquet multipliers, and sections."""

from cocycle.stability.cycles.maps import Stabilised, periodic_orbits
from cocycle.stability.cycles.orbit import PeriodicOrbit
from cocycle.stability.cycles.sections import SectionPoints, poincare_section
from cocycle.stability.cycles.shooting import periodic_orbit

__all__ = ["PeriodicOrbit", "SectionPoints", "Stabilised", "periodic_orbit", "periodic_orbits", "poincare_section"]
