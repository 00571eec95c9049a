"""Gradient descent on a small tanh network up to its edge of stability; one minimum, two criteria."""

from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import Minibatch
from cocycle.core.errors import NonFiniteStateError
from cocycle.core.estimate import Estimate
from cocycle.gallery.results import Curve, Plot
from cocycle.training import (
    SGD,
    OutputLoss,
    Problem,
    Training,
    edge_of_stability,
    gradient_descent_exponent,
    growth,
    minimum,
)

WIDTH, N_POINTS = 20, 20


def square(output: Any, target: Any) -> Any:
    """Squared error, without the half."""
    return jnp.sum((output - target) ** 2)


def network(params: Any, x: Any) -> Any:
    """Tanh network 1-20-20-1."""
    h = jnp.tanh(params["W1"] @ x + params["b1"])
    h = jnp.tanh(params["W2"] @ h + params["b2"])
    return params["w3"] @ h + params["b3"]


def product_network(params: Any, y: Any) -> Any:
    """Diagonal linear network."""
    return jnp.sum(params["u"] * params["v"] * y)


def descent(config: Any) -> tuple[dict, dict, Plot]:
    """Sharpness along gradient descent at three rates; exponents at one minimum.

    Args:
        config: sizes.
    """
    keys = jr.split(jr.key(config.seed), 3)
    params = {
        "W1": jr.normal(keys[0], (WIDTH, 1)),
        "b1": jnp.zeros(WIDTH),
        "W2": jr.normal(keys[1], (WIDTH, WIDTH)) / np.sqrt(WIDTH),
        "b2": jnp.zeros(WIDTH),
        "w3": jr.normal(keys[2], (WIDTH,)) / np.sqrt(WIDTH),
        "b3": jnp.zeros(()),
    }
    x = jnp.linspace(-1, 1, N_POINTS)
    problem = Problem(network, params, (x[:, None], jnp.sin(3 * x)), loss=OutputLoss(square))

    def train(rate: float) -> Any:
        return edge_of_stability(Training(problem, SGD(rate)), n_steps=config.n_steps, record_every=config.record_every)

    curves = {rate: train(rate) for rate in (0.2, 0.1, 0.01)}
    ratio = {rate: c.sharpness / c.edge for rate, c in curves.items()}
    late = {rate: float(np.mean(r[-len(r) // 4 :])) for rate, r in ratio.items()}
    try:
        beyond = float(np.min(train(2.0).loss[-config.n_steps // config.record_every // 4 :]))
    except NonFiniteStateError:
        beyond = 1e300
    exponent, plain = one_minimum(config)
    picture = Plot(
        "Sharpness along gradient descent",
        "step",
        "sharpness × rate / 2",
        (
            *(Curve(c.n, ratio[rate], f"rate {rate:g}") for rate, c in curves.items()),
            Curve([0, config.n_steps], [1.0, 1.0], "edge of stability", dashed=True),
        ),
        caption="At the two larger rates the curvature grows until the step is at its limit, and stays there.",
    )
    return (
        {"edge_fast": late[0.2], "edge_slow": late[0.1], "loss": float(curves[0.2].loss[-1]), "sgd_unstable": exponent},
        {"edge_fast": late[0.01], "edge_slow": late[0.01], "loss": beyond, "sgd_unstable": plain},
        picture,
    )


def one_minimum(config: Any) -> tuple[Estimate, float]:
    """Exponents of SGD and of gradient descent at u^2 + v^2 = (3, 3), rate 0.7."""
    u = np.full(2, np.sqrt((3 + np.sqrt(5)) / 2))
    y = np.array([[1.0, 0.0], [0.6, 0.8]])
    at = minimum(Problem(product_network, {"u": jnp.asarray(u), "v": jnp.asarray(1 / u)}, (y, y @ np.ones(2))))
    driver = Minibatch(jr.key(config.seed), 2, 1)
    found = growth(at, np.array([0.7]), np.array([1]), driver, n_steps=config.n_product).exponents()
    return Estimate(float(found.value[0]), float(found.stderr[0])), gradient_descent_exponent(at, 0.7)
