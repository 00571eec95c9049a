"""Lyapunov exponents of any system under any driver, by repeated orthonormalisation of tangent vectors."""

import time
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InsufficientDataError, InterruptedWarning, NonFiniteStateError, ParameterError
from cocycle.core.estimate import Estimate, mean_estimate
from cocycle.core.progress import Progress
from cocycle.core.run import Pace, Status, check_memory, is_finite, non_finite_error, row_capacity
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem
from cocycle.core.tracing import is_traced
from cocycle.stability.frames import dimension, first_frame, orthonormalise, push_frame, require_differentiable
from cocycle.stability.precision import check_accuracy, interval_for, volume_residual
from cocycle.stability.spectrum import Spectrum

N_PILOT = 64
MIN_ROWS = 16
ENOUGH_ROWS = 256
MAX_DEFAULT = 100


def _stretch(system: Any, driver: Any, x: Any, frame: Any, n: Any, every: Any) -> tuple[Any, Any, Any]:
    """Push a frame over `every` steps, orthonormalise, return log stretching."""

    def one(j: Any, carry: tuple) -> tuple:
        x, frame = carry
        return push_frame(system, x, driver.at(n + j), frame)

    x, frame = jax.lax.fori_loop(0, every, one, (x, frame))
    frame, r = orthonormalise(frame)
    return x, frame, jnp.log(r)


@eqx.filter_jit
def tangent_rows(
    system: Any, driver: Any, x: Any, frame: Any, n: Any, n_rows: Any, every: Any, capacity: int
) -> tuple[Any, Any, Any]:
    """Fill up to `capacity` rows of log stretching, one per orthonormalisation.

    Args:
        system: differentiable system.
        driver: its driver.
        x: state.
        frame: tangent vectors, K rows of D numbers.
        n: number of the first step.
        n_rows: rows to fill.
        every: steps between orthonormalisations.
        capacity: rows there is room for, which fixes the shape.

    Returns:
        State and frame at the end, and rows (capacity, K) [nats].
    """

    def one(i: Any, carry: tuple) -> tuple:
        x, frame, rows = carry
        x, frame, log_r = _stretch(system, driver, x, frame, n + i * every, every)
        return x, frame, rows.at[i].set(log_r)

    rows = jnp.zeros((capacity, frame.shape[0]))
    return jax.lax.fori_loop(0, n_rows, one, (x, frame, rows))


def lyapunov_spectrum(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n_vectors: int | None = None,
    n_transient: int | None = None,
    qr_every: int | None = None,
    tol: float | None = None,
    n0: int = 0,
    throw: bool = True,
    progress: bool | None = None,
) -> Spectrum:
    r"""Lyapunov exponents of the tangent cocycle, with standard errors.

    $$\lambda_i = \lim_{n} \frac{1}{n\,\Delta t} \sum_{m<n} \log |R^{(m)}_{ii}|$$

    Args:
        system: differentiable system; its tangent is the derivative of the step that is taken.
        x0: initial state; default that of the system.
        driver: driver; default that of the system. The same driver gives the same realisation.
        n_steps: steps in all, the transient included.
        n_vectors: K, at most D. Default D, or 10 where D exceeds 100.
        n_transient: steps that only bring state and tangents to the attractor. Default a tenth of n_steps.
        qr_every: steps between orthonormalisations. Default 1 to 20, by the spread of the growth rates in a pilot.
        tol: stop as soon as all standard errors are below it [nats / time]; n_steps is then the most it may take.
        n0: number of the first step.
        throw: raise if the state is not finite; False returns what was reached, with `status`, if that is at
            least 16 orthonormalisations.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Spectrum with `exponents` (K,) [nats / time], `stderr` (K,) [same] and `local` (rows, K) [same].

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if K exceeds D or a count is out of range.
        InsufficientDataError: if fewer than 16 orthonormalisations are left after the transient.
        NonFiniteStateError: if the orbit leaves the finite numbers.

    Accuracy: exact for the discretised system up to sampling, which `stderr` tells; O(dt^p) from the flow for
        a stepper of order p. Under `Adaptive` the tangents are in the error norm.
    Laws: for K = D the sum is the mean of log|det| of the step; `volume_residual` compares both.
    Limits: a direction killed by the step has exponent -inf, standard error 0. An exponent more than about 30 nats
        per orthonormalisation below the largest is lost in round-off and reported so.
    Cost: n_steps (1 step + K Jacobian-vector products) and D K^2 per orthonormalisation. Another n_steps or
        parameter value does not compile again.

    Example:
        >>> from cocycle.core.functions import Map
        >>> cat = Map(lambda x, a: jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1, x0=[0.1, 0.2])
        >>> lyapunov_spectrum(cat, n_steps=1000).exponents.round(6).tolist()
        [0.962424, -0.962424]

    Source: [benettin1980]; error bars: `mean_estimate`.
    """
    require_differentiable(system)
    n_steps, n0 = count(n_steps, "n_steps"), count(n0, "n0", 0)
    n_transient = n_steps // 10 if n_transient is None else count(n_transient, "n_transient", 0)
    if n_transient >= n_steps:
        raise ParameterError(f"n_transient={n_transient} leaves nothing of n_steps={n_steps}; take more steps.")
    if tol is not None and not tol > 0:
        raise ParameterError(f"tol must be a positive standard error, got {tol}.")
    x, driver = start(system, x0, driver, n_steps=n_steps, n0=n0)
    n_dimensions = dimension(x)
    if n_dimensions == 0:
        raise ParameterError("the state has no floating numbers, so it has no tangents.")
    k = min(n_dimensions, 10 if n_dimensions > MAX_DEFAULT else n_dimensions) if n_vectors is None else n_vectors
    if count(k, "n_vectors") > n_dimensions:
        raise ParameterError(f"n_vectors={k} exceeds the {n_dimensions} dimensions of the state.")
    qr_every = None if qr_every is None else count(qr_every, "qr_every")
    frame = jnp.asarray(first_frame(k, n_dimensions))
    if is_traced(system, x, driver):
        return _traced(system, driver, x, frame, n0, n_steps, n_transient, qr_every or interval_for(system))
    job = _Job(system, driver, k, n_dimensions, throw, progress)
    return job.spectrum(x, frame, n0, n_steps, n_transient, qr_every, tol)


