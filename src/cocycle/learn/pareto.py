"""The library itself is chosen: real powers of the variables, by misfit, number of terms and the law of residuals."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.signal
import scipy.stats
from jaxtyping import Array, Float

from cocycle.core.errors import DataError, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.learn.abstract import AbstractLearner, require_counts, require_key, require_positive
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.rules import AbstractRowRule, unscaled
from cocycle.learn.stretches import segments
from cocycle.learn.substeps import follow

SMALL = 1e-9
REJECTION = 1.36


@dataclasses.dataclass(frozen=True, eq=False)
class PowerModel(Presentable):
    """Rates as sums of products of real powers.

    Attributes:
        orders: (M, D) power of each variable in each term.
        coefficients: (M, D') of the terms in each fitted column.
        rms: misfit in units of the noise.
        ks: Kolmogorov-Smirnov distance of the residuals from the law of the noise.
        n_residuals: how many there are.
    """

    orders: np.ndarray
    coefficients: np.ndarray
    rms: float
    ks: float
    n_residuals: int

    @property
    def is_noise(self) -> bool:
        """Whether the residuals pass for noise, at 5 %."""
        return bool(self.ks < REJECTION / np.sqrt(self.n_residuals))

    def __str__(self) -> str:
        """Orders, misfit, distance."""
        return f"{len(self.orders)} terms {self.orders.round(3).tolist()}: rms {self.rms:.4g}, KS {self.ks:.3g}"


class PowerRegression:
    r"""Weak regression of columns on powers, with an offset for each trajectory.

    $$x(t) = c + \int_0^t \Xi^\top \theta(x)\, ds, \qquad \theta_m = \prod_j x_j^{p_{mj}}$$

    Args:
        parts: stretches (time, D) of positive numbers.
        dt: time between rows.
        noise: standard deviation of the noise of the columns.
        columns: which are fitted.
        window: rows of the polynomial smoother of the features.
        order: degree of that smoother.
    """

    def __init__(
        self,
        parts: Sequence[np.ndarray],
        dt: float,
        noise: float,
        *,
        columns: Sequence[int] | None = None,
        window: int = 25,
        order: int = 3,
    ):
        self.dt, self.noise = dt, noise
        columns = list(range(parts[0].shape[1])) if columns is None else list(columns)
        smooth = [scipy.signal.savgol_filter(p, min(window, len(p) - 1 + len(p) % 2), order, axis=0) for p in parts]
        self.logs = [np.log(np.maximum(np.asarray(s), SMALL)) for s in smooth]
        # An offset for each trajectory: deviations from its mean.
        self.targets = np.concatenate([p[:, columns] - p[:, columns].mean(axis=0) for p in parts])

    def features(self, orders: np.ndarray) -> np.ndarray:
        """Integrals (n, M) of the terms, deviations from the mean of each trajectory.

        Args:
            orders: (M, D).
        """
        out = []
        for logs in self.logs:
            values = np.exp(logs @ orders.T)
            sums = np.cumsum(0.5 * self.dt * (values[1:] + values[:-1]), axis=0)
            sums = np.concatenate([np.zeros((1, sums.shape[1])), sums])
            out.append(sums - sums.mean(axis=0))
        return np.concatenate(out)

    def model(self, orders: Any) -> PowerModel:
        """Least squares with given orders.

        Args:
            orders: (M, D).
        """
        orders = np.atleast_2d(np.asarray(orders, dtype=float))
        phi = self.features(orders)
        coefficients = np.linalg.lstsq(phi, self.targets, rcond=1e-10)[0]
        r = (self.targets - phi @ coefficients).ravel() / self.noise
        ordered = scipy.stats.norm.cdf(np.sort(r))
        at = np.arange(r.size + 1) / r.size
        ks = float(max(np.max(at[1:] - ordered), np.max(ordered - at[:-1])))
        return PowerModel(orders, coefficients, float(np.sqrt(np.mean(r**2))), ks, r.size)


def pareto_search(
    regression: PowerRegression,
    n_variables: int,
    *,
    seed: int,
    n_population: int = 60,
    n_generations: int = 40,
    max_terms: int = 4,
    max_order: float = 3.0,
) -> list[PowerModel]:
    """Models that no other beats in misfit, number of terms and law of residuals at once (NSGA-II).

    Args:
        regression: the data.
        n_variables: D.
        seed: of the search.
        n_population: models in a generation.
        n_generations: generations.
        max_terms: most terms.
        max_order: largest power.

    Returns:
        The front, by number of terms and misfit.

    Source: [deb2002]; selection of a library [ducci2025].
    """
    rng = np.random.default_rng(seed)

    def term() -> np.ndarray:
        order = np.round(2 * rng.uniform(0, max_order, n_variables)) / 2 * (rng.random(n_variables) < 0.6)
        return order if order.any() else term()

    def made(orders: list[np.ndarray]) -> PowerModel:
        kept = list({tuple(np.round(o, 6)): o for o in orders if o.any()}.values())[:max_terms]
        return regression.model(np.array(kept or [term()]))

    population = [made([term() for _ in range(rng.integers(1, max_terms + 1))]) for _ in range(n_population)]
    for _ in range(n_generations):
        rank, crowding = _sorted(population)
        children = []
        for _ in range(n_population):
            a, b = (_tournament(rng, rank, crowding) for _ in range(2))
            children.append(made(_child(rng, population[a], population[b], term, max_order)))
        both = population + children
        rank, crowding = _sorted(both)
        best = np.lexsort((-crowding, rank))[:n_population]
        population = [both[k] for k in best]
    rank, _ = _sorted(population)
    front = {tuple(m.orders[np.lexsort(m.orders.T)].round(4).ravel()): m for m, r in zip(population, rank) if r == 0}
    return sorted(front.values(), key=lambda m: (len(m.orders), m.rms))


def knee(front: Sequence[PowerModel]) -> PowerModel:
    """The model with the fewest terms whose residuals pass for noise; else that with the least distance from it.

    Args:
        front: models.
    """
    good = [m for m in front if m.is_noise]
    if not good:
        return min(front, key=lambda m: m.ks)
    fewest = min(len(m.orders) for m in good)
    return min((m for m in good if len(m.orders) == fewest), key=lambda m: m.rms)


def _child(rng: Any, a: PowerModel, b: PowerModel, term: Any, max_order: float) -> list[np.ndarray]:
    pool = [*a.orders, *b.orders]
    size = max(1, len(a.orders) if rng.random() < 0.5 else len(b.orders))
    child = [pool[k].copy() for k in rng.permutation(len(pool))[:size]]
    for order in child:
        draw = rng.random()
        k = rng.integers(len(order))
        if draw < 0.3:
            order[k] = np.clip(order[k] + rng.normal(0, 0.3), 0, max_order)
        elif draw < 0.4:
            order[:] = term()
        elif draw < 0.6:
            order[:] = np.round(2 * order) / 2
        elif draw < 0.7:
            order[k] = 0.0
    if rng.random() < 0.15:
        child.append(term())
    if rng.random() < 0.15 and len(child) > 1:
        child.pop(int(rng.integers(len(child))))
    return child


def _tournament(rng: Any, rank: np.ndarray, crowding: np.ndarray) -> int:
    a, b = rng.integers(len(rank), size=2)
    return int(a if (rank[a], -crowding[a]) <= (rank[b], -crowding[b]) else b)


def _sorted(population: list[PowerModel]) -> tuple[np.ndarray, np.ndarray]:
    """Rank by domination, and distance to the neighbours within it."""
    scores = np.array([(m.rms, len(m.orders), m.ks) for m in population])
    # Differences far below the noise are none.
    scores[:, 0], scores[:, 2] = np.round(scores[:, 0], 3), np.round(scores[:, 2], 3)
    less = (scores[:, None] <= scores[None]).all(axis=2) & (scores[:, None] < scores[None]).any(axis=2)
    rank, left, level = np.zeros(len(scores), dtype=int), np.ones(len(scores), dtype=bool), 0
    while left.any():
        front = left & ~(less & left[:, None]).any(axis=0)
        rank[front], left, level = level, left & ~front, level + 1
    crowding = np.zeros(len(scores))
    for value in range(level):
        members = np.flatnonzero(rank == value)
        for column in scores[members].T:
            order = np.argsort(column, kind="stable")
            span = column[order[-1]] - column[order[0]]
            crowding[members[order[[0, -1]]]] = np.inf
            if span > 0 and len(order) > 2:
                crowding[members[order[1:-1]]] += (column[order[2:]] - column[order[:-2]]) / span
    return rank, crowding


class PowerRule(AbstractRowRule):
    r"""A field of products of real powers, followed by Runge-Kutta steps between rows.

    Attributes:
        orders: (M, D).
        coefficients: (M, D).
        dt: time between rows.
        n_substeps: Runge-Kutta steps between rows.
    """

    orders: Float[Array, "M D"]
    coefficients: Float[Array, "M D"]
    dt: Float[Array, ""]
    n_substeps: int = eqx.field(static=True)

    def field(self, t: Any, y: Float[Array, "D"], args: Any) -> Float[Array, "D"]:
        """Velocity at y, with diffrax's signature; what is not positive counts as a very small number.

        Args:
            t: not used.
            y: state.
            args: not used.
        """
        return jnp.exp(self.orders @ jnp.log(jnp.maximum(y, SMALL))) @ self.coefficients

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Follow the field over dt."""
        return follow(self.field, u, self.dt, self.n_substeps)


@dataclasses.dataclass(frozen=True)
class ParetoODE(AbstractLearner):
    r"""Rate equations whose library is learned too: real powers, chosen by misfit, sparsity and the law of residuals.

    $$\dot x = \Xi^\top \theta(x), \qquad \theta_m = \prod_j x_j^{p_{mj}}$$

    Of the Pareto front the model with the fewest terms counts whose residuals pass for the noise.

    Args:
        noise: standard deviation of the noise of the columns.
        n_population: models in a generation.
        n_generations: generations.
        max_terms: most terms.
        max_order: largest power.
        window: rows of the polynomial smoother of the features.
        n_substeps: Runge-Kutta steps between two rows.

    Raises:
        ParameterError: if an option is out of range.

    Limits: data must be positive; all columns share their terms.

    Source: [ducci2025]; search [deb2002].
    """

    noise: float = 0.01
    n_population: int = 60
    n_generations: int = 40
    max_terms: int = 4
    max_order: float = 3.0
    window: int = 25
    n_substeps: int = 1

    def __post_init__(self):
        require_counts(self, "n_population", "n_generations", "max_terms", "n_substeps")
        require_counts(self, "window", minimum=5)
        require_positive(self, "noise", "max_order")
        if self.window % 2 == 0:
            raise ParameterError(f"ParetoODE: window must be odd, got {self.window}.")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: random key of the search.
            dt: time between two rows, where the data do not say it.
            progress: not used.

        Raises:
            DataError: if less than half of the values are positive.
        """
        found = segments(data, n_min=self.window, dt=dt)
        if np.mean(np.concatenate(found.parts) > 0) < 0.5:
            raise DataError("powers need positive data; shift the data, or learn a polynomial with SINDy.")
        seed = int(np.asarray(jax.random.key_data(require_key(key, self))).ravel()[-1])
        regression = PowerRegression(found.parts, found.dt, self.noise, window=self.window)
        sizes = {"n_population": self.n_population, "n_generations": self.n_generations, "max_terms": self.max_terms}
        front = pareto_search(regression, found.n_columns, seed=seed, max_order=self.max_order, **sizes)
        best = knee(front)
        leaves = jnp.asarray(best.orders), jnp.asarray(best.coefficients), jnp.asarray(found.dt)
        curves = {
            "front_terms": np.array([len(m.orders) for m in front]),
            "front_rms": np.array([m.rms for m in front]),
            "front_ks": np.array([m.ks for m in front]),
        }
        notes = () if best.is_noise else ("no model of the front leaves residuals that pass for the noise.",)
        record = FitRecord(notes, {"rms": best.rms, "ks": best.ks, "n_terms": float(len(best.orders))}, curves)
        return finish(PowerRule(*leaves, self.n_substeps), found, unscaled(found), self, record, n_context=1)
