"""Error bars from the last layer of a trained network on a curve with a gap, and where they are exact."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.core.estimate import Estimate, sample_mean
from cocycle.core.realisations import map_rows
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.training import LastLayer, gaussian_log_loss, last_layer_uncertainty


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_networks: networks trained, each with its own data; 0 leaves them out.
        n_whole: the same without a gap in the data.
        n_steps: full-batch steps of Adam.
        width: of the three hidden layers.
        n_sets: data sets for the coverage.
        seed: of data and weights.
    """

    n_networks: int = 64
    n_whole: int = 8
    n_steps: int = 4000
    width: int = 64
    n_sets: int = 400
    seed: int = 0


SMOKE = Config(n_networks=0, n_sets=100)
NOISE, GAP = 0.1, (0.3, 1.5)
GRID = np.linspace(-3.0, 6.5, 381)


def main(config: Config) -> Results:
    """Train networks with and without a gap in their data; check what is exact.

    Args:
        config: sizes.
    """
    copies, copies_control = leverage_of_copies(config.seed)
    coverage, coverage_control = bayesian_coverage(config)
    measured: dict[str, Any] = {"copies": copies, "coverage": coverage}
    controls: dict[str, Any] = {"copies": copies_control, "coverage": coverage_control}
    if not config.n_networks:
        return Results(measured, controls)
    gapped, whole = networks(config, config.n_networks, True), networks(config, config.n_whole, False)
    for name in ("likelihood_gain", "gap", "outside", "top_bin"):
        measured[name] = sample_mean([row[0][name] for row in gapped])
        controls[name] = sample_mean([row[1][name] for row in gapped])
    controls["gap"] = sample_mean([row[0]["gap"] for row in whole])
    measured["identity"] = max(row[0]["identity"] for row in gapped)
    controls["identity"] = min(row[1]["identity"] for row in gapped)
    return Results(measured, controls, (gapped[0][2],))


def curve(x: Any) -> Any:
    """The function behind the data."""
    return np.sin(2 * x) + 0.3 * x


def features(params: Any, x: Any) -> Any:
    """Last hidden layer, (n, width)."""
    h = x[:, None]
    for w, b in params[:-1]:
        h = jnp.tanh(h @ w + b[None])
    return h


def predict(params: Any, x: Any) -> Any:
    """Output, (n,)."""
    w, b = params[-1]
    return (features(params, x) @ w + b[None])[:, 0]


@functools.partial(jax.jit, static_argnames="config")
def train(keys: Any, xs: Any, ys: Any, config: Config) -> Any:
    """Full-batch Adam for many networks, each with its own data, in the precision of the data."""
    return jax.lax.map(lambda row: train_one(row[0], row[1], row[2], config), (keys, xs, ys))


def train_one(key: Any, x: Any, y: Any, config: Config) -> Any:
    """Full-batch Adam."""
    sizes = (1, config.width, config.width, config.width, 1)
    keys = jax.random.split(key, 4)
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    normal = functools.partial(jax.random.normal, dtype=x.dtype)
    params = [(normal(k, (a, b)) / np.float32(np.sqrt(a)), normal(k, (b,))) for k, a, b in pairs]
    optimiser = optax.adam(3e-3)

    def step(_: Any, carry: tuple) -> tuple:
        params, state = carry
        gradient = jax.grad(lambda p: jnp.mean((predict(p, x) - y) ** 2))(params)
        update, state = optimiser.update(gradient, state)
        return optax.apply_updates(params, update), state

    return jax.lax.fori_loop(0, config.n_steps, step, (params, optimiser.init(params)))[0]


def networks(config: Config, n: int, gap: bool) -> list[tuple[dict[str, float], dict[str, float], Plot]]:
    """Train networks, a thread for each core; what each gives."""
    keys = jax.random.split(jax.random.key(config.seed), n)
    generators = [np.random.default_rng(np.asarray(jax.random.key_data(key))) for key in keys]
    xs, ys = [], []
    for rng in generators:
        x = rng.uniform(-3, 3, 1000)
        x = x[(x < GAP[0]) | (x > GAP[1])][:200] if gap else x[:200]
        xs.append(x)
        ys.append(curve(x) + NOISE * rng.normal(size=len(x)))
    data = jnp.asarray(np.stack(xs), jnp.float32), jnp.asarray(np.stack(ys), jnp.float32)
    params = map_rows(lambda *part: train(*part, config), keys, *data, n_rows=n)
    rows = [jax.tree.map(lambda a, i=i: a[i].astype(float), params) for i in range(n)]
    return [one_network(*row) for row in zip(rows, generators, xs, ys, strict=True)]


