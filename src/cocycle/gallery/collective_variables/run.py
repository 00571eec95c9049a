"""Trace and entropy of the tangent kernel of small networks on digits, along training and at the start."""

import dataclasses
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import spearmanr

from cocycle.core.estimate import Estimate, sample_mean
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.training import Problem, collective_variables, tangent_kernel


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_images: training images of the runs along time.
        n_steps: steps of Adam there; 0 leaves all training out.
        n_records: places at which the kernel is taken.
        n_starts: starts of each architecture.
        n_subsets: training subsets for the correlation.
        n_steps_subset: steps of Adam on each.
        seed: of weights and subsets.
    """

    n_images: int = 60
    n_steps: int = 800
    n_records: int = 16
    n_starts: int = 16
    n_subsets: int = 120
    n_steps_subset: int = 400
    seed: int = 0


SMOKE = Config(n_steps=0)
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
    measured = {"identity": identity[0], "bounds": rank_share(key, data[0], True)}
    controls = {"identity": identity[1], "bounds": rank_share(key, data[0], False)}
    if not config.n_steps:
        return Results(measured, controls)
    change, curves, dead = starts(config, key, data)
    sets = {kind: correlations(config, key, (x, z, labels), kind) for kind in ("diverse", "uniform", "random labels")}
    measured |= {
        "compression": sample_mean(change[4]),
        "structure": sample_mean(change[64]),
        "generalisation": sets["diverse"][0],
        "accuracy": sets["diverse"][1],
    }
    controls |= {
        "compression": sample_mean(change[64]),
        "structure": sample_mean(change[4]),
        "generalisation": sets["uniform"][0],
        "accuracy": sets["random labels"][1],
    }
    caption = "Entropy of the kernel as a share of ln N: narrow networks compress, wide ones build structure."
    first = Plot("Entropy in training", "step", "entropy", curves, caption=caption)
    cloud = Plot(
        "The start predicts the test loss",
        "entropy times trace at the start",
        "test loss",
        (Curve(*sets["diverse"][2], dots=True),),
    )
    notes = (
        f"Of {len(change[4])} narrow networks {int(np.sum(change[4] < 0))} compress; "
        f"{100 * dead:.0f} % of their units end dead, silent on all images.",
        f"With random labels the rank correlation with the test loss is {sets['random labels'][0]}: it does not need "
        "labels with a meaning.",
    )
    return Results(measured, controls, (first, cloud), notes)


def starts(config: Config, key: Any, data: tuple) -> tuple[dict[int, np.ndarray], tuple[Curve, ...], float]:
    """Change of the entropy by width, over depths and starts; curves of the first starts; share of dead units."""
    change: dict[int, list] = {4: [], 64: []}
    curves, dead = [], []
    for width, depth in itertools.product(change, (1, 3)):
        for i in range(config.n_starts):
            sizes = (64, *[width] * depth, 10)
            places, entropies, end = follow(config, jax.random.fold_in(key, 10 * i + depth), sizes, data, i == 0)
            change[width].append(entropies[-1] - entropies[0])
            if i == 0:
                curves.append(Curve(places, entropies, f"width {width}, depth {depth}"))
            if width == 4:
                dead.append(dead_units(end, data[0]))
    return {w: np.array(rows) for w, rows in change.items()}, tuple(curves), float(np.mean(dead))


def dead_units(params: Any, x: np.ndarray) -> float:
    """Share of hidden units that are zero on all images."""
    silent = []
    for w, b in params[:-1]:
        x = np.maximum(x @ np.asarray(w) + np.asarray(b)[None], 0.0)
        silent.append(np.all(x == 0, axis=0))
    return float(np.mean(np.concatenate(silent)))


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
    """Rank of the kernel over d, in d = 3 input dimensions: one linear unit, or 64 relu units."""
    few = x[:, 20:23]
    width = 1 if narrow else 64
    weights = (jax.random.normal(key, (3, width)), jax.random.normal(key, (width, 1)))
    act = (lambda h: h) if narrow else jax.nn.relu
    problem = Problem(lambda p, x: act(x @ p[0]) @ p[1], weights, (few, np.zeros((len(few), 1))), batched=True)
    return float(np.linalg.matrix_rank(tangent_kernel(problem).dense(), hermitian=True)) / 3


@jax.jit
def advance(carry: Any, data: tuple, n: Any) -> Any:
    """Full-batch steps of Adam at rate 3e-3."""

    def step(_: Any, carry: tuple) -> tuple:
        params, state = carry
        update, state = optax.adam(3e-3).update(jax.grad(mean_loss)(params, *data), state)
        return optax.apply_updates(params, update), state

    return jax.lax.fori_loop(0, n, step, carry)


def mean_loss(params: Any, x: Any, z: Any) -> Any:
    """Half the squared error, mean over samples."""
    return jnp.mean(0.5 * jnp.sum((apply(params, x) - z) ** 2, axis=1))


def follow(
    config: Config, key: Any, sizes: tuple[int, ...], data: tuple, often: bool
) -> tuple[np.ndarray, np.ndarray, Any]:
    """Steps and entropies along training by Adam (of the start and the end alone, unless often); last parameters."""
    problem = Problem(apply, start(key, sizes), data, batched=True)
    n_records = config.n_records if often else 1
    places = np.unique(np.r_[0, np.geomspace(1, config.n_steps, n_records).astype(int), config.n_steps])
    if not often:
        places = places[[0, -1]]
    carry: Any = (problem.params, optax.adam(3e-3).init(problem.params))
    entropies = []
    for before, now in zip(np.r_[0, places[:-1]], places, strict=True):
        carry = advance(carry, data, now - before)
        entropies.append(collective_variables(problem, carry[0]).entropy)
    return places, np.array(entropies), carry[0]


def subset(rng: Any, labels: np.ndarray, diverse: bool) -> np.ndarray:
    """Rows of 20 images: of some classes only, 2 to 10 of them, or of all."""
    rows = np.arange(N_TEST, len(labels))
    if diverse:
        classes = rng.choice(10, rng.integers(2, 11), replace=False)
        rows = rows[np.isin(labels[rows], classes)]
    return rng.choice(rows, N_SMALL, replace=False)


@jax.jit
def _tested(params: Any, x: Any, z: Any, x_test: Any, z_test: Any, n_steps: Any) -> tuple[Any, Any]:
    """Test loss and test accuracy after full-batch steps of Adam."""

    def step(_: Any, carry: tuple) -> tuple:
        params, state = carry
        update, state = optax.adam(2e-3).update(jax.grad(mean_loss)(params, x, z), state)
        return optax.apply_updates(params, update), state

    params, _ = jax.lax.fori_loop(0, n_steps, step, (params, optax.adam(2e-3).init(params)))
    right = jnp.argmax(apply(params, x_test), axis=1) == jnp.argmax(z_test, axis=1)
    return mean_loss(params, x_test, z_test), jnp.mean(right)


def rank_correlation(a: Any, b: Any) -> Estimate:
    """Spearman's correlation with the standard error of its logarithmic transform."""
    found: Any = spearmanr(a, b)
    r = float(found.statistic)
    return Estimate(r, (1 - r**2) * math.sqrt((1 + r**2 / 2) / (len(a) - 3)), float(len(a)), "rank correlation")


def correlations(config: Config, key: Any, data: tuple, kind: str) -> tuple[Estimate, Estimate, tuple]:
    """Rank correlations over subsets: entropy times trace at the start with test loss, entropy with test accuracy."""
    x, z, labels = data
    rng = np.random.default_rng(config.seed + 1)
    params = start(key, (64, 64, 64, 10))
    targets = np.eye(10)[rng.integers(0, 10, len(labels))] if kind == "random labels" else z
    test, rows = (x[:N_TEST], targets[:N_TEST]), []
    for _ in range(config.n_subsets):
        pick = subset(rng, labels, kind != "uniform")
        found = collective_variables(Problem(apply, params, (x[pick], targets[pick]), batched=True))
        end = _tested(params, x[pick], targets[pick], *test, config.n_steps_subset)
        rows.append((found.entropy * found.trace, found.entropy, *map(float, end)))
    product, entropy, loss, accuracy = np.array(rows).T
    return rank_correlation(product, loss), rank_correlation(entropy, accuracy), (product, loss)
