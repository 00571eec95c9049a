"""Fields on a circle: flames, waves, light, fluids and reacting chemicals."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.start import count
from cocycle.steppers.exponential import ETDRK4, AbstractExponentialStepper
from cocycle.steppers.spectral import FourierGrid, SpectralFlow
from cocycle.systems.checks import positive, real, vector
from cocycle.systems.registry import register


def _points(letters: str, n: int) -> tuple[str, ...]:
    return tuple(f"{c}{i}" for c in letters for i in range(n))


def kuramoto_sivashinsky_symbol(grid: FourierGrid, args: Any) -> Array:
    """Growth of long waves, decay of short ones."""
    k = grid.wavenumbers
    return k**2 - k**4


def advection(t: Any, v: Array, grid: FourierGrid, args: Any) -> Array:
    """Return the coefficients of -u u_x = -(u^2)_x / 2."""
    return -0.5 * grid.derivative * grid.products(grid.values(v) ** 2)


@register(
    "kuramoto_sivashinsky",
    kind="pde",
    dimension=64,
    field="physics",
    chaotic=True,
    n_steps=20_000,
    tags=("spatiotemporal", "flame front"),
)
def KuramotoSivashinsky(
    *, n: int = 64, length: Any = 22.0, dt: Any = 0.1, x0: Any = None, stepper: AbstractExponentialStepper = ETDRK4()
) -> SpectralFlow:
    r"""The Kuramoto-Sivashinsky equation: a flame front that wrinkles for ever.

    $$u_t = -u u_x - u_{xx} - u_{xxxx}, \quad u(x + L) = u(x)$$

    Args:
        n: number of points, even; another n compiles again.
        length: L, circumference.
        dt: time per step.
        x0: initial state u (n,).
        stepper: exponential rule of one step.

    Returns:
        SpectralFlow with state (n,).

    Raises:
        ParameterError: if n is odd or length not positive.

    Laws: the mean of u is kept; shifts in x and t and a change of the mean make three exponents zero.

    Example:
        >>> KuramotoSivashinsky(n=32).x0.shape
        (32,)

    Source: [kuramoto1976]; [sivashinsky1977]; [cvitanovic2010].
    """
    grid = FourierGrid(count(n, "n", 8), positive(length, "length"))
    angle = 2.0 * jnp.pi * jnp.arange(grid.n) / grid.n
    x0 = vector(x0, jnp.cos(angle) + 0.1 * jnp.cos(2.0 * angle) + 0.3 * jnp.sin(2.0 * angle))
    return SpectralFlow(
        kuramoto_sivashinsky_symbol,
        advection,
        {},
        grid=grid,
        dt=dt,
        x0=x0,
        stepper=stepper,
        name="kuramoto_sivashinsky",
        variables=_points("u", grid.n),
    )


def burgers_symbol(grid: FourierGrid, args: Any) -> Array:
    """Decay by viscosity."""
    return -args["viscosity"] * grid.wavenumbers**2


def burgers_solution(t: Any, grid: FourierGrid, args: Any, depth: float = 0.8) -> Float[Array, "n"]:
    """Return a closed solution, by Cole and Hopf's substitution from a single decaying wave of heat.

    Args:
        t: time.
        grid: points.
        args: viscosity.
        depth: amplitude of the wave of heat at t = 0 relative to the mean, below 1.

    Returns:
        u (n,).
    """
    k = 2.0 * jnp.pi / grid.length
    wave = depth * jnp.exp(-args["viscosity"] * k**2 * t)
    return 2.0 * args["viscosity"] * k * wave * jnp.sin(k * grid.x) / (1.0 + wave * jnp.cos(k * grid.x))


@register("burgers", kind="pde", dimension=64, field="physics", chaotic=False, n_steps=10_000, tags=("shock", "fluid"))
def Burgers(
    *,
    n: int = 64,
    viscosity: Any = 0.2,
    length: Any = 2 * jnp.pi,
    dt: Any = 0.01,
    x0: Any = None,
    stepper: AbstractExponentialStepper = ETDRK4(),
) -> SpectralFlow:
    r"""Burgers's equation: a wave steepens until viscosity stops it.

    $$u_t = -u u_x + \nu u_{xx}, \quad u(x + L) = u(x)$$

    Args:
        n: number of points, even; another n compiles again.
        viscosity: nu, positive; shocks are about nu / max|u| thick and need several points.
        length: L, circumference.
        dt: time per step.
        x0: initial state u (n,); default `burgers_solution` at t = 0.
        stepper: exponential rule of one step.

    Returns:
        SpectralFlow with state (n,).

    Raises:
        ParameterError: if n is odd, or viscosity or length not positive.

    Laws: the mean of u is kept, its energy decays; the substitution u = -2 nu (ln h)_x makes it the heat equation.

    Example:
        >>> Burgers(n=32).x0.shape
        (32,)

    Source: [burgers1948]; [hopf1950]; [cole1951].
    """
    grid = FourierGrid(count(n, "n", 8), positive(length, "length"))
    args = {"viscosity": positive(viscosity, "viscosity", "without it shocks are infinitely thin")}
    x0 = vector(x0, burgers_solution(0.0, grid, args))
    variables = _points("u", grid.n)
    return SpectralFlow(
        burgers_symbol, advection, args, grid=grid, dt=dt, x0=x0, stepper=stepper, name="burgers", variables=variables
    )


def ginzburg_landau_symbol(grid: FourierGrid, args: Any) -> Array:
    """Growth, diffusion and dispersion."""
    return 1.0 - (1.0 + 1j * args["b"]) * grid.wavenumbers**2


def ginzburg_landau_rest(t: Any, v: Array, grid: FourierGrid, args: Any) -> Array:
    """Saturation, and the frequency that comes with it."""
    a = grid.values(v)
    return -(1.0 + 1j * args["c"]) * grid.products(jnp.abs(a) ** 2 * a)


def plane_wave(t: Any, grid: FourierGrid, args: Any, waves: int = 1) -> Float[Array, "2 n"]:
    """Return the plane wave of the complex Ginzburg-Landau equation with a number of waves around the circle.

    Args:
        t: time.
        grid: points.
        args: b and c.
        waves: number of waves; their wave number is below 1.

    Returns:
        State (2, n).
    """
    q = 2.0 * jnp.pi * waves / grid.length
    phase = q * grid.x - (args["b"] * q**2 + args["c"] * (1.0 - q**2)) * t
    return jnp.sqrt(1.0 - q**2) * jnp.stack([jnp.cos(phase), jnp.sin(phase)])


@register(
    "complex_ginzburg_landau",
    kind="pde",
    dimension=256,
    field="physics",
    chaotic=True,
    n_steps=10_000,
    tags=("spatiotemporal", "amplitude equation"),
)
def ComplexGinzburgLandau(
    *,
    n: int = 128,
    b: Any = 2.0,
    c: Any = -1.5,
    length: Any = 50.0,
    dt: Any = 0.05,
    x0: Any = None,
    stepper: AbstractExponentialStepper = ETDRK4(),
) -> SpectralFlow:
    r"""The complex Ginzburg-Landau equation: every field of oscillators near its onset.

    $$A_t = A + (1 + ib) A_{xx} - (1 + ic) |A|^2 A, \quad A(x + L) = A(x)$$

    Args:
        n: number of points, even; another n compiles again.
        b: dispersion.
        c: how the frequency depends on the amplitude; no plane wave is stable where 1 + b c < 0.
        length: L, circumference.
        dt: time per step.
        x0: initial state (2, n), real and imaginary part, or A complex (n,).
        stepper: exponential rule of one step.

    Returns:
        SpectralFlow with state (2, n).

    Raises:
        ParameterError: if n is odd, length not positive, or b or c not a finite number.

    Laws: `plane_wave` is a solution; a turn of the phase and shifts in x and t make three exponents zero.

    Example:
        >>> ComplexGinzburgLandau(n=64).x0.shape
        (2, 64)

    Source: [aranson2002].
    """
    n = count(n, "n", 8)
    grid = FourierGrid(n, positive(length, "length"), complex_field=True, n_kept=n // 4)
    args = {"b": real(b, "b"), "c": real(c, "c")}
    if x0 is None:
        angle = 2.0 * jnp.pi * jnp.arange(n) / n
        x0 = plane_wave(0.0, grid, args) + 0.1 * jnp.stack([jnp.cos(3 * angle + 1), jnp.sin(5 * angle)])
    return SpectralFlow(
        ginzburg_landau_symbol,
        ginzburg_landau_rest,
        args,
        grid=grid,
        dt=dt,
        x0=x0,
        stepper=stepper,
        name="complex_ginzburg_landau",
        variables=_points("ab", n),
    )


def schrodinger_symbol(grid: FourierGrid, args: Any) -> Array:
    """Dispersion of free waves."""
    return -0.5j * grid.wavenumbers**2


def schrodinger_rest(t: Any, v: Array, grid: FourierGrid, args: Any) -> Array:
    """Focusing in proportion to the intensity."""
    psi = grid.values(v)
    return 1j * args["focusing"] * grid.products(jnp.abs(psi) ** 2 * psi)


def soliton(t: Any, grid: FourierGrid, amplitude: Any = 2.0, velocity: Any = 1.0) -> Float[Array, "2 n"]:
    """Return the lone soliton that is in the middle of the circle at t = 0, where focusing is 1.

    Args:
        t: time.
        grid: points; the circle must be long against 1 / amplitude.
        amplitude: height, and inverse width.
        velocity: velocity.

    Returns:
        State (2, n).
    """
    half = grid.length / 2
    y = (grid.x - velocity * t) % grid.length - half
    phase = velocity * (y + velocity * t) + 0.5 * (amplitude**2 - velocity**2) * t
    height = amplitude / jnp.cosh(amplitude * y)
    return height[None] * jnp.stack([jnp.cos(phase), jnp.sin(phase)])


def schrodinger_mass(u: Float[Array, "2 n"], system: SpectralFlow) -> Float[Array, ""]:
    """Return the integral of |psi|^2.

    Args:
        u: state (2, n).
        system: the equation.
    """
    return jnp.sum(u**2) * system.grid.length / system.grid.n


def schrodinger_energy(u: Float[Array, "2 n"], system: SpectralFlow) -> Float[Array, ""]:
    """Return the integral of (|psi_x|^2 - focusing |psi|^4) / 2.

    Args:
        u: state (2, n).
        system: the equation.
    """
    grid = system.grid
    slope = grid.values(grid.derivative * grid.coefficients(u))
    density = jnp.abs(slope) ** 2 - system.args["focusing"] * jnp.sum(u**2, axis=0) ** 2
    return 0.5 * jnp.sum(density) * grid.length / grid.n


@register(
    "nonlinear_schrodinger",
    kind="pde",
    dimension=1024,
    field="physics",
    chaotic=False,
    n_steps=2_000,
    tags=("soliton", "integrable", "conservative", "light"),
)
def NonlinearSchrodinger(
    *,
    n: int = 512,
    focusing: Any = 1.0,
    length: Any = 50.0,
    dt: Any = 0.002,
    x0: Any = None,
    stepper: AbstractExponentialStepper = ETDRK4(),
) -> SpectralFlow:
    r"""The nonlinear Schrödinger equation: light in a fibre, waves on deep water.

    $$i \psi_t + \tfrac12 \psi_{xx} + g |\psi|^2 \psi = 0, \quad \psi(x + L) = \psi(x)$$

    Args:
        n: number of points, even; another n compiles again.
        focusing: g, positive for bright solitons.
        length: L, circumference.
        dt: time per step.
        x0: initial state (2, n), real and imaginary part, or psi complex (n,); default a soliton of amplitude 2 and
            velocity 1.
        stepper: exponential rule of one step.

    Returns:
        SpectralFlow with state (2, n).

    Raises:
        ParameterError: if n is odd, length not positive, or focusing not a finite number.

    Accuracy: the step is not symplectic: mass and energy drift by O(dt^4).
    Laws: `schrodinger_mass`, `schrodinger_energy` and infinitely many more integrals are kept; `soliton` is a solution.

    Example:
        >>> NonlinearSchrodinger(n=256).x0.shape
        (2, 256)

    Source: [zakharov1972].
    """
    grid = FourierGrid(count(n, "n", 8), positive(length, "length"), complex_field=True)
    return SpectralFlow(
        schrodinger_symbol,
        schrodinger_rest,
        {"focusing": real(focusing, "focusing")},
        grid=grid,
        dt=dt,
        x0=soliton(0.0, grid) if x0 is None else x0,
        stepper=stepper,
        name="nonlinear_schrodinger",
        variables=_points("ab", grid.n),
    )