def one_network(
    params: Any, rng: np.random.Generator, x: np.ndarray, y: np.ndarray
) -> tuple[dict[str, float], dict[str, float], Plot]:
    """Calibrate on the whole range, measure; the same of the controls; the picture."""
    valid, test = (rng.uniform(-3, 3, 1000) for _ in range(2))
    truth = curve(valid) + NOISE * rng.normal(size=1000)
    f = {n: np.asarray(features(params, jnp.asarray(p))) for n, p in (("x", x), ("valid", valid), ("test", test))}
    residuals = truth - np.asarray(predict(params, jnp.asarray(valid)))
    fit = last_layer_uncertainty(f["x"], calibration=(f["valid"], residuals))
    blind = last_layer_uncertainty(f["x"], calibration=(f["valid"], residuals), ridge=1e8)
    errors = curve(test) + NOISE * rng.normal(size=1000) - np.asarray(predict(params, jnp.asarray(test)))
    constant = float(np.mean(residuals**2))
    base = gaussian_log_loss(errors, constant)
    gain = [base - gaussian_log_loss(errors, model.variance(f["test"])) for model in (fit, blind)]
    at = jnp.array([0.0, 0.9, 6.0, 2.0])
    middle, inside_gap, outside, inside = np.sqrt(fit.variance(np.asarray(features(params, at))))
    predicted = fit.variance(f["test"])
    top = np.argsort(predicted)[-125:]
    identity = [process_difference(fit, f["x"], f["test"], factor) for factor in (1.0, 2.0)]
    actual = float(np.mean(errors[top] ** 2))
    measured = {"likelihood_gain": gain[0], "gap": inside_gap / middle, "outside": outside / middle}
    controls = {"likelihood_gain": gain[1], "gap": inside_gap / middle, "outside": inside / middle}
    measured |= {"top_bin": float(np.mean(predicted[top])) / actual, "identity": identity[0]}
    controls |= {"top_bin": constant / actual, "identity": identity[1]}
    return measured, controls, picture(params, fit, x, y)


def process_difference(fit: LastLayer, train_features: np.ndarray, others: np.ndarray, factor: float) -> float:
    """Variance against the N x N Gaussian process with the same noise and prior, over the largest variance.

    In units of round-off times the condition of the matrix that is solved.
    """
    one = lambda f: np.concatenate([f, np.ones((len(f), 1))], axis=1)  # noqa: E731
    a, b = one(train_features), one(others)
    prior = fit.scale / (factor * fit.ridge)  # variance of the weights: noise s^2 = scale, ridge = s^2 / prior
    cross = prior * a @ b.T
    process = prior * np.sum(b**2, axis=1)
    process -= np.sum(cross * np.linalg.solve(prior * a @ a.T + fit.scale * np.eye(len(a)), cross), axis=0)
    ours = fit.variance(others)
    condition = 1 + prior * np.linalg.norm(a, 2) ** 2 / fit.scale
    return float(np.max(np.abs(process - ours)) / np.max(ours) / (np.finfo(float).eps * condition))


def leverage_of_copies(seed: int) -> tuple[float, float]:
    """Relative difference of the leverage from q / (1 + n q), copies of the point itself and of another."""
    rng = np.random.default_rng(seed)
    f, x, other = rng.normal(size=(50, 8)), rng.normal(size=(1, 8)), rng.normal(size=(1, 8))
    q = last_layer_uncertainty(f, ridge=0.1, scale=1.0).leverage(x)[0]
    worst = []
    for point in (x, other):
        gaps = []
        for n in (1, 10, 100):
            more = np.concatenate([f, np.repeat(point, n, axis=0)])
            found = last_layer_uncertainty(more, ridge=0.1, scale=1.0).leverage(x)[0]
            gaps.append(abs(found * (1 + n * q) / q - 1))
        worst.append(float(max(gaps)))
    return worst[0], worst[1]


def bayesian_coverage(config: Config) -> tuple[Estimate, Estimate]:
    """Share of new values inside 1.96 standard deviations, data drawn from the prior; right scale and half of it."""
    rng = np.random.default_rng(config.seed + 1)
    noise, shares = 0.3, ([], [])
    for _ in range(config.n_sets):
        f, g, w = rng.normal(size=(30, 10)), rng.normal(size=(50, 10)), rng.normal(size=10)
        y, new = f @ w + noise * rng.normal(size=30), g @ w + noise * rng.normal(size=50)
        weights = np.linalg.solve(f.T @ f + noise**2 * np.eye(10), f.T @ y)
        for share, factor in zip(shares, (1.0, 0.5), strict=True):
            fit = last_layer_uncertainty(f, ridge=noise**2, scale=noise**2, bias=False)
            spread = np.sqrt(factor * (fit.variance(g) + noise**2))
            share.append(float(np.mean(np.abs(new - g @ weights) < 1.96 * spread)))
    return sample_mean(shares[0]), sample_mean(shares[1])


def picture(params: Any, fit: LastLayer, x: np.ndarray, y: np.ndarray) -> Plot:
    """Prediction with two standard deviations."""
    at = jnp.asarray(GRID)
    centre, spread = np.asarray(predict(params, at)), np.sqrt(fit.variance(np.asarray(features(params, at))))
    curves = (
        Curve(x, y, "training data", dots=True),
        Curve(GRID, curve(GRID), "truth", dashed=True),
        Curve(GRID, centre, "network"),
        Curve(GRID, centre + 2 * spread, "plus 2 standard deviations"),
        Curve(GRID, centre - 2 * spread, "minus 2 standard deviations"),
    )
    return Plot(
        "A curve with a gap", "x", "y", curves, caption="The error bar opens in the gap and outside of the data."
    )
