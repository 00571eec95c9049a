"""Fisher traces of a small classifier from its tangent kernel, against dense matrices, and along a training run."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.gallery.results import Curve, Plot, Results
from cocycle.operators import Categorical, Hutchinson, extreme_eigenvalues, trace
from cocycle.training import Problem, gauss_newton, hessian, tangent_kernel


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_networks: random networks on which identities are checked.
        n_draws: label sets drawn.
        n_steps: steps of gradient descent on the digits.
        n_images: images.
        n_records: places at which the trace is taken.
        seed: of weights, inputs and labels.
    """

    n_networks: int = 5
    n_draws: int = 2000
    n_steps: int = 3000
    n_images: int = 300
    n_records: int = 40
    seed: int = 0


SMOKE = Config(n_networks=2, n_steps=40, n_images=60, n_records=3)
SIZES, N = (6, 16, 16, 3), 20
RATE, SMALL = 0.2, 1 / 3


def main(config: Config) -> Results:
    """Check the identities, then follow a training run.

    Args:
        config: sizes.
    """
    keys = jax.random.split(jax.random.key(config.seed), config.n_networks + 2)
    rows = [identities(random_problem(k, SIZES)) for k in keys[: config.n_networks]]
    problem = random_problem(keys[-1], SIZES)
    sampled, sampled_control = label_draws(problem, keys[-2], config.n_draws)
    probed, probed_control = probes(problem, keys[-2])
    linear = random_problem(keys[-1], (6, 3))
    names = ("fisher_trace", "empirical_trace", "spectrum")
    run, run_control, plots = training(config)
    measured = {name: max(row[0][k] for row in rows) for k, name in enumerate(names)}
    controls = {name: max(row[1][k] for row in rows) for k, name in enumerate(names)}
    measured |= {"sampled_labels": sampled, "probes": probed, "hessian_is_fisher": curvature_gap(linear), **run}
    controls |= {
        "sampled_labels": sampled_control,
        "probes": probed_control,
        "hessian_is_fisher": curvature_gap(problem),
        **run_control,
    }
    return Results(measured, controls, plots)


def apply(params: Any, x: Any) -> Any:
    """Tanh network, batches of rows."""
    for w, b in params[:-1]:
        x = jnp.tanh(x @ w + b[None])
    w, b = params[-1]
    return x @ w + b[None]


def start(key: Any, sizes: tuple[int, ...], scale: float = 1.0) -> list:
    """Normal weights of standard deviation scale / sqrt(n_in), no bias."""
    keys = jax.random.split(key, len(sizes) - 1)
    pairs = list(zip(keys, sizes[:-1], sizes[1:], strict=True))
    return [(scale * jax.random.normal(k, (a, b)) / jnp.sqrt(a), jnp.zeros(b)) for k, a, b in pairs]


def random_problem(key: Any, sizes: tuple[int, ...]) -> Problem:
    """Gaussian inputs, random labels."""
    k = jax.random.split(key, 3)
    data = (jax.random.normal(k[0], (N, sizes[0])), jax.random.randint(k[1], (N,), 0, sizes[-1]))
    return Problem(apply, start(k[2], sizes), data, loss="cross_entropy", batched=True)


def relative(a: float, b: float) -> float:
    """Difference over the second."""
    return abs(a / b - 1)


def identities(problem: Problem) -> tuple[list[float], list[float]]:
    """Relative differences of the two traces and of the top of the spectrum; the same of their controls."""
    params, batch = problem.params, problem.data
    dense = gauss_newton(problem).dense()
    kernel = tangent_kernel(problem)
    blocks, outputs = kernel.blocks(), problem.outputs(params, batch)
    metric = jax.vmap(lambda f: jax.vmap(lambda u: Categorical().metric(f, u))(jnp.eye(f.size)))(outputs)
    from_kernel = float(np.mean(np.einsum("ncd,ndc->n", np.asarray(metric), blocks)))
    unweighted = kernel.trace() / N
    gradients = np.asarray(problem.per_sample_gradients(params, batch))
    slopes = np.asarray(jax.vmap(jax.grad(problem.sample_loss))(outputs, batch[1]))
    empirical = float(np.mean(np.einsum("nc,ncd,nd->n", slopes, blocks, slopes)))
    true_empirical = float(np.trace(gradients.T @ gradients / N))
    mean_gradient = np.asarray(problem.gradient(params, batch))
    weighted = tangent_kernel(problem, weighted=True)
    matrix = weighted.dense() / N
    alone = np.zeros_like(matrix)
    for i in range(N):
        part = slice(3 * i, 3 * i + 3)
        alone[part, part] = matrix[part, part]
    top = np.linalg.eigvalsh(dense)[::-1][:10]
    gap = [float(np.max(np.abs(np.linalg.eigvalsh(m)[::-1][:10] / top - 1))) for m in (matrix, alone)]
    exact = float(np.trace(dense))
    return (
        [relative(from_kernel, exact), relative(empirical, true_empirical), gap[0]],
        [relative(unweighted, exact), relative(float(mean_gradient @ mean_gradient), true_empirical), gap[1]],
    )


