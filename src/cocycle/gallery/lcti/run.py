"""Linking anonymous particles over four frames: nearest neighbours against the vote of coherent neighbours."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Field, Plot, Results
from cocycle.stability import ftle_field, ftle_of_tracks, ridge_lines
from cocycle.steppers import Flow

N_VOTERS, RADIUS, WIDTH = 10, 2.1, 0.25
RATIOS = (0.22, 0.67, 1.12)
BOX = 2 * np.pi


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_particles: tracers in the box.
        n_runs: realisations of each case.
        n_grid: points of a field along an axis.
        seed: of the places.
    """

    n_particles: int = 600
    n_runs: int = 8
    n_grid: int = 64
    seed: int = 0


SMOKE = Config(n_runs=2, n_grid=24)


def cellular(t: Any, y: Any, a: Any) -> Any:
    """Drifting cells whose walls swing."""
    phase = y[0] + 0.3 * jnp.sin(t)
    return jnp.array([jnp.sin(phase) * jnp.cos(y[1]) + 1.0, -jnp.cos(phase) * jnp.sin(y[1])])


def carried(places: np.ndarray, interval: float, n_frames: int) -> list[np.ndarray]:
    """Places at n frames, an interval apart."""
    flow = Flow(cellular, dt=interval / 8)

    def one(y: Any, k: Any) -> Any:
        y = jax.lax.fori_loop(0, 8, lambda i, y: flow.step(y, (8 * k + i) * flow.dt), y)
        return y, y

    frames = jax.vmap(lambda y: jax.lax.scan(one, y, jnp.arange(n_frames - 1))[1])(jnp.asarray(places))
    return [places, *np.moveaxis(np.asarray(frames), 1, 0)]


def matched(frame: np.ndarray, guess: np.ndarray, tolerance: float) -> np.ndarray:
    """Particle nearest to each guess, -1 beyond the tolerance."""
    distance, found = KDTree(frame).query(guess)
    return np.where(distance <= tolerance, found, -1)


def extended(frames: list[np.ndarray], second: np.ndarray, tolerance: float) -> np.ndarray:
    """Links to frames 3 and 4 by extrapolation, from links to frame 2 (-1 for none): (particles, 4)."""
    links = [np.arange(len(second)), second]
    for k in (2, 3):
        before, last = frames[k - 2][links[k - 2]], frames[k - 1][links[k - 1]]
        found = matched(frames[k], 2 * last - before, tolerance)
        links.append(np.where((links[k - 1] >= 0) & (found >= 0), found, -1))
    return np.stack(links, axis=1)


def voted(frames: list[np.ndarray], interval: float, shuffle: Any = None, cut: np.ndarray | None = None) -> np.ndarray:
    """Link to frame 2 whose displacement most neighbours could share, too.

    `cut` holds an exponent for each particle: voters across a ridge (a larger one by half between them) are left out.
    """
    a, b = frames[0], frames[1]
    candidates = KDTree(b).query_ball_point(a, RADIUS * interval)
    moves = [b[c] - p for c, p in zip(candidates, a, strict=True)]
    voters = np.asarray(KDTree(a).query(a, k=N_VOTERS + 1)[1])[:, 1:]
    if shuffle is not None:
        voters = shuffle.integers(0, len(a), size=voters.shape)
    second = np.full(len(a), -1)
    for i, (own, who) in enumerate(zip(moves, voters, strict=True)):
        if cut is not None:
            who = who[cut[who] < 1.5 * max(cut[i], np.median(cut))]
        score = np.zeros(len(own))
        for k in who:
            if len(own) and len(moves[k]):
                gap = np.sum((own[:, None] - moves[k][None]) ** 2, axis=2).min(axis=1)
                score += np.exp(-gap / (2 * (WIDTH * interval) ** 2))
        if len(own) and score.max() > 0:
            second[i] = candidates[i][int(np.argmax(score))]
    return second


def shares(links: np.ndarray, n_true: int) -> tuple[float, float]:
    """Share of true tracks found, and of false ones among the particles."""
    whole = np.all(links >= 0, axis=1)
    right = whole & np.all(links == np.arange(len(links))[:, None], axis=1)
    right[n_true:] = False
    return right[:n_true].mean(), (whole & ~right).sum() / n_true


