"""The same as ftle_double_gyre on 256 x 256 points, with pyftle, which follows four orbits a point."""

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


def pyftle():
    if "nptyping" not in sys.modules:  # annotations only, of a package that is not kept up with numpy 2
        stub = types.ModuleType("nptyping")

        class Any:
            def __class_getitem__(cls, item):
                return cls

        stub.Float64 = stub.NDArray = stub.Shape = Any
        sys.modules["nptyping"] = stub
    from pyftle import AnalyticalSolver
    from pyftle.particles import NeighboringParticles

    gx, gy = large.axes(N)
    hx, hy = gx[1], gy[1]
    x, y = (m.ravel() for m in np.meshgrid(gx, gy, indexing="ij"))
    moved = [(x + hx, y), (x - hx, y), (x, y + hy), (x, y - hy)]

    def field(positions, t):
        return np.stack(large.velocity(t, positions[:, 0], positions[:, 1]), axis=1)

    def call():
        particles = NeighboringParticles(np.concatenate([np.stack(m, axis=1) for m in moved]))
        solver = AnalyticalSolver(field, particles, large.DT, large.T, 1, "rk4")
        return np.asarray(solver.run()).reshape(N, N)

    return Contender("pyftle (rk4, four orbits a point)", call, large.error_of(N), runs=1)


WORK = (f"FTLE of the double gyre, {N} x {N} points, 150 steps", "s/point", N * N)
CONTENDERS = [ours, numpy_rk4, pyftle]
