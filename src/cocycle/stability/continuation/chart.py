"""Largest Lyapunov exponent over two parameters."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import ParameterError
from cocycle.core.parameters import parameters, with_parameters
from cocycle.core.presentation import Presentable
from cocycle.core.start import count, start
from cocycle.core.sweep import sweep
from cocycle.core.system import AbstractSystem
from cocycle.stability.exponents import lyapunov_spectrum
from cocycle.stability.frames import require_differentiable


@dataclasses.dataclass(frozen=True, eq=False)
class LyapunovChart(Presentable):
    """Largest exponent on a grid of two parameters.

    Attributes:
        axes: name of each parameter -> its values.
        exponent: (n, m) [nats / time]; nan where the orbit diverges.
        stderr: (n, m) [same].
        n_steps: steps of each orbit, transient included.
        name: name of the system.
    """

    axes: dict[str, np.ndarray]
    exponent: Float[np.ndarray, "n m"]
    stderr: Float[np.ndarray, "n m"]
    n_steps: int
    name: str | None = None


class _Case(eqx.Module):
    system: AbstractSystem
    x: Any
    driver: AbstractDriver
    names: tuple[str, str] = eqx.field(static=True)
    n_steps: int = eqx.field(static=True)

    def __call__(self, row: Any) -> tuple[Any, Any]:
        system = with_parameters(self.system, **dict(zip(self.names, row, strict=True)))
        found = lyapunov_spectrum(system, self.x, self.driver, n_steps=self.n_steps, n_vectors=1, throw=False)
        return found.exponents[0], found.stderr[0]


def lyapunov_chart(
    system: AbstractSystem,
    x0: Any = None,
    driver: AbstractDriver | None = None,
    *,
    over: Mapping[str, Any],
    n_steps: int = 2000,
    n_jobs: int = 1,
    progress: bool | None = None,
) -> LyapunovChart:
    """Largest Lyapunov exponent over two parameters, all from one initial state.

    Args:
        system: differentiable system.
        x0: initial state; default that of the system.
        driver: driver, the same for all; default that of the system.
        over: `{"a": (low, high, n), "b": (low, high, m)}`.
        n_steps: steps of each orbit, a tenth of them transient.
        n_jobs: joblib workers, see `sweep`.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        LyapunovChart.

    Raises:
        ParameterError: if there are not two parameters, or a range cannot be used.
        UnknownNameError: if there is no such parameter.
        NotDifferentiableError: if the system has no tangents.

    Limits: one initial state finds one attractor of several.
    Cost: n m orbits of n_steps with one tangent, in one compilation.

    Example:
        >>> from cocycle.core.functions import Map
        >>> shear = Map(lambda x, a: a["r"] * x + a["c"], {"r": 0.5, "c": 0.0}, x0=0.3)
        >>> chart = lyapunov_chart(shear, over={"r": (0.25, 0.5, 2), "c": (0.0, 1.0, 3)}, n_steps=100)
        >>> chart.exponent.round(3).tolist()
        [[-1.386, -1.386, -1.386], [-0.693, -0.693, -0.693]]
    """
    require_differentiable(system)
    n_steps = count(n_steps, "n_steps")
    if not isinstance(over, Mapping) or len(over) != 2:
        raise ParameterError('over must name two parameters: {"a": (low, high, n), "b": (low, high, m)}.')
    axes = {}
    for name, given in over.items():
        with_parameters(system, **{name: parameters(system).get(name, 0.0)})  # refuses unknown names
        try:
            low, high, n = given
            values = np.linspace(float(low), float(high), int(n))
        except (TypeError, ValueError):
            raise ParameterError(f"the range of {name!r} is (low, high, number of values), got {given!r}.") from None
        if not len(values) or not np.all(np.isfinite(values)):
            raise ParameterError(f"the range of {name!r} needs finite ends and at least one value, got {given!r}.")
        axes[name] = values
    x, driver = start(system, x0, driver, n_steps=n_steps)
    first, second = axes.values()
    rows = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1).reshape(-1, 2)
    names = tuple(axes)
    case = _Case(system, x, driver, (names[0], names[1]), n_steps)
    exponent, stderr = sweep(case, jnp.asarray(rows), n_jobs=n_jobs, progress=progress)
    shape = (len(first), len(second))
    exponent = np.where(np.isfinite(exponent), exponent, np.nan).reshape(shape)
    return LyapunovChart(axes, exponent, np.asarray(stderr).reshape(shape), n_steps, getattr(system, "name", None))
