"""Steppers: a field becomes a step, and with a driver a system."""

from cocycle.steppers.abstract import AbstractStepper, AbstractTangentStepper
from cocycle.steppers.flow import Flow, flow, is_autonomous
from cocycle.steppers.runge_kutta import RK4, Euler, Heun

__all__ = [
    "RK4",
    "AbstractStepper",
    "AbstractTangentStepper",
    "Euler",
    "Flow",
    "Heun",
    "flow",
    "is_autonomous",
]
