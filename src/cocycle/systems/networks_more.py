"""Networks of oscillators."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.errors import ShapeError
from cocycle.core.start import count
from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import array, not_negative, positive, real, vector
from cocycle.systems.registry import register


def ring_of(n: int) -> Float[Array, "n n"]:
    """Return the adjacency of a ring: each node hears its two neighbours.

    Args:
        n: number of nodes.
    """
    shift = jnp.roll(jnp.eye(n), 1, axis=1)
    return jnp.minimum(shift + shift.T, 1.0)


def graph(adjacency: Any, n: int) -> Float[Array, "n n"]:
    """Check a weighted adjacency; default a ring.

    Args:
        adjacency: A (n, n), row i the links into i, or None.
        n: number of nodes.

    Raises:
        ShapeError: if it is not a square matrix of n rows.
    """
    links = ring_of(n) if adjacency is None else array(adjacency, "adjacency")
    if links.shape != (n, n):
        raise ShapeError(f"adjacency must have shape {(n, n)} for {n} nodes, got {links.shape}.")
    return links


def spread(links: Array, x: Array) -> Array:
    """Return the flow of x along the links: what a node's neighbours have more than it.

    Args:
        links: adjacency (n, n).
        x: one number a node (n,), or rows (d, n).
    """
    degree = jnp.sum(links, axis=1)
    return links @ x - degree * x if x.ndim == 1 else x @ links.T - degree[None, :] * x


def irregular(n: int, first: float) -> Array:
    """Return n numbers between -1 and 1 without any order.

    Args:
        n: how many.
        first: phase that tells one such row from another.
    """
    return jnp.sin(first + 2.7 * jnp.arange(n) ** 2)


def named(letters: str, n: int) -> tuple[str, ...]:
    """Return names such as x0, x1, ..., y0, y1, ...

    Args:
        letters: one for each variable of a node.
        n: number of nodes.
    """
    return tuple(f"{c}{i}" for c in letters for i in range(n))


def stuart_landau_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the Stuart-Landau ring; u holds real, then imaginary parts."""
    x, y = jnp.split(u, 2)
    square = x * x + y * y
    grow, turn = args["growth"] - square, args["omega"] - args["shear"] * square
    own = jnp.stack([grow * x - turn * y, grow * y + turn * x])
    return jnp.ravel(own + args["coupling"] * spread(args["adjacency"], jnp.stack([x, y])))


@register(
    "stuart_landau_ring",
    kind="network",
    dimension=16,
    field="physics",
    chaotic=False,
    n_steps=20_000,
    tags=("synchronisation", "oscillator"),
)
def StuartLandauRing(
    *,
    n: int = 8,
    coupling: Any = 0.2,
    growth: Any = 1.0,
    omega: Any = 1.0,
    shear: Any = 0.5,
    adjacency: Any = None,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Oscillators just past the onset of oscillation, coupled along a ring or another graph.

    $$\dot z_i = (\lambda + i\omega) z_i - (1 + i\gamma) |z_i|^2 z_i + K \sum_j A_{ij} (z_j - z_i)$$

    Args:
        n: number of oscillators, at least 3; another n compiles again.
        coupling: K, not negative.
        growth: lambda, growth of small oscillations, positive.
        omega: angular frequency of small oscillations.
        shear: gamma, how much amplitude slows them.
        adjacency: A (n, n), row i the links into i; default a ring.
        dt: time per step.
        x0: initial state (2 n,): real, then imaginary parts.
        stepper: rule of one step.

    Returns:
        Flow with state (2 n,).

    Raises:
        ParameterError: if growth is not positive or coupling negative.
        ShapeError: if adjacency is not (n, n).

    Laws: in unison the exponents are -K m and -2 lambda - K m, with m the eigenvalues of the graph's Laplacian.

    Example:
        >>> StuartLandauRing(n=3).x0.shape
        (6,)

    Source: [kuramoto1984].
    """
    n = count(n, "n", 3)
    args = {
        "coupling": not_negative(coupling, "coupling"),
        "growth": positive(growth, "growth"),
        "omega": real(omega, "omega"),
        "shear": real(shear, "shear"),
        "adjacency": graph(adjacency, n),
    }
    default = jnp.concatenate([1.0 + 0.1 * irregular(n, 1.0), 0.1 * irregular(n, 2.0)])
    x0 = vector(x0, default)
    variables = named("xy", n)
    return Flow(
        stuart_landau_field, args, dt=dt, x0=x0, stepper=stepper, name="stuart_landau_ring", variables=variables
    )


def coupled_rossler_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of coupled Rossler flows; u holds all x, then all y, then all z."""
    x, y, z = rows = jnp.reshape(u, (3, -1))
    own = jnp.stack([-y - z, x + args["a"] * y, args["b"] + z * (x - args["c"])])
    return jnp.ravel(own + args["coupling"] * args["through"][:, None] * spread(args["adjacency"], rows))


@register(
    "coupled_rossler",
    kind="network",
    dimension=12,
    field="physics",
    chaotic=True,
    n_steps=40_000,
    tags=("synchronisation", "strange attractor"),
)
def CoupledRossler(
    *,
    n: int = 4,
    coupling: Any = 0.02,
    through: Any = (1.0, 0.0, 0.0),
    a: Any = 0.2,
    b: Any = 0.2,
    c: Any = 5.7,
    adjacency: Any = None,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Rössler bands on the nodes of a graph.

    $$\dot u_i = f(u_i) + K \sum_j A_{ij} H (u_j - u_i), \quad f(x, y, z) = (-y - z,\; x + a y,\; b + z (x - c))$$

    Args:
        n: number of nodes, at least 2; another n compiles again.
        coupling: K, not negative.
        through: diagonal of H, which of (x, y, z) are coupled.
        a: growth of the spiral.
        b: inflow into z.
        c: level of x at which z takes off.
        adjacency: A (n, n), row i the links into i; default a ring.
        dt: time per step.
        x0: initial state (3 n,): all x, then all y, then all z.
        stepper: rule of one step.

    Returns:
        Flow with state (3 n,).

    Raises:
        ParameterError: if coupling is negative.
        ShapeError: if adjacency is not (n, n), or through not three numbers.

    Laws: coupled through all three, the exponents in unison are those of one band, less K m, with m the eigenvalues of
        the graph's Laplacian.

    Example:
        >>> CoupledRossler(n=2).x0.shape
        (6,)

    Source: [pecora1998]; [rossler1976].
    """
    n = count(n, "n", 2)
    args = {name: real(v, name) for name, v in {"a": a, "b": b, "c": c}.items()}
    args |= {"coupling": not_negative(coupling, "coupling"), "through": vector(through, jnp.zeros(3), "through")}
    args["adjacency"] = graph(adjacency, n)
    default = jnp.concatenate([-5.0 + irregular(n, 1.0), -2.0 + irregular(n, 2.0), jnp.full(n, 0.02)])
    x0 = vector(x0, default)
    variables = named("xyz", n)
    return Flow(coupled_rossler_field, args, dt=dt, x0=x0, stepper=stepper, name="coupled_rossler", variables=variables)
