"""Chaos indicators from deviation vectors: the generalised alignment index, and the fast Lyapunov indicator."""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.progress import Progress
from cocycle.core.run import Status, check_memory, is_finite, non_finite_error, row_capacity
from cocycle.core.start import count, start
from cocycle.core.system import AbstractSystem
from cocycle.core.tracing import is_traced
from cocycle.stability.frames import dimension, first_frame, orthonormalise, push_frame, require_differentiable

# Steps between orthonormalisations, at most.
BETWEEN = 10


class Alignment(eqx.Module, Presentable):
    """Deviation vectors along an orbit: how long they are, and how well aligned.

    Attributes:
        t: (rows,) [time].
        log_index: (rows,) log of the generalised alignment index GALI_k, exact far below the smallest float.
        log_growth: (rows, k) log of the length of each vector.
        status: how the run ended.
    """

    t: Array | np.ndarray
    log_index: Array | np.ndarray
    log_growth: Array | np.ndarray
    status: Status = eqx.field(static=True, default=Status.OK)

    @property
    def index(self) -> Any:
        """GALI_k itself: the volume that k deviation vectors of unit length span."""
        return (jnp if is_traced(self.log_index) else np).exp(self.log_index)

    @property
    def fast_indicator(self) -> Any:
        """(rows,) fast Lyapunov indicator: the largest log length that any vector has had so far."""
        if is_traced(self.log_growth):
            return jax.lax.cummax(jnp.max(self.log_growth, axis=1))
        return np.maximum.accumulate(np.max(self.log_growth, axis=1))


def _row(system: Any, driver: Any, carry: Any, n: Any, every: Any) -> Any:
    """Push over one row; carry state, frame, coefficients of the deviation vectors, log volume, log lengths."""

    def factored(carry: Any) -> Any:
        x, frame, c, volume, lengths = carry
        q, stretching = orthonormalise(frame)
        c = jnp.triu(q @ frame.T) @ c
        size = jnp.sqrt(jnp.sum(c * c, axis=0))
        return x, q, c / size[None, :], volume + jnp.sum(jnp.log(stretching)), lengths + jnp.log(size)

    def one(j: Any, carry: Any) -> Any:
        x, frame, *rest = carry
        x, frame = push_frame(system, x, driver.at(n + j), frame)
        due = ((j + 1) % BETWEEN == 0) | (j + 1 == every)
        return jax.lax.cond(due, factored, lambda c: c, (x, frame, *rest))

    return jax.lax.fori_loop(0, every, one, carry)


@eqx.filter_jit
def _rows(system: Any, driver: Any, carry: Any, n: Any, n_rows: Any, every: Any, capacity: int) -> Any:
    k = carry[1].shape[0]

    def one(i: Any, state: Any) -> Any:
        carry, index, growth = state
        carry = _row(system, driver, carry, n + i * every, every)
        volume, lengths = carry[3:]
        return carry, index.at[i].set(volume - jnp.sum(lengths)), growth.at[i].set(lengths)

    return jax.lax.fori_loop(0, n_rows, one, (carry, jnp.zeros(capacity), jnp.zeros((capacity, k))))


