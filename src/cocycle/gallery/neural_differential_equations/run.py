"""Reversible Heun, gradients, Brownian paths and the reach of flows."""

import dataclasses
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.gallery.neural_differential_equations.brownian import brownian
from cocycle.gallery.neural_differential_equations.spirals import accuracy
from cocycle.gallery.results import Curve, Plot, Results

A = jnp.array([[-0.1, 1.3], [-1.0, -0.1]])
T_END = 2.0
TOLD = {"spirals": {}, "permuted": {"permuted": True}, "unflipped": {"flipped": False}}


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        n_keys: of Brownian paths.
        n_updates: of the flow that shall turn x into -x; 0 leaves it out.
        n_spirals: updates of the models that tell spirals apart; 0 leaves them out.
        seed: of everything drawn.
    """

    n_keys: int = 4000
    n_updates: int = 1000
    n_spirals: int = 60
    seed: int = 0


SMOKE = Config(n_updates=0, n_spirals=0)


def linear(y: Any, p: Any) -> Any:
    """A y."""
    return A @ y


def network(y: Any, p: Any) -> Any:
    """A network of 16 hidden units."""
    return p["W2"] @ jnp.tanh(p["W1"] @ y + p["b"])


def forward(state: Any, h: Any, field: Any, p: Any) -> Any:
    """One step of reversible Heun on (y, y^, f)."""
    y, z, f = state
    z_new = 2 * y - z + h * f
    f_new = field(z_new, p)
    return y + h / 2 * (f + f_new), z_new, f_new


def backward(state: Any, h: Any, field: Any, p: Any) -> Any:
    """Its algebraic inverse."""
    y, z, f = state
    z_old = 2 * y - z - h * f
    f_old = field(z_old, p)
    return y - h / 2 * (f + f_old), z_old, f_old


def heun(y: Any, h: Any, field: Any, p: Any) -> Any:
    """One step of Heun's method."""
    first = field(y, p)
    return y + h / 2 * (first + field(y + h * first, p))


def main(config: Config) -> Results:
    """All parts.

    Args:
        config: sizes.
    """
    keys = jax.random.split(jax.random.key(config.seed), 5)
    sizes = np.array([20, 40, 80, 160])
    errors = np.array([[order_errors(int(n))[k] for n in sizes] for k in (0, 1)])
    reverse, other = reversal()
    exact, continuous = gradients(keys[0])
    same, different, bridge, middle = brownian(config.n_keys, keys[1])
    flow = {k: turned(config, keys[2], k) if config.n_updates else float("nan") for k in (0, 1)}
    told = {k: accuracy(keys[3], config.n_spirals, **o) if config.n_spirals else float("nan") for k, o in TOLD.items()}
    measured = {
        "order": errors[0, 1] / errors[0, 2],
        "reversal": reverse,
        "gradient": exact,
        "brownian": same,
        "bridge": bridge,
        "crossing": flow[0],
        "spirals": told["spirals"],
        "unflipped": told["unflipped"],
    }
    controls = {
        "order": errors[1, 1] / errors[1, 2],
        "reversal": other,
        "gradient": continuous,
        "brownian": different,
        "bridge": middle,
        "crossing": flow[1],
        "spirals": told["permuted"],
        "unflipped": told["spirals"],
    }
    lines = (Curve(sizes, errors[0], "reversible Heun"), Curve(sizes, errors[1], "Euler"))
    plot = Plot("Order", "steps", "error at T = 2", lines, log_x=True, log_y=True)
    return Results(measured, controls, (plot,))


def order_errors(n: int) -> tuple[float, float]:
    """Errors at T = 2 of reversible Heun and of Euler's method.

    Args:
        n: steps.
    """
    h, y0 = T_END / n, jnp.array([1.0, 0.0])
    truth = jax.scipy.linalg.expm(A * T_END) @ y0
    found = _run(y0, h, n)[0]
    euler = jnp.linalg.matrix_power(jnp.eye(2) + h * A, n) @ y0
    return float(jnp.linalg.norm(found - truth)), float(jnp.linalg.norm(euler - truth))


@jax.jit
def _run(y0: Any, h: Any, n: Any) -> Any:
    state = y0, y0, linear(y0, None)
    return jax.lax.fori_loop(0, n, lambda _, s: forward(s, h, linear, None), state)


