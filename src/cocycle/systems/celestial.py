"""Many bodies: three stars on a figure eight, and Toda's chain."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.start import count
from cocycle.steppers import Flow, Yoshida4
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import positive, vector
from cocycle.systems.registry import register

FIGURE_EIGHT_PLACES = ((-0.97000436, 0.24308753), (0.0, 0.0), (0.97000436, -0.24308753))
FIGURE_EIGHT_SPEEDS = ((0.4662036850, 0.4323657300), (-0.93240737, -0.86473146), (0.4662036850, 0.4323657300))


def three_body_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the planar N-body problem; u holds places and momenta."""
    q, p = jnp.reshape(u, (2, -1, 2))
    m = args["masses"]
    apart = q[None, :, :] - q[:, None, :]
    squared = jnp.sum(apart**2, axis=-1)
    # Each body is infinitely far from itself.
    near = jnp.where(squared == 0.0, 0.0, jnp.where(squared == 0.0, 1.0, squared) ** -1.5)
    force = args["g"] * m[:, None] * jnp.sum((m[None, :] * near)[:, :, None] * apart, axis=1)
    return jnp.concatenate([jnp.ravel(p / m[:, None]), jnp.ravel(force)])


def three_body_energy(u: Float[Array, "D"], args: Any) -> Float[Array, ""]:
    """Energy of the planar N-body problem.

    Args:
        u: state (4 n,), places of all bodies, then momenta.
        args: masses and gravity g.

    Returns:
        Energy, one number.
    """
    q, p = jnp.reshape(u, (2, -1, 2))
    m = args["masses"]
    squared = jnp.sum((q[None, :, :] - q[:, None, :]) ** 2, axis=-1)
    inverse = jnp.where(squared == 0.0, 0.0, jnp.where(squared == 0.0, 1.0, squared) ** -0.5)
    pairs = 0.5 * args["g"] * jnp.sum(m[:, None] * m[None, :] * inverse)
    return 0.5 * jnp.sum(p**2 / m[:, None]) - pairs


@register(
    "three_body",
    kind="flow",
    dimension=12,
    field="physics",
    chaotic=False,
    n_steps=20_000,
    tags=("Hamiltonian", "conservative", "choreography"),
)
def ThreeBody(
    *,
    masses: Any = (1.0, 1.0, 1.0),
    g: Any = 1.0,
    dt: Any = 0.005,
    x0: Any = None,
    stepper: AbstractStepper = Yoshida4(),
) -> Flow:
    r"""Stars in a plane under their gravity; three equal ones chase each other along a figure eight.

    $$\dot q_i = p_i / m_i, \quad \dot p_i = g \sum_{j \ne i} \frac{m_i m_j (q_j - q_i)}{|q_j - q_i|^3}$$

    Args:
        masses: of each body, positive; their number is free if x0 is given.
        g: constant of gravity, positive.
        dt: time per step.
        x0: initial state (4 n,): places (x, y) of each body, then momenta; default the figure eight.
        stepper: rule of one step.

    Returns:
        Flow with state (4 n,).

    Raises:
        ParameterError: if a mass or g is not positive.
        ShapeError: if x0 has not four numbers a body.

    Laws: energy, momentum and angular momentum are kept.
    Limits: bodies that come close need a smaller dt, or `Adaptive()`.

    Example:
        >>> ThreeBody().variables[:2]
        ('x1', 'y1')

    Source: [moore1993]; [chenciner2000].
    """
    m = vector(masses, jnp.ones(len(masses)), "masses")
    for i in range(m.size):
        positive(m[i], f"masses[{i}]")
    places, speeds = jnp.array(FIGURE_EIGHT_PLACES), jnp.array(FIGURE_EIGHT_SPEEDS)
    eight = jnp.concatenate([jnp.ravel(places), jnp.ravel(speeds)])
    x0 = vector(x0, eight if m.size == 3 else jnp.zeros(4 * m.size))
    names = [f"{c}{i + 1}" for i in range(m.size) for c in "xy"]
    return Flow(
        three_body_field,
        {"masses": m, "g": positive(g, "g")},
        dt=dt,
        x0=x0,
        stepper=stepper,
        name="three_body",
        variables=(*names, *(f"p{name}" for name in names)),
    )


def toda_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of the periodic Toda chain."""
    q, p = jnp.split(u, 2)
    pull = jnp.exp(q - jnp.roll(q, -1))
    return jnp.concatenate([p, jnp.roll(pull, 1) - pull])


def toda_integrals(u: Float[Array, "D"], args: Any = None) -> Float[Array, "n"]:
    r"""All n integrals of the periodic Toda chain: traces of the powers of Flaschka's matrix.

    $$I_k = \frac1k \operatorname{tr} L^k, \quad k = 1, \dots, n$$

    Args:
        u: state (2 n,), places, then momenta.
        args: not used.

    Returns:
        I_1 to I_n; 4 I_2 is twice the energy and 2 I_1 the momentum, up to signs.
    """
    q, p = jnp.split(u, 2)
    a = 0.5 * jnp.exp(0.5 * (q - jnp.roll(q, -1)))
    shift = jnp.roll(jnp.eye(q.size), 1, axis=1)
    matrix = jnp.diag(0.5 * p) + a[:, None] * shift
    matrix = matrix + shift.T * a[None, :]
    power, found = jnp.eye(q.size), []
    for k in range(1, q.size + 1):
        power = power @ matrix
        found.append(jnp.trace(power) / k)
    return jnp.stack(found)


@register(
    "toda",
    kind="flow",
    dimension=8,
    field="physics",
    chaotic=False,
    n_steps=20_000,
    tags=("Hamiltonian", "conservative", "integrable"),
)
def Toda(*, n: int = 4, dt: Any = 0.02, x0: Any = None, stepper: AbstractStepper = Yoshida4()) -> Flow:
    r"""Toda's ring of particles with exponential springs, which has as many integrals as particles.

    $$\dot q_i = p_i, \quad \dot p_i = e^{q_{i-1} - q_i} - e^{q_i - q_{i+1}}, \quad i \bmod n$$

    Args:
        n: number of particles, at least 3; another n compiles again.
        dt: time per step.
        x0: initial state (2 n,): places, then momenta.
        stepper: rule of one step.

    Returns:
        Flow with state (2 n,).

    Raises:
        ParameterError: if n is below 3.

    Laws: energy, momentum and the other `toda_integrals` are kept, so that all exponents are zero.

    Example:
        >>> Toda(n=3).x0.shape
        (6,)

    Source: [toda1967]; [flaschka1974].
    """
    n = count(n, "n", 3)
    particle = jnp.arange(n)
    momenta = jnp.sin(1.0 + 2.7 * particle**2)
    x0 = vector(x0, jnp.concatenate([jnp.cos(2.0 + 1.3 * particle**2), momenta - jnp.mean(momenta)]))
    names = tuple(f"{c}{i + 1}" for c in "qp" for i in range(n))
    return Flow(toda_field, {}, dt=dt, x0=x0, stepper=stepper, name="toda", variables=names)
