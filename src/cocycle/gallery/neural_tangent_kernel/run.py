"""Relu networks in tangent-kernel parametrisation on a circle: kernel at the start, its change, linear training."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.estimate import Estimate, sample_mean
from cocycle.core.realisations import map_rows
from cocycle.gallery.results import Curve, Plot, Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        widths: of the two hidden layers.
        n_starts: networks a width.
        n_trained: of them, trained.
        n_steps: steps of full-batch gradient descent; 0 leaves out all but the law of outputs.
        n_outputs: networks for the law of the outputs.
        seed: of all weights.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512, 1024)
    n_starts: int = 10
    n_trained: int = 8
    n_steps: int = 300
    n_outputs: int = 1600
    seed: int = 0


SMOKE = Config(widths=(64, 128), n_steps=0)
N_POINTS, DEPTH, N_MEAN_FIELD = 8, 3, 4


def main(config: Config) -> Results:
    """Kernels at the start for all widths, training at some, the law of outputs.

    Args:
        config: sizes.
    """
    x, y = points()
    key = jax.random.key(config.seed)
    limit, gram = recursion(x, True)
    middle = config.widths[-2]
    outputs = [output_variance(key, middle, x, config, gain, np.diag(gram)) for gain in (1.0, 1.5)]
    if not config.n_steps:
        return Results({"output_variance": outputs[0]}, {"output_variance": outputs[1]})
    kernels = {w: first_kernels(jax.random.fold_in(key, w), w, x, config.n_starts) for w in config.widths}
    spread = {w: spread_of(k) for w, k in kernels.items()}
    trained = {w: train(jax.random.fold_in(key, w), w, x, y, config, False) for w in config.widths[1:]}
    mean_field = {w: train(jax.random.fold_in(key, w), w, x, y, config, True) for w in config.widths[1:]}
    least, most = config.widths[0], config.widths[-1]
    small = config.widths[1]
    average = kernels[middle].mean(axis=0)
    measured = {
        "spread": spread[most],
        "spread_slope": fit(spread),
        "mean_kernel": relative(average, limit),
        "kernel_change": sample_mean(trained[most][0]),
        "change_slope": fit({w: t[0].mean() for w, t in trained.items()}),
        "linearised": sample_mean(trained[most][1]),
        "output_variance": outputs[0],
    }
    controls = {
        "spread": spread[least],
        "spread_slope": fit({w: s**2 for w, s in spread.items()}),
        "mean_kernel": relative(average, recursion(x, False)[0]),
        "kernel_change": sample_mean(mean_field[most][0]),
        "change_slope": fit({w: t[0].mean() for w, t in mean_field.items()}),
        "linearised": sample_mean(trained[small][1]),
        "output_variance": outputs[1],
    }
    widths = np.array(config.widths)
    first = Plot(
        "The kernel at the start",
        "width",
        "relative spread over starts",
        (Curve(widths, np.array([spread[w] for w in widths]), "found", dots=True),
         Curve(widths, spread[most] * np.sqrt(most / widths), "inverse root", dashed=True)),
        log_x=True,
        log_y=True,
    )  # fmt: skip
    change = [np.array([t[w][0].mean() for w in widths[1:]]) for t in (trained, mean_field)]
    names = ("tangent-kernel scaling", "mean-field scaling")
    second = Plot(
        "How much the kernel changes in training",
        "width",
        "relative change",
        tuple(Curve(widths[1:], c, name) for c, name in zip(change, names, strict=True)),
        caption="A wide network in the first scaling is lazy; in the second it learns features at any width.",
        log_x=True,
        log_y=True,
    )
    return Results(measured, controls, (first, second))


def points() -> tuple[Any, Any]:
    """Eight points of a circle, lifted and scaled to length 2 in four dimensions; targets."""
    angle = 2 * np.pi * np.arange(N_POINTS) / N_POINTS
    x = np.stack([np.cos(angle), np.sin(angle), np.full(N_POINTS, 0.5), np.zeros(N_POINTS)], axis=1)
    return jnp.asarray(2 * x / np.linalg.norm(x, axis=1, keepdims=True)), jnp.asarray(np.sin(angle) + 0.3)


def recursion(x: Any, derivative: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tangent kernel and covariance of outputs at infinite width, relu scaled by sqrt 2."""
    x = np.asarray(x)
    s = x @ x.T / x.shape[1]
    theta = s
    for _ in range(DEPTH - 1):
        size = np.sqrt(np.outer(np.diag(s), np.diag(s)))
        c = np.clip(s / size, -1, 1)
        k0 = 1 - np.arccos(c) / np.pi
        k1 = (np.sqrt(1 - c**2) + c * (np.pi - np.arccos(c))) / np.pi
        s = size * k1
        theta = theta * (k0 if derivative else 1.0) + s
    return theta, s


