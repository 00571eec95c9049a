"""Optimisers as update rules whose constants are leaves: another learning rate does not compile again."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from cocycle.core.errors import ParameterError
from cocycle.core.tracing import is_traced

Params = PyTree[Any]
Gradient = Callable[[Params], Params]


class AbstractOptimiser(eqx.Module):
    """A rule that moves parameters by the gradient on one batch, with a memory of its own."""

    @abc.abstractmethod
    def init(self, params: Params) -> Any:
        """Return the memory at the first step, a pytree of arrays or None.

        Args:
            params: the parameters that will be trained.
        """

    @abc.abstractmethod
    def update(self, gradient: Gradient, params: Params, memory: Any) -> tuple[Params, Any]:
        """Return the next parameters and memory.

        Args:
            gradient: gradient of the loss on the batch of this step, as a function of the parameters.
            params: parameters.
            memory: memory.
        """


def _number(value: Any, name: str, low: float, high: float = float("inf"), open_low: bool = False) -> Array:
    """Check a constant of an optimiser.

    Raises:
        ParameterError: if it is out of its range.
    """
    value = jnp.asarray(value, dtype=float)
    if not is_traced(value) and (value.ndim or not low <= float(value) < high or (open_low and float(value) == low)):
        edge = "above" if open_low else "at least"
        raise ParameterError(f"{name} must be one number {edge} {low:g} and below {high:g}, got {value}.")
    return value


def _zeros(params: Params) -> Params:
    return jax.tree.map(jnp.zeros_like, params)


def _like(leaf: Array, value: Array) -> Array:
    """Cast to the dtype of a parameter, so that float32 models stay float32."""
    return value.astype(leaf.dtype)


def _moved(params: Params, rate: Array, direction: Params) -> Params:
    return jax.tree.map(lambda p, d: p - _like(p, rate * d), params, direction)


class SGD(AbstractOptimiser):
    r"""Gradient descent, stochastic where batches are: $\theta' = \theta - \eta g$.

    Args:
        learning_rate: eta.

    Example:
        >>> float(SGD(0.1).update(lambda p: 2 * p, jnp.array(1.0), None)[0])
        0.8
    """

    learning_rate: Float[Array, ""]

    def __init__(self, learning_rate: Any):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)

    def init(self, params: Params) -> None:
        """Return None: no memory."""
        return None

    def update(self, gradient: Gradient, params: Params, memory: Any) -> tuple[Params, Any]:
        """Step down the gradient."""
        return _moved(params, self.learning_rate, gradient(params)), memory


class HeavyBall(AbstractOptimiser):
    r"""Momentum: $v' = \beta v + g$, $\theta' = \theta - \eta v'$.

    Args:
        learning_rate: eta.
        momentum: beta.

    Source: [polyak1964].
    """

    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]

    def __init__(self, learning_rate: Any, momentum: Any = 0.9):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.momentum = _number(momentum, "momentum", 0.0, 1.0)

    def init(self, params: Params) -> Params:
        """Return a velocity of zero."""
        return _zeros(params)

    def update(self, gradient: Gradient, params: Params, memory: Params) -> tuple[Params, Params]:
        """Add the gradient to the velocity and step along it."""
        velocity = jax.tree.map(lambda v, g: _like(v, self.momentum * v + g), memory, gradient(params))
        return _moved(params, self.learning_rate, velocity), velocity


class Nesterov(AbstractOptimiser):
    r"""Nesterov's momentum: $v' = \beta v + g$, $\theta' = \theta - \eta (g + \beta v')$.

    Args:
        learning_rate: eta.
        momentum: beta.

    Source: [nesterov1983], in the form of [sutskever2013].
    """

    learning_rate: Float[Array, ""]
    momentum: Float[Array, ""]

    def __init__(self, learning_rate: Any, momentum: Any = 0.9):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.momentum = _number(momentum, "momentum", 0.0, 1.0)

    def init(self, params: Params) -> Params:
        """Return a velocity of zero."""
        return _zeros(params)

    def update(self, gradient: Gradient, params: Params, memory: Params) -> tuple[Params, Params]:
        """Step along the gradient and the velocity that it makes."""
        g = gradient(params)
        velocity = jax.tree.map(lambda v, g: _like(v, self.momentum * v + g), memory, g)
        return _moved(
            params, self.learning_rate, jax.tree.map(lambda v, g: g + self.momentum * v, velocity, g)
        ), velocity


class RMSProp(AbstractOptimiser):
    r"""Gradient over its running size.

    $$s' = \rho s + (1-\rho) g^2, \qquad \theta' = \theta - \eta g / (\sqrt{s'} + \epsilon)$$

    Args:
        learning_rate: eta.
        decay: rho.
        eps: epsilon.

    Limits: the root has no derivative at s = 0: exponents need gradients that do not vanish.
    """

    learning_rate: Float[Array, ""]
    decay: Float[Array, ""]
    eps: Float[Array, ""]

    def __init__(self, learning_rate: Any, decay: Any = 0.9, eps: Any = 1e-8):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.decay = _number(decay, "decay", 0.0, 1.0)
        self.eps = _number(eps, "eps", 0.0)

    def init(self, params: Params) -> Params:
        """Return squares of zero."""
        return _zeros(params)

    def update(self, gradient: Gradient, params: Params, memory: Params) -> tuple[Params, Params]:
        """Step along the gradient, each component over its running root mean square."""
        g = gradient(params)
        square = jax.tree.map(lambda s, g: _like(s, self.decay * s + (1 - self.decay) * g**2), memory, g)
        direction = jax.tree.map(lambda g, s: g / (jnp.sqrt(s) + self.eps), g, square)
        return _moved(params, self.learning_rate, direction), square


class Adam(AbstractOptimiser):
    r"""Adam, and AdamW with `weight_decay`: running mean over running root mean square, both corrected for their start.

    $$m' = \beta_1 m + (1-\beta_1) g, \quad s' = \beta_2 s + (1-\beta_2) g^2, \quad
    \theta' = \theta - \eta \Bigl(\frac{\hat m}{\sqrt{\hat s + \epsilon_0} + \epsilon} + w\,\theta\Bigr)$$

    Args:
        learning_rate: eta.
        b1: decay of the mean.
        b2: decay of the squares.
        eps: epsilon.
        eps_root: epsilon_0; above 0 it gives the root a derivative where squares vanish.
        weight_decay: w, decoupled from the gradient (AdamW).

    Limits: at an interpolating minimum all squares vanish, and with eps_root = 0 the step has no derivative there.

    Source: [kingma2015]; decoupled decay [loshchilov2019].
    """

    learning_rate: Float[Array, ""]
    b1: Float[Array, ""]
    b2: Float[Array, ""]
    eps: Float[Array, ""]
    eps_root: Float[Array, ""]
    weight_decay: Float[Array, ""]

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-8,
        eps_root: Any = 0.0,
        weight_decay: Any = 0.0,
    ):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.b1 = _number(b1, "b1", 0.0, 1.0)
        self.b2 = _number(b2, "b2", 0.0, 1.0)
        self.eps = _number(eps, "eps", 0.0)
        self.eps_root = _number(eps_root, "eps_root", 0.0)
        self.weight_decay = _number(weight_decay, "weight_decay", 0.0)

    def init(self, params: Params) -> tuple[Int[Array, ""], Params, Params]:
        """Return count, mean and squares of zero."""
        return jnp.zeros((), jnp.int32), _zeros(params), _zeros(params)

    def update(self, gradient: Gradient, params: Params, memory: Any) -> tuple[Params, Any]:
        """Step along the mean over the root mean square."""
        n, mean, square = memory
        n, g = n + 1, gradient(params)
        mean = jax.tree.map(lambda m, g: _like(m, self.b1 * m + (1 - self.b1) * g), mean, g)
        square = jax.tree.map(lambda s, g: _like(s, self.b2 * s + (1 - self.b2) * g**2), square, g)

        def direction(m: Array, s: Array, p: Array) -> Array:
            root = jnp.sqrt(s / (1 - self.b2**n) + self.eps_root) + self.eps
            return m / (1 - self.b1**n) / root + self.weight_decay * p

        return _moved(params, self.learning_rate, jax.tree.map(direction, mean, square, params)), (n, mean, square)


def AdamW(learning_rate: Any, *, weight_decay: Any = 1e-4, **options: Any) -> Adam:
    """Adam with decoupled weight decay.

    Args:
        learning_rate: eta.
        weight_decay: w.
        **options: those of `Adam`.

    Returns:
        The optimiser.

    Source: [loshchilov2019].
    """
    return Adam(learning_rate, weight_decay=weight_decay, **options)


class Lion(AbstractOptimiser):
    r"""Sign of a mixture of gradient and running mean.

    $$\theta' = \theta - \eta\,(\mathrm{sign}(\beta_1 m + (1-\beta_1) g) + w\,\theta), \qquad
    m' = \beta_2 m + (1-\beta_2) g$$

    Args:
        learning_rate: eta.
        b1: weight of the mean in the step.
        b2: decay of the mean.
        weight_decay: w.

    Limits: the sign has derivative 0 wherever it has one, so tangents see weight decay and the mean only, and the
        exponents do not tell how Lion settles; look at orbits.

    Source: [chen2023lion].
    """

    learning_rate: Float[Array, ""]
    b1: Float[Array, ""]
    b2: Float[Array, ""]
    weight_decay: Float[Array, ""]

    def __init__(self, learning_rate: Any, b1: Any = 0.9, b2: Any = 0.99, weight_decay: Any = 0.0):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.b1 = _number(b1, "b1", 0.0, 1.0)
        self.b2 = _number(b2, "b2", 0.0, 1.0)
        self.weight_decay = _number(weight_decay, "weight_decay", 0.0)

    def init(self, params: Params) -> Params:
        """Return a mean of zero."""
        return _zeros(params)

    def update(self, gradient: Gradient, params: Params, memory: Params) -> tuple[Params, Params]:
        """Step by signs."""
        g = gradient(params)
        mixed = jax.tree.map(lambda m, g: self.b1 * m + (1 - self.b1) * g, memory, g)
        direction = jax.tree.map(lambda m, p: jnp.sign(m) + self.weight_decay * p, mixed, params)
        mean = jax.tree.map(lambda m, g: _like(m, self.b2 * m + (1 - self.b2) * g), memory, g)
        return _moved(params, self.learning_rate, direction), mean


class SAM(AbstractOptimiser):
    r"""Sharpness-aware minimisation: the gradient is taken where the loss is largest nearby.

    $$\theta' = \theta - \eta\, g\bigl(\theta + \rho\, g(\theta) / |g(\theta)|\bigr)$$

    Args:
        learning_rate: eta.
        radius: rho.

    Limits: the direction g/|g| has no derivative where the gradient vanishes; it counts as zero there.
    Cost: two gradients a step.

    Source: [foret2021].
    """

    learning_rate: Float[Array, ""]
    radius: Float[Array, ""]

    def __init__(self, learning_rate: Any, radius: Any = 0.05):
        self.learning_rate = _number(learning_rate, "learning_rate", 0.0, open_low=True)
        self.radius = _number(radius, "radius", 0.0)

    def init(self, params: Params) -> None:
        """Return None: no memory."""
        return None

    def update(self, gradient: Gradient, params: Params, memory: Any) -> tuple[Params, Any]:
        """Step down the gradient found uphill."""
        g = gradient(params)
        square = sum(jnp.sum(leaf.astype(float) ** 2) for leaf in jax.tree.leaves(g))
        scale = jnp.where(square > 0, self.radius / jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        uphill = jax.tree.map(lambda p, g: p + _like(p, scale * g), params, g)
        return _moved(params, self.learning_rate, gradient(uphill)), memory


class Optax(AbstractOptimiser):
    """Any optax gradient transformation.

    Args:
        transformation: e.g. `optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1))`. Its constants are closed
            over: another one compiles again, unless it comes from `optax.inject_hyperparams`.

    Example:
        >>> import optax
        >>> float(Optax(optax.sgd(0.1)).update(lambda p: 2 * p, jnp.array(1.0), optax.sgd(0.1).init(jnp.array(1.0)))[0])
        0.8
    """

    transformation: Any = eqx.field(static=True)

    def init(self, params: Params) -> Any:
        """Return optax's state, numbers as arrays."""
        return jax.tree.map(jnp.asarray, self.transformation.init(params))

    def update(self, gradient: Gradient, params: Params, memory: Any) -> tuple[Params, Any]:
        """Apply optax's updates."""
        updates, memory = self.transformation.update(gradient(params), memory, params)
        return jax.tree.map(lambda p, u: p + _like(p, u), params, updates), memory
