"""Two-layer linear networks against the closed form of their modes; products of random matrices at the start."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import Brownian
from cocycle.core.estimate import Estimate
from cocycle.core.functions import Map
from cocycle.core.run import trajectory
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.stability import lyapunov_spectrum
from cocycle.training import SGD, AbstractOptimiser, Problem, Training

N, START = 8, 1e-3
MODES = np.array([4.0, 2.5, 1.0, 0.5])


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        step: learning rate in time constants.
        duration: time of learning [time constants].
        n_matrices: factors of the random products.
        width: their size.
        seed: of bases, starts and matrices.
    """

    step: float = 1e-3
    duration: float = 16.0
    n_matrices: int = 20_000
    width: int = 16
    seed: int = 0


SMOKE = Config(step=0.01, duration=2.0, n_matrices=500)


class TwoSpeeds(AbstractOptimiser):
    """Gradient descent whose second layer learns twice as fast."""

    learning_rate: Any

    def init(self, params: Any) -> None:
        """Return None."""
        return None

    def update(self, gradient: Any, params: Any, memory: Any) -> Any:
        """Step down the gradient, twice as far in the second layer."""
        g = gradient(params)
        step = {"W1": self.learning_rate, "W2": 2 * self.learning_rate}
        return {k: params[k] - step[k] * g[k] for k in params}, memory


def network(params: Any, x: Any) -> Any:
    """Two linear layers."""
    return params["W2"] @ (params["W1"] @ x)


def orthogonal(key: Any, n: int = N) -> Any:
    """Random orthogonal matrix."""
    return jnp.linalg.qr(jr.normal(key, (n, n)))[0]


def closed_form(t: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Strength of the modes s at times t."""
    growth = np.exp(-2 * s * t[:, None])
    return s / (1 - growth + growth * s / START)


def main(config: Config) -> Results:
    """Learning from a decoupled and from a random start; random products.

    Args:
        config: sizes.
    """
    keys = jr.split(jr.key(config.seed), 6)
    U, V, R = (orthogonal(k) for k in keys[:3])
    s = jnp.zeros(N).at[: len(MODES)].set(MODES)
    decoupled = {"W1": jnp.sqrt(START) * R @ V.T, "W2": jnp.sqrt(START) * U @ R.T}
    random = {"W1": jr.normal(keys[3], (N, N)), "W2": jr.normal(keys[4], (N, N))}
    random = {k: w * jnp.linalg.norm(decoupled[k]) / jnp.linalg.norm(w) for k, w in random.items()}
    # Whitened inputs: the mean of x x^T is the identity, that of z x^T is U S V^T.
    x = jnp.sqrt(float(N)) * jnp.eye(N)
    problem = Problem(network, decoupled, (x, x @ (U * s[None] @ V.T).T))
    n_steps = round(config.duration / config.step)
    every = max(1, round(0.001 / config.step))

    def learn(start: Any, rule: Any) -> tuple[np.ndarray, np.ndarray, float]:
        orbit = trajectory(Training(problem, rule), start, n_steps=n_steps, save_every=every)
        W1, W2 = orbit.x["W1"], orbit.x["W2"]
        strength = np.einsum("ai,tab,tbc,ci->ti", np.asarray(U), W2, W1, np.asarray(V), optimize=True)
        balance = np.einsum("tba,tbc->tac", W2, W2) - np.einsum("tab,tcb->tac", W1, W1)
        scale = np.max(np.linalg.norm(np.einsum("tba,tbc->tac", W2, W2), axis=(1, 2)))
        first = np.asarray(start["W2"].T @ start["W2"] - start["W1"] @ start["W1"].T)
        drift = float(np.max(np.linalg.norm(balance - first, axis=(1, 2))) / scale)
        return np.asarray(orbit.t) * config.step, strength[:, : len(MODES)], drift

    t, u, drift = learn(decoupled, SGD(config.step))
    _, other, _ = learn(random, SGD(config.step))
    _, _, uneven = learn(decoupled, TwoSpeeds(jnp.asarray(config.step)))
    exact = closed_form(t, MODES)
    rises, other_rises = half_rises(t, u), half_rises(t, other)
    products, products_control = random_products(config, keys[5])
    picture = Plot(
        "Strength of the modes of a two-layer linear network",
        "time [time constants]",
        "strength",
        (
            *(Curve(t, u[:, k], f"s = {MODES[k]:g}") for k in range(len(MODES))),
            *(Curve(t, exact[:, k], "closed form" if not k else "", dashed=True) for k in range(len(MODES))),
        ),
        caption="Plateaus and sudden rises: stronger modes first. The closed form lies on the curves.",
    )
    error = lambda found: float(np.max(np.abs(found - exact) / MODES))  # noqa: E731
    return Results(
        {"modes": error(u), "half_rise_1": rises[0], "half_rise_4": rises[3], "balance": drift, **products},
        {
            "modes": error(other),
            "half_rise_1": other_rises[0],
            "half_rise_4": other_rises[3],
            "balance": uneven,
            **products_control,
        },
        (picture,),
    )


def half_rises(t: np.ndarray, u: np.ndarray) -> list[float]:
    """Times at which the modes reach half of their strength; the end of the run where they do not."""
    out = []
    for k, s in enumerate(MODES):
        above = u[:, k] >= s / 2
        i = int(np.argmax(above)) if above.any() else len(t) - 1
        share = (s / 2 - u[i - 1, k]) / (u[i, k] - u[i - 1, k]) if above.any() and i else 1.0
        out.append(float(t[i - 1] + share * (t[i] - t[i - 1])))
    return out


def gaussian_factor(x: Any, args: Any, w: Any) -> Any:
    """Multiply by a Gaussian matrix of variance 1/N."""
    return args * w @ x / jnp.sqrt(float(x.shape[0]))


def orthogonal_factor(x: Any, args: Any, w: Any) -> Any:
    """Multiply by a random orthogonal matrix."""
    return args * jnp.linalg.qr(w)[0] @ x


def random_products(config: Config, key: Any) -> tuple[dict, dict]:
    """Exponents of products of Gaussian and of orthogonal matrices."""
    n = config.width
    driver = Brownian(key, (n, n))

    def spectrum(factor: Any) -> tuple[Estimate, Estimate]:
        system = Map(factor, jnp.asarray(1.0), x0=jnp.zeros(n), driven=True)
        found = lyapunov_spectrum(system, None, driver, n_steps=config.n_matrices, n_vectors=n)
        both = [Estimate(float(found.exponents[k]), float(found.stderr[k])) for k in (0, n - 1)]
        return both[0], both[1]

    first, last = spectrum(gaussian_factor)
    still = spectrum(orthogonal_factor)
    largest = max(abs(float(e.value)) for e in still)
    return (
        {"gaussian_first": first, "gaussian_last": last, "orthogonal": largest},
        {"gaussian_first": still[0], "gaussian_last": still[1], "orthogonal": abs(float(last.value))},
    )
