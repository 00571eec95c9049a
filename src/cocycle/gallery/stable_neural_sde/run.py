"""Exact properties of LSDE, LNSDE and GSDE, by Euler's method."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results

SIZE = 1e6


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_steps: of the exponents.
        n_paths: of the shares and of the density.
        seed: of all noise.
    """

    n_steps: int = 2_000_000
    n_paths: int = 20_000
    seed: int = 0


SMOKE = Config(n_steps=500_000, n_paths=4000)


def linear(t: Any, z: Any, p: Any) -> Any:
    """Drift a z."""
    return p["a"] * z


def proportional(t: Any, z: Any, p: Any) -> Any:
    """Noise s z."""
    return p["s"] * z


def constant(t: Any, z: Any, p: Any) -> Any:
    """Noise s."""
    return p["s"] + 0.0 * z


def bounded(t: Any, z: Any, p: Any) -> Any:
    """Drift -tanh z."""
    return -jnp.tanh(z)


def pulled(t: Any, z: Any, p: Any) -> Any:
    """Drift -z tanh z."""
    return -z * jnp.tanh(z)


def cubic(t: Any, z: Any, p: Any) -> Any:
    """Drift -z^3."""
    return -(z**3)


def well(t: Any, z: Any, p: Any) -> Any:
    """Drift z - z^3."""
    return z - z**3


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    keys = jax.random.split(jax.random.key(config.seed), 8)
    strengths = (0.5, 1.0, 1.5)
    exponents = {s: exponent(config, linear, proportional, {"a": 0.5, "s": s}, 1e-3, keys[0]) for s in strengths}
    ends = {
        "cubic": paths(config, cubic, constant, 1.0, 10.0, keys[1]),
        "LSDE": paths(config, bounded, constant, 0.5, 10.0, keys[1]),
        "LSDE from 1": paths(config, bounded, constant, 0.5, 1.0, keys[2]),
        "GSDE from 1": paths(config, pulled, proportional, 0.5, 1.0, keys[2]),
    }
    square = {s: second_moment(config, s, keys[3]) for s in (1.0, 0.5)}
    measured = {
        "exponent": exponents[1.5],
        "explosion": share_of_explosions(ends["cubic"]),
        "positive": share_negative(ends["GSDE from 1"]),
        "density": square[1.0],
        "contraction": exponent(config, linear, constant, {"a": -1.0, "s": 1.0}, 0.01, keys[4]),
    }
    controls = {
        "exponent": exponents[0.5],
        "explosion": share_of_explosions(ends["LSDE"]),
        "positive": share_negative(ends["LSDE from 1"]),
        "density": square[0.5],
        "contraction": exponent(config, linear, proportional, {"a": 0.5, "s": 0.5}, 0.01, keys[5]),
    }
    s = np.array(strengths)
    found = np.array([float(exponents[k].value) for k in strengths])
    lines = (Curve(s, found, "measured", dots=True), Curve(s, 0.5 - s**2 / 2, "a - s^2 / 2", dashed=True))
    return Results(measured, controls, (Plot("Noise stabilises", "strength s", "exponent [1 / time]", lines),))


def exponent(config: Config, drift: Any, diffusion: Any, args: dict[str, float], dt: float, key: Any) -> Estimate:
    """Largest exponent of an Ito equation.

    Args:
        config: sizes.
        drift: of the equation.
        diffusion: of the equation.
        args: its parameters.
        dt: step.
        key: of the noise.
    """
    system = cc.ItoSDE(drift=drift, diffusion=diffusion, args=args, dt=dt, x0=jnp.zeros(()))
    noise = cc.Brownian(key, ())
    return cc.lyapunov_spectrum(system, jnp.zeros(()), noise, n_steps=config.n_steps, progress=False).maximal_exponent


@eqx.filter_jit
def _ends(system: Any, x0: Any, key: Any, n_steps: int) -> tuple[Any, Any]:
    """Last states and least states of many paths; beyond 1e6 a path counts as exploded."""

    def one(k: Any, carry: Any) -> Any:
        z, least = carry
        dw = jax.random.normal(jax.random.fold_in(key, k), z.shape) * jnp.sqrt(system.dt)
        z = z + system.drift(0.0, z, system.args) * system.dt + system.diffusion(0.0, z, system.args) * dw
        z = jnp.where(jnp.abs(z) < SIZE, z, jnp.inf)
        return z, jnp.minimum(least, z)

    return jax.lax.fori_loop(0, n_steps, one, (x0, x0))


def paths(
    config: Config, drift: Any, diffusion: Any, s: float, start: float, key: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Last and least states at T = 10, step 0.05.

    Args:
        config: sizes.
        drift: of the equation.
        diffusion: of the equation.
        s: strength of the noise.
        start: z at the start.
        key: of the noise.
    """
    system = cc.ItoSDE(drift=drift, diffusion=diffusion, args={"s": s}, dt=0.05, x0=jnp.zeros(()))
    last, least = _ends(system, jnp.full(config.n_paths, start), key, 200)
    return np.asarray(last), np.asarray(least)


def share_of_explosions(ends: tuple[np.ndarray, np.ndarray]) -> float:
    """Share of paths that are not finite.

    Args:
        ends: last and least states.
    """
    return float(np.mean(~np.isfinite(ends[0])))


def share_negative(ends: tuple[np.ndarray, np.ndarray]) -> float:
    """Share of paths that were below zero.

    Args:
        ends: last and least states.
    """
    return float(np.mean(ends[1] < 0))


def second_moment(config: Config, s: float, key: Any) -> Estimate:
    """E z^2 in the double well after T = 30, step 0.01.

    Args:
        config: sizes.
        s: strength of the noise.
        key: of the noise.
    """
    system = cc.ItoSDE(drift=well, diffusion=constant, args={"s": s}, dt=0.01, x0=jnp.zeros(()))
    last = np.asarray(_ends(system, jnp.ones(config.n_paths), key, 3000)[0])
    return Estimate(float(np.mean(last**2)), float(np.std(last**2) / np.sqrt(len(last))))