def maximal_exponent(
    system: AbstractSystem, x0: Any = None, driver: AbstractDriver | None = None, **options: Any
) -> Estimate:
    """Largest Lyapunov exponent: `lyapunov_spectrum` with one vector.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        **options: those of `lyapunov_spectrum`; `n_steps` is needed.

    Returns:
        Estimate [nats / time].

    Example:
        >>> from cocycle.core.functions import Map
        >>> round(float(maximal_exponent(Map(lambda x, a: a * x, 0.5, x0=1.0), n_steps=100)), 12)
        -0.69314718056
    """
    return lyapunov_spectrum(system, x0, driver, n_vectors=1, **options).maximal_exponent


def _traced(
    system: Any, driver: Any, x: Any, frame: Any, n0: int, n_steps: int, n_transient: int, every: int
) -> Spectrum:
    """The same under jit, vmap or a derivative: fixed lengths, no checks."""
    n_rows = (n_steps - n_transient) // every
    _need_rows(n_rows, n_steps, n_transient, every)
    drop, rest = divmod(n_transient, every)

    def row(carry: tuple, i: Any) -> tuple:
        x, frame = carry
        x, frame, log_r = _stretch(system, driver, x, frame, n0 + rest + i * every, every)
        return (x, frame), log_r

    if rest:
        x, frame, _ = _stretch(system, driver, x, frame, n0, rest)
    (x, frame), _ = jax.lax.scan(lambda c, i: (row(c, i)[0], None), (x, frame), jnp.arange(drop))
    (x, frame), rows = jax.lax.scan(row, (x, frame), drop + jnp.arange(n_rows))
    return spectrum_of(system, rows, every, n_transient, x, dimension(x), Status.OK, jnp.nan)


def _need_rows(n_rows: int, n_steps: int, n_transient: int, every: int) -> None:
    if n_rows < MIN_ROWS:
        raise InsufficientDataError(
            f"n_steps={n_steps} less n_transient={n_transient} leaves {n_rows} orthonormalisations every {every} "
            f"steps; a standard error needs {MIN_ROWS}. Take more steps or a smaller qr_every."
        )


def spectrum_of(
    system: Any, log_rows: Any, every: int, n_transient: int, x: Any, n_dimensions: int, status: Status, residual: Any
) -> Spectrum:
    """Return the spectrum of rows of log stretching, with standard errors.

    Args:
        system: what was stepped.
        log_rows: log stretching (rows, K) [nats].
        every: steps between two rows.
        n_transient: steps dropped before.
        x: last state.
        n_dimensions: D.
        status: how the computation ended.
        residual: `volume_residual` of the spectrum.
    """
    interval = every * system.dt if is_traced(log_rows) else every * float(system.dt)
    local = log_rows / interval
    k = local.shape[1]
    xp = jnp if is_traced(local) else np
    mean = mean_estimate(xp.concatenate([local, local.sum(axis=1, keepdims=True)], axis=1))
    volume = None
    if k == n_dimensions:
        volume = Estimate(mean.value[k], mean.stderr[k], mean.n_eff[k], "sum of log|R_ii|")
    return Spectrum(
        exponents=mean.value[:k],
        stderr=mean.stderr[:k],
        n_eff=mean.n_eff[:k],
        local=local,
        interval=interval,
        dt=system.dt if is_traced(log_rows) else float(system.dt),
        n_steps=local.shape[0] * every,
        n_transient=n_transient,
        mean_log_volume_rate=volume,
        volume_residual=residual,
        final=x,
        n_dimensions=n_dimensions,
        status=status,
        name=getattr(system, "name", None),
    )


