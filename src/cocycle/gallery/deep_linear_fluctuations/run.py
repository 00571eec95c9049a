"""Stationary covariance of SGD in one- and two-layer linear networks, against its equation and a closed form."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_continuous_lyapunov

from cocycle.gallery.results import Curve, Plot, Results


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_replicas: copies that run side by side.
        n_steps: steps of each; the first half is dropped.
        seed: of data, noise and starts.
    """

    n_replicas: int = 400
    n_steps: int = 8000
    seed: int = 0


SMOKE = Config(n_replicas=8, n_steps=100)
BATCH = 4
SIGMA, TAU, NOISE, RATE = np.array([2.0, 1.0, 0.5]), np.array([1.5, 1.0, 0.7]), 0.3, 0.01


def main(config: Config) -> Results:
    """Run one layer, fresh data, two layers, and a sweep over curvatures.

    Args:
        config: sizes.
    """
    keys = jax.random.split(jax.random.key(config.seed), 5)
    layer, layer_control = one_layer(keys[0], config)
    fresh = [float(np.max(v) / np.min(v)) for v in (online(keys[1], config, k) for k in (False, True))]
    two = {kind: two_layers(keys[2], config, SIGMA, TAU, kind) for kind in ("sgd", "langevin")}
    kept, drifting = two["sgd"]
    predicted = prediction(SIGMA, TAU)
    ratio, loose = kept / predicted, drifting / predicted
    soft, stiff = np.array([0.25, 0.5, 1.0]), np.full(3, 5.0)
    sweep = {
        "sgd": two_layers(keys[3], config, soft, stiff, "sgd")[0][0],
        "langevin": two_layers(keys[3], config, soft, stiff, "langevin")[1][0],
    }
    # Flatness: the width at which the loss has risen by a given amount, 1 / sigma.
    slope = {kind: float(np.polyfit(np.log(1 / soft), np.log(v), 1)[0]) for kind, v in sweep.items()}
    measured = {
        **layer,
        "isotropic": fresh[0],
        "two_layers": farthest(ratio),
        "inverse_relation": rising(kept),
        "exponent": slope["sgd"],
    }
    controls = {
        **layer_control,
        "isotropic": fresh[1],
        "two_layers": farthest(loose),
        "inverse_relation": rising(two["langevin"][1]),
        "exponent": slope["langevin"],
    }
    unit = RATE * NOISE**2 / (2 * BATCH)
    curves = [Curve(SIGMA**2, kept[i] / unit, f"row {i + 1}", dots=True) for i in range(3)]
    curves += [Curve(SIGMA**2, predicted[i] / unit, f"theory, row {i + 1}", dashed=True) for i in range(3)]
    text = "Variance of each weight of the second layer over eta s^2 / 2B: larger where the loss is sharper."
    picture = Plot("Variance against curvature", "curvature", "variance", tuple(curves), caption=text, log_x=True)
    return Results(measured, controls, (picture,))


def farthest(ratio: np.ndarray) -> float:
    """Entry farthest from one."""
    return float(ratio.ravel()[np.argmax(np.abs(np.log(ratio)))])


def rising(variance: np.ndarray) -> float:
    """Least ratio of the variance to that of the next softer direction of the same row."""
    return float(np.min(variance[:, :-1] / variance[:, 1:]))


