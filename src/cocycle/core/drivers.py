"""Drivers: what moves a system from outside, a pure function of the step number.

All randomness and all data live here, never in `step`. The same driver gives the same realisation.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from cocycle.core.counter_noise import normal_at
from cocycle.core.errors import DriverError, ParameterError

StepNumber = int | Int[Array, ""]


class AbstractDriver(eqx.Module):
    """A drive `w_n = at(n)`, pure in the step number n."""

    @abc.abstractmethod
    def at(self, n: StepNumber) -> Any:
        """Return the drive of step n: any pytree, of the same structure and shapes for all n."""

    def check_length(self, n_steps: int) -> None:
        """Raise DriverError where the driver cannot serve the steps 0 to n_steps - 1.

        Args:
            n_steps: number of the last step, plus one.
        """


class Still(AbstractDriver):
    """No drive: an autonomous map or flow.

    Example:
        >>> Still().at(3) is None
        True
    """

    def at(self, n: StepNumber) -> None:
        """Return None."""
        return None


class Clock(AbstractDriver):
    """Time at the start of each step, for a field that depends on t.

    Args:
        dt: time per step [unit of the system].
        t0: time of step 0 [same].

    Example:
        >>> float(Clock(0.5).at(3))
        1.5
    """

    dt: Float[Array, ""]
    t0: Float[Array, ""]

    def __init__(self, dt: Any, t0: Any = 0.0):
        self.dt = jnp.asarray(dt, dtype=float)
        self.t0 = jnp.asarray(t0, dtype=float)

    def at(self, n: StepNumber) -> Float[Array, ""]:
        """Return t0 + n dt."""
        return self.t0 + n * self.dt


def _as_key(key: Any) -> PRNGKeyArray:
    """Accept a typed key, a legacy key array or an integer seed."""
    if isinstance(key, int):
        return jr.key(key)
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    if eqx.is_array_like(key) and jnp.asarray(key).dtype == jnp.uint32 and jnp.ndim(key) == 1:
        return jr.wrap_key_data(jnp.asarray(key))
    raise DriverError("key must be a JAX random key; make one with jax.random.key(0).")


class Brownian(AbstractDriver):
    """Independent standard normal numbers, one draw a step; the SDE step scales them by sqrt(dt).

    Args:
        key: random key; the same key is the same noise path.
        shape: shape of one draw. `()` is one common noise for every component.

    Example:
        >>> Brownian(0, (2,)).at(7).shape
        (2,)
    """

    key: PRNGKeyArray
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, key: Any, shape: int | tuple[int, ...] = ()):
        self.key = _as_key(key)
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)

    def at(self, n: StepNumber) -> Float[Array, "..."]:
        """Return the standard normal draw of step n."""
        return normal_at(self.key, n, self.shape)


class Keys(AbstractDriver):
    """A fresh random key a step, for Monte Carlo sweeps.

    Args:
        key: random key from which all others follow.
    """

    key: PRNGKeyArray

    def __init__(self, key: Any):
        self.key = _as_key(key)

    def at(self, n: StepNumber) -> PRNGKeyArray:
        """Return the key of step n."""
        return jr.fold_in(self.key, n)


class Minibatch(AbstractDriver):
    """Indices of the samples that step n sees.

    Args:
        key: random key.
        n_samples: size of the data set.
        batch_size: B, indices a step.
        replace: True draws independently each step. False walks through a new
            permutation each epoch (a rest shorter than a batch is dropped); a
            step then costs one permutation of n_samples.

    Example:
        >>> Minibatch(0, n_samples=10, batch_size=4).at(0).shape
        (4,)
    """

    key: PRNGKeyArray
    n_samples: int = eqx.field(static=True)
    batch_size: int = eqx.field(static=True)
    replace: bool = eqx.field(static=True)

    def __init__(self, key: Any, n_samples: int, batch_size: int, replace: bool = True):
        if n_samples < 1 or batch_size < 1:
            raise ParameterError(f"n_samples and batch_size must be positive, got {n_samples} and {batch_size}.")
        if batch_size > n_samples and not replace:
            raise ParameterError(
                f"batch_size={batch_size} exceeds n_samples={n_samples}; take a smaller batch or replace=True."
            )
        self.key = _as_key(key)
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.replace = replace

    def at(self, n: StepNumber) -> Int[Array, "B"]:
        """Return the B sample indices of step n."""
        if self.replace:
            return jr.randint(jr.fold_in(self.key, n), (self.batch_size,), 0, self.n_samples)
        per_epoch = self.n_samples // self.batch_size
        order = jr.permutation(jr.fold_in(self.key, n // per_epoch), self.n_samples)
        return jax.lax.dynamic_slice_in_dim(order, (n % per_epoch) * self.batch_size, self.batch_size)


class Recorded(AbstractDriver):
    """A recorded input sequence: step n sees row n.

    Args:
        values: pytree of arrays, time along the first axis.
    """

    values: PyTree[Array]

    def __init__(self, values: Any):
        values = jax.tree.map(jnp.asarray, values)
        lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(values)}
        if len(lengths) != 1 or lengths == {()}:
            raise DriverError("Recorded needs arrays that share a first (time) axis of one length.")
        self.values = values

    @property
    def n_steps(self) -> int:
        """Number of recorded steps."""
        return jax.tree.leaves(self.values)[0].shape[0]

    def at(self, n: StepNumber) -> PyTree[Array]:
        """Return row n."""
        return jax.tree.map(lambda leaf: leaf[n], self.values)

    def check_length(self, n_steps: int) -> None:
        """Raise DriverError where fewer than n_steps rows were recorded.

        Args:
            n_steps: number of the last step, plus one.

        Raises:
            DriverError: if the record is too short.
        """
        if n_steps > self.n_steps:
            raise DriverError(
                f"the driver holds {self.n_steps} recorded steps but {n_steps} are needed; "
                "record more, or take fewer steps (transient included)."
            )


class Joint(AbstractDriver):
    """Several drivers at once: the drive is the tuple of theirs, e.g. (time, noise).

    Args:
        drivers: the drivers, in the order in which the system expects them.

    Example:
        >>> t, xi = Joint(Clock(0.1), Brownian(0)).at(10)
        >>> round(float(t), 12)
        1.0
    """

    drivers: tuple[AbstractDriver, ...]

    def __init__(self, *drivers: AbstractDriver):
        self.drivers = drivers

    def at(self, n: StepNumber) -> tuple[Any, ...]:
        """Return the tuple of the drives of step n."""
        return tuple(driver.at(n) for driver in self.drivers)

    def check_length(self, n_steps: int) -> None:
        """Ask each driver.

        Args:
            n_steps: number of the last step, plus one.
        """
        for driver in self.drivers:
            driver.check_length(n_steps)
