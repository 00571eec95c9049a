"""Kramers' law: the rate at which weak noise drives a gradient system out of a well."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ParameterError

STATIONARY = 1e-6


def kramers_rate(potential: Callable[[Any], Any], *, well: Any, saddle: Any, sigma: Any) -> float:
    r"""Rate of escape over a saddle for `dx = -grad U dt + sigma dW`, in the limit of weak noise.

    $$k = \frac{|\mu|}{2\pi} \sqrt{\frac{\det U''(\text{well})}{|\det U''(\text{saddle})|}}\;
    e^{-2 (U(\text{saddle}) - U(\text{well})) / \sigma^2}$$

    mu is the negative eigenvalue at the saddle. 1 / k is the mean time of a transition to the far side (half of the
    paths that reach the saddle turn back).

    Args:
        potential: U, from a state to a number, written with `jax.numpy`.
        well: minimum of U.
        saddle: stationary point of U with one unstable direction.
        sigma: strength of the noise.

    Returns:
        Rate [1 / time].

    Raises:
        ParameterError: if the points are no minimum and no saddle of index 1, or sigma is not positive.

    Accuracy: relative error of order sigma^2 over the barrier.

    Example:
        >>> round(kramers_rate(lambda x: x**4 / 4 - x**2 / 2, well=1.0, saddle=0.0, sigma=0.35), 6)
        0.003799

    Source: [kramers1940]; [eyring1935]; [hanggi1990].
    """
    if not float(sigma) > 0:
        raise ParameterError(f"sigma is {sigma}; the strength of the noise is positive.")
    a, s = (jnp.atleast_1d(jnp.asarray(point, dtype=float)) for point in (well, saddle))
    shape = jnp.shape(well)

    def u(x: Any) -> Any:
        return jnp.reshape(potential(jnp.reshape(x, shape)), ())

    for x, name in ((a, "well"), (s, "saddle")):
        slope = float(jnp.max(jnp.abs(jax.grad(u)(x))))
        if slope > STATIONARY:
            raise ParameterError(f"the potential has slope {slope:.2g} at the {name} {np.asarray(x)}; find it exactly.")
    bottom, top = (np.linalg.eigvalsh(np.asarray(jax.hessian(u)(x))) for x in (a, s))
    if bottom[0] <= 0:
        raise ParameterError(f"the well has curvatures {bottom}; a minimum has positive ones only.")
    if top[0] >= 0 or np.any(top[1:] <= 0):
        raise ParameterError(f"the saddle has curvatures {top}; it must have exactly one negative one.")
    barrier = float(u(s) - u(a))
    prefactor = abs(top[0]) / (2 * np.pi) * np.sqrt(np.prod(bottom) / abs(np.prod(top)))
    return float(prefactor * np.exp(-2.0 * barrier / float(sigma) ** 2))
