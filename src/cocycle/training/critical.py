"""Largest stable learning rate of a minimum, by each notion of stability."""

import dataclasses

import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError
from cocycle.core.estimate import Estimate
from cocycle.training.growth import growth
from cocycle.training.minimum import Minimum
from cocycle.training.second_moment import second_moment, trace_bound

N_CELLS = 16
# One grid spans a factor of 8 in the rate; growth beyond is searched in up to this many further grids.
N_GRIDS = 5
N_ZOOMS = 3


@dataclasses.dataclass(frozen=True)
class CriticalRates:
    """Largest stable learning rates.

    Attributes:
        sgd: where the characteristic exponent of SGD changes sign, with standard error.
        gradient_descent: 2 / sharpness.
        mean_square: limit of mean-square stability.
        mean_square_exact: False where it is an upper bound, for the sharpest directions only.
        trace_bound: upper bound of the mean-square limit by traces.
        certain: below it no batch can stretch any vector: 2 / largest sharpness of a sample.
    """

    sgd: Estimate
    gradient_descent: float
    mean_square: float
    mean_square_exact: bool
    trace_bound: float
    certain: float


def gradient_descent_exponent(at: Minimum, learning_rate: float) -> float:
    r"""Exponent of gradient descent on the normal space, $\log\max_j |1 - \eta h_j|$ [nats / step].

    Args:
        at: the minimum.
        learning_rate: eta.

    Returns:
        The exponent; h_j are the positive eigenvalues of H.
    """
    with np.errstate(divide="ignore"):
        return float(np.log(np.max(np.abs(1.0 - learning_rate * at.eigenvalues / at.n_samples))))


def sgd_critical_rate(
    at: Minimum, batch_size: int, driver: AbstractDriver, *, n_steps: int = 4000, progress: bool | None = None
) -> Estimate:
    """Smallest learning rate at which the exponent of SGD turns from negative to positive.

    A grid of rates from the one below which no batch can stretch anything upwards brackets the change of sign;
    three narrower grids refine it, all on the same batches.

    Args:
        at: the minimum.
        batch_size: B.
        driver: which samples are seen, B a step.
        n_steps: steps of each product.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Estimate of the rate; its standard error is that of the exponent over the slope, with ln(R) / 2 n_steps for the
        vector that has to turn into one of R directions.

    Raises:
        ParameterError: if no change of sign is found.

    Accuracy: where many directions are nearly flat that turning takes long, and a short product finds too high a rate:
        of a network on 128 digits (R = 1,280) by 0.5 % at 1,000 steps.

    Limits: a narrow window of instability between two points of the first grid (13 % apart) is missed.
    Cost: about 64 n_steps cell steps.
    """
    low = 2.0 / float(np.max(at.sample_sharpness))
    rates = low * np.geomspace(1.0, 8.0, N_CELLS)
    sizes = np.full(N_CELLS, batch_size)
    for _ in range(N_GRIDS):
        found = growth(at, rates, sizes, driver, n_steps=n_steps, progress=progress).exponents()
        clear = np.asarray(found.value) > 3 * np.asarray(found.stderr)
        if clear.any():
            break
        rates = rates[-1] * np.geomspace(1.0, 8.0, N_CELLS)
    else:
        raise ParameterError(
            f"no learning rate up to {rates[-1]:.4g} makes SGD unstable; take more steps, or look at the data: almost "
            "all samples seem to have no curvature."
        )
    for _ in range(N_ZOOMS):
        value = np.asarray(found.value)
        first = int(np.argmax(value > 0)) if (value > 0).any() else len(value) - 1
        a, b = (rates[max(first - 2, 0)], rates[min(first + 1, N_CELLS - 1)])
        rates = np.linspace(a, b, N_CELLS)
        found = growth(at, rates, sizes, driver, n_steps=n_steps, progress=progress).exponents()
    turning = 0.5 * np.log(at.rank) / n_steps
    return _root(rates, np.asarray(found.value), np.hypot(found.stderr, turning), low)


def _root(rates: np.ndarray, value: np.ndarray, stderr: np.ndarray, low: float) -> Estimate:
    """Zero of a straight line through the exponents above it, and its error.

    Below it slow directions hold the exponent near zero: the curve has a knee, and a line across would miss it.
    """
    above = value > 0
    first = int(np.argmax(above)) if above.any() else len(value) - 1
    fit = slice(first, min(first + 5, len(value)))
    method = "change of sign of the exponent on common batches"
    if first == 0 or fit.stop - fit.start < 2:
        return Estimate(max(float(rates[first]), low), float(rates[1] - rates[0]), np.inf, method)
    slope, offset = np.polyfit(rates[fit], value[fit], 1)
    if not slope > 0:
        return Estimate(max(float(rates[first]), low), float(rates[1] - rates[0]), np.inf, method)
    root = float(np.clip(-offset / slope, rates[first - 1], rates[first]))
    return Estimate(max(root, low), float(stderr[first] / slope), np.inf, method)


def critical_rates(
    at: Minimum,
    batch_size: int,
    driver: AbstractDriver,
    *,
    replace: bool = True,
    n_steps: int = 4000,
    progress: bool | None = None,
) -> CriticalRates:
    """Largest stable learning rates of a minimum: of SGD, gradient descent, in mean square, and simple bounds.

    Args:
        at: the minimum.
        batch_size: B.
        driver: which samples are seen, B a step.
        replace: as in the driver.
        n_steps: steps of each product.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        CriticalRates.

    Laws: certain <= mean_square <= sgd; mean_square <= trace_bound; mean_square <= gradient_descent.
    """
    moment = second_moment(at, batch_size, replace=replace)
    return CriticalRates(
        sgd=sgd_critical_rate(at, batch_size, driver, n_steps=n_steps, progress=progress),
        gradient_descent=2.0 / at.sharpness,
        mean_square=moment.critical_rate(),
        mean_square_exact=moment.exact,
        trace_bound=trace_bound(at, batch_size, replace=replace),
        certain=2.0 / float(np.max(at.sample_sharpness)),
    )
