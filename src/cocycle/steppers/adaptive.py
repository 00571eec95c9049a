"""An adaptive solve over dt as one step, with state and tangents under one error control."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from diffrax import AbstractAdaptiveStepSizeController, PIDController
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from cocycle.core.errors import ParameterError
from cocycle.core.system import Field, State, Tangents
from cocycle.steppers.abstract import AbstractTangentStepper
from cocycle.steppers.forced import Forced, TangentField, zero_filled


def _rms(tree: PyTree) -> Any:
    """Root mean square over all numbers of a pytree."""
    leaves = jax.tree.leaves(tree)
    total = sum(jnp.sum(jnp.abs(leaf) ** 2) for leaf in leaves)
    return jnp.sqrt(total / sum(leaf.size for leaf in leaves))


def tangent_norms(V: Tangents) -> Float[Array, "K"]:
    """Return the Euclidean length of each tangent vector.

    Args:
        V: pytree of arrays, each with a leading axis K.
    """
    squares = [jnp.sum(jnp.abs(leaf) ** 2, axis=tuple(range(1, leaf.ndim))) for leaf in jax.tree.leaves(V)]
    return jnp.sqrt(sum(squares))


def scale_tangents(V: Tangents, factor: Float[Array, "K"]) -> Tangents:
    """Multiply each tangent vector by its factor.

    Args:
        V: pytree of arrays, each with a leading axis K.
        factor: one number a vector.
    """
    return jax.tree.map(lambda leaf: leaf * factor.reshape((-1,) + (1,) * (leaf.ndim - 1)), V)


class _TangentController(AbstractAdaptiveStepSizeController):
    """Step control of a pair (state, tangents): each tangent's error is measured against its own length."""

    inner: PIDController
    rtol: Any
    atol: Any
    norm: Callable = eqx.field(static=True)

    def __init__(self, rtol: Any, atol: Any):
        # The errors that the inner control sees are ready scaled: 1 is just acceptable.
        self.inner = PIDController(rtol=0.0, atol=1.0, norm=_largest)
        self.rtol, self.atol, self.norm = rtol, atol, _rms

    def wrap(self, direction: Any) -> "_TangentController":
        return self

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        start = PIDController(rtol=self.rtol, atol=self.atol, norm=_rms)
        return start.init(terms, t0, t1, y0, dt0, args, func, error_order)

    def adapt_step_size(self, t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state):
        scaled = self.scaled_error(y0, y1_candidate, y_error)
        zeros = jnp.zeros_like(scaled)
        return self.inner.adapt_step_size(t0, t1, zeros, zeros, args, scaled, error_order, controller_state)

    def scaled_error(self, before: Any, after: Any, error: Any) -> Float[Array, "_"]:
        """Return the error of the state and of each tangent, as multiples of what is allowed."""
        (y0, V0), (y1, V1), (y_error, V_error) = before, after, error
        allowed = jax.tree.map(lambda a, b: self.atol + self.rtol * jnp.maximum(abs(a), abs(b)), y0, y1)
        of_state = _rms(jax.tree.map(lambda e, s: e / s, y_error, allowed))
        longest = jnp.maximum(tangent_norms(V0), tangent_norms(V1))
        floor = jnp.finfo(longest.dtype).tiny
        of_tangents = tangent_norms(V_error) / (self.rtol * longest + floor)
        return jnp.concatenate([of_state[None], of_tangents])


def _largest(scaled: Array) -> Any:
    # NaN must stay NaN, so that the step is rejected.
    return jnp.max(jnp.abs(scaled))


