"""Trace and entropy of the tangent kernel of small networks on digits, along training and at the start."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import spearmanr

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.training import Problem, collective_variables, tangent_kernel


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_images: training images of the runs along time.
        n_steps: steps of Adam there.
        n_records: places at which the kernel is taken.
        n_starts: starts of each architecture.
        n_subsets: training subsets for the correlation.
        n_steps_subset: steps of Adam on each.
        seed: of weights and subsets.
    """

    n_images: int = 60
    n_steps: int = 800
    n_records: int = 16
    n_starts: int = 2
    n_subsets: int = 60
    n_steps_subset: int = 400
    seed: int = 0


SMOKE = Config(n_images=20, n_steps=8, n_records=2, n_starts=1, n_subsets=6, n_steps_subset=4)
N_SMALL, N_TEST = 20, 500


def main(config: Config) -> Results:
    """Identity and bound, runs of narrow and wide networks, correlation over subsets.

    Args:
        config: sizes.
    """
    x, z, labels = digits()
    key = jax.random.key(config.seed)
    data = (x[: config.n_images], z[: config.n_images])
    identity = gradient_identity(Problem(apply, start(key, (64, 8, 10)), data, batched=True))
    runs = {
        (width, depth): [
            follow(config, jax.random.fold_in(key, 10 * i + depth), (64, *[width] * depth, 10), data)
            for i in range(config.n_starts)
        ]
        for width in (4, 64)
        for depth in (1, 3)
    }
    change = {w: [r[1][-1] - r[1][0] for (a, _), rows in runs.items() if a == w for r in rows] for w in (4, 64)}
    diverse = correlation(config, key, x, z, labels, "diverse")
    measured = {
        "identity": identity[0],
        "bounds": rank_share(key, data[0], True),
        "compression": max(change[4]),
        "structure": min(change[64]),
        "generalisation": diverse[0],
        "labels": diverse[0],
    }
    controls = {
        "identity": identity[1],
        "bounds": rank_share(key, data[0], False),
        "compression": max(change[64]),
        "structure": min(change[4]),
        "generalisation": correlation(config, key, x, z, labels, "uniform")[0],
        "labels": correlation(config, key, x, z, labels, "random labels")[0],
    }
    curves = tuple(Curve(rows[0][0], rows[0][1], f"width {w}, depth {d}") for (w, d), rows in runs.items())
    caption = "Entropy of the kernel as a share of ln N: narrow networks compress, wide ones build structure."
    first = Plot("Entropy in training", "step", "entropy", curves, caption=caption)
    cloud = Plot(
        "The start predicts the test loss",
        "entropy times trace at the start",
        "test loss",
        (Curve(diverse[1], diverse[2], dots=True),),
    )
    return Results(measured, controls, (first, cloud))


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images standardised as a whole, labels as unit vectors and as numbers."""
    from sklearn.datasets import load_digits

    x, y = (np.asarray(a) for a in load_digits(return_X_y=True))
    return (x - x.mean()) / x.std(), np.eye(10)[y], y


def apply(params: list, x: Any) -> Any:
    """Relu network, batches of rows."""
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b[None])
    w, b = params[-1]
    return x @ w + b[None]


def start(key: Any, sizes: tuple[int, ...]) -> list:
    """He weights, no bias."""
    keys = jax.random.split(key, len(sizes) - 1)
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [(jax.random.normal(k, (a, b)) * jnp.sqrt(2 / a), jnp.zeros(b)) for k, a, b in pairs]


def gradient_identity(problem: Problem) -> tuple[float, float]:
    """Relative difference of |grad L|^2 from the kernel between slopes, with all blocks and the diagonal ones."""
    kernel = tangent_kernel(problem)
    n, c = kernel.n_samples, kernel.n_outputs
    slopes = np.asarray(problem.outputs(problem.params, problem.data) - problem.data[1]) / n
    gradient = np.asarray(problem.gradient(problem.params, problem.data))
    exact = float(gradient @ gradient)
    whole = float(slopes.ravel() @ kernel.dense() @ slopes.ravel())
    diagonal = float(np.einsum("ic,icd,id->", slopes, kernel.blocks(), slopes))
    assert slopes.shape == (n, c)
    return abs(whole / exact - 1), abs(diagonal / exact - 1)


def rank_share(key: Any, x: np.ndarray, narrow: bool) -> float:
    """Effective rank over d + 1 in three input dimensions: one linear unit, or 64 relu units."""
    few = x[:, 20:23]
    width = 1 if narrow else 64
    weights = (jax.random.normal(key, (3, width)), jax.random.normal(key, (width, 1)))
    act = (lambda h: h) if narrow else jax.nn.relu
    problem = Problem(lambda p, x: act(x @ p[0]) @ p[1], weights, (few, np.zeros((len(few), 1))), batched=True)
    return collective_variables(problem).effective_rank / 4


def follow(config: Config, key: Any, sizes: tuple[int, ...], data: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Steps and entropies along training by Adam."""
    problem = Problem(apply, start(key, sizes), data, batched=True)
    optimiser = optax.adam(3e-3)

    @jax.jit
    def advance(carry: Any, n: Any) -> Any:
        def step(_: Any, carry: tuple) -> tuple:
            params, state = carry
            update, state = optimiser.update(jax.grad(problem.loss)(params, problem.data), state)
            return optax.apply_updates(params, update), state

        return jax.lax.fori_loop(0, n, step, carry)

    places = np.unique(np.r_[0, np.geomspace(1, config.n_steps, config.n_records).astype(int)])
    carry: Any = (problem.params, optimiser.init(problem.params))
    entropies = []
    for before, now in zip(np.r_[0, places[:-1]], places, strict=True):
        carry = advance(carry, now - before)
        entropies.append(collective_variables(problem, carry[0]).entropy)
    return places, np.array(entropies)


