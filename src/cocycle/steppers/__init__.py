"""Steppers: a field becomes a step, and with a driver a system."""

from cocycle.steppers.abstract import AbstractStepper, AbstractTangentStepper
from cocycle.steppers.adaptive import Adaptive
from cocycle.steppers.flow import Flow, flow, is_autonomous
from cocycle.steppers.implicit import ImplicitMidpoint
from cocycle.steppers.runge_kutta import DOP853, RK4, Euler, Heun, Tsit5
from cocycle.steppers.symplectic import Leapfrog, Yoshida4

__all__ = [
    "DOP853",
    "RK4",
    "AbstractStepper",
    "AbstractTangentStepper",
    "Adaptive",
    "Euler",
    "Flow",
    "Heun",
    "ImplicitMidpoint",
    "Leapfrog",
    "Tsit5",
    "Yoshida4",
    "flow",
    "is_autonomous",
]
