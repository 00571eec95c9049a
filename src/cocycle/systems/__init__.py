"""Known systems: one factory each, and the catalogue of them all with sourced facts."""

from cocycle.systems.catalogue import Catalogue, catalogue
from cocycle.systems.lorenz import Lorenz63
from cocycle.systems.maps import Henon, Logistic
from cocycle.systems.registry import Entry, Fact, register

__all__ = ["Catalogue", "Entry", "Fact", "Henon", "Logistic", "Lorenz63", "catalogue", "register"]
