"""A curve of solutions over one parameter, in scaled unknowns; its corrector and its tangent."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.stability.cycles.shooting import CycleEquation
from cocycle.stability.equilibria.equation import Equation

N_NEWTON = 12
TOLERANCE = 1e-12
ACCEPTED = 1e-8
SOLVED, REDUCED = 1e-9, 1e-6


class Curve(eqx.Module):
    r"""Solutions of $F(u, p) = 0$ as points $z = (u / s, (p - p_0) / s_p)$.

    Attributes:
        equation: of fixed points or of cycles.
        scale: s, sizes of the unknowns (N,).
        origin: p_0.
        span: s_p, size of the parameter.
        parameter: its name.
    """

    equation: Equation | CycleEquation
    scale: Float[Array, "N"]
    origin: Float[Array, ""]
    span: Float[Array, ""]
    parameter: str = eqx.field(static=True)

    def unknowns(self, z: Float[Array, "M"]) -> tuple[Array, Array]:
        """Return (u, p) of a point.

        Args:
            z: scaled point.
        """
        return z[:-1] * self.scale, self.origin + z[-1] * self.span

    def point(self, u: Any, p: Any) -> Float[Array, "M"]:
        """Return the scaled point of (u, p).

        Args:
            u: unknowns.
            p: parameter.
        """
        return jnp.append(jnp.asarray(u) / self.scale, (p - self.origin) / self.span)

    def residual(self, z: Float[Array, "M"]) -> Float[Array, "N"]:
        """Return what vanishes on the curve.

        Args:
            z: scaled point.
        """
        u, p = self.unknowns(z)
        return self.equation.at(self.parameter, p).residual(u) / self.scale

    def matrix(self, z: Float[Array, "M"]) -> Float[Array, "D D"]:
        """Return the matrix whose eigenvalues decide stability.

        Args:
            z: scaled point.
        """
        u, p = self.unknowns(z)
        equation = self.equation.at(self.parameter, p)
        return equation.monodromy(u) if isinstance(equation, CycleEquation) else equation.derivative(u)


@eqx.filter_jit
def correct(curve: Curve, z: Float[Array, "M"], normal: Float[Array, "M"]) -> tuple[Array, Array, Array, Array]:
    """Newton's method in the plane through z with the given normal.

    Args:
        curve: the curve.
        z: predicted point.
        normal: unit vector.

    Returns:
        The point, whether it was found, the number of iterations, and the length of the first step.
    """

    def going(carry: Any) -> Any:
        i, _, step, last, _ = carry
        return (i < N_NEWTON) & (step > TOLERANCE) & ~((step < ACCEPTED) & (step >= 0.5 * last))

    def one(carry: Any) -> Any:
        i, now, step, _, first = carry
        wide = jnp.concatenate([jax.jacfwd(curve.residual)(now), normal[None]])
        gap = jnp.append(curve.residual(now), jnp.dot(normal, now - z))
        # At a branch point the matrix is singular; where nothing is left to correct it is not asked.
        d = jnp.where(jnp.max(jnp.abs(gap)) > TOLERANCE**2, -jnp.linalg.solve(wide, gap), 0.0)
        length = jnp.linalg.norm(d)
        return i + 1, now + d, length, step, jnp.where(i == 0, length, first)

    infinite = jnp.asarray(jnp.inf)
    i, end, step, last, first = jax.lax.while_loop(going, one, (0, z, infinite, infinite, infinite))
    # Where a derivative is infinite, steps vanish while the residual stays.
    left = jnp.max(jnp.abs(curve.residual(end)))
    solved = left <= jnp.maximum(SOLVED, REDUCED * jnp.max(jnp.abs(curve.residual(z))))
    found = (jnp.minimum(step, last) <= ACCEPTED) & solved & jnp.all(jnp.isfinite(end))
    return end, found, i, first


@eqx.filter_jit
def correct_at(curve: Curve, z: Float[Array, "M"]) -> tuple[Array, Array, Array, Array]:
    """Newton's method at the fixed parameter of z.

    Args:
        curve: the curve.
        z: predicted point.

    Returns:
        As `correct`.
    """
    return correct(curve, z, jnp.zeros_like(z).at[-1].set(1.0))


@eqx.filter_jit
def local_geometry(curve: Curve, z: Float[Array, "M"], before: Float[Array, "M"]) -> tuple[Array, Array, Array]:
    """Return the tangent, the sign test of branch points, and the matrix of stability.

    Args:
        curve: the curve.
        z: a point on it.
        before: tangent at the point before, for the direction.

    Returns:
        Unit tangent; det of the Jacobian bordered with it, rows scaled to one; the matrix.
    """
    jacobian = jax.jacfwd(curve.residual)(z)
    wide = jnp.concatenate([jacobian, before[None]])
    t = jnp.linalg.solve(wide, jnp.zeros_like(z).at[-1].set(1.0))
    t = jnp.where(jnp.all(jnp.isfinite(t)), t / jnp.linalg.norm(t), before)
    square = jnp.concatenate([jacobian, t[None]])
    square = square / jnp.maximum(jnp.linalg.norm(square, axis=1, keepdims=True), 1e-300)
    return t, jnp.linalg.det(square), curve.matrix(z)
