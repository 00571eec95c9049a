"""Lifetimes of regimes under noise: a repeller in closed form, an atmosphere, and a chain on noise-free points."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from scipy.integrate import quad
from scipy.spatial import KDTree
from scipy.special import dawsn, exp1

from cocycle.core.chain import MarkovChain
from cocycle.core.errors import InsufficientDataError
from cocycle.core.estimate import Estimate
from cocycle.core.functions import Map
from cocycle.core.run import trajectory
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.measures import Visits, mean_lifetime, regime_lifetime, survival_curve, trajectory_chain, visits
from cocycle.stability.random import ensemble, first_passage
from cocycle.steppers import AdditiveNoise
from cocycle.systems import CharneyDeVore

sp: Any = scipy.sparse


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_paths: paths from the repeller.
        dt: their step.
        duration: time that the atmosphere is watched at each noise level.
        n_orbits: orbits that share it.
        n_points: points of the trajectory that carries the chain.
        chain_dt: time between them.
        n_draws: draws of the noise for each point.
        seed: of all noise.
    """

    n_paths: int = 20_000
    dt: float = 1e-3
    duration: float = 3e5
    n_orbits: int = 16
    n_points: int = 30_000
    chain_dt: float = 2.0
    n_draws: int = 8
    seed: int = 0


SMOKE = Config(n_paths=2000, dt=4e-3, duration=4e3, n_orbits=2, n_points=600)
LEVELS = (0.0, 0.004, 0.008, 0.016, 0.032)
CHAIN_LEVELS = (0.0, 0.008, 0.016, 0.032)
START, RADIUS, MOST_TIME = 0.1, 1.0, 16.0
ENTER, LEAVE, BLOCKED = 0.78, 0.86, 0.82
TRANSIENT = 5000
NEIGHBOURS = 100


def main(config: Config) -> Results:
    """Run all parts.

    Args:
        config: sizes.
    """
    toy, toy_control, toy_plot = repeller(config)
    air, air_control, air_plots = atmosphere(config)
    chain, chain_control, chain_plot = chains(config)
    notes = ("Exact laws of the repeller: Dawson's function in one dimension, exponential integrals in two.",)
    controls = {**toy_control, **air_control, **chain_control}
    return Results({**toy, **air, **chain}, controls, (toy_plot, *air_plots, chain_plot), notes)


def away(x: Any) -> Any:
    """Whether a path has left the ball."""
    return jnp.sum(x**2) >= RADIUS**2


def grown(x: Any, args: Any) -> Any:
    """Exact growth over one step."""
    return args["growth"] * x


def exact_stay(sigma: float, d: int) -> float:
    """Mean exit time of dx = x dt + sigma dW from START to RADIUS."""
    if d == 1:
        return 2 / sigma * quad(lambda x: dawsn(x / sigma), START, RADIUS)[0]
    a, b = START**2 / sigma**2, RADIUS**2 / sigma**2
    return math.log(RADIUS / START) - (exp1(a) - exp1(b)) / 2


def repeller(config: Config) -> tuple[dict, dict, Plot]:
    """Mean time from 0.1 to 1 with one and two unstable directions."""
    h = config.dt

    def stay(sigma: float, d: int) -> Estimate:
        x0 = jnp.zeros(d).at[0].set(START)
        strength = sigma * math.sqrt(math.expm1(2 * h) / (2 * h))  # exact step of the linear equation
        system = AdditiveNoise(Map(grown, {"growth": math.exp(h)}, dt=h, x0=x0), strength)
        driver = system.driver(jax.random.key(config.seed + d))
        n_steps = round(MOST_TIME / h)
        return first_passage(system, None, driver, event=away, n_paths=config.n_paths, n_steps=n_steps).mean

    one, two, strong = stay(0.1, 1), stay(0.1, 2), stay(0.5, 1)
    sigma = np.geomspace(0.01, 1.0, 60)
    names = {1: "one unstable direction, exact", 2: "two, exact"}
    curves = [Curve(sigma, [exact_stay(s, d) for s in sigma], names[d]) for d in (1, 2)]
    curves.append(Curve(sigma, np.full(60, math.log(RADIUS / START)), "no noise", dashed=True))
    found = [(0.1, one), (0.1, two), (0.5, strong)]
    x, y, e = zip(*((s, float(v.value), float(v.stderr)) for s, v in found), strict=True)
    curves.append(Curve(x, y, "simulated", dots=True, stderr=e))
    plot = Plot(
        "Leaving a repeller",
        "noise strength",
        "mean time from 0.1 to 1",
        tuple(curves),
        caption="Weak noise delays the exit where one direction is unstable, and does not where two are.",
        log_x=True,
    )
    measured = {"repeller_1d": one, "repeller_2d": two, "repeller_strong": strong}
    return measured, {"repeller_1d": two, "repeller_2d": one, "repeller_strong": one}, plot


def zonal(x: Any) -> Any:
    """First mode."""
    return x[0]