def label_draws(problem: Problem, key: Any, n_draws: int) -> tuple[float, float]:
    """Distance of the mean empirical trace from tr F, labels from the model and uniform, in standard errors."""
    outputs = problem.outputs(problem.params, problem.data)
    blocks = jnp.asarray(tangent_kernel(problem).blocks())
    exact = gauss_newton(problem).trace()

    def one(key: Any, logits: Any) -> Any:
        labels = jax.random.categorical(key, logits)
        g = jax.nn.softmax(outputs) - jax.nn.one_hot(labels, 3)
        return jnp.mean(jnp.einsum("nc,ncd,nd->n", g, blocks, g))

    keys = jax.random.split(key, n_draws)
    out = []
    for logits in (outputs, jnp.zeros_like(outputs)):
        draws = np.asarray(jax.jit(jax.vmap(functools.partial(one, logits=logits)))(keys))
        out.append(float(abs(draws.mean() - exact) / (draws.std(ddof=1) / np.sqrt(n_draws))))
    return out[0], out[1]


def probes(problem: Problem, key: Any) -> tuple[float, float]:
    """Distance of Hutchinson's estimate from tr F in standard errors: cross-entropy, and the squared loss."""
    exact = gauss_newton(problem).trace()
    targets = jax.nn.one_hot(problem.data[1], 3)
    squared = Problem(apply, problem.params, (problem.data[0], targets), batched=True)
    found = [trace(gauss_newton(p), Hutchinson(200), key=key) for p in (problem, squared)]
    first, second = (float(abs(e.value - exact) / e.stderr) for e in found)
    return first, second


def curvature_gap(problem: Problem) -> float:
    """Largest difference between Hessian and Fisher matrix over the largest entry."""
    h, f = hessian(problem).dense(), gauss_newton(problem).dense()
    return float(np.max(np.abs(h - f)) / np.max(np.abs(f)))


def training(config: Config) -> tuple[dict, dict, tuple[Plot, ...]]:
    """Gradient descent on digits: traces along the way, for the network and its two controls."""
    from sklearn.datasets import load_digits

    x, y = (np.asarray(a) for a in load_digits(return_X_y=True))
    x, y = ((x - x.mean()) / x.std())[: config.n_images], y[: config.n_images]
    key = jax.random.key(config.seed + 1)
    runs = {
        "network": follow(config, key, (64, 32, 10), x, y),
        "from a third of its weights": follow(config, key, (64, 32, 10), x, y, SMALL),
        "softmax regression": follow(config, key, (64, 10), x, y),
    }
    step, traces, tops, squares, losses, kernels = runs["network"]
    small = runs["from a third of its weights"][1]
    measured = {
        "bound": float(np.max(tops / traces)),
        "rise": float(small.max() / small[0]),
        "fall": float(traces[-1] / traces.max()),
    }
    controls = {
        "bound": float(np.max(tops / squares)),
        "rise": float(traces.max() / traces[0]),
        "fall": float(kernels[-1] / kernels.max()),
    }
    curves = tuple(Curve(run[0], run[1], name) for name, run in runs.items())
    caption = "Trace of the Fisher matrix along gradient descent, from the factors of the samples."
    first = Plot("Fisher trace in training", "step", "tr F", curves, caption=caption, log_y=True)
    inside = (Curve(step, traces, "tr F"), Curve(step, tops, "largest eigenvalue"), Curve(step, losses, "loss"))
    return measured, controls, (first, Plot("The network", "step", "", inside, log_y=True))


def follow(
    config: Config, key: Any, sizes: tuple[int, ...], x: np.ndarray, y: np.ndarray, scale: float = 1.0
) -> tuple[np.ndarray, ...]:
    """Steps, tr F, largest eigenvalue of F, squared gradient norm, loss and kernel trace along gradient descent."""
    problem = Problem(apply, start(key, sizes, scale), (x, y), loss="cross_entropy", batched=True)

    @jax.jit
    def advance(params: Any, n: Any) -> Any:
        def step(_: Any, p: Any) -> Any:
            return jax.tree.map(lambda a, g: a - RATE * g, p, jax.grad(problem.loss)(p, problem.data))

        return jax.lax.fori_loop(0, n, step, params)

    places = np.unique(np.r_[0, np.geomspace(1, config.n_steps, config.n_records).astype(int)])
    rows, params, guess = [], problem.params, None
    for before, now in zip(np.r_[0, places[:-1]], places, strict=True):
        params = advance(params, now - before)
        operator = gauss_newton(problem, params)
        found = extreme_eigenvalues(operator, tol=1e-6, guess=guess, progress=False)
        guess = found.vectors[0]
        g = np.asarray(problem.gradient(params, problem.data))
        loss, kernel = float(problem.loss(params, problem.data)), tangent_kernel(problem, params).trace()
        rows.append((now, operator.trace(), found.values[0], g @ g, loss, kernel))
    return tuple(np.array(rows, dtype=float).T)
