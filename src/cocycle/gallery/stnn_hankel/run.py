"""Fast Hankel products, linear delay models, and a structured against a dense forecaster on Lorenz-63."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.linalg

import cocycle as cc
from cocycle.gallery.results import Plot, Results
from cocycle.learn import DMD, NextGenerationReservoir
from cocycle.learn.fitted import many_forecasts
from cocycle.measures import valid_steps

RATE_OF_LORENZ, WIDTH, N_TERMS, N_DELAYS, BATCH = 0.906, 64, 3, 8, 128


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_rows: of Lorenz-63 for the linear models; 0 leaves them out.
        n_updates: of each network; 0 leaves them out.
        seed: of weights and batches.
    """

    n_rows: int = 8000
    n_updates: int = 4000
    seed: int = 0


SMOKE = Config(n_rows=0, n_updates=0)


class Dense(eqx.Module):
    """W x + b."""

    W: Any
    b: Any

    def __call__(self, x: Any) -> Any:
        """Return the outputs."""
        return self.W @ x + self.b


class Structured(eqx.Module):
    """Sum of diagonal times circulant matrices, applied by fast Fourier transform."""

    diagonals: Any
    circulants: Any
    b: Any

    def __call__(self, x: Any) -> Any:
        """Return the outputs; the input is padded to the width."""
        padded = jnp.fft.rfft(jnp.pad(x, (0, WIDTH - x.shape[0])))
        rows = jnp.fft.irfft(jnp.fft.rfft(self.circulants, axis=1) * padded[None], WIDTH, axis=1)
        return jnp.sum(self.diagonals * rows, axis=0) + self.b


class Forecaster(eqx.Module):
    """Two layers of the width and a readout."""

    first: Any
    second: Any
    out: Dense

    def __call__(self, x: Any) -> Any:
        """Return the increment."""
        return self.out(jnp.tanh(self.second(jnp.tanh(self.first(x)))))


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    none = float("nan")
    one_step, valid = {"1": none, "50": none}, {"DMD": none, "NG-RC": none}
    if config.n_rows:
        one_step, valid = linear_models(_lorenz(config.n_rows, 0.01))
    nets = {name: network(jax.random.key(config.seed), dense=name == "dense") for name in ("dense", "structured")}
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(net)) for name, net in nets.items()}
    right, wrong = hankel_errors(config)
    errors = dict.fromkeys(("dense", "structured", "persistence"), float("nan"))
    if config.n_updates:
        x = _lorenz(5500, 0.02)
        errors = {name: trained_error(config, net, x) for name, net in nets.items()}
        errors["persistence"] = trained_error(config, None, x)
    measured = {
        "hankel": right,
        "dmd_one_step": one_step["50"],
        "dmd_valid": valid["DMD"],
        "parameters": counts["structured"] / counts["dense"],
        "one_step": errors["structured"] / errors["dense"],
    }
    controls = {
        "hankel": wrong,
        "dmd_one_step": one_step["1"],
        "dmd_valid": valid["NG-RC"],
        "parameters": 1.0,
        "one_step": errors["persistence"] / errors["dense"],
    }
    notes = (f"Numbers: dense {counts['dense']}, structured {counts['structured']}; one-step errors {errors}.",)
    plots: tuple[Plot, ...] = ()
    return Results(measured, controls, plots, notes)


def _lorenz(n: int, dt: float) -> np.ndarray:
    x = np.asarray(cc.trajectory(cc.systems.Lorenz63(dt=dt), n_steps=n, progress=False).x)
    return (x - x.mean(axis=0)) / x.std(axis=0)


def hankel_errors(config: Config) -> tuple[float, float]:
    """Error of a Hankel product as a circulant one of the flipped vector, and of the same without the flip.

    Args:
        config: its seed.
    """
    rng, n = np.random.default_rng(config.seed), 64
    h, v = rng.normal(size=2 * n - 1), rng.normal(size=n)
    dense = scipy.linalg.hankel(h[:n], h[n - 1 :]) @ v
    # H = T J: the Toeplitz part sits in a circulant of size 2 n.
    column = np.concatenate([h[n - 1 :], [0.0], h[: n - 1]])

    def product(w: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.fft.rfft(column) * np.fft.rfft(np.pad(w, (0, n))), 2 * n)[:n]

    return float(np.max(np.abs(product(v[::-1]) - dense))), float(np.max(np.abs(product(v) - dense)))