def subset(rng: Any, labels: np.ndarray, diverse: bool) -> np.ndarray:
    """Rows of 20 images: of some classes only, 2 to 10 of them, or of all."""
    rows = np.arange(N_TEST, len(labels))
    if diverse:
        classes = rng.choice(10, rng.integers(2, 11), replace=False)
        rows = rows[np.isin(labels[rows], classes)]
    return rng.choice(rows, N_SMALL, replace=False)


@functools.partial(jax.jit, static_argnames="n_steps")
def _test_loss(params: Any, x: Any, z: Any, x_test: Any, z_test: Any, n_steps: int) -> Any:
    optimiser = optax.adam(2e-3)
    loss = lambda p, x, z: jnp.mean(0.5 * jnp.sum((apply(p, x) - z) ** 2, axis=1))  # noqa: E731

    def step(_: Any, carry: tuple) -> tuple:
        params, state = carry
        update, state = optimiser.update(jax.grad(loss)(params, x, z), state)
        return optax.apply_updates(params, update), state

    params, _ = jax.lax.fori_loop(0, n_steps, step, (params, optimiser.init(params)))
    return loss(params, x_test, z_test)


def correlation(
    config: Config, key: Any, x: np.ndarray, z: np.ndarray, labels: np.ndarray, kind: str
) -> tuple[float, np.ndarray, np.ndarray]:
    """Rank correlation over subsets of entropy times trace at the start with the test loss; both."""
    rng = np.random.default_rng(config.seed + 1)
    params = start(key, (64, 64, 64, 10))
    targets = np.eye(10)[rng.integers(0, 10, len(labels))] if kind == "random labels" else z
    first, last = [], []
    for _ in range(config.n_subsets):
        rows = subset(rng, labels, kind != "uniform")
        found = collective_variables(Problem(apply, params, (x[rows], targets[rows]), batched=True))
        first.append(found.entropy * found.trace)
        test = (x[:N_TEST], targets[:N_TEST])
        last.append(float(_test_loss(params, x[rows], targets[rows], *test, config.n_steps_subset)))
    rank: Any = spearmanr(first, last)
    return float(rank.statistic), np.array(first), np.array(last)
