"""The same as ftle_double_gyre on 256 x 256 points, with pyftle, which follows four orbits a point.

Its analytic solver leaves the time of the field at 0 and takes 151 steps: its error is that, its time is comparable.
"""

import importlib.util
import sys
import types

import numpy as np

from benchmarks import ftle_double_gyre as large
from benchmarks.timing import Contender

N = 256


def ours():
    return large.ours(N)


def numpy_rk4():
    return large.numpy_rk4(N)


def field(t, positions):  # the order of its integrators; its guide has the other
    return np.stack(large.velocity(t, positions[:, 0], positions[:, 1]), axis=1)


def without_writers():
    """Stand-ins for what pyftle imports for annotations, files and colours, and never uses here."""

    class Annotation:
        def __class_getitem__(cls, item):
            return cls

    nothing = types.SimpleNamespace(**dict.fromkeys(["RED", "GREEN", "YELLOW", "CYAN", "BLUE", "RESET_ALL"], ""))
    contents = {
        "nptyping": {"Float64": Annotation, "NDArray": Annotation, "Shape": Annotation},
        "colorama": {"Fore": nothing, "Style": nothing, "init": lambda **options: None},
        "pyvista": {},
    }
    for name, values in contents.items():
        if importlib.util.find_spec(name) is None:
            module = types.ModuleType(name)
            vars(module).update(values)
            sys.modules[name] = module


def pyftle():
    without_writers()
    from pyftle import AnalyticalSolver
    from pyftle.particles import NeighboringParticles

    gx, gy = large.axes(N)
    hx, hy = gx[1], gy[1]
    x, y = (m.ravel() for m in np.meshgrid(gx, gy, indexing="ij"))
    moved = [(x + hx, y), (x - hx, y), (x, y + hy), (x, y - hy)]

    def call():
        particles = NeighboringParticles(np.concatenate([np.stack(m, axis=1) for m in moved]))
        solver = AnalyticalSolver(field, particles, large.DT, large.T, 1, "rk4")
        return np.asarray(solver.run()).reshape(N, N)

    return Contender("pyftle (rk4, four orbits a point)", call, large.error_of(N), runs=1)


WORK = (f"FTLE of the double gyre, {N} x {N} points, 150 steps", "s/point", N * N)
CONTENDERS = [ours, numpy_rk4, pyftle]
