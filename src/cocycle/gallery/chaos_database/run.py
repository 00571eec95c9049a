"""A public collection of chaotic flows, annotated again: spectra with error bars beside the values that it stores."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from cocycle.core.errors import CocycleError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.run import trajectory
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability import lyapunov_spectrum
from cocycle.systems import catalogue
from cocycle.systems.texts import texts


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        stride: every how manyth system is taken.
        n_periods: dominant periods that a spectrum is averaged over.
        n_anchor: steps for Lorenz and Rössler, and their controls.
        n_points: points for the mean divergence.
        seed: of the random order.
    """

    stride: int = 1
    n_periods: int = 1000
    n_anchor: int = 1_000_000
    n_points: int = 8000
    seed: int = 0


SMOKE = Config(stride=30, n_periods=100, n_anchor=400_000, n_points=1000)
PER_PERIOD = 20
FAR, Z, SLACK = 0.2, 5.0, 0.05
MOST_STEPS = 600_000
REDRAWN = 400


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What is known of one system, computed and stored."""

    name: str
    period: float
    exponents: np.ndarray
    stderr: np.ndarray
    again: np.ndarray
    largest: tuple[float, float]  # of both stretches
    total: tuple[float, float]
    divergence: tuple[float, float]
    maximum: float
    spectrum: np.ndarray


def main(config: Config) -> Results:
    """Annotate the systems again and compare.

    Args:
        config: sizes.
    """
    chosen = names()[:: config.stride]
    rows, failed = [], []
    for name in chosen:
        try:
            rows.append(annotate(name, config))
        except CocycleError as error:
            failed.append(f"{name}: left out: {' '.join(str(error).split())[:160]}")
    anchors, windows = anchor(config)
    measured, controls = compare(rows, np.random.default_rng(config.seed))
    outside = f"{len(rows)} systems; {float(measured['outside'].value):.0%} of the stored maxima are outside."
    kept = [r for r in rows if catalogue[r.name].chaotic]
    without = spearman(np.array([r.largest[0] for r in kept]), np.array([r.maximum for r in kept]))
    calm = f"Spearman's correlation of the {len(kept)} that are chaotic at the stored parameters: {without:.2f}."
    return Results(measured | anchors, controls | windows, (table(rows), again(rows)), (outside, calm, *failed))


def names() -> list[str]:
    """Autonomous flows of three variables, none an angle, of which the collection stores both annotations."""

    def fits(entry: Any) -> bool:
        row = texts()[entry.name]
        stored = row.get("collection", {})
        plain = entry.kind == "flow" and entry.dimension == 3 and not entry.angles and row.get("autonomous", True)
        return bool(plain and stored.get("spectrum") and stored.get("maximum") is not None)

    return [entry.name for entry in catalogue if fits(entry)]


def annotate(name: str, config: Config) -> Annotation:
    """Spectrum over two stretches of one orbit, and the mean divergence along a third."""
    entry: Any = catalogue[name]
    system = entry.make()
    period, dt = float(entry.period or 1.0), float(system.dt)
    n_steps = int(np.clip(config.n_periods * period / dt, 20_000, MOST_STEPS))
    first = lyapunov_spectrum(system, n_steps=n_steps, progress=False)
    second = lyapunov_spectrum(system, first.final, n_steps=n_steps, n0=n_steps, progress=False)
    every = max(1, round(period / dt / PER_PERIOD))
    orbit = trajectory(
        system, second.final, n_steps=every * config.n_points, save_every=every, n0=2 * n_steps, progress=False
    )
    mean = mean_estimate(np.asarray(divergence(system, jnp.asarray(orbit.t), jnp.asarray(orbit.x))))
    volume: Any = first.mean_log_volume_rate
    stored = texts()[name]["collection"]
    return Annotation(
        name,
        period,
        np.asarray(first.exponents),
        np.asarray(first.stderr),
        np.asarray(second.exponents),
        (float(first.exponents[0] + second.exponents[0]) / 2, float(np.hypot(first.stderr[0], second.stderr[0])) / 2),
        (float(volume.value), float(volume.stderr)),
        (float(mean.value), float(mean.stderr)),
        float(stored["maximum"]),
        np.sort(np.asarray(stored["spectrum"], float))[::-1],
    )


@eqx.filter_jit
def divergence(system: Any, t: Any, points: Any) -> Any:
    """Divergence of the field at points (n, D)."""

    def one(t: Any, y: Any) -> Any:
        return jnp.trace(jax.jacfwd(lambda y: system.field(t, y, system.args))(y))

    return jax.vmap(one)(t, points)


def anchor(config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two flows whose exponents are in the books, and both where they are periodic."""

    def largest(name: str, **parameters: float) -> Estimate:
        system = catalogue[name].make(**parameters)
        return lyapunov_spectrum(system, n_steps=config.n_anchor, progress=False).maximal_exponent

    found = {"lorenz": largest("lorenz63"), "rossler": largest("rossler")}
    return found, {"lorenz": largest("lorenz63", rho=160.0), "rossler": largest("rossler", c=4.0)}


