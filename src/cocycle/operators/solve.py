"""Linear equations with a damped operator, by conjugate gradients."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.operators.abstract import AbstractOperator, check_operator


def solve(
    operator: AbstractOperator, b: Any, *, damping: float = 0.0, tol: float = 1e-10, max_products: int = 10_000
) -> np.ndarray:
    r"""Solve $(A + \delta I)\, x = b$ for a positive definite sum.

    Args:
        operator: A, symmetric.
        b: (D,) right-hand side.
        damping: delta, at least 0.
        tol: residual, as a share of the norm of b.
        max_products: products after which to give up.

    Returns:
        (D,) solution.

    Raises:
        ParameterError: if damping is negative, or the residual is not reached.
        ShapeError: if b does not fit.

    Accuracy: residual at most tol |b|, checked; the error is that times the inverse of the smallest eigenvalue.
    Limits: a singular sum makes it give up, an indefinite one may; take more damping.
    Cost: about sqrt(condition number) log(1 / tol) products.

    Example:
        >>> from cocycle.operators.abstract import Dense
        >>> solve(Dense(np.diag([1.0, 3.0])), np.ones(2), damping=1.0).round(9).tolist()
        [0.5, 0.25]

    Source: [hestenes1952]; the solver is that of lineax.
    """
    n = check_operator(operator).size
    b = np.asarray(b, dtype=float)
    if b.shape != (n,):
        raise ShapeError(f"b must have {n} numbers, got shape {b.shape}.")
    if not damping >= 0:
        raise ParameterError(f"damping must be at least 0, got {damping}.")
    if operator.traceable:
        x = np.asarray(_traced(operator, jnp.asarray(b), jnp.asarray(damping, dtype=float), tol, max_products))
        residual = _residual(operator, jnp.asarray(x)) + damping * x - b
    else:
        from scipy.sparse.linalg import LinearOperator, cg

        matvec = lambda v: np.asarray(operator.mv(v.ravel())) + damping * v.ravel()  # noqa: E731
        shifted = LinearOperator((n, n), matvec=matvec, dtype=float)  # pyright: ignore[reportCallIssue]
        x, _ = cg(shifted, b, rtol=tol / 4, atol=0.0, maxiter=max_products)
        residual = matvec(x) - b
    size = float(np.linalg.norm(residual))
    if not size <= 4 * tol * float(np.linalg.norm(b)):
        raise ParameterError(
            f"conjugate gradients left a residual of {size:.2g}: A + damping I is not positive definite or is "
            "ill-conditioned; take more damping, more products or a larger tol."
        )
    return x


@eqx.filter_jit
def _residual(operator: Any, x: Any) -> Any:
    return operator.mv(x)


@eqx.filter_jit
def _traced(operator: Any, b: Float[Array, "D"], damping: Any, tol: float, max_products: int) -> Any:
    tags = (lx.symmetric_tag, lx.positive_semidefinite_tag)
    shape = jax.ShapeDtypeStruct(b.shape, b.dtype)
    matrix = lx.FunctionLinearOperator(lambda v: operator.mv(v) + damping * v, shape, tags)
    # lineax measures errors component by component; a norm that sums squares is the residual of the docstring.
    solver = lx.CG(rtol=tol, atol=0.0, norm=lambda r: jnp.sqrt(jnp.sum(r**2)), max_steps=max_products)
    return lx.linear_solve(matrix, b, solver, throw=False).value
