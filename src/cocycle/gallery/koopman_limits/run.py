"""EDMD with residuals on maps of the circle and of the torus whose spectra are known."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.learn import AbstractDictionary, Fourier, KoopmanSpectrum, koopman_spectrum, residuals_on

GOLDEN = (math.sqrt(5) - 1) / 2
SMALL = 1e-6
FORCE, Q = 0.05, 3


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_axis: points of the quadrature along each axis of the torus.
        n_barrier: points along x for the barrier.
        orders: largest wave numbers of the dictionaries for the barrier.
        n_pairs: random pairs of the last case.
        n_fresh: fresh pairs of the last case.
        seed: of the random pairs.
    """

    n_axis: int = 64
    n_barrier: int = 256
    orders: tuple[int, ...] = (15, 30)
    n_pairs: int = 30
    n_fresh: int = 3000
    seed: int = 0


SMOKE = Config(n_axis=16, n_fresh=1000)


class TwistedWaves(AbstractDictionary):
    """Functions exp(2 pi i (k x + y)) with |k| up to an order."""

    order: int

    def __call__(self, x: Any) -> Any:
        """Return the values (n, 2 order + 1)."""
        k = jnp.arange(-self.order, self.order + 1)
        return jnp.exp(2j * jnp.pi * (jnp.asarray(x)[:, :1] * k[None] + jnp.asarray(x)[:, 1:]))


def main(config: Config) -> Results:
    """Run all cases.

    Args:
        config: sizes.
    """
    circle = (np.arange(config.n_axis) / config.n_axis)[:, None]
    side = np.arange(config.n_axis) / config.n_axis
    torus = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    # Fewer points integrate products of fewer waves exactly.
    waves = Fourier(1, min(8, config.n_axis // 2 - 1))
    rotation = koopman_spectrum(waves, circle, circle + GOLDEN)
    truth = np.exp(2j * np.pi * GOLDEN * np.asarray(waves.wave_numbers)[:, 0])
    other = np.exp(2j * np.pi * 0.6 * np.asarray(waves.wave_numbers)[:, 0])
    cat, skew, product = (_on_torus(torus, f) for f in (cat_map, skew_product, rotations))
    order = np.sort(cat.residuals)
    measured = {
        "rotation_error": _distance(rotation.eigenvalues, truth),
        "rotation_residual": float(rotation.residuals.max()),
        "cat_verified": float(np.sum(cat.residuals < 0.1)),
        "cat_next_residual": float(order[1]),
        "skew_verified": float(np.sum(skew.residuals < SMALL)),
    }
    controls = {
        "rotation_error": _distance(rotation.eigenvalues, other),
        "rotation_residual": float(cat.residuals.max()),
        "cat_verified": float(len(cat.eigenvalues)),
        "cat_next_residual": float(np.sort(rotation.residuals)[1]),
        "skew_verified": float(np.sum(product.residuals < SMALL)),
    }
    deltas = np.array([0.05, 0.02, 0.01, 0.005, 0.002, 0.001])
    curves = {k: np.array([barrier(config, k, d) for d in deltas]) for k in config.orders}
    measured["barrier"], controls["barrier"] = float(curves[max(config.orders)][-1]), float(curves[config.orders[0]][0])
    measured["fresh_residual"], controls["fresh_residual"] = fresh(config)
    return Results(measured, controls, (_spectra(cat, skew), _barrier_plot(deltas, curves)))


def cat_map(x: np.ndarray) -> np.ndarray:
    """(2 x + y, x + y)."""
    return np.stack([2 * x[:, 0] + x[:, 1], x[:, 0] + x[:, 1]], axis=1) % 1


def skew_product(x: np.ndarray) -> np.ndarray:
    """(x + omega, y + x)."""
    return np.stack([x[:, 0] + GOLDEN, x[:, 0] + x[:, 1]], axis=1) % 1


def rotations(x: np.ndarray) -> np.ndarray:
    """(x + omega, y + sqrt(2))."""
    return (x + np.array([GOLDEN, math.sqrt(2)])) % 1


def _on_torus(torus: np.ndarray, step: Callable[[np.ndarray], np.ndarray]) -> KoopmanSpectrum:
    return koopman_spectrum(Fourier(2, 3), torus, step(torus))


def _distance(found: np.ndarray, truth: np.ndarray) -> float:
    """Largest distance of a true eigenvalue to the nearest that was found."""
    return float(np.max(np.min(np.abs(truth[:, None] - found[None]), axis=1)))


def barrier(config: Config, order: int, delta: float) -> float:
    """Smallest residual of a dictionary on the skew product with a small denominator.

    Args:
        config: sizes.
        order: largest wave number.
        delta: distance of the rotation from 1 / 3.
    """
    x = np.stack([np.arange(config.n_barrier) / config.n_barrier, np.zeros(config.n_barrier)], axis=1)
    after = np.stack([x[:, 0] + 1 / Q + delta, x[:, 1] + FORCE * np.sin(2 * np.pi * Q * x[:, 0])], axis=1)
    return float(koopman_spectrum(TwistedWaves(order), x, after).residuals.min())


def fresh(config: Config) -> tuple[float, float]:
    """Smallest residual of non-constant EDMD pairs on fresh data, largest on their own.

    Args:
        config: sizes.
    """
    k_few, k_fresh = jax.random.split(jax.random.key(config.seed))
    few = np.asarray(jax.random.uniform(k_few, (config.n_pairs, 2)))
    new = np.asarray(jax.random.uniform(k_fresh, (config.n_fresh, 2)))
    waves = Fourier(2, 3)
    found = koopman_spectrum(waves, few, cat_map(few), n_rank=config.n_pairs)
    counted = (np.abs(found.eigenvalues) > 0.1) & (np.abs(found.eigenvalues - 1) > 1e-6)
    honest = residuals_on(found, waves, new, cat_map(new))
    return float(honest[counted].min()), float(found.residuals[counted].max())


def _spectra(cat: KoopmanSpectrum, skew: KoopmanSpectrum) -> Plot:
    curves = tuple(
        Curve(np.abs(s.eigenvalues), np.maximum(s.residuals, 1e-10), name, dots=True)
        for s, name in ((cat, "cat map"), (skew, "skew product"))
    )
    caption = "EDMD alone would report every point; only those at the bottom belong to the operator."
    return Plot("Eigenvalues and their residuals", "modulus", "residual", curves, caption=caption, log_y=True)


def _barrier_plot(deltas: np.ndarray, curves: dict[int, np.ndarray]) -> Plot:
    lines = tuple(Curve(deltas, np.maximum(v, 1e-10), f"wave numbers up to {k}") for k, v in curves.items())
    caption = "The nearer the rotation to 1/3, the larger the dictionary that an eigenfunction needs."
    labels = "distance of the rotation from 1/3", "smallest residual"
    return Plot("A barrier", *labels, lines, caption=caption, log_x=True, log_y=True)
