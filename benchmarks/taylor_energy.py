"""Drift of the energy of Henon-Heiles over 10^6 units of time, and orbits turned back: ours and heyoka in one run.

Brouwer's law: where only rounding is left, errors of the energy walk at random and their root mean square over orbits
grows like the root of time. A bias, however small, would grow like time itself.
"""

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from benchmarks.taylor_problems import PROBLEMS, field_of, henon_heiles
from cocycle.steppers import Flow, Taylor, taylor_ensemble

N_ORBITS, DURATION = 64, 1e6
TIMES = DURATION * 2.0 ** np.arange(-9, 1)


def starts(n: int = N_ORBITS) -> np.ndarray:
    return np.array([0.0, 0.1, 0.35, 0.1]) + 0.05 * np.random.default_rng(0).normal(size=(n, 4))


def energy(u: np.ndarray) -> np.ndarray:
    q, p, v, w = np.moveaxis(u.astype(np.longdouble), -1, 0)
    return (v * v + w * w + q * q + p * p) / 2 + q * q * p - p**3 / 3


def flow_of(tol: float) -> Flow:
    return Flow(field_of(PROBLEMS[2]), dt=1.0, x0=PROBLEMS[2].x0, stepper=Taylor(tol, max_steps=10**9))


def ours(tol: float, y: np.ndarray) -> np.ndarray:
    return np.asarray(taylor_ensemble(flow_of(tol), y, times=TIMES, block=N_ORBITS))


def heyoka_solver(tol: float) -> Any:
    import heyoka as hy

    names = hy.make_vars("x0", "x1", "x2", "x3")
    return hy.taylor_adaptive(list(zip(names, henon_heiles(None, list(names)), strict=True)), [0.0] * 4, tol=tol)


def by_heyoka(tol: float, y: np.ndarray) -> np.ndarray:
    ta = heyoka_solver(tol)
    found = np.zeros((len(y), len(TIMES), 4))
    for i, row in enumerate(y):
        ta.time = 0.0
        ta.state[:] = row
        for j, t in enumerate(TIMES):
            ta.propagate_until(t)
            found[i, j] = ta.state
    return found


def exponent(error: np.ndarray) -> tuple[float, float]:
    """Slope of the root mean square against time, and its standard error by leaving out orbits."""

    def slope(error: np.ndarray) -> float:
        return float(np.polyfit(np.log(TIMES), np.log(np.mean(error**2, axis=0)) / 2, 1)[0])

    n = len(error)
    without = [slope(np.delete(error, i, axis=0)) for i in range(n)]
    return slope(error), math.sqrt((n - 1) * np.var(without))


def drift() -> None:
    print(f"Henon-Heiles, {N_ORBITS} orbits over {DURATION:g}: relative error of the energy")
    print(f"  {'':16s}" + "".join(f"{t:>10.2g}" for t in TIMES[1::2]) + "   mean at the end        exponent")
    y = starts()
    ways: list[tuple[str, Callable[..., np.ndarray]]] = [("ours", ours), ("heyoka", by_heyoka)]
    for tol in (1e-15, 1e-18):
        for name, solve in ways:
            began = time.perf_counter()
            try:
                found = solve(tol, y)
            except ImportError:
                continue
            seconds = time.perf_counter() - began
            error = ((energy(found) - energy(y)[:, None]) / energy(y)[:, None]).astype(float)
            rms, last = np.sqrt(np.mean(error**2, axis=0)), error[:, -1]
            slope, stderr = exponent(error)
            print(
                f"  {name:8s}{tol:8.0e}" + "".join(f"{e:>10.1e}" for e in rms[1::2]) + f"   {last.mean():8.1e} +- "
                f"{last.std() / math.sqrt(len(last)):.1e}   {slope:.3f} +- {stderr:.3f}   ({seconds:.0f} s)",
                flush=True,
            )


def reversal() -> None:
    """Forth and back: error at the start, beside what one rounding becomes along the tangents."""
    print("Henon-Heiles forth and back: largest error of the start")
    step = jax.jit(lambda y, dt: Taylor(1e-18, max_steps=10**9).step(field_of(PROBLEMS[2]), jnp.zeros(()), y, None, dt))
    for name, start in (("regular", [0.0, 0.1, 0.35, 0.1]), ("chaotic", [0.0, 0.1, 0.54, 0.1])):
        flow = Flow(field_of(PROBLEMS[2]), dt=0.5, x0=start, stepper=Taylor(1e-12))
        rate = cc.lyapunov_spectrum(flow, n_steps=40_000, n_vectors=1)
        durations = np.array([25.0, 50.0, 100.0, 150.0, 200.0]) if name == "chaotic" else 10.0 ** np.arange(1, 6)
        print(f"  {name}: exponent {float(rate.exponents[0]):.4f} +- {float(rate.stderr[0]):.4f}")
        print("    time  " + "".join(f"{t:>10.3g}" for t in durations))
        y = jnp.asarray(start)
        errors = [float(jnp.max(jnp.abs(step(step(y, t), -t) - y))) for t in durations]
        print("    ours  " + "".join(f"{e:>10.1e}" for e in errors))
        try:
            ta = heyoka_solver(1e-18)
        except ImportError:
            continue
        theirs = []
        for t in durations:
            ta.time, ta.state[:] = 0.0, start
            ta.propagate_until(t)
            ta.propagate_until(0.0)
            theirs.append(float(np.max(np.abs(ta.state - np.asarray(start)))))
        print("    heyoka" + "".join(f"{e:>10.1e}" for e in theirs), flush=True)


def main(names: list[str] | None = None) -> None:
    parts = {"reversal": reversal, "drift": drift}
    for name in names or parts:
        parts[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
