"""What a minimum looks like to an optimiser: curvature of all samples, in coordinates of the normal space."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import CocycleError, ParameterError
from cocycle.training.curvature import tangent_kernel
from cocycle.training.problem import AbstractProblem


class NotAMinimumError(CocycleError, ValueError):
    """The parameters are not at a minimum of the loss, so that its stability has no meaning there."""


@dataclasses.dataclass(frozen=True)
class Minimum:
    r"""The per-sample curvature $H_i = G_i^T G_i$ at given parameters, in an orthonormal basis of the normal space.

    The basis is made of the eigenvectors of the mean curvature $H = \frac1N\sum_i G_i^T G_i$ with positive
    eigenvalue, R of them. Outside of this space no sample moves the parameters: those directions run along the
    minima.

    Attributes:
        rows: G_i in this basis (N, C, R).
        eigenvalues: of the tangent kernel G G^T, ascending (R,): N times those of H.
        vectors: eigenvectors of the kernel (N C, R).
        residual: u_i (N, C), where G_i^T u_i is the gradient of sample i; zero at interpolation.
        loss: mean loss.
        gradient_norm: |grad L|.
        sample_gradient_norm: root mean square of |grad l_i|.
        parameter_norm: |theta|.
        distance: length of the Gauss-Newton step to the minimum.
        sharpness_change: relative change of the sharpness along this step.
        n_params: P.
    """

    rows: np.ndarray
    eigenvalues: np.ndarray
    vectors: np.ndarray
    residual: np.ndarray
    loss: float
    gradient_norm: float
    sample_gradient_norm: float
    parameter_norm: float
    distance: float
    sharpness_change: float
    n_params: int

    @property
    def n_samples(self) -> int:
        """N."""
        return self.rows.shape[0]

    @property
    def rank(self) -> int:
        """R, the dimension of the normal space."""
        return self.rows.shape[2]

    @property
    def sharpness(self) -> float:
        """Largest eigenvalue of H."""
        return float(self.eigenvalues[-1]) / self.n_samples

    @property
    def trace(self) -> float:
        """Trace of H."""
        return float(np.sum(self.eigenvalues)) / self.n_samples

    @property
    def sample_sharpness(self) -> np.ndarray:
        """Largest eigenvalue of each H_i (N,)."""
        grams = np.einsum("icr,idr->icd", self.rows, self.rows)
        return np.linalg.eigvalsh(grams)[:, -1]

    @property
    def unreachable(self) -> float:
        """Root mean square of the part of the residual that no small move of the parameters removes."""
        u = self.residual.reshape(-1)
        left = u - self.vectors @ (self.vectors.T @ u)
        return float(np.sqrt(np.mean(left**2)))


def minimum(problem: AbstractProblem, params: object = None, *, progress: bool | None = None) -> Minimum:
    """Curvature of all samples at given parameters, in the normal space, and how near a minimum is.

    Args:
        problem: the problem.
        params: parameters; default those of the problem.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Minimum.

    Raises:
        ParameterError: if no sample has curvature.

    Cost: a tangent kernel and its eigenvalues, (N C)^3.

    Example:
        >>> from cocycle.training import Problem
        >>> m = minimum(Problem(lambda w, x: w @ x, jnp.ones(2), (jnp.eye(2) * 3, jnp.full(2, 3.0))))
        >>> m.sharpness, m.distance
        (4.5, 0.0)
    """
    params = problem.params if params is None else params
    kernel = tangent_kernel(problem, params, weighted=True).dense(progress=progress)
    values, vectors = np.linalg.eigh(kernel)
    kept = values > len(values) * np.finfo(float).eps * max(values[-1], 0.0)
    if not kept.any():
        raise ParameterError("no sample has curvature at these parameters: the model does not depend on them there.")
    values, vectors = values[kept], vectors[:, kept]
    n = problem.n_samples
    rows = (vectors * np.sqrt(values)).reshape(n, -1, len(values))
    data = problem.batch()
    u = np.asarray(problem.residuals(params, data), dtype=float)
    theta = np.asarray(problem.flat(params))
    # The Gauss-Newton step has coordinates -S^(-1/2) V^T u, and its length needs no P-vector.
    step = -(vectors.T @ u.reshape(-1)) / np.sqrt(values)
    return Minimum(
        rows=rows,
        eigenvalues=values,
        vectors=vectors,
        residual=u,
        loss=float(problem.loss(params, data)),
        gradient_norm=float(np.linalg.norm(np.einsum("ncr,nc->r", rows, u)) / n),
        sample_gradient_norm=float(np.sqrt(np.mean(np.sum(np.einsum("ncr,nc->nr", rows, u) ** 2, axis=1)))),
        parameter_norm=float(np.linalg.norm(theta)),
        distance=float(np.linalg.norm(step)),
        sharpness_change=_sharpness_change(problem, params, values, vectors, step),
        n_params=problem.n_params,
    )


def _in_parameters(problem: AbstractProblem, params: object, values: np.ndarray, vectors: np.ndarray, x: np.ndarray):
    """Parameter vector of normal coordinates x: G^T V S^(-1/2) x."""
    u = (vectors @ (x / np.sqrt(values))).reshape(problem.n_samples, -1)
    return problem.factor_vjp(params, problem.batch(), jnp.asarray(u))


def _sharpness_change(
    problem: AbstractProblem, params: object, values: np.ndarray, vectors: np.ndarray, step: np.ndarray
) -> float:
    """Relative change of |G v|^2, v the sharpest direction, after a Gauss-Newton step."""
    if not np.any(step):
        return 0.0
    first = np.zeros(len(values))
    first[-1] = 1.0
    v = _in_parameters(problem, params, values, vectors, first)
    moved = problem.unflat(problem.flat(params) + _in_parameters(problem, params, values, vectors, step))
    square = float(np.sum(np.asarray(problem.factor_vp(moved, problem.batch(), v)) ** 2))
    change = abs(square / float(values[-1]) - 1.0)
    return change if np.isfinite(change) else float("inf")


def interpolate(
    problem: AbstractProblem, params: object = None, *, n_steps: int = 20, progress: bool | None = None
) -> object:
    r"""Walk from near an interpolating minimum onto it, by Gauss-Newton steps of least length.

    $$\theta' = \theta - G^T (G G^T)^+ u$$

    Args:
        problem: the problem.
        params: where to start; default the parameters of the problem.
        n_steps: most steps.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Parameters; the loss is at round-off, or as low as steps lead that each lower it.

    Raises:
        ParameterError: if n_steps is not positive.

    Accuracy: quadratic convergence near a minimum with independent gradients.
    Cost: one tangent kernel a step; three to six steps are usual.

    Example:
        >>> from cocycle.training import Problem
        >>> circle = Problem(lambda w, x: w @ w * x, jnp.array([0.9, 0.0]), (jnp.ones(1), jnp.ones(1)))
        >>> [round(float(w), 12) for w in interpolate(circle)]
        [1.0, 0.0]
    """
    if n_steps < 1:
        raise ParameterError(f"n_steps must be at least 1, got {n_steps}.")
    params = problem.params if params is None else params
    loss = float(problem.loss(params, problem.batch()))
    for _ in range(n_steps):
        here = minimum(problem, params, progress=progress)
        step = -(here.vectors.T @ here.residual.reshape(-1)) / np.sqrt(here.eigenvalues)
        move = _in_parameters(problem, params, here.eigenvalues, here.vectors, step)
        after, lower = params, loss
        for halving in range(10):
            after = problem.unflat(problem.flat(params) + move * 0.5**halving)
            lower = float(problem.loss(after, problem.batch()))
            if lower < loss:
                break
        if not lower < loss:
            return params
        params, done, loss = after, lower < 1e-28 * max(1.0, loss), lower
        if done:
            return params
    return params