def linear_models(x: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """One-step errors of Hankel-DMD, and median valid times in Lyapunov times beside a quadratic map.

    Args:
        x: (time, 3) standardised, 0.01 apart.
    """
    half = len(x) // 2
    models = {
        "1": DMD(n_delays=1).fit(x[:half], dt=0.01),
        "50": DMD(n_delays=50).fit(x[:half], dt=0.01),
        "NG-RC": NextGenerationReservoir(n_delays=2, degree=3, ridge=1e-10).fit(x[:half], dt=0.01),
    }
    starts, horizon = np.linspace(half + 50, len(x) - 801, 16).astype(int), 800
    contexts = np.stack([x[k - 50 : k] for k in starts])
    facts = np.stack([x[k : k + horizon] for k in starts])
    errors, valid = {}, {}
    for name, model in models.items():
        ahead = many_forecasts(model, contexts, horizon)
        errors[name] = float(np.sqrt(np.mean((ahead[:, 0] - facts[:, 0]) ** 2)))
        steps = valid_steps(ahead, facts, scale=np.ones(3))
        valid[name] = float(np.median(steps)) * 0.01 * RATE_OF_LORENZ
    return errors, {"DMD": valid["50"], "NG-RC": valid["NG-RC"]}


def network(key: Any, *, dense: bool) -> Forecaster:
    """Draw a network.

    Args:
        key: random key.
        dense: whether its two layers are.
    """
    k = jax.random.split(key, 5)
    n_in = 3 * N_DELAYS

    def layer(key: Any, n: int) -> Any:
        if dense:
            return Dense(jax.random.normal(key, (WIDTH, n)) / n**0.5, jnp.zeros(WIDTH))
        k1, k2 = jax.random.split(key)
        size = (N_TERMS * n) ** -0.5
        rows = jax.random.normal(k1, (N_TERMS, WIDTH))
        return Structured(rows, size * jax.random.normal(k2, (N_TERMS, WIDTH)), jnp.zeros(WIDTH))

    return Forecaster(layer(k[0], n_in), layer(k[1], WIDTH), Dense(jnp.zeros((3, WIDTH)), jnp.zeros(3)))


@eqx.filter_jit
def _fit(net: Any, inputs: Any, targets: Any, key: Any, n_updates: int) -> Any:
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, n_updates))

    def loss(net: Any, x: Any, y: Any) -> Any:
        return jnp.mean((jax.vmap(net)(x) - y) ** 2)

    def one(k: Any, carry: Any) -> Any:
        net, state = carry
        at = jax.random.randint(jax.random.fold_in(key, k), (BATCH,), 0, inputs.shape[0])
        updates, state = optimiser.update(jax.grad(loss)(net, inputs[at], targets[at]), state)
        return optax.apply_updates(net, updates), state

    return jax.lax.fori_loop(0, n_updates, one, (net, optimiser.init(net)))[0]


def trained_error(config: Config, net: Any, x: np.ndarray) -> float:
    """One-step error on the last 30 % after training on the rest; of persistence where there is no network.

    Args:
        config: sizes and seed.
        net: the network, or None.
        x: (time, 3) standardised.
    """
    n = len(x) - N_DELAYS
    inputs = jnp.asarray(np.concatenate([x[k : k + n] for k in range(N_DELAYS)], axis=1))
    targets = jnp.asarray(x[N_DELAYS:] - x[N_DELAYS - 1 : -1])
    cut, size = int(0.7 * n), jnp.std(targets)
    if net is None:
        return float(jnp.sqrt(jnp.mean(targets[cut:] ** 2)))
    found = _fit(net, inputs[:cut], targets[:cut] / size, jax.random.key(config.seed + 1), config.n_updates)
    return float(jnp.sqrt(jnp.mean((jax.vmap(found)(inputs[cut:]) * size - targets[cut:]) ** 2)))
