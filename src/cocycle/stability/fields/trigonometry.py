"""Sine and cosine as polynomial arithmetic, which the compiler turns into vector instructions.

XLA calls the scalar sine of the C library for each number of a double-precision vector, about 15 ns each on the
machine of docs/benchmarks.md; inside a compiled loop the polynomials cost a tenth of that.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

# pi/2 in three parts; the first two have 33 bits, so that their products with whole numbers below 2^20 are exact.
HALF_PI = tuple(float.fromhex(h) for h in ("0x1.921fb54400000p+0", "0x1.0b4611a600000p-34", "0x1.3198a2e037073p-69"))
# Chebyshev fit of (sin(r) / r - 1) / r^2 in r^2 on [0, (pi/2)^2], error 3e-19.
SINE = (
    -0.16666666666666666,
    0.008333333333333316,
    -0.00019841269841254885,
    2.7557319219139183e-06,
    -2.505210761393476e-08,
    1.6058977114074673e-10,
    -7.643963965925357e-13,
    2.731365867494017e-15,
)


def _folded_sine(x: Any, quarters: Any, half_turns: Any) -> Any:
    """Sine of x less a whole number of quarter turns, negated for odd half turns."""
    r = ((x - quarters * HALF_PI[0]) - quarters * HALF_PI[1]) - quarters * HALF_PI[2]
    r = jnp.clip(r, -1.6, 1.6)  # only where the argument has no digits after the point
    half = 0.5 * half_turns
    r = r * (1 - 4 * (half - jnp.floor(half)))
    z = r * r
    total = SINE[-1]
    for c in SINE[-2::-1]:
        total = c + z * total
    return r + r * (z * total)


def sine_cosine(x: Any) -> tuple[Any, Any]:
    """Sine and cosine of double-precision numbers, by range reduction to half a turn and one polynomial.

    Accuracy: 2 units in the last place of 1 for |x| < 1.6e6; beyond, that of an argument off by its own rounding.

    Args:
        x: array.

    Example:
        >>> s, c = sine_cosine(jnp.array(2.0))
        >>> bool(abs(s - np.sin(2.0)) < 3e-16)
        True

    Source: range reduction [cody1980].
    """
    # The two share nothing: the compiler makes a loop of each, and would do twice what they share.
    nearest, below = jnp.round(x * (1 / np.pi)), jnp.floor(x * (1 / np.pi))
    return _folded_sine(x, 2 * nearest, nearest), _folded_sine(x, 2 * below + 1, below + 1)


@jax.custom_jvp
def _apart(x: Any, alive: Any) -> tuple[Any, Any]:
    """Sine and cosine, computed once: the branch keeps XLA from doing it anew for each use of the results."""
    return jax.lax.cond(alive, sine_cosine, lambda x: (x, x), x)


@_apart.defjvp
def _apart_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    s, c = _apart(*primals)
    return (s, c), (tangents[0] * c, -tangents[0] * s)


def vectorised(function: Callable[..., Any], alive: Any) -> Callable[..., Any]:
    """Return a function that computes the same with `sine_cosine` in the place of JAX's own sine and cosine.

    Args:
        function: of arrays; what is inside its loops and custom derivatives stays as it is.
        alive: a boolean array, True; it must not be known when compiling.
    """

    def same(*args: Any) -> Any:
        traced, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        out = _walk(traced.jaxpr, traced.consts, jax.tree.leaves(args), alive, {})
        return jax.tree.unflatten(jax.tree.structure(shape), out)

    return same


def _walk(jaxpr: Any, consts: Any, args: Any, alive: Any, pairs: dict) -> list[Any]:
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *args], strict=True))

    def read(v: Any) -> Any:
        return v.val if isinstance(v, Literal) else known[v]

    for eqn in jaxpr.eqns:
        values, name = [read(v) for v in eqn.invars], eqn.primitive.name
        if name in ("sin", "cos") and eqn.outvars[0].aval.dtype == jnp.float64:
            x = values[0]
            if id(x) not in pairs:
                pairs[id(x)] = (x, _apart(x, alive))
            found = [pairs[id(x)][1][name == "cos"]]
        elif name in ("jit", "pjit", "closed_call"):
            inner = eqn.params["jaxpr"] if "jaxpr" in eqn.params else eqn.params["call_jaxpr"]
            found = _walk(inner.jaxpr, inner.consts, values, alive, pairs)
        else:
            bound = eqn.primitive.get_bind_params(eqn.params)
            # A pair (functions, params) before JAX 0.9.
            functions, params = bound if isinstance(bound, tuple) else ((), bound)
            found = eqn.primitive.bind(*functions, *values, **params)
        found = found if isinstance(found, list | tuple) else [found]
        known.update(zip(eqn.outvars, found, strict=True))
    return [read(v) for v in jaxpr.outvars]
