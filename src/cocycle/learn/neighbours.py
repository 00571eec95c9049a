"""Nearest-neighbour models: no parameters are learned, the data themselves are the model."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.fitted import FitRecord, FittedLookup, FittedSystem, finish
from cocycle.learn.rules import AbstractRule, standard
from cocycle.learn.stretches import Segments, segments

MANY = 24


class SimplexRule(AbstractRule):
    """The next row as a weighted mean of what followed the nearest windows.

    Attributes:
        library: (n, E) windows of the data, oldest row first.
        followers: (n, D) rows that followed.
        n_neighbours: k.
        taps: rows of the window that enter.
        n_window: rows of the window.
    """

    library: Float[Array, "n E"]
    followers: Float[Array, "n D"]
    n_neighbours: int = eqx.field(static=True)
    taps: tuple[int, ...] = eqx.field(static=True)
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Weights fall off exponentially with the distance in units of the nearest one."""
        window = z.at[-1].set(u)
        square = _squares(self.library, window, self.taps)
        least, where = _nearest(square, self.n_neighbours)
        distance = jnp.sqrt(least)
        weight = jnp.exp(-jnp.minimum(distance / jnp.maximum(distance[0], 1e-12), 700.0))
        follower = weight @ self.followers[where] / jnp.sum(weight)
        return jnp.concatenate([window[1:], follower[None]])


class LocalLinearRule(AbstractRule):
    r"""The next row by a linear map fitted to all windows, those nearby weighted most (S-map).

    $$w_j = e^{-\theta |y_j - y| / \bar d}$$

    Attributes:
        library: (n, E) windows of the data, oldest row first.
        followers: (n, D) rows that followed.
        theta: locality; 0 is one linear map for all.
        ridge: penalty, relative to the total weight.
        taps: rows of the window that enter.
        n_window: rows of the window.
    """

    library: Float[Array, "n E"]
    followers: Float[Array, "n D"]
    theta: Float[Array, ""]
    ridge: Float[Array, ""]
    taps: tuple[int, ...] = eqx.field(static=True)
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Solve the weighted normal equations at this window, centred on it."""
        window = z.at[-1].set(u)
        lagged = jnp.concatenate([window[k] for k in self.taps])
        offset = self.library - lagged[None]
        distance = jnp.sqrt(jnp.sum(offset**2, axis=1) + 1e-24)
        weight = jnp.exp(-self.theta * distance / jnp.mean(distance))
        # Centred on the window, the constant of the fit is the forecast.
        design = jnp.concatenate([jnp.ones((offset.shape[0], 1)), offset], axis=1)
        weighted = design * weight[:, None]
        gram = design.T @ weighted + self.ridge * jnp.sum(weight) * jnp.eye(design.shape[1])
        follower = jnp.linalg.solve(gram, weighted.T @ self.followers)[0]
        return jnp.concatenate([window[1:], follower[None]])


def _nearest(square: Any, k: int) -> tuple[Any, Any]:
    """The k least numbers in their order, and where they are."""
    if k > MANY:
        least, where = jax.lax.top_k(-square, k)
        return -least, where

    # A sort of all costs more than a few searches: 8 times on 20,000 numbers and k = 4.
    def one(rest: Any, _: Any) -> Any:
        at = jnp.argmin(rest)
        return rest.at[at].set(jnp.inf), (rest[at], at)

    return jax.lax.scan(one, square, None, length=k)[1]


def _squares(library: Any, window: Any, taps: tuple[int, ...]) -> Any:
    lagged = jnp.concatenate([window[k] for k in taps])
    return jnp.sum((library - lagged[None]) ** 2, axis=1)


@dataclasses.dataclass(frozen=True)
class Simplex(AbstractLearner):
    r"""Simplex projection: what followed the nearest windows, weighted by their distance.

    $$\hat u_{n+1} = \sum_j w_j u_{j+1} / \sum_j w_j, \quad w_j = e^{-d_j / d_1}$$

    With one neighbour it is the nearest-analog look-up.

    Args:
        n_delays: rows in a window.
        delay: rows between them.
        n_neighbours: how many enter; default one more than the numbers in a window.

    Raises:
        ParameterError: if an option is out of range.

    Limits: a step jumps between neighbours, so the model has no tangents, and no exponents.
    Cost: n E per step.

    Example:
        >>> x = np.sin(0.1 * np.arange(1000))
        >>> model = Simplex(n_delays=2).fit(x)
        >>> bool(abs(model.forecast(x[:500], 20).x[19, 0] - x[519]) < 0.01)
        True

    Source: [sugihara1990].
    """

    n_delays: int = 3
    delay: int = 1
    n_neighbours: int | None = None

    def __post_init__(self):
        require_counts(self, "n_delays", "delay")
        if self.n_neighbours is not None:
            require_counts(self, "n_neighbours")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedLookup:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; nothing is drawn.
            dt: time between two rows, where the data do not say it.
            progress: not used; the data are the model.
        """
        taps, n_window = _window(self.n_delays, self.delay)
        found = segments(data, n_min=n_window + 1, dt=dt)
        scaler = standard(found)
        library, followers = windows(found, scaler, taps, n_window)
        n_neighbours = library.shape[1] + 1 if self.n_neighbours is None else self.n_neighbours
        if n_neighbours > len(library):
            raise ParameterError(f"n_neighbours={n_neighbours} exceeds the {len(library)} windows; take fewer.")
        rule = SimplexRule(jnp.asarray(library), jnp.asarray(followers), n_neighbours, taps, n_window)
        return finish(rule, found, scaler, self, FitRecord(), n_context=n_window, smooth=False)


