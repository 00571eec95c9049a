"""A Lorenz orbit over 1,000 time units at tolerance 1e-9, 1,000 states kept. Error: after 10 time units, against
heyoka at 1e-16.
"""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

DURATION, TOL = 1000.0, 1e-9
X0 = np.array([1.0, 2.0, 20.0])
REFERENCE: dict[str, np.ndarray] = {}


def lorenz(t, u):
    return np.array([10.0 * (u[1] - u[0]), u[0] * (28.0 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]])


def heyoka_integrator(tol):
    import heyoka as hy

    x, y, z = hy.make_vars("x", "y", "z")
    field = [(x, 10.0 * (y - x)), (y, x * (28.0 - z) - y), (z, x * y - 8 / 3 * z)]
    return hy.taylor_adaptive(field, X0.copy(), tol=tol)


def error(orbit):
    if not REFERENCE:
        ta = heyoka_integrator(1e-16)
        REFERENCE["x"] = ta.propagate_grid(np.arange(0.0, 11.0))[-1][-1].copy()
    return float(np.max(np.abs(orbit[9] - REFERENCE["x"])))


def ours() -> Contender:
    import diffrax

    from cocycle.steppers import Adaptive

    stepper = Adaptive(diffrax.Dopri8(), rtol=TOL, atol=TOL)
    system = cc.systems.Lorenz63(dt=1.0, x0=X0, stepper=stepper)
    return Contender("cocycle, Adaptive(Dopri8)", lambda: cc.trajectory(system, n_steps=int(DURATION)).x, error)


def ours_taylor() -> Contender:
    from cocycle.steppers import Taylor, taylor_orbit

    system = cc.systems.Lorenz63(dt=1.0, x0=X0)
    times = np.arange(1.0, DURATION + 1)
    stepper = Taylor(tol=TOL)
    return Contender("cocycle, taylor_orbit", lambda: taylor_orbit(system, times=times, stepper=stepper).x, error)


def scipy_dop853() -> Contender:
    from scipy.integrate import solve_ivp

    t = np.arange(1.0, DURATION + 1)
    call = lambda: solve_ivp(lorenz, (0, DURATION), X0, method="DOP853", rtol=TOL, atol=TOL, t_eval=t).y.T
    return Contender("scipy DOP853", call, error, runs=2)


def heyoka() -> Contender:
    ta = heyoka_integrator(TOL)
    grid = np.arange(0.0, DURATION + 1)

    def call():
        ta.time = 0.0
        ta.state[:] = X0
        return ta.propagate_grid(grid)[-1][1:]

    return Contender("heyoka", call, error)


WORK = ("Lorenz-63, 1,000 time units at 1e-9", "s/unit", DURATION)
CONTENDERS = [ours_taylor, ours, scipy_dop853, heyoka]
