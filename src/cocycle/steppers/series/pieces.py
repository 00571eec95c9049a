"""A traced function in the pieces that a compiler should keep whole.

XLA on a CPU makes one kernel for each result and copies into it all cheap arithmetic that the result needs. A series,
each coefficient of which serves all later ones, is then computed once a component. Here each value with several uses is
made by a call of its own, which is not opened before fusion, so that nothing is computed twice; and the loop around is
marked as one kernel, inside of which those calls cost nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import Literal, jaxpr_as_fun

from cocycle.steppers.series.recorder import evaluated

# Primitives that one kernel of a CPU may hold; a loop over anything else is left to the run-time system.
SIMPLE = frozenset({
    "add", "add_any", "sub", "mul", "div", "neg", "square", "integer_pow", "pow", "sqrt", "rsqrt", "cbrt", "abs",
    "sign",
    "exp", "exp2", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan",
    "atan2",
    "asinh", "acosh", "atanh", "logistic", "erf", "erfc", "erf_inv", "floor", "ceil", "round", "rem", "max", "min",
    "clamp", "is_finite", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "xor", "select_n", "nextafter",
    "convert_element_type", "stop_gradient", "reshape", "broadcast_in_dim", "squeeze", "expand_dims", "transpose",
    "rev", "slice", "concatenate", "pad", "reduce_sum", "reduce_max", "reduce_min", "reduce_and", "reduce_or",
    "reduce_prod", "argmax", "argmin", "iota", "copy", "copy_p", "real", "imag", "complex", "conj",
    "while", "cond", "jit", "pjit", "dynamic_slice", "dynamic_update_slice", "split", "xla_metadata_value",
    "scan", "stack", "unstack", "bitcast_convert_type", "shift_left", "shift_right_arithmetic",
})  # fmt: skip
# As cheap to repeat as to load.
COPIED = frozenset({"neg", "reshape", "broadcast_in_dim", "squeeze", "expand_dims", "convert_element_type"})
# Not put inside of pieces: they have parts of their own.
OPAQUE = frozenset({"while", "cond", "scan", "jit", "pjit", "xla_metadata_value"})
# Results of any size: nothing is computed for all of them.
IN_PLACE = OPAQUE | {"dynamic_update_slice"}
# Numbers in the largest array of a loop that is made one kernel. XLA shares costly results on larger ones (some 300
# numbers at order 22) among cores, which a loop in one kernel cannot call: it would not compile.
MAX_SIZE = 64
MEMORY = 4096
_compiled: OrderedDict[Any, Callable[..., Any]] = OrderedDict()


def _inner(eqn: Any) -> list[Any]:
    """Jaxprs among the parameters of an equation."""
    found = []
    for value in eqn.params.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if hasattr(one, "eqns") or hasattr(one, "jaxpr"):
                found.append(getattr(one, "jaxpr", one))
    return found


def _is_simple(jaxpr: Any) -> bool:
    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        large = name not in IN_PLACE and any(np.prod(v.aval.shape) > MAX_SIZE for v in eqn.outvars)
        if name not in SIMPLE or large:
            return False
        if not all(_is_simple(inner) for inner in _inner(eqn)):
            return False
    return True


def one_kernel(loop: Callable[..., Any], begin: Any) -> Any:
    """Return `loop(begin)`, as one kernel where a CPU can.

    Args:
        loop: function of a pytree of arrays that runs a loop; it may close over traced values.
        begin: the pytree.
    """
    traced, shapes = jax.make_jaxpr(loop, return_shape=True)(begin)
    run, leaves = jaxpr_as_fun(traced), jax.tree.leaves(begin)
    if jax.default_backend() == "cpu" and _is_simple(traced.jaxpr):
        found: Any = set_xla_metadata(jax.jit(run)(*leaves), inlineable="false", xla_cpu_small_call="true")
    else:
        found = run(*leaves)
    return jax.tree.unflatten(jax.tree.structure(shapes), found)


def in_pieces(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with each value that has several uses made by a call of its own.

    Only inside of `one_kernel` do these calls cost nothing.

    Args:
        function: from pytrees of arrays to pytrees of arrays.
    """

    def cut(*given: Any) -> Any:
        traced, shapes = jax.make_jaxpr(function, return_shape=True)(*given)
        if jax.default_backend() != "cpu" or not _is_simple(traced.jaxpr):
            return function(*given)
        flat = _Flat()
        inputs = [*traced.consts, *jax.tree.leaves(given)]
        names = [flat.new() for _ in inputs]
        results = flat.walk(traced.jaxpr, names)
        found = _run(flat.steps, dict(zip(names, inputs, strict=True)), results)
        return jax.tree.unflatten(jax.tree.structure(shapes), found)

    return cut


