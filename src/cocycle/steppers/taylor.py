"""Taylor series of the solution itself as a step, at the limit of double precision."""

import itertools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox import internal as eqxi

from cocycle.core.errors import ParameterError
from cocycle.core.system import Field, State, Tangents
from cocycle.core.tracing import is_traced, once_per_shape
from cocycle.steppers.abstract import AbstractTangentStepper
from cocycle.steppers.adaptive import scale_tangents, tangent_norms
from cocycle.steppers.forced import Forced, TangentField, zero_filled
from cocycle.steppers.hindsight import looked_back, no_step
from cocycle.steppers.series import Program, control, hidden
from cocycle.steppers.series.pieces import in_pieces, one_kernel
from cocycle.steppers.series.program import Expansion
from cocycle.steppers.switches import DEGREE, Switches, stepped_across

EPS = 2.0**-52
MIN_ORDER, MAX_ORDER = 3, 40


def groups_of(program: Program, coefficients: list[list[Any]], n_tangents: int | None) -> list[Any]:
    """Return what has one norm: each leaf of the state, and each of K tangents where the state is a pair (y, V).

    Args:
        program: of a state, or of a pair.
        coefficients: part by part.
        n_tangents: K, or None for a state alone.
    """
    if n_tangents is None:
        ends = list(itertools.accumulate(program.counts))
        return [(coefficients[b - n : b], 0, False) for b, n in zip(ends, program.counts, strict=True) if n]
    n_leaves = len(program.likes) // 2
    n_state = sum(program.counts[:n_leaves])
    of_state, of_tangents = coefficients[:n_state], coefficients[n_state:]
    if any(part[0].ndim for part in coefficients) or not all(like.shape for like in program.likes[n_leaves:]):
        return [(of_state, 0, False), (of_tangents, 1, True)]
    numbers: list[list[Any]] = [[] for _ in range(n_tangents)]
    begun = 0
    for count in program.counts[n_leaves:]:
        for k in range(n_tangents):
            each = count // n_tangents
            numbers[k].extend(of_tangents[begun + k * each : begun + (k + 1) * each])
        begun += count
    return [(of_state, 0, False), *((parts, 0, True) for parts in numbers)]


