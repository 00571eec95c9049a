"""Basin fractions over a parameter, and the values where an attractor appears or vanishes."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from scipy.spatial import KDTree

from cocycle.core.errors import ParameterError
from cocycle.core.parameters import parameters, with_parameters
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.system import AbstractSystem
from cocycle.stability.basins.attractors import Attractor, Recurrences
from cocycle.stability.basins.basin_maps import basin_fractions
from cocycle.stability.basins.ensemble import ensemble_of
from cocycle.stability.equilibria.box import box_of

N_CARRIED = 4


@dataclasses.dataclass(frozen=True)
class Tipping(Presentable):
    """An attractor that appears or vanishes between two values of the parameter.

    Attributes:
        label: of the attractor.
        appears: True if it appears as the parameter goes on, False if it vanishes.
        before: value on one side.
        after: next value.
        share: its share of the box on the side where it exists.
    """

    label: int
    appears: bool
    before: float
    after: float
    share: float


@dataclasses.dataclass(frozen=True, eq=False)
class BasinContinuation(Presentable):
    """Basin fractions over one parameter.

    Attributes:
        parameter: its name.
        values: of the parameter (n,).
        labels: of all attractors met, in their order; -1 diverged, 0 undecided (k,).
        fractions: share of the box (n, k).
        stderr: standard errors (n, k).
        attractors: those of each value.
        tipping: where attractors appear or vanish.
        name: name of the system.
    """

    parameter: str
    values: Float[np.ndarray, "n"]
    labels: np.ndarray
    fractions: Float[np.ndarray, "n k"]
    stderr: Float[np.ndarray, "n k"]
    attractors: tuple[tuple[Attractor, ...], ...]
    tipping: tuple[Tipping, ...]
    name: str | None = None

    def __str__(self) -> str:
        """Tipping points."""
        head = f"{len(self.labels)} labels over {len(self.values)} values of {self.parameter}"
        lines = [
            f"  {t.label} {'appears' if t.appears else 'vanishes'} between {t.before:.6g} and {t.after:.6g} "
            f"(share {t.share:.3g})"
            for t in self.tipping
        ]
        return "\n".join([head, *lines])


def continue_basins(
    system: AbstractSystem,
    box: Any,
    *,
    parameter: str,
    values: Any,
    n_samples: int = 1024,
    method: Recurrences | None = None,
    same: float = 0.2,
    seed: int = 0,
    progress: bool | None = None,
) -> BasinContinuation:
    """Basin fractions over a parameter: attractors are carried from value to value, and matched by their distance.

    Args:
        system: a system without a drive.
        box: `{"x": (low, high), ...}` or pairs (D, 2).
        parameter: name of a parameter that is a number.
        values: of the parameter, in the order in which they are gone through (n,).
        n_samples: initial states, the same for all values.
        method: how orbits are assigned.
        same: attractors of neighbouring values nearer than this share of the box may be the same.
        seed: of the samples.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        BasinContinuation with fractions, standard errors and tipping points.

    Raises:
        UnknownNameError: if there is no such parameter.
        ParameterError: if the values, the box or the system cannot be used.

    Limits: matching is by mean distance of their states; attractors that swap places within a step swap labels.
    Cost: one `basin_fractions` a value; all share one compilation.

    Source: [datseris2023].
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.all(np.isfinite(values)):
        raise ParameterError("values must be a vector of at least two finite parameter values.")
    with_parameters(system, **{parameter: values[0]})
    if np.ndim(parameters(system).get(parameter, 0.0)):
        raise ParameterError(f"parameter {parameter!r} is an array; only numbers vary.")
    ensemble = ensemble_of(system, np.asarray(box).mean(axis=-1) if system.x0 is None else None)
    ends = box_of(box, ensemble.variables, ensemble.n_dimensions)
    size = ends[:, 1] - ends[:, 0]
    rows: list[dict[int, tuple[float, float]]] = []
    kept: list[tuple[Attractor, ...]] = []
    seen: dict[int, Attractor] = {}
    with Progress(len(values), "basins", progress) as bar:
        for value in values:
            carried = [a.points[:: max(1, len(a.points) // N_CARRIED)][:N_CARRIED] for a in (kept[-1] if kept else ())]
            found = basin_fractions(
                with_parameters(system, **{parameter: value}),
                ends,
                n_samples=n_samples,
                method=method,
                seed=seed,
                known=carried or None,
                progress=False,
            )
            number = _matched(kept[-1] if kept else (), found.attractors, size, same, seen)
            share = {number.get(name, name): found.of(name) for name in found.names}
            rows.append({k: (float(e.value), float(e.stderr)) for k, e in share.items()})
            kept.append(tuple(Attractor(number[a.label], a.points, a.n_cells) for a in found.attractors))
            bar.advance(1)
    labels = np.array(sorted({k for row in rows for k in row}, key=lambda k: (k <= 0, k)))
    fractions = np.array([[row.get(int(k), (0.0, 0.0))[0] for k in labels] for row in rows])
    stderr = np.array([[row.get(int(k), (0.0, 1.0 / n_samples))[1] for k in labels] for row in rows])
    return BasinContinuation(
        parameter, values, labels, fractions, stderr, tuple(kept), _tipping(values, labels, fractions),
        getattr(system, "name", None),
    )  # fmt: skip


def _matched(
    before: tuple[Attractor, ...],
    now: tuple[Attractor, ...],
    size: np.ndarray,
    same: float,
    seen: dict[int, Attractor],
) -> dict[int, int]:
    """Old label of each new attractor; a new number where none is near."""
    number: dict[int, int] = {}
    if before and now:
        cost = np.array([[_distance(a, b, size) for b in before] for a in now])
        for i, j in zip(*linear_sum_assignment(cost), strict=True):
            if cost[i, j] <= same:
                number[now[i].label] = before[j].label
    free = max(seen, default=0) + 1
    for a in now:
        if a.label not in number:
            number[a.label] = free
            free += 1
    seen.update({number[a.label]: a for a in now})
    return number


def _distance(a: Attractor, b: Attractor, size: np.ndarray) -> float:
    """Mean distance of the states of each from the nearest of the other, in the scale of the box."""
    x, y = a.points / size, b.points / size
    return 0.5 * float(KDTree(x).query(y)[0].mean() + KDTree(y).query(x)[0].mean())


def _tipping(values: np.ndarray, labels: np.ndarray, fractions: np.ndarray) -> tuple[Tipping, ...]:
    out = []
    for i in range(len(values) - 1):
        for k, label in enumerate(labels):
            a, b = fractions[i, k], fractions[i + 1, k]
            if label > 0 and (a > 0) != (b > 0):
                out.append(Tipping(int(label), bool(b > 0), float(values[i]), float(values[i + 1]), float(max(a, b))))
    return tuple(out)