def alignment_index(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n_vectors: int = 2,
    save_every: int = 10,
    frame: Any = None,
    n0: int = 0,
    progress: bool | None = None,
) -> Alignment:
    r"""Generalised alignment index GALI_k along an orbit, and the growth of its deviation vectors.

    $$\mathrm{GALI}_k(t) = \Bigl\| \frac{v_1(t)}{|v_1(t)|} \wedge \dots \wedge \frac{v_k(t)}{|v_k(t)|} \Bigr\|$$

    A chaotic orbit aligns its vectors at the rate $\sum_{i=2}^k (\lambda_1 - \lambda_i)$; on a torus of dimension s the
    index stays near a constant for k <= s and falls as a power of time beyond. Volume and lengths are kept
    apart, as logs of an orthonormalised frame, so that an index of 1e-1000 keeps its digits.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        n_steps: steps.
        n_vectors: k, at least 1; 2 gives the index equivalent to SALI.
        save_every: steps between rows.
        frame: initial deviation vectors as rows (k, D), independent; default orthonormal in general position.
        n0: number of the first step.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Alignment, `n_steps // save_every` rows; `index`, `log_index`, `fast_indicator`.

    Raises:
        NotDifferentiableError: if the system has no tangents.
        ParameterError: if k exceeds D, or the frame does not fit or is not independent.
        NonFiniteStateError: if the orbit leaves the finite numbers.

    Laws: for a constant diagonal matrix, log GALI falls by log(a_1 / a_2) a step, k = 2, from vectors in general
        position.
    Cost: as `lyapunov_spectrum` with k vectors. Runs under `sweep`, for charts of chaos.

    Example:
        >>> from cocycle.core.functions import Map
        >>> found = alignment_index(Map(lambda x, a: a * x, jnp.array([2.0, 1.0]), x0=[0.0, 0.0]), n_steps=40)
        >>> bool(abs((found.log_index[3] - found.log_index[2]) / 10 + jnp.log(2.0)) < 1e-9)
        True

    Source: [skokos2007].
    """
    require_differentiable(system)
    n_steps, save_every = count(n_steps, "n_steps"), count(save_every, "save_every")
    x, driver = start(system, x0, driver, n_steps=n_steps, n0=count(n0, "n0", 0))
    d, k = dimension(x), count(n_vectors, "n_vectors")
    if k > d:
        raise ParameterError(f"n_vectors={k} exceeds the {d} dimensions of the state.")
    if save_every > n_steps:
        raise ParameterError(f"save_every={save_every} exceeds n_steps={n_steps}: nothing would be saved.")
    given = jnp.asarray(first_frame(k, d) if frame is None else frame, dtype=float)
    if given.shape != (k, d):
        raise ParameterError(f"the frame has shape {given.shape}; {k} rows of {d} components are needed.")
    carry = _first_carry(x, given)
    if not is_traced(given) and not np.all(np.isfinite(np.asarray(carry[3]))):
        raise ParameterError("the initial deviation vectors are not independent; take others.")
    n_rows = n_steps // save_every
    every = jnp.asarray(save_every)
    if is_traced(system, x, driver):
        _, index, growth = _rows(system, driver, carry, jnp.asarray(n0), n_rows, every, n_rows)
        return Alignment((n0 + save_every * (1 + jnp.arange(n_rows))) * system.dt, index, growth)
    check_memory(n_rows, 8 * (k + 1), "save less often (save_every)")
    capacity, done, parts, status = min(row_capacity(8 * (k + 1)), 1024), 0, [], Status.OK
    with Progress(n_rows * save_every, "alignment", progress) as bar:
        try:
            while done < n_rows:
                size, n = min(capacity, n_rows - done), n0 + done * save_every
                after, index, growth = _rows(system, driver, carry, jnp.asarray(n), jnp.asarray(size), every, capacity)
                if not is_finite(after[0]):
                    raise non_finite_error(system, driver, carry[0], n, size * save_every)
                parts.append((np.asarray(index)[:size], np.asarray(growth)[:size]))
                carry, done = after, done + size
                bar.advance(size * save_every)
        except KeyboardInterrupt:
            warnings.warn(f"interrupted: {done} of {n_rows} rows are returned.", InterruptedWarning, stacklevel=2)
            status = Status.INTERRUPTED
    t = (n0 + save_every * (1 + np.arange(done))) * float(system.dt)
    index = np.concatenate([p[0] for p in parts]) if parts else np.zeros(0)
    growth = np.concatenate([p[1] for p in parts]) if parts else np.zeros((0, k))
    return Alignment(t, index, growth, status)


def _first_carry(x: Any, frame: Any) -> Any:
    lengths = jnp.linalg.norm(frame, axis=1)
    unit = frame / lengths[:, None]
    q, stretching = orthonormalise(unit)
    zero = jnp.zeros(frame.shape[0])
    return x, q, jnp.triu(q @ unit.T), jnp.sum(jnp.log(stretching)), zero


def fast_lyapunov_indicator(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    n_steps: int,
    n_vectors: int = 1,
    **options: Any,
) -> Any:
    r"""Fast Lyapunov indicator at the end of an orbit: for charts that tell chaos from order in short runs.

    $$\mathrm{FLI}(t) = \sup_{s \le t} \max_k \log |v_k(s)|$$

    linear in t for chaotic orbits, logarithmic for regular ones, and different on resonant and non-resonant tori.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        n_steps: steps.
        n_vectors: initial unit vectors, orthonormal, whose largest growth counts.
        **options: those of `alignment_index`.

    Returns:
        The indicator [nats]; the whole curve is `alignment_index(...).fast_indicator`.

    Example:
        >>> from cocycle.core.functions import Map
        >>> double = Map(lambda x, a: a * x, 2.0, x0=0.0)
        >>> round(float(fast_lyapunov_indicator(double, n_steps=100) / jnp.log(2.0)), 9)
        100.0

    Source: [froeschle2000].
    """
    return alignment_index(system, x0, driver, n_steps=n_steps, n_vectors=n_vectors, **options).fast_indicator[-1]