class Taylor(AbstractTangentStepper):
    r"""Taylor series of the orbit, of an order and with steps chosen by the tolerance, as one step over dt.

    $$y(t + h) = \sum_{k=0}^{p} y_k h^k, \qquad y_{k+1} = \frac{f_k}{k + 1}, \qquad
    p = \lceil 1 - \tfrac12 \ln \mathrm{tol} \rceil$$

    where $f_k$, coefficient k of the field along the orbit, follows from earlier ones by one recurrence a primitive of
    the field, traced once. Fields of few products get four orders more and longer steps of the same precision. Tangents
    are expanded together with the state, each held to the tolerance relative to its own length. `taylor_orbit` samples
    the same polynomials on any grid, which is faster than many short steps.

    Args:
        tol: relative precision of a series step (absolute where the state is below 1); default round-off.
        order: order of the polynomials, which changes the length of the steps and not their precision; default from
            the tolerance and the field. A Runge-Kutta pair needs at least 7.
        max_steps: series steps allowed within dt.
        switches: what to do with fields that hold abs, max, where and the like: locate each switch on the
            polynomials, cross it by an embedded Runge-Kutta pair, or refuse the field.
        reverse: True allows reverse-mode gradients of `step` (checkpointed, slower), and leaves forward ones to the
            chain rule.

    Raises:
        ParameterError: if an option is out of range.

    Accuracy: the tolerance holds for a series step; below 1e-14 truncation stays 20 times below it, so that the error
        of an orbit is that of its rounding, and energies follow Brouwer's law.
    Laws: on an equilibrium the tangents are expm(J dt) within the tolerance.
    Limits: primitives without a rule are refused (`NoSeriesError`), where `Adaptive` only needs values. Stiff fields
        need short steps. A step that fails (max_steps, overflow) gives NaN, which the run reports. Under `vmap`
        all orbits take as many series steps as the one that needs most.
    Cost: order^2 / 2 products for each product in the field, per series step.

    Example:
        >>> y = Taylor().step(lambda t, y, args: -y, 0.0, jnp.array(1.0), None, 0.1)
        >>> float(abs(y - jnp.exp(-0.1))) < 3e-16
        True

    Source: [jorba2005]; rules as in [griewank2008].
    """

    tol: float = eqx.field(static=True)
    n_terms: int = eqx.field(static=True)
    adapts: bool = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)
    switches: Switches = eqx.field(static=True)
    reverse: bool = eqx.field(static=True)
    # Nothing is promised in dt, which is not the length of the series steps.
    order: ClassVar[int] = 0

    def __init__(
        self,
        tol: float = EPS,
        *,
        order: int | None = None,
        max_steps: int = 65_536,
        switches: Switches = Switches.LOCATE,
        reverse: bool = False,
    ):
        if is_traced(tol):
            raise ParameterError("tol is traced, but it chooses the order of the series: give a Python number.")
        if not 1e-18 <= tol < 0.1:
            raise ParameterError(f"tol must be a relative precision from 1e-18 to 0.1, got {tol!r}.")
        self.adapts = order is None and float(tol) >= control.ROUNDED
        order = control.order_for(tol) if order is None else order
        if isinstance(order, bool) or not isinstance(order, int) or not MIN_ORDER <= order <= MAX_ORDER:
            raise ParameterError(f"order must be a whole number from {MIN_ORDER} to {MAX_ORDER}, got {order!r}.")
        if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1:
            raise ParameterError(f"max_steps must be a positive whole number, got {max_steps!r}.")
        if not isinstance(switches, Switches):
            raise ParameterError(f"switches must be one of {', '.join(map(str, Switches))}, got {switches!r}.")
        lowest = DEGREE if switches is Switches.RUNGE_KUTTA else MIN_ORDER
        self.tol, self.n_terms, self.max_steps = float(tol), max(order, lowest), max_steps
        self.switches, self.reverse = switches, reverse

    @property
    def rtol(self) -> float:
        """Relative precision of state and tangents: the tolerance, at least round-off."""
        return max(self.tol, EPS)

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt, of either sign; NaN where it fails."""
        if self.reverse:
            return self.solve(field, t, y, args, dt, None)
        return _expanded_step((self, field, t, y, args, dt))

    def push(self, field: Field, t: Any, y: State, args: Any, dt: Any, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangent vectors by the same polynomials; NaN where it fails."""
        lengths = tangent_norms(V)
        unit = scale_tangents(V, 1.0 / jnp.where(lengths > 0, lengths, 1.0))
        y1, unit1 = self.solve(TangentField(field), t, (y, unit), args, dt, lengths.shape[0])
        return y1, scale_tangents(unit1, lengths)

    def check(self, field: Field, t: Any, y: State, args: Any) -> None:
        """Refuse a field with a primitive that has no rule.

        Raises:
            NoSeriesError: with the name of the primitive.
        """
        _check_field(field, jnp.asarray(t, dtype=float), y, args, self.switches is not Switches.REFUSE)

    def program(self, field: Any, t: Any, y: Any, args: Any) -> Program:
        """Trace a field.

        Args:
            field: `field(t, y, args)`.
            t: a time.
            y: a state.
            args: parameters.
        """
        analytic = self.switches is Switches.REFUSE
        return Program(lambda t, y: field(t, y, args), t, y, switches=not analytic, order=self.n_terms)

    def order_for(self, program: Program) -> int:
        """Return the order of the polynomials of a program.

        Args:
            program: of a field.
        """
        few = self.adapts and program.products is not None and program.products <= control.FEW_PRODUCTS
        return self.n_terms + (control.MORE_ORDERS if few else 0)

    def reach(self, program: Program, t: Any, parts: Any, n_tangents: int | None, towards: Any) -> Any:
        """Expand at a point and choose how far to go.

        Args:
            program: of the field.
            t: time.
            parts: state.
            n_tangents: K where the state is a pair (y, V), else None.
            towards: the largest length that is wanted, of either sign.

        Returns:
            The expansion; the length, whose sign is that of `towards`; and whether the field is the same one all the
            way: False where the length ends at a switch.
        """
        order = self.order_for(program)
        expansion = program.expand(t, parts, order)
        groups = groups_of(program, jax.lax.stop_gradient(expansion.parts), n_tangents)
        h = control.step_length(groups, order, control.fraction(self.tol, order))
        h = jnp.where(towards < 0, jnp.maximum(-h, towards), jnp.minimum(h, towards))
        if not expansion.decisions:
            return expansion, h, jnp.asarray(True)
        if self.switches is not Switches.RUNGE_KUTTA:
            seen = control.within_branch(expansion.decisions, order, h)
            return expansion, seen, seen == h

        def across() -> Any:
            grouped = lambda coefficients: groups_of(program, coefficients, n_tangents)  # noqa: E731
            return stepped_across(program, t, parts, h, grouped, self.rtol, order)

        changes = jnp.any(control.changes(expansion.decisions, order, h))
        found, h = jax.lax.cond(changes, across, lambda: (expansion.parts, h * 1.0))
        return expansion._replace(parts=found), h, ~changes

    def misses(
        self, program: Program, t: Any, expansion: Expansion, n_tangents: int | None, h: Any, n_looks: int = 1
    ) -> Any:
        """Say whether the field along a step is not what the polynomial foretells.

        Args:
            program: of the field.
            t: time.
            expansion: there.
            n_tangents: K where the state is a pair (y, V), else None.
            h: length of the step.
            n_looks: places, the last of which is the end.
        """
        order = self.order_for(program)
        parts, length = jax.lax.stop_gradient((expansion.parts, h))
        groups, found = groups_of(program, parts, n_tangents), jnp.asarray(False)
        for i in range(n_looks):
            s = length * ((i + 1) / n_looks)
            # A time that nobody reads, in a branch of a batch, would make XLA's kernels fail.
            then = jnp.zeros(()) if program.is_autonomous else jax.lax.stop_gradient(t) + s
            end = program.expand(then, control.moved(parts, order, s), 1).parts
            seen = hidden.found(groups_of(program, end, n_tangents))
            found = found | hidden.missed(hidden.foretold(groups, order, s), seen, groups, s, self.rtol)
        return found

    def cautious(
        self, program: Program, t: Any, expansion: Expansion, n_tangents: int | None, h: Any, free: Any, caution: Any
    ) -> tuple[Any, Any, Any]:
        """Hold a step back where something may be hidden ahead.

        Args:
            program: of the field.
            t: time.
            expansion: there.
            n_tangents: K where the state is a pair (y, V), else None.
            h: length that `reach` gave.
            free: whether the field is the same one all the way; beyond a switch it says nothing of the polynomial.
            caution: of this step.

        Returns:
            The length; whether it missed something, so that a shorter one has to be tried; the caution of the next.
        """
        if not program.hides:
            return h, jnp.asarray(False), caution
        held = caution.held(h)
        looks = lambda n: lambda h: self.misses(program, t, expansion, n_tangents, h, n)  # noqa: E731
        missed = jax.lax.cond(caution.is_first, looks(hidden.LOOKS), looks(1), held)
        cut = ~free & (held == h)
        missed = missed & ~cut & jnp.isfinite(held) & ~caution.ends
        after = caution.after(missed, held)
        # A step that a switch cut short says nothing of how long the next one may be.
        return held, missed, after._replace(cap=jnp.where(cut, caution.cap, after.cap))

    def solve(self, field: Any, t: Any, y: Any, args: Any, dt: Any, n_tangents: int | None) -> Any:
        """Take series steps until dt has passed.

        Args:
            field: `field(t, y, args)`, of a state or of a pair (y, V).
            t: time at the start.
            y: state, or pair.
            args: parameters.
            dt: length, of either sign.
            n_tangents: K for a pair, else None.
        """
        t = jnp.asarray(t, dtype=float)
        dt = jnp.asarray(dt, dtype=float)
        program = self.program(field, t, y, args)
        order = self.order_for(program)

        begin = (dt, jnp.zeros_like(dt), program.split(y))
        # Beyond a switch the field says nothing of the polynomial before it: such steps look ahead, one by one.
        looks_back = program.hides and not program.switches

        def going(carry: Any) -> Any:
            n, (left, _, _), _ = carry
            return (left != 0) & (n < self.max_steps)

        def one(carry: Any) -> Any:
            n, place, last = carry
            left, lost, parts = place
            now = t + (dt - left)
            expansion, h, free = self.reach(program, now, parts, n_tangents, left)
            back = place
            if looks_back:
                groups = groups_of(program, expansion.parts, n_tangents)
                misses = lambda h: self.misses(program, now, expansion, n_tangents, h, hidden.LOOKS)  # noqa: E731
                again, back, h, last = looked_back(last, place, groups, order, h, misses, self.rtol)
            else:
                h, again, last = self.cautious(program, now, expansion, n_tangents, h, free, last)
            # What is left is compensated, so that a million short steps end on time.
            change = h + lost
            after = left - change
            ended = (h == left) | (h != h)
            moved = control.moved(expansion.parts, order, h)
            there = (jnp.where(ended, 0.0, after), change - (left - after), moved)
            if program.hides:
                there = jax.tree.map(lambda old, new: jnp.where(again, old, new), back, there)
            return n + 1, there, last

        last: Any = hidden.no_caution(dt)
        if looks_back:
            shapes = jax.eval_shape(lambda parts: program.expand(t, parts, 1).parts, begin[2])
            last = no_step(begin, groups_of(program, [[*part] for part in shapes], n_tangents))
        begin = (jnp.asarray(0), begin, last)
        if self.reverse:
            _, (left, _, parts), _ = eqxi.while_loop(going, one, begin, max_steps=self.max_steps, kind="checkpointed")
        else:
            loop = lambda begin: jax.lax.while_loop(going, in_pieces(one), begin)  # noqa: E731
            _, (left, _, parts), _ = one_kernel(loop, begin)
        return program.join([jnp.where(left == 0, part, jnp.nan) for part in parts])


