"""Exponents of transient chaos: many orbits, each followed until it escapes from the chaotic set."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import InsufficientDataError
from cocycle.core.run import Status, trajectory
from cocycle.core.system import AbstractSystem
from cocycle.stability import Spectrum
from cocycle.stability.exponents import spectrum_of, tangent_rows
from cocycle.stability.frames import dimension, first_frame

# An orbit is cut into pieces of this many Lyapunov times.
PIECE = 10.0
# Pieces dropped at the start of an orbit: the disturbance of 0.001 has grown to the size of the set after 7 Lyapunov
# times, and the frame has turned into its directions; and dropped before an escape, where an orbit is on its way out.
N_SETTLING, N_LEAVING = 3, 3
DISTURBANCE = 1e-3
# Orbits are regular once they grow by less than a third of the chaotic rate over six pieces. Means over 60 Lyapunov
# times of the three systems scatter by 0.15 of it: a third is more than four of these below.
N_WINDOW, CALM = 6, 1.0 / 3.0
# Orbits that run to infinity are out once they are ten times as far away as the first piece from x0 gets.
FAR = 10.0
# Escapes from which the mean time to escape is known to a fifth.
N_ESCAPES = 25
# Orbits that may escape at once before it is given up.
MOST_VAIN = 10


class Piece(NamedTuple):
    """A piece of an orbit.

    Attributes:
        start: state at its beginning.
        rows: log stretching (rows, K) [nats].
    """

    start: Any
    rows: np.ndarray


class Pool(NamedTuple):
    """What many orbits near the chaotic set gave.

    Attributes:
        spectrum: over all pieces that count.
        pieces: these pieces, orbit after orbit.
        n_orbits: orbits that were followed.
        n_escapes: how many of them left.
        lifetime: mean time to escape and its standard error [time]; None without escapes.
    """

    spectrum: Spectrum
    pieces: tuple[Piece, ...]
    n_orbits: int
    n_escapes: int
    lifetime: tuple[float, float] | None


class _Pieces:
    """Orbits of one system, piece by piece."""

    def __init__(self, system: Any, rate: float, every: int, n_vectors: int, angles: Sequence[str]):
        self.system, self.every = system, every
        self.plain = np.array([name not in angles for name in system.variables or ("x",)])
        self.origin = system.initial_state(system.x0)
        self.n_rows = max(1, math.ceil(PIECE / (rate * float(system.dt) * every)))
        self.time = self.n_rows * every * float(system.dt)
        self.frame = jnp.asarray(first_frame(n_vectors, dimension(self.origin)))
        near = trajectory(system, self.origin, n_steps=self.n_rows * every, progress=False)
        self.limit = FAR * max(self.size(x) for x in near.x)

    def size(self, x: Any) -> float:
        """Largest variable that is no angle."""
        return float(np.max(np.abs(np.asarray(x))[..., self.plain] if np.ndim(x) else np.abs(x)))

    def disturbed(self, x: Any, random: np.random.Generator) -> Any:
        """The state, moved by a thousandth of itself; angles stay."""
        plain = self.plain if np.ndim(x) else True
        return x * (1.0 + DISTURBANCE * random.normal(size=np.shape(x)) * plain)

    def orbit(self, x: Any) -> Iterator[tuple[Piece, Any]]:
        """Yield pieces and the states at their ends."""
        driver: Any = self.system.default_driver(x)
        frame, n = self.frame, 0
        while True:
            start, counts = x, (jnp.asarray(n), jnp.asarray(self.n_rows), jnp.asarray(self.every))
            x, frame, rows = tangent_rows(self.system, driver, x, frame, *counts, self.n_rows)
            n += self.n_rows * self.every
            yield Piece(start, np.asarray(rows)), x


def pooled(
    system: AbstractSystem,
    pilot: Spectrum,
    *,
    n_times: float,
    angles: Sequence[str] = (),
    n_escapes: int = N_ESCAPES,
    max_steps: int,
    seed: int = 0,
) -> Pool:
    r"""Average over the transient chaotic set, from orbits of which each leaves it some time.

    Orbits start at states of earlier ones, disturbed by a thousandth, and run until they escape: until their growth
    falls below a third of the chaotic rate, or they run away. The first 30 Lyapunov times and the last 30 before the
    escape are dropped. What is left samples the natural measure of the chaotic set, that of orbits which stay for
    long. Escapes are at random, so that the mean time to escape is $\sum t / n$ with standard error $1 / \sqrt n$ of
    it, where t is chaotic time after the start is forgotten.

    Args:
        system: deterministic system with an initial state on the chaotic set.
        pilot: short spectrum from there: growth rate, interval, number of vectors.
        n_times: Lyapunov times to average over, in sum.
        angles: variables that are not disturbed.
        n_escapes: escapes to wait for, so that the mean time to escape is known.
        max_steps: steps after which no more are waited for.
        seed: of the disturbances and the choice of starts.

    Returns:
        Pool.

    Raises:
        InsufficientDataError: if no orbit stays long enough.

    Source: [hsu1988].
    """
    rate, every = float(pilot.exponents[0]), round(float(pilot.interval) / float(pilot.dt))
    pieces = _Pieces(system, rate, every, pilot.n_vectors, angles)
    random, kept, chaotic, left, n_orbits = np.random.default_rng(seed), [], 0, 0, 0
    enough = math.ceil(n_times / PIECE) + N_SETTLING + N_LEAVING
    while True:
        covered = sum(float(p.rows[:, 0].sum()) for p in kept)
        budget = max_steps // (pieces.n_rows * every) - chaotic
        if covered >= n_times and (left >= n_escapes or budget <= 0):
            break
        if n_orbits >= MOST_VAIN and not kept:
            raise InsufficientDataError("no orbit stays near the chaotic set for long enough; take another x0.")
        begin = kept[random.integers(len(kept))].start if kept else pieces.origin
        typical = float(np.mean([p.rows[:, 0].sum() for p in kept])) if kept else None
        found, escaped = _follow(pieces, pieces.disturbed(begin, random), max(budget, enough), typical)
        n_orbits += 1
        lived = len(found) - N_SETTLING
        if lived > 0:
            chaotic, left = chaotic + lived, left + escaped
            kept += found[N_SETTLING : len(found) - (N_LEAVING if escaped else 0)]
    rows = np.concatenate([p.rows for p in kept])
    spectrum = spectrum_of(
        system, rows, every, 0, kept[-1].start, dimension(kept[-1].start), Status.OK, pilot.volume_residual
    )
    mean = chaotic * pieces.time / left if left else None
    return Pool(spectrum, tuple(kept), n_orbits, left, None if mean is None else (mean, mean / math.sqrt(left)))


def _follow(pieces: _Pieces, x: Any, most: int, typical: float | None) -> tuple[list[Piece], bool]:
    """Pieces before the escape, at most so many, and whether there was one."""
    found: list[Piece] = []
    growths: list[float] = []
    for piece, after in pieces.orbit(x):
        if not pieces.size(after) <= pieces.limit or not np.isfinite(piece.rows).all():
            return found, True
        found.append(piece)
        growths.append(float(piece.rows[:, 0].sum()))
        usual = float(np.median(growths)) if typical is None else typical
        if len(found) >= N_WINDOW and np.mean(growths[-N_WINDOW:]) < CALM * usual:
            # A third of the growth was left, so chaos lasted for about a third of the window.
            return found[: len(found) - N_WINDOW + round(N_WINDOW * CALM)], True
        if len(found) >= most:
            break
    return found, False


def chaotic_points(system: AbstractSystem, pool: Pool, every: int, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and points of pieces of the pool: each starts anew, so that round-off cannot lead it out of the set.

    Args:
        system: as in `pooled`.
        pool: its result.
        every: steps between two points.
        n_points: points in all.

    Returns:
        Times (n,) from the start of each piece [time], and points (n, D).
    """
    dt = float(system.dt)
    piece_time = pool.spectrum.duration / len(pool.pieces)
    each = max(1, int(piece_time / (every * dt)))
    chosen = np.linspace(0, len(pool.pieces) - 1, min(len(pool.pieces), math.ceil(n_points / each))).astype(int)
    parts = [
        trajectory(system, pool.pieces[i].start, n_steps=each * every, save_every=every, progress=False) for i in chosen
    ]
    times, points = (np.concatenate([np.asarray(a) for a in column]) for column in zip(*((p.t, p.x) for p in parts)))
    return times[:n_points], points[:n_points]
