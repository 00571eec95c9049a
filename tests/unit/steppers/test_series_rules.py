"""Each rule against nested forward derivatives of JAX, which know nothing of recurrences."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from cocycle.core.errors import NoSeriesError
from cocycle.steppers.series import Program

ORDER = 3
# Coefficients of a curve through points where all functions below are analytic.
CURVE = np.array([[0.4, 0.35, 0.55], [0.3, -0.2, 0.1], [-0.15, 0.25, 0.05], [0.1, 0.07, -0.12]])
C = np.array([1.5, -0.7, 2.2])
M = np.array([[0.3, -1.2, 0.5], [0.8, 0.1, -0.4]])


def curve(t):
    return sum(jnp.asarray(row) * t**k for k, row in enumerate(CURVE))


FUNCTIONS = {
    "add": lambda x: x + jnp.flip(x) + 2.0,
    "sub": lambda x: 1.0 - x - jnp.flip(x) * C,
    "mul": lambda x: x * jnp.flip(x) * C,
    "neg": lambda x: -x,
    "div": lambda x: x / (1 + jnp.roll(x, 1)) + 1.0 / x + x / C,
    "square": lambda x: lax.square(x) + x * x,
    "integer_pow": lambda x: x**3 + x**-2 + x**7 + x**1,
    "pow": lambda x: x**2.5 + x ** jnp.asarray(C),
    "pow of a series": lambda x: x ** jnp.flip(x),
    "number to a power": lambda x: 1.7**x,
    "sqrt": jnp.sqrt,
    "rsqrt": lax.rsqrt,
    "cbrt": jnp.cbrt,
    "exp": jnp.exp,
    "exp2": jnp.exp2,
    "expm1": jnp.expm1,
    "log": jnp.log,
    "log1p": jnp.log1p,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "sin and cos": lambda x: jnp.sin(x) * jnp.cos(x),
    "tan": jnp.tan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "logistic": jax.nn.sigmoid,
    "erf": lax.erf,
    "erfc": lax.erfc,
    "erf_inv": lax.erf_inv,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan": jnp.arctan,
    "asinh": jnp.arcsinh,
    "acosh": lambda x: jnp.arccosh(1.5 + x),
    "atanh": jnp.arctanh,
    "atan2": lambda x: jnp.arctan2(x, jnp.flip(x) - 0.7),
    "reshape, transpose": lambda x: jnp.ravel(jnp.reshape(jnp.concatenate([x, x * x]), (2, 3)).T),
    "stack, slice": lambda x: jnp.stack([x[1], x[0] * x[2], x[2]])[1:],
    "gather": lambda x: (x * x)[jnp.array([2, 0, 2, 1])],
    "dynamic_slice": lambda x: lax.dynamic_slice(x * x, (1,), (2,)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x * x, jnp.sin(x[:1]), (1,)),
    "scatter": lambda x: (x * x).at[jnp.array([2, 0])].set(jnp.sin(x[:2])),
    "scatter-add": lambda x: (x * x).at[jnp.array([2, 0])].add(jnp.sin(x[:2])),
    "pad": lambda x: jnp.pad(x * x, 2, constant_values=3.0),
    "rev, roll": lambda x: jnp.roll(x, 1) * x[::-1],
    "reduce_sum": lambda x: jnp.sum(x[None] * jnp.ones((2, 3)), axis=1),
    "reduce_prod": lambda x: jnp.prod(x[None] * jnp.ones((2, 3)) * jnp.arange(1.0, 3.0)[:, None], axis=1),
    "reduce_max": lambda x: jnp.max(jnp.sin(x)) + jnp.min(jnp.exp(x)),
    "cumsum": lambda x: jnp.cumsum(x * x),
    "dot_general, constant": lambda x: jnp.asarray(M) @ (x * x),
    "dot_general, both": lambda x: jnp.outer(x, x)[:2] @ jnp.sin(x),
    "dot_general, batched": lambda x: jnp.einsum("ij,ij->i", jnp.outer(x, x), jnp.outer(jnp.sin(x), x)),
    "convolution": lambda x: jnp.convolve(x * x, jnp.asarray(C), mode="same"),
    "convolution, both": lambda x: jnp.convolve(x, jnp.sin(x), mode="full"),
    "fft": lambda x: jnp.fft.irfft(1j * jnp.arange(3.0) * jnp.fft.rfft(jnp.concatenate([x, x[:1]])), n=4),
    "complex": lambda x: jnp.abs(lax.complex(x, x * x).real) + jnp.conj(lax.complex(x, x * x)).imag,
    "convert": lambda x: (x * x).astype(complex).real,
    "where, constant": lambda x: jnp.where(jnp.array([True, False, True]), x * x, jnp.sin(x)),
    "where": lambda x: jnp.where(x > 0.38, x * x, jnp.sin(x)),
    "abs": lambda x: jnp.abs(x - 0.38),
    "max, min": lambda x: jnp.maximum(x * x, 0.15) + jnp.minimum(jnp.sin(x), jnp.flip(x)),
    "clip": lambda x: jnp.clip(x * x, 0.14, 0.2) + lax.clamp(0.14, x * x, 0.2),
    "sign, floor": lambda x: jnp.sign(x - 0.38) * x + jnp.floor(7 * x) * x + jnp.ceil(x) + jnp.round(3 * x),
    "mod": lambda x: jnp.mod(5 * x, 1.0) + lax.rem(7 * x, 1.0 + x),
    "jit": lambda x: jax.jit(lambda a, b: jnp.sin(a) * b)(x, x * x),
    "custom_jvp": lambda x: jax.nn.silu(x) + jax.nn.softplus(x) + jax.nn.gelu(x),
    "custom_vjp": lambda x: _with_vjp(x) * x,
    "checkpoint": lambda x: jax.checkpoint(lambda a: jnp.sin(a) * a)(x),
    "cond": lambda x: lax.cond(x[0] > 0.3, lambda a: jnp.sin(a), lambda a: a * a, x),
    "cond, constant": lambda x: lax.cond(jnp.asarray(False), lambda a: jnp.sin(a), lambda a: a * a, x),
    "scan": lambda x: lax.scan(lambda c, a: (c * a + a, jnp.sin(c)), 1.0, x, reverse=True)[1],
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, a: a * x + i, x),
    "derivative": lambda x: jax.jvp(lambda a: jnp.sin(a) * a[0], (x,), (x * x,))[1],
    "gradient": lambda x: jax.grad(lambda a: jnp.sum(jnp.sin(a) * jnp.roll(a, 1) ** 2 / (1 + a)))(x),
    "norm": lambda x: x / jnp.linalg.norm(x) ** 3,
    "softmax": jax.nn.softmax,
    "constant slope": lambda x: jnp.zeros(3).at[1].set(2.0),
    "broadcast": lambda x: jnp.broadcast_to(x[0] * x[1], (4,)),
}


@jax.custom_vjp
def _with_vjp(x):
    return jnp.exp(x) * x


_with_vjp.defvjp(lambda x: (_with_vjp(x), x), lambda x, g: (g * (1 + x) * jnp.exp(x),))

NO_FORWARD = {"custom_vjp": lambda x: jnp.exp(x) * x * x}


def slope_of(f):
    return lambda t: jax.jvp(f, (t,), (1.0,))[1]


@functools.cache
def derivatives(function, order):
    """Coefficients of function(curve(t)) at t = 0, by nested forward derivatives."""

    def all_orders(t):
        found, f = [], lambda t: jnp.ravel(function(curve(t)))
        for k in range(order + 1):
            found.append(f(t) / math.factorial(k))
            f = slope_of(f)
        return jnp.stack(found)

    # Operation by operation: a compilation takes a hundred times the work.
    with jax.disable_jit():
        return np.asarray(all_orders(0.0))


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_rule(name, by_number):
    function = FUNCTIONS[name]
    expected = derivatives(NO_FORWARD.get(name, function), ORDER)
    y = jnp.zeros(expected.shape[1])
    program = Program(lambda t, y: jnp.ravel(function(curve(t))), 0.0, y, by_number=by_number)
    parts = program.expand(jnp.zeros(()), program.split(y), ORDER + 1).parts
    found = np.array([np.concatenate([np.ravel(p[k]) for p in parts]) for k in range(1, ORDER + 2)])
    found = found * np.arange(1, ORDER + 2)[:, None]
    # Both are round-off exact; nested derivatives cancel, and inverse functions have poles near by.
    scale = np.max(np.abs(expected), axis=1, keepdims=True) + 1
    np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e4 * np.finfo(float).eps)


def test_the_form_is_chosen_by_size():
    small = Program(lambda t, y: jnp.sin(y), 0.0, jnp.ones(3))
    large = Program(lambda t, y: jnp.sin(y), 0.0, jnp.ones(40))
    assert len(small.split(jnp.ones(3))) == 3
    assert len(large.split(jnp.ones(40))) == 1


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jnp.sort, "sort"),
        (lambda x: lax.while_loop(lambda a: a[0] < 3.0, lambda a: a * 2.0, x), "while"),
        (lambda x: jax.scipy.special.gammaln(x), "lgamma"),
        (lambda x: jnp.linalg.solve(jnp.outer(x, x) + jnp.eye(3), x), "lu"),
    ],
)
def test_a_primitive_without_a_rule_is_named(function, name):
    with pytest.raises(NoSeriesError, match=rf"{name}.*Adaptive"):
        Program(lambda t, y: function(y), 0.0, jnp.ones(3))


def test_what_is_not_analytic_is_named():
    def field(t, y):
        return jnp.abs(y) + jnp.where(t > 1.0, 1.0, 0.0) + jnp.maximum(y, jnp.asarray([0.0, 2.0, 1.0]))

    assert Program(field, 0.0, jnp.ones(3)).switches == ["abs", "gt", "max"]
    assert Program(lambda t, y: jnp.where(jnp.arange(3) > 1, y, 0.0), 0.0, jnp.ones(3)).switches == []
    with pytest.raises(NoSeriesError, match="abs, gt, max"):
        Program(field, 0.0, jnp.ones(3), switches=False)


def test_shared_sub_expressions_are_kept():
    def field(t, y):
        return jnp.stack([jnp.sin(y[0]) * jnp.cos(y[0]), jnp.sin(y[0]) * y[1]])

    program = Program(field, 0.0, jnp.ones(2))
    text = str(jax.make_jaxpr(lambda y: program.expand(0.0, program.split(y), 8).parts)(jnp.ones(2)))
    assert text.count(" sin ") == 1
    assert text.count(" cos ") == 1
