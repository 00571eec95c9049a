"""The exponent of SGD at a minimum by products in parameter space, with full Hessians of batches."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.progress import Progress
from cocycle.training.growth import MIN_ROWS, START_SEED
from cocycle.training.minimum import Minimum
from cocycle.training.problem import AbstractProblem


def _batch_step(problem: Any, params: Any, driver: Any, rate: Any, n: Any, v: Any) -> tuple[Any, Any]:
    """One factor I - eta H_batch on v, and the log growth."""
    v = v - rate * problem.hvp(params, problem.batch(driver.at(n)), v)
    size = jnp.sqrt(jnp.sum(v**2))
    return v / jnp.where(size > 0, size, 1.0), jnp.log(size)


@eqx.filter_jit
def _stretch(problem: Any, params: Any, driver: Any, rate: Any, n: Any, n_rows: Any, v: Any, out: Any) -> tuple:
    def one(i: Any, carry: tuple) -> tuple:
        v, out = carry
        v, log_size = _batch_step(problem, params, driver, rate, n + i, v)
        return v, out.at[i].set(log_size)

    return jax.lax.fori_loop(0, n_rows, one, (v, out))


def _stretch_by_host(problem: Any, params: Any, driver: Any, rate: Any, n: int, n_rows: int, v: Any, out: Any) -> tuple:
    """The same for models that JAX cannot trace."""
    out = np.asarray(out).copy()
    for i in range(n_rows):
        v, log_size = _batch_step(problem, params, driver, rate, n + i, v)
        out[i] = float(log_size)
    return v, out


def parameter_space_exponent(
    problem: AbstractProblem,
    at: Minimum,
    driver: AbstractDriver,
    *,
    learning_rate: float,
    params: Any = None,
    n_steps: int = 2000,
    n_transient: int | None = None,
    project_every: int = 50,
    progress: bool | None = None,
) -> Estimate:
    r"""Characteristic exponent of SGD at a minimum, by Hessian products with one parameter vector.

    $$\lambda = \lim_n \tfrac1n \log |(I - \eta H_{b_n}) \cdots (I - \eta H_{b_1}) v|,\qquad v \in \mathrm{range}(H)$$

    Args:
        problem: the problem.
        at: its minimum, which tells the normal space.
        driver: which samples are seen.
        learning_rate: eta.
        params: the parameters; default those of the problem.
        n_steps: steps in all, the transient included.
        n_transient: steps that only turn the vector. Default a tenth of n_steps.
        project_every: steps between projections onto the normal space. Round-off along the minima neither grows
            nor decays, and would be all that is left of a decaying product.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Estimate [nats / step].

    Raises:
        ParameterError: if fewer than 16 steps are left.

    Laws: equals the product in the normal space (`growth`) where samples are interpolated.
    Cost: n_steps Hessian products on a batch, and two products on all data per projection.
    """
    n_transient = n_steps // 10 if n_transient is None else n_transient
    if n_steps - n_transient < MIN_ROWS:
        raise ParameterError(f"n_steps={n_steps} leaves fewer than {MIN_ROWS} steps for a standard error; take more.")
    params = problem.params if params is None else params
    stretch: Any = _stretch if problem.traceable else _stretch_by_host
    draw = np.random.default_rng(START_SEED).normal(size=at.residual.shape)
    v = problem.factor_vjp(params, problem.batch(), jnp.asarray(draw))
    v = v / jnp.linalg.norm(v)
    rate, out, parts, done = jnp.asarray(float(learning_rate)), jnp.zeros(project_every), [], 0
    with Progress(n_steps, "products in parameter space", progress) as bar:
        while done < n_steps:
            size = min(project_every, n_steps - done)
            n, n_rows = (jnp.asarray(done), jnp.asarray(size)) if problem.traceable else (done, size)
            v, chunk = stretch(problem, params, driver, rate, n, n_rows, v, out)
            parts.append(np.asarray(chunk)[:size])
            v = project(problem, at, v, params)
            done += size
            bar.advance(size)
    return mean_estimate(np.concatenate(parts)[n_transient:], method="Hessian products in parameter space")


def project(problem: AbstractProblem, at: Minimum, v: Any, params: Any = None) -> Any:
    """Orthogonal projection of a parameter vector onto the normal space, at unit length.

    Args:
        problem: the problem.
        at: its minimum.
        v: vector (P,).
        params: the parameters; default those of the problem.

    Returns:
        Unit vector (P,).
    """
    params = problem.params if params is None else params
    u = np.asarray(problem.factor_vp(params, problem.batch(), v), dtype=float).reshape(-1)
    u = at.vectors @ ((at.vectors.T @ u) / at.eigenvalues)
    v = problem.factor_vjp(params, problem.batch(), jnp.asarray(u.reshape(at.residual.shape)))
    return v / jnp.linalg.norm(v)
