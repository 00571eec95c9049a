"""The series of a list of instructions, array by array: for fields over large states."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import NoSeriesError
from cocycle.steppers.series.decisions import CHOOSING, STEPWISE, Decision, chosen_line, fixed
from cocycle.steppers.series.elementary import ELEMENTARY, mul
from cocycle.steppers.series.line import Line, constant, first
from cocycle.steppers.series.linear import BILINEAR, LINEAR, bilinear_line, extremum_line, linear_lines
from cocycle.steppers.series.recorder import REMEDY, Instruction, Ref

EXTREMA = {"reduce_max": jnp.max, "reduce_min": jnp.min}


def is_decided(instruction: Instruction) -> bool:
    """Say whether the results cannot vary smoothly: numbers, comparisons and roundings that are no reals."""
    return instruction.name in STEPWISE or all(not jnp.issubdtype(o.dtype, jnp.inexact) for o in instruction.outputs)


def check_instruction(instruction: Instruction) -> None:
    """Refuse a primitive without a rule.

    Args:
        instruction: one instruction.

    Raises:
        NoSeriesError: with its name, and what to use instead.
    """
    name = instruction.name
    if name in ("while",):
        raise NoSeriesError(f"a loop whose length depends on the state (primitive {name!r}) has no series; {REMEDY}.")
    known = name in ELEMENTARY or name in CHOOSING or name in LINEAR or name in BILINEAR or name in EXTREMA
    if not (known or name in ("select_n", "reduce_prod") or is_decided(instruction)):
        raise NoSeriesError(f"the primitive {name!r} has no rule for Taylor series; {REMEDY}.")
    positions = LINEAR.get(name)
    if positions is not None:
        inexact = lambda v: jnp.issubdtype(v.dtype, jnp.inexact)  # noqa: E731
        if any(isinstance(v, Ref) and inexact(v) for i, v in enumerate(instruction.inputs) if i not in positions):
            raise NoSeriesError(f"the primitive {name!r} depends on the state in an operand without a rule; {REMEDY}.")


def _product_line(a: Line, axes: tuple[int, ...], shape: tuple[int, ...]) -> Line:
    """The product over axes, as a chain of products of slices."""
    lines = [Line(lambda k, i=i: None if a[k] is None else a[k][i]) for i in _positions(axes, shape)]
    result = lines[0]
    for line in lines[1:]:
        result = mul(result, line)
    return result


def _positions(axes: tuple[int, ...], shape: tuple[int, ...]) -> list[tuple[Any, ...]]:
    places = np.ndindex(*(shape[axis] for axis in axes))
    return [tuple(dict(zip(axes, p, strict=True)).get(d, slice(None)) for d in range(len(shape))) for p in places]


class ArrayForm:
    """Carries one line per array.

    Args:
        instructions: flat list.
        results: Refs and constants.
    """

    def __init__(self, instructions: Sequence[Instruction], results: Sequence[Any]):
        self.instructions, self.results = instructions, results

    def lines(self, inputs: dict[int, Line]) -> tuple[list[Line], list[Line], list[Decision]]:
        """Return lines of the results, all lines in an order in which they can be computed, and decisions.

        Args:
            inputs: lines of the refs of the inputs.
        """
        known, order, decisions = dict(inputs), [], []

        def read(value: Any) -> Line:
            return known[value.place] if isinstance(value, Ref) else constant(value)

        for instruction in self.instructions:
            found = _array_rule(instruction, [read(v) for v in instruction.inputs], decisions)
            order.extend(found)
            known.update({o.place: line for o, line in zip(instruction.outputs, found, strict=True)})
        return [read(r) for r in self.results], order, decisions

    def split(self, leaf: Any) -> list[Any]:
        """Return a leaf of the state as its parts: itself."""
        return [leaf]

    def join(self, parts: Sequence[Any], like: Any) -> Any:
        """Return the leaf of which these are the parts."""
        return parts[0]


def _array_rule(instruction: Instruction, lines: list[Line], decisions: list[Decision]) -> list[Line]:
    name, params = instruction.name, instruction.params
    avals = [jax.ShapeDtypeStruct(np.shape(v), _dtype(v)) for v in instruction.inputs]

    def note(name: str, choose: Callable[..., Any], *watched: Line) -> Any:
        return noted(decisions, name, choose, watched)

    if is_decided(instruction):
        return decided_lines(instruction, lines, avals, decisions)
    if name in ELEMENTARY:
        return [ELEMENTARY[name](*lines, **({"y": params["y"]} if name == "integer_pow" else {}))]
    if name in CHOOSING:
        return [CHOOSING[name](note, *lines)]
    if name == "select_n":
        return [chosen_line(first(lines[0]), lines[1:])]
    if name in EXTREMA:
        axes, largest = tuple(params["axes"]), EXTREMA[name]
        mask = note(name, lambda x: x == largest(x, axis=axes, keepdims=True), lines[0])
        return [extremum_line(mask, lines[0], axes)]
    if name == "reduce_prod":
        return [_product_line(lines[0], tuple(params["axes"]), avals[0].shape)]
    if name in BILINEAR:
        return [bilinear_line(instruction.bind, lines[0], lines[1], avals)]
    return linear_lines(instruction.bind, LINEAR[name], lines, avals)


def _dtype(value: Any) -> Any:
    return value.dtype if hasattr(value, "dtype") else jnp.result_type(value)


def noted(decisions: list[Decision], name: str, choose: Callable[..., Any], watched: Sequence[Line]) -> Any:
    """Decide by the order-zero terms and keep the decision, unless nothing in it varies."""
    chosen = choose(*(first(line) for line in watched))
    if not all(line.constant for line in watched):
        decisions.append(Decision(name, choose, tuple(watched), chosen))
    return chosen


def decided_lines(
    instruction: Instruction, lines: Sequence[Line], avals: Sequence[Any], decisions: list[Decision]
) -> list[Line]:
    """Return constants at order zero; those that come from reals are kept as decisions."""
    reals = [jnp.issubdtype(aval.dtype, jnp.inexact) for aval in avals]

    def choose(*values: Any) -> list[Any]:
        shaped = [jnp.asarray(v, dtype=a.dtype) for v, a in zip(values, avals, strict=True)]
        return instruction.bind(*shaped)

    if not any(reals) or all(line.constant for line in lines):
        return [fixed(value) for value in choose(*(first(line) for line in lines))]
    n = len(instruction.outputs)
    picks = [lambda *values, i=i: choose(*values)[i] for i in range(n)]
    return [fixed(noted(decisions, instruction.name, pick, lines)) for pick in picks]
