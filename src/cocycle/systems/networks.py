"""Networks: Kuramoto's phase oscillators on a graph."""

from typing import Any

import jax.numpy as jnp

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.start import count
from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import array, real, vector
from cocycle.systems.registry import register

N_DEFAULT = 10


def kuramoto_field(t: Any, theta: Any, args: Any) -> Any:
    """Velocity of the phases; two sines a node instead of one a link."""
    sine, cosine = jnp.sin(theta), jnp.cos(theta)
    pull = cosine * (args["adjacency"] @ sine) - sine * (args["adjacency"] @ cosine)
    return args["frequencies"] + args["coupling"] / theta.size * pull


@register(
    "kuramoto",
    kind="network",
    dimension=N_DEFAULT,
    field="neuroscience",
    chaotic=False,
    n_steps=20_000,
    tags=("synchronisation",),
)
def Kuramoto(
    *,
    coupling: Any = 2.0,
    n: int | None = None,
    frequencies: Any = None,
    adjacency: Any = None,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Kuramoto's phase oscillators, coupled along the links of a graph.

    $$\dot\theta_i = \omega_i + \frac{K}{n} \sum_j A_{ij} \sin(\theta_j - \theta_i)$$

    Args:
        coupling: K, strength.
        n: number of oscillators, at least 2; default that of frequencies or adjacency, else 10.
        frequencies: omega (n,); default n values evenly spaced within [-1, 1].
        adjacency: A (n, n), row i the links into i, weights allowed; default all with all.
        dt: time per step.
        x0: initial phases (n,) [rad].
        stepper: rule of one step.

    Returns:
        Flow with state (n,); the phases are not wrapped.

    Raises:
        ParameterError: if n is below 2, or a value not a finite number.
        ShapeError: if n, frequencies and adjacency disagree.

    Laws: for a symmetric graph the mean phase moves at the mean frequency; one exponent is zero, that of a common
        shift of all phases.

    Example:
        >>> Kuramoto(n=4, coupling=1.5).x0.shape
        (4,)

    Source: [kuramoto1984].
    """
    omega = None if frequencies is None else array(frequencies, "frequencies")
    links = None if adjacency is None else array(adjacency, "adjacency")
    n = _size(n, omega, links)
    args = {
        "coupling": real(coupling, "coupling"),
        "frequencies": (2.0 * jnp.arange(n) + 1.0 - n) / n if omega is None else omega,
        "adjacency": 1.0 - jnp.eye(n) if links is None else links,
    }
    x0 = vector(x0, 1.5 * jnp.sin(1.0 + 2.7 * jnp.arange(n) ** 2))
    variables = tuple(f"theta{i}" for i in range(n))
    return Flow(kuramoto_field, args, dt=dt, x0=x0, stepper=stepper, name="kuramoto", variables=variables)


def _size(n: int | None, omega: Any, links: Any) -> int:
    """Return the number of oscillators that all arguments agree upon."""
    if omega is not None and omega.ndim != 1:
        raise ShapeError(f"frequencies must have shape (n,), got {omega.shape}.")
    if links is not None and (links.ndim != 2 or links.shape[0] != links.shape[1]):
        raise ShapeError(f"adjacency must be a square matrix, got shape {links.shape}.")
    sizes = [] if n is None else [count(n, "n", 2)]
    sizes += [a.shape[0] for a in (omega, links) if a is not None]
    if len(set(sizes)) > 1:
        raise ShapeError(f"n, frequencies and adjacency disagree on the number of oscillators: {sizes}.")
    if sizes and sizes[0] < 2:
        raise ParameterError("Kuramoto needs at least 2 oscillators.")
    return sizes[0] if sizes else N_DEFAULT
