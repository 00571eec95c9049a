"""Random dynamical systems: what noise does to a system."""

from cocycle.stability.random.common_noise import NPointMotion, euclidean, n_point_motion, synchronisation_time
from cocycle.stability.random.ensemble import Ensemble, ensemble
from cocycle.stability.random.images import images
from cocycle.stability.random.kramers import kramers_rate
from cocycle.stability.random.moment import MomentExponents, moment_exponents
from cocycle.stability.random.passage import PassageTimes, first_passage
from cocycle.stability.random.pullback import (
    PullbackAttractor,
    RandomFixedPoint,
    pullback_attractor,
    random_fixed_point,
)
from cocycle.stability.random.sign import SignTest, certify_sign

__all__ = [
    "Ensemble",
    "MomentExponents",
    "NPointMotion",
    "PassageTimes",
    "PullbackAttractor",
    "RandomFixedPoint",
    "SignTest",
    "certify_sign",
    "ensemble",
    "euclidean",
    "first_passage",
    "images",
    "kramers_rate",
    "moment_exponents",
    "n_point_motion",
    "pullback_attractor",
    "random_fixed_point",
    "synchronisation_time",
]