class Adaptive(AbstractTangentStepper):
    r"""An adaptive diffrax solve over dt as one step, tangents included in the error control.

    A step chosen by the error of the state alone gives wrong tangents near a quiet orbit: on an equilibrium the
    state has no error at all. Here state and tangents are solved together, and a step is accepted where

    $$\max\Bigl(\mathrm{rms}_i \frac{|e_i|}{\mathrm{atol} + \mathrm{rtol}\,|y_i|},\;
    \max_k \frac{\|E_k\|}{\mathrm{rtol}\,\|V_k\|}\Bigr) \le 1,$$

    so that each tangent vector is as accurate relative to its own length as the state is.

    Args:
        solver: a diffrax solver with an error estimate, explicit or stiff. Default `diffrax.Tsit5()`.
        rtol: relative tolerance of a solver step, for state and tangents.
        atol: absolute tolerance of a solver step, for the state [its unit].
        max_steps: solver steps allowed within dt.
        adjoint: how `step` is differentiated. Default `diffrax.ForwardMode()`: fast, and `jax.jvp` solves for the
            tangent under the same error control; for reverse-mode gradients give
            `diffrax.RecursiveCheckpointAdjoint()`.

    Raises:
        ParameterError: if a tolerance or max_steps is not positive.

    Accuracy: the tolerances hold for a solver step; the error at a fixed time is proportional to them.
    Laws: on an equilibrium the tangents are expm(J dt) within the tolerance.
    Limits: with another adjoint, derivatives of `step` (not `push`) are those of a solve that controls the state
        alone. A solve that fails (max_steps, no convergence, overflow) gives NaN, which the run reports. A strongly
        contracting tangent makes steps short: ask for fewer vectors. A stiff solver factors a matrix of D (K + 1).
    Cost: about 1 microsecond of overhead, and the evaluations that the tolerances need.

    Example:
        >>> y = Adaptive(rtol=1e-10, atol=1e-10).step(lambda t, y, args: -y, 0.0, jnp.array(1.0), None, 0.1)
        >>> round(float(y), 9)
        0.904837418

    Source: [kidger2021]; steps by [tsitouras2011] unless another solver is given.
    """

    solver: diffrax.AbstractSolver
    rtol: Float[Array, ""]
    atol: Float[Array, ""]
    adjoint: diffrax.AbstractAdjoint
    max_steps: int = eqx.field(static=True)
    # Nothing is promised in dt, which is no longer the length of the solver's steps.
    order: ClassVar[int] = 0

    def __init__(
        self,
        solver: diffrax.AbstractSolver | None = None,
        *,
        rtol: Any = 1e-8,
        atol: Any = 1e-8,
        max_steps: int = 4096,
        adjoint: diffrax.AbstractAdjoint | None = None,
    ):
        for name, value in (("rtol", rtol), ("atol", atol), ("max_steps", max_steps)):
            if not isinstance(value, Tracer) and not 0 < value < float("inf"):
                raise ParameterError(f"{name} must be positive and finite, got {value!r}.")
        self.solver = diffrax.Tsit5() if solver is None else solver
        self.rtol = jnp.asarray(rtol, dtype=float)
        self.atol = jnp.asarray(atol, dtype=float)
        self.max_steps = max_steps
        self.adjoint = diffrax.ForwardMode() if adjoint is None else adjoint

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt; NaN where the solve fails."""
        if isinstance(self.adjoint, diffrax.ForwardMode):
            return _controlled_step((self, field, t, y, args, dt))
        return self._solve(field, t, y, args, dt, self._state_control())

    def push(self, field: Field, t: Any, y: State, args: Any, dt: Any, V: Tangents) -> tuple[State, Tangents]:
        """Advance a state and K tangent vectors in one solve; NaN where it fails."""
        lengths = tangent_norms(V)
        unit = scale_tangents(V, 1.0 / jnp.where(lengths > 0, lengths, 1.0))
        control = _TangentController(self.rtol, self.atol)
        y1, unit1 = self._solve(TangentField(field), t, (y, unit), args, dt, control)
        return y1, scale_tangents(unit1, lengths)

    def _state_control(self) -> PIDController:
        return PIDController(rtol=self.rtol, atol=self.atol, norm=_rms)

    def _solve(self, field: Any, t: Any, y: PyTree, args: Any, dt: Any, control: Any) -> PyTree:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            self.solver,
            t0=t,
            t1=t + dt,
            dt0=None,
            y0=y,
            args=args,
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=control,
            adjoint=self.adjoint,
            max_steps=self.max_steps,
            throw=False,
        )
        done = solution.result == diffrax.RESULTS.successful
        return jax.tree.map(lambda leaf: jnp.where(done, leaf[0], jnp.nan), solution.ys)


@eqx.filter_custom_jvp
def _controlled_step(inputs: tuple) -> State:
    stepper, field, t, y, args, dt = inputs
    return stepper._solve(field, t, y, args, dt, stepper._state_control())


@_controlled_step.def_jvp
def _controlled_step_jvp(primals: tuple, tangents: tuple) -> tuple[State, State]:
    """Solve state and tangent together; the value is that of the step itself, so that it does not depend on both."""
    (inputs,), (inputs_tangent,) = primals, tangents
    stepper, field, t, y, args, dt = inputs
    _, field_v, t_v, y_v, args_v, dt_v = inputs_tangent
    rest = (field, jnp.asarray(t, dtype=float), args, jnp.asarray(dt, dtype=float))
    forced = Forced(rest, zero_filled((field_v, t_v, args_v, dt_v), rest))
    v = zero_filled(y_v, y)
    V = jax.tree.map(lambda leaf: leaf[None], v)
    control = _TangentController(stepper.rtol, stepper.atol)
    _, V1 = stepper._solve(forced, 0.0, (y, V), None, 1.0, control)
    value = stepper._solve(field, t, y, args, dt, stepper._state_control())
    return value, jax.tree.map(lambda leaf: leaf[0], V1)
