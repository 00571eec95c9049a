"""Basins of the magnetic pendulum on 512 x 512: ours, a batch in plain NumPy, and scipy one orbit at a time.

All label each state by the magnet at which it ends. Error: share of states whose label differs from a run of order 8
at 1e-12 (scipy) on a subset; near a fractal boundary every finite accuracy errs. NumPy takes the same RK4 steps as
ours, and leaves out orbits whose energy no longer reaches a saddle. scipy solves each orbit with DOP853 and stops at
the same energy; it is timed on a subset and scaled, which its cost (proportional to the number of orbits) allows.
"""

import os
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from cocycle.stability import Recurrences
from cocycle.stability.basins import basins
from cocycle.steppers import Flow

ANGLES = 2 * np.pi / 3 * np.arange(3)
MAGNETS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
ARGS = {"magnets": MAGNETS, "h": 0.3, "b": 0.2, "w": 0.2}
N, DT, SUBSET = 512, 0.02, 400


def field(t, y, a):
    gap = a["magnets"] - y[None, :2]
    near = jax.lax.rsqrt(jnp.sum(gap * gap, axis=1) + a["h"] ** 2)
    return jnp.concatenate([y[2:], -a["b"] * y[2:] - a["w"] * y[:2] + (near**3) @ gap])


def ours(n: int):
    system = Flow(field, ARGS, dt=DT, x0=[0.5, 0.5, 0.0, 0.0], variables=("x", "y", "vx", "vy"))
    found = basins(system, {"x": (-2, 2, n), "y": (-2, 2, n)}, method=Recurrences(), progress=False)
    magnet = {a.label: int(np.argmin(np.linalg.norm(MAGNETS - a.centre[:2], axis=1))) for a in found.attractors}
    return np.vectorize(lambda k: magnet.get(int(k), -1))(found.labels)


def start(n: int) -> np.ndarray:
    x = np.linspace(-2, 2, n)
    grid = np.stack(np.meshgrid(x, x, indexing="ij")).reshape(2, -1)
    return np.concatenate([grid, np.zeros_like(grid)])


def batch_field(u):
    out = np.empty_like(u)
    out[:2] = u[2:]
    out[2:] = -0.2 * u[2:] - 0.2 * u[:2]
    for m in MAGNETS:
        gx, gy = m[0] - u[0], m[1] - u[1]
        near = 1.0 / (gx * gx + gy * gy + 0.09)
        near *= np.sqrt(near)
        out[2] += near * gx
        out[3] += near * gy
    return out


def numpy_batch(n: int):
    u, labels, left = start(n), np.full(n * n, -1), np.arange(n * n)
    for k in range(20_000):
        k1 = batch_field(u)
        k2 = batch_field(u + DT / 2 * k1)
        k3 = batch_field(u + DT / 2 * k2)
        k4 = batch_field(u + DT * k3)
        u = u + DT / 6 * (k1 + 2 * (k2 + k3) + k4)
        if k % 50 == 49:
            # Energy of the pendulum below that of every saddle between magnets: it cannot leave.
            gap = np.linalg.norm(u[None, :2] - MAGNETS[:, :, None], axis=1)
            energy = 0.5 * (u[2] ** 2 + u[3] ** 2) + 0.1 * (u[0] ** 2 + u[1] ** 2) - (1 / np.sqrt(gap**2 + 0.09)).sum(0)
            done = energy < BARRIER
            labels[left[done]] = np.argmin(gap[:, done], axis=0)
            u, left = u[:, ~done], left[~done]
            if not left.size:
                break
    return labels.reshape(n, n)


def _barrier() -> float:
    """Least energy on the lines that part the magnets: the saddles, from a fine scan."""
    r = np.linspace(0, 3, 30_001)
    directions = [np.pi / 3, np.pi, -np.pi / 3]
    least = np.inf
    for angle in directions:
        p = r[None] * np.array([np.cos(angle), np.sin(angle)])[:, None]
        gap = np.linalg.norm(p[None] - MAGNETS[:, :, None], axis=1)
        least = min(least, float((0.1 * r**2 - (1 / np.sqrt(gap**2 + 0.09)).sum(0)).min()))
    return least


BARRIER = _barrier()


def scipy_orbit(place, rtol: float, atol: float) -> int:
    def f(t, u):
        gap = MAGNETS - u[:2]
        pull = (gap / (np.sum(gap**2, axis=1) + 0.09)[:, None] ** 1.5).sum(axis=0)
        return [u[2], u[3], *(-0.2 * u[2:] - 0.2 * u[:2] + pull)]

    def trapped(t, u):
        gap = np.linalg.norm(MAGNETS - u[:2], axis=1)
        height = 0.1 * (u[0] ** 2 + u[1] ** 2) - (1 / np.sqrt(gap**2 + 0.09)).sum()
        return 0.5 * (u[2] ** 2 + u[3] ** 2) + height - BARRIER

    trapped.terminal, trapped.direction = True, -1
    end = solve_ivp(f, (0, 400), [*place, 0, 0], method="DOP853", rtol=rtol, atol=atol, events=trapped).y[:2, -1]
    return int(np.argmin(np.linalg.norm(MAGNETS - end, axis=1)))


def _timed(call):
    began = time.perf_counter()
    out = call()
    return time.perf_counter() - began, out


def main() -> None:
    cold, _ = _timed(lambda: ours(64))
    warm, found = _timed(lambda: ours(N))
    again, found = _timed(lambda: ours(N))
    mine = min(warm, again)
    batch, plain = _timed(lambda: numpy_batch(N))
    x = np.linspace(-2, 2, N)
    rng = np.random.default_rng(0)
    places = rng.integers(N, size=(SUBSET, 2))
    slow, single = _timed(lambda: [scipy_orbit(x[p], 1e-8, 1e-8) for p in places])
    truth = np.array([scipy_orbit(x[p], 1e-12, 1e-12) for p in places])
    one = slow / SUBSET * N * N
    at = tuple(places.T)
    rows = [
        ("cocycle", mine, np.mean(found[at] != truth)),
        ("numpy, RK4 on the whole batch", batch, np.mean(plain[at] != truth)),
        (f"scipy DOP853, {SUBSET} orbits scaled", one, np.mean(np.array(single) != truth)),
    ]
    print(
        f"\nBasins of the magnetic pendulum, {N} x {N} ({len(os.sched_getaffinity(0))} cores; first call {cold:.1f} s)"
    )
    print(f"  {'':36s} {'s':>10s} {'wrong':>8s} {'ratio':>8s}")
    for name, seconds, wrong in rows:
        print(f"  {name:36s} {seconds:10.2f} {wrong:8.4f} {seconds / mine:8.1f}")
    print(f"  labels that differ from NumPy's: {np.mean(found != plain):.5f}")
    if len(os.sched_getaffinity(0)) > 1 and "--one" not in sys.argv:
        import subprocess

        code = (
            "import benchmarks.basins_pendulum as b; b.ours(64); "
            "print(min(b._timed(lambda: b.ours(b.N))[0] for _ in '12'))"
        )
        done = subprocess.run(["taskset", "-c", "0", sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode == 0:
            print(f"  on one core: {float(done.stdout):.2f} s, {float(done.stdout) / mine:.2f} times the time on all")
        else:
            print("  left out: one core (taskset is missing)")