def linked(config: Config, ratio: float, ghosts: float = 0.0) -> dict[str, np.ndarray]:
    """Shares of each method over the realisations: (runs, 2)."""
    out: dict[str, list] = {}
    spacing = BOX / np.sqrt(config.n_particles)
    for run in range(config.n_runs):
        rng = np.random.default_rng([config.seed, run])
        places = rng.uniform(0, BOX, size=(config.n_particles, 2))
        interval = ratio * spacing / 1.22  # mean speed of the flow
        frames = carried(places, interval, 4)
        n_ghosts = round(ghosts * config.n_particles)
        frames = [np.concatenate([f, rng.uniform(f.min(0), f.max(0), size=(n_ghosts, 2))]) for f in frames]
        tolerance = 0.25 * spacing + 0.1 * interval
        nearest = np.asarray(KDTree(frames[1]).query(frames[0])[1])
        plain = voted(frames, interval)
        good = plain >= 0
        rates = np.zeros(len(plain))
        rates[good] = ftle_of_tracks(frames[0][good], frames[1][plain[good]], duration=interval).values
        for name, second in (
            ("four frames", nearest),
            ("coherent", plain),
            ("shuffled", voted(frames, interval, shuffle=rng)),
            ("with the cut", voted(frames, interval, cut=np.nan_to_num(rates))),
        ):
            out.setdefault(name, []).append(shares(extended(frames, second, tolerance), config.n_particles))
    return {name: np.array(rows) for name, rows in out.items()}


def over_runs(values: np.ndarray) -> Estimate:
    """Mean over realisations."""
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))), float(len(values)), "runs")


def linear_error(matrix: Any, truth: float, config: Config) -> float:
    """Largest relative error of the field of a linear flow."""
    flow = Flow(lambda t, y, a: a @ y, jnp.asarray(matrix), dt=0.02, x0=jnp.zeros(2))
    grid = {"x": (-1, 1, config.n_grid), "y": (-1, 1, config.n_grid)}
    return float(np.max(np.abs(ftle_field(flow, grid=grid, duration=2.0, progress=False).values / truth - 1)))


def fields(config: Config) -> tuple[dict, dict, Plot]:
    """Closed forms, and tracks against the grid."""
    shear = np.arcsinh(1.3) / 2
    measured = {
        "saddle": linear_error([[0.7, 0.0], [0.0, -0.7]], 0.7, config),
        "shear": linear_error([[0.0, 1.3], [0.0, 0.0]], shear, config),
    }
    controls = {
        "saddle": linear_error([[0.75, 0.0], [0.0, -0.75]], 0.7, config),
        "shear": linear_error([[0.0, 1.4], [0.0, 0.0]], shear, config),
    }
    flow = Flow(cellular, dt=0.05, x0=[0.0, 0.0])
    n = 4 * config.n_grid
    field = ftle_field(flow, grid={"x": (0, BOX, n), "y": (0, BOX, n)}, duration=3.0, progress=False)
    pick = np.random.default_rng(config.seed).permutation(n * n)[: n * n // 4]
    starts = np.stack(np.meshgrid(*field.axes.values(), indexing="ij"), -1).reshape(-1, 2)[pick]
    ends, exact = field.ends.reshape(-1, 2)[pick], field.values.ravel()[pick]
    away = exact < np.quantile(exact, 0.8)
    near = np.asarray(KDTree(starts).query(starts, k=9)[1])
    other = ends[near[np.arange(len(near)), np.random.default_rng(1).integers(0, 9, len(near))]]
    for where, to in ((measured, ends), (controls, other)):
        found = ftle_of_tracks(starts, to, duration=3.0).values
        where["tracks"] = float(np.median(np.abs(found - exact)[away]) / np.median(exact[away]))
    x, y = field.axes.values()
    picture = Plot(
        "Forward exponents of the flow",
        "x",
        "y",
        tuple(Curve(*line.T) for line in ridge_lines(field.values, field.axes).lines[:6]),
        Field(x, y, field.values.T, "nats / time"),
        "T = 3; lines are the longest ridges.",
    )
    return measured, controls, picture


def main(config: Config) -> Results:
    """Run fields and links.

    Args:
        config: sizes.
    """
    measured, controls, picture = fields(config)
    cases = {ratio: linked(config, ratio) for ratio in RATIOS}
    ghosts = linked(config, RATIOS[2], ghosts=0.3)
    middle = cases[RATIOS[1]]
    measured |= {
        "coherent": over_runs(middle["coherent"][:, 0]),
        "four_frames": over_runs(middle["four frames"][:, 0]),
        "gain_ghosts": over_runs(ghosts["coherent"][:, 0] - ghosts["four frames"][:, 0]),
    }
    controls |= {
        "coherent": over_runs(middle["shuffled"][:, 0]),
        "four_frames": over_runs(cases[RATIOS[0]]["four frames"][:, 0]),
        "gain_ghosts": over_runs(ghosts["shuffled"][:, 0] - ghosts["four frames"][:, 0]),
    }
    curves = tuple(
        Curve(np.array(RATIOS), np.array([cases[r][name][:, 0].mean() for r in RATIOS]), name, dots=name == "shuffled")
        for name in middle
    )
    found = Plot("Tracks found", "displacement / spacing", "share of true tracks", curves)
    change = over_runs(middle["with the cut"][:, 0] - middle["coherent"][:, 0])
    wrong = over_runs(middle["coherent"][:, 1])
    notes = (f"At ratio 0.67 the cut at ridges changes the share found by {change}; wrong tracks: {wrong}.",)
    return Results(measured, controls, (picture, found), notes)