def compare(rows: Sequence[Annotation], rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Identities and agreement, of our numbers and of those that are stored."""
    ours, error = np.array([r.largest for r in rows]).T
    stored = np.array([r.maximum for r in rows])
    first, second = [r.exponents for r in rows], [r.again for r in rows]
    whole = [r.spectrum if len(r.spectrum) == 3 else np.full(3, np.nan) for r in rows]
    measured = {
        "trace": share([keeps_trace(r, r.exponents) for r in rows]),
        "zero": share([keeps_zero(r, r.exponents) for r in rows]),
        "rank": rank(ours, error, stored, rng),
        "outside": share([is_outside(r, r.maximum) for r in rows]),
        "contradiction": contradictions(),
    }
    controls = {
        "trace": share([keeps_trace(r, s) for r, s in zip(rows, whole, strict=True)]),
        "zero": share([keeps_zero(r, s) for r, s in zip(rows, whole, strict=True)]),
        "rank": Estimate(spearman(ours, rng.permutation(stored)), 1.0 / np.sqrt(len(rows) - 1), len(rows), "Spearman"),
        "outside": share([is_outside(r, s[0]) for r, s in zip(rows, second, strict=True)]),
        "contradiction": share([apart(a[0], b[0]) for a, b in zip(first, second, strict=True)]),
    }
    return measured, controls


def share(flags: Sequence[bool]) -> Estimate:
    """Part of the systems; its binomial error falls to zero where all systems of the population are taken."""
    n, n_all = len(flags), max(len(names()), len(flags))
    guess = (sum(flags) + 1.0) / (n + 2.0)
    left = (n_all - n) / max(n_all - 1, 1)
    return Estimate(sum(flags) / n, float(np.sqrt(left * guess * (1.0 - guess) / n)), n, "share of the systems")


def rank(a: np.ndarray, error: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> Estimate:
    """Spearman's correlation; its error is that of a, and Fisher's where only a part of all systems is taken."""
    value = float(spearman(a, b))
    again = [spearman(a + error * rng.normal(size=len(a)), b) for _ in range(REDRAWN)]
    left = 1.0 - len(a) / max(len(names()), len(a))
    sampling = (1.0 - value**2) * np.sqrt(left / max(len(a) - 3, 1))
    return Estimate(value, float(np.hypot(np.std(again), sampling)), len(a), "Spearman")


def spearman(a: np.ndarray, b: np.ndarray) -> Any:
    """Spearman's rank correlation."""
    return scipy.stats.spearmanr(a, b).statistic  # pyright: ignore[reportAttributeAccessIssue]


def keeps_trace(row: Annotation, exponents: np.ndarray) -> bool:
    """Whether exponents sum to the mean divergence within 1 % of the largest in size, and what sampling allows."""
    sampling = Z * float(np.hypot(row.total[1], row.divergence[1]))
    allowed = 0.01 * float(np.max(np.abs(exponents))) + sampling
    return bool(abs(np.sum(exponents) - row.divergence[0]) < allowed)


def keeps_zero(row: Annotation, exponents: np.ndarray) -> bool:
    """Whether an exponent is zero on the scale of the largest, or of the period."""
    return bool(np.min(np.abs(exponents)) < 0.02 * max(abs(exponents[0]), 1.0 / row.period))


def is_outside(row: Annotation, value: float) -> bool:
    """Whether a value of the largest exponent is outside of our error bar and 5 %."""
    return bool(abs(value - row.exponents[0]) > Z * row.stderr[0] + SLACK * abs(row.exponents[0]))


def contradictions() -> float:
    """Share of all records of the collection whose two stored values are apart."""
    stored = [row["collection"] for row in texts().values() if "collection" in row]
    pairs = [(s["maximum"], max(s["spectrum"])) for s in stored if s.get("maximum") is not None and s.get("spectrum")]
    return sum(apart(a, b) for a, b in pairs) / len(pairs)


def apart(a: float, b: float) -> bool:
    """Whether two values differ by more than a fifth of the second."""
    return bool(abs(a - b) > FAR * abs(b))


def table(rows: Sequence[Annotation]) -> Plot:
    """Ratios of the stored values to ours, sorted."""
    kept = sorted((r for r in rows if r.exponents[0] > Z * r.stderr[0]), key=lambda r: r.maximum / r.exponents[0])
    ours = np.array([r.exponents[0] for r in kept])
    place = np.arange(1, len(kept) + 1)
    error = np.array([r.stderr[0] for r in kept]) / ours
    curves = (
        Curve(place, np.array([r.maximum for r in kept]) / ours, "stored maximal exponent", dots=True),
        Curve(place, np.array([r.spectrum[0] for r in kept]) / ours, "largest of the stored spectrum", dots=True),
        Curve(place, np.ones(len(kept)), "recomputed", dots=True, stderr=error),
    )
    listed = ", ".join(f"{i} {r.name}" for i, r in zip(place, kept, strict=True))
    caption = f"Each place is a system that is chaotic here. {listed}."
    return Plot("Stored exponents over recomputed ones", "system", "ratio", curves, caption=caption, log_y=True)


def again(rows: Sequence[Annotation]) -> Plot:
    """Recomputed exponents from one stretch of the orbit and another."""
    kept = [r for r in rows if r.exponents[0] > Z * r.stderr[0] and r.again[0] > 0]
    x = np.array([r.exponents[0] for r in kept])
    ends = np.array([x.min(), x.max()])
    curves = (
        Curve(ends, ends, "equal", dashed=True),
        Curve(x, np.array([r.again[0] for r in kept]), "second stretch", dots=True),
        Curve(x, np.array([r.maximum for r in kept]), "stored", dots=True),
    )
    labels = ("The same exponent twice", "largest exponent [nats / time]", "again [nats / time]")
    caption = "Two stretches of one orbit agree; the stored values scatter, mostly upwards."
    return Plot(*labels, curves, caption=caption, log_x=True, log_y=True)