def one_layer(key: Any, config: Config) -> tuple[dict, dict]:
    """Least squares on 40 samples in 10 dimensions: measured covariance against the Lyapunov equation."""
    rate, d = 0.02, 10
    spectrum = np.geomspace(1.0, 0.1, d)

    def matrices(n: int) -> tuple[np.ndarray, ...]:
        k = jax.random.split(key, 3)
        x = np.asarray(jax.random.normal(k[0], (n, d))) * np.sqrt(spectrum)
        y = x @ np.ones(d) + 0.5 * np.asarray(jax.random.normal(k[1], (n,)))
        w = np.linalg.lstsq(x, y, rcond=None)[0]
        r = x @ w - y
        return x, y, w, x.T @ x / n, (x * r[:, None] ** 2).T @ x / n

    def commutator(h: np.ndarray, c: np.ndarray) -> float:
        return float(np.linalg.norm(h @ c - c @ h) / np.linalg.norm(h @ c))

    x, y, best, h, c = matrices(40)
    _, _, _, h_many, c_many = matrices(4000)
    data = (jnp.asarray(x), jnp.asarray(y))

    @jax.jit
    def second_moment(key: Any) -> Any:
        def step(carry: Any, n: Any) -> tuple:
            w, total = carry
            i = jax.random.randint(jax.random.fold_in(key, n), (config.n_replicas, BATCH), 0, 40)
            xs, ys = data[0][i], data[1][i]
            residual = jnp.einsum("rbd,rd->rb", xs, w) - ys
            w = w - rate * jnp.einsum("rb,rbd->rd", residual, xs) / BATCH
            off = w - best[None]
            return (w, total + jnp.where(n >= config.n_steps // 2, 1.0, 0.0) * off.T @ off), None

        start = (jnp.tile(jnp.asarray(best)[None], (config.n_replicas, 1)), jnp.zeros((d, d)))
        (_, total), _ = jax.lax.scan(step, start, jnp.arange(config.n_steps))
        return total / (config.n_replicas * (config.n_steps - config.n_steps // 2))

    found = np.asarray(second_moment(key))
    spread = float(np.trace(c) / np.trace(h))

    def gap(noise: np.ndarray) -> float:
        predicted = solve_continuous_lyapunov(h, rate / BATCH * noise)
        return float(np.linalg.norm(found - predicted) / np.linalg.norm(predicted))

    return {"lyapunov": gap(c), "commutator": commutator(h, c)}, {
        "lyapunov": gap(spread * h),
        "commutator": commutator(h_many, c_many),
    }


def online(key: Any, config: Config, langevin: bool) -> np.ndarray:
    """Variance of the weights of one layer on fresh Gaussian data of variances 1, 0.3, 0.1."""
    variances, rate = jnp.array([1.0, 0.3, 0.1]), 0.01

    @jax.jit
    def run(key: Any) -> Any:
        def step(carry: Any, n: Any) -> tuple:
            w, total = carry
            k = jax.random.split(jax.random.fold_in(key, n))
            if langevin:
                noise = NOISE * jax.random.normal(k[0], w.shape) / jnp.sqrt(BATCH)
                w = w - rate * (variances[None] * w + noise)
            else:
                x = jax.random.normal(k[0], (config.n_replicas, BATCH, 3)) * jnp.sqrt(variances)[None, None]
                r = jnp.einsum("rbd,rd->rb", x, w) - NOISE * jax.random.normal(k[1], (config.n_replicas, BATCH))
                w = w - rate * jnp.einsum("rb,rbd->rd", r, x) / BATCH
            return (w, total + jnp.where(n >= config.n_steps // 2, 1.0, 0.0) * jnp.mean(w**2, axis=0)), None

        start = (jnp.zeros((config.n_replicas, 3)), jnp.zeros(3))
        return jax.lax.scan(step, start, jnp.arange(config.n_steps))[0][1]

    return np.asarray(run(key)) / (config.n_steps - config.n_steps // 2)


def prediction(sigma: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """Variance of W2_ij in the diagonal two-layer network."""
    s, t = sigma[None] ** 2, tau[:, None] ** 2
    return RATE * NOISE**2 / (2 * BATCH) * s / (t + s)


@functools.partial(jax.jit, static_argnames=("config", "kind"))
def _spread(key: Any, sigma: Any, tau: Any, rate: Any, config: Config, kind: str) -> tuple[Any, Any]:
    n = config.n_replicas
    w1, w2 = jnp.diag(sigma), jnp.diag(tau)
    target, noise = w2 @ w1, NOISE
    norm = tau[:, None] ** 2 + sigma[None] ** 2

    def step(carry: Any, i: Any) -> tuple:
        a, b, kept, loose = carry
        k = jax.random.split(jax.random.fold_in(key, i))
        if kind == "sgd":
            x = jax.random.normal(k[0], (n, BATCH, 3))
            error = jnp.einsum("rij,rjk,rbk->rbi", b, a, x) - jnp.einsum("ik,rbk->rbi", target, x)
            error = error - noise * jax.random.normal(k[1], (n, BATCH, 3))
            mean = jnp.einsum("rbi,rbk->rik", error, x) / BATCH
            push_a, push_b = jnp.einsum("rji,rjk->rik", b, mean), jnp.einsum("rik,rjk->rij", mean, a)
        else:
            mean = jnp.einsum("rij,rjk->rik", b, a) - target[None]
            push_a = jnp.zeros_like(a)  # frozen: with free directions there would be no stationary state
            push_b = jnp.einsum("rik,rjk->rij", mean, a) + noise / 2 * jax.random.normal(k[1], b.shape)
        a, b = a - rate * push_a, b - rate * push_b
        # Off the minimum the pair (dW2_ij, dW1_ij) moves along (sigma_j, tau_i); along (-tau_i, sigma_j) it is free.
        da, db = a - w1[None], b - w2[None]
        along = (sigma[None, None] * db + tau[None, :, None] * da) / norm[None]
        late = jnp.where(i >= config.n_steps // 2, 1.0, 0.0)
        kept = kept + late * jnp.mean((sigma[None, None] * along) ** 2, axis=0)
        return (a, b, kept, loose + late * jnp.mean(db**2, axis=0)), None

    tile = lambda w: jnp.tile(w[None], (n, 1, 1))  # noqa: E731
    start = (tile(w1), tile(w2), jnp.zeros((3, 3)), jnp.zeros((3, 3)))
    (_, _, kept, loose), _ = jax.lax.scan(step, start, jnp.arange(config.n_steps))
    n_late = config.n_steps - config.n_steps // 2
    return kept / n_late, loose / n_late


def two_layers(
    key: Any, config: Config, sigma: np.ndarray, tau: np.ndarray, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of W2 with the free directions projected out, and with them."""
    kept, loose = _spread(key, jnp.asarray(sigma), jnp.asarray(tau), RATE, config, kind)
    return np.asarray(kept), np.asarray(loose)
