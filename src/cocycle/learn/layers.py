"""A small network: a linear part and one hidden layer."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class Layers(eqx.Module):
    r"""A linear part and a hidden layer.

    $$f(x) = L x + W_2 \tanh(W_1 x + b_1) + b_2$$

    Attributes:
        linear: (out, in) L.
        w1: (H, in).
        b1: (H,).
        w2: (out, H).
        b2: (out,).
    """

    linear: Float[Array, "out in"]
    w1: Float[Array, "H in"]
    b1: Float[Array, "H"]
    w2: Float[Array, "out H"]
    b2: Float[Array, "out"]

    def __call__(self, x: Float[Array, "in"]) -> Float[Array, "out"]:
        """Return f(x)."""
        return self.linear @ x + self.w2 @ jnp.tanh(self.w1 @ x + self.b1) + self.b2


def layers(key: Any, n_in: int, n_hidden: int, n_out: int, *, size: float = 1.0) -> Layers:
    """Draw a network.

    Args:
        key: random key.
        n_in: inputs.
        n_hidden: hidden units.
        n_out: outputs.
        size: of the outputs.
    """
    k0, k1, k2, k3 = jax.random.split(key, 4)
    return Layers(
        linear=size * jax.random.normal(k0, (n_out, n_in)) / n_in**0.5,
        w1=jax.random.normal(k1, (n_hidden, n_in)) / n_in**0.5,
        b1=0.5 * jax.random.normal(k3, (n_hidden,)),
        w2=0.3 * size * jax.random.normal(k2, (n_out, n_hidden)) / n_hidden**0.5,
        b2=jnp.zeros(n_out),
    )
