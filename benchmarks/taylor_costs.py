"""What series cost beside single orbits: time to compile, ensembles of 10,000 orbits, bias of exponents from RK4."""

import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from benchmarks.taylor_problems import PROBLEMS, best, field_of, lorenz
from cocycle.steppers import RK4, Flow, Taylor, taylor_ensemble


def first_call(problem_field: Callable[..., Any], y: Any, order: int) -> float:
    """Seconds from a field to the first result."""
    stepper, y = Taylor(1e-12, order=order), jnp.asarray(y, dtype=float)
    began = time.perf_counter()
    jax.jit(lambda y: stepper.step(problem_field, jnp.zeros(()), y, None, 1e-2))(y).block_until_ready()
    return time.perf_counter() - began


def products(n: int) -> Callable[..., Any]:
    """A field of three components with n different products of two series."""

    def field(t: Any, y: Any, a: Any) -> Any:
        terms, new = [y[0], y[1], y[2]], []
        for i in range(n):
            new.append(terms[i % len(terms)] * terms[(i + 1 + i // len(terms)) % len(terms)] + 0.1 * i)
            terms.append(new[-1])
        return jnp.stack([1e-3 * sum(new[j::3], start=y[j]) for j in range(3)])

    return field


def compile_times() -> None:
    """Time from a field to the first result: by order, by number of components, by number of products."""
    jax.config.update("jax_enable_compilation_cache", False)
    orders = (8, 12, 15, 20, 30)
    print("\nFirst call [s]: tracing, compiling, running; order 15 is that of 1e-12")
    print(f"  {'':24s}" + "".join(f"{'order ' + str(p):>10s}" for p in orders))
    for problem in [*PROBLEMS[:3], PROBLEMS[6], PROBLEMS[7]]:
        cells = [f"{first_call(field_of(problem), problem.x0, order):>10.2f}" for order in orders]
        print(f"  {problem.name:24s}" + "".join(cells), flush=True)
    field, y = field_of(PROBLEMS[0]), jnp.asarray(PROBLEMS[0].x0)
    cells = []
    for order in orders:
        stepper = Taylor(1e-12, order=order)
        began = time.perf_counter()
        jax.jit(lambda y, V, s=stepper: s.push(field, jnp.zeros(()), y, None, 1e-2, V))(y, jnp.eye(3))
        cells.append(f"{time.perf_counter() - began:>10.2f}")
    print(f"  {'Lorenz + 3 tangents':24s}" + "".join(cells), flush=True)
    sizes = (4, 8, 16, 32, 40, 400, 4000)
    print("  Lorenz-96, order 15; components" + "".join(f"{n:>10d}" for n in sizes))
    lorenz96_field = field_of(PROBLEMS[7])
    cells = [f"{first_call(lorenz96_field, 8.0 + np.sin(np.arange(n)), 15):>10.2f}" for n in sizes]
    print(f"  {'':31s}" + "".join(cells), flush=True)
    counts = (1, 2, 5, 10, 15, 20, 40)
    print("  three components, order 15; products" + "".join(f"{n:>7d}" for n in counts))
    cells = [f"{first_call(products(n), [0.1, 0.2, 0.3], 15):>7.2f}" for n in counts]
    print(f"  {'':36s}" + "".join(cells), flush=True)


def ensembles(n: int = 10_000, duration: float = 10.0, tol: float = 1e-9) -> None:
    """Many Lorenz orbits: blocks of several sizes, and heyoka one by one, in batches and in its ensemble."""
    rng = np.random.default_rng(0)
    y = np.array(PROBLEMS[0].x0) + rng.normal(size=(n, 3))
    flow = Flow(field_of(PROBLEMS[0]), dt=1.0, x0=PROBLEMS[0].x0, stepper=Taylor(tol))
    print(f"\n{n} Lorenz orbits over {duration:g} time units at {tol:g} [s]")
    for block in (1, 8, 16, 64, 256, 1024):
        call = lambda b=block: taylor_ensemble(flow, y, duration=duration, block=b)
        call()
        print(f"  ours, block {block:<5d}      {best(call, 2, time.perf_counter):8.3f}", flush=True)
    try:
        import heyoka as hy
    except ImportError:
        return
    names = hy.make_vars("x0", "x1", "x2")
    system = list(zip(names, lorenz(None, list(names)), strict=True))
    ta = hy.taylor_adaptive(system, [0.0] * 3, tol=tol)

    def single(ta: Any, i: int) -> Any:
        ta.time = 0.0
        ta.state[:] = y[i]
        return ta

    began = time.perf_counter()
    hy.ensemble_propagate_until(ta, duration, n, single)
    print(f"  heyoka ensemble         {time.perf_counter() - began:8.3f}")
    width = hy.recommended_simd_size()
    batch = hy.taylor_adaptive_batch(system, np.zeros((3, width)), tol=tol)
    began = time.perf_counter()
    for i in range(0, n, width):
        batch.set_time(0.0)
        batch.state[:] = np.resize(y[i : i + width], (width, 3)).T
        batch.propagate_until(duration)
    print(f"  heyoka batches of {width}     {time.perf_counter() - began:8.3f}")


def exponent_bias() -> None:
    """Exponents of the quiet Lorenz orbit, known in closed form, and of the chaotic one; RK4 beside."""
    truth = np.array([-0.15479177, -0.15479177, -13.35708312])

    def quiet_field(t: Any, y: Any, a: Any) -> Any:
        return jnp.stack([10.0 * (y[1] - y[0]), y[0] * (a - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]])

    print("\nLyapunov exponents of Lorenz: error at rho = 20 over 400 time units; sum + 41/3 at rho = 28")
    for name, stepper, dt in (
        ("RK4, dt = 0.02", RK4(), 0.02),
        ("RK4, dt = 0.01", RK4(), 0.01),
        ("RK4, dt = 0.005", RK4(), 0.005),
        ("Taylor, dt = 0.1", Taylor(), 0.1),
    ):
        n = round(500 / dt)
        quiet, chaotic = (
            cc.lyapunov_spectrum(Flow(quiet_field, rho, dt=dt, x0=[1.0, 2.0, 20.0], stepper=stepper), n_steps=n)
            for rho in (20.0, 28.0)
        )
        error = np.asarray(quiet.exponents) - truth
        print(
            f"  {name:18s} mean of the pair {np.mean(error[:2]):9.1e}   smallest {error[2]:9.1e}   "
            f"sum {chaotic.exponents.sum() + 41 / 3:9.1e}",
            flush=True,
        )


PARTS = {"compile": compile_times, "ensembles": ensembles, "exponents": exponent_bias}


def main(names: list[str] | None = None) -> None:
    for name in names or PARTS:
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
