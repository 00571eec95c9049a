"""A truncated power series whose coefficients are found when they are asked for, each from the earlier ones."""

import functools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

# A coefficient is an array or a number; None is an exact zero, which costs nothing.
Coefficient = Any


class Line:
    r"""The series $x(t_0 + h) = \sum_k x_k h^k$ of one intermediate value.

    Coefficient k is made from coefficients below k of this and any other line, or from coefficient k of lines that do
    not need this one. That is what lets an equation define its own solution.

    Args:
        make: from k to coefficient k.
        first: coefficients that are known at once.
        constant: True if all but the first are zero.
    """

    __slots__ = ("constant", "known", "make", "memory")

    def __init__(self, make: Callable[[int], Coefficient], first: Iterable[Coefficient] = (), constant: bool = False):
        self.make, self.known, self.constant = make, list(first), constant
        self.memory: dict[Any, Any] = {}

    def __getitem__(self, k: int) -> Coefficient:
        while len(self.known) <= k:
            self.known.append(self.make(len(self.known)))
        return self.known[k]

    def slope(self, k: int) -> Coefficient:
        """Return k x_k, coefficient k - 1 of the derivative."""
        key = ("slope", k)
        if key not in self.memory:
            self.memory[key] = scaled(self[k], k)
        return self.memory[key]

    def once(self, name: str, build: Callable[[], Any]) -> Any:
        """Return what `build` made when this line was first asked for `name`: shared sub-expressions."""
        if name not in self.memory:
            self.memory[name] = build()
        return self.memory[name]


def nothing(k: int) -> Coefficient:
    """Return no coefficient: an exact zero."""
    return None


def constant(value: Any) -> Line:
    """Return the series of a constant."""
    return Line(nothing, [value], constant=True)


def is_number(a: Coefficient) -> bool:
    """Say whether a coefficient is a number known while tracing, which can be simplified away."""
    return not isinstance(a, Tracer) and np.ndim(a) == 0 and isinstance(a, int | float | np.floating | np.integer)


def added(a: Coefficient, b: Coefficient) -> Coefficient:
    """Return a + b."""
    if a is None or (is_number(a) and a == 0 and np.ndim(b) == 0 and b is not None):
        return b
    if b is None or (is_number(b) and b == 0 and np.ndim(a) == 0):
        return a
    return a + b


def subtracted(a: Coefficient, b: Coefficient) -> Coefficient:
    """Return a - b."""
    if b is None:
        return a
    return -b if a is None else a - b


def scaled(a: Coefficient, factor: Any) -> Coefficient:
    """Return a times a number."""
    if a is None or (is_number(factor) and factor == 1):
        return a
    return a * factor


# Where 1 / k is no binary fraction and coefficient k is large enough for its rounding to be felt in the long run.
UNEVEN = (3, 5)


def shared(a: Coefficient, k: int) -> Coefficient:
    """Return a / k, without a bias.

    The rounding of the constant 1 / 3 is the same in every step: a drift of energies that grows with time, where
    all other roundings only grow with its root. (A compiler turns a division by a constant into that product.) So
    the constant is two: one of few digits, and the rest.

    Args:
        a: coefficient.
        k: whole number.
    """
    if a is None or k not in UNEVEN:
        return scaled(a, 1.0 / k)
    begin, rest = _in_two(k)
    return a * begin + a * rest


@functools.cache
def _in_two(k: int) -> tuple[float, float]:
    begin = float(np.float32(1.0 / k))
    return begin, float(Fraction(1, k) - Fraction(begin))


def multiplied(a: Coefficient, b: Coefficient) -> Coefficient:
    """Return a b."""
    if a is None or b is None:
        return None
    if is_number(a) and np.ndim(b) == 0:
        return None if a == 0 else scaled(b, a)
    if is_number(b) and np.ndim(a) == 0:
        return None if b == 0 else scaled(a, b)
    return a * b


