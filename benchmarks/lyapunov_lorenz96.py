"""Lorenz-96 with N = 40: all 40 exponents over 5,000 RK4 steps of 0.02. Error: |sum of exponents + 40|."""

import contextlib
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N, F, N_STEPS, DT = 40, 8.0, 5_000, 0.02
X0 = F + 0.01 * np.sin(np.arange(N))


def trace_error(exponents):
    return abs(float(np.sum(exponents)) + N)


def ours() -> Contender:
    system = cc.systems.Lorenz96(n=N, forcing=F, dt=DT, x0=X0)
    return Contender("cocycle", lambda: cc.lyapunov_spectrum(system, n_steps=N_STEPS).exponents, trace_error)


def lyapax() -> Contender:
    from lyapax import lyapunov_spectrum, ode_problem

    def rhs(x):  # the same layout as ours, the faster one
        ring = jnp.concatenate([x[-2:], x, x[:1]])
        return (ring[3:] - ring[:-3]) * ring[1:-2] - x + F

    problem = ode_problem(rhs, jnp.asarray(X0), DT)
    whole = jax.jit(lambda: lyapunov_spectrum(problem, n_steps=N_STEPS, renorm_every=10).exponents)
    return Contender("lyapax (compiled once, QR each 10)", lambda: np.asarray(whole()), trace_error, runs=5)


def pynamicalsys() -> Contender:
    import numba
    from pynamicalsys import ContinuousDynamicalSystem

    @numba.njit
    def field(t, x, p):
        out = np.empty_like(x)
        for i in range(N):
            out[i] = (x[(i + 1) % N] - x[i - 2]) * x[i - 1] - x[i] + p[0]
        return out

    @numba.njit
    def jacobian(t, x, p):
        out = np.zeros((N, N))
        for i in range(N):
            out[i, (i + 1) % N] = x[i - 1]
            out[i, i - 2] = -x[i - 1]
            out[i, i - 1] = x[(i + 1) % N] - x[i - 2]
            out[i, i] = -1.0
        return out

    system = ContinuousDynamicalSystem(
        equations_of_motion=field, jacobian=jacobian, system_dimension=N, number_of_parameters=1
    )
    system.integrator("rk4", time_step=DT)
    call = lambda: system.lyapunov(X0, N_STEPS * DT, parameters=[F], transient_time=N_STEPS * DT / 10)
    return Contender("pynamicalsys (RK4)", call, trace_error, runs=3)


def jitcode() -> Contender:
    from jitcode import jitcode_lyap, y

    field = [(y((i + 1) % N) - y((i - 2) % N)) * y((i - 1) % N) - y(i) + F for i in range(N)]
    system = jitcode_lyap(field, n_lyap=N)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # it would read our pyproject.toml
        system.compile_C()
        system.set_integrator("dopri5", rtol=1e-6, atol=1e-6)

    def call():
        system.set_initial_value(X0, 0.0)
        rates, t = [], 0.0
        while t < N_STEPS * DT:
            t += 10 * DT
            rates.append(system.integrate(t)[1])
        return np.mean(rates[len(rates) // 10 :], axis=0)

    return Contender("jitcode_lyap (dopri5, 1e-6)", call, trace_error, runs=2)


WORK = ("Lorenz-96 N=40, 40 exponents, 5,000 steps", "s/step", N_STEPS)
CONTENDERS = [ours, lyapax, pynamicalsys, jitcode]
