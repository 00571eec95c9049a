"""A function of small arrays as arithmetic of single numbers, so that a batch is one vector for each number.

`vmap` puts the batch first, and a state of four numbers then leaves three quarters of the work to the handling of short
rows. Here the function is traced once and gone through number by number; under `vmap` each number becomes a contiguous
vector over the batch, and the compiler makes one loop of it all, with vector instructions.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from cocycle.core.tracing import is_traced

# Numbers written in all, at most: compile time grows with them.
MAX_NUMBERS = 6000
MAX_UNKNOWNS = 16

_ELEMENTWISE = frozenset({
    "add", "sub", "mul", "div", "neg", "exp", "exp2", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "logistic", "sqrt", "rsqrt", "cbrt", "square",
    "abs", "sign", "floor", "ceil", "round", "rem", "pow", "integer_pow", "max", "min", "and", "or", "xor", "not",
    "lt", "le", "gt", "ge", "eq", "ne", "select_n", "convert_element_type", "is_finite", "clamp", "nextafter", "erf",
    "erfc", "copy", "copy_p", "stop_gradient", "add_any",
})  # fmt: skip
_CALLS = frozenset({
    "pjit", "jit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint",
})  # fmt: skip
_INDEXED = frozenset({"gather", "dynamic_slice", "dynamic_update_slice", "scatter"})


class CannotSplitError(Exception):
    """The function cannot be taken apart; use it as it is."""


def split_numbers(function: Callable[[Any], Any], n: int) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return a function of n numbers that does what a function of a vector does.

    Args:
        function: from a vector (n,) to a vector.
        n: length of the vector.

    Returns:
        From n numbers to a tuple of numbers; call it under `vmap`, on one array for each number.

    Raises:
        CannotSplitError: if an operation has no rule, or the function is too large.

    Example:
        >>> turn = split_numbers(lambda v: jnp.array([[0.0, -1.0], [1.0, 0.0]]) @ v, 2)
        >>> [float(a) for a in turn((3.0, 4.0))]
        [-4.0, 3.0]
    """
    if n > MAX_UNKNOWNS:
        raise CannotSplitError(f"{n} numbers")
    closed = jax.make_jaxpr(function)(jnp.zeros(n))
    if _work(closed.jaxpr) > MAX_NUMBERS:
        raise CannotSplitError("too many operations")

    def apart(numbers: Sequence[Any]) -> tuple[Any, ...]:
        out = _run(closed.jaxpr, closed.consts, [_arranged(numbers, (n,))])
        return tuple(out[0].ravel())

    return apart


def _work(jaxpr: Any) -> int:
    total = 0
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        rows = name == "scan" and _reads_rows(eqn.params, len(eqn.invars))
        if rows or (name == "scan" and len(eqn.outvars) > eqn.params["num_carry"]):
            raise CannotSplitError("a scan over rows")
        if name in _CALLS or name in ("while", "scan"):
            for key in ("jaxpr", "call_jaxpr", "body_jaxpr", "cond_jaxpr"):
                if key in eqn.params:
                    inner = eqn.params[key]
                    total += _work(getattr(inner, "jaxpr", inner))
        elif name in _ELEMENTWISE:
            total += math.prod(eqn.outvars[0].aval.shape)
        elif name == "dot_general":
            total += 2 * math.prod(eqn.invars[0].aval.shape) * math.prod(eqn.outvars[0].aval.shape)
        elif name.startswith("reduce_"):
            total += math.prod(eqn.invars[0].aval.shape)
        elif name not in _MOVES and name not in _INDEXED and name != "iota":
            raise CannotSplitError(name)
    return total


def _apart(value: Any) -> np.ndarray:
    """The numbers of an array; a traced one is indexed."""
    shape = np.shape(value)
    if not is_traced(value):
        value = np.asarray(value)
    return _arranged([value[place] for place in np.ndindex(shape)], shape)


