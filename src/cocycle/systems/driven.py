"""A pendulum that is pushed, a neuron that hears itself late, and the slow and fast air of Lorenz."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.start import count
from cocycle.steppers import RK4, Flow
from cocycle.steppers.abstract import AbstractStepper
from cocycle.systems.checks import real, vector
from cocycle.systems.declared import declared
from cocycle.systems.registry import register


@declared("forced_pendulum")
def ForcedPendulum(t: Any, u: Any, p: Any) -> Any:
    """A damped pendulum under a periodic torque."""
    theta, velocity = u
    return jnp.array([velocity, p["torque"] * jnp.cos(p["omega"] * t) - velocity / p["q"] - jnp.sin(theta)])


@declared("delayed_fitzhugh_nagumo")
def DelayedFitzHughNagumo(t: Any, u: Any, past: Any, p: Any) -> Any:
    """A neuron whose membrane hears its own voltage a delay later."""
    v, w = u
    fed_back = p["coupling"] * (past[0] - v)
    return jnp.array([v - v**3 / 3.0 - w + p["current"] + fed_back, p["epsilon"] * (v + p["a"] - p["b"] * w)])


def lorenz96_two_scale_field(t: Any, u: Any, args: Any) -> Any:
    """Velocity of slow and fast variables; u holds the n slow ones, then n groups of m fast ones."""
    n = args["slow"].size
    x, y = u[:n], u[n:]
    m = y.size // n
    link = args["h"] * args["c"] / args["b"]
    slow = (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + args["forcing"]
    fast = args["c"] * args["b"] * (jnp.roll(y, 1) - jnp.roll(y, -2)) * jnp.roll(y, -1) - args["c"] * y
    return jnp.concatenate([slow - link * jnp.sum(jnp.reshape(y, (n, m)), axis=1), fast + link * jnp.repeat(x, m)])


def lorenz96_two_scale_energy(u: Float[Array, "D"], args: Any) -> Float[Array, ""]:
    """Energy of both scales together, half the sum of all squares.

    Args:
        u: state, slow variables, then fast ones.
        args: parameters; not used.

    Returns:
        Energy, one number. Advection and the link between the scales keep it.
    """
    return 0.5 * jnp.sum(u * u)


@register(
    "lorenz96_two_scale",
    kind="flow",
    dimension=72,
    field="climate",
    chaotic=True,
    n_steps=20_000,
    tags=("spatiotemporal", "two scales"),
)
def Lorenz96TwoScale(
    *,
    n: int = 8,
    m: int = 8,
    forcing: Any = 20.0,
    h: Any = 1.0,
    c: Any = 10.0,
    b: Any = 10.0,
    dt: Any = 0.0025,
    x0: Any = None,
    stepper: AbstractStepper = RK4(),
) -> Flow:
    r"""Lorenz's latitude circle with weather in it: each slow site drives m fast ones and is slowed by them.

    $$\dot x_k = (x_{k+1} - x_{k-2}) x_{k-1} - x_k + F - \frac{hc}{b} \sum_{j \in k} y_j$$
    $$\dot y_j = -c b (y_{j+2} - y_{j-1}) y_{j+1} - c y_j + \frac{hc}{b} x_{k(j)}$$

    Args:
        n: number of slow sites, at least 4; another n compiles again.
        m: fast ones a slow site, at least 1.
        forcing: F.
        h: strength of the link between the scales.
        c: how many times faster the fast scale is.
        b: how many times smaller the fast scale is.
        dt: time per step.
        x0: initial state (n + n m,), slow variables, then fast ones.
        stepper: rule of one step.

    Returns:
        Flow with state (n + n m,).

    Raises:
        ParameterError: if n is below 4, or a parameter not a finite number.

    Laws: divergence -(n + c n m) everywhere; advection and link conserve the energy of both scales together.

    Example:
        >>> Lorenz96TwoScale(n=4, m=2).x0.shape
        (12,)

    Source: [lorenz1996]; [wilks2005].
    """
    n, m = count(n, "n", 4), count(m, "m", 1)
    site, cell = jnp.arange(n), jnp.arange(n * m)
    default = jnp.concatenate([4.0 + 5.0 * jnp.sin(1.0 + 2.7 * site**2), 0.3 * jnp.sin(2.0 + 1.9 * cell**2)])
    args = {name: real(v, name) for name, v in {"forcing": forcing, "h": h, "c": c, "b": b}.items()}
    return Flow(
        lorenz96_two_scale_field,
        {**args, "slow": jnp.zeros(n)},
        dt=dt,
        x0=vector(x0, default),
        stepper=stepper,
        name="lorenz96_two_scale",
        variables=(*(f"x{i}" for i in range(n)), *(f"y{i}" for i in range(n * m))),
    )
