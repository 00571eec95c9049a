"""Coupled copies of a noisy gradient flow: disagreement and error of the mean against Ornstein-Uhlenbeck laws."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import Brownian
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability.random import ensemble
from cocycle.steppers import ItoSDE


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n: copies.
        strength: of the coupling, kappa.
        sigma: strength of the noise.
        dt: time step.
        duration: time of each replica, the first quarter dropped.
        n_replicas: replicas.
        n_data: rows of the logistic problem.
        seed: of noise and data.
    """

    n: int = 16
    strength: float = 2.0
    sigma: float = 1.0
    dt: float = 0.002
    duration: float = 20.0
    n_replicas: int = 400
    n_data: int = 200
    seed: int = 0


SMOKE = Config(n_replicas=50, duration=10.0, n_data=50)
TOPOLOGIES = ("ring", "star", "complete")
N_FEATURES, PENALTY, MARGIN = 5, 1.0, 3
SAVE_EVERY = 50


def laplacian(kind: str, n: int) -> np.ndarray:
    """Graph Laplacian (n, n)."""
    links = np.zeros((n, n))
    if kind == "ring":
        for i in range(n):
            links[i, (i + 1) % n] = links[(i + 1) % n, i] = 1
    elif kind == "star":
        links[0, 1:] = links[1:, 0] = 1
    elif kind == "complete":
        links[:] = 1 - np.eye(n)
    return np.diag(links.sum(axis=1)) - links


def quadratic(t: Any, w: Any, args: Any) -> Any:
    """Drift of coupled copies with a quadratic loss of curvature 1; w is (n, 1)."""
    return -w - args["kappa"] * args["laplacian"] @ w


def logistic(t: Any, w: Any, args: Any) -> Any:
    """Drift of coupled copies with a penalised logistic loss; w is (n, d)."""
    signed = args["signed"]
    slope = -jax.nn.sigmoid(-(w @ signed.T)) @ signed / signed.shape[0] + PENALTY * w
    return -slope - args["kappa"] * args["laplacian"] @ w


def strength(t: Any, w: Any, args: Any) -> Any:
    """Noise of each number."""
    return args["sigma"]


class _Spread(eqx.Module):
    """Disagreement of the copies, and squared error of their mean."""

    best: Any

    def __call__(self, w: Any) -> Any:
        mean = jnp.mean(w, axis=0)
        return jnp.stack([jnp.sum((w - mean[None]) ** 2), jnp.sum((mean - self.best) ** 2)])


def measured(config: Config, drift: Any, args: dict, best: Any, common: bool = False) -> tuple[Estimate, Estimate]:
    """Stationary disagreement and error of the mean, with errors over replicas."""
    shape = (config.n, len(best))
    args = {**args, "sigma": config.sigma}
    start = jnp.broadcast_to(jnp.asarray(best), shape)
    sde = ItoSDE(drift, strength, args, dt=config.dt, x0=start)
    # A scalar draw is common to all numbers of the state.
    driver = Brownian(jax.random.key(config.seed), () if common else shape)
    n_steps = round(config.duration / config.dt)
    seen, n = _Spread(jnp.asarray(best)), config.n_replicas
    rows = ensemble(sde, None, driver, n_paths=n, n_steps=n_steps, save_every=SAVE_EVERY, observe=seen).x
    kept = np.asarray(rows)[:, rows.shape[1] // 4 :].mean(axis=1)
    error = kept.std(axis=0, ddof=1) / np.sqrt(n)
    pairs = zip(kept.mean(axis=0), error, strict=True)
    d, mean = (Estimate(float(v), float(e), float(n), "mean over replicas") for v, e in pairs)
    return d, mean


def main(config: Config) -> Results:
    """Run all cases.

    Args:
        config: sizes.
    """
    n, zero = config.n, np.zeros(1)
    couple = {k: {"kappa": config.strength, "laplacian": jnp.asarray(laplacian(k, n))} for k in TOPOLOGIES}
    found = {k: measured(config, quadratic, couple[k], zero) for k in TOPOLOGIES}
    alone = measured(config, quadratic, {**couple["ring"], "kappa": 0.0}, zero)
    common = measured(config, quadratic, couple["ring"], zero, common=True)
    values, controls = {}, {}
    for k in TOPOLOGIES:
        values[f"disagreement_{k}"], values[f"mean_{k}"] = found[k]
        controls[f"disagreement_{k}"], controls[f"mean_{k}"] = alone[0], common[1]
    values |= {"disagreement_uncoupled": alone[0], "disagreement_common": common[0], "mean_common": common[1]}
    controls |= {
        "disagreement_uncoupled": found["ring"][0],
        "disagreement_common": found["ring"][0],
        "mean_common": found["ring"][1],
    }
    more, more_controls = regression(config)
    exact = [spectral(laplacian(k, n), config) for k in TOPOLOGIES]
    x = np.arange(len(TOPOLOGIES))
    got = [found[k][0] for k in TOPOLOGIES]
    curves = (
        Curve(x, exact, "closed form"),
        Curve(x, [float(v.value) for v in got], "simulated", dots=True, stderr=[float(v.stderr) for v in got]),
    )
    plot = Plot("Disagreement by topology", "0 ring, 1 star, 2 complete", "D", curves, log_y=True)
    return Results({**values, **more}, {**controls, **more_controls}, (plot,))


def spectral(matrix: np.ndarray, config: Config) -> float:
    """D of a quadratic loss of curvature 1, from the spectrum of the Laplacian."""
    e = np.sort(np.linalg.eigvalsh(matrix))[1:]
    return float(np.sum(config.sigma**2 / (2 * (1 + config.strength * e))))


def regression(config: Config) -> tuple[dict, dict]:
    """A logistic problem against the bound for strongly convex losses."""
    random = np.random.default_rng(config.seed)
    x = random.normal(size=(config.n_data, N_FEATURES))
    label = np.where(x @ np.linspace(-MARGIN, MARGIN, N_FEATURES) + random.normal(size=config.n_data) > 0, 1.0, -1.0)
    signed = jnp.asarray(label[:, None] * x)
    w = jnp.zeros(N_FEATURES)

    def loss(w: Any) -> Any:
        return jnp.mean(jax.nn.softplus(-(signed @ w))) + PENALTY / 2 * jnp.sum(w**2)

    for _ in range(20):  # Newton's method: the loss is strongly convex
        w = w - jnp.linalg.solve(jax.hessian(loss)(w), jax.grad(loss)(w))

    def ratio(kind: str, kappa: float) -> Estimate:
        matrix = laplacian(kind, config.n)
        args = {"kappa": kappa, "laplacian": jnp.asarray(matrix), "signed": signed}
        d = measured(config, logistic, args, np.asarray(w))[0]
        e2 = np.sort(np.linalg.eigvalsh(matrix))[1]
        # The penalty is the least curvature that the loss can have anywhere.
        bound = N_FEATURES * (config.n - 1) * config.sigma**2 / (2 * (PENALTY + config.strength * e2))
        return Estimate(float(d.value) / bound, float(d.stderr) / bound, d.n_eff, "ratio to the bound")

    complete = ratio("complete", config.strength)
    return (
        {"logistic_bound": complete, "logistic_tight": complete},
        {"logistic_bound": ratio("complete", 0.0), "logistic_tight": ratio("ring", config.strength)},
    )
