"""Basins of attraction on a grid, and their shares of a box with standard errors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cocycle.core.errors import NotFoundError, ParameterError
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.basins.assign import Assignment
from cocycle.stability.basins.attractors import Attractor, Recurrences
from cocycle.stability.basins.ensemble import Ensemble, StateGrid, ensemble_of
from cocycle.stability.basins.features import Features, grouped_by_features
from cocycle.stability.basins.result import BasinFractions, Basins, shares
from cocycle.stability.equilibria.box import box_of

BLOCK = 1024


def basins(
    system: AbstractSystem,
    grid: Mapping[str, Any],
    *,
    at: Mapping[str, float] | None = None,
    method: Recurrences | Features | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> Basins:
    """Basins of attraction on a grid of initial states; the attractors are found on the way.

    Args:
        system: a system without a drive; of a forced flow its `StroboscopicMap`.
        grid: `{"x": (low, high, n), "y": (low, high, n)}` for one or more coordinates.
        at: values of the others; default those of the system's x0.
        method: `Recurrences(...)` (default) or `Features(...)`.
        seed: of the choice of initial states that are searched for attractors.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Basins, with the label of the attractor of each state.

    Raises:
        UnknownNameError: if a coordinate does not exist.
        ParameterError: if the grid cannot be used, or the system is driven.
        NotFoundError: if no orbit settles on an attractor and none diverges; its `found` holds the empty result.

    Accuracy: an orbit is assigned once it has stayed in the cells of an attractor; attractors nearer to each other
        than a cell count as one. The steps are those of the system's stepper.
    Limits: an interrupt (Ctrl-C) returns the labels found so far, with a warning.
    Cost: each orbit until it settles, in batches; both cores where XLA finds the batch large enough.

    Example:
        >>> from cocycle.steppers import Flow
        >>> wells = Flow(lambda t, y, a: y - y**3, dt=0.05, x0=[0.5], variables=("x",))
        >>> found = basins(wells, {"x": (-2.0, 2.0, 10)})
        >>> [round(float(e.value), 2) for e in found.fractions.values()]
        [0.5, 0.5]

    Source: [datseris2022].
    """
    ensemble = ensemble_of(system)
    states = StateGrid(ensemble, grid, at)
    labels, steps, attractors, stopped = _labelled(ensemble, states.states, method, seed, progress, None)
    found = Basins(
        labels=labels.reshape(states.shape),
        steps=steps.reshape(states.shape),
        axes=states.axes,
        attractors=tuple(attractors),
        name=getattr(system, "name", None),
        interrupted=stopped,
    )
    if not attractors and not np.any(labels == -1) and not stopped:
        raise NotFoundError("no orbit settles on an attractor; follow them longer (max_steps).", found=found)
    return found


def _labelled(
    ensemble: Ensemble,
    states: np.ndarray,
    method: Recurrences | Features | None,
    seed: int,
    progress: bool | None,
    known: list[np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray, list[Attractor], bool]:
    if isinstance(method, Features):
        labels, attractors = grouped_by_features(ensemble, states, method, progress)
        return labels, np.full(len(states), method.n_transient + method.n_rows), attractors, False
    job = Assignment(ensemble, states, method or Recurrences(), progress)
    job.run(seed, known)
    return job.labels, job.steps, job.attractors, job.interrupted


def random_states(box: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Independent states, uniform in a box.

    Args:
        box: lower and upper ends (D, 2).
        n: how many.
        seed: of the generator.
    """
    return np.random.default_rng(seed).uniform(box[:, 0], box[:, 1], size=(n, len(box)))


def basin_fractions(
    system: AbstractSystem,
    box: Any,
    *,
    n_samples: int = 2048,
    tol: float | None = None,
    max_samples: int = 100_000,
    method: Recurrences | Features | None = None,
    seed: int = 0,
    known: list[np.ndarray] | None = None,
    progress: bool | None = None,
) -> BasinFractions:
    r"""Share of a box that goes to each attractor, from random initial states.

    $$\hat p_k = n_k / n, \qquad \text{stderr} = \sqrt{\hat p_k (1 - \hat p_k) / n}$$

    Args:
        system: a system without a drive; of a forced flow its `StroboscopicMap`.
        box: `{"x": (low, high), ...}` or pairs (D, 2); a range of a single point fixes that coordinate nearly.
        n_samples: initial states.
        tol: add samples until all standard errors are below it, at most max_samples.
        max_samples: see tol.
        method: `Recurrences(...)` (default) or `Features(...)`.
        seed: of the samples.
        known: states on attractors (n, D) to begin with, e.g. of another parameter value.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        BasinFractions.

    Raises:
        ParameterError: if the box or a number cannot be used, or the system is driven.

    Example:
        >>> from cocycle.steppers import Flow
        >>> wells = Flow(lambda t, y, a: y - y**3, dt=0.05, x0=[0.5])
        >>> found = basin_fractions(wells, [(-1.0, 3.0)], n_samples=256)
        >>> found.names, bool(abs(found.of(1).value - 0.75) < 5 * found.of(1).stderr)
        ((1, 2), True)

    Source: [menck2013]; [datseris2022].
    """
    n = count(n_samples, "n_samples", 16)
    if tol is not None and not tol > 0:
        raise ParameterError(f"tol must be a positive standard error, got {tol}.")
    ensemble = ensemble_of(system, np.asarray(box).mean(axis=-1) if system.x0 is None else None)
    ends = box_of(box, ensemble.variables, ensemble.n_dimensions)
    if tol is not None:
        # The largest binomial error is that of a half: a first guess that only saves rounds.
        n = min(max(n, BLOCK), max_samples)
    while True:
        samples = random_states(ends, n, seed)
        labels, _, attractors, stopped = _labelled(ensemble, samples, method, seed, progress, known)
        names = [a.label for a in attractors] + [k for k in (-1, 0) if np.any(labels == k)]
        found = shares(labels, names)
        worst = float(np.max(np.asarray(found.stderr), initial=0.0))
        if tol is None or worst <= tol or n >= max_samples or stopped:
            return BasinFractions(
                labels, samples, tuple(names), found, tuple(attractors), getattr(system, "name", None)
            )
        n = min(max_samples, int(np.ceil(1.1 * n * (worst / tol) ** 2)))