def _arranged(numbers: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in an array of objects, one by one: NumPy would try to read a traced number."""
    out = np.empty(len(numbers), dtype=object)
    for k, x in enumerate(numbers):
        out[k] = x
    return out.reshape(shape)


def _run(jaxpr: Any, consts: Sequence[Any], args: Sequence[Any]) -> list[np.ndarray]:
    known: dict[Any, np.ndarray] = {}

    def read(v: Any) -> np.ndarray:
        return _apart(v.val) if isinstance(v, Literal) else known[v]

    def as_numbers(c: Any) -> np.ndarray:
        return c if isinstance(c, np.ndarray) and c.dtype == object else _apart(c)

    known.update(zip(jaxpr.constvars, map(as_numbers, consts)))
    known.update(zip(jaxpr.invars, args, strict=True))
    for eqn in jaxpr.eqns:
        results = _equation(eqn, [read(v) for v in eqn.invars])
        known.update(zip(eqn.outvars, results, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _equation(eqn: Any, values: list[np.ndarray]) -> list[np.ndarray]:
    name, params = eqn.primitive.name, eqn.params
    if name in _CALLS:
        inner = params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]
        return _run(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), values)
    if name == "while":
        return _while(params, values)
    if name == "scan":
        return _scan(params, values)
    if name in _MOVES:
        moved = _MOVES[name](values, params, eqn.outvars[0].aval.shape)
        return moved if isinstance(moved, list) else [moved]
    if name in _INDEXED:
        return [_indexed(eqn, values)]
    if name == "iota":
        return [_apart(np.asarray(eqn.primitive.bind(**params)))]
    if name == "dot_general":
        return [_product(values[0], values[1], params["dimension_numbers"], eqn.outvars[0].aval.shape)]
    if name in _REDUCTIONS:
        return [_reduced(values[0], params["axes"], _REDUCTIONS[name])]
    shape = eqn.outvars[0].aval.shape
    spread = [np.broadcast_to(v, shape) for v in values]
    rows = zip(*(v.ravel() for v in spread), strict=True)
    return [_arranged([eqn.primitive.bind(*_alike(eqn, row), **params) for row in rows], shape)]


def _alike(eqn: Any, numbers: Sequence[Any]) -> list[Any]:
    """Numbers as arrays of the types that the operation was traced with."""
    return [jnp.asarray(x, dtype=v.aval.dtype) for x, v in zip(numbers, eqn.invars, strict=True)]


def _while(params: Any, values: list[np.ndarray]) -> list[np.ndarray]:
    """A loop, whose carry is taken apart too."""
    n_cond, n_body = params["cond_nconsts"], params["body_nconsts"]
    cond, body = params["cond_jaxpr"], params["body_jaxpr"]
    cond_consts, body_consts = values[:n_cond], values[n_cond : n_cond + n_body]
    carry = values[n_cond + n_body :]
    flat, whole = _packing([v.aval for v in body.jaxpr.outvars])
    end = jax.lax.while_loop(
        lambda c: _run(cond.jaxpr, cond.consts, [*cond_consts, *whole(c)])[0].item(),
        lambda c: flat(_run(body.jaxpr, body.consts, [*body_consts, *whole(c)])),
        flat(carry),
    )
    return whole(end)


def _reads_rows(params: Any, n_operands: int) -> bool:
    """Whether a scan reads rows."""
    return n_operands > params["num_consts"] + params["num_carry"]


def _scan(params: Any, values: list[np.ndarray]) -> list[np.ndarray]:
    """A loop of known length without rows."""
    consts, carry = values[: params["num_consts"]], values[params["num_consts"] :]
    body = params["jaxpr"]
    flat, whole = _packing([v.aval for v in body.jaxpr.outvars])
    one = lambda i, c: flat(_run(body.jaxpr, body.consts, [*consts, *whole(c)]))  # noqa: E731
    return whole(jax.lax.fori_loop(0, params["length"], one, flat(carry)))


def _packing(avals: list[Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Functions from arrays of numbers to a flat tuple, and back."""

    def flat(parts: list[np.ndarray]) -> tuple:
        return tuple(jnp.asarray(x, dtype=a.dtype) for part, a in zip(parts, avals, strict=True) for x in part.ravel())

    def whole(numbers: Any) -> list[np.ndarray]:
        out, at = [], 0
        for a in avals:
            size = math.prod(a.shape)
            out.append(_arranged(numbers[at : at + size], a.shape))
            at += size
        return out

    return flat, whole


def _indexed(eqn: Any, values: list[np.ndarray]) -> np.ndarray:
    """Where each number goes is found by moving their positions; the places must be known."""
    name = eqn.primitive.name
    moving = {0: 0, 1: values[0].size} if name == "dynamic_update_slice" else {0: 0}
    if name == "scatter":
        moving = {0: 0, 2: values[0].size}
    operands = []
    for k, v in enumerate(values):
        if k in moving:
            operands.append(jnp.asarray(moving[k] + np.arange(v.size).reshape(v.shape)))
            continue
        if is_traced(list(v.ravel())):
            raise CannotSplitError(f"{name} at a place that depends on the state")
        operands.append(jnp.asarray(v.astype(eqn.invars[k].aval.dtype)))
    params = dict(eqn.params)
    if name == "gather" and "fill_value" in params:
        params["fill_value"] = -1
    with jax.ensure_compile_time_eval():
        places = np.asarray(eqn.primitive.bind(*operands, **params))
    source = np.concatenate([values[k].ravel() for k in moving])
    if np.any((places < 0) | (places >= len(source))):
        raise CannotSplitError(f"{name} outside of the array")
    return _arranged([source[k] for k in places.ravel()], places.shape)


def _total(numbers: Sequence[Any]) -> Any:
    total = numbers[0]
    for x in numbers[1:]:
        total = total + x
    return total


def _folded(combine: Callable[[Any, Any], Any]) -> Callable[[Sequence[Any]], Any]:
    def fold(numbers: Sequence[Any]) -> Any:
        out = numbers[0]
        for x in numbers[1:]:
            out = combine(out, x)
        return out

    return fold


_REDUCTIONS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "reduce_sum": _total,
    "reduce_prod": _folded(lambda a, b: a * b),
    "reduce_max": _folded(jnp.maximum),
    "reduce_min": _folded(jnp.minimum),
    "reduce_and": _folded(jnp.logical_and),
    "reduce_or": _folded(jnp.logical_or),
}


