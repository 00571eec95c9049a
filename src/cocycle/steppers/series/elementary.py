"""Series of the elementary functions: each by the differential equation that it satisfies."""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from cocycle.steppers.series.line import (
    TWO_OVER_ROOT_PI,
    Coefficient,
    Line,
    added,
    constant,
    convolved,
    divided,
    first,
    is_number,
    multiplied,
    negated,
    recent_last,
    scaled,
    shared,
    squared,
    subtracted,
    total,
)


def add(a: Line, b: Line) -> Line:
    """Return the series of a + b."""
    if a.constant and is_number(a[0]) and a[0] == 0:
        return b
    if b.constant and is_number(b[0]) and b[0] == 0:
        return a
    return Line(lambda k: added(a[k], b[k]))


def sub(a: Line, b: Line) -> Line:
    """Return the series of a - b."""
    return Line(lambda k: subtracted(a[k], b[k]))


def neg(a: Line) -> Line:
    """Return the series of -a."""
    return Line(lambda k: negated(a[k]))


def mul(a: Line, b: Line) -> Line:
    """Return the series of a b, by Cauchy's product."""
    if a is b:
        return square(a)
    if b.constant:
        a, b = b, a
    if a.constant:
        if is_number(a[0]) and a[0] == 1:
            return b
        return Line(lambda k: multiplied(a[0], b[k]))
    return Line(lambda k: convolved(a, b, k))


def square(a: Line) -> Line:
    """Return the series of a^2: half the products."""
    return a.once("square", lambda: Line(lambda k: squared(a, k)))


def over(a: Coefficient, line: Line, k: int) -> Coefficient:
    """Return a coefficient divided by the order-zero term of a line, by its reciprocal beyond order zero.

    A compiler will not copy a division into the places that use it, so that one in each order cuts the code to pieces.
    """
    if k == 0 or a is None:
        return divided(a, first(line))
    return multiplied(a, line.once("reciprocal", lambda: 1.0 / first(line)))


def div(a: Line, b: Line) -> Line:
    """Return the series y of a / b, from b y = a."""
    if b.constant:
        return Line(lambda k: over(a[k], b, k))

    def make(k: int) -> Coefficient:
        return over(subtracted(a[k], convolved(b, y, k, start=1)), b, k)

    y = Line(make)
    return y


def sqrt(a: Line) -> Line:
    """Return the series y of the square root, from y^2 = a."""

    def make(k: int) -> Coefficient:
        if k == 0:
            return lax.sqrt(first(a))
        return over(scaled(subtracted(a[k], squared(y, k, start=1)), 0.5), y, k)

    y = Line(make)
    return y


def rsqrt(a: Line) -> Line:
    """Return the series of 1 / sqrt(a)."""
    return div(constant(1.0), sqrt(a))


def _powered(a: Line, exponent: Any, start: Any) -> Line:
    """The y = a^p from a y' = p a' y, with the given y_0."""

    def make(k: int) -> Coefficient:
        if k == 0:
            return start(first(a))
        # Two newest coefficients: of a alone (first), and of y.
        newest = multiplied(a[k], y.once("leading", lambda: over(scaled(y[0], exponent), a, 1)))
        terms = (multiplied(scaled(a[k - j], exponent * (k - j) - j), y[j]) for j in range(1, k))
        return added(over(shared(recent_last(terms), k), a, k), newest)

    y = Line(make)
    return y


def cbrt(a: Line) -> Line:
    """Return the series of the cube root."""
    return _powered(a, 1.0 / 3.0, lax.cbrt)


def _pow(x: Any, p: Any) -> Any:
    return jnp.power(x, jnp.asarray(p, dtype=jnp.result_type(x)))


def power(a: Line, exponent: Line) -> Line:
    """Return the series of a to a power, constant or not."""
    if not exponent.constant:
        y = exp(mul(exponent, log(a)))
        y.known = [_pow(first(a), first(exponent))]
        return y
    p = exponent[0]
    if is_number(p) and float(p).is_integer() and abs(p) <= 64:
        return integer_pow(a, y=int(p))
    return _powered(a, p, lambda x: _pow(x, p))


