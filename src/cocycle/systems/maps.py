"""Maps of the interval, the plane and the torus."""

from typing import Any

import jax.numpy as jnp

from cocycle.core.functions import Map
from cocycle.systems.checks import between, real, vector
from cocycle.systems.registry import register


def logistic_map(x: Any, args: Any) -> Any:
    """One generation of the logistic map."""
    return args["r"] * x * (1.0 - x)


@register("logistic", kind="map", dimension=1, field="ecology", chaotic=True, tags=("population", "interval map"))
def Logistic(*, r: Any = 4.0, x0: Any = None) -> Map:
    r"""The logistic map, growth of a population under crowding.

    $$x' = r x (1 - x)$$

    Args:
        r: growth rate, from 0 to 4: beyond, orbits leave [0, 1] for minus infinity.
        x0: initial state in [0, 1].

    Returns:
        Map with a scalar state.

    Raises:
        ParameterError: if r or x0 is not a finite number, or r lies outside [0, 4].

    Limits: at r = 4 round-off can land on 0 after very long runs of rounded numbers; orbits of double precision
        last for about 10^7 steps and more.

    Example:
        >>> round(float(Logistic(r=2.0).step(0.25, None)), 12)
        0.375

    Source: [may1976].
    """
    args = {"r": between(r, "r", 0.0, 4.0, "beyond, almost all orbits diverge")}
    return Map(logistic_map, args, x0=vector(x0, 0.3), name="logistic", variables=("x",))


def henon_map(u: Any, args: Any) -> Any:
    """One step of the Henon map."""
    x, y = u
    return jnp.array([1.0 - args["a"] * x * x + y, args["b"] * x])


@register("henon", kind="map", dimension=2, field="mathematics", chaotic=True, tags=("strange attractor",))
def Henon(*, a: Any = 1.4, b: Any = 0.3, x0: Any = None) -> Map:
    r"""The Henon map, a plane map of constant Jacobian with a strange attractor.

    $$x' = 1 - a x^2 + y, \quad y' = b x$$

    Args:
        a: strength of the fold.
        b: contraction; the Jacobian determinant is -b.
        x0: initial state [x, y]; default a point on the attractor.

    Returns:
        Map with state (2,).

    Raises:
        ParameterError: if a parameter is not a finite number.

    Laws: the exponents sum to ln |b|.

    Example:
        >>> Henon().step(jnp.zeros(2), None).tolist()
        [1.0, 0.0]

    Source: [henon1976].
    """
    args = {"a": real(a, "a"), "b": real(b, "b")}
    return Map(henon_map, args, x0=vector(x0, [0.1, 0.1]), name="henon", variables=("x", "y"))


def standard_map(u: Any, args: Any) -> Any:
    """One kick of the standard map."""
    theta, p = u
    p = p + args["k"] * jnp.sin(theta)
    return jnp.array([theta + p, p]) % (2 * jnp.pi)


@register("standard_map", kind="map", dimension=2, field="physics", chaotic=True, tags=("conservative", "symplectic"))
def StandardMap(*, k: Any = 6.0, x0: Any = None) -> Map:
    r"""The Chirikov standard map: a rotor kicked once per unit of time.

    $$p' = p + k \sin\theta, \quad \theta' = \theta + p' \pmod{2\pi}$$

    Args:
        k: strength of the kick; the last torus that bounds the momentum breaks at 0.9716.
        x0: initial state [theta, p] [rad]; default in the chaotic sea.

    Returns:
        Map with state (2,), both in [0, 2 pi).

    Raises:
        ParameterError: if k is not a finite number.

    Laws: area is kept, so the exponents sum to 0.

    Example:
        >>> StandardMap(k=1.0).step(jnp.zeros(2), None).tolist()
        [0.0, 0.0]

    Source: [chirikov1979].
    """
    x0 = vector(x0, [0.5, 0.3])
    return Map(standard_map, {"k": real(k, "k")}, x0=x0, name="standard_map", variables=("theta", "p"))


def cat_map(u: Any, args: Any) -> Any:
    """One step of Arnold's cat map."""
    x, y = u
    return jnp.array([2.0 * x + y, x + y]) % 1.0


@register("cat_map", kind="map", dimension=2, field="mathematics", chaotic=True, tags=("conservative", "hyperbolic"))
def CatMap(*, x0: Any = None) -> Map:
    r"""Arnold's cat map, a hyperbolic automorphism of the torus.

    $$x' = 2x + y, \quad y' = x + y \pmod 1$$

    Args:
        x0: initial state [x, y] in the unit square.

    Returns:
        Map with state (2,).

    Raises:
        ParameterError: if x0 is not made of finite numbers.

    Laws: exponents ln((3 + sqrt 5)/2) and its negative at every point.

    Example:
        >>> CatMap().step(jnp.array([0.5, 0.25]), None).tolist()
        [0.25, 0.75]

    Source: [arnold1968].
    """
    return Map(cat_map, {}, x0=vector(x0, [0.1, 0.2]), name="cat_map", variables=("x", "y"))
