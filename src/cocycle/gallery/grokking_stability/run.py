"""Modular addition by AdamW without decay: the direction that scales logits, collapse of the softmax, and grokking."""

import dataclasses
import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.gallery.grokking_stability.softmax import largest_loss, log1p_loss, plain_loss, stable_max_loss, threshold
from cocycle.gallery.results import Curve, Plot, Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        modulus: p of the published size.
        width: of its two hidden layers.
        n_perpendicular: epochs with the gradient made perpendicular.
        n_plain: epochs without; 0 leaves all training out.
        small_modulus: p of the run to collapse.
        small_width: of its hidden layers.
        n_collapse: epochs to collapse.
        n_small: epochs of the small run with the gradient made perpendicular.
        seed: of weights and of the split.
    """

    modulus: int = 113
    width: int = 200
    n_perpendicular: int = 200
    n_plain: int = 300
    small_modulus: int = 47
    small_width: int = 128
    n_collapse: int = 2000
    n_small: int = 250
    seed: int = 0


SMOKE = Config(modulus=11, width=16, n_plain=0)
DEPTH, RATE = 3, 0.01
PLACES = 20


def main(config: Config) -> Results:
    """Thresholds of the softmax, training at two sizes, identities of the gradient.

    Args:
        config: sizes.
    """
    large = modular(config.seed, config.modulus, config.width, 0.4)
    limits = [threshold(kind) for kind in (plain_loss, log1p_loss)]
    lost = [largest_loss(loss) for loss in (plain_loss, stable_max_loss)]
    measured = {
        "threshold": limits[0],
        "lost": lost[0],
        "homogeneous": euler(large, jax.nn.relu),
        "perpendicular": orthogonality(large, True),
    }
    controls = {
        "threshold": limits[1],
        "lost": lost[1],
        "homogeneous": euler(large, jnp.tanh),
        "perpendicular": orthogonality(large, False),
    }
    if not config.n_plain:
        return Results(measured, controls)
    generalised, generalised_control, first = published(config, large)
    halted, halted_control, second = collapsed(config)
    return Results(measured | generalised | halted, controls | generalised_control | halted_control, (first, second))


def published(config: Config, large: Any) -> tuple[dict, dict, Plot]:
    """The published size, with the steered gradient and with the gradient as it is."""
    steered = train(large, config.n_perpendicular, True, b2=0.99, eps=1e-25)
    plain = train(large, config.n_plain, False, b2=0.99, eps=1e-25)
    curves = tuple(
        Curve(r["epoch"], r[k], f"{name}, {k}")
        for name, r in (("gradient", plain), ("steered gradient", steered))
        for k in ("train", "test")
    )
    early = len(plain["epoch"]) // 5
    return (
        last({"grokking": steered["test"], "fits": plain["train"], "delay": plain["test"], "scaling": plain["cosine"]}),
        last({"grokking": plain["test"], "fits": plain["test"], "delay": steered["test"]})
        | {"scaling": float(plain["cosine"][early])},
        Plot(f"Addition modulo {config.modulus}", "epoch", "accuracy", curves),
    )


def collapsed(config: Config) -> tuple[dict, dict, Plot]:
    """A smaller size until the softmax is lost, in single and in double precision; the steered gradient."""
    small = modular(config.seed + 1, config.small_modulus, config.small_width, 0.5)
    options: dict[str, Any] = {"b2": 0.98, "eps": 1e-8}
    single = train(small, config.n_collapse, False, **options)
    double = train(small, config.n_collapse, False, double=True, **options)
    steered = train(small, config.n_small, True, **options)
    curves = (
        Curve(single["epoch"], single["zero"], "single precision: share of losses that are zero"),
        Curve(double["epoch"], double["zero"], "double precision: the same"),
        Curve(double["epoch"], double["cosine"], "double precision: cosine of step and weights", dashed=True),
    )
    runs = {"collapse": single["zero"], "collapse_test": single["test"], "double": double["zero"]}
    others = {"collapse": double["zero"], "collapse_test": steered["test"], "double": single["zero"]}
    return (
        last(runs | {"double_test": double["test"]}),
        last(others | {"double_test": steered["test"]}),
        Plot(f"Collapse of the softmax, modulo {config.small_modulus}", "epoch", "", curves),
    )


def last(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Last value of each."""
    return {name: float(values[-1]) for name, values in curves.items()}


# Modular addition ----------------------------------------------------------------------------------------------------


def modular(seed: int, p: int, width: int, share: float) -> dict[str, Any]:
    """All pairs and their sums, split at random; start of the weights."""
    rng = np.random.default_rng(seed)
    a, b = (v.ravel() for v in np.meshgrid(np.arange(p), np.arange(p), indexing="ij"))
    x = np.concatenate([np.eye(p, dtype=np.float32)[a], np.eye(p, dtype=np.float32)[b]], axis=1)
    order, n = rng.permutation(p * p), round(share * p * p)
    sizes = (2 * p, width, width, p)
    start = [
        rng.uniform(-1, 1, (m, k)).astype(np.float32) / np.float32(np.sqrt(m)) for m, k in itertools.pairwise(sizes)
    ]
    y = (a + b) % p
    pick = lambda rows: (jnp.asarray(x[rows]), jnp.asarray(y[rows]))  # noqa: E731
    return {"params": [jnp.asarray(w) for w in start], "train": pick(order[:n]), "test": pick(order[n:])}


