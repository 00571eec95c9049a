"""The verdict over a grid of learning rates and batch sizes: one compilation, the same samples in every cell."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from cocycle.core.drivers import AbstractDriver, Minibatch, StepNumber
from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.run import Status
from cocycle.training.critical import gradient_descent_exponent
from cocycle.training.descent import check_batch_size
from cocycle.training.growth import growth
from cocycle.training.minimum import Minimum, minimum
from cocycle.training.problem import AbstractProblem
from cocycle.training.second_moment import second_moment, trace_bound
from cocycle.training.verdict import Z, check_minimum


class _Padded(AbstractDriver):
    """A driver whose index rows are filled up with sample 0, which then has weight 0."""

    inner: Minibatch
    extra: Int[Array, "extra"]

    def at(self, n: StepNumber) -> Int[Array, "B"]:
        return jnp.concatenate([self.inner.at(n), self.extra])


@dataclasses.dataclass(frozen=True)
class StabilityMap(Presentable):
    """Exponents of SGD over learning rates and batch sizes.

    Attributes:
        learning_rates: (rates,).
        batch_sizes: (sizes,).
        exponent: (sizes, rates) [nats / step].
        stderr: its standard error (sizes, rates).
        gradient_descent: exponent of gradient descent (rates,).
        mean_square_rate: largest mean-square stable rate (sizes,).
        mean_square_exact: False where that is an upper bound.
        trace_rate: upper bound of it by traces (sizes,).
        sharpness: largest eigenvalue of H.
        trace: trace of H.
        replace: whether batches are drawn with replacement.
        status: how the computation ended.
    """

    learning_rates: np.ndarray
    batch_sizes: np.ndarray
    exponent: np.ndarray
    stderr: np.ndarray
    gradient_descent: np.ndarray
    mean_square_rate: np.ndarray
    mean_square_exact: bool
    trace_rate: np.ndarray
    sharpness: float
    trace: float
    replace: bool
    status: Status = Status.OK

    @property
    def verdict(self) -> np.ndarray:
        """-1 stable, +1 unstable, 0 undecided (sizes, rates)."""
        clear = np.abs(self.exponent) > Z * self.stderr
        return np.where(clear, np.sign(self.exponent), 0).astype(int)

    @property
    def critical_rate(self) -> np.ndarray:
        """Learning rate where the exponent changes sign (sizes,), by interpolation; NaN outside the grid."""
        return np.array([_crossing(self.learning_rates, row) for row in self.exponent])

    def __str__(self) -> str:
        """One line per batch size."""
        lines = [
            f"gradient descent stable below {2 / self.sharpness:.4g} (2 / sharpness); 2 / trace = {2 / self.trace:.4g}",
            *(
                f"batch {b:>5}: SGD stable below {c:.4g}, in mean square below {m:.4g}"
                for b, c, m in zip(self.batch_sizes, self.critical_rate, self.mean_square_rate, strict=True)
            ),
        ]
        return "\n".join(lines)


def _crossing(rates: np.ndarray, row: np.ndarray) -> float:
    """First change from negative to positive, by the line through the two exponents above it.

    Below the change slow directions hold the exponent near zero, so that the curve has a knee there.
    """
    for i in range(1, len(rates)):
        if row[i - 1] < 0 <= row[i]:
            if i + 1 == len(rates) or not row[i + 1] > row[i]:
                return float(rates[i])
            root = rates[i] - row[i] * (rates[i + 1] - rates[i]) / (row[i + 1] - row[i])
            return float(np.clip(root, rates[i - 1], rates[i]))
    return float("nan")


def default_rates(at: Minimum, n_rates: int = 24) -> np.ndarray:
    """Rates from where no batch can stretch anything to twice the limit of gradient descent.

    Args:
        at: the minimum.
        n_rates: how many.

    Returns:
        Learning rates, in a geometric row (rates,).
    """
    return np.geomspace(0.7 * 2.0 / float(np.max(at.sample_sharpness)), 1.5 * 2.0 / at.sharpness, n_rates)


def stability_map(
    problem: AbstractProblem,
    *,
    learning_rates: Any = None,
    batch_sizes: Sequence[int] | None = None,
    params: Any = None,
    key: Any = 0,
    replace: bool = True,
    n_steps: int = 4000,
    tol: float = 0.05,
    progress: bool | None = None,
) -> StabilityMap:
    """Exponents of SGD at a minimum over a grid of learning rates and batch sizes.

    Args:
        problem: model, parameters at a minimum, data and loss.
        learning_rates: rates, ascending; default 24 from certainly stable to beyond the limit of gradient descent.
        batch_sizes: sizes; default powers of two up to half of the samples, at most 64.
        params: parameters at the minimum; default those of the problem.
        key: random key of the batches.
        replace: draw batches independently (True), or walk through a new order each epoch.
        n_steps: steps of each product.
        tol: see `stability`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        StabilityMap.

    Raises:
        ParameterError: if rates are not positive and ascending, or a batch does not fit the data.
        NotAMinimumError: if the parameters are not at a minimum.

    Cost: a tangent kernel once; then two matrix products a step for all cells. One compilation with replacement, one
        for each batch size without.

    Example:
        >>> from cocycle.training import Problem
        >>> one = Problem(lambda w, x: w * x, jnp.array(1.0), (jnp.array([1.0, 2.0]), jnp.array([1.0, 2.0])))
        >>> stability_map(one, learning_rates=[0.6, 1.0], batch_sizes=[1], n_steps=1000).verdict.tolist()
        [[-1, -1]]

    Source: [chemnitz2025].
    """
    at = minimum(problem, params, progress=progress)
    check_minimum(at, tol)
    rates = default_rates(at) if learning_rates is None else np.asarray(learning_rates, dtype=float)
    if rates.ndim != 1 or not len(rates) or not (np.all(rates > 0) and np.all(np.diff(rates) > 0)):
        raise ParameterError("learning_rates must be positive and ascending.")
    if batch_sizes is None:
        top = max(1, min(64, problem.n_samples // 2))
        batch_sizes = [2**k for k in range(int(np.log2(top)) + 1)]
    sizes = np.array([check_batch_size(problem, int(b)) for b in batch_sizes])
    exponent, stderr, status = _cells(at, rates, sizes, key, replace, n_steps, progress)
    moments = [second_moment(at, int(b), replace=replace) for b in sizes]
    return StabilityMap(
        learning_rates=rates,
        batch_sizes=sizes,
        exponent=exponent,
        stderr=stderr,
        gradient_descent=np.array([gradient_descent_exponent(at, float(rate)) for rate in rates]),
        mean_square_rate=np.array([moment.critical_rate() for moment in moments]),
        mean_square_exact=moments[0].exact,
        trace_rate=np.array([trace_bound(at, int(b), replace=replace) for b in sizes]),
        sharpness=at.sharpness,
        trace=at.trace,
        replace=replace,
        status=status,
    )


def _cells(
    at: Minimum, rates: np.ndarray, sizes: np.ndarray, key: Any, replace: bool, n_steps: int, show: bool | None
) -> tuple[np.ndarray, np.ndarray, Status]:
    """Exponent and error of every cell (sizes, rates)."""
    largest = int(sizes.max())
    if replace:
        grown = growth(
            at,
            np.tile(rates, len(sizes)),
            np.repeat(sizes, len(rates)),
            Minibatch(key, at.n_samples, largest),
            n_steps=n_steps,
            progress=show,
        )
        found = grown.exponents()
        shape = (len(sizes), len(rates))
        return np.asarray(found.value).reshape(shape), np.asarray(found.stderr).reshape(shape), grown.status
    rows, status = [], Status.OK
    for size in sizes:
        extra = jnp.zeros(largest - size, jnp.int_)
        driver = _Padded(Minibatch(key, at.n_samples, int(size), replace=False), extra)
        grown = growth(at, rates, np.full(len(rates), size), driver, n_steps=n_steps, progress=show)
        rows.append(grown.exponents())
        status = grown.status if grown.status is not Status.OK else status
    return np.stack([np.asarray(r.value) for r in rows]), np.stack([np.asarray(r.stderr) for r in rows]), status