def divided(a: Coefficient, b: Coefficient) -> Coefficient:
    """Return a / b."""
    return None if a is None else a / b


def negated(a: Coefficient) -> Coefficient:
    """Return -a."""
    return None if a is None else -a


def total(terms: Iterable[Coefficient]) -> Coefficient:
    """Return the sum in pairs, whose rounding and whose chain of dependent additions grow with the logarithm only."""
    left = [term for term in terms if term is not None]
    while len(left) > 1:
        pairs = [a + b for a, b in zip(left[::2], left[1::2], strict=False)]
        left = pairs + ([left[-1]] if len(left) % 2 else [])
    return left[0] if left else None


def recent_last(terms: Iterable[Coefficient], ends: int = 2) -> Coefficient:
    """Return the sum of terms that are newest at the ends, those added last: so that few operations wait for them.

    Args:
        terms: of a product, in order.
        ends: 2 if both ends are new, 1 if only the first term is.
    """
    left = list(terms)
    if len(left) < 3 * ends:
        return total(left)
    inner = left[2:-2] if ends == 2 else left[2:]
    pairs = [total([left[j], left[-1 - j]]) if ends == 2 else left[j] for j in (1, 0)]
    return total([total([total(inner), pairs[0]]), pairs[1]])


def first(line: Any) -> Any:
    """Return the order-zero term, with 0 for an exact zero."""
    return 0.0 if line[0] is None else line[0]


def convolved(a: Any, b: Any, k: int, start: int = 0, last: int | None = None) -> Coefficient:
    """Return the sum of a_j b_{k-j} over j from start to last (default k)."""
    return recent_last(multiplied(a[j], b[k - j]) for j in range(start, k + 1 if last is None else last + 1))


def squared(a: Any, k: int, start: int = 0) -> Coefficient:
    """Return the sum of a_j a_{k-j} over j from start to k - start, each pair once."""
    twice = recent_last((multiplied(a[j], a[k - j]) for j in range(start, (k + 1) // 2) if j < k - j), 1)
    middle = multiplied(a[k // 2], a[k // 2]) if k % 2 == 0 and k // 2 >= start else None
    return added(scaled(twice, 2.0), middle)


# Terms of a polynomial that are added one after the other. With all of them in pairs the energy of single orbits
# drifts like time, not like its root (benchmarks/taylor_energy.py).
LEADING = 4


def evaluate(line: Any, order: int, h: Any) -> Any:
    """Return the polynomial at h; line[0] must be an array.

    The first terms by Horner's rule, each rounded once and the constant added last, so that its size sets the rounding;
    the others in pairs by powers of h (Estrin), where fewer operations wait for each other.

    Args:
        line: coefficients, by index.
        order: of the polynomial.
        h: where.
    """
    leading = min(LEADING, order)
    terms, power = [line[k] for k in range(leading, order + 1)], h
    while len(terms) > 1:
        pairs = [added(a, multiplied(power, b)) for a, b in zip(terms[::2], terms[1::2], strict=False)]
        terms = pairs + ([terms[-1]] if len(terms) % 2 else [])
        power = power * power
    found = terms[0]
    for k in reversed(range(leading)):
        found = added(line[k], multiplied(h, found))
    return found


def recentred(line: Any, order: int, s: Any) -> list[Any]:
    """Return the coefficients of the same polynomial about a place s further on, by repeated Horner's rule.

    Args:
        line: coefficients, by index.
        order: of the polynomial.
        s: how far.
    """
    found = [line[k] for k in range(order + 1)]
    for first_one in range(order):
        for k in reversed(range(first_one, order)):
            found[k] = added(found[k], multiplied(s, found[k + 1]))
    return found


def filled(a: Coefficient, like: Any) -> Any:
    """Return the coefficient as an array of the shape and dtype of `like`; None becomes zeros."""
    if a is None:
        return jnp.zeros(like.shape, like.dtype)
    return jnp.broadcast_to(jnp.asarray(a, dtype=like.dtype), like.shape)


TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)
