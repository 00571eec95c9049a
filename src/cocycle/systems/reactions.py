"""Chemicals that react and diffuse along a circle."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from cocycle.core.start import count
from cocycle.steppers.exponential import ETDRK4, AbstractExponentialStepper
from cocycle.steppers.spectral import FourierGrid, SpectralFlow
from cocycle.systems.checks import not_negative, positive, vector
from cocycle.systems.registry import register


def gray_scott_symbol(grid: FourierGrid, args: Any) -> Array:
    """Diffusion and loss of feed and catalyst."""
    diffusion = jnp.stack([args["diffusion_u"], args["diffusion_v"]])
    loss = jnp.stack([args["feed"], args["feed"] + args["kill"]])
    return -loss[:, None] - diffusion[:, None] * grid.wavenumbers[None, :] ** 2


def gray_scott_rest(t: Any, v: Array, grid: FourierGrid, args: Any) -> Array:
    """Two catalysts and one feed make three catalysts; feed flows in."""
    u = grid.values(v)
    made = grid.products(u[0] * u[1] ** 2)
    inflow = jnp.where(jnp.arange(made.size) == 0, args["feed"] * grid.n, 0.0)
    return jnp.stack([inflow - made, made])


@register(
    "gray_scott",
    kind="pde",
    dimension=256,
    field="chemistry",
    chaotic=False,
    n_steps=10_000,
    tags=("pattern", "reaction and diffusion"),
)
def GrayScott(
    *,
    n: int = 128,
    feed: Any = 0.04,
    kill: Any = 0.06,
    diffusion_u: Any = 2e-5,
    diffusion_v: Any = 1e-5,
    length: Any = 1.0,
    dt: Any = 1.0,
    x0: Any = None,
    stepper: AbstractExponentialStepper = ETDRK4(),
) -> SpectralFlow:
    r"""Gray and Scott's reactor in one dimension: pulses of catalyst that split and fill the line.

    $$u_t = D_u u_{xx} - u v^2 + F (1 - u), \quad v_t = D_v v_{xx} + u v^2 - (F + k) v$$

    Args:
        n: number of points, even; another n compiles again.
        feed: F, rate of inflow, not negative.
        kill: k, decay of the catalyst, not negative.
        diffusion_u: D_u of the feed, positive.
        diffusion_v: D_v of the catalyst, positive.
        length: L, circumference.
        dt: time per step.
        x0: initial state (2, n): feed, then catalyst.
        stepper: exponential rule of one step.

    Returns:
        SpectralFlow with state (2, n).

    Raises:
        ParameterError: if n is odd, a rate negative, or a diffusion or length not positive.

    Laws: u = 1, v = 0 is an equilibrium, with exponents -F - D_u k^2 and -F - k - D_v k^2.

    Example:
        >>> GrayScott(n=64).x0.shape
        (2, 64)

    Source: [gray1984]; [pearson1993].
    """
    n = count(n, "n", 8)
    grid = FourierGrid(n, positive(length, "length"), n_kept=n // 4)
    args = {"feed": not_negative(feed, "feed"), "kill": not_negative(kill, "kill")}
    args |= {"diffusion_u": positive(diffusion_u, "diffusion_u"), "diffusion_v": positive(diffusion_v, "diffusion_v")}
    spot = jnp.exp(-(((jnp.arange(n) / n - 0.5) / 0.06) ** 2))
    x0 = vector(x0, jnp.stack([1.0 - 0.5 * spot, 0.25 * spot]))
    return SpectralFlow(
        gray_scott_symbol,
        gray_scott_rest,
        args,
        grid=grid,
        dt=dt,
        x0=x0,
        stepper=stepper,
        name="gray_scott",
        variables=tuple(f"{c}{i}" for c in "uv" for i in range(n)),
    )