@dataclasses.dataclass(frozen=True)
class SMap(AbstractLearner):
    r"""S-map: a linear map at every step, fitted to all windows with weights that fall off with distance.

    $$w_j = e^{-\theta d_j / \bar d}$$

    Args:
        n_delays: rows in a window.
        delay: rows between them.
        theta: locality; 0 is a linear autoregression.
        ridge: penalty, relative to the total weight; keeps the fit defined where neighbours lie in a plane.

    Raises:
        ParameterError: if an option is out of range.

    Cost: n E^2 per step.

    Example:
        >>> x = [0.3]
        >>> for _ in range(500): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> model = SMap(n_delays=1, theta=40.0).fit(np.array(x[:-1]))
        >>> bool(abs(model.forecast(np.array(x[:-1]), 1).x[0, 0] - x[-1]) < 1e-3)
        True

    Source: [sugihara1994].
    """

    n_delays: int = 3
    delay: int = 1
    theta: float = 4.0
    ridge: float = 1e-10

    def __post_init__(self):
        require_counts(self, "n_delays", "delay")
        for name in ("theta", "ridge"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ParameterError(f"SMap: {name} must be a number of at least 0, got {getattr(self, name)!r}.")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; nothing is drawn.
            dt: time between two rows, where the data do not say it.
            progress: not used; the data are the model.
        """
        taps, n_window = _window(self.n_delays, self.delay)
        found = segments(data, n_min=n_window + 1, dt=dt)
        scaler = standard(found)
        library, followers = windows(found, scaler, taps, n_window)
        numbers = jnp.asarray(float(self.theta)), jnp.asarray(float(self.ridge))
        rule = LocalLinearRule(jnp.asarray(library), jnp.asarray(followers), *numbers, taps, n_window)
        return finish(rule, found, scaler, self, FitRecord(), n_context=n_window)


def _window(n_delays: int, delay: int) -> tuple[tuple[int, ...], int]:
    return tuple(delay * k for k in range(n_delays)), (n_delays - 1) * delay + 1


def windows(found: Segments, scaler: Any, taps: tuple[int, ...], n_window: int) -> tuple[np.ndarray, np.ndarray]:
    """All windows (n, E) of the data and the rows (n, D) that followed, in units of the rule.

    Args:
        found: the data.
        scaler: their units.
        taps: rows of the window that enter.
        n_window: rows of the window.
    """
    library, followers = [], []
    for part in found.parts:
        u = np.asarray(scaler.to_rule(part))
        n = len(u) - n_window
        library.append(np.concatenate([u[k : k + n] for k in taps], axis=1))
        followers.append(u[n_window:])
    return np.concatenate(library), np.concatenate(followers)
