"""Newton's method from many starts at once, with the zeros that are known divided out."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.stability.equilibria.equation import Equation

N_ITERATIONS = 60
ROUND_OFF = 1e-12
REACH = 0.5


def newton_step(equation: Equation, v: Float[Array, "D"]) -> Float[Array, "D"]:
    """Return the Newton step of the residual; NaN where the Jacobian is singular.

    Args:
        equation: what to solve.
        v: where.
    """
    return -jnp.linalg.solve(equation.jacobian(v), equation.residual(v))


@eqx.filter_jit
def polish(equation: Equation, v: Float[Array, "D"]) -> tuple[Array, Array]:
    """Take full Newton steps until they no longer shrink.

    Args:
        equation: what to solve.
        v: near a zero.

    Returns:
        The zero, and the length of the last step.
    """

    def going(carry: Any) -> Any:
        i, _, last, step = carry
        return (i < N_ITERATIONS) & (step > 0) & ((step < 0.5 * last) | (i < 3))

    def one(carry: Any) -> Any:
        i, v, _, step = carry
        d = newton_step(equation, v)
        return i + 1, v + d, step, jnp.linalg.norm(d)

    _, v, last, step = jax.lax.while_loop(going, one, (0, v, jnp.inf, jnp.asarray(jnp.inf)))
    return v, jnp.minimum(last, step)


@eqx.filter_jit
def search(
    equation: Equation,
    starts: Float[Array, "n D"],
    known: Float[Array, "m D"],
    n_known: Any,
    low: Float[Array, "D"],
    high: Float[Array, "D"],
) -> tuple[Array, Array]:
    r"""Damped Newton from each start, on the residual with the known zeros divided out.

    $$G(v) = f(v) \prod_r \Bigl(1 + \frac{1}{\|v - r\|^2}\Bigr)$$

    in the scale of the box. Its Newton step is that of f, divided by 1 - (step . gradient of log of the product).

    Args:
        equation: what to solve.
        starts: where to start.
        known: zeros, the first n_known rows of them.
        n_known: how many.
        low: lower ends of the box.
        high: upper ends of the box.

    Returns:
        Ends (n, D), and whether each converged within twice the box.

    Source: [farrell2015].
    """
    size = high - low
    middle = 0.5 * (low + high)
    there = jnp.arange(known.shape[0]) < n_known

    def one(start: Any) -> Any:
        def going(carry: Any) -> Any:
            i, v, step = carry
            near = jnp.all(jnp.abs(v - middle) <= 2 * size)
            return (i < N_ITERATIONS) & (step > ROUND_OFF) & near

        def iterate(carry: Any) -> Any:
            i, v, _ = carry
            d = newton_step(equation, v) / size
            gap = (v[None, :] - known) / size[None, :]
            square = jnp.sum(gap * gap, axis=1)
            safe = jnp.where(there & (square > 0), square, 1.0)
            pull = jnp.where(there, -2.0 / (safe * (1.0 + safe)), 0.0) @ gap
            factor = 1.0 - jnp.dot(pull, d)
            d = d / jnp.where(jnp.abs(factor) > 1e-12, factor, 1e-12)
            length = jnp.linalg.norm(d)
            d = d * jnp.minimum(1.0, REACH / jnp.maximum(length, 1e-300))
            return i + 1, v + size * d, length

        _, v, step = jax.lax.while_loop(going, iterate, (0, start, jnp.asarray(jnp.inf)))
        return v, (step <= 1e-6) & jnp.all(jnp.isfinite(v))

    return jax.vmap(one)(starts)