@once_per_shape
def _check_field(field: Field, t: Any, y: State, args: Any, switches: bool) -> None:
    def trace(inputs: Any) -> None:
        field, t, y, args = inputs
        Program(lambda t, y: field(t, y, args), t, y, switches=switches)

    eqx.filter_eval_shape(trace, (field, t, y, args))


@eqx.filter_custom_jvp
def _expanded_step(inputs: tuple) -> State:
    stepper, field, t, y, args, dt = inputs
    return stepper.solve(field, t, y, args, dt, None)


@_expanded_step.def_jvp
def _expanded_step_jvp(primals: tuple, tangents: tuple) -> tuple[State, State]:
    """Expand state and tangent together; the value is that of the step itself, so that it does not depend on both."""
    (inputs,), (inputs_tangent,) = primals, tangents
    stepper, field, t, y, args, dt = inputs
    _, field_v, t_v, y_v, args_v, dt_v = inputs_tangent
    rest = (field, jnp.asarray(t, dtype=float), args, jnp.asarray(dt, dtype=float))
    forced = Forced(rest, zero_filled((field_v, t_v, args_v, dt_v), rest))
    V = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], zero_filled(y_v, y))
    _, V1 = stepper.solve(forced, 0.0, (y, V), None, 1.0, 1)
    value = stepper.solve(field, t, y, args, dt, None)
    return value, jax.tree.map(lambda leaf: leaf[0], V1)
