"""Rings of noisy phase oscillators: how the roughness of their phases grows, and its scaling classes."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import Brownian
from cocycle.core.estimate import Estimate
from cocycle.core.run import trajectory
from cocycle.gallery.results import Curve, Field, Plot, Results
from cocycle.steppers import ItoSDE

DT = 0.05
POINTS = {"ew": (0.0, 0.3), "kpz": (1.0, 0.35), "mirror": (-1.0, 0.35), "deposition": (0.0, 2.5), "beyond": (1.0, 0.5)}
NAMES = {"ew": "δ = 0, σ = 0.3", "kpz": "δ = 1, σ = 0.35", "deposition": "δ = 0, σ = 2.5", "beyond": "δ = 1, σ = 0.5"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        length: oscillators in a ring.
        n_rings: rings of each case.
        duration: time of growth.
        fit_from: time from which the exponent is fitted.
        duration_linear: time of the linear ring of 32.
        length_map: oscillators in the rings of the phase diagram.
        duration_map: time of its growth.
        n_map: values of sigma and of delta.
        seed: of all noise.
    """

    length: int = 2048
    n_rings: int = 32
    duration: float = 300.0
    fit_from: float = 20.0
    duration_linear: float = 2000.0
    length_map: int = 512
    duration_map: float = 150.0
    n_map: int = 6
    seed: int = 0


SMALL = {"length_map": 64, "duration_map": 10.0, "n_map": 2}
SMOKE = Config(length=128, n_rings=4, duration=20.0, fit_from=5.0, duration_linear=1000.0, **SMALL)


def sine(t: Any, x: Any, a: Any) -> Any:
    """Pull of both neighbours, with the phase shift delta."""
    delta = a["delta"]
    return jnp.sin(jnp.roll(x, -1, -1) - x + delta) + jnp.sin(jnp.roll(x, 1, -1) - x + delta)


def straight(t: Any, x: Any, a: Any) -> Any:
    """Pull in proportion to the difference."""
    return jnp.roll(x, -1, -1) - 2 * x + jnp.roll(x, 1, -1)


def noise(t: Any, x: Any, a: Any) -> Any:
    """Independent noise of one strength."""
    return jnp.broadcast_to(a["sigma"], x.shape)


def moments(x: Any) -> Any:
    """Second and third moment of each ring, and its share of slips."""
    y = x - jnp.mean(x, axis=-1, keepdims=True)
    slips = jnp.mean(jnp.abs(jnp.roll(x, -1, -1) - x) > jnp.pi, axis=-1)
    return jnp.stack([jnp.mean(y**2, axis=-1), jnp.mean(y**3, axis=-1), slips], axis=-1)