class _Step(NamedTuple):
    """One equation: operands are names (numbers) or literals."""

    eqn: Any
    operands: tuple[Any, ...]
    results: tuple[int, ...]


class _Flat:
    """Equations in order, nested `jit` calls opened, each value under a number of its own."""

    def __init__(self):
        self.steps: list[_Step] = []
        self._count = 0

    def new(self) -> int:
        self._count += 1
        return self._count

    def walk(self, jaxpr: Any, inputs: Sequence[Any]) -> list[Any]:
        known = dict(zip([*jaxpr.constvars, *jaxpr.invars], inputs, strict=True))
        read = lambda v: v if isinstance(v, Literal) else known[v]  # noqa: E731
        for eqn in jaxpr.eqns:
            operands = tuple(read(v) for v in eqn.invars)
            if eqn.primitive.name in ("jit", "pjit") and not eqn.params["jaxpr"].consts:
                known.update(zip(eqn.outvars, self.walk(eqn.params["jaxpr"].jaxpr, operands), strict=True))
                continue
            results = tuple(self.new() for _ in eqn.outvars)
            known.update(zip(eqn.outvars, results, strict=True))
            self.steps.append(_Step(eqn, operands, results))
        return [read(v) for v in jaxpr.outvars]


def _is_opaque(step: _Step) -> bool:
    return step.eqn.primitive.name in OPAQUE or len(step.results) != 1


def _run(steps: list[_Step], values: dict[int, Any], wanted: Sequence[Any]) -> list[Any]:
    """Evaluate, one call for each value with several uses."""
    made = {step.results[0]: step for step in steps if not _is_opaque(step)}
    uses: dict[int, int] = {}
    kept = {name for name in wanted if isinstance(name, int)}
    for step in steps:
        for name in {o for o in step.operands if isinstance(o, int)}:
            uses[name] = uses.get(name, 0) + 1
            if _is_opaque(step):
                kept.add(name)
    kept.update(name for name, n in uses.items() if n > 1 and not _is_copied(made.get(name)))
    for step in steps:
        if _is_opaque(step):
            operands = [values[o] if isinstance(o, int) else o.val for o in step.operands]
            values.update(zip(step.results, evaluated(step.eqn, operands), strict=True))
        elif step.results[0] in kept:
            inputs, code = _piece(step.results[0], made, kept, values)
            values[step.results[0]] = _call(code, [values[name] for name in inputs])
    return [values[name] if isinstance(name, int) else name.val for name in wanted]


def _is_copied(step: _Step | None) -> bool:
    return step is not None and step.eqn.primitive.name in COPIED


def _piece(name: int, made: dict[int, _Step], kept: set[int], values: dict[int, Any]) -> tuple[list[int], list[Any]]:
    """Names that a piece needs, and its code: (equation, places of its operands) in order."""
    inputs: dict[int, int] = {}
    inner: dict[int, int] = {}
    code: list[Any] = []

    def place(operand: Any, root: bool = False) -> Any:
        if not isinstance(operand, int):
            return operand
        if not root and (operand in kept or operand not in made):
            return ("in", inputs.setdefault(operand, len(inputs)))
        if operand not in inner:
            step = made[operand]
            code.append((step.eqn, tuple(place(o) for o in step.operands)))
            inner[operand] = len(code) - 1
        return ("own", inner[operand])

    place(name, True)
    return list(inputs), code


def _call(code: list[Any], inputs: list[Any]) -> Any:
    """Call a piece; pieces of the same form are one function, traced once."""
    if not inputs:
        return _evaluate(code, inputs)
    key = tuple((e.primitive, _hashable(e.params), tuple(_literal(p) for p in places)) for e, places in code)
    try:
        function = _compiled.get(key)
    except TypeError:
        return set_xla_metadata(jax.jit(lambda *a: _evaluate(code, a))(*inputs), inlineable="false")
    if function is None:
        function = jax.jit(lambda *a: _evaluate(code, a))
        _compiled[key] = function
        if len(_compiled) > MEMORY:
            _compiled.popitem(last=False)
    return set_xla_metadata(function(*inputs), inlineable="false")


def _evaluate(code: list[Any], inputs: Sequence[Any]) -> Any:
    found: list[Any] = []
    for eqn, places in code:
        operands = [
            (inputs if p[0] == "in" else found)[p[1]] if isinstance(p, tuple) else np.asarray(p.val, p.aval.dtype)
            for p in places
        ]
        found.append(evaluated(eqn, operands)[0])
    return found[-1]


def _hashable(params: dict[str, Any]) -> Any:
    return tuple(sorted(params.items()))


def _literal(place: Any) -> Any:
    return place if isinstance(place, tuple) else (str(place.aval), repr(place.val))
