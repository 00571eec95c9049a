"""SGD on a two-layer network of squared relu units with a strong and a weak feature, at rates around its edge."""

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
        n_runs: data sets and starts for each number that is compared.
        n_few: the same where a few are enough: rates of the picture, runs of other lengths.
        n_steps: steps of SGD.
        n_samples: training samples.
        n_test: test samples.
        dimension: of a patch.
        seed: of data, starts and batches.
    """

    n_runs: int = 512
    n_few: int = 16
    n_steps: int = 4000
    n_samples: int = 60
    n_test: int = 500
    dimension: int = 400
    seed: int = 0


SMOKE = Config(n_runs=2, n_few=2, n_steps=50, n_test=50, dimension=40)
WIDTH, STRONG, WEAK, SHARE, SPREAD = 10, 1.0, 0.3, 0.8, 0.02
RATES = (0.5, 2.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0)
COMPARED, LONG = (0.5, 6.0, 4.0), 12


def main(config: Config) -> Results:
    """Train at all rates and in all controls.

    Args:
        config: sizes.
    """
    many, few = (functools.partial(run, config, n) for n in (config.n_runs, config.n_few))
    sweep = {rate: (many if rate in COMPARED else few)(rate) for rate in RATES}
    small, large, under = (sweep[rate] for rate in COMPARED)
    alone = few(0.5, share=0.0)
    short = few(0.5, n_steps=config.n_steps // 10)
    shifted, unshifted = many(3.8, strong=1.2), many(3.8)
    long = few(0.5, n_steps=LONG * config.n_steps)
    measured = {
        "small_rate": sample_mean(small["accuracy"]),
        "small_rate_error": sample_mean(small["error"]),
        "large_rate": sample_mean(large["accuracy"]),
        "alignment": ratio(large["weak"], small["weak"]),
        "shifted_edge": sample_mean(shifted["accuracy"]),
        "more_time": sample_mean(long["accuracy"]),
    }
    controls = {
        "small_rate": sample_mean(alone["accuracy"]),
        "small_rate_error": sample_mean(short["error"]),
        "large_rate": sample_mean(under["accuracy"]),
        "alignment": ratio(under["weak"], small["weak"]),
        "shifted_edge": sample_mean(unshifted["accuracy"]),
        "more_time": sample_mean(large["accuracy"]),
    }
    rates = np.array(RATES)
    found = [sample_mean(sweep[r]["accuracy"]) for r in RATES]
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


def ratio(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Ratio of two means, its error by the first order."""
    p, q = sample_mean(a), sample_mean(b)
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


def outputs(w: Any, x: Any) -> Any:
    """Outputs for samples x (n, 3, d): units w (2 m, d), the first half counts positive."""
    active = jnp.maximum(jnp.einsum("hd,npd->nhp", w, x), 0.0) ** 2
    return (active[:, :WIDTH].sum(axis=(1, 2)) - active[:, WIDTH:].sum(axis=(1, 2))) / WIDTH


def one_run(key: Any, rate: Any, strong: Any, share: Any, n_steps: Any, config: Config) -> dict[str, Any]:
    """Train once; accuracy on fresh samples without the strong feature, training error, alignments.

    Weights stay in the span of their start and of the patches, so the loop carries the products of the units with all
    patches, and the coefficients: one step adds three rows of the patches' Gram matrix.
    """
    k = jax.random.split(key, 4)
    d = config.dimension
    x, y = patches(k[0], config.n_samples, d, strong, share)
    fresh, signs = patches(k[1], config.n_test, d, strong, 0.0)
    w = SPREAD * jax.random.normal(k[2], (2 * WIDTH, d))
    order = jax.random.randint(k[3], (LONG * config.n_steps,), 0, config.n_samples)
    side = jnp.where(jnp.arange(2 * WIDTH) < WIDTH, 1.0, -1.0)[:, None] / WIDTH
    rows = x.reshape(-1, d)
    gram = rows @ rows.T

    def step(n: Any, carry: tuple) -> tuple:
        products, coefficients = carry
        i = order[n]
        active = jnp.maximum(jax.lax.dynamic_slice(products, (0, 3 * i), (2 * WIDTH, 3)), 0.0)
        change = -rate * (jnp.sum(side * active**2) - y[i]) * 2 * side * active
        near = jax.lax.dynamic_slice(gram, (3 * i, 0), (3, len(gram)))
        before = jax.lax.dynamic_slice(coefficients, (0, 3 * i), (2 * WIDTH, 3))
        return products + change @ near, jax.lax.dynamic_update_slice(coefficients, before + change, (0, 3 * i))

    start = (w @ rows.T, jnp.zeros((2 * WIDTH, len(rows))))
    w = w + jax.lax.fori_loop(0, n_steps, step, start)[1] @ rows
    return {
        "accuracy": jnp.mean(jnp.sign(outputs(w, fresh)) == signs),
        "error": jnp.mean((outputs(w, x) - y) ** 2),
        "weak": jnp.max(jnp.abs(w[:, 1])),
    }


@functools.partial(jax.jit, static_argnames="config")
def _runs(keys: Any, rate: Any, strong: Any, share: Any, n_steps: Any, config: Config) -> dict[str, Any]:
    return jax.lax.map(lambda key: one_run(key, rate, strong, share, n_steps, config), keys)


def run(
    config: Config,
    n_runs: int,
    rate: float,
    *,
    strong: float = STRONG,
    share: float = SHARE,
    n_steps: int | None = None,
) -> dict[str, np.ndarray]:
    """All runs at one rate, a number of each run by name; a thread for each core."""
    keys = jax.random.split(jax.random.key(config.seed), n_runs)
    n = config.n_steps if n_steps is None else n_steps
    return map_rows(lambda part: _runs(part, rate, strong, share, n, config), keys, n_rows=n_runs)