def integer_pow(a: Line, *, y: int) -> Line:
    """Return the series of a whole power by products, valid at zero too."""
    if y < 0:
        return div(constant(1.0), integer_pow(a, y=-y))
    if y == 0:
        return constant(jnp.ones_like(first(a)))
    if y == 1:
        return a
    half = a.once(f"power {y // 2}", lambda: integer_pow(a, y=y // 2))
    return square(half) if y % 2 == 0 else mul(square(half), a)


def _by_product(a: Line, start: Callable, rate: Callable[[Line], Line]) -> Line:
    """The y with y' = g a', where the series g = rate(y) needs no later coefficient of y than is known."""

    def make(k: int) -> Coefficient:
        if k == 0:
            return start(first(a))
        g = y.once("rate", lambda: rate(y))
        known = recent_last(multiplied(a.slope(j), g[k - j]) for j in range(1, k))
        return added(shared(known, k), multiplied(a[k], g[0]))

    y = Line(make)
    return y


def _by_quotient(a: Line, start: Callable, divisor: Line) -> Line:
    """The y with d y' = a', for a series d."""

    def make(k: int) -> Coefficient:
        if k == 0:
            return start(first(a))
        known = shared(recent_last(multiplied(y.slope(j), divisor[k - j]) for j in range(1, k)), k)
        return over(subtracted(a[k], known), divisor, k)

    y = Line(make)
    return y


ONE = 1.0


def exp(a: Line) -> Line:
    """Return the exp of a series."""
    return _by_product(a, lax.exp, lambda y: y)


def exp2(a: Line) -> Line:
    """Return the series of 2^a."""
    return _by_product(a, lax.exp2, lambda y: mul(constant(math.log(2.0)), y))


def expm1(a: Line) -> Line:
    """Return the exp of a series - 1."""
    return _by_product(a, lax.expm1, lambda y: add(y, constant(ONE)))


def log(a: Line) -> Line:
    """Return the log of a series."""
    return _by_quotient(a, lax.log, a)


def log1p(a: Line) -> Line:
    """Return the series of log(1 + a)."""
    return _by_quotient(a, lax.log1p, add(a, constant(ONE)))


def _pair(a: Line, name: str, first: Callable, second: Callable, sign: float) -> tuple[Line, Line]:
    """The pair s' = c a', c' = sign s a'."""

    def build() -> tuple[Line, Line]:
        s = _by_product(a, first, lambda s: c)
        c = _by_product(a, second, lambda c: s if sign > 0 else neg(s))
        return s, c

    return a.once(name, build)


def sin(a: Line) -> Line:
    """Return the sin of a series, whose cosine is kept."""
    return _pair(a, "circular", lax.sin, lax.cos, -1.0)[0]


def cos(a: Line) -> Line:
    """Return the cos of a series, whose sine is kept."""
    return _pair(a, "circular", lax.sin, lax.cos, -1.0)[1]


def sinh(a: Line) -> Line:
    """Return the sinh of a series, whose hyperbolic cosine is kept."""
    return _pair(a, "hyperbolic", lax.sinh, lax.cosh, 1.0)[0]


def cosh(a: Line) -> Line:
    """Return the cosh of a series, whose hyperbolic sine is kept."""
    return _pair(a, "hyperbolic", lax.sinh, lax.cosh, 1.0)[1]


def tan(a: Line) -> Line:
    """Return the tan of a series."""
    return _by_product(a, lax.tan, lambda y: add(square(y), constant(ONE)))


def tanh(a: Line) -> Line:
    """Return the tanh of a series."""
    return _by_product(a, lax.tanh, lambda y: sub(constant(ONE), square(y)))


def logistic(a: Line) -> Line:
    """Return the series of 1 / (1 + exp(-a))."""
    return _by_product(a, lax.logistic, lambda y: sub(y, square(y)))


def _bell(a: Line) -> Line:
    return mul(constant(TWO_OVER_ROOT_PI), exp(neg(square(a))))


def erf(a: Line) -> Line:
    """Return the series of the error function."""
    return _by_product(a, lax.erf, lambda y: _bell(a))


def erfc(a: Line) -> Line:
    """Return the series of 1 - erf(a)."""
    return _by_product(a, lax.erfc, lambda y: neg(_bell(a)))


def erf_inv(a: Line) -> Line:
    """Return the series of the inverse error function."""
    return _by_product(a, lax.erf_inv, lambda y: mul(constant(1.0 / TWO_OVER_ROOT_PI), exp(square(y))))


def _one_plus(a: Line, sign: float) -> Line:
    return sub(constant(ONE), square(a)) if sign < 0 else add(square(a), constant(ONE))


def atan(a: Line) -> Line:
    """Return the atan of a series."""
    return _by_quotient(a, lax.atan, _one_plus(a, 1.0))


def asin(a: Line) -> Line:
    """Return the asin of a series."""
    return _by_quotient(a, lax.asin, sqrt(_one_plus(a, -1.0)))


def acos(a: Line) -> Line:
    """Return the acos of a series."""
    return _by_quotient(a, lax.acos, neg(sqrt(_one_plus(a, -1.0))))


def asinh(a: Line) -> Line:
    """Return the asinh of a series."""
    return _by_quotient(a, lax.asinh, sqrt(_one_plus(a, 1.0)))


def acosh(a: Line) -> Line:
    """Return the acosh of a series."""
    return _by_quotient(a, lax.acosh, sqrt(sub(square(a), constant(ONE))))


def atanh(a: Line) -> Line:
    """Return the atanh of a series."""
    return _by_quotient(a, lax.atanh, _one_plus(a, -1.0))


def atan2(a: Line, b: Line) -> Line:
    """Return the series of the angle y of (b, a), from (a^2 + b^2) y' = b a' - a b'."""
    radius = add(square(a), square(b))

    def make(k: int) -> Coefficient:
        if k == 0:
            return lax.atan2(*jnp.broadcast_arrays(first(a), first(b)))
        turning = [multiplied(a.slope(j), b[k - j]) for j in range(1, k + 1)]
        turning += [negated(multiplied(b.slope(j), a[k - j])) for j in range(1, k + 1)]
        turning += [negated(multiplied(y.slope(j), radius[k - j])) for j in range(1, k)]
        return over(shared(total(turning), k), radius, k)

    y = Line(make)
    return y


# One rule a primitive: from the lines of the operands and the primitive's own parameters to the line of the result.
ELEMENTARY: dict[str, Callable[..., Line]] = {
    "add": add,
    "add_any": add,
    "sub": sub,
    "neg": neg,
    "mul": mul,
    "square": square,
    "div": div,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "cbrt": cbrt,
    "pow": power,
    "integer_pow": integer_pow,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "logistic": logistic,
    "erf": erf,
    "erfc": erfc,
    "erf_inv": erf_inv,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "atan2": atan2,
}
