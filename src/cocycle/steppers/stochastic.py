"""One step of a stochastic equation: Ito and Stratonovich rules are different types."""

import abc
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.system import Field

if TYPE_CHECKING:  # type checkers know only the plain one
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

Increment = Float[Array, "..."]


class AbstractItoStepper(eqx.Module):
    """A rule for one step of an Ito equation `dy = drift dt + diffusion dW`.

    A subclass gives `strong_order` (of the mean distance of paths) and `step`.
    """

    strong_order: AbstractClassVar[float]

    @abc.abstractmethod
    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under the increment dw.

        Args:
            drift: `drift(t, y, args)`, of the shape of y.
            diffusion: `diffusion(t, y, args)`, a scalar, or of the shape of y, or a matrix.
            t: time at the start of the step.
            y: state.
            args: parameters.
            dt: length of the step.
            dw: increment of the Wiener process, of variance dt.
        """

    def check(self, diffusion: Field, t: Any, y: Array, args: Any, noise_shape: tuple[int, ...] | None) -> None:
        """Raise ParameterError where the rule cannot serve this diffusion. Default: it can.

        Args:
            diffusion: the diffusion.
            t: a time.
            y: an initial state.
            args: parameters.
            noise_shape: shape of one draw, or None where it is not known.
        """


class AbstractStratonovichStepper(eqx.Module):
    """A rule for one step of a Stratonovich equation `dy = drift dt + diffusion o dW`.

    A subclass gives `strong_order` (of the mean distance of paths) and `step`.
    """

    strong_order: AbstractClassVar[float]

    @abc.abstractmethod
    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under the increment dw.

        Args:
            drift: `drift(t, y, args)`, of the shape of y.
            diffusion: `diffusion(t, y, args)`, a scalar, or of the shape of y, or a matrix.
            t: time at the start of the step.
            y: state.
            args: parameters.
            dt: length of the step.
            dw: increment of the Wiener process, of variance dt.
        """


def is_elementwise(g: Any, y: Array, dw: Increment) -> bool:
    """Return whether the noise is a product component by component, from shapes.

    Args:
        g: value of the diffusion.
        y: state.
        dw: increment.
    """
    return jnp.shape(g) in ((), y.shape) and dw.shape in ((), y.shape)


def noise_term(g: Any, y: Array, dw: Increment) -> Array:
    """Return the product of a diffusion and an increment, in the shape of y.

    Scalar or y-shaped g: component by component, where a scalar dw is common to all components.
    g of shape (D, M) with dw of shape (M,): the matrix product.

    Args:
        g: value of the diffusion.
        y: state.
        dw: increment.

    Raises:
        ShapeError: if the three shapes do not fit.
    """
    g = jnp.asarray(g, dtype=y.dtype)
    if is_elementwise(g, y, dw):
        return jnp.broadcast_to(g * dw, y.shape)
    if dw.ndim == 1 and g.shape == (*y.shape, *dw.shape):
        return jnp.tensordot(g, dw, axes=1)
    raise ShapeError(
        f"diffusion of shape {g.shape} and noise of shape {dw.shape} do not act on a state of shape {y.shape}; "
        f"return a scalar or shape {y.shape} and drive with Brownian(key, {y.shape}) (independent) or "
        f"Brownian(key) (common), or return a matrix of shape (D, M) and drive with Brownian(key, (M,))."
    )


class EulerMaruyama(AbstractItoStepper):
    r"""The Euler-Maruyama step of an Ito equation, of strong order 1/2 and weak order 1.

    $$y' = y + a\,\Delta t + g\,\Delta W$$

    Accuracy: strong order 1 where the noise is additive.
    Cost: 1 evaluation of drift and diffusion.

    Example:
        >>> rule = EulerMaruyama()
        >>> y, dw = jnp.array(1.0), jnp.array(0.2)
        >>> float(rule.step(lambda t, y, a: -y, lambda t, y, a: 0.5, 0.0, y, None, 0.1, dw))
        1.0

    Source: [kloeden1992].
    """

    strong_order: ClassVar[float] = 0.5

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""
        return y + drift(t, y, args) * dt + noise_term(diffusion(t, y, args), y, dw)


