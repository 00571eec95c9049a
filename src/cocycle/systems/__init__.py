"""Known systems: one factory each, and the catalogue of them all with sourced facts."""

import importlib
from typing import TYPE_CHECKING, Any

from cocycle.systems.biology import (
    Blasius,
    CaTwoPlus,
    CaTwoPlusQuasiperiodic,
    CellCycle,
    CircadianRhythm,
    CoevolvingPredatorPrey,
    HastingsPowell,
    ItikBanksTumor,
)
from cocycle.systems.catalogue import Catalogue, catalogue
from cocycle.systems.chemistry import BelousovZhabotinsky, GlycolyticOscillation, IsothermalChemical, KawczynskiStrizhak
from cocycle.systems.chua import Chua
from cocycle.systems.circuits import AnishchenkoAstakhov, CellularNeuralNetwork, Colpitts, IkedaDelay
from cocycle.systems.delay import MackeyGlass
from cocycle.systems.feedback import (
    Aizawa,
    Bouali,
    Bouali2,
    BurkeShaw,
    Chen,
    ChenLee,
    Dadras,
    DequanLi,
    Finance,
    GuckenheimerHolmes,
    Halvorsen,
    Laser,
)
from cocycle.systems.fluids import (
    ArnoldBeltramiChildress,
    ArnoldWeb,
    AtmosphericRegime,
    BickleyJet,
    BlinkingRotlet,
    BlinkingVortex,
    DoubleGyre,
    Hadley,
    InteriorSquirmer,
    LidDrivenCavityFlow,
)
from cocycle.systems.forced import FluidTrampoline, ForcedBrusselator, ForcedFitzHughNagumo, ForcedVanDerPol
from cocycle.systems.hamiltonian import DoublePendulum, HenonHeiles, double_pendulum_energy, henon_heiles_energy
from cocycle.systems.hyperchaos import (
    HyperBao,
    HyperCai,
    HyperJha,
    HyperLorenz,
    HyperLu,
    HyperPang,
    HyperQi,
    HyperWang,
    HyperXu,
    HyperYan,
    HyperYangChen,
)
from cocycle.systems.jerk import Arneodo, Coullet, GenesioTesi, JerkCircuit
from cocycle.systems.lorenz import Lorenz63, Lorenz96
from cocycle.systems.maps import CatMap, Henon, Logistic, StandardMap
from cocycle.systems.networks import Kuramoto
from cocycle.systems.neurons import BeerRNN, ExcitableCell, HindmarshRose, Hopfield
from cocycle.systems.oscillators import Duffing, Thomas, VanDerPol
from cocycle.systems.registry import Entry, Fact, register
from cocycle.systems.rossler import HyperRossler, Rossler
from cocycle.systems.stochastic import DoubleWell, GeometricBrownianMotion, OrnsteinUhlenbeck

if TYPE_CHECKING:
    from cocycle.systems.identities import verify
    from cocycle.systems.recomputation import recompute
    from cocycle.systems.records import Record

# What recomputes the catalogue is loaded when asked for: it needs the whole library.
_LATER = {"Record": "records", "recompute": "recomputation", "verify": "identities"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)


__all__ = [
    "Aizawa",
    "AnishchenkoAstakhov",
    "Arneodo",
    "ArnoldBeltramiChildress",
    "ArnoldWeb",
    "AtmosphericRegime",
    "BeerRNN",
    "BelousovZhabotinsky",
    "BickleyJet",
    "Blasius",
    "BlinkingRotlet",
    "BlinkingVortex",
    "Bouali",
    "Bouali2",
    "BurkeShaw",
    "CaTwoPlus",
    "CaTwoPlusQuasiperiodic",
    "CatMap",
    "Catalogue",
    "CellCycle",
    "CellularNeuralNetwork",
    "Chen",
    "ChenLee",
    "Chua",
    "CircadianRhythm",
    "CoevolvingPredatorPrey",
    "Colpitts",
    "Coullet",
    "Dadras",
    "DequanLi",
    "DoubleGyre",
    "DoublePendulum",
    "DoubleWell",
    "Duffing",
    "Entry",
    "ExcitableCell",
    "Fact",
    "Finance",
    "FluidTrampoline",
    "ForcedBrusselator",
    "ForcedFitzHughNagumo",
    "ForcedVanDerPol",
    "GenesioTesi",
    "GeometricBrownianMotion",
    "GlycolyticOscillation",
    "GuckenheimerHolmes",
    "Hadley",
    "Halvorsen",
    "HastingsPowell",
    "Henon",
    "HenonHeiles",
    "HindmarshRose",
    "Hopfield",
    "HyperBao",
    "HyperCai",
    "HyperJha",
    "HyperLorenz",
    "HyperLu",
    "HyperPang",
    "HyperQi",
    "HyperRossler",
    "HyperWang",
    "HyperXu",
    "HyperYan",
    "HyperYangChen",
    "IkedaDelay",
    "InteriorSquirmer",
    "IsothermalChemical",
    "ItikBanksTumor",
    "JerkCircuit",
    "KawczynskiStrizhak",
    "Kuramoto",
    "Laser",
    "LidDrivenCavityFlow",
    "Logistic",
    "Lorenz63",
    "Lorenz96",
    "MackeyGlass",
    "OrnsteinUhlenbeck",
    "Record",
    "Rossler",
    "StandardMap",
    "Thomas",
    "VanDerPol",
    "catalogue",
    "double_pendulum_energy",
    "henon_heiles_energy",
    "recompute",
    "register",
    "verify",
]
