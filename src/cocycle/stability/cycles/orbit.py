"""A periodic orbit with its multipliers."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from cocycle.core.presentation import Presentable
from cocycle.stability.equilibria.fixed_point import eigenvalue_text
from cocycle.stability.equilibria.kinds import Kind, kind_of, neutral


@dataclasses.dataclass(frozen=True, eq=False)
class PeriodicOrbit(Presentable):
    """A periodic orbit of a map or of a flow.

    Attributes:
        points: states along it (n, D): each one of a map; of a flow the starts of the segments of shooting.
        period: time until it repeats [time; steps times dt for a map].
        multipliers: Floquet multipliers, largest first (D,); of an autonomous flow one of them is 1.
        is_flow: whether it is an orbit of an autonomous flow.
        error: estimated error of the points and the period: length of the last Newton step, and for a flow the
            change when the steps were halved.
        volume_residual: difference of log|product of the multipliers| and the integral of the divergence (Liouville),
            from an own computation; NaN where multipliers vanish in round-off.
        certified: whether interval arithmetic proved that it exists.
        variables: names of the coordinates, or None.
        name: name of the system.
        state: the first point as the system has it.
    """

    points: Float[np.ndarray, "n D"]
    period: float
    multipliers: Complex[np.ndarray, "D"]
    is_flow: bool
    error: float
    volume_residual: float
    certified: bool = False
    variables: tuple[str, ...] | None = None
    name: str | None = None
    state: Any = None

    @property
    def x(self) -> Float[np.ndarray, "D"]:
        """First point."""
        return self.points[0]

    @property
    def transverse(self) -> Complex[np.ndarray, "K"]:
        """Multipliers without the one along the flow."""
        return without_trivial(self.multipliers) if self.is_flow else self.multipliers

    @property
    def trivial_residual(self) -> float:
        """Distance of the multiplier along the flow from 1; 0 for a map."""
        return float(np.abs(self.multipliers - 1.0).min()) if self.is_flow else 0.0

    @property
    def exponents(self) -> Float[np.ndarray, "D"]:
        """Floquet exponents: log|multiplier| / period [nats / time]."""
        with np.errstate(divide="ignore"):
            return np.log(np.abs(self.multipliers)) / self.period

    @property
    def stable(self) -> bool:
        """Whether all transverse deviations decay."""
        rest = self.transverse
        return bool(np.all((np.abs(rest) < 1) & ~neutral(rest, False))) if len(rest) else True

    @property
    def n_unstable(self) -> int:
        """Number of growing directions."""
        rest = self.transverse
        return int(np.sum((np.abs(rest) > 1) & ~neutral(rest, False))) if len(rest) else 0

    @property
    def kind(self) -> Kind:
        """Type of the transverse motion."""
        return kind_of(self.transverse, False) if len(self.transverse) else Kind.STABLE_NODE

    def __str__(self) -> str:
        """Period, type and multipliers."""
        word = "stable" if self.stable else f"unstable ({self.n_unstable})"
        return f"{word} orbit of period {self.period:.10g}, multipliers {eigenvalue_text(self.multipliers)}"


def without_trivial(multipliers: Complex[np.ndarray, "D"]) -> Complex[np.ndarray, "K"]:
    """Leave out the multiplier nearest to 1.

    Args:
        multipliers: all of them.
    """
    return np.delete(multipliers, int(np.argmin(np.abs(multipliers - 1.0))))


def ordered(multipliers: np.ndarray) -> Complex[np.ndarray, "D"]:
    """Sort multipliers, largest first, of a pair the one with positive imaginary part first.

    Args:
        multipliers: in any order.
    """
    values = np.asarray(multipliers).astype(complex)
    return values[np.lexsort((-np.imag(values), -np.round(np.log(np.maximum(np.abs(values), 1e-300)), 10)))]
