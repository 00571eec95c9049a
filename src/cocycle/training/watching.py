"""What a monitor measures of a training step: sharpness, batch sharpness, growth, kernel trace, gradient noise."""

import abc
import math
import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cocycle.core.errors import AccuracyWarning, InsufficientDataError
from cocycle.core.estimate import Estimate, sample_mean
from cocycle.core.start import count
from cocycle.operators.lanczos import extreme_eigenvalues
from cocycle.training.along import batch_curvatures
from cocycle.training.curvature import hessian, tangent_kernel
from cocycle.training.problem import AbstractProblem, Params


class Setting:
    """What a measure may look at: the problem, the parameters of the moment, the rate, batches, a memory of its own.

    Args:
        problem: the problem.
        learning_rate: eta of the moment, NaN where not known.
        batch_size: B.
        probe: indices of the samples that full-batch measures look at.
        rng: source of batches.
    """

    def __init__(
        self, problem: AbstractProblem, learning_rate: float, batch_size: int, probe: np.ndarray, rng: Any
    ) -> None:
        self.problem, self.learning_rate, self.batch_size, self.probe, self.rng = (
            problem,
            learning_rate,
            batch_size,
            probe,
            rng,
        )
        self.params: Params = None
        self.memory: dict[str, Any] = {}

    def batches(self, n: int) -> np.ndarray:
        """Draw rows of the data for batches, each without replacement.

        Args:
            n: how many.
        """
        size, n_samples = self.batch_size, self.problem.n_samples
        return np.stack([self.rng.choice(n_samples, size, replace=False) for _ in range(n)])

    def batch(self, indices: np.ndarray) -> Any:
        """Return rows of the data.

        Args:
            indices: their numbers.
        """
        import jax.numpy as jnp

        return self.problem.batch(jnp.asarray(indices))


