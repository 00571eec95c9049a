"""Enclosures of a function written in `jax.numpy`: its jaxpr, gone through in interval arithmetic."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal
from scipy.special import expit

from cocycle.core.errors import NoIntervalError
from cocycle.stability.equilibria import interval as iv
from cocycle.stability.equilibria.interval import Interval

# Boxes go through the jaxpr in blocks of one size, so that what JAX must compile is compiled once.
BLOCK = 256

_ELEMENTARY: dict[str, Callable[..., Interval]] = {
    "add": iv.add,
    "add_any": iv.add,
    "sub": iv.subtract,
    "mul": iv.multiply,
    "div": iv.divide,
    "neg": iv.negative,
    "exp": iv.increasing(np.exp),
    "exp2": iv.increasing(np.exp2),
    "expm1": iv.increasing(np.expm1),
    "log": iv.logarithm,
    "log1p": lambda a: iv.logarithm(iv.add(a, iv.point(1.0))),
    "sin": iv.sine,
    "cos": iv.cosine,
    "tan": iv.tangent,
    "tanh": iv.increasing(np.tanh),
    "sinh": iv.increasing(np.sinh),
    "cosh": iv.hyperbolic_cosine,
    "atan": iv.increasing(np.arctan),
    "asinh": iv.increasing(np.arcsinh),
    "logistic": iv.increasing(expit),
    "cbrt": iv.increasing(np.cbrt),
    "sqrt": iv.square_root,
    "rsqrt": lambda a: iv.divide(iv.point(1.0), iv.square_root(a)),
    "square": iv.square,
    "pow": iv.real_power,
    "abs": iv.absolute,
    "max": lambda a, b: Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi)),
    "min": lambda a, b: Interval(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi)),
    "copy": lambda a: a,
    "copy_p": lambda a: a,
    "stop_gradient": lambda a: a,
}
_COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
# What only moves numbers about: applied to the lower and to the upper ends alike.
_MOVES = frozenset({
    "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "slice", "concatenate", "stack", "tile",
    "rev", "gather", "dynamic_slice", "pad", "split", "dynamic_update_slice", "reduce_max", "reduce_min", "scatter",
})  # fmt: skip


class Enclosure:
    """Enclosure of a function over boxes of vectors.

    Args:
        function: from a vector (D,) to an array, or a tuple of them; the numbers that it holds are taken as exact.
        n_dimensions: D.

    Raises:
        NoIntervalError: if an operation has no rule.
    """

    def __init__(self, function: Callable[..., Any], n_dimensions: int):
        self._closed: ClosedJaxpr = jax.make_jaxpr(function)(jnp.zeros(n_dimensions))
        _require_rules(self._closed.jaxpr)

    def __call__(self, box: Interval) -> tuple[list[Interval], np.ndarray]:
        """Enclose the results over boxes.

        Args:
            box: (boxes, D).

        Returns:
            One Interval (boxes, ...) for each result; and (boxes,) True where a branch was not decided, so that
            the function may have a jump or a corner there.
        """
        n = len(box.lo)
        outs: list[list[Interval]] = []
        rough: list[np.ndarray] = []
        for a in range(0, n, BLOCK):
            rows = np.minimum(np.arange(a, a + BLOCK), n - 1)
            run = _Pass(BLOCK)
            with np.errstate(all="ignore"):
                first = [Interval(box.lo[rows], box.hi[rows])]
                values = run.jaxpr(self._closed.jaxpr, self._closed.consts, first)
            size = min(BLOCK, n - a)
            outs.append([_rows(v, BLOCK, size) for v in values])
            rough.append(run.rough[:size])
        joined = [
            Interval(np.concatenate([o[k].lo for o in outs]), np.concatenate([o[k].hi for o in outs]))
            for k in range(len(outs[0]))
        ]
        return joined, np.concatenate(rough)


def _exact(value: Any) -> Any:
    """A known number: an interval of width zero with a batch of one; integers and truths stay as they are."""
    array = np.asarray(value)
    return iv.point(array[None]) if np.issubdtype(array.dtype, np.floating) else array


def _rows(value: Any, block: int, size: int) -> Interval:
    if not isinstance(value, Interval):
        value = iv.point(np.asarray(value, dtype=float)[None])
    shape = (block, *value.lo.shape[1:])
    return Interval(np.broadcast_to(value.lo, shape)[:size], np.broadcast_to(value.hi, shape)[:size])


def _inner(eqn: Any) -> Any:
    for key in ("jaxpr", "call_jaxpr"):
        if key in eqn.params:
            return eqn.params[key]
    return None


_CALLS = ("pjit", "jit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")
_OTHERS = frozenset({
    "integer_pow", "reduce_sum", "dot_general", "select_n", "convert_element_type", "sign", "floor", "ceil", "round",
    "rem", "iota", "and", "or", "not", "is_finite", "clamp",
})  # fmt: skip


def _require_rules(jaxpr: Any) -> None:
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        if name in _CALLS:
            inner = _inner(eqn)
            _require_rules(getattr(inner, "jaxpr", inner))
        elif name not in _ELEMENTARY and name not in _COMPARISONS and name not in _MOVES and name not in _OTHERS:
            raise NoIntervalError(f"interval arithmetic has no rule for the operation {name!r}; use Multistart().")
        if any(np.issubdtype(v.aval.dtype, np.complexfloating) for v in eqn.outvars if hasattr(v.aval, "dtype")):
            raise NoIntervalError("interval arithmetic has no complex numbers; use Multistart().")


class _Pass:
    """One pass of one block of boxes through a jaxpr."""

    def __init__(self, n: int):
        self.n = n
        self.rough = np.zeros(n, dtype=bool)

    def jaxpr(self, jaxpr: Any, consts: Any, args: list[Any]) -> list[Any]:
        known: dict[Any, Any] = {}

        def read(v: Any) -> Any:
            return _exact(v.val) if isinstance(v, Literal) else known[v]

        known.update(zip(jaxpr.constvars, map(_exact, consts)))
        known.update(zip(jaxpr.invars, args, strict=True))
        for eqn in jaxpr.eqns:
            values = [read(v) for v in eqn.invars]
            results = self.equation(eqn, values)
            known.update(zip(eqn.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def equation(self, eqn: Any, values: list[Any]) -> list[Any]:
        name, params = eqn.primitive.name, eqn.params
        if name in _CALLS:
            inner = _inner(eqn)
            return self.jaxpr(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), values)
        if not any(isinstance(v, Interval) for v in values):
            out = eqn.primitive.bind(*map(jnp.asarray, values), **params)
            return [_exact(o) for o in (out if eqn.primitive.multiple_results else [out])]
        if name in _MOVES:
            return self.move(eqn, values)
        if name in _COMPARISONS:
            return [self.compare(name, *map(_interval, values))]
        if name == "select_n":
            return [self.select(*values)]
        values = [_aligned(_interval(v), len(eqn.outvars[0].aval.shape), name) for v in values]
        return [self.arithmetic(name, params, values)]

    def arithmetic(self, name: str, params: Any, values: list[Interval]) -> Interval:
        if name == "integer_pow":
            return iv.integer_power(values[0], params["y"])
        if name == "reduce_sum":
            return iv.total(values[0], tuple(k + 1 for k in params["axes"]))
        if name == "dot_general":
            return _contract(values[0], values[1], params["dimension_numbers"])
        if name == "convert_element_type":
            if not np.issubdtype(params["new_dtype"], np.floating):
                raise NoIntervalError("interval arithmetic does not turn numbers into integers; use Multistart().")
            return Interval(*(np.asarray(end, dtype=float) for end in values[0]))
        if name == "clamp":
            low, x, high = values
            return Interval(*(np.minimum(np.maximum(x[k], low[k]), high[k]) for k in (0, 1)))
        if name in ("sign", "floor", "ceil", "round"):
            function = {"sign": np.sign, "floor": np.floor, "ceil": np.ceil, "round": np.round}[name]
            out = Interval(function(values[0].lo), function(values[0].hi))
            self.mark(out.lo != out.hi)
            return out
        if name == "rem":
            return self.remainder(*values)
        if name in ("and", "or", "not", "is_finite", "iota"):
            raise NoIntervalError(f"interval arithmetic cannot decide {name!r}; use Multistart().")
        return _ELEMENTARY[name](*values)

    def mark(self, undecided: np.ndarray) -> None:
        """Note the boxes in which a branch was not decided."""
        flags = undecided.reshape(len(undecided), -1).any(axis=1)
        self.rough |= np.broadcast_to(flags, (self.n,))

    def remainder(self, a: Interval, b: Interval) -> Interval:
        """Remainder with the sign of a, by a known positive number."""
        turns = Interval(np.trunc(a.lo / b.lo), np.trunc(a.hi / b.lo))
        jump = (turns.lo != turns.hi) | (b.lo != b.hi)
        self.mark(jump)
        out = iv.subtract(a, iv.multiply(turns, b))
        size = np.maximum(np.abs(b.lo), np.abs(b.hi))
        return Interval(np.where(jump, -size, out.lo), np.where(jump, size, out.hi))

    def compare(self, name: str, a: Interval, b: Interval) -> Interval:
        """Truth as an interval: [0, 0] no, [1, 1] yes, [0, 1] not decided."""
        if name in ("gt", "ge"):
            return self.compare({"gt": "lt", "ge": "le"}[name], b, a)
        if name in ("eq", "ne"):
            sure = (a.lo == a.hi) & (b.lo == b.hi) & (a.lo == b.lo)
            never = (a.hi < b.lo) | (b.hi < a.lo)
            return Interval(*((sure, ~never) if name == "eq" else (never, ~sure)))
        return Interval(*((a.hi < b.lo, a.lo < b.hi) if name == "lt" else (a.hi <= b.lo, a.lo <= b.hi)))

    def select(self, which: Any, *cases: Any) -> Interval:
        if len(cases) != 2:
            raise NoIntervalError("interval arithmetic selects between two cases only; use Multistart().")
        which = _interval(which)
        no, yes = (_interval(c) for c in cases)
        n_dimensions = max(no.lo.ndim, yes.lo.ndim)
        sure, possible = (np.asarray(w, dtype=bool) for w in _aligned(which, n_dimensions - 1, ""))
        self.mark(sure != possible)
        hull = Interval(np.minimum(no.lo, yes.lo), np.maximum(no.hi, yes.hi))
        lo = np.where(sure, yes.lo, np.where(~possible, no.lo, hull.lo))
        return Interval(lo, np.where(sure, yes.hi, np.where(~possible, no.hi, hull.hi)))

    def move(self, eqn: Any, values: list[Any]) -> list[Any]:
        """Apply an operation that only moves numbers to both ends, vectorised over boxes."""
        name = eqn.primitive.name
        simple = _SIMPLE_MOVES.get(name)
        if simple is not None:
            return [Interval(*(simple(values[0][k], eqn.params) for k in (0, 1)))]
        if name in ("concatenate", "stack"):
            n = max(v.lo.shape[0] for v in map(_interval, values))
            parts = [[np.broadcast_to(v[k], (n, *v[k].shape[1:])) for v in map(_interval, values)] for k in (0, 1)]
            if name == "stack":
                return [Interval(*(np.stack(p, axis=eqn.params["axis"] + 1) for p in parts))]
            return [Interval(*(np.concatenate(p, axis=eqn.params["dimension"] + 1) for p in parts))]
        batched = [isinstance(v, Interval) for v in values]
        axes = tuple(0 if b else None for b in batched)
        function = jax.vmap(lambda *a: eqn.primitive.bind(*a, **eqn.params), in_axes=axes)
        ends = []
        for k in (0, 1):
            n = max(v[k].shape[0] for v in values if isinstance(v, Interval))
            rows = [np.broadcast_to(v[k], (n, *v[k].shape[1:])) if isinstance(v, Interval) else v for v in values]
            ends.append(function(*rows))
        if not eqn.primitive.multiple_results:
            ends = [[e] for e in ends]
        return [Interval(np.asarray(lo), np.asarray(hi)) for lo, hi in zip(*ends, strict=True)]


def _interval(value: Any) -> Interval:
    return value if isinstance(value, Interval) else iv.point(np.asarray(value, dtype=float)[None])


def _aligned(value: Interval, rank: int, name: str) -> Interval:
    """Numbers meet arrays in elementwise operations: give them the rank of the result."""
    if name in ("reduce_sum", "dot_general") or value.lo.ndim - 1 == rank or value.lo.ndim != 1:
        return value
    shape = (-1, *([1] * rank))
    return Interval(value.lo.reshape(shape), value.hi.reshape(shape))


def _contract(a: Interval, b: Interval, numbers: Any) -> Interval:
    (left, right), (left_batch, right_batch) = numbers
    if left_batch or right_batch:
        raise NoIntervalError("interval arithmetic has no rule for products of batches of matrices; use Multistart().")
    free_a = [k for k in range(a.lo.ndim - 1) if k not in left]
    free_b = [k for k in range(b.lo.ndim - 1) if k not in right]

    def arranged(x: np.ndarray, order: list[int], rows: int) -> np.ndarray:
        x = np.transpose(x, [0, *(k + 1 for k in order)])
        size = int(np.prod([x.shape[k + 1] for k in range(rows)]))
        return x.reshape(x.shape[0], size, -1)

    A = Interval(*(arranged(x, [*free_a, *left], len(free_a)) for x in a))
    B = Interval(*(arranged(x, [*right, *free_b], len(right)) for x in b))
    out = iv.product(A, B)
    shape = (*(a.lo.shape[k + 1] for k in free_a), *(b.lo.shape[k + 1] for k in free_b))
    return Interval(*(x.reshape(x.shape[0], *shape) for x in out))


def _broadcast(x: np.ndarray, params: Any) -> np.ndarray:
    shape, dims = params["shape"], params["broadcast_dimensions"]
    inner = [1] * len(shape)
    for k, d in enumerate(dims):
        inner[d] = x.shape[k + 1]
    return np.broadcast_to(x.reshape(x.shape[0], *inner), (x.shape[0], *shape))


def _slice(x: np.ndarray, params: Any) -> np.ndarray:
    strides = params["strides"] or [1] * len(params["start_indices"])
    parts = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return x[(slice(None), *(slice(*p) for p in parts))]


_SIMPLE_MOVES: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": lambda x, p: x.reshape(x.shape[0], *p["new_sizes"]),
    "squeeze": lambda x, p: np.squeeze(x, axis=tuple(k + 1 for k in p["dimensions"])),
    "expand_dims": lambda x, p: np.expand_dims(x, tuple(k + 1 for k in p["dimensions"])),
    "transpose": lambda x, p: np.transpose(x, [0, *(k + 1 for k in p["permutation"])]),
    "slice": _slice,
    "rev": lambda x, p: np.flip(x, axis=tuple(k + 1 for k in p["dimensions"])),
    "reduce_max": lambda x, p: x.max(axis=tuple(k + 1 for k in p["axes"])),
    "reduce_min": lambda x, p: x.min(axis=tuple(k + 1 for k in p["axes"])),
}
