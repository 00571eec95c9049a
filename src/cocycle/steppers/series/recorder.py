"""From a function to a flat list of instructions: calls opened, constants evaluated once, dead code left out."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jax.extend.core import Literal

from cocycle.core.errors import NoSeriesError

REMEDY = "write the field without it, or use stepper=Adaptive(diffrax.Dopri8()) or RK4(), which only evaluate the field"
# Primitive -> the parameter that holds what it calls.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
    "checkpoint": "jaxpr",
    "remat2": "jaxpr",
    "custom_lin": "jaxpr",
}
MAX_UNROLLED = 64


class Ref(NamedTuple):
    """A value that changes along the orbit."""

    place: int
    shape: tuple[int, ...]
    dtype: Any

    @property
    def size(self) -> int:
        """Count of its numbers."""
        return math.prod(self.shape)


class Instruction(NamedTuple):
    """One primitive applied to refs and constants.

    Attributes:
        name: of the primitive.
        primitive: itself.
        params: its parameters.
        inputs: Refs, and values of constants.
        outputs: Refs.
    """

    name: str
    primitive: Any
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    outputs: tuple[Ref, ...]

    def bind(self, *values: Any) -> list[Any]:
        """Apply the primitive to arrays."""
        found = self.primitive.bind(*values, **self.params)
        return list(found) if self.primitive.multiple_results else [found]


def is_concrete(*values: Any) -> bool:
    """Say whether no value is being traced."""
    return not any(isinstance(value, Tracer) for value in values)


def evaluated(eqn: Any, values: Sequence[Any]) -> list[Any]:
    """Apply an equation of a jaxpr; to numbers at once even while tracing, so that they can be simplified away.

    Args:
        eqn: the equation.
        values: its operands.
    """
    given = eqn.primitive.get_bind_params(eqn.params)
    # Before JAX 0.10 a pair with functions of the primitive.
    subfuns, params = given if isinstance(given, tuple) else ((), given)

    def apply() -> Any:
        return eqn.primitive.bind(*subfuns, *values, **params)

    if is_concrete(*values):
        with jax.ensure_compile_time_eval():
            found = apply()
    else:
        found = apply()
    return list(found) if eqn.primitive.multiple_results else [found]


class Recorder:
    """Walks over jaxprs and writes down what depends on the orbit."""

    def __init__(self):
        self.instructions: list[Instruction] = []
        self._count = 0

    def new(self, aval: Any) -> Ref:
        """Return a new ref of the shape and dtype of `aval`."""
        self._count += 1
        return Ref(self._count - 1, tuple(aval.shape), aval.dtype)

    def walk(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """Write down a jaxpr applied to refs and constants; return its results."""
        known: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
        known.update(zip(jaxpr.invars, inputs, strict=True))

        def read(var: Any) -> Any:
            return var.val if isinstance(var, Literal) else known[var]

        for eqn in jaxpr.eqns:
            known.update(zip(eqn.outvars, self._equation(eqn, [read(v) for v in eqn.invars]), strict=True))
        return [read(v) for v in jaxpr.outvars]

    def call(self, function: Callable[..., Any], *values: Any) -> list[Any]:
        """Write down a function of arrays applied to refs and constants."""
        shapes = [jax.ShapeDtypeStruct(v.shape, v.dtype) if isinstance(v, Ref) else v for v in values]
        traced = jax.make_jaxpr(function)(*shapes)
        return self.walk(traced.jaxpr, traced.consts, values)

    def _equation(self, eqn: Any, values: list[Any]) -> list[Any]:
        name = eqn.primitive.name
        if not any(isinstance(value, Ref) for value in values):
            return evaluated(eqn, values)
        if name in CALLS:
            inner = eqn.params[CALLS[name]]
            return self.walk(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), values)
        if name == "scan":
            return self._unrolled(eqn, values)
        if name == "cond":
            return self._branches(eqn, values)
        outputs = tuple(self.new(v.aval) for v in eqn.outvars)
        self.instructions.append(Instruction(name, eqn.primitive, dict(eqn.params), tuple(values), outputs))
        return list(outputs)

    def _branches(self, eqn: Any, values: list[Any]) -> list[Any]:
        """All branches, and the one that the order-zero term of the index names."""
        index, *rest = values
        branches = eqn.params["branches"]
        if not isinstance(index, Ref) and is_concrete(index):
            chosen = branches[int(jnp.clip(index, 0, len(branches) - 1))]
            return self.walk(chosen.jaxpr, chosen.consts, rest)
        results = [self.walk(branch.jaxpr, branch.consts, rest) for branch in branches]

        def select(index: Any, *cases: Any) -> Any:
            return lax.select_n(jnp.clip(index, 0, len(cases) - 1).astype(jnp.int32), *cases)

        return [self.call(select, index, *cases)[0] for cases in zip(*results, strict=True)]

    def _unrolled(self, eqn: Any, values: list[Any]) -> list[Any]:
        params = eqn.params
        n_consts, n_carry, length = params["num_consts"], params["num_carry"], params["length"]
        if length > MAX_UNROLLED:
            raise NoSeriesError(
                f"a loop of {length} rounds (at most {MAX_UNROLLED} are unrolled) has no series; {REMEDY}."
            )
        consts, carry, rows = values[:n_consts], values[n_consts : n_consts + n_carry], values[n_consts + n_carry :]
        kept: list[list[Any]] = []
        for i in range(length)[:: -1 if params["reverse"] else 1]:
            row = [self.call(lambda a, i=i: a[i], a)[0] for a in rows]
            found = self.walk(params["jaxpr"].jaxpr, params["jaxpr"].consts, [*consts, *carry, *row])
            carry = found[:n_carry]
            kept.append(found[n_carry:])
        kept = kept[:: -1 if params["reverse"] else 1]
        stacked = [self.call(lambda *a: jnp.stack(a), *column)[0] for column in zip(*kept, strict=True)]
        return [*carry, *stacked]

    def alive(self, results: Sequence[Any]) -> list[Instruction]:
        """Return the instructions that the results need."""
        wanted = {r.place for r in results if isinstance(r, Ref)}
        kept = []
        for instruction in reversed(self.instructions):
            if any(o.place in wanted for o in instruction.outputs):
                kept.append(instruction)
                wanted.update(v.place for v in instruction.inputs if isinstance(v, Ref))
        return kept[::-1]
