"""The implicit midpoint rule, differentiable through its root in both modes."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import Field, State
from cocycle.steppers.abstract import AbstractStepper


def _newton(residual: Any, guess: Array, max_iterations: int) -> Array:
    """Solve residual(m) = 0 to round-off; NaN where the iteration does not get there."""
    eps = jnp.finfo(guess.dtype).eps

    def improve(carry: tuple) -> tuple:
        m, size, _, n = carry
        change = jnp.linalg.solve(jax.jacfwd(residual)(m), residual(m))
        return m - change, jnp.max(jnp.abs(change)), size, n + 1

    def unfinished(carry: tuple) -> Any:
        m, size, before, n = carry
        # Below a small number the corrections are round-off as soon as they no longer shrink.
        small = size <= 1e3 * eps * (1.0 + jnp.max(jnp.abs(m)))
        done = (size == 0.0) | (small & (size >= before / 2)) | (size <= 2 * eps * jnp.max(jnp.abs(m)))
        return ~done & (n < max_iterations)

    infinite = jnp.asarray(jnp.inf, guess.dtype)
    m, size, _, _ = jax.lax.while_loop(unfinished, improve, (guess, infinite, infinite, 0))
    largest = jnp.max(jnp.abs(m))
    return jnp.where(jnp.isfinite(largest) & (size <= 1e3 * eps * (1.0 + largest)), m, jnp.nan)


def _solve_linear(matvec: Any, b: Array) -> Array:
    return jnp.linalg.solve(jax.jacfwd(matvec)(b), b)


class ImplicitMidpoint(AbstractStepper):
    r"""The implicit midpoint step, of order 2: symplectic for every Hamiltonian, A-stable for stiff fields.

    $$m = y + \tfrac{h}{2} f(t + \tfrac{h}{2}, m), \qquad y' = 2m - y$$

    Args:
        max_iterations: Newton iterations before the step gives NaN.

    Accuracy: m is solved to round-off, so that tangents are the derivative of the step taken.
    Laws: symplectic and time-reversible; conserves quadratic invariants; all to round-off.
    Limits: the state is real; the step must be short enough for Newton's iteration from y to converge.
    Cost: some 4 Jacobians and dense solves of D x D a step.

    Example:
        >>> rule = ImplicitMidpoint()
        >>> round(float(rule.step(lambda t, y, args: -y, 0.0, jnp.array(1.0), None, 0.1)), 12)
        0.904761904762

    Source: [hairer2006].
    """

    max_iterations: int = eqx.field(static=True, default=30)
    order: ClassVar[int] = 2

    def __check_init__(self):
        if self.max_iterations < 1:
            raise ParameterError(f"max_iterations must be positive, got {self.max_iterations}.")

    def step(self, field: Field, t: Any, y: State, args: Any, dt: Any) -> State:
        """Advance y by dt."""
        flat, unravel = ravel_pytree(y)

        def residual(m: Float[Array, "D"]) -> Float[Array, "D"]:
            slope, _ = ravel_pytree(field(t + dt / 2, unravel(m), args))
            return m - flat - (dt / 2) * slope

        middle = jax.lax.custom_root(
            residual, flat, lambda f, guess: _newton(f, guess, self.max_iterations), _solve_linear
        )
        return unravel(2.0 * middle - flat)

    def check(self, field: Field, t: Any, y: State, args: Any) -> None:
        """Refuse a complex state.

        Raises:
            ShapeError: if a leaf is complex.
        """
        if any(jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(y)):
            raise ShapeError("ImplicitMidpoint solves for real states; give real and imaginary parts as a pair.")
