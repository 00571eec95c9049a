"""A field, traced once, as a rule from the state to the Taylor coefficients of its solution."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import NoSeriesError
from cocycle.steppers.series.arrays import ArrayForm, check_instruction
from cocycle.steppers.series.decisions import Decision
from cocycle.steppers.series.hidden import may_hide
from cocycle.steppers.series.line import Line, filled, shared
from cocycle.steppers.series.recorder import REMEDY, Recorder, Ref
from cocycle.steppers.series.scalars import MAX_NUMBERS, scalar_form


class Expansion(NamedTuple):
    """Taylor coefficients at one point.

    Attributes:
        parts: for each part of the state, its coefficients 0 to order.
        extras: the same for what the function returned beside the slope.
        decisions: choices that hold at that point.
    """

    parts: list[list[Any]]
    extras: list[list[Any]]
    decisions: list[Decision]


class Program:
    r"""The recurrence $y_{k+1} = f_k / (k + 1)$ over the traced operations of a field.

    Constants (what depends on neither t nor y) are evaluated when the program is made; make it outside of loops.

    Args:
        function: `function(t, y)` returns the slope, a pytree like y; or (slope, extras) with `extras=True`.
        t: a time.
        y: a state.
        extras: whether the function returns more.
        switches: False refuses what is not analytic.
        by_number: True carries series number by number, False array by array; None takes the first for small states.
        order: that the coefficients will be asked for, which decides the same.

    Raises:
        NoSeriesError: if a primitive has no rule, or is not analytic where that is refused.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        t: Any,
        y: Any,
        *,
        extras: bool = False,
        switches: bool = True,
        by_number: bool | None = None,
        order: int = 12,
    ):
        leaves, self.structure = jax.tree.flatten(y)
        self.likes = [jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]

        def flat(t: Any, *leaves: Any) -> list[Any]:
            found = function(t, jax.tree.unflatten(self.structure, leaves))
            slope, more = found if extras else (found, ())
            return [*jax.tree.leaves(slope), *jax.tree.leaves(more)]

        time = jax.ShapeDtypeStruct((), jnp.result_type(t, float))
        traced, shapes = jax.make_jaxpr(flat, return_shape=True)(time, *self.likes)
        self.extra_likes = shapes[len(leaves) :]
        recorder = Recorder()
        self.inputs = [recorder.new(a) for a in (time, *self.likes)]
        results = recorder.walk(traced.jaxpr, traced.consts, self.inputs)
        instructions = recorder.alive(results)
        for instruction in instructions:
            check_instruction(instruction)
        self.is_autonomous = not _uses(self.inputs[0], instructions, results)
        self.form: Any = None
        if by_number or (by_number is None and sum(ref.size for ref in self.inputs) <= MAX_NUMBERS):
            self.form = scalar_form(instructions, results, 1 if by_number else order)
        if self.form is None:
            self.form = ArrayForm(instructions, results)
        # Whether functions of the field may hide what lies ahead of a step.
        self.hides = may_hide(instructions)
        if not switches:
            refuse_switches(self.switches)

    @property
    def switches(self) -> list[str]:
        """Names of the primitives whose choice depends on the state or the time."""
        found: list[str] = []

        def look(t: Any, parts: list[Any]) -> int:
            found.extend(d.name for d in self.expand(t, parts, 0).decisions)
            return 0

        jax.eval_shape(look, self.likes_of_time, [self._part_like(p) for p in self.split(self._zeros())])
        return sorted(set(found))

    @property
    def products(self) -> int | None:
        """Products of two series in the field, at every order; None for series of arrays."""
        return getattr(self.form, "products", None)

    @property
    def work(self) -> int | None:
        """Products of series times order^2, which the time to compile grows with; None for series of arrays."""
        return getattr(self.form, "work", None)

    @property
    def likes_of_time(self) -> Any:
        """Shape and dtype of a time."""
        return jax.ShapeDtypeStruct((), self.inputs[0].dtype)

    def _part_like(self, part: Any) -> Any:
        return jax.ShapeDtypeStruct(np.shape(part), part.dtype)

    def _zeros(self) -> Any:
        return jax.tree.unflatten(self.structure, [np.zeros(a.shape, a.dtype) for a in self.likes])

    def split(self, y: Any) -> list[Any]:
        """Return the state as parts: numbers, or its leaves."""
        leaves = [jnp.asarray(a) if not isinstance(a, np.ndarray) else a for a in jax.tree.leaves(y)]
        return [part for leaf in leaves for part in self.form.split(leaf)]

    def join(self, parts: Sequence[Any]) -> Any:
        """Return the state of which these are the parts."""
        leaves, begun = [], 0
        for like, count in zip(self.likes, self.counts, strict=True):
            leaves.append(self.form.join(parts[begun : begun + count], like))
            begun += count
        return jax.tree.unflatten(self.structure, leaves)

    @property
    def counts(self) -> list[int]:
        """Number of parts of each leaf of the state."""
        return [len(self.form.split(np.zeros(a.shape))) for a in self.likes]

    def expand(self, t: Any, parts: Sequence[Any], order: int, given: Sequence[Any] = ()) -> Expansion:
        """Return the Taylor coefficients up to an order.

        Args:
            t: time.
            parts: state, as `split` gives it.
            order: highest coefficient.
            given: coefficients of the last parts, which are known and not solved for: those of the past.
        """
        clock = Line(lambda k: None, [t, jnp.ones_like(jnp.asarray(t))])
        free = [Line(lambda k: None, [part]) for part in parts[: len(parts) - len(given)]]
        states = free + [Line(lambda k: None, row) for row in given]
        inputs, begun = {self.inputs[0].place: _arranged(self.form, [clock], ())}, 0
        for ref, count in zip(self.inputs[1:], self.counts, strict=True):
            inputs[ref.place] = _arranged(self.form, states[begun : begun + count], ref.shape)
            begun += count
        results, lines, decisions = self.form.lines(inputs)
        n = len(self.likes)
        slopes = [line for result in results[:n] for line in _flat(result)]
        for state, slope in zip(free, slopes, strict=False):
            state.make = lambda k, slope=slope: shared(slope[k - 1], k)
        for k in range(order):
            for line in lines:
                line[k]
        found = [[filled(s[k], parts[i]) for k in range(order + 1)] for i, s in enumerate(states)]
        extras = [line for result in results[n:] for line in _flat(result)]
        likes = [like for like, r in zip(self.extra_likes, results[n:], strict=True) for like in _likes(like, r)]
        more = [[filled(e[k], like) for k in range(order + 1)] for e, like in zip(extras, likes, strict=True)]
        return Expansion(found, more, decisions)


def refuse_switches(names: Sequence[str]) -> None:
    """Refuse what is not analytic.

    Raises:
        NoSeriesError: if there is any.
    """
    if names:
        raise NoSeriesError(
            f"the field is not analytic: {', '.join(names)} of something that depends on the state; take "
            f"switches=True to locate each switch, or {REMEDY}."
        )


def _uses(ref: Ref, instructions: Sequence[Any], results: Sequence[Any]) -> bool:
    inputs = [v for i in instructions for v in i.inputs] + list(results)
    return any(isinstance(v, Ref) and v.place == ref.place for v in inputs)


def _arranged(form: Any, lines: Sequence[Line], shape: tuple[int, ...]) -> Any:
    """Lines of the parts of a leaf, as the form carries them."""
    if isinstance(form, ArrayForm):
        return lines[0]
    out = np.empty(shape, dtype=object)
    for place, line in zip(np.ndindex(*shape), lines, strict=True):
        out[place] = line
    return out


def _flat(result: Any) -> list[Line]:
    return [result] if isinstance(result, Line) else list(result.ravel())


def _likes(like: Any, result: Any) -> list[Any]:
    if isinstance(result, Line):
        return [like]
    return [jax.ShapeDtypeStruct((), like.dtype)] * result.size
