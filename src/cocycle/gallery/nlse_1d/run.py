"""The nonlinear Schrödinger equation i psi_t + psi_xx / 2 + |psi|^2 psi = 0 on a circle, against its closed forms."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.run import run, trajectory
from cocycle.gallery.results import Curve, Field, Plot, Results
from cocycle.steppers import FourierGrid
from cocycle.systems import NonlinearSchrodinger
from cocycle.systems.spatial import schrodinger_energy, schrodinger_mass, soliton


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n: points of the lone soliton.
        length: circumference for it.
        duration: time for which solitons run.
        n_collision: points for two solitons.
        length_collision: circumference for them.
        n_breather: points of the breather.
        dt: time step.
        seed: unused, nothing is random.
    """

    n: int = 512
    length: float = 50.0
    duration: float = 10.0
    n_collision: int = 1024
    length_collision: float = 100.0
    n_breather: int = 128
    dt: float = 0.001
    seed: int = 0


SMOKE = Config(duration=0.5, dt=0.005, n_collision=512, n_breather=32)
AMPLITUDES, VELOCITIES = (2.0, 1.5), (2.0, -2.0)
MODULATION = 1e-8
STEEPNESS = 0.25


def main(config: Config) -> Results:
    """Run all cases.

    Args:
        config: sizes.
    """
    alone, alone_control = lone_soliton(config)
    met, met_control, picture = collision(config)
    wave, wave_control, growth = modulation(config)
    breath, breath_control, peak = breather(config)
    return Results(
        {**alone, **met, **wave, **breath},
        {**alone_control, **met_control, **wave_control, **breath_control},
        (picture, growth, peak),
    )


def measures(u: Any, system: Any) -> dict[str, float]:
    """Mass, momentum, energy and Shannon entropy of a state."""
    grid = system.grid
    psi, slope = u[0] + 1j * u[1], grid.values(grid.derivative * grid.coefficients(u))
    density = np.asarray(jnp.abs(psi) ** 2) / float(jnp.sum(jnp.abs(psi) ** 2))
    p = density[density > 0]
    return {
        "mass": float(schrodinger_mass(u, system)),
        "momentum": float(jnp.sum(jnp.imag(jnp.conj(psi) * slope)) * grid.length / grid.n),
        "energy": float(schrodinger_energy(u, system)),
        "entropy": float(-np.sum(p * np.log(p))),
    }


def lone_soliton(config: Config) -> tuple[dict, dict]:
    """One soliton: closed form, integrals, entropy; controls by sign, amplitude, step and shape."""

    def moved(dt: float, focusing: float = 1.0, x0: Any = None, amplitude: float = 2.0) -> tuple:
        system = NonlinearSchrodinger(n=config.n, length=config.length, dt=dt, focusing=focusing)
        start = soliton(0.0, system.grid, amplitude) if x0 is None else x0
        end = run(system, start, n_steps=round(config.duration / dt))
        error = float(jnp.max(jnp.abs(end - soliton(config.duration, system.grid, amplitude))))
        before, after = measures(start, system), measures(end, system)
        return error, before, {k: abs(after[k] - before[k]) for k in before}

    grid = FourierGrid(config.n, config.length, complex_field=True)
    pulse = jnp.exp(-0.5 * (grid.x - grid.length / 2) ** 2)
    pulse *= jnp.sqrt(4.0 / (jnp.sum(pulse**2) * grid.length / grid.n))
    error, values, drift = moved(config.dt)
    wrong, _, _ = moved(config.dt, focusing=-1.0)
    _, lower, _ = moved(config.dt, amplitude=1.5)
    _, _, coarse = moved(16 * config.dt)
    _, _, spread = moved(config.dt, x0=jnp.stack([pulse, jnp.zeros_like(pulse)]))
    integrals = ("mass", "momentum", "energy")
    largest = [max(d[k] for k in integrals) for d in (drift, coarse)]
    return (
        {"soliton_error": error, **values, "drift": largest[0], "entropy_drift": drift["entropy"]},
        {"soliton_error": wrong, **lower, "drift": largest[1], "entropy_drift": spread["entropy"]},
    )