def reversal() -> tuple[float, float]:
    """Error after 200 steps and back, of reversible Heun and of Heun's method."""
    h, y0 = 0.01, jnp.array([1.0, 0.0])
    end = _run(y0, h, 200)
    back = jax.lax.fori_loop(0, 200, lambda _, s: backward(s, h, linear, None), end)[0]
    plain = jax.lax.fori_loop(0, 200, lambda _, y: heun(y, h, linear, None), y0)
    plain = jax.lax.fori_loop(0, 200, lambda _, y: heun(y, -h, linear, None), plain)
    return float(jnp.max(jnp.abs(back - y0))), float(jnp.max(jnp.abs(plain - y0)))


def gradients(key: Any) -> tuple[float, float]:
    """Relative errors of the gradient of |y(2)|^2: reversed reconstruction, and continuous adjoint.

    Args:
        key: of the weights.
    """
    k1, k2, k3 = jax.random.split(key, 3)
    p = {
        "W1": jax.random.normal(k1, (16, 2)),
        "W2": 0.5 * jax.random.normal(k2, (2, 16)),
        "b": jax.random.normal(k3, (16,)),
    }
    n, y0 = 20, jnp.array([1.0, 0.5])
    h = T_END / n

    def end(p: Any) -> Any:
        state = y0, y0, network(y0, p)
        return jax.lax.scan(lambda s, _: (forward(s, h, network, p), None), state, None, length=n)[0]

    def direct(p: Any) -> Any:
        return jax.grad(lambda q: jnp.sum(end(q)[0] ** 2))(p)

    def reconstructed(p: Any) -> Any:
        state = end(p)
        cotangent = (2 * state[0], jnp.zeros(2), jnp.zeros(2))
        total = jax.tree.map(jnp.zeros_like, p)

        def one(carry: Any, _: Any) -> Any:
            state, cotangent, total = carry
            before = backward(state, h, network, p)
            pull = jax.vjp(lambda s, q: forward(s, h, network, q), before, p)[1]
            cotangent, more = pull(cotangent)
            return (before, cotangent, jax.tree.map(jnp.add, total, more)), None

        (_, cotangent, total), _ = jax.lax.scan(one, (state, cotangent, total), None, length=n)
        more = jax.vjp(lambda q: network(y0, q), p)[1](cotangent[2])[0]
        return jax.tree.map(jnp.add, total, more)

    def adjoint(p: Any) -> Any:
        y = end(p)[0]

        def field(s: Any, q: Any) -> Any:
            value, pull = jax.vjp(network, s[0], q)
            a_y, a_p = pull(s[1])
            return jax.tree.map(jnp.negative, (value, jax.tree.map(jnp.negative, a_y), jax.tree.map(jnp.negative, a_p)))

        def one(s: Any, _: Any) -> Any:
            first = field(s, p)
            second = field(jax.tree.map(lambda a, b: a + h * b, s, first), p)
            return jax.tree.map(lambda a, b, c: a + h / 2 * (b + c), s, first, second), None

        start = y, 2 * y, jax.tree.map(jnp.zeros_like, p)
        return jax.lax.scan(one, start, None, length=n)[0][2]

    flat = [jax.flatten_util.ravel_pytree(jax.jit(f)(p))[0] for f in (direct, reconstructed, adjoint)]
    size = float(jnp.linalg.norm(flat[0]))
    return float(jnp.linalg.norm(flat[1] - flat[0])) / size, float(jnp.linalg.norm(flat[2] - flat[0])) / size


def turned(config: Config, key: Any, n_added: int) -> float:
    """Mean square error of a trained flow that shall turn x into -x.

    Args:
        config: sizes.
        key: of the weights.
        n_added: dimensions that start at zero.
    """
    d = 1 + n_added
    k1, k2 = jax.random.split(key)
    p = {"W1": jax.random.normal(k1, (16, d)), "W2": 0.1 * jax.random.normal(k2, (d, 16)), "b": jnp.zeros(16)}
    x = jnp.linspace(-1, 1, 64)

    def loss(p: Any) -> Any:
        def one(x: Any) -> Any:
            y = jnp.zeros(d).at[0].set(x)
            return jax.lax.scan(lambda y, _: (heun(y, 0.1, network, p), None), y, None, length=10)[0][0]

        return jnp.mean((jax.vmap(one)(x) + x) ** 2)

    optimiser = optax.adam(2e-2)

    @jax.jit
    def train(p: Any) -> Any:
        def one(_: Any, carry: Any) -> Any:
            p, state = carry
            updates, state = optimiser.update(jax.grad(loss)(p), state)
            return optax.apply_updates(p, updates), state

        return jax.lax.fori_loop(0, config.n_updates, one, (p, optimiser.init(p)))[0]

    return float(loss(train(p)))
