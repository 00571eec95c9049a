"""SGD on a two-layer network of squared relu units with a strong and a weak feature, at rates around its edge."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_runs: data sets and starts for each rate.
        n_steps: steps of SGD.
        n_samples: training samples.
        n_test: test samples.
        dimension: of a patch.
        seed: of data, starts and batches.
    """

    n_runs: int = 8
    n_steps: int = 4000
    n_samples: int = 60
    n_test: int = 500
    dimension: int = 400
    seed: int = 0


SMOKE = Config(n_runs=2, n_steps=50, n_test=50, dimension=40)
WIDTH, STRONG, WEAK, SHARE, SPREAD = 10, 1.0, 0.3, 0.8, 0.02
RATES = (0.5, 2.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0)


def main(config: Config) -> Results:
    """Train at all rates and in all controls.

    Args:
        config: sizes.
    """
    sweep = {rate: run(config, rate) for rate in RATES}
    small, large, under = sweep[0.5], sweep[6.0], sweep[4.0]
    alone = run(config, 0.5, share=0.0)
    short = run(config, 0.5, n_steps=config.n_steps // 10)
    shifted, unshifted = run(config, 3.8, strong=1.2), run(config, 3.8)
    long = run(config, 0.5, n_steps=12 * config.n_steps)
    measured = {
        "small_rate": mean(small["accuracy"]),
        "small_rate_error": mean(small["error"]),
        "large_rate": mean(large["accuracy"]),
        "alignment": ratio(large["weak"], small["weak"]),
        "shifted_edge": mean(shifted["accuracy"]),
        "more_time": mean(long["accuracy"]),
    }
    controls = {
        "small_rate": mean(alone["accuracy"]),
        "small_rate_error": mean(short["error"]),
        "large_rate": mean(under["accuracy"]),
        "alignment": ratio(under["weak"], small["weak"]),
        "shifted_edge": mean(unshifted["accuracy"]),
        "more_time": mean(large["accuracy"]),
    }
    rates = np.array(RATES)
    found = [mean(sweep[r]["accuracy"]) for r in RATES]
    values, errors = np.array([e.value for e in found]), np.array([e.stderr for e in found])
    edge = WIDTH / (2 * STRONG**2)
    curves = (Curve(rates, values, "found", stderr=errors), Curve([edge, edge], [0.5, 1.0], "edge", dashed=True))
    picture = Plot(
        "Accuracy without the strong feature",
        "learning rate",
        "accuracy",
        curves,
        caption="Beyond the edge of stability of the strong feature the weak one is learned.",
    )
    return Results(measured, controls, (picture,))


def mean(rows: np.ndarray) -> Estimate:
    """Mean over runs."""
    return Estimate(float(np.mean(rows)), float(np.std(rows, ddof=1) / np.sqrt(len(rows))), float(len(rows)))


def ratio(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Ratio of two means, its error by the first order."""
    p, q = mean(a), mean(b)
    value = p.value / q.value
    return Estimate(value, abs(value) * float(np.hypot(p.stderr / p.value, q.stderr / q.value)), p.n_eff)


def patches(key: Any, n: int, d: int, strong: Any, share: Any) -> tuple[Any, Any]:
    """Samples (n, 3, d) of weak feature, strong feature or noise, and noise; labels +-1."""
    k = jax.random.split(key, 3)
    y = jnp.where(jax.random.bernoulli(k[0], 0.5, (n,)), 1.0, -1.0)
    noise = jax.random.normal(k[1], (n, 2, d)) / jnp.sqrt(d)
    noise = noise.at[:, :, :2].set(0.0)  # orthogonal to both features
    u, v = jnp.zeros(d).at[0].set(strong), jnp.zeros(d).at[1].set(WEAK)
    has = jnp.arange(n) < jnp.round(share * n)
    second = jnp.where(has[:, None], y[:, None] * u[None], noise[:, 0])
    return jnp.stack([y[:, None] * v[None], second, noise[:, 1]], axis=1), y


def network(w: Any, x: Any) -> Any:
    """Output for one sample: w (2, m, d), x (3, d)."""
    active = jnp.maximum(jnp.einsum("jrd,pd->jrp", w, x), 0.0) ** 2
    return jnp.sum(active[0] - active[1]) / WIDTH


def one_run(key: Any, rate: Any, strong: Any, share: Any, n_steps: Any, config: Config) -> dict[str, Any]:
    """Train once; accuracy on fresh samples without the strong feature, training error, alignments."""
    k = jax.random.split(key, 4)
    d = config.dimension
    x, y = patches(k[0], config.n_samples, d, strong, share)
    fresh, signs = patches(k[1], config.n_test, d, strong, 0.0)
    w = SPREAD * jax.random.normal(k[2], (2, WIDTH, d))
    gradient = jax.grad(lambda w, x, y: 0.5 * (network(w, x) - y) ** 2)

    def step(n: Any, w: Any) -> Any:
        i = jax.random.randint(jax.random.fold_in(k[3], n), (), 0, config.n_samples)
        return w - rate * gradient(w, x[i], y[i])

    w = jax.lax.fori_loop(0, n_steps, step, w)
    out = jax.vmap(lambda s: network(w, s))
    return {
        "accuracy": jnp.mean(jnp.sign(out(fresh)) == signs),
        "error": jnp.mean((out(x) - y) ** 2),
        "weak": jnp.max(jnp.abs(w[:, :, 1])),
    }


@functools.partial(jax.jit, static_argnames="config")
def _runs(keys: Any, rate: Any, strong: Any, share: Any, n_steps: Any, config: Config) -> dict[str, Any]:
    return jax.vmap(lambda key: one_run(key, rate, strong, share, n_steps, config))(keys)


def run(
    config: Config, rate: float, *, strong: float = STRONG, share: float = SHARE, n_steps: int | None = None
) -> dict[str, np.ndarray]:
    """All runs at one rate, a number of each run by name."""
    keys = jax.random.split(jax.random.key(config.seed), config.n_runs)
    n = config.n_steps if n_steps is None else n_steps
    return {k: np.asarray(v) for k, v in _runs(keys, rate, strong, share, n, config).items()}
