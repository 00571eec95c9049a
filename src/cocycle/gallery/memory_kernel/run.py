"""Running friction from positions: directly at many sampling steps, and by a fit of the correlations."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.signal

import cocycle as cc
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import exponential_memory, memory_kernel
from cocycle.learn.memory import embedding

STIFFNESS, FRICTION = 10.0, 10.0
WELL = {"k1": 10.0, "k2": 10.0, "g1": 5.0, "g2": 20.0}
# Euler heats the fast oscillation: its step must be well below the 0.005 of a splitting.
STEP, KEPT = 0.001, 20


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_fine: positions in the harmonic well, 0.05 apart.
        n_coarse: positions at each coarser step.
        n_steps: steps of 0.001 in the double well; 0 leaves it out.
        seed: of all noise.
    """

    n_fine: int = 2_000_000
    n_coarse: int = 200_000
    n_steps: int = 20_000_000
    seed: int = 0


SMOKE = Config(n_fine=1_000_000, n_coarse=20_000, n_steps=0)


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    rng = np.random.default_rng(config.seed)
    fine = harmonic(config.n_fine, 0.05, rng)
    steps = (0.05, 0.1, 0.25, 0.5, 1.0)
    direct = [harmonic_error(fine[:: round(s / 0.05)], s) for s in steps]
    coarse, longest = harmonic(config.n_coarse, 3.0, rng), harmonic(config.n_coarse, 30.0, rng)
    fitted, lost = (exponential_memory(x, s, mass=1.0, longest=18.0) for x, s in ((coarse, 3.0), (longest, 30.0)))
    inverted = memory_kernel(coarse, 3.0, n_lags=5)
    wells = double_well_errors(config) if config.n_steps else {0.1: np.nan, 0.5: np.nan}
    measured = {
        "direct_fine": direct[0],
        "fit_friction": float(fitted.frictions.sum()),
        "fit_time": float(fitted.times[0]),
        "double_well": wells[0.1],
    }
    controls = {
        "direct_fine": direct[steps.index(0.5)],
        "fit_friction": float(inverted.friction[-2]),
        "fit_time": float(lost.times[0]),
        "double_well": wells[0.5],
    }
    lines = [Curve(np.array(steps), np.array(direct), "harmonic well")]
    if config.n_steps:
        lines.append(Curve(np.array(list(wells)), np.array(list(wells.values())), "double well"))
    labels = "sampling step", "relative error of the running friction"
    return Results(measured, controls, (Plot("Direct inversion", *labels, tuple(lines), log_x=True, log_y=True),))


def harmonic(n: int, dt: float, rng: np.random.Generator) -> np.ndarray:
    """Exact samples of a particle in a harmonic well with one exponential memory.

    Args:
        n: positions.
        dt: time between them.
        rng: noise.
    """
    A, S = embedding([STIFFNESS], [FRICTION], stiffness=1.0, mass=1.0)
    E = scipy.linalg.expm(A * dt)
    noise = S - E @ S @ E.T
    values, vectors = np.linalg.eigh((noise + noise.T) / 2)
    rates, modes = np.linalg.eig(E)
    xi = np.linalg.solve(modes, vectors * np.sqrt(np.maximum(values, 0)) @ rng.normal(size=(3, n)))
    paths = np.stack([scipy.signal.lfilter([1], [1, -rates[k]], xi[k]) for k in range(3)])
    return (modes @ paths)[0].real


def harmonic_error(x: np.ndarray, dt: float) -> float:
    """Relative root mean square error of the running friction up to five memory times.

    Args:
        x: positions.
        dt: time between them.
    """
    found = memory_kernel(x, dt, n_lags=max(6, round(5 / dt)))
    law = FRICTION * -np.expm1(-found.t * STIFFNESS / FRICTION)
    return float(np.sqrt(np.mean((found.friction - law)[1:-1] ** 2) / np.mean(law[1:-1] ** 2)))


def _drift(t: Any, z: Any, p: Any) -> Any:
    x, v, y1, y2 = z
    f1, f2 = p["k1"] * (y1 - x), p["k2"] * (y2 - x)
    return jnp.stack([v, -8 * x * (x**2 - 1) + f1 + f2, -f1 / p["g1"], -f2 / p["g2"]])


def _diffusion(t: Any, z: Any, p: Any) -> Any:
    zero = jnp.zeros(())
    return jnp.stack([zero, zero, jnp.sqrt(2 / p["g1"]), jnp.sqrt(2 / p["g2"])])


def double_well_errors(config: Config) -> dict[float, float]:
    """Errors of the running friction for U = 2 (x^2 - 1)^2 at some sampling steps.

    Args:
        config: sizes and seed.
    """
    system = cc.ItoSDE(drift=_drift, diffusion=_diffusion, args=WELL, dt=STEP, x0=jnp.array([1.0, 0.0, 1.0, 1.0]))
    noise = cc.Brownian(jax.random.key(config.seed), (4,))
    x = cc.trajectory(
        system, driver=noise, n_steps=config.n_steps, save_every=KEPT, observe=_position, progress=False
    ).x
    errors = {}
    for every in (1, 5, 25):
        dt = STEP * KEPT * every
        found = memory_kernel(x[::every], dt, n_lags=round(5 / dt), potential_gradient=lambda q: 8 * q * (q**2 - 1))
        law = WELL["g1"] * -np.expm1(-found.t * 2) + WELL["g2"] * -np.expm1(-found.t / 2)
        inside = (found.t > 0.5) & (found.t < 5 - dt)
        errors[round(dt, 6)] = float(np.sqrt(np.mean((found.friction - law)[inside] ** 2) / np.mean(law[inside] ** 2)))
    return errors


def _position(z: Any) -> Any:
    return z[0]