def collision(config: Config) -> tuple[dict, dict, Plot]:
    """Two solitons meet: how far each is pushed, against each alone."""
    system = NonlinearSchrodinger(n=config.n_collision, length=config.length_collision, dt=config.dt)
    grid, middle = system.grid, config.length_collision / 2
    starts = (middle - 10.0, middle + 10.0)

    def one(place: float, amplitude: float, velocity: float) -> Any:
        y = grid.x - place
        height = amplitude / jnp.cosh(amplitude * y)
        return jnp.stack([height * jnp.cos(velocity * y), height * jnp.sin(velocity * y)])

    waves = [one(*row) for row in zip(starts, AMPLITUDES, VELOCITIES, strict=True)]
    n_steps = round(config.duration / config.dt)
    every = max(1, n_steps // 200)
    orbit = trajectory(system, waves[0] + waves[1], n_steps=n_steps, save_every=every)

    def places(u: Any) -> list[float]:
        # Each soliton has its half of the circle when they are apart again.
        density, x = np.sum(np.asarray(u) ** 2, axis=0), np.asarray(grid.x)
        halves = (x > middle, x < middle)
        return [float(np.sum(x[h] * density[h]) / np.sum(density[h])) for h in halves]

    def shift(k: int, u: Any) -> float:
        ahead = places(u)[k] - starts[k] - VELOCITIES[k] * config.duration
        return ahead

    together = orbit.x[-1]
    alone = [run(system, w, n_steps=n_steps) for w in waves]
    names = ("shift_fast", "shift_slow")
    height = np.sqrt(np.sum(np.asarray(orbit.x) ** 2, axis=1))
    near = np.abs(np.asarray(grid.x) - middle) < 25
    picture = Plot(
        "Two solitons meet",
        "x",
        "t",
        field=Field(np.asarray(grid.x)[near][::4] - middle, np.asarray(orbit.t), height[:, near][:, ::4], "|ψ|"),
        caption="Each leaves the collision as it entered, but for a step in its path.",
    )
    return (
        {name: shift(k, together) for k, name in enumerate(names)},
        {name: shift(k, alone[k]) for k, name in enumerate(names)},
        picture,
    )


def modulation(config: Config) -> tuple[dict, dict, Plot]:
    """Growth of a weak modulation cos(kx) of a plane wave of amplitude 1."""
    n_steps = round(12.0 / config.dt)
    every = max(1, n_steps // 240)

    def growth(k: float) -> tuple[np.ndarray, np.ndarray]:
        system = NonlinearSchrodinger(n=16, length=2 * jnp.pi / k, dt=config.dt)
        x = system.grid.x
        start = jnp.stack([1.0 + MODULATION * jnp.cos(k * x), jnp.zeros_like(x)])
        orbit = trajectory(system, start, n_steps=n_steps, save_every=every)
        modes = jax.vmap(system.grid.coefficients)(orbit.x)
        return np.asarray(orbit.t), np.abs(np.asarray(modes)[:, 1]) / (0.5 * MODULATION * system.grid.n)

    def rate(t: np.ndarray, size: np.ndarray) -> float:
        # From t = 8 on the falling solution has died out, to exp(-16).
        late = t >= 8.0
        return float(np.polyfit(t[late], np.log(size[late]), 1)[0])

    waves = {"k = √2": float(np.sqrt(2.0)), "k = 1": 1.0, "k = 2.2": 2.2}
    curves = {name: growth(k) for name, k in waves.items()}
    rates = [rate(*c) for c in curves.values()]
    picture = Plot(
        "Modulation of a plane wave",
        "t",
        "size of the modulation / its first size",
        tuple(Curve(t, s, name) for name, (t, s) in curves.items()),
        caption="Exponential growth inside the band k < 2, none outside.",
        log_y=True,
    )
    names = ("growth_fastest", "growth_slower")
    return dict(zip(names, rates[:2], strict=True)), dict.fromkeys(names, rates[2]), picture


def akhmediev(t: Any, x: Any) -> Any:
    """Akhmediev's breather on the background exp(it), complex."""
    a = STEEPNESS
    w, b = jnp.sqrt(4 * (1 - 2 * a)), jnp.sqrt(8 * a * (1 - 2 * a))
    top = 2 * (1 - 2 * a) * jnp.cosh(b * t) + 1j * b * jnp.sinh(b * t)
    return jnp.exp(1j * t) * (1 + top / (jnp.sqrt(2 * a) * jnp.cos(w * x) - jnp.cosh(b * t)))


def breather(config: Config) -> tuple[dict, dict, Plot]:
    """The breather from t = -5 to its peak; without modulation, and with weaker focusing, as controls."""
    length = 2 * jnp.pi / jnp.sqrt(4 * (1 - 2 * STEEPNESS))
    n_steps = round(5.0 / config.dt)

    def end(focusing: float = 1.0, modulated: bool = True) -> tuple[Any, Any]:
        system = NonlinearSchrodinger(n=config.n_breather, length=length, dt=config.dt, focusing=focusing)
        x = system.grid.x
        start = akhmediev(-5.0, x) if modulated else jnp.exp(-5j) + 0 * x
        u = run(system, jnp.stack([start.real, start.imag]), n_steps=n_steps)
        return x, u[0] + 1j * u[1]

    x, psi = end()
    _, weaker = end(focusing=0.99)
    _, flat = end(modulated=False)
    truth = akhmediev(0.0, x)
    picture = Plot(
        "Akhmediev's breather at its peak",
        "x",
        "|ψ|",
        (Curve(x, jnp.abs(truth), "closed form", dashed=True), Curve(x, jnp.abs(psi), "computed", dots=True)),
        caption="One period of the modulation, 5 units of time after it was 1 % of the background.",
    )
    return (
        {"breather_error": float(jnp.max(jnp.abs(psi - truth))), "breather_peak": float(jnp.max(jnp.abs(psi)))},
        {"breather_error": float(jnp.max(jnp.abs(weaker - truth))), "breather_peak": float(jnp.max(jnp.abs(flat)))},
        picture,
    )
