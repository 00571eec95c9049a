"""Known systems: one factory each, and the catalogue of them all with sourced facts."""

from cocycle.systems.catalogue import Catalogue, catalogue
from cocycle.systems.delay import MackeyGlass
from cocycle.systems.feedback import Aizawa
from cocycle.systems.hamiltonian import DoublePendulum, HenonHeiles, double_pendulum_energy, henon_heiles_energy
from cocycle.systems.lorenz import Lorenz63, Lorenz96
from cocycle.systems.maps import CatMap, Henon, Logistic, StandardMap
from cocycle.systems.networks import Kuramoto
from cocycle.systems.oscillators import Duffing, Thomas, VanDerPol
from cocycle.systems.registry import Entry, Fact, register
from cocycle.systems.rossler import HyperRossler, Rossler
from cocycle.systems.stochastic import DoubleWell, GeometricBrownianMotion, OrnsteinUhlenbeck

__all__ = [
    "Aizawa",
    "CatMap",
    "Catalogue",
    "DoublePendulum",
    "DoubleWell",
    "Duffing",
    "Entry",
    "Fact",
    "GeometricBrownianMotion",
    "Henon",
    "HenonHeiles",
    "HyperRossler",
    "Kuramoto",
    "Logistic",
    "Lorenz63",
    "Lorenz96",
    "MackeyGlass",
    "OrnsteinUhlenbeck",
    "Rossler",
    "StandardMap",
    "Thomas",
    "VanDerPol",
    "catalogue",
    "double_pendulum_energy",
    "henon_heiles_energy",
    "register",
]
