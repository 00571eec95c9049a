"""The same number by number: for small states, where indexing then costs nothing and all arithmetic is scalar.

A batch (`vmap`) turns each number into a vector over the batch, which is what processors like.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.steppers.series.arrays import decided_lines, is_decided, noted
from cocycle.steppers.series.decisions import CHOOSING, Decision, chosen_line
from cocycle.steppers.series.elementary import ELEMENTARY, mul
from cocycle.steppers.series.line import Line, constant, first, total
from cocycle.steppers.series.recorder import Instruction, Ref, is_concrete

# Primitives that only move numbers: where each comes from is found by moving their positions.
MOVING = frozenset({
    "reshape", "broadcast_in_dim", "squeeze", "expand_dims", "transpose", "rev", "slice", "concatenate", "pad",
    "split", "stack", "unstack", "tile", "dynamic_slice", "gather",
    "dynamic_update_slice", "scatter", "copy", "copy_p", "stop_gradient",
})  # fmt: skip
INDEXED = frozenset({"dynamic_slice", "gather", "dynamic_update_slice", "scatter"})
FREE = MOVING | {"neg", "add", "sub", "add_any", "convert_element_type", "real", "imag", "conj"}
# Products of series times order^2, at most: compile time grows with it (see docs/taylor.md).
MAX_WORK = 4500
MAX_ELEMENTS = 1024
# Numbers in a state that is taken apart, at most.
MAX_NUMBERS = 32


def _reshaped(places: list[np.ndarray], params: dict, shape: Any) -> np.ndarray:
    return places[0].reshape(shape)


def _sliced(places: list[np.ndarray], params: dict, shape: Any) -> np.ndarray:
    strides = params["strides"] or (1,) * places[0].ndim
    return places[0][tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


def _spread(places: list[np.ndarray], params: dict, shape: Any) -> np.ndarray:
    own = [1] * len(shape)
    for axis, size in zip(params["broadcast_dimensions"], places[0].shape, strict=True):
        own[axis] = size
    return np.broadcast_to(places[0].reshape(own), shape)


# The most frequent ones by NumPy; the others by JAX, which compiles each.
QUICK: dict[str, Callable[..., np.ndarray]] = {
    **dict.fromkeys(["reshape", "squeeze", "expand_dims", "copy", "copy_p", "stop_gradient"], _reshaped),
    "slice": _sliced,
    "broadcast_in_dim": _spread,
    "concatenate": lambda places, params, shape: np.concatenate(places, axis=params["dimension"]),
    "stack": lambda places, params, shape: np.stack(places, axis=params["axis"]),
    "transpose": lambda places, params, shape: np.transpose(places[0], params["permutation"]),
    "rev": lambda places, params, shape: np.flip(places[0], params["dimensions"]),
}


class UnsuitableError(Exception):
    """The instructions have no form number by number; the form array by array serves."""


def _size(shape: Sequence[int]) -> int:
    return math.prod(shape)


def _products(instruction: Instruction) -> int:
    if instruction.name == "dot_general":
        (contracted, _), _ = instruction.params["dimension_numbers"]
        depth = _size([np.shape(instruction.inputs[0])[axis] for axis in contracted])
        both = all(isinstance(v, Ref) for v in instruction.inputs)
        return depth * _size(instruction.outputs[0].shape) if both else 0
    scales = (instruction.name == "mul" and not all(isinstance(v, Ref) for v in instruction.inputs)) or (
        instruction.name == "div" and not isinstance(instruction.inputs[1], Ref)
    )
    return 0 if scales or instruction.name in FREE else sum(_size(o.shape) for o in instruction.outputs)


class ScalarForm:
    """Carries one line per number.

    Args:
        instructions: flat list.
        results: Refs and constants.
        order: of the series, which decides how much there is to compile.

    Raises:
        UnsuitableError: if there are too many numbers, or a primitive that mixes them in a way without a rule here.
    """

    def __init__(self, instructions: Sequence[Instruction], results: Sequence[Any], order: int):
        self.instructions, self.results = instructions, results
        if sum(_size(o.shape) for i in instructions for o in i.outputs) > MAX_ELEMENTS:
            raise UnsuitableError
        self.products = sum(_products(i) for i in instructions)
        self.work = self.products * order**2
        if self.work > MAX_WORK:
            raise UnsuitableError
        self.sources = {n: _sources(i) for n, i in enumerate(instructions) if i.name in MOVING}
        for n, instruction in enumerate(instructions):
            known = instruction.name in ELEMENTARY or instruction.name in CHOOSING or n in self.sources
            other = instruction.name in ("reduce_sum", "dot_general", "select_n", "convert_element_type", "reduce_prod")
            if not (known or other or (is_decided(instruction) and _is_elementwise(instruction))):
                raise UnsuitableError
            if instruction.name == "dot_general" and instruction.params["dimension_numbers"][1] != ((), ()):
                raise UnsuitableError
        constants = {id(v): v for i in instructions for v in i.inputs if not isinstance(v, Ref)}
        constants.update({id(v): v for v in results if not isinstance(v, Ref)})
        self.constants = {key: _numbers(value) for key, value in constants.items()}

    def lines(self, inputs: dict[int, Any]) -> tuple[list[Any], list[Line], list[Decision]]:
        """Return object arrays of lines of the results, all lines in order, and decisions.

        Args:
            inputs: object arrays of lines of the refs of the inputs.
        """
        walk = _Walk(self)
        known = dict(inputs)

        def read(value: Any) -> Any:
            return known[value.place] if isinstance(value, Ref) else walk.of_constant(self.constants[id(value)])

        for n, instruction in enumerate(self.instructions):
            found = walk.rule(n, instruction, [read(v) for v in instruction.inputs])
            known.update({o.place: lines for o, lines in zip(instruction.outputs, found, strict=True)})
        return [read(r) for r in self.results], walk.order, walk.decisions

    def split(self, leaf: Any) -> list[Any]:
        """Return a leaf of the state as its parts: numbers."""
        return [leaf[place] for place in np.ndindex(*leaf.shape)]

    def join(self, parts: Sequence[Any], like: Any) -> Any:
        """Return the leaf of which these are the parts."""
        return jnp.reshape(jnp.stack([jnp.asarray(p, dtype=like.dtype) for p in parts]), like.shape)


def scalar_form(instructions: Sequence[Instruction], results: Sequence[Any], order: int) -> ScalarForm | None:
    """Return the form number by number, or None where the form array by array serves better.

    Args:
        instructions: flat list.
        results: Refs and constants.
        order: of the series, which decides how much there is to compile.
    """
    try:
        return ScalarForm(instructions, results, order)
    except UnsuitableError:
        return None


def _is_elementwise(instruction: Instruction) -> bool:
    return len(instruction.outputs) == 1 and all(
        np.shape(v) in ((), instruction.outputs[0].shape) for v in instruction.inputs
    )


def _sources(instruction: Instruction) -> list[np.ndarray]:
    """Where each number of the results comes from, counted through all operands that move."""
    places, begun = [], 0
    for i, value in enumerate(instruction.inputs):
        if _is_index(instruction.name, i, value):
            if isinstance(value, Ref) or not is_concrete(value):
                raise UnsuitableError
            places.append(np.asarray(value))
            continue
        size = _size(np.shape(value))
        places.append(np.arange(begun, begun + size, dtype=float).reshape(np.shape(value)))
        begun += size
    if instruction.name in QUICK:
        return [QUICK[instruction.name](places, instruction.params, instruction.outputs[0].shape).astype(int)]
    if instruction.name == "gather":
        instruction = instruction._replace(params={**instruction.params, "fill_value": float("nan")})
    with jax.ensure_compile_time_eval():
        found = instruction.bind(*places)
    if any(bool(np.any(np.isnan(np.asarray(a)))) for a in found):
        raise UnsuitableError
    return [np.asarray(a).astype(int) for a in found]


def _dtype(value: Any) -> Any:
    return value.dtype if hasattr(value, "dtype") else jnp.result_type(value)


def _numbers(value: Any) -> np.ndarray:
    """A constant as an object array of numbers known now, or of scalars being traced."""
    out = np.empty(np.shape(value), dtype=object)
    known = np.asarray(value) if is_concrete(value) else None
    for place in np.ndindex(*out.shape):
        out[place] = known[place].item() if known is not None else value[place] if out.ndim else value
    return out


class _Walk:
    """One pass over the instructions; equal sub-expressions are found once."""

    def __init__(self, form: ScalarForm):
        self.form = form
        self.order: list[Line] = []
        self.decisions: list[Decision] = []
        self.numbers: dict[Any, Line] = {}
        self.seen: dict[Any, Line] = {}

    def of_constant(self, values: np.ndarray) -> np.ndarray:
        out = np.empty(values.shape, dtype=object)
        for place in np.ndindex(*values.shape):
            value = values[place]
            key = (type(value), value) if isinstance(value, int | float | complex) else id(value)
            out[place] = self.numbers.setdefault(key, constant(value))
        return out

    def note(self, name: str, choose: Callable[..., Any], *watched: Line) -> Any:
        return noted(self.decisions, name, choose, watched)

    def keep(self, key: Any, build: Callable[[], Line]) -> Line:
        if key not in self.seen:
            line = build()
            self.seen[key] = line
            self.order.append(line)
        return self.seen[key]

    def rule(self, n: int, instruction: Instruction, operands: list[np.ndarray]) -> list[np.ndarray]:
        name, shape = instruction.name, instruction.outputs[0].shape
        if n in self.form.sources:
            inputs = enumerate(instruction.inputs)
            moving = [operands[i] for i, value in inputs if not _is_index(name, i, value)]
            flat = np.concatenate([o.ravel() for o in moving])
            return [flat[source] if source.ndim else _boxed(flat[int(source)]) for source in self.form.sources[n]]
        if name in ("reduce_sum", "reduce_prod"):
            return [self._reduced(name, operands[0], tuple(int(a) for a in instruction.params["axes"]), shape)]
        if name == "dot_general":
            return [self._product(instruction, *operands)]
        out = np.empty(shape, dtype=object)
        options = str(instruction.params)
        wide = np.broadcast_arrays(*operands, out)[:-1] if out.ndim else operands
        for place in np.ndindex(*shape):
            lines: list[Any] = [o[place] for o in wide]
            key = (name, options, *map(id, lines))
            out[place] = self.keep(key, lambda lines=lines: self._element(instruction, lines))
        return [out]

    def _element(self, instruction: Instruction, lines: list[Line]) -> Line:
        name = instruction.name
        if is_decided(instruction):
            avals = [jax.ShapeDtypeStruct((), _dtype(v)) for v in instruction.inputs]
            return decided_lines(instruction, lines, avals, self.decisions)[0]
        if name == "select_n":
            return chosen_line(first(lines[0]), lines[1:])
        if name == "convert_element_type":
            dtype = instruction.params["new_dtype"]
            a = lines[0]
            return Line(lambda k: None if a[k] is None else jnp.asarray(a[k], dtype=dtype), constant=a.constant)
        if name in CHOOSING:
            return CHOOSING[name](self.note, *lines)
        options = {"y": instruction.params["y"]} if name == "integer_pow" else {}
        line = ELEMENTARY[name](*lines, **options)
        if all(a.constant for a in lines):
            return constant(first(line))
        return line

    def _reduced(self, name: str, a: np.ndarray, axes: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
        kept = [axis for axis in range(a.ndim) if axis not in axes]
        rows = np.transpose(a, [*kept, *axes]).reshape(_size(shape), -1)
        out = np.empty(_size(shape), dtype=object)
        for i, row in enumerate(rows):
            out[i] = self.sum(list(row)) if name == "reduce_sum" else self.chain(list(row))
        return out.reshape(shape)

    def sum(self, lines: list[Line]) -> Line:
        """Return the line of the sum of lines."""
        key = ("sum", *map(id, lines))
        return self.keep(key, lambda: Line(lambda k: total(line[k] for line in lines)))

    def multiply(self, a: Line, b: Line) -> Line:
        """Return the line of a product."""
        return self.keep(("mul", "{}", id(a), id(b)), lambda: mul(a, b))

    def chain(self, lines: list[Line]) -> Line:
        """Return the line of the product of lines."""
        result = lines[0]
        for line in lines[1:]:
            result = self.multiply(result, line)
        return result

    def _product(self, instruction: Instruction, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        (of_a, of_b), _ = instruction.params["dimension_numbers"]
        shape = instruction.outputs[0].shape
        free_a = [axis for axis in range(a.ndim) if axis not in of_a]
        free_b = [axis for axis in range(b.ndim) if axis not in of_b]
        depth = _size([a.shape[axis] for axis in of_a])
        rows = np.transpose(a, [*free_a, *of_a]).reshape(-1, depth)
        columns = np.transpose(b, [*free_b, *of_b]).reshape(-1, depth)
        out = np.empty(_size(shape), dtype=object)
        for i, (row, column) in enumerate((r, c) for r in rows for c in columns):
            out[i] = self.sum([self.multiply(x, y) for x, y in zip(row, column, strict=True)])
        return out.reshape(shape)


def _is_index(name: str, i: int, value: Any) -> bool:
    return i > 0 and name in INDEXED and not jnp.issubdtype(_dtype(value), jnp.inexact)


def _boxed(line: Line) -> np.ndarray:
    out = np.empty((), dtype=object)
    out[()] = line
    return out