class AbstractMeasure(eqx.Module):
    """One thing that a monitor measures."""

    @abc.abstractmethod
    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return estimates by the name under which they are recorded.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """


class LossOnProbe(AbstractMeasure):
    """Mean loss on the probe samples (`loss`) and the norm of its gradient (`gradient_norm`)."""

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `loss` and `gradient_norm`.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        batch = setting.batch(setting.probe)
        losses = np.asarray(setting.problem.per_sample_loss(setting.params, batch), dtype=float)
        gradient = np.asarray(setting.problem.gradient(setting.params, batch), dtype=float)
        out = {"loss": sample_mean(losses), "gradient_norm": Estimate(float(np.linalg.norm(gradient)))}
        if not np.all(np.isfinite(losses)):
            out["loss"] = Estimate(math.nan, math.nan)
        return out


class Sharpness(AbstractMeasure):
    """Largest eigenvalue of the Hessian on the probe samples; each search starts from the last eigenvector.

    Args:
        n_products: Hessian products a time.
        tol: residual at which to stop before, as a share of the eigenvalue.
    """

    n_products: int = eqx.field(static=True, default=10, converter=lambda n: count(n, "n_products", 2))
    tol: float = eqx.field(static=True, default=1e-2)

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `sharpness`; its error is the residual.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        operator = hessian(setting.problem, setting.params, indices=_indices(setting.probe))
        guess = setting.memory.get("top_vector")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)
            found = extreme_eigenvalues(
                operator,
                tol=self.tol,
                max_products=self.n_products if guess is not None else 4 * self.n_products,
                guess=guess,
                progress=False,
            )
        setting.memory["top_vector"] = found.vectors[0]
        return {"sharpness": found.top}


class BatchSharpness(AbstractMeasure):
    """`batch_sharpness` of the monitor's batch size.

    Args:
        n_batches: batches a time.
    """

    n_batches: int = eqx.field(static=True, default=8, converter=lambda n: count(n, "n_batches", 2))

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `batch_sharpness`.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        rows = batch_curvatures(setting.problem, setting.params, _indices(setting.batches(self.n_batches)))
        return {"batch_sharpness": sample_mean(rows[~np.isnan(rows)])}


class TangentGrowth(AbstractMeasure):
    r"""Finite-time exponent of SGD at the parameters of the moment, from the sharpest direction.

    $$\lambda = \frac1n \ln \Bigl\| \prod_{k<n} (I - \eta H_{B_k})\, u \Bigr\|$$

    with u the top eigenvector of the Hessian (the gradient where sharpness is not measured). Positive: SGD leaves along
    it at this rate. Frozen parameters, plain SGD: no momentum.

    Args:
        n_batches: n, steps of the product.
    """

    n_batches: int = eqx.field(static=True, default=8, converter=lambda n: count(n, "n_batches", 2))

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `exponent` [nats per step], or nothing where the learning rate is not known.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        if not math.isfinite(setting.learning_rate):
            return {}
        problem, params = setting.problem, setting.params
        v = setting.memory.get("top_vector")
        if v is None:
            v = np.asarray(problem.gradient(params, setting.batch(setting.probe)), dtype=float)
        v = v / np.linalg.norm(v)
        logs = []
        for rows in setting.batches(self.n_batches):
            batch = setting.batch(rows)
            v = v - setting.learning_rate * np.asarray(problem.hvp(params, batch, _vector(v)), dtype=float)
            size = float(np.linalg.norm(v))
            logs.append(math.log(size) if size > 0 else -math.inf)
            v = v / size if size > 0 else v
        return {"exponent": sample_mean(np.asarray(logs))}


class KernelTrace(AbstractMeasure):
    """Trace of the tangent kernel over N C, on the probe samples, by random signs.

    Args:
        n_probes: reverse passes a time.
    """

    n_probes: int = eqx.field(static=True, default=4, converter=lambda n: count(n, "n_probes", 2))

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `kernel_trace`.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        kernel = tangent_kernel(setting.problem, setting.params, indices=_indices(setting.probe))
        shape = setting.memory.setdefault("output_shape", (kernel.n_samples, kernel.n_outputs))
        rows = []
        for _ in range(self.n_probes):
            signs = setting.rng.choice([-1.0, 1.0], shape)
            pulled = kernel.problem.factor_vjp(setting.params, kernel.batch, _vector(signs))
            rows.append(float(np.sum(np.square(np.asarray(pulled, dtype=float)))) / (shape[0] * shape[1]))
        return {"kernel_trace": sample_mean(np.asarray(rows))}


class GradientNoise(AbstractMeasure):
    """`gradient_noise_scale` of some of the probe samples.

    Args:
        n_samples: per-sample gradients a time.
    """

    n_samples: int = eqx.field(static=True, default=32, converter=lambda n: count(n, "n_samples", 4))

    def measure(self, setting: Setting) -> dict[str, Estimate]:
        """Return `noise_scale`.

        Args:
            setting: problem, parameters of the moment, and a memory.
        """
        n = min(self.n_samples, setting.problem.n_samples)
        picked = setting.rng.choice(setting.problem.n_samples, n, replace=False)
        return {"noise_scale": gradient_noise_scale(setting.problem, setting.params, indices=picked)}


DEFAULT: tuple[Callable[[], AbstractMeasure], ...] = (
    LossOnProbe,
    Sharpness,
    BatchSharpness,
    TangentGrowth,
    KernelTrace,
    GradientNoise,
)


def gradient_noise_scale(problem: AbstractProblem, params: Params = None, *, indices: Any = None) -> Estimate:
    r"""Batch size at which gradient noise and gradient are of equal size.

    $$B_\mathrm{noise} = \mathrm{tr}\,\Sigma \,/\, |G|^2$$

    with the covariance of the per-sample gradients and the true gradient, both estimated without bias from n samples:
    $\mathrm{tr}\,\Sigma = \frac{1}{n-1}\sum_i |g_i - \bar g|^2$ and $|G|^2 = |\bar g|^2 - \mathrm{tr}\,\Sigma / n$.

    Args:
        problem: JAX or PyTorch problem.
        params: parameters; default those of the problem.
        indices: samples; default all.

    Returns:
        Estimate [samples], its error by the jackknife; infinite where noise hides the gradient.

    Raises:
        InsufficientDataError: if there are fewer than 4 samples.

    Accuracy: the ratio of two unbiased estimates; biased by O(1/n).
    Cost: n per-sample gradients.

    Source: [mccandlish2018].
    """
    batch = problem.batch(_indices(indices)) if indices is not None else problem.batch()
    gradients = problem.per_sample_gradients(problem.params if params is None else params, batch)
    return noise_scale_of(np.asarray(gradients, dtype=float))


def noise_scale_of(gradients: Float[np.ndarray, "n P"]) -> Estimate:
    """Noise scale of given per-sample gradients.

    Args:
        gradients: (n, P) gradient of each sample.

    Raises:
        InsufficientDataError: if there are fewer than 4 rows.

    Example:
        >>> round(float(noise_scale_of(np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])).value), 12)
        2.0
    """
    n = len(gradients)
    if n < 4:
        raise InsufficientDataError(f"{n} per-sample gradients are too few for a noise scale; at least 4 are needed.")
    inner = gradients @ gradients.T
    total, rows, squares = float(inner.sum()), inner.sum(axis=1), np.diag(inner)

    def ratio(sum_of_squares: Any, mean_square: Any, m: int) -> Any:
        spread = (sum_of_squares - m * mean_square) / (m - 1)
        signal = mean_square - spread / m
        return np.where(signal > 0, spread / np.where(signal > 0, signal, 1.0), math.inf)

    value = float(ratio(squares.sum(), total / n**2, n))
    left_out = ratio(squares.sum() - squares, (total - 2 * rows + squares) / (n - 1) ** 2, n - 1)
    with np.errstate(invalid="ignore"):
        stderr = float(np.sqrt((n - 1) / n * np.sum((left_out - np.mean(left_out)) ** 2)))
    return Estimate(value, stderr if math.isfinite(stderr) else math.inf, float(n), f"{n} per-sample gradients")


def _vector(v: np.ndarray) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(v)


def _indices(indices: Any) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(np.asarray(indices))