def _reduced(value: np.ndarray, axes: Sequence[int], combine: Callable[[Sequence[Any]], Any]) -> np.ndarray:
    kept = [k for k in range(value.ndim) if k not in axes]
    arranged = np.transpose(value, [*kept, *axes])
    shape = arranged.shape[: len(kept)]
    rows = arranged.reshape(math.prod(shape), -1)
    return _arranged([combine(list(row)) for row in rows], shape)


def _product(a: np.ndarray, b: np.ndarray, numbers: Any, shape: tuple[int, ...]) -> np.ndarray:
    (left, right), (left_batch, right_batch) = numbers
    if left_batch or right_batch:
        raise CannotSplitError("products of batches of matrices")
    free_a = [k for k in range(a.ndim) if k not in left]
    free_b = [k for k in range(b.ndim) if k not in right]
    rows = np.transpose(a, [*free_a, *left]).reshape(math.prod(a.shape[k] for k in free_a), -1)
    columns = np.transpose(b, [*free_b, *right]).reshape(math.prod(b.shape[k] for k in free_b), -1)
    sums = [_total([x * y for x, y in zip(row, column, strict=True)]) for row in rows for column in columns]
    return _arranged(sums, shape)


def _spread(values: list[np.ndarray], params: Any, shape: Any) -> np.ndarray:
    own = [1] * len(shape)
    for axis, size in zip(params["broadcast_dimensions"], values[0].shape, strict=True):
        own[axis] = size
    return np.broadcast_to(values[0].reshape(own), shape)


def _sliced(values: list[np.ndarray], params: Any, shape: Any) -> np.ndarray:
    strides = params["strides"] or (1,) * values[0].ndim
    return values[0][tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


def _parts(values: list[np.ndarray], params: Any, shape: Any) -> list[np.ndarray]:
    return list(np.split(values[0], np.cumsum(params["sizes"])[:-1], axis=params["axis"]))


_MOVES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(["reshape", "squeeze", "expand_dims"], lambda v, p, shape: v[0].reshape(shape)),
    "broadcast_in_dim": _spread,
    "slice": _sliced,
    "split": _parts,
    "concatenate": lambda v, p, shape: np.concatenate(v, axis=p["dimension"]),
    "stack": lambda v, p, shape: np.stack(v, axis=p["axis"]),
    "tile": lambda v, p, shape: np.tile(v[0], p["reps"]),
    "transpose": lambda v, p, shape: np.transpose(v[0], p["permutation"]),
    "rev": lambda v, p, shape: np.flip(v[0], p["dimensions"]),
}