def blocked_visits(config: Config, sigma: float) -> list[Visits]:
    """Visits to the blocked regime at one noise level, orbit by orbit."""
    system = CharneyDeVore()
    dt = float(system.dt)
    steps = round(config.duration / dt)
    if sigma == 0:
        rows = np.asarray(trajectory(system, n_steps=steps + TRANSIENT, observe=zonal).x)[None]
    else:
        noisy = AdditiveNoise(system, sigma)
        driver = noisy.driver(jax.random.key(config.seed + round(1e6 * sigma)))
        n = steps // config.n_orbits + TRANSIENT
        rows = np.asarray(ensemble(noisy, None, driver, n_paths=config.n_orbits, n_steps=n, observe=zonal).x)
    out = []
    for row in rows[:, TRANSIENT:]:
        try:
            out.append(visits(row < ENTER, row > LEAVE, dt=dt))
        except InsufficientDataError:
            continue
    return out


def ratio(a: Estimate, b: Estimate) -> Estimate:
    """A / b with its error."""
    value = float(a.value) / float(b.value)
    error = value * math.hypot(float(a.stderr) / float(a.value), float(b.stderr) / float(b.value))
    return Estimate(value, error, min(float(a.n_eff), float(b.n_eff)), "ratio of means")


def atmosphere(config: Config) -> tuple[dict, dict, tuple[Plot, ...]]:
    """Lifetimes of the blocked regime over the noise level."""
    mean, curves = {}, []
    for sigma in LEVELS:
        found = blocked_visits(config, sigma)
        durations = np.concatenate([v.durations for v in found])
        observed = np.concatenate([v.observed for v in found])
        mean[sigma] = mean_lifetime(durations, observed)
        law = survival_curve(durations, observed)
        keep = law.survival > 0
        curves.append(Curve(law.time[keep], law.survival[keep], f"noise {sigma:g}"))
    low, high = ratio(mean[0.008], mean[0.0]), ratio(mean[0.032], mean[0.0])
    y, e = ([float(getattr(mean[s], k)) for s in LEVELS] for k in ("value", "stderr"))
    lifetime = Plot(
        "Lifetime of the blocked regime",
        "noise strength",
        "mean duration of a visit",
        (Curve(LEVELS, y, "simulated", dots=True, stderr=e), Curve(LEVELS, y, dashed=True)),
        caption=f"A visit lasts from x1 < {ENTER} to x1 > {LEAVE}. Weak noise prolongs it, strong noise cuts it short.",
    )
    laws = Plot("Laws of the durations", "duration", "share that lasts longer", tuple(curves), log_y=True)
    measured = {"blocked_longer": low, "blocked_shorter": high}
    return measured, {"blocked_longer": high, "blocked_shorter": low}, (lifetime, laws)


def weighted_chain(points: np.ndarray, sigma: float, dt: float) -> MarkovChain:
    """The control: Gaussian weights on all points near the image, normalised over points: dense places attract."""
    width = sigma * math.sqrt(dt)
    k = min(NEIGHBOURS, len(points))
    distance, at = KDTree(points).query(np.roll(points, -1, axis=0), k=k, workers=-1)
    weight = np.exp(-0.5 * ((distance**2 - distance[:, :1] ** 2) / width**2))
    weight[weight < 1e-6] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), k)
    n = len(points)
    matrix = sp.csr_array((weight.ravel(), (rows, at.ravel())), shape=(n, n))
    matrix.eliminate_zeros()
    return MarkovChain(matrix, dt=dt)


def chains(config: Config) -> tuple[dict, dict, Plot]:
    """Lifetimes foretold from one noise-free trajectory, and by simulation with the same sampling."""
    system, dt = CharneyDeVore(), config.chain_dt
    every = round(dt / float(system.dt))
    orbit = np.asarray(trajectory(system, n_steps=(config.n_points + 100) * every, save_every=every).x)[100:]
    blocked = orbit[:, 0] < BLOCKED
    options = {"dt": dt, "n_draws": config.n_draws, "seed": config.seed}
    foretold = [regime_lifetime(trajectory_chain(orbit, sigma=s, **options), blocked) for s in CHAIN_LEVELS]
    wrong = regime_lifetime(weighted_chain(orbit, 0.008, dt), blocked)
    at = dict(zip(CHAIN_LEVELS, foretold, strict=True))
    plot = Plot(
        "Lifetimes foretold without noise",
        "noise strength",
        "mean duration of a visit",
        (
            Curve(CHAIN_LEVELS, foretold, "chain on noise-free points"),
            Curve([0.008], [wrong], "weights without correction for density", dots=True),
        ),
        caption=f"Visits to x1 < {BLOCKED}, sampled every {dt:g} units of time, so shorter than with hysteresis.",
    )
    longer, shorter = at[0.008] / at[0.0], at[0.032] / at[0.0]
    return (
        {"chain_longer": longer, "chain_shorter": shorter},
        {"chain_longer": wrong / at[0.0], "chain_shorter": longer},
        plot,
    )