def logits(params: Any, x: Any, act: Any = jax.nn.relu) -> Any:
    """No biases: with relu units f(c w) = c^3 f(w)."""
    for w in params[:-1]:
        x = act(x @ w)
    return x @ params[-1]


def losses(params: Any, data: Any, double: bool = False, act: Any = jax.nn.relu) -> Any:
    """Loss of each sample; `double` takes the softmax of single-precision logits in double precision."""
    f = logits(params, data[0], act)
    f = f.astype(float) if double else f
    return -jnp.take_along_axis(jax.nn.log_softmax(f), data[1][:, None], axis=1)[:, 0]


def steer(gradient: Any, params: Any) -> Any:
    """Gradient without its part along the weights of each layer, at its old length."""

    def one(g: Any, w: Any) -> Any:
        flat = g - jnp.vdot(w, g) / (jnp.vdot(w, w) + 1e-30) * w
        return flat * jnp.linalg.norm(g) / (jnp.linalg.norm(flat) + 1e-30)

    return jax.tree.map(one, gradient, params)


@functools.partial(jax.jit, static_argnames=("steered", "double"))
def _epochs(carry: Any, data: Any, n: Any, b2: Any, eps: Any, steered: bool, double: bool) -> Any:
    def step(_: Any, carry: tuple) -> tuple:
        params, state = carry
        g = jax.grad(lambda p: jnp.mean(losses(p, data, double)))(params)
        update, state = optax.adam(RATE, 0.9, b2, eps).update(steer(g, params) if steered else g, state)
        return optax.apply_updates(params, update), state

    return jax.lax.fori_loop(0, n, step, carry)


@functools.partial(jax.jit, static_argnames="double")
def _look(params: Any, train: Any, test: Any, double: bool) -> dict[str, Any]:
    value = losses(params, train, double)
    g = jax.grad(lambda p: jnp.mean(losses(p, train, double)))(params)
    inner = sum(jnp.vdot(a, b) for a, b in zip(g, params, strict=True))
    size = jnp.sqrt(sum(jnp.vdot(a, a) for a in g) * sum(jnp.vdot(a, a) for a in params))
    right = lambda data: jnp.mean(jnp.argmax(logits(params, data[0]), axis=1) == data[1])  # noqa: E731
    return {
        "train": right(train),
        "test": right(test),
        "zero": jnp.mean(value == 0),
        "cosine": jnp.where(size > 0, -inner / size, 0.0),
    }


def train(task: Any, n: int, steered: bool, *, b2: float, eps: float, double: bool = False) -> dict[str, np.ndarray]:
    """Full-batch epochs; accuracies, share of zero losses and alignment of step and weights along the way."""
    carry = (task["params"], optax.adam(RATE).init(task["params"]))
    places = np.unique(np.linspace(0, n, PLACES + 1).astype(int))
    numbers = np.float32(b2), np.float32(eps)
    rows = []
    for before, now in zip(np.r_[0, places[:-1]], places, strict=True):
        carry = _epochs(carry, task["train"], now - before, *numbers, steered, double)
        rows.append(jax.tree.map(float, _look(carry[0], task["train"], task["test"], double)))
    return {"epoch": places} | {k: np.array([r[k] for r in rows]) for k in rows[0]}


def euler(task: Any, act: Any) -> float:
    """Relative difference of sum w g from 3 times the mean of f dl/df, in double precision."""
    params = [w.astype(float) for w in task["params"]]
    x, y = task["train"][0].astype(float), task["train"][1]
    g = jax.grad(lambda p: jnp.mean(losses(p, (x, y), act=act)))(params)
    inner = sum(jnp.vdot(a, b) for a, b in zip(g, params, strict=True))
    f = logits(params, x, act)
    slopes = jax.nn.softmax(f) - jax.nn.one_hot(y, f.shape[1])
    return abs(float(inner / (DEPTH * jnp.mean(jnp.sum(f * slopes, axis=1)))) - 1)


def orthogonality(task: Any, steered: bool) -> float:
    """Largest |cosine| of the gradient of a layer with its weights, at the start."""
    params = task["params"]
    g = jax.grad(lambda p: jnp.mean(losses(p, task["train"])))(params)
    g = steer(g, params) if steered else g
    pairs = zip(g, params, strict=True)
    return max(float(jnp.abs(jnp.vdot(a, b)) / jnp.linalg.norm(a) / jnp.linalg.norm(b)) for a, b in pairs)
