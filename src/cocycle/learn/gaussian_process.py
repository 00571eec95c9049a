"""Gaussian-process autoregression: the next row as a random function of the last ones, with its uncertainty."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax.scipy.linalg import cho_solve, solve_triangular
from jaxtyping import Array, Float

from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.neighbours import windows
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.stretches import segments

JITTER = 1e-10
BOUNDS = (-12.0, 6.0)


class GaussianProcessRule(AbstractRule):
    r"""Posterior of a Gaussian process for increments, with a squared-exponential kernel.

    $$u' = u + k(y)^\top \alpha, \qquad \sigma^2(y) = k(y, y) - |L^{-1} k(y)|^2 + \sigma_n^2$$

    Attributes:
        library: (n, E) windows.
        alpha: (n, D) weights.
        factor: (n, n) lower Cholesky factor L of kernel and noise.
        lengths: (E,) length of each direction.
        amplitude: variance of the process [squared units of increments].
        noise: variance of the noise [same].
        sizes: (D,) unit of the increments of each column.
        taps: rows of the window that enter, newest last.
        n_window: rows of the window.
    """

    library: Float[Array, "n E"]
    alpha: Float[Array, "n D"]
    factor: Float[Array, "n n"]
    lengths: Float[Array, "E"]
    amplitude: Float[Array, ""]
    noise: Float[Array, ""]
    sizes: Float[Array, "D"]
    taps: tuple[int, ...] = eqx.field(static=True)
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def kernel_at(self, window: Float[Array, "window D"]) -> Float[Array, "n"]:
        """Covariance of a window with the library."""
        lagged = jnp.concatenate([window[k] for k in self.taps])
        return _kernel(lagged[None], self.library, self.lengths, self.amplitude)[0]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Add the mean increment."""
        window = z.at[-1].set(u)
        return jnp.concatenate([window[1:], (u + self.sizes * (self.kernel_at(window) @ self.alpha))[None]])

    def spread(self, window: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Standard deviation of the next row, noise included."""
        k = self.kernel_at(window)
        left = self.amplitude - jnp.sum(solve_triangular(self.factor, k, lower=True) ** 2)
        return self.sizes * jnp.sqrt(jnp.maximum(left, 0.0) + self.noise)

    def draw(self, z: Float[Array, "window D"], u: Float[Array, "D"], key: Any) -> Float[Array, "window D"]:
        """Draw the next row; draws of different steps are independent."""
        after = self.advance(z, u)
        return after.at[-1].add(self.spread(z.at[-1].set(u)) * jax.random.normal(key, u.shape))


@dataclasses.dataclass(frozen=True)
class GaussianProcess(AbstractLearner):
    r"""Gaussian-process autoregression with hyperparameters of largest marginal likelihood.

    $$u_{n+1} - u_n \sim \mathrm{GP}(0, k), \qquad k(y, y') = a\, e^{-\frac12 \sum_j (y_j - y'_j)^2 / \ell_j^2}$$

    A run under `Keys(key)` draws each step; without it the mean is followed. `ensemble_forecast` gives both.

    Args:
        n_delays: rows in a window.
        delay: rows between them.
        n_points: windows kept, spread evenly over the data.

    Raises:
        ParameterError: if an option is out of range.

    Limits: windows beyond `n_points` are not used; uncertainty of the function is drawn anew at each step, so ensembles
        spread less than those of whole functions.
    Cost: n^3 for each of some 50 evaluations of the likelihood, n E a step, n^2 a drawn step.

    Example:
        >>> x = np.sin(0.3 * np.arange(150))
        >>> model = GaussianProcess(n_delays=2, n_points=60).fit(x)
        >>> bool(abs(model.forecast(x, 5).x[4, 0] - np.sin(0.3 * 154)) < 1e-3)
        True

    Source: [rasmussen2006].
    """

    n_delays: int = 2
    delay: int = 1
    n_points: int = 300

    def __post_init__(self):
        require_counts(self, "n_delays", "delay", "n_points")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used.
        """
        n_window = (self.n_delays - 1) * self.delay + 1
        taps = tuple(self.delay * k for k in range(self.n_delays))
        found = segments(data, n_min=n_window + 2, dt=dt)
        scaler = standard(found)
        x, after = windows(found, scaler, taps, n_window)
        picks = np.unique(np.linspace(0, len(x) - 1, min(self.n_points, len(x))).round().astype(int))
        x, y = x[picks], (after - x[:, -found.n_columns :])[picks]
        sizes = np.maximum(np.sqrt(np.mean(y**2, axis=0)), 1e-300)
        values, likelihood = _best(jnp.asarray(x), jnp.asarray(y / sizes))
        lengths, amplitude, noise = _numbers(values)
        factor, alpha = _posterior(values, jnp.asarray(x), jnp.asarray(y / sizes))
        rule = GaussianProcessRule(
            jnp.asarray(x), alpha, factor, lengths, amplitude, noise, jnp.asarray(sizes), taps, n_window
        )
        numbers = {
            "log_likelihood": likelihood,
            "noise": float(np.sqrt(noise)),
            "amplitude": float(np.sqrt(amplitude)),
        }
        record = FitRecord(numbers=numbers, curves={"lengths": np.asarray(lengths)})
        return finish(rule, found, scaler, self, record, n_context=n_window)


def _kernel(x: Any, y: Any, lengths: Any, amplitude: Any) -> Any:
    gaps = (x[:, None] - y[None]) / lengths[None, None]
    return amplitude * jnp.exp(-0.5 * jnp.sum(gaps**2, axis=2))


def _numbers(values: Any) -> tuple[Any, Any, Any]:
    """Lengths, amplitude and noise from logarithms; noise is relative to the amplitude."""
    amplitude = jnp.exp(values[-2])
    return jnp.exp(values[:-2]), amplitude, amplitude * (jnp.exp(2 * values[-1]) + JITTER)


def _posterior(values: Any, x: Any, y: Any) -> tuple[Any, Any]:
    lengths, amplitude, noise = _numbers(values)
    factor = jnp.linalg.cholesky(_kernel(x, x, lengths, amplitude) + noise * jnp.eye(x.shape[0]))
    return factor, cho_solve((factor, True), y)


@jax.jit
def _loss(values: Any, x: Any, y: Any) -> Any:
    """Negative log marginal likelihood a number, and its gradient."""

    def of(values: Any) -> Any:
        factor, alpha = _posterior(values, x, y)
        fit = 0.5 * jnp.sum(y * alpha) + y.shape[1] * jnp.sum(jnp.log(jnp.diagonal(factor)))
        return fit / y.size + 0.5 * jnp.log(2 * jnp.pi)

    return jax.value_and_grad(of)(values)


def _best(x: Any, y: Any) -> tuple[Any, float]:
    """Hyperparameters of largest marginal likelihood, and that likelihood, by L-BFGS."""
    start = np.concatenate([np.full(x.shape[1], 1.0), [0.0, -4.0]])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _loss(jnp.asarray(values), x, y)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e6, np.zeros_like(values)
        return float(value), np.asarray(gradient)

    found = scipy.optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[BOUNDS] * len(start), options={"maxiter": 60}
    )
    return jnp.asarray(found.x), -float(found.fun) * y.size