class Milstein(AbstractItoStepper):
    r"""The Milstein step of an Ito equation with diagonal or common scalar noise, of strong order 1.

    $$y' = y + a\,\Delta t + g\,\Delta W + \tfrac12 (g \cdot \nabla) g\,(\Delta W^2 - \Delta t)$$

    Limits: diagonal noise means that component i of the diffusion depends on y_i only; this is checked by derivatives
    at and near the initial state. Common scalar noise may couple components: say so by `noise_shape=()`.
    Cost: 1 evaluation of the drift, 1 Jacobian-vector product of the diffusion.

    Example:
        >>> rule = Milstein()
        >>> y, dw = jnp.array(1.0), jnp.array(0.2)
        >>> round(float(rule.step(lambda t, y, a: -y, lambda t, y, a: 0.5 * y, 0.0, y, None, 0.1, dw)), 12)
        0.9925

    Source: [milstein1975]; [kloeden1992].
    """

    strong_order: ClassVar[float] = 1.0

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw.

        Raises:
            ParameterError: if the noise is a matrix.
        """

        def g_of(y: Array) -> Array:
            g = jnp.asarray(diffusion(t, y, args), dtype=y.dtype)
            if g.ndim == y.ndim + 1 and dw.shape == g.shape[-1:]:
                raise ParameterError(
                    f"Milstein needs diagonal or common scalar noise, but the diffusion has shape {g.shape}, a matrix; "
                    "use EulerMaruyama()."
                )
            noise_term(g, y, dw)  # for its check of shapes
            return jnp.broadcast_to(g, y.shape)

        g = g_of(y)
        _, slope = jax.jvp(g_of, (y,), (g,))
        return y + drift(t, y, args) * dt + g * dw + 0.5 * slope * (dw**2 - dt)

    def check(self, diffusion: Field, t: Any, y: Array, args: Any, noise_shape: tuple[int, ...] | None) -> None:
        """Refuse a diffusion whose components depend on other components, unless the noise is common.

        Raises:
            ParameterError: if the noise is not diagonal.
        """
        if noise_shape != () and couples_components(diffusion, t, y, args):
            raise ParameterError(
                "Milstein needs diagonal or common scalar noise, but a component of the diffusion depends on another "
                "component of the state; give noise_shape=() if one scalar noise drives all, else use EulerMaruyama()."
            )


def couples_components(diffusion: Field, t: Any, y: Array, args: Any) -> bool:
    """Return whether the Jacobian of an elementwise diffusion is not diagonal, at y or near it.

    Each probe moves a random half of the components and looks at the others. Unknown (False) for traced values.

    Args:
        diffusion: `diffusion(t, y, args)`.
        t: a time.
        y: a state.
        args: parameters.
    """
    leaves = jax.tree.leaves((y, args, eqx.filter(diffusion, eqx.is_array)))
    if y.size < 2 or any(isinstance(leaf, Tracer) for leaf in leaves):
        return False
    if jax.eval_shape(lambda y: jnp.asarray(diffusion(t, y, args)), y).shape not in ((), y.shape):
        return False
    half_key, move_key, shift_key = jax.random.split(jax.random.key(0), 3)
    halves = jax.random.bernoulli(half_key, 0.5, (32, *y.shape))
    moves = jax.random.normal(move_key, (32, *y.shape), dtype=y.dtype)
    shift = jax.random.normal(shift_key, y.shape, dtype=y.dtype)

    def probe(point: Array, half: Array, move: Array) -> tuple[Array, Array]:
        def g_of(y: Array) -> Array:
            return jnp.broadcast_to(jnp.asarray(diffusion(t, y, args), dtype=y.dtype), y.shape)

        _, change = jax.jvp(g_of, (point,), (jnp.where(half, move, 0.0),))
        return jnp.max(jnp.abs(jnp.where(half, 0.0, change))), jnp.max(jnp.abs(change))

    for scale in (0.0, 0.1):
        point = y + scale * (1 + jnp.abs(y)) * shift
        across, total = jax.vmap(probe, in_axes=(None, 0, 0))(point, halves, moves)
        # An elementwise diffusion has exact zeros there; a round-off allowance serves stacked forms.
        if bool(jnp.any(across > 1e-9 * total)):
            return True
    return False


class StochasticHeun(AbstractStratonovichStepper):
    r"""The Heun step of a Stratonovich equation, of strong order 1 for commutative noise.

    $$\tilde y = y + a\,\Delta t + g\,\Delta W, \qquad
    y' = y + \tfrac12 (a + \tilde a)\,\Delta t + \tfrac12 (g + \tilde g)\,\Delta W$$

    Accuracy: strong order 1/2 where the noise does not commute.
    Limits: diagonal and scalar noise commute; a matrix in general does not.
    Cost: 2 evaluations of drift and diffusion.

    Example:
        >>> rule = StochasticHeun()
        >>> y, dw = jnp.array(1.0), jnp.array(0.2)
        >>> round(float(rule.step(lambda t, y, a: -y, lambda t, y, a: 0.5 * y, 0.0, y, None, 0.1, dw)), 12)
        1.0

    Source: [rumelin1982].
    """

    strong_order: ClassVar[float] = 1.0

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""
        a, noise = drift(t, y, args), noise_term(diffusion(t, y, args), y, dw)
        guess = y + a * dt + noise
        a2, noise2 = drift(t + dt, guess, args), noise_term(diffusion(t + dt, guess, args), guess, dw)
        return y + 0.5 * (a + a2) * dt + 0.5 * (noise + noise2)
