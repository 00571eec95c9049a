"""Steppers: a field becomes a step, and with a driver a system."""

from cocycle.steppers.abstract import AbstractStepper, AbstractTangentStepper
from cocycle.steppers.adaptive import Adaptive
from cocycle.steppers.delay import DelayFlow, DelayState, delay_flow
from cocycle.steppers.ensemble import taylor_ensemble
from cocycle.steppers.flow import Flow, flow, is_autonomous
from cocycle.steppers.implicit import ImplicitMidpoint
from cocycle.steppers.orbit import taylor_orbit
from cocycle.steppers.runge_kutta import DOP853, RK4, Euler, Heun, Tsit5
from cocycle.steppers.sde import ItoSDE, StratonovichSDE, ito_sde, stratonovich_sde
from cocycle.steppers.section import Crossing, PoincareMap
from cocycle.steppers.stochastic import (
    AbstractItoStepper,
    AbstractStratonovichStepper,
    EulerMaruyama,
    Milstein,
    StochasticHeun,
)
from cocycle.steppers.symplectic import Leapfrog, Yoshida4
from cocycle.steppers.taylor import Taylor

__all__ = [
    "DOP853",
    "RK4",
    "AbstractItoStepper",
    "AbstractStepper",
    "AbstractStratonovichStepper",
    "AbstractTangentStepper",
    "Adaptive",
    "Crossing",
    "DelayFlow",
    "DelayState",
    "Euler",
    "EulerMaruyama",
    "Flow",
    "Heun",
    "ImplicitMidpoint",
    "ItoSDE",
    "Leapfrog",
    "Milstein",
    "PoincareMap",
    "StochasticHeun",
    "StratonovichSDE",
    "Taylor",
    "Tsit5",
    "Yoshida4",
    "delay_flow",
    "flow",
    "is_autonomous",
    "ito_sde",
    "stratonovich_sde",
    "taylor_ensemble",
    "taylor_orbit",
]
