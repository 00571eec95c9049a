"""Equations in one space dimension with periodic boundaries, by Fourier series."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cocycle.core.drivers import AbstractDriver, Clock, Still
from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.start import count
from cocycle.core.system import AbstractDifferentiableSystem, Drive, parameter_leaves, positive_time
from cocycle.steppers.exponential import ETDRK4, AbstractExponentialStepper
from cocycle.steppers.fields import depends_on_time, floating_state, time_of


class FourierGrid(eqx.Module):
    """Equally spaced points on a circle, and the Fourier modes that live on them.

    Args:
        n: number of points, even.
        length: circumference.
        complex_field: True for one complex field, whose real and imaginary part are the two rows of a state.
        n_kept: modes kept in products, counted from the mean; default n // 3: products of two fields are then free of
            aliasing. Take n // 4 for products of three.

    Raises:
        ParameterError: if n is odd or below 4, length is not positive, or n_kept exceeds n // 2.

    Example:
        >>> grid = FourierGrid(8, 2 * jnp.pi)
        >>> [round(float(k), 12) for k in grid.wavenumbers]
        [0.0, 1.0, 2.0, 3.0, 4.0]
    """

    n: int = eqx.field(static=True)
    length: Float[Array, ""]
    complex_field: bool = eqx.field(static=True)
    n_kept: int = eqx.field(static=True)

    def __init__(self, n: int, length: Any, *, complex_field: bool = False, n_kept: int | None = None):
        self.n = count(n, "n", 4)
        if self.n % 2:
            raise ParameterError(f"a Fourier grid has an even number of points, got {n}; take {n + 1}.")
        self.length = positive_time(length, "length")
        self.complex_field = complex_field
        self.n_kept = self.n // 3 if n_kept is None else count(n_kept, "n_kept", 1)
        if self.n_kept > self.n // 2:
            raise ParameterError(f"n_kept={self.n_kept} modes do not fit on {self.n} points; take at most {n // 2}.")

    @property
    def x(self) -> Float[Array, "n"]:
        """Places of the points."""
        return self.length / self.n * jnp.arange(self.n)

    @property
    def numbers(self) -> Float[Array, "modes"]:
        """Numbers of waves around the circle, with sign for a complex field."""
        half = jnp.arange(self.n // 2 + 1, dtype=float)
        return jnp.concatenate([half[:-1], -half[:0:-1]]) if self.complex_field else half

    @property
    def wavenumbers(self) -> Float[Array, "modes"]:
        """Angular wave number of each mode."""
        return 2.0 * jnp.pi / self.length * self.numbers

    @property
    def derivative(self) -> Array:
        """Factor i k of each mode for an odd derivative; the highest mode, whose sign is not known, has none."""
        return 1j * jnp.where(jnp.abs(self.numbers) == self.n // 2, 0.0, self.wavenumbers)

    def coefficients(self, u: Array) -> Array:
        """Return the Fourier coefficients of a state in space.

        Args:
            u: real, shape (..., n); of a complex field (2, n).
        """
        return jnp.fft.fft(u[0] + 1j * u[1]) if self.complex_field else jnp.fft.rfft(u)

    def values(self, v: Array) -> Array:
        """Return the fields in space, complex for a complex field.

        Args:
            v: Fourier coefficients, shape (..., modes).
        """
        return jnp.fft.ifft(v) if self.complex_field else jnp.fft.irfft(v, self.n)

    def state(self, v: Array) -> Array:
        """Return the real state of Fourier coefficients.

        Args:
            v: Fourier coefficients, shape (..., modes).
        """
        u = self.values(v)
        return jnp.stack([u.real, u.imag]) if self.complex_field else u

    def products(self, u: Array) -> Array:
        """Return the Fourier coefficients of a product of fields, without the modes that alias.

        Args:
            u: product in space, shape (..., n).
        """
        v = jnp.fft.fft(u) if self.complex_field else jnp.fft.rfft(u)
        keep = jnp.abs(self.numbers) <= self.n_kept
        return v * (keep if v.ndim == 1 else keep[None])


class SpectralFlow(AbstractDifferentiableSystem):
    r"""A semilinear equation on a circle over one exponential step.

    $$u_t = L(\partial_x)\, u + N(u), \qquad \hat v_t = \ell(k)\, \hat v + \widehat{N}$$

    The state is real, in space: its tangents are those of the n numbers per field (2 n of a complex one).

    Args:
        symbol: `symbol(grid, args)`, the factor l(k) of each mode, of the shape of the coefficients.
        rest: `rest(t, v, grid, args)`, from Fourier coefficients to those of everything else.
        args: parameters, leaves.
        grid: points and modes.
        dt: time that one step takes.
        x0: default initial state in space.
        stepper: an exponential stepper.
        name: what to call the system.
        variables: names of the components.

    Raises:
        ParameterError: if dt is not positive, or the stepper is none for semilinear equations.
        ShapeError: if symbol or rest do not fit the state.

    Accuracy: the order of the stepper in time; in space exponential in n for smooth solutions.
    Limits: one space dimension, periodic, diagonal linear part.
    Cost: 4 evaluations of the rest and 2 transforms.

    Example:
        >>> heat = SpectralFlow(
        ...     lambda grid, a: -a * grid.wavenumbers**2, lambda t, v, grid, a: 0.0 * v, 0.5,
        ...     grid=FourierGrid(16, 2 * jnp.pi), dt=0.1, x0=jnp.cos(2 * jnp.pi * jnp.arange(16) / 16),
        ... )
        >>> round(float(heat.step(heat.x0, None)[0] / jnp.exp(-0.05)), 12)
        1.0

    Source: [kassam2005].
    """

    symbol: Any
    rest: Any
    args: Any
    grid: FourierGrid
    dt: Float[Array, ""]
    x0: Any
    stepper: AbstractExponentialStepper
    name: str | None = eqx.field(static=True)
    variables: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        symbol: Any,
        rest: Any,
        args: Any = None,
        *,
        grid: FourierGrid,
        dt: Any,
        x0: Any = None,
        stepper: Any = ETDRK4(),
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ):
        if not isinstance(stepper, AbstractExponentialStepper):
            got = type(stepper).__name__
            raise ParameterError(f"SpectralFlow needs an exponential stepper such as ETDRK4(), got {got}.")
        if not callable(symbol) or not callable(rest):
            raise ParameterError("symbol and rest must be functions: symbol(grid, args) and rest(t, v, grid, args).")
        self.symbol = symbol
        self.rest = rest
        self.args = parameter_leaves(args)
        self.grid = grid
        self.dt = positive_time(dt)
        self.stepper = stepper
        self.name = name
        self.variables = None if variables is None else tuple(variables)
        self.x0 = None if x0 is None else self.initial_state(x0)

    def step(self, x: Array, w: Drive) -> Array:
        """Advance by dt from the time w (None: time 0).

        Args:
            x: state in space.
            w: time at the start of the step, from `Clock`, or None.
        """
        grid, args = self.grid, self.args
        v = grid.coefficients(x)

        def rest(t: Any, v: Array) -> Array:
            return self.rest(t, v, grid, args)

        return grid.state(self.stepper.step(self.symbol(grid, args), rest, time_of(w), v, self.dt)).astype(x.dtype)

    def field(self, t: Any, u: Array, args: Any) -> Array:
        """Return the velocity of a state in space, as the field of a `Flow` would.

        Args:
            t: time.
            u: state in space.
            args: parameters.
        """
        v = self.grid.coefficients(u)
        return self.grid.state(self.symbol(self.grid, args) * v + self.rest(t, v, self.grid, args))

    def initial_state(self, x0: Any) -> Array:
        """Turn what a user gives into a real array on the grid.

        Args:
            x0: real array (..., n); (2, n) for a complex field, or one complex array (n,).

        Raises:
            ShapeError: if it does not lie on the grid.
        """
        x = floating_state(x0)
        if not hasattr(x, "shape"):
            raise ShapeError("the state of a spectral flow is one array; stack the fields along the first axis.")
        if jnp.iscomplexobj(x) and self.grid.complex_field:
            x = jnp.stack([x.real, x.imag])
        wanted = (2, self.grid.n) if self.grid.complex_field else (*x.shape[:-1], self.grid.n)
        if x.shape != wanted or jnp.iscomplexobj(x):
            raise ShapeError(f"the state must be real with shape {wanted} on this grid, got {x.dtype} {x.shape}.")
        symbol = jnp.shape(self.symbol(self.grid, self.args))
        after = eqx.filter_eval_shape(lambda x: self.step(x, None), x)
        if after.shape != x.shape:
            raise ShapeError(f"a symbol of shape {symbol} turns a state of shape {x.shape} into {after.shape}.")
        return x

    def default_driver(self, x: Array) -> AbstractDriver:
        """Return `Clock(dt)` where the equation depends on t, else `Still()`.

        Args:
            x: a state.
        """
        return Clock(self.dt) if depends_on_time(self.field, x, self.args) else Still()
