"""A reversible reaction of order 1.5: all small models, whole orders only, and the search of orders."""

import dataclasses
import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np

import cocycle as cc
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import PowerModel, PowerRegression, pareto_search

STEP, N_ROWS, NOISE = 0.02, 201, 0.005
STARTS = ((1.0, 0.0), (0.3, 0.9), (1.5, 0.4))
POWERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
TRUTH = np.array([[1.5, 0.0], [0.0, 1.0]])


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_searches: searches of orders.
        n_generations: of each.
        n_population: models of a generation.
        seed: of noise and searches.
    """

    n_searches: int = 5
    n_generations: int = 40
    n_population: int = 60
    seed: int = 0


SMOKE = Config(n_searches=1, n_generations=5, n_population=20)


@cc.flow(dt=STEP, x0=jnp.array([1.0, 0.0]))
def reaction(t: Any, y: Any, args: Any) -> Any:
    """A to B of order 1.5, and back."""
    rate = 2 * y[0] ** 1.5 - 0.6 * y[1]
    return jnp.stack([-rate, rate])


def data(config: Config) -> list[np.ndarray]:
    """Three noisy runs.

    Args:
        config: its seed.
    """
    rng, parts = np.random.default_rng(config.seed), []
    for start in STARTS:
        rest = cc.trajectory(reaction, jnp.array(start), n_steps=N_ROWS - 1, progress=False).x
        clean = np.concatenate([np.array(start)[None], np.asarray(rest)])
        parts.append(clean + NOISE * rng.normal(size=clean.shape))
    return parts


def best(regression: PowerRegression, terms: list[tuple[float, float]], size: int) -> list[PowerModel]:
    """All models of `size` terms, best misfit first.

    Args:
        regression: the data.
        terms: orders to choose from.
        size: terms of a model.
    """
    models = [regression.model(np.array(chosen)) for chosen in itertools.combinations(terms, size)]
    return sorted(models, key=lambda model: model.rms)


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    parts = data(config)
    regression = PowerRegression(parts, STEP, NOISE, columns=[0])
    doubled = PowerRegression(parts, STEP, 2 * NOISE, columns=[0])
    real = [(p, q) for p in POWERS for q in POWERS if 0 < p + q <= 3]
    whole = [(p, q) for p in (0.0, 1.0, 2.0) for q in (0.0, 1.0, 2.0) if 0 < p + q <= 2]
    ones, twos = best(regression, real, 1), best(regression, real, 2)
    integers = {k: best(regression, whole, k)[0].rms for k in (1, 2, 3, 4)}
    found = twos[0]
    wrong = regression.model([[2.0, 0.0], [0.0, 1.0]])
    searched = [hit(config, regression, k, config.n_generations) for k in range(config.n_searches)]
    plain = [hit(config, regression, k, 0) for k in range(config.n_searches)]
    measured = {
        "rate": coefficient(found, (1.5, 0.0)),
        "misfit": found.rms,
        "residuals": found.ks,
        "integers": integers[3],
        "search": float(np.mean(searched)),
    }
    controls = {
        "rate": coefficient(wrong, (2.0, 0.0)),
        "misfit": twos[1].rms,
        "residuals": doubled.model(found.orders).ks,
        "integers": found.rms,
        "search": float(np.mean(plain)),
    }
    sizes = np.array([1, 2, 3, 4])
    lines = (
        Curve(sizes, np.array([integers[k] for k in sizes]), "whole orders up to 2"),
        Curve(sizes[:2], np.array([ones[0].rms, found.rms]), "orders in halves up to 3"),
    )
    labels = "terms", "misfit / noise"
    return Results(measured, controls, (Plot("Misfit of the best model", *labels, lines, log_y=True),))


def coefficient(model: PowerModel, order: tuple[float, float]) -> float:
    """Coefficient of a term; NaN where the model has it not.

    Args:
        model: a model of one column.
        order: of the term.
    """
    at = np.flatnonzero((np.abs(model.orders - np.array(order)) < 1e-9).all(axis=1))
    return float(model.coefficients[at[0], 0]) if at.size else float("nan")


def hit(config: Config, regression: PowerRegression, number: int, n_generations: int) -> bool:
    """Whether the best model of two terms of a search has the true orders.

    Args:
        config: sizes and seed.
        regression: the data.
        number: of the search.
        n_generations: generations.
    """
    sizes = {"n_population": config.n_population, "n_generations": n_generations}
    front = [m for m in pareto_search(regression, 2, seed=config.seed + number, **sizes) if len(m.orders) == 2]
    if not front:
        return False
    orders = min(front, key=lambda m: m.rms).orders
    return any(np.abs(orders[list(p)] - TRUTH).max() < 0.05 for p in ((0, 1), (1, 0)))
