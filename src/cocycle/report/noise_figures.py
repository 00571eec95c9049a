"""Figures of what noise does: points under the same noise, and lifetimes over the noise level."""

import numpy as np

from cocycle.report.figure_parts import COLOURS, Figure, Panel, axis, dots, layout, line, numbers
from cocycle.report.noise import Lifetimes, NoiseEffect

MOST = 1000


def noise_figures(effect: NoiseEffect, unit: str) -> list[Figure]:
    """Figures of what noise does, in the order of the page.

    Args:
        effect: what was found.
        unit: of time.
    """
    figures = [together(effect, unit)]
    if effect.lifetimes is not None:
        figures.append(lifetimes(effect.lifetimes, effect.added, unit))
    return figures


def together(effect: NoiseEffect, unit: str) -> Figure:
    """Distances of points under the same noise.

    Args:
        effect: what was found.
        unit: of time.
    """
    motion = effect.motion
    step = max(1, -(-len(motion.t) // MOST))
    t = np.concatenate([[0.0], motion.t[::step]])
    rows = np.concatenate([motion.start[None], motion.distances[::step]])
    floor = 4e-15 * max(float(motion.start.max()), 1e-300)
    apart = np.flatnonzero((rows > floor).any(axis=1))
    end = min(len(t), int(1.1 * apart[-1]) + 2)  # what is at round-off for good says nothing more
    t, rows = t[:end], rows[:end]
    data = [line(t, np.where(row > floor, row, np.nan), "@blue", width=0.8) for row in rows.T]
    slope = ""
    if effect.sign is not None and effect.sign.sign < 0:
        rate, top = float(effect.sign.exponent.value), float(motion.start.max())
        reach = min(t[-1], 30.0 / -rate)
        data.append(line([0.0, reach], [top, top * np.exp(rate * reach)], "@orange", line={"dash": "dash"}))
        slope = f" The dashed line falls at the largest exponent, {effect.sign.exponent} nats / {unit}."
    strength = f"noise of strength {effect.level:g}" if effect.added else "noise"
    if not effect.added and effect.level != 1:
        strength = f"noise, {effect.level:g} times its own"
    seen = effect.times.observed
    text = (
        f"Distances of {len(rows.T)} points of the orbit from another one, all under the same {strength}. "
        f"{effect.verdict}{slope}"
    )
    if seen.all():
        text += f" Over {len(seen)} realisations that took {effect.times.mean} on average."
    axes = axis(unit), axis("distance", type="log", exponentformat="power")
    return Figure("noise", "Points under the same noise", text, (Panel(data, layout(*axes), 360),))


def lifetimes(found: Lifetimes, added: bool, unit: str) -> Figure:
    """Mean lifetime over the noise level, and the laws behind it.

    Args:
        found: lifetimes.
        added: whether the noise was added to a deterministic system.
        unit: of time.
    """
    known = [k for k, mean in enumerate(found.mean) if mean is not None]
    level = np.asarray(found.levels)[known]
    means = [found.mean[k] for k in known]
    value = np.array([float(m.value) for m in means if m is not None])
    error = np.array([float(m.stderr) for m in means if m is not None])
    bars = {"type": "data", "array": numbers(2 * error), "color": "@orange", "thickness": 1, "width": 3}
    label = "noise strength σ" if added else "noise, factor of the system's own"
    data = [line(level, value, "@grey", width=1), dots(level, value, size=7, error_y=bars)]
    left = Panel(data, layout(axis(label), axis(f"mean lifetime [{unit}]", rangemode="tozero")), 360)
    curves = []
    for n, k in enumerate(known):
        curve = found.survival[k]
        if curve is None:
            continue
        t, s = np.append(0.0, curve.time), np.append(1.0, curve.survival)
        keep = np.unique(np.linspace(0, len(t) - 1, MOST).astype(int))
        keep = keep[s[keep] > 0]
        name = f"{found.levels[k]:g}"
        curves.append(line(t[keep], s[keep], COLOURS[n % len(COLOURS)], name=name, line={"shape": "hv"}))
    axes = axis(f"duration of a visit [{unit}]"), axis("share that lasts longer", type="log", exponentformat="power")
    right = Panel(curves, {**layout(*axes), "showlegend": True}, 360)
    visits = ", ".join(f"{n:,}" for n in found.n_visits)
    text = (
        f"Visits to the regime {found.regime}: mean duration with bars of two standard errors, and the survival curves "
        f"(Kaplan-Meier; visits that the record cuts off are allowed for). {visits} visits in {found.duration:,.6g} "
        "units of time at each level."
    )
    return Figure("lifetimes", "Lifetimes over the noise level", text, (left, right), wide=True)
