"""Exponential steps of semilinear equations: the linear part is solved exactly, the rest by Runge-Kutta."""

import abc
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Inexact

if TYPE_CHECKING:  # type checkers know only the plain one
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

N_TAYLOR = 20


def phi_functions(z: Inexact[Array, "..."]) -> tuple[Array, Array, Array]:
    r"""Return the first three phi functions, without cancellation near z = 0.

    $$\varphi_1 = \frac{e^z - 1}{z}, \quad \varphi_{k+1} = \frac{\varphi_k - 1/k!}{z}$$

    Args:
        z: real or complex numbers.

    Returns:
        phi_1, phi_2 and phi_3, each of the shape of z.

    Accuracy: some 10 units of round-off: a Taylor series within the disc of radius 1, the formula itself outside,
        where the recursion loses at most a digit. A contour integral does the same at 32 times the cost.

    Example:
        >>> [float(p) for p in phi_functions(jnp.array(0.0))]
        [1.0, 0.5, 0.16666666666666666]

    Source: [kassam2005].
    """
    near = jnp.abs(z) < 1.0
    small, large = jnp.where(near, z, 0.0), jnp.where(near, 1.0, z)
    series = jnp.full_like(z, 1.0 / math.factorial(N_TAYLOR + 3))
    for n in range(N_TAYLOR - 1, -1, -1):
        series = series * small + 1.0 / math.factorial(n + 3)
    near3 = series
    near2 = 0.5 + small * near3
    near1 = 1.0 + small * near2
    far1 = jnp.expm1(large) / large
    far2 = (far1 - 1.0) / large
    far3 = (far2 - 0.5) / large
    return jnp.where(near, near1, far1), jnp.where(near, near2, far2), jnp.where(near, near3, far3)


class AbstractExponentialStepper(eqx.Module):
    """A rule that advances `dv/dt = symbol v + rest(t, v)` by dt, with a diagonal linear part.

    A subclass gives `order` and `step`.
    """

    order: AbstractClassVar[int]

    @abc.abstractmethod
    def step(self, symbol: Array, rest: Callable[[Any, Array], Array], t: Any, v: Array, dt: Any) -> Array:
        """Advance by one step.

        Args:
            symbol: the linear part, a factor for each component of v, or a shape that broadcasts to it.
            rest: `rest(t, v)`, of the shape of v.
            t: time at the start of the step.
            v: state, mostly complex Fourier coefficients.
            dt: length of the step.
        """


class ETDRK4(AbstractExponentialStepper):
    r"""Exponential time differencing with a Runge-Kutta method of order 4.

    With z = dt L, N the rest, and phi the functions of `phi_functions`:

    $$a = e^{z/2} v + \tfrac{h}{2} \varphi_1(\tfrac z2) N(v), \quad
    b = e^{z/2} v + \tfrac{h}{2} \varphi_1(\tfrac z2) N(a), \quad
    c = e^{z/2} a + \tfrac{h}{2} \varphi_1(\tfrac z2) (2 N(b) - N(v))$$

    $$v' = e^z v + h \left[(\varphi_1 - 3 \varphi_2 + 4 \varphi_3) N(v) + 2 (\varphi_2 - 2 \varphi_3)(N(a) + N(b))
    + (4 \varphi_3 - \varphi_2) N(c)\right]$$

    Accuracy: order 4 where dt times the stiffness is not small only for smooth solutions that start in balance.
    Laws: exact where the rest is constant; the classical Runge-Kutta step where the linear part is zero.
    Cost: 4 evaluations of the rest.

    Example:
        >>> decay = ETDRK4().step(jnp.array([-50.0]), lambda t, v: 0.0 * v, 0.0, jnp.array([1.0]), 0.1)
        >>> bool(abs(decay[0] - jnp.exp(-5.0)) < 1e-15)
        True

    Source: [cox2002]; [kassam2005].
    """

    order: ClassVar[int] = 4

    def step(self, symbol: Array, rest: Callable[[Any, Array], Array], t: Any, v: Array, dt: Any) -> Array:
        """Advance v by dt."""
        z = dt * symbol
        half = jnp.exp(0.5 * z)
        lift = 0.5 * dt * phi_functions(0.5 * z)[0]
        one, two, three = phi_functions(z)
        n1 = rest(t, v)
        a = half * v + lift * n1
        n2 = rest(t + 0.5 * dt, a)
        b = half * v + lift * n2
        n3 = rest(t + 0.5 * dt, b)
        c = half * a + lift * (2.0 * n3 - n1)
        n4 = rest(t + dt, c)
        weighed = (one - 3.0 * two + 4.0 * three) * n1 + 2.0 * (two - 2.0 * three) * (n2 + n3)
        return half * half * v + dt * (weighed + (4.0 * three - two) * n4)
