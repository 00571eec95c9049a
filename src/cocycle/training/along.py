"""Along a training run, away from minima: sharpness against the edge of stability, and what batches see."""

import dataclasses
import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.drivers import AbstractDriver, Minibatch
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.core.estimate import Estimate, sample_mean
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.run import Status, run
from cocycle.core.start import count, start
from cocycle.operators.lanczos import Eigenvalues, extreme_eigenvalues
from cocycle.stability import lyapunov_spectrum
from cocycle.stability.spectrum import Spectrum
from cocycle.training.curvature import hessian
from cocycle.training.descent import Training
from cocycle.training.optimisers import SGD, AbstractOptimiser, HeavyBall, Nesterov
from cocycle.training.problem import AbstractProblem

SHARPNESS_TOLERANCE = 1e-4
N_BATCHES = 32


@dataclasses.dataclass(frozen=True)
class RunCurves(Presentable):
    """What was recorded along a run.

    Attributes:
        n: step numbers of the records (records,).
        loss: mean loss on all data (records,).
        sharpness: largest Hessian eigenvalue of it (records,).
        sharpness_residual: an eigenvalue lies within this distance of it (records,).
        edge: sharpness at which the optimiser loses stability, 2/eta for gradient descent; NaN where unknown.
        batch_sharpness: mean of g_b H_b g_b / |g_b|^2 over batches b (records,); NaN without batches.
        batch_sharpness_stderr: its standard error over the batches (records,).
        gradient_norm: |grad L| (records,).
        final: the last state.
        status: how the run ended.
    """

    n: np.ndarray
    loss: np.ndarray
    sharpness: np.ndarray
    sharpness_residual: np.ndarray
    edge: float
    batch_sharpness: np.ndarray
    batch_sharpness_stderr: np.ndarray
    gradient_norm: np.ndarray
    final: Any
    status: Status = Status.OK

    def __str__(self) -> str:
        """The last record."""
        text = f"step {self.n[-1]}: loss {self.loss[-1]:.4g}, sharpness {self.sharpness[-1]:.4g}"
        if np.isfinite(self.edge):
            text += f" ({self.sharpness[-1] / self.edge:.2f} of the edge {self.edge:.4g})"
        if np.isfinite(self.batch_sharpness[-1]):
            text += f", batch sharpness {self.batch_sharpness[-1]:.4g}"
        return text


def edge(optimiser: AbstractOptimiser) -> float:
    r"""Largest stable Hessian eigenvalue for full batches: 2/eta, with momentum beta 2(1+beta)/eta.

    Args:
        optimiser: the update rule.

    Returns:
        The eigenvalue; for Nesterov's momentum $2(1+\beta) / ((1+2\beta)\eta)$; NaN for other rules.

    Example:
        >>> edge(SGD(0.1))
        20.0

    Source: [cohen2021].
    """
    if isinstance(optimiser, SGD):
        return 2.0 / float(optimiser.learning_rate)
    if isinstance(optimiser, HeavyBall):
        return 2.0 * (1.0 + float(optimiser.momentum)) / float(optimiser.learning_rate)
    if isinstance(optimiser, Nesterov):
        beta = float(optimiser.momentum)
        return 2.0 * (1.0 + beta) / ((1.0 + 2.0 * beta) * float(optimiser.learning_rate))
    return float("nan")


def sharpness(problem: AbstractProblem, params: Any = None, *, guess: Any = None) -> Eigenvalues:
    """Largest eigenvalue of the Hessian of the mean loss, with its residual and its eigenvector, by Lanczos' method.

    Args:
        problem: the problem.
        params: parameters; default those of the problem.
        guess: vector near the eigenvector (P,), if one is known.

    Returns:
        Eigenvalues: `top` is the value with its residual [unit of the loss over the square of the parameters'],
        `vectors[0]` the unit vector (P,).

    Accuracy: residual at most 1e-4 of the value; the value itself errs by about its square over the gap.
    Cost: 10 to 50 Hessian products on all data.

    Example:
        >>> from cocycle.training import Problem
        >>> bowl = Problem(lambda w, x: w * x, jnp.ones(2), (jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2))))
        >>> print(sharpness(bowl).top)
        4

    Source: [lanczos1950].
    """
    return extreme_eigenvalues(hessian(problem, params), tol=SHARPNESS_TOLERANCE, guess=guess, progress=False)


@eqx.filter_jit
def _rayleigh(problem: Any, params: Any, indices: Any) -> Any:
    """Curvature of each batch's loss along its own gradient."""

    def one(rows: Any) -> Any:
        batch = problem.batch(rows)
        g = problem.gradient(params, batch)
        return jnp.vdot(g, problem.hvp(params, batch, g)) / jnp.vdot(g, g)

    return jax.lax.map(one, indices)


