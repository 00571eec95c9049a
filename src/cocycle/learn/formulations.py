"""How a differential equation becomes a regression: by derivatives, or in weak form without any."""

import abc
import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.signal import savgol_coeffs

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.measures import rice_period

Library = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class AbstractFormulation(abc.ABC):
    """Turns rows and a library of functions into features and targets of a regression."""

    @abc.abstractmethod
    def regression(
        self, rows: Float[np.ndarray, "n D"], dt: float, library: Library
    ) -> tuple[Float[np.ndarray, "m F"], Float[np.ndarray, "m D"]]:
        """Return features and targets.

        Args:
            rows: one stretch of data.
            dt: time between rows.
            library: from rows to the values of all terms.
        """


@dataclasses.dataclass(frozen=True)
class Derivatives(AbstractFormulation):
    r"""Rows and their derivatives by local polynomials (Savitzky-Golay); both are smoothed alike.

    $$\dot x(t_n) \approx \Theta(x(t_n))\, \xi$$

    Args:
        n_window: rows of a local polynomial, odd; 5 with degree 4 are central differences of fourth order.
        degree: of the polynomial.

    Raises:
        ParameterError: if an option is out of range.

    Accuracy: O(dt^degree) on clean data; noise enters as its size over dt.
    """

    n_window: int = 5
    degree: int = 4

    def __post_init__(self):
        if self.n_window < 3 or self.n_window % 2 == 0 or not 1 <= self.degree < self.n_window:
            raise ParameterError(
                f"Derivatives: n_window must be odd, at least 3 and above degree, got {self.n_window}, {self.degree}."
            )

    def regression(
        self, rows: Float[np.ndarray, "n D"], dt: float, library: Library
    ) -> tuple[Float[np.ndarray, "m F"], Float[np.ndarray, "m D"]]:
        """Smooth, differentiate, and drop half a window at both ends.

        Args:
            rows: one stretch of data.
            dt: time between rows.
            library: from rows to the values of all terms.
        """
        if len(rows) < 2 * self.n_window:
            raise InsufficientDataError(f"a stretch has {len(rows)} rows; derivatives need {2 * self.n_window}.")
        return library(self._local(rows, dt, 0)), self._local(rows, dt, 1)

    def _local(self, rows: np.ndarray, dt: float, deriv: int) -> np.ndarray:
        """Value or slope of the local polynomial at the middle of each window."""
        weights = savgol_coeffs(self.n_window, self.degree, deriv=deriv, delta=dt, use="dot")
        n = len(rows) - self.n_window + 1
        total = np.zeros((n, rows.shape[1]))
        for k, w in enumerate(weights):
            total += w * rows[k : k + n]
        return total


@dataclasses.dataclass(frozen=True)
class WeakForm(AbstractFormulation):
    r"""The equation integrated against smooth bumps, so that the data are never differentiated.

    $$-\int \dot\phi_k\, x\, dt = \int \phi_k\, \Theta(x)\, dt\; \xi, \qquad
    \phi_k(t) = \Bigl(1 - \frac{(t - t_k)^2}{h^2}\Bigr)^p$$

    Args:
        half_width: h [rows]; default half of the mean period of the data's first column (Rice), at least 8.
        power: p; integrals by the trapezoidal rule are of order 2 p or so, because bumps end flat.
        spacing: rows between bumps; default h / 4.

    Raises:
        ParameterError: if an option is out of range.

    Accuracy: noise is averaged over 2 h rows.

    Source: [messenger2021].
    """

    half_width: int | None = None
    power: int = 8
    spacing: int | None = None

    def __post_init__(self):
        for name in ("half_width", "spacing", "power"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ParameterError(f"WeakForm: {name} must be a whole number of at least 1, got {value!r}.")

    def regression(
        self, rows: Float[np.ndarray, "n D"], dt: float, library: Library
    ) -> tuple[Float[np.ndarray, "m F"], Float[np.ndarray, "m D"]]:
        """Integrate rows and library against all bumps.

        Args:
            rows: one stretch of data.
            dt: time between rows.
            library: from rows to the values of all terms.
        """
        h = self.half_width
        if h is None:
            h = int(np.clip(round(rice_period(rows[:, 0]) / 2), 8, max(8, len(rows) // 8)))
        if len(rows) < 2 * h + 2:
            raise InsufficientDataError(f"a stretch has {len(rows)} rows; bumps of half width {h} need {2 * h + 2}.")
        s = np.arange(-h, h + 1) / h
        bump = (1 - s**2) ** self.power
        slope = -2 * self.power * s * (1 - s**2) ** (self.power - 1) / (h * dt)
        spacing = max(1, h // 4) if self.spacing is None else self.spacing
        features = _windows(library(rows), 2 * h + 1, spacing) @ bump * dt
        targets = -_windows(rows, 2 * h + 1, spacing) @ slope * dt
        # Unit bumps: coefficients and thresholds keep the units of the field.
        return features / (bump.sum() * dt), targets / (bump.sum() * dt)


def _windows(values: np.ndarray, length: int, spacing: int) -> np.ndarray:
    """Windows (m, columns, length) without copying."""
    return np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[::spacing]
