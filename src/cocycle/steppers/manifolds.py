"""Curved state spaces in ambient coordinates: sphere, torus, orthogonal group, and flat space for comparison."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cocycle.core.errors import ParameterError

N_SERIES = 12
N_SCHULZ = 8


class AbstractManifold(eqx.Module):
    """A homogeneous space, embedded: its points are arrays, motions are exponentials of a Lie algebra."""

    @abc.abstractmethod
    def project(self, y: Array) -> Array:
        """Return the nearest point of the manifold, the constraint kept to round-off.

        Args:
            y: a point near the manifold.
        """

    @abc.abstractmethod
    def tangent(self, y: Array, v: Array) -> Array:
        """Return the orthogonal projection of v to the tangent space at y.

        Args:
            y: a point of the manifold.
            v: an ambient vector.
        """

    @abc.abstractmethod
    def generator(self, y: Array, v: Array) -> Array:
        """Return the element of the Lie algebra that moves y with the velocity v.

        Args:
            y: a point of the manifold.
            v: a tangent vector.
        """

    @abc.abstractmethod
    def act(self, element: Array, y: Array) -> Array:
        """Move y by the exponential of an element of the Lie algebra.

        Args:
            element: element of the Lie algebra.
            y: a point of the manifold.
        """

    @abc.abstractmethod
    def defect(self, y: Array) -> Float[Array, ""]:
        """Return how far y violates the constraint.

        Args:
            y: a point.
        """

    @abc.abstractmethod
    def distance(self, y1: Array, y2: Array) -> Float[Array, ""]:
        """Return the geodesic distance of two points.

        Args:
            y1: a point of the manifold.
            y2: another.
        """

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        """Draw a point from the uniform law (where there is one).

        Args:
            key: random key.
            shape: shape of a point.
        """


def _series_action(element: Array, y: Array) -> Array:
    """exp(element) y by its Taylor series: exact to round-off for steps up to about 1."""
    out = term = y
    for k in range(1, N_SERIES + 1):
        term = element @ term / k
        out = out + term
    return out


class Flat(AbstractManifold):
    """R^n: no constraint. The steppers on it are the plain ones.

    Example:
        >>> float(Flat().distance(jnp.zeros(2), jnp.array([3.0, 4.0])))
        5.0
    """

    def project(self, y: Array) -> Array:
        """Return y."""
        return y

    def tangent(self, y: Array, v: Array) -> Array:
        """Return v."""
        return v

    def generator(self, y: Array, v: Array) -> Array:
        """Return v: the algebra is that of translations."""
        return v

    def act(self, element: Array, y: Array) -> Array:
        """Translate y."""
        return y + element

    def defect(self, y: Array) -> Float[Array, ""]:
        """Return 0."""
        return jnp.zeros(())

    def distance(self, y1: Array, y2: Array) -> Float[Array, ""]:
        """Return the Euclidean distance."""
        return jnp.sqrt(jnp.sum((y1 - y2) ** 2))

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        """Draw from the standard normal law: flat space has no uniform one."""
        return jr.normal(key, shape, dtype=float)


class Sphere(AbstractManifold):
    """The unit sphere in R^n: vectors of length 1.

    Example:
        >>> round(float(Sphere().defect(Sphere().project(jnp.array([3.0, 4.0])))), 15)
        0.0
    """

    def project(self, y: Array) -> Array:
        """Normalise y."""
        return y / jnp.sqrt(jnp.sum(y * y))

    def tangent(self, y: Array, v: Array) -> Array:
        """Take away the component of v along y."""
        return v - jnp.sum(y * v) * y

    def generator(self, y: Array, v: Array) -> Array:
        """Return the rotation in the plane of y and v: v y' - y v'."""
        return v[:, None] * y[None, :] - y[:, None] * v[None, :]

    def act(self, element: Array, y: Array) -> Array:
        """Rotate y."""
        return _series_action(element, y)

    def defect(self, y: Array) -> Float[Array, ""]:
        """Return | |y| - 1 |."""
        return jnp.abs(jnp.sqrt(jnp.sum(y * y)) - 1.0)

    def distance(self, y1: Array, y2: Array) -> Float[Array, ""]:
        """Return the angle between two points, accurate for small ones too."""
        chord, sum_ = jnp.sum((y1 - y2) ** 2), jnp.sum((y1 + y2) ** 2)
        return 2.0 * jnp.arctan2(jnp.sqrt(chord), jnp.sqrt(sum_))

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        """Draw from the uniform law."""
        return self.project(jr.normal(key, shape, dtype=float))


class Torus(AbstractManifold):
    """R^n modulo periods: angles in [0, period).

    Args:
        period: of each coordinate, a number or shape (n,); default 2 pi.

    Raises:
        ParameterError: if a period is not positive.

    Example:
        >>> round(float(Torus(1.0).distance(jnp.array([0.1]), jnp.array([0.9]))), 12)
        0.2
    """

    period: Float[Array, "..."]

    def __init__(self, period: Any = 2 * np.pi):
        if not isinstance(period, jnp.ndarray) and not np.all(np.asarray(period, dtype=float) > 0):
            raise ParameterError(f"period is {period}; periods are positive.")
        self.period = jnp.asarray(period, dtype=float)

    def project(self, y: Array) -> Array:
        """Wrap y into [0, period)."""
        wrapped = y - self.period * jnp.floor(y / self.period)
        return jnp.where(wrapped >= self.period, 0.0, wrapped)

    def tangent(self, y: Array, v: Array) -> Array:
        """Return v: a torus is flat."""
        return v

    def generator(self, y: Array, v: Array) -> Array:
        """Return v: the algebra is that of translations."""
        return v

    def act(self, element: Array, y: Array) -> Array:
        """Translate y."""
        return y + element

    def defect(self, y: Array) -> Float[Array, ""]:
        """Return how far y is outside of [0, period)."""
        return jnp.max(jnp.maximum(jnp.maximum(-y, y - self.period), 0.0))

    def distance(self, y1: Array, y2: Array) -> Float[Array, ""]:
        """Return the length of the shortest way."""
        gap = jnp.abs(y1 - y2) % self.period
        return jnp.sqrt(jnp.sum(jnp.minimum(gap, self.period - gap) ** 2))

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        """Draw from the uniform law."""
        return self.period * jr.uniform(key, shape, dtype=float)


class Orthogonal(AbstractManifold):
    """The orthogonal group O(n): matrices whose rows are orthonormal.

    Example:
        >>> q = Orthogonal().project(jnp.array([[1.0, 0.1], [-0.1, 1.0]]))
        >>> bool(Orthogonal().defect(q) < 1e-14)
        True
    """

    def project(self, y: Array) -> Array:
        """Return the polar factor by the Newton-Schulz iteration, for singular values between 0.2 and 1.7."""
        eye = jnp.eye(y.shape[-1])
        for _ in range(N_SCHULZ):
            y = 0.5 * y @ (3.0 * eye - y.T @ y)
        return y

    def tangent(self, y: Array, v: Array) -> Array:
        """Keep the antisymmetric part of v y'."""
        return self.generator(y, v) @ y

    def generator(self, y: Array, v: Array) -> Array:
        """Return the antisymmetric part of v y'."""
        m = v @ y.T
        return 0.5 * (m - m.T)

    def act(self, element: Array, y: Array) -> Array:
        """Rotate y from the left."""
        return _series_action(element, y)

    def defect(self, y: Array) -> Float[Array, ""]:
        """Return the largest entry of |y'y - 1|."""
        return jnp.max(jnp.abs(y.T @ y - jnp.eye(y.shape[-1])))

    def distance(self, y1: Array, y2: Array) -> Float[Array, ""]:
        """Return the Frobenius norm of the difference: a chord, equal to the geodesic distance when small."""
        return jnp.sqrt(jnp.sum((y1 - y2) ** 2))

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
        """Draw from Haar's law, by QR with positive diagonal."""
        q, r = jnp.linalg.qr(jr.normal(key, shape, dtype=float))
        return q * jnp.sign(jnp.diagonal(r))[None, :]