def batch_sharpness(
    problem: AbstractProblem, params: Any = None, *, batch_size: int, key: Any = 0, n_batches: int = N_BATCHES
) -> Estimate:
    r"""Mean curvature that batches see along their own gradients: $E_b\, g_b^T H_b g_b / |g_b|^2$.

    Args:
        problem: the problem.
        params: parameters; default those of the problem.
        batch_size: samples of a batch.
        key: random key of the batches.
        n_batches: batches to average over.

    Returns:
        Estimate of the mean, its standard error over the batches; it settles near 2/eta where SGD trains at its edge.

    Limits: batches whose gradient vanishes are left out; NaN where all do.
    Cost: n_batches gradients and Hessian products on a batch.

    Example:
        >>> from cocycle.training import Problem
        >>> bowl = Problem(lambda w, x: w * x, jnp.ones(2), (jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2))))
        >>> print(batch_sharpness(bowl, batch_size=1))
        3.823529412

    Source: [andreyev2024].
    """
    params = problem.params if params is None else params
    indices = jax.vmap(Minibatch(key, problem.n_samples, batch_size).at)(jnp.arange(n_batches))
    rows = batch_curvatures(problem, params, indices)
    return sample_mean(rows[~np.isnan(rows)])


def batch_curvatures(problem: AbstractProblem, params: Any, indices: Any) -> np.ndarray:
    """Curvature g_b^T H_b g_b / |g_b|^2 of each batch's loss along its own gradient.

    Args:
        problem: the problem.
        params: parameters.
        indices: (batches, B) rows of the data.

    Returns:
        (batches,) curvatures; NaN for a batch whose gradient vanishes.
    """
    if problem.traceable:
        return np.asarray(_rayleigh(problem, params, indices), dtype=float)
    values = []
    for rows in np.asarray(indices):
        batch = problem.batch(rows)
        g = problem.gradient(params, batch)
        values.append(float(jnp.vdot(g, problem.hvp(params, batch, g)) / jnp.vdot(g, g)))
    return np.asarray(values)


def edge_of_stability(
    training: Training,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    record_every: int = 50,
    progress: bool | None = None,
) -> RunCurves:
    """Train, and record loss, sharpness, batch sharpness and gradient norm on the way.

    Args:
        training: the run.
        x0: parameters, or a state, to start from; default those of the problem.
        driver: batches; default all samples each step.
        n_steps: steps.
        record_every: steps between records.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        RunCurves.

    Raises:
        NonFiniteStateError: if training diverges, with the step number.
        ParameterError: if there would be no record.

    Limits: an interrupt (Ctrl-C) returns the records done so far, with a warning.
    Cost: the steps, and a Lanczos run on all data per record.

    Example:
        >>> from cocycle.training import Problem
        >>> bowl = Problem(lambda w, x: w * x, jnp.ones(2), (jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2))))
        >>> print(edge_of_stability(Training(bowl, SGD(0.4)), n_steps=20, record_every=10))
        step 20: loss 3.342e-09, sharpness 4 (0.80 of the edge 5)

    Source: [cohen2021].
    """
    n_steps, every = count(n_steps, "n_steps"), count(record_every, "record_every")
    if every > n_steps:
        raise ParameterError(f"record_every={every} exceeds n_steps={n_steps}: nothing would be recorded.")
    problem, data = training.problem, training.problem.batch()
    x, driver = start(training, x0, driver, n_steps=n_steps)
    size = driver.batch_size if isinstance(driver, Minibatch) else None
    rows, vector, status = [], None, Status.OK
    with Progress(n_steps, "training", progress) as bar:
        try:
            for n in range(0, n_steps - every + 1, every):
                x = run(training, x, driver, n_steps=every, n0=n)
                found = sharpness(problem, x.params, guess=vector)
                top, vector, seen = found.top, found.vectors[0], Estimate(math.nan, math.nan)
                if size is not None:
                    seen = batch_sharpness(problem, x.params, batch_size=size, key=jr.key(n))
                slope = float(jnp.linalg.norm(problem.gradient(x.params, data)))
                loss = float(problem.loss(x.params, data))
                rows.append((n + every, loss, top.value, top.stderr, seen.value, seen.stderr, slope))
                bar.advance(every)
        except KeyboardInterrupt:
            if not rows:
                raise
            warnings.warn(f"interrupted after {rows[-1][0]} of {n_steps} steps.", InterruptedWarning, stacklevel=2)
            status = Status.INTERRUPTED
    steps, losses, tops, residuals, seen, errors, slopes = np.array(rows).T
    return RunCurves(
        n=steps.astype(int),
        loss=losses,
        sharpness=tops,
        sharpness_residual=residuals,
        edge=edge(training.optimiser),
        batch_sharpness=seen,
        batch_sharpness_stderr=errors,
        gradient_norm=slopes,
        final=jax.tree.map(np.asarray, x),
        status=status,
    )


def finite_time_exponents(
    training: Training,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n_vectors: int = 1,
    every: int = 10,
    progress: bool | None = None,
) -> Spectrum:
    """Growth rates of small differences between runs that see the same batches, along a training run.

    Args:
        training: the run.
        x0: parameters, or a state, to start from; default those of the problem.
        driver: batches; default all samples each step.
        n_steps: steps; none is left out as transient.
        n_vectors: how many directions.
        every: steps between records.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Spectrum; `local` (records, n_vectors) [nats / step] is the curve.

    Limits: directions that no sample sees keep their length, so that the exponents of an overparameterised model tend
        to zero from below as it settles; the normal space alone is what `stability` looks at.
    Cost: n_vectors Jacobian-vector products of the step per step.

    Source: [benettin1980].
    """
    return lyapunov_spectrum(
        training,
        x0,
        driver,
        n_steps=n_steps,
        n_vectors=n_vectors,
        n_transient=0,
        qr_every=every,
        progress=progress,
    )