def start(key: Any, width: int, d: int) -> list:
    """Standard normal weights."""
    keys = jax.random.split(key, DEPTH)
    shapes = ((d, width), (width, width), (width, 1))
    return [jax.random.normal(k, s) for k, s in zip(keys, shapes, strict=True)]


def network(params: list, x: Any) -> Any:
    """Outputs (n,): each layer divided by the root of its inputs."""
    h = x
    for w in params[:-1]:
        h = jnp.sqrt(2.0) * jax.nn.relu(h @ w / jnp.sqrt(h.shape[1]))
    return (h @ params[-1])[:, 0] / jnp.sqrt(h.shape[1])


def kernel(params: list, x: Any, scale: float = 1.0) -> Any:
    """Tangent kernel (n, n)."""
    jacobian = jax.jacrev(lambda p: scale * network(p, x))(params)
    return sum(jnp.tensordot(j, j, axes=((1, 2), (1, 2))) for j in jacobian)


@functools.partial(jax.jit, static_argnames="width")
def _kernel(key: Any, width: int, x: Any) -> Any:
    return kernel(start(key, width, x.shape[1]), x)


def first_kernels(key: Any, width: int, x: Any, n: int) -> np.ndarray:
    """Kernels of n starts."""
    return np.stack([np.asarray(_kernel(k, width, x)) for k in jax.random.split(key, n)])


def spread_of(kernels: np.ndarray) -> float:
    """Root mean square over entries of the standard deviation, over that of the mean."""
    return float(np.sqrt(np.mean(kernels.var(axis=0, ddof=1)) / np.mean(kernels.mean(axis=0) ** 2)))


def relative(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference over the largest entry."""
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


def fit(values: dict) -> float:
    """Slope of the logarithm against that of the width."""
    return float(np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0])


@functools.partial(jax.jit, static_argnames=("width", "mean_field"))
def _train(keys: Any, width: int, x: Any, y: Any, n_steps: Any, mean_field: bool) -> tuple[Any, Any]:
    return jax.lax.map(lambda key: _train_one(key, width, x, y, n_steps, mean_field), keys)


def _train_one(key: Any, width: int, x: Any, y: Any, n_steps: Any, mean_field: bool) -> tuple[Any, Any]:
    scale = 1 / np.sqrt(width) if mean_field else 1.0
    params = start(key, width, x.shape[1])
    first = kernel(params, x, scale)
    rate = 0.2 / jnp.linalg.eigvalsh(first)[-1]
    f0 = scale * network(params, x)

    def step(_: Any, carry: tuple) -> tuple:
        params, f, worst = carry
        gradient = jax.grad(lambda p: 0.5 * jnp.sum((scale * network(p, x) - y) ** 2))(params)
        params = jax.tree.map(lambda p, g: p - rate * g, params, gradient)
        f = f - rate * first @ (f - y)
        return params, f, jnp.maximum(worst, jnp.max(jnp.abs(scale * network(params, x) - f)))

    params, _, worst = jax.lax.fori_loop(0, n_steps, step, (params, f0, 0.0))
    change = jnp.linalg.norm(kernel(params, x, scale) - first) / jnp.linalg.norm(first)
    return change, worst


def train(key: Any, width: int, x: Any, y: Any, config: Config, mean_field: bool) -> tuple[np.ndarray, np.ndarray]:
    """Relative change of the kernel and largest distance from linear training, of some networks."""
    n = N_MEAN_FIELD if mean_field else config.n_trained
    call = lambda part: _train(part, width, x, y, config.n_steps, mean_field)  # noqa: E731
    return map_rows(call, jax.random.split(key, n), n_rows=n)


def output_variance(key: Any, width: int, x: Any, config: Config, gain: float, law: np.ndarray) -> Estimate:
    """Square of the outputs over that of a law, mean over points and starts; weights of variance `gain`."""
    keys = jax.random.split(key, config.n_outputs)
    rows = map_rows(lambda part: _outputs(part, width, x, gain), keys, n_rows=config.n_outputs)
    return sample_mean(np.mean(rows**2 / law[None], axis=1))


@functools.partial(jax.jit, static_argnames="width")
def _outputs(keys: Any, width: int, x: Any, gain: Any) -> Any:
    def one(key: Any) -> Any:
        return network(jax.tree.map(lambda w: jnp.sqrt(gain) * w, start(key, width, x.shape[1])), x)

    return jax.lax.map(one, keys)
