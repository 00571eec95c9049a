"""How basins are interwoven: basin entropy, and the uncertainty exponent of their boundary."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.core.start import count
from cocycle.core.system import AbstractSystem
from cocycle.stability.basins.assign import Assignment
from cocycle.stability.basins.attractors import Recurrences
from cocycle.stability.basins.basin_maps import random_states
from cocycle.stability.basins.ensemble import ensemble_of
from cocycle.stability.basins.result import Basins
from cocycle.stability.equilibria.box import box_of

N_TILES = 4
MIN_UNCERTAIN = 8


@dataclasses.dataclass(frozen=True, eq=False)
class BasinEntropy(Presentable):
    """Basin entropy of a grid.

    Attributes:
        entropy: S_b, mean entropy of a box of cells [nats].
        boundary_entropy: S_bb, mean over the boxes that hold more than one label [nats].
        boundary_share: share of such boxes.
        box_size: cells of a side of a box.
        fractal: whether S_bb exceeds log 2 by two standard errors: a smooth boundary between two basins cannot.
    """

    entropy: Estimate
    boundary_entropy: Estimate
    boundary_share: float
    box_size: int
    fractal: bool


def basin_entropy(found: Basins | np.ndarray, *, box_size: int = 5) -> BasinEntropy:
    r"""Basin entropy: how uncertain the label is within small boxes of a grid.

    $$S_b = \frac{1}{N} \sum_{i=1}^{N} \sum_j -p_{ij} \log p_{ij}$$

    Args:
        found: basins, or their labels.
        box_size: cells of a side of a box.

    Returns:
        BasinEntropy, standard errors by leaving out one of 4^d tiles of the grid at a time.

    Raises:
        InsufficientDataError: if the grid holds fewer than 4 boxes along an axis.

    Laws: 0 <= S_b <= log(number of labels).
    Limits: the error is that of this grid as a sample of its surroundings, not of the resolution.

    Example:
        >>> stripes = np.repeat([[1, 2]], 40, axis=0).repeat(20, axis=1)
        >>> float(basin_entropy(stripes, box_size=5).entropy.value)
        0.0

    Source: [daza2016].
    """
    labels = np.asarray(found.labels if isinstance(found, Basins) else found)
    box_size = count(box_size, "box_size", 2)
    n_boxes = [n // box_size for n in labels.shape]
    if min(n_boxes) < N_TILES:
        raise InsufficientDataError(
            f"a grid of {labels.shape} holds {n_boxes} boxes of {box_size} cells; {N_TILES} along each axis are needed."
        )
    d = labels.ndim
    trimmed = labels[tuple(slice(0, n * box_size) for n in n_boxes)]
    split = trimmed.reshape([k for n in n_boxes for k in (n, box_size)])
    boxes = np.moveaxis(split, range(1, 2 * d, 2), range(d, 2 * d)).reshape(*n_boxes, -1)
    entropy = np.zeros(n_boxes)
    for name in np.unique(labels):
        p = np.mean(boxes == name, axis=-1)
        entropy -= np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
    mixed = np.any(boxes != boxes[..., :1], axis=-1)
    tile = np.zeros(n_boxes, dtype=int)
    for axis, n in enumerate(n_boxes):
        shape = [1] * d
        shape[axis] = n
        tile = tile * N_TILES + (np.arange(n) * N_TILES // n).reshape(shape)
    ones = np.ones(n_boxes)
    whole = _jackknife(entropy, ones, tile)
    border = _jackknife(entropy, mixed.astype(float), tile)
    fractal = bool(border.value - 2 * border.stderr > np.log(2))
    return BasinEntropy(whole, border, float(mixed.mean()), box_size, fractal)


def _jackknife(value: np.ndarray, weight: np.ndarray, tile: np.ndarray) -> Estimate:
    """Ratio of sums, with the error from leaving out one tile at a time."""
    n = int(tile.max()) + 1
    a = np.bincount(tile.ravel(), (value * weight).ravel(), n)
    b = np.bincount(tile.ravel(), weight.ravel(), n)
    if b.sum() == 0:
        return Estimate(0.0, 0.0, float(n), "no box is mixed")
    rest = b.sum() - b > 0
    left = (a.sum() - a[rest]) / (b.sum() - b[rest])
    m = len(left)
    error = np.sqrt((m - 1) / max(m, 1) * np.sum((left - left.mean()) ** 2))
    return Estimate(float(a.sum() / b.sum()), float(error), float(m), "jackknife over tiles of the grid")


@dataclasses.dataclass(frozen=True, eq=False)
class UncertaintyExponent(Presentable):
    """How the share of uncertain states falls with the error of the initial state.

    Attributes:
        exponent: alpha in f(eps) ~ eps^alpha.
        boundary_dimension: D - alpha, the box dimension of the boundary.
        epsilons: errors of the initial state (n,).
        shares: f, share of states that may go elsewhere (n,).
        stderr: standard errors of the shares (n,).
        misfit: mean square distance from the power law, in standard errors; about 1 where it holds.
    """

    exponent: Estimate
    boundary_dimension: Estimate
    epsilons: Float[np.ndarray, "n"]
    shares: Float[np.ndarray, "n"]
    stderr: Float[np.ndarray, "n"]
    misfit: float


def uncertainty_exponent(
    system: AbstractSystem,
    box: Any,
    *,
    epsilons: Any = None,
    n_samples: int = 4096,
    method: Recurrences | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> UncertaintyExponent:
    r"""Uncertainty exponent of the basin boundaries in a box, by perturbed pairs of orbits.

    $$f(\varepsilon) \sim \varepsilon^{\alpha}, \qquad \text{dimension of the boundary} = D - \alpha$$

    A state is uncertain if one of two others, eps away on both sides in a random coordinate direction, has another
    label. Every eps has its own independent samples.

    Args:
        system: a system without a drive; of a forced flow its `StroboscopicMap`.
        box: `{"x": (low, high), ...}` or pairs (D, 2).
        epsilons: perturbations as shares of the box; default 2^-4 to 2^-12.
        n_samples: states for each.
        method: how orbits are assigned.
        seed: of the samples.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        UncertaintyExponent, fitted by weighted least squares.

    Raises:
        InsufficientDataError: if fewer than three perturbations have at least 8 uncertain states.
        ParameterError: if the box or the perturbations cannot be used.

    Accuracy: binomial errors of the shares; where the law holds only roughly (`misfit` above 1) the error of the
        exponent is enlarged by its root.

    Source: [mcdonald1985].
    """
    epsilons = 2.0 ** -np.arange(4, 13) if epsilons is None else np.asarray(epsilons, dtype=float)
    if epsilons.ndim != 1 or len(epsilons) < 3 or not np.all((epsilons > 0) & (epsilons < 1)):
        raise ParameterError("epsilons must be at least three shares of the box between 0 and 1.")
    n = count(n_samples, "n_samples", 64)
    ensemble = ensemble_of(system, np.asarray(box).mean(axis=-1) if system.x0 is None else None)
    ends = box_of(box, ensemble.variables, ensemble.n_dimensions)
    size = ends[:, 1] - ends[:, 0]
    rng = np.random.default_rng(seed + 1)
    middle = random_states(ends, n * len(epsilons), seed)
    eps = np.repeat(epsilons, n)
    direction = np.zeros_like(middle)
    axis = rng.integers(len(ends), size=len(middle))
    direction[np.arange(len(middle)), axis] = eps * size[axis]
    job = Assignment(
        ensemble, np.concatenate([middle - direction, middle, middle + direction]), method or Recurrences(), progress
    )
    job.run(seed)
    low, here, high = job.labels.reshape(3, len(epsilons), n)
    uncertain = np.sum((low != here) | (high != here), axis=1)
    return fitted_exponent(epsilons, uncertain, n, len(ends))


def fitted_exponent(epsilons: np.ndarray, uncertain: np.ndarray, n: int, n_dimensions: int) -> UncertaintyExponent:
    """Fit a power law to counts of uncertain states.

    Args:
        epsilons: perturbations.
        uncertain: uncertain states of each.
        n: states of each.
        n_dimensions: D.

    Returns:
        UncertaintyExponent.

    Raises:
        InsufficientDataError: if fewer than three perturbations have at least 8 uncertain states.
    """
    f = uncertain / n
    stderr = np.sqrt(np.maximum(f * (1 - f), 1.0 / n) / n)
    used = uncertain >= MIN_UNCERTAIN
    if used.sum() < 3:
        raise InsufficientDataError(
            f"only {int(used.sum())} perturbations have {MIN_UNCERTAIN} uncertain states or more; take larger ones, or "
            "more samples. There may be no boundary in the box."
        )
    x, y, w = np.log(epsilons[used]), np.log(f[used]), (f[used] / stderr[used]) ** 2
    centre = np.sum(w * x) / w.sum()
    spread = np.sum(w * (x - centre) ** 2)
    slope = np.sum(w * (x - centre) * y) / spread
    residual = y - np.sum(w * y) / w.sum() - slope * (x - centre)
    misfit = float(np.sum(w * residual**2) / max(len(x) - 2, 1))
    error = float(np.sqrt(max(misfit, 1.0) / spread))
    exponent = Estimate(float(slope), error, float(uncertain.sum()), "weighted fit of log f over log eps")
    dimension = Estimate(n_dimensions - float(slope), error, exponent.n_eff, "D - alpha")
    return UncertaintyExponent(exponent, dimension, epsilons, f, stderr, misfit)
