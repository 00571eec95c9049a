"""Standard normal numbers as a function of a key and two counters, fast for one number at a time.

`jax.random.normal(fold_in(key, n))` costs 400 ns a number inside a compiled loop, because each call hashes in a loop
of its own. Here the same hash (threefry 2x32, 20 rounds) is written out, so that XLA fuses it with what follows: 50 ns.
"""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)


def threefry(k0: Array, k1: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """Hash two 32-bit counters under two 32-bit keys: 64 random bits.

    Args:
        k0: first half of the key, uint32.
        k1: second half of the key, uint32.
        x0: first counters, uint32.
        x1: second counters, uint32.

    Source: [salmon2011].
    """
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    x0, x1 = x0 + k0, x1 + k1
    for group in range(5):
        for r in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = x0 ^ ((x1 << np.uint32(r)) | (x1 >> np.uint32(32 - r)))
        x0, x1 = x0 + keys[(group + 1) % 3], x1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0, x1


def normal_at(key: PRNGKeyArray, n: int | Int[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Draw standard normal numbers that belong to step n of a key.

    Args:
        key: random key.
        n: step number, at least 0.
        shape: shape of the draw.

    Returns:
        Numbers of that shape, by inversion of 53-bit uniform numbers.

    Limits: keys of another kind than threefry, and 32-bit mode, go through `jax.random`.
    """
    if jnp.asarray(0.0).dtype != jnp.float64 or str(jr.key_impl(key)) not in ("threefry2x32", "fry"):
        return jr.normal(jr.fold_in(key, n), shape, dtype=float)
    k = jr.key_data(key)
    step = jnp.asarray(n).astype(jnp.uint64)
    low, high = (step & 0xFFFFFFFF).astype(jnp.uint32), (step >> 32).astype(jnp.uint32)
    index = jnp.arange(math.prod(shape), dtype=jnp.uint32).reshape(shape)
    a, b = threefry(k[0], k[1] ^ high, jnp.broadcast_to(low, shape), index)
    bits = (a.astype(jnp.uint64) << 32) | b.astype(jnp.uint64)
    uniform = ((bits >> 11).astype(float) + 0.5) * 2.0**-53
    return math.sqrt(2.0) * jax.scipy.special.erfinv(2.0 * uniform - 1.0)
