"""Teacher forcing: how strongly a model is held to the data while it is trained."""

import abc
import dataclasses
from typing import Any

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError

REFRESH_EVERY = 5
DECAY = 0.999
MAX_PRODUCTS = 32


@dataclasses.dataclass(frozen=True)
class AbstractForcing(abc.ABC):
    """Weight with which data replace what the model shows, step by step of a window."""

    def first(self) -> Any:
        """Return the strength before the first update. Default: none."""
        return jnp.asarray(0.0)

    def strength(self, rule: Any, windows: Any, alpha: Any, n: Any) -> Any:
        """Return the strength of update n. Default: that of the update before.

        Args:
            rule: the model.
            windows: (B, length + 1, D) data.
            alpha: strength of the update before.
            n: number of the update.
        """
        return alpha

    @abc.abstractmethod
    def weights(self, alpha: Any, length: int) -> Float[Array, "length"]:
        """Return the weight of the data at each step.

        Args:
            alpha: strength of the update.
            length: steps of a window.
        """


@dataclasses.dataclass(frozen=True)
class SparseForcing(AbstractForcing):
    """What the model shows is replaced by data every `interval` steps; between them it runs freely.

    Args:
        interval: steps; about as many as errors need to grow large.

    Raises:
        ParameterError: if it is not a whole number of at least 1.

    Source: [mikhaeil2022].
    """

    interval: int = 16

    def __post_init__(self):
        if isinstance(self.interval, bool) or not isinstance(self.interval, int) or self.interval < 1:
            raise ParameterError(
                f"SparseForcing: interval must be a whole number of at least 1, got {self.interval!r}."
            )

    def weights(self, alpha: Any, length: int) -> Float[Array, "length"]:
        """Ones every `interval` steps."""
        return (jnp.arange(length) % self.interval == 0).astype(float)


@dataclasses.dataclass(frozen=True)
class GeneralisedForcing(AbstractForcing):
    r"""State and data are mixed at every step, so that gradients stay bounded along windows of any length.

    $$\tilde z = (1 - \alpha) z + \alpha \bar z, \qquad \alpha = \max(0, 1 - 1/s)$$

    s is the geometric mean of the spectral norms of the Jacobians along a window, the largest over the batch.

    Args:
        alpha: strength; None for the adaptive one: estimated every 5 updates, decaying by 0.999 an update, never below
            the estimate.

    Raises:
        ParameterError: if alpha is not between 0 and 1.

    Laws: products of Jacobians of T steps are at most ((1 - alpha) s)^T.

    Source: [hess2023].
    """

    alpha: float | None = None

    def __post_init__(self):
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ParameterError(f"GeneralisedForcing: alpha must be between 0 and 1, or None, got {self.alpha!r}.")

    def first(self) -> Any:
        """The fixed strength, or full forcing, from which the adaptive one decays."""
        return jnp.asarray(1.0 if self.alpha is None else float(self.alpha))

    def strength(self, rule: Any, windows: Any, alpha: Any, n: Any) -> Any:
        """Refresh the adaptive strength from the Jacobians on the data."""
        if self.alpha is not None:
            return alpha
        needed = jax.lax.cond(
            n % REFRESH_EVERY == 0, lambda: optimal_strength(rule, windows), lambda: jnp.zeros_like(alpha)
        )
        return jnp.maximum(jnp.where(n == 0, 0.0, DECAY * alpha), needed)

    def weights(self, alpha: Any, length: int) -> Float[Array, "length"]:
        """The same strength at every step."""
        return jnp.full(length, 1.0) * alpha


def optimal_strength(rule: Any, windows: Float[Array, "B L D"]) -> Float[Array, ""]:
    r"""Forcing strength that bounds the products of Jacobians along windows of data.

    $$\alpha = \max(0, 1 - 1/s), \qquad s = \max_b \Bigl(\prod_t \|J_{bt}\|_2\Bigr)^{1/T}$$

    Args:
        rule: the model.
        windows: (B, L, D) data in units of the rule; of long windows every k-th row is taken.

    Source: [hess2023].
    """
    stride = max(1, windows.shape[1] // MAX_PRODUCTS)

    def log_norm(u: Any) -> Any:
        z = rule.cold(u)
        jacobian = jax.jacfwd(lambda z: rule.advance(z, rule.show(z)))(z)
        gram = jacobian.T @ jacobian
        return 0.5 * jnp.log(jnp.maximum(jnp.linalg.eigvalsh(gram)[-1], 1e-300))

    logs = jax.vmap(jax.vmap(log_norm))(jax.lax.stop_gradient(windows[:, ::stride]))
    return jnp.maximum(0.0, 1 - jnp.exp(-jnp.max(jnp.mean(logs, axis=1))))


def window_errors(
    rule: Any,
    window: Float[Array, "L D"],
    seen: Float[Array, "T D"],
    weights: Any,
    n_checkpoints: int | None = None,
) -> Any:
    """Errors (T, D) of a model along a window, held to what it has seen by the weights (T,).

    Args:
        rule: the model.
        window: (T + 1, D) data.
        seen: (T, D) rows shown to it, e.g. with noise.
        weights: (T,) of the data at each step.
        n_checkpoints: states kept for the way back, others are computed again; None keeps all.
    """

    def one(z: Any, step: Any) -> Any:
        u, target, weight = step
        own = rule.show(z)
        z = rule.advance(z, own + weight * (u - own))
        return z, rule.show(z) - target

    start, steps = rule.cold(seen[0]), (seen, window[1:], weights)
    if n_checkpoints is None:
        return jax.lax.scan(one, start, steps, unroll=4)[1]
    return eqxi.scan(one, start, steps, kind="checkpointed", checkpoints=n_checkpoints)[1]
