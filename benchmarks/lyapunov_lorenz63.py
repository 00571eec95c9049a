"""Full Lorenz-63 spectrum over 10^5 RK4 steps of 0.01. Error: largest distance to (0.90564, 0, -14.57231)."""

import contextlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from benchmarks.timing import Contender, largest_difference

N_STEPS, DT = 100_000, 0.01
X0 = np.array([1.0, 2.0, 20.0])
SIGMA, RHO, BETA = 10.0, 28.0, 8 / 3
TRUTH = np.array([0.90564, 0.0, -14.57231])


def ours() -> Contender:
    system = cc.systems.Lorenz63(dt=DT, x0=X0)
    call = lambda: cc.lyapunov_spectrum(system, n_steps=N_STEPS).exponents
    return Contender("cocycle", call, largest_difference(TRUTH))


def ours_every_step() -> Contender:
    system = cc.systems.Lorenz63(dt=DT, x0=X0)
    call = lambda: cc.lyapunov_spectrum(system, n_steps=N_STEPS, qr_every=1).exponents
    return Contender("cocycle, QR every step", call, largest_difference(TRUTH))


def lyapax() -> Contender:
    from lyapax import lyapunov_spectrum, ode_problem

    def rhs(u):
        x, y, z = u
        return jnp.array([SIGMA * (y - x), x * (RHO - z) - y, x * y - BETA * z])

    problem = ode_problem(rhs, jnp.asarray(X0), DT)
    whole = jax.jit(lambda: lyapunov_spectrum(problem, n_steps=N_STEPS, renorm_every=10).exponents)
    try:
        jax.block_until_ready(whole())
        call = lambda: np.asarray(whole())
        name = "lyapax (compiled once, QR each 10)"
    except Exception:  # it converts on the host: then it re-traces at each call, as its users see it
        call = lambda: np.asarray(lyapunov_spectrum(problem, n_steps=N_STEPS, renorm_every=10).exponents)
        name = "lyapax (as called, QR each 10)"
    return Contender(name, call, largest_difference(TRUTH), runs=5)


def pynamicalsys() -> Contender:
    from pynamicalsys import ContinuousDynamicalSystem

    system = ContinuousDynamicalSystem(model="lorenz system")
    system.integrator("rk4", time_step=DT)
    call = lambda: system.lyapunov(X0, N_STEPS * DT, parameters=[SIGMA, RHO, BETA], transient_time=N_STEPS * DT / 10)
    return Contender("pynamicalsys (RK4)", call, largest_difference(TRUTH), runs=5)


def jitcode() -> Contender:
    """Adaptive dopri5 at the tolerance that gives RK4's accuracy; QR each 0.1."""
    from jitcode import jitcode_lyap, y

    field = [SIGMA * (y(1) - y(0)), y(0) * (RHO - y(2)) - y(1), y(0) * y(1) - BETA * y(2)]
    system = jitcode_lyap(field, n_lyap=3)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # it would read our pyproject.toml
        system.compile_C()
        system.set_integrator("dopri5", rtol=1e-7, atol=1e-7)

    def call():
        system.set_initial_value(X0, 0.0)
        rates, t = [], 0.0
        while t < N_STEPS * DT:
            t += 10 * DT
            rates.append(system.integrate(t)[1])
        return np.mean(rates[len(rates) // 10 :], axis=0)

    return Contender("jitcode_lyap (dopri5, 1e-7)", call, largest_difference(TRUTH), runs=3)


WORK = ("Lorenz-63, full spectrum, 10^5 steps", "s/step", N_STEPS)
CONTENDERS = [ours, ours_every_step, lyapax, pynamicalsys, jitcode]