def grown(drift: Any, delta: Any, sigma: Any, shape: tuple[int, ...], duration: float, key: Any) -> tuple:
    """Times and moments (rows, ..., 3) of rings that begin flat."""
    system = ItoSDE(drift, noise, {"delta": delta, "sigma": sigma}, dt=DT)
    n_steps = round(duration / DT)
    orbit = trajectory(
        system,
        jnp.zeros(shape),
        Brownian(key, shape),
        n_steps=n_steps,
        save_every=max(1, n_steps // 300),
        observe=moments,
        progress=False,
    )
    return np.asarray(orbit.t), np.asarray(orbit.x)


def jackknifed(function: Any, rings: np.ndarray) -> Estimate:
    """A function of ring averages (rows, rings, 3), with its error over rings."""
    n = rings.shape[1]
    drops = np.array([function(np.delete(rings, k, axis=1).mean(axis=1)) for k in range(n)])
    return Estimate(function(rings.mean(axis=1)), float(np.sqrt((n - 1) * np.var(drops))), float(n), "rings left out")


def growth_exponent(t: np.ndarray, start: float) -> Any:
    """Slope of log W over log t, evenly weighted in log t."""
    late = t >= start
    weight = np.sqrt(1 / t[late])
    return lambda m: float(np.polyfit(np.log(t[late]), 0.5 * np.log(m[late, 0]), 1, w=weight)[0])


def skewness(t: np.ndarray) -> Any:
    """Skewness averaged over the last two thirds of the growth."""
    late = t >= t[-1] / 3
    return lambda m: float(np.mean(m[late, 1] / m[late, 0] ** 1.5))


def without_slips(m: np.ndarray) -> np.ndarray:
    """Rings in which no neighbours have slipped: a kink of 2 pi outweighs all else in a third moment.

    Where most rings have slipped, all of them.
    """
    calm = m[-1, :, 2] == 0
    return m[:, calm] if calm.sum() > m.shape[1] / 4 else m


def main(config: Config) -> Results:
    """Run the exact case, the five points and the phase diagram.

    Args:
        config: sizes.
    """
    keys = jax.random.split(jax.random.key(config.seed), 9)
    flat, louder = (linear(config, s, k) for s, k in zip((0.3, 0.36), keys[:2], strict=True))
    beta, skew, slips, curves = {}, {}, {}, []
    for (name, (delta, sigma)), key in zip(POINTS.items(), keys[2:7], strict=True):
        t, m = grown(sine, delta, sigma, (config.n_rings, config.length), config.duration, key)
        beta[name] = jackknifed(growth_exponent(t, config.fit_from), m)
        skew[name] = jackknifed(skewness(t), without_slips(m))
        slips[name] = jackknifed(lambda a: float(a[-1, 2]), m)
        if name in NAMES:
            label = f"{NAMES[name]}: β = {beta[name]}, slips {float(slips[name].value):.1e}"
            curves.append(Curve(t, np.sqrt(m[..., 0].mean(axis=1)), label))
    growth = Plot("Roughness of the phases", "t", "W", tuple(curves), log_x=True, log_y=True, caption="Flat at t = 0.")
    measured = {"roughness_linear": flat, "slips_kpz": slips["kpz"], "skewness_kpz": skew["kpz"]}
    controls = {"roughness_linear": louder, "slips_kpz": slips["beyond"], "skewness_kpz": skew["mirror"]}
    for name, other in (("ew", "kpz"), ("kpz", "ew"), ("deposition", "ew")):
        measured[f"beta_{name}"], controls[f"beta_{name}"] = beta[name], beta[other]
    for name in ("ew", "deposition"):
        measured[f"skewness_{name}"], controls[f"skewness_{name}"] = skew[name], skew["kpz"]
    return Results(measured, controls, (growth, *diagram(config, keys[7])))


def linear(config: Config, sigma: float, key: Any) -> Estimate:
    """Saturated squared roughness of 64 linear rings of 32."""
    t, m = grown(straight, 0.0, sigma, (64, 32), config.duration_linear, key)
    # The slowest mode relaxes in 26 units of time.
    rings = m[t > 200.0, :, 0].mean(axis=0)
    return Estimate(float(rings.mean()), float(rings.std(ddof=1) / 8), 64.0, "rings")


def diagram(config: Config, key: Any) -> tuple[Plot, Plot]:
    """Growth exponent and share of slips over noise and phase shift."""
    sigmas, deltas = np.linspace(0.2, 1.2, config.n_map), np.linspace(0.0, 1.25, config.n_map)
    delta, sigma = (g.reshape(-1, 1, 1) for g in np.meshgrid(deltas, sigmas, indexing="ij"))
    shape = (config.n_map**2, 2, config.length_map)
    t, m = grown(sine, jnp.asarray(delta), jnp.asarray(sigma), shape, config.duration_map, key)
    mean = m.mean(axis=2)
    fit = growth_exponent(t, t[-1] / 10)
    beta = np.array([fit(mean[:, k]) for k in range(config.n_map**2)]).reshape(config.n_map, -1)
    slips = mean[-1, :, 2].reshape(config.n_map, -1)
    axes = ("noise σ", "phase shift δ")
    size = f"Rings of {config.length_map}."
    return (
        Plot("Growth exponent", *axes, field=Field(sigmas, deltas, beta, "β"), caption=size),
        Plot("Slips", *axes, field=Field(sigmas, deltas, slips, "share"), caption="The edge of synchrony."),
    )