class _Job:
    """One concrete computation: transient, pilot, chunks of rows, checks."""

    def __init__(self, system: Any, driver: Any, k: int, n_dimensions: int, throw: bool, show: bool | None):
        self.system, self.driver, self.throw, self.show = system, driver, throw, show
        self.n_dimensions = n_dimensions
        self.capacity = row_capacity(8 * k)
        self.k = k

    def spectrum(
        self, x: Any, frame: Any, n0: int, n_steps: int, n_transient: int, every: int | None, tol: float | None
    ) -> Spectrum:
        with Progress(n_steps, "Lyapunov spectrum", self.show) as bar:
            n_left = n_steps - n_transient
            x, frame, n, interval = self.transient(x, frame, n0, n_transient, n_left, every, bar)
            n_rows = (n0 + n_steps - n) // interval
            _need_rows(n_rows, n_steps, n_transient, interval)
            check_memory(n_rows, 8 * self.k, "take fewer steps or a larger qr_every")
            residual = volume_residual(self.system, self.driver, x, frame, n, n_rows * interval, self.advance)
            x, frame, rows, status = self.rows(x, frame, n, n_rows, interval, tol, bar)
        _need_rows(len(rows), n_steps, n_transient, interval)
        spectrum = spectrum_of(self.system, rows, interval, n_transient, x, self.n_dimensions, status, residual)
        check_accuracy(self.system, spectrum, interval, chosen=every is not None)
        return spectrum

    def transient(
        self, x: Any, frame: Any, n: int, n_transient: int, n_left: int, every: int | None, bar: Progress
    ) -> tuple:
        """Bring state and frame to the attractor; a pilot tells how often to orthonormalise."""
        end = n + n_transient
        if every is None:
            n_pilot = min(N_PILOT, n_transient)
            pilot = np.zeros((0, self.k))
            if n_pilot:
                x, frame, pilot = self.chunk(x, frame, n, n_pilot, 1)
            every, n = min(interval_for(self.system, pilot), max(1, n_left // ENOUGH_ROWS)), n + n_pilot
        pace = Pace(self.capacity)
        for stride in (every, 1):
            while end - n >= stride:
                rows = pace.next((end - n) // stride)
                began = time.perf_counter()
                x, frame, _ = self.chunk(x, frame, n, rows, stride)
                pace.took(rows, time.perf_counter() - began, True)
                n += rows * stride
                bar.advance(rows * stride)
        return x, frame, n, every

    def chunk(self, x: Any, frame: Any, n: int, n_rows: int, every: int) -> tuple:
        """Compute some rows; raise if the state, or a tangent, is not a number."""
        after, frame2, rows = tangent_rows(
            self.system, self.driver, x, frame, jnp.asarray(n), jnp.asarray(n_rows), jnp.asarray(every), self.capacity
        )
        rows = np.asarray(rows)[:n_rows]
        if not is_finite(after):
            raise non_finite_error(self.system, self.driver, x, n, n_rows * every)
        if np.isnan(rows).any() or np.isposinf(rows).any():
            bad = int(np.argmax(~(rows < np.inf).all(axis=1)))
            raise ParameterError(
                f"tangent vectors overflow near step {n + bad * every} while the state stays finite: "
                "the step has no derivative there, or qr_every is too large."
            )
        return after, frame2, rows

    def advance(self, x: Any, frame: Any, n: int) -> tuple:
        """One step and its log stretching, by the loop that computes the rows; nothing is checked."""
        one = jnp.asarray(1)
        x, frame, rows = tangent_rows(self.system, self.driver, x, frame, jnp.asarray(n), one, one, self.capacity)
        return x, frame, np.asarray(rows)[0]

    def rows(self, x: Any, frame: Any, n: int, n_rows: int, every: int, tol: float | None, bar: Progress) -> tuple:
        """All rows, chunk by chunk, until done, converged, interrupted or not finite."""
        parts: list[np.ndarray] = []
        done, status, pace = 0, Status.OK, Pace(self.capacity)
        try:
            while done < n_rows:
                size = pace.next(n_rows - done)
                began = time.perf_counter()
                x, frame, rows = self.chunk(x, frame, n + done * every, size, every)
                pace.took(size, time.perf_counter() - began, done == 0)
                parts.append(rows)
                done += size
                bar.advance(size * every)
                if tol is not None and done >= 8 * MIN_ROWS and self.converged(parts, every, tol):
                    status = Status.CONVERGED
                    break
        except KeyboardInterrupt:
            message = f"interrupted: the exponents rest on {done * every} of {n_rows * every} steps."
            warnings.warn(message, InterruptedWarning, stacklevel=4)
            status = Status.INTERRUPTED
        except NonFiniteStateError as error:
            good = (error.step - n - done * every) // every
            if self.throw or done + good < MIN_ROWS:
                raise
            if good:
                x, frame, rows = self.chunk(x, frame, n + done * every, good, every)
                parts.append(rows)
            status = Status.NON_FINITE
        return x, frame, np.concatenate(parts) if parts else np.zeros((0, self.k)), status

    def converged(self, parts: list[np.ndarray], every: int, tol: float) -> bool:
        stderr = np.asarray(mean_estimate(np.concatenate(parts)).stderr) / (every * float(self.system.dt))
        return bool(np.all(stderr < tol))
