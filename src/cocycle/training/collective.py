"""A few numbers that sum up the state of a network: collective variables of its tangent kernel."""

import math
from typing import Any

import equinox as eqx
import numpy as np

from cocycle.core.presentation import Presentable
from cocycle.operators.spectra import participation_ratio, spectral_entropy
from cocycle.training.curvature import tangent_kernel
from cocycle.training.problem import AbstractProblem, Params


class CollectiveVariables(eqx.Module, Presentable):
    r"""The state of a network in a few numbers.

    All but the last two are of the kernel between samples, $\Theta_{ij} = \frac1C \sum_c J_{ic} \cdot J_{jc}$.

    Attributes:
        trace: tr Theta / N, an effective learning rate.
        entropy: spectral entropy as a share of ln N: 0 for one direction, 1 for N equal ones.
        effective_rank: N to the power of the entropy: independent directions in which outputs can move.
        participation_ratio: another count of them.
        top_eigenvalue: the largest eigenvalue.
        top_share: its share of the trace.
        self_entropy: entropy of the diagonal as a share of ln N: 1 where all samples move their outputs alike.
        self_variance: variance of the diagonal over its squared mean.
        direction_entropy: entropy of the kernel with a unit diagonal: directions alone.
        loss: mean loss.
        loss_derivative: dL/dt of gradient flow, minus the squared gradient norm.
    """

    trace: float
    entropy: float
    effective_rank: float
    participation_ratio: float
    top_eigenvalue: float
    top_share: float
    self_entropy: float
    self_variance: float
    direction_entropy: float
    loss: float
    loss_derivative: float


def collective_variables(
    problem: AbstractProblem, params: Params = None, *, indices: Any = None
) -> CollectiveVariables:
    """Collective variables of a network at some parameters.

    Args:
        problem: JAX or PyTorch problem.
        params: parameters; default those of the problem.
        indices: samples; default all.

    Returns:
        CollectiveVariables.

    Raises:
        ParameterError: if the kernel is zero or not finite.

    Accuracy: round-off.
    Laws: entropies do not change where the outputs are scaled; nothing changes where samples are permuted.
    Cost: N C reverse passes, N^2 C^2 P multiplications and eigenvalues of an N x N matrix.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.training import Problem
        >>> line = Problem(lambda w, x: jnp.dot(w, x), jnp.ones(2), (jnp.eye(2), jnp.zeros(2)))
        >>> found = collective_variables(line)
        >>> round(found.entropy, 12), found.trace, found.loss_derivative
        (1.0, 1.0, -0.5)

    Source: [tovey2023]; over training [nikolaou2024].
    """
    params = problem.params if params is None else params
    kernel = tangent_kernel(problem, params, indices=indices)
    matrix = sample_kernel(kernel.dense(), kernel.n_outputs)
    gradient = np.asarray(problem.gradient(params, kernel.batch), dtype=float)
    diagonal, eigenvalues = np.diag(matrix).copy(), np.linalg.eigvalsh(matrix)
    entropy, n = spectral_entropy(eigenvalues, normalised=True), len(diagonal)
    size = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    directions = matrix / np.outer(size, size)
    return CollectiveVariables(
        trace=float(np.mean(diagonal)),
        entropy=entropy,
        effective_rank=float(n**entropy),
        participation_ratio=participation_ratio(eigenvalues),
        top_eigenvalue=float(eigenvalues[-1]),
        top_share=float(eigenvalues[-1] / np.sum(diagonal)),
        self_entropy=spectral_entropy(diagonal, normalised=True),
        self_variance=float(np.var(diagonal) / np.mean(diagonal) ** 2),
        direction_entropy=spectral_entropy(np.linalg.eigvalsh(directions), normalised=True),
        loss=float(problem.loss(params, kernel.batch)),
        loss_derivative=-float(gradient @ gradient),
    )


def sample_kernel(kernel: np.ndarray, n_outputs: int) -> np.ndarray:
    """Kernel between samples: the mean over outputs of the blocks' diagonals.

    Args:
        kernel: (N C, N C) tangent kernel.
        n_outputs: C.

    Returns:
        (N, N) array.

    Example:
        >>> sample_kernel(np.diag([1.0, 3.0]), 2).tolist()
        [[2.0]]
    """
    n = len(kernel) // n_outputs
    return np.einsum("icjc->ij", kernel.reshape(n, n_outputs, n, n_outputs)) / n_outputs


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    r"""How much a kernel has turned: $1 - \langle A, B \rangle / (\|A\| \|B\|)$ in the Frobenius product.

    Near 0 all along training: a lazy network, which learns no features.

    Args:
        a: (D, D) kernel.
        b: (D, D) kernel.

    Returns:
        0 for proportional kernels, up to 1.

    Example:
        >>> kernel_distance(np.eye(2), 3 * np.eye(2))
        0.0

    Source: [fort2020].
    """
    cosine = float(np.sum(a * b)) / math.sqrt(float(np.sum(a * a)) * float(np.sum(b * b)))
    return max(0.0, 1.0 - cosine)
