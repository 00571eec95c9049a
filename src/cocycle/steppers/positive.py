"""An Ito step that keeps square-root processes positive."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from cocycle.core.errors import ParameterError
from cocycle.core.system import Field
from cocycle.steppers.stochastic import AbstractItoStepper, Increment, noise_term


class ImplicitMilstein(AbstractItoStepper):
    r"""The Milstein step of a scalar Ito equation whose drift is taken at the end of the step, of strong order 1.

    $$y' = y + a(y')\,\Delta t + g\,\Delta W + \tfrac12 g g'\,(\Delta W^2 - \Delta t)$$

    One Newton step from y solves for y', which is exact where the drift is linear in y.

    Laws: for the square-root process dy = k (m - y) dt + s sqrt(y) dW the explicit part is
        (sqrt(y) + s dW / 2)^2 - s^2 dt / 4, so that y' stays positive whenever 4 k m >= s^2.
    Limits: scalar states. At y = 0 the derivative of a square root is infinite: start above.
    Cost: 1 evaluation of drift and diffusion with a derivative each.

    Example:
        >>> rule = ImplicitMilstein()
        >>> y, dw = jnp.array(1.0), jnp.array(0.2)
        >>> round(float(rule.step(lambda t, y, a: -y, lambda t, y, a: 0.0 * y, 0.0, y, None, 0.25, dw)), 12)
        0.8

    Source: [kahl2006].
    """

    strong_order: ClassVar[float] = 1.0

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""
        one = jnp.ones_like(y)
        g, slope = jax.jvp(lambda y: jnp.asarray(diffusion(t, y, args), dtype=y.dtype), (y,), (one,))
        a, pull = jax.jvp(lambda y: drift(t + dt, y, args), (y,), (one,))
        kick = noise_term(g, y, dw) + 0.5 * g * slope * (dw**2 - dt)
        return y + (a * dt + kick) / (1.0 - pull * dt)

    def check(self, diffusion: Field, t: Any, y: Array, args: Any, noise_shape: tuple[int, ...] | None) -> None:
        """Refuse states of more than one component.

        Raises:
            ParameterError: if the state is not a scalar.
        """
        if y.ndim:
            raise ParameterError(f"ImplicitMilstein serves scalar states, got shape {y.shape}; use Milstein().")
