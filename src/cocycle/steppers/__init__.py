"""Steppers: a field becomes a step, and with a driver a system."""

from cocycle.steppers.abstract import AbstractStepper, AbstractTangentStepper
from cocycle.steppers.adaptive import Adaptive
from cocycle.steppers.delay import DelayFlow, DelayState, delay_flow
from cocycle.steppers.delay_orbit import delay_orbit
from cocycle.steppers.dense import dense_orbit
from cocycle.steppers.ensemble import taylor_ensemble
from cocycle.steppers.event_table import EventTable, locate_events
from cocycle.steppers.events import Event, saltation_matrix
from cocycle.steppers.exponential import ETDRK4, AbstractExponentialStepper, phi_functions
from cocycle.steppers.flow import Flow, flow, is_autonomous
from cocycle.steppers.hybrid import HybridFlow
from cocycle.steppers.implicit import ImplicitMidpoint
from cocycle.steppers.manifold_steps import GeometricHeun, ProjectedEuler, ProjectedHeun
from cocycle.steppers.manifolds import AbstractManifold, Flat, Orthogonal, Sphere, Torus
from cocycle.steppers.noisy import AdditiveNoise, ScaledNoise
from cocycle.steppers.orbit import taylor_orbit
from cocycle.steppers.positive import ImplicitMilstein
from cocycle.steppers.runge_kutta import DOP853, RK4, Euler, Heun, Tsit5
from cocycle.steppers.sde import ItoSDE, StratonovichSDE, ito_sde, stratonovich_sde
from cocycle.steppers.section import Crossing, PoincareMap
from cocycle.steppers.spectral import FourierGrid, SpectralFlow
from cocycle.steppers.stochastic import (
    AbstractItoStepper,
    AbstractStratonovichStepper,
    EulerMaruyama,
    Milstein,
    StochasticHeun,
)
from cocycle.steppers.stroboscopic import StroboscopicMap
from cocycle.steppers.switches import Switches
from cocycle.steppers.symplectic import Leapfrog, Yoshida4
from cocycle.steppers.taylor import Taylor
from cocycle.steppers.variations import Derivatives, taylor_derivatives

__all__ = [
    "DOP853",
    "ETDRK4",
    "RK4",
    "AbstractExponentialStepper",
    "AbstractItoStepper",
    "AbstractManifold",
    "AbstractStepper",
    "AbstractStratonovichStepper",
    "AbstractTangentStepper",
    "Adaptive",
    "AdditiveNoise",
    "Crossing",
    "DelayFlow",
    "DelayState",
    "Derivatives",
    "Euler",
    "EulerMaruyama",
    "Event",
    "EventTable",
    "Flat",
    "Flow",
    "FourierGrid",
    "GeometricHeun",
    "Heun",
    "HybridFlow",
    "ImplicitMidpoint",
    "ImplicitMilstein",
    "ItoSDE",
    "Leapfrog",
    "Milstein",
    "Orthogonal",
    "PoincareMap",
    "ProjectedEuler",
    "ProjectedHeun",
    "ScaledNoise",
    "SpectralFlow",
    "Sphere",
    "StochasticHeun",
    "StratonovichSDE",
    "StroboscopicMap",
    "Switches",
    "Taylor",
    "Torus",
    "Tsit5",
    "Yoshida4",
    "delay_flow",
    "delay_orbit",
    "dense_orbit",
    "flow",
    "is_autonomous",
    "ito_sde",
    "locate_events",
    "phi_functions",
    "saltation_matrix",
    "stratonovich_sde",
    "taylor_derivatives",
    "taylor_ensemble",
    "taylor_orbit",
]
