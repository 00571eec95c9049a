"""Steps of stochastic equations that stay on a manifold, to round-off."""

from typing import Any, ClassVar

from jaxtyping import Array

from cocycle.core.errors import ParameterError
from cocycle.core.system import Field
from cocycle.steppers.manifolds import AbstractManifold
from cocycle.steppers.stochastic import AbstractItoStepper, AbstractStratonovichStepper, Increment, noise_term


def _checked(manifold: Any, name: str) -> AbstractManifold:
    if not isinstance(manifold, AbstractManifold):
        raise ParameterError(f"{name} takes a manifold such as Sphere(), Torus() or Orthogonal(), got {manifold!r}.")
    return manifold


class ProjectedEuler(AbstractItoStepper):
    r"""The Euler-Maruyama step of an Ito equation that lives on a manifold, then the nearest point.

    $$y' = \Pi(y + a\,\Delta t + g\,\Delta W)$$

    The Ito drift of an equation on a manifold has a part normal to it (on the sphere, -|g|^2 y / 2); leaving it out
    makes no difference here, because the projection supplies it.

    Args:
        manifold: where the state lives.

    Accuracy: strong order 1/2, weak order 1; the constraint to round-off.
    Cost: 1 evaluation of drift and diffusion, 1 projection.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.steppers.manifolds import Sphere
        >>> y = jnp.array([1.0, 0.0])
        >>> rule = ProjectedEuler(Sphere())
        >>> out = rule.step(lambda t, y, a: 0 * y, lambda t, y, a: 1.0, 0.0, y, None, 0.1, jnp.array([0.0, 0.3]))
        >>> round(float(jnp.sum(out**2)), 12)
        1.0

    Source: [kloeden1992]; projection: [hairer2006].
    """

    manifold: AbstractManifold
    strong_order: ClassVar[float] = 0.5

    def __init__(self, manifold: Any):
        self.manifold = _checked(manifold, "ProjectedEuler")

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""
        return self.manifold.project(y + drift(t, y, args) * dt + noise_term(diffusion(t, y, args), y, dw))


class ProjectedHeun(AbstractStratonovichStepper):
    r"""The Heun step of a Stratonovich equation with fields made tangent, then the nearest point.

    Any ambient drift and diffusion may be given: what is not tangent is taken away, so `dX = P_X (noise)` is written
    with the noise alone.

    Args:
        manifold: where the state lives.

    Accuracy: strong order 1 for commutative noise, else 1/2; weak order 1; the constraint to round-off.
    Cost: 2 evaluations of drift and diffusion, 2 projections.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.steppers.manifolds import Torus
        >>> rule = ProjectedHeun(Torus(1.0))
        >>> y, dw = jnp.array([0.9]), jnp.array(0.2)
        >>> out = rule.step(lambda t, y, a: 0 * y, lambda t, y, a: 1.0, 0.0, y, None, 0.1, dw)
        >>> round(float(out[0]), 12)
        0.1

    Source: [rumelin1982]; projection: [hairer2006].
    """

    manifold: AbstractManifold
    strong_order: ClassVar[float] = 1.0

    def __init__(self, manifold: Any):
        self.manifold = _checked(manifold, "ProjectedHeun")

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""

        def move(t: Any, y: Array) -> Array:
            return self.manifold.tangent(y, drift(t, y, args) * dt + noise_term(diffusion(t, y, args), y, dw))

        first = move(t, y)
        guess = self.manifold.project(y + first)
        return self.manifold.project(y + 0.5 * (first + move(t + dt, guess)))


class GeometricHeun(AbstractStratonovichStepper):
    r"""The Heun step in the Lie algebra of the motions of a manifold: points move by exponentials, never off it.

    $$\tilde y = e^{A(y)} y, \qquad y' = e^{(A(y) + A(\tilde y)) / 2}\, y$$

    A(y) is the infinitesimal motion that gives the increment of the equation at y: a rotation on the sphere and on the
    orthogonal group, a shift on a torus. Rotations of the orthogonal group at a fixed axis are reproduced exactly.

    Args:
        manifold: where the state lives.

    Accuracy: strong order 1 for commutative noise, else 1/2; weak order 1; the constraint to round-off.
    Limits: increments of a step of at most about 1 (a rotation by one radian).
    Cost: 2 evaluations of drift and diffusion, 2 exponentials as series of 12 products.

    Example:
        >>> import jax.numpy as jnp
        >>> from cocycle.steppers.manifolds import Sphere
        >>> turn = lambda t, y, a: jnp.array([-y[1], y[0]])
        >>> y = jnp.array([1.0, 0.0])
        >>> rule = GeometricHeun(Sphere())
        >>> out = rule.step(turn, lambda t, y, a: 0 * y, 0.0, y, None, jnp.pi / 6, jnp.array(0.0))
        >>> out.round(12).tolist()
        [0.866025403784, 0.5]

    Source: Lie-group steps [munthekaas1998], for stochastic equations [malham2008].
    """

    manifold: AbstractManifold
    strong_order: ClassVar[float] = 1.0

    def __init__(self, manifold: Any):
        self.manifold = _checked(manifold, "GeometricHeun")

    def step(self, drift: Field, diffusion: Field, t: Any, y: Array, args: Any, dt: Any, dw: Increment) -> Array:
        """Advance y by dt under dw."""

        def element(t: Any, y: Array) -> Array:
            move = drift(t, y, args) * dt + noise_term(diffusion(t, y, args), y, dw)
            return self.manifold.generator(y, self.manifold.tangent(y, move))

        first = element(t, y)
        guess = self.manifold.project(self.manifold.act(first, y))
        second = element(t + dt, guess)
        return self.manifold.project(self.manifold.act(0.5 * (first + second), y))
