"""Lion on a small network: no weight leaves the box."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.run import run
from cocycle.gallery.results import Curve, Plot
from cocycle.training import AbstractOptimiser, Lion, Problem, Training

TRAIN_RATE, DECAYS = 1e-3, (1.0, 3.0, 10.0)


class DecayedDescent(AbstractOptimiser):
    """Gradient descent with decoupled weight decay."""

    learning_rate: Any
    weight_decay: Any

    def init(self, params: Any) -> Any:
        """Return nothing."""
        return None

    def update(self, gradient: Any, params: Any, memory: Any) -> tuple[Any, Any]:
        """Step along the gradient and towards zero."""
        one = lambda p, g: p - self.learning_rate * (g + self.weight_decay * p)  # noqa: E731
        return jax.tree.map(one, params, gradient(params)), memory


def moons(key: Any, n: int = 200) -> tuple[Any, Any]:
    """Two half circles with noise, labels 0 and 1."""
    angle = jnp.linspace(0, jnp.pi, n // 2)
    upper = jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1)
    lower = jnp.stack([1 - jnp.cos(angle), 0.5 - jnp.sin(angle)], axis=1)
    x = jnp.concatenate([upper, lower]) + 0.1 * jax.random.normal(key, (n, 2))
    return x, jnp.repeat(jnp.array([0, 1]), n // 2)


def mlp(params: Any, x: Any) -> Any:
    """2-32-2."""
    return params["w2"] @ jnp.tanh(params["w1"] @ x + params["b1"]) + params["b2"]


def network(config: Any) -> tuple[dict, dict, Plot]:
    """Largest weight against the bound, and share of weights at it."""
    k = jax.random.split(jax.random.key(config.seed), 4)
    params = {
        "w1": jax.random.normal(k[0], (32, 2)),
        "b1": jax.random.normal(k[1], (32,)),
        "w2": jax.random.normal(k[2], (2, 32)) / np.sqrt(32),
        "b2": jnp.zeros(2),
    }
    problem = Problem(mlp, params, moons(k[3]), loss="cross_entropy")

    def weights(decay: float, rule: Any = None) -> np.ndarray:
        rule = Lion(TRAIN_RATE, weight_decay=decay) if rule is None else rule
        end = run(Training(problem, rule), n_steps=config.n_train)
        return np.abs(np.asarray(problem.flat(end.params)))

    found = {decay: weights(decay) for decay in DECAYS}
    bare, plain = weights(0.0), weights(DECAYS[-1], DecayedDescent(jnp.asarray(0.01), jnp.asarray(DECAYS[-1])))
    over = max((float(np.max(w)) - 1 / decay) / TRAIN_RATE for decay, w in found.items())
    at = float(np.mean(found[DECAYS[-1]] > 0.99 / DECAYS[-1]))
    curves = tuple(
        Curve(np.sort(w) * decay, np.linspace(0, 1, len(w)), f"decay {decay:g}") for decay, w in found.items()
    )
    picture = Plot("Weights of the network", "|weight| times decay", "share below", curves)
    return (
        {"network_box": over, "network_bound": at},
        {
            "network_box": (float(np.max(bare)) - 1 / DECAYS[0]) / TRAIN_RATE,
            "network_bound": float(np.mean(plain > 0.99 / DECAYS[-1])),
        },
        picture,
    )
