"""Results: one fixed point, and all that were found, with what is proved of them."""

import dataclasses
import enum
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from cocycle.core.presentation import Presentable
from cocycle.stability.equilibria.kinds import Kind, growth, neutral


class Guarantee(enum.StrEnum):
    """What is known of the completeness of a search."""

    ALL = "all fixed points of the box, proved by interval arithmetic"
    PARTIAL = "each certified one is proved; parts of the box are undecided"
    SEARCHED = "found from many starts; others may exist"


@dataclasses.dataclass(frozen=True, eq=False)
class FixedPoint(Presentable):
    """A state that the system leaves alone, or that a map takes to itself after some steps.

    Attributes:
        x: the state, flattened (D,).
        eigenvalues: of the Jacobian of the field, or of the tangent map over the period; fastest growing first (D,).
        jacobian: that matrix (D, D).
        kind: node, focus, saddle ...
        index: sign of the determinant: +1 or -1, 0 where it is singular.
        is_flow: whether eigenvalues are rates [1 / time], else multipliers.
        certified: whether interval arithmetic proved that it exists, and is alone in its enclosure.
        error: bound of the error of x if certified, else the length of the last Newton step.
        hits: starts that led to it, of a search from many.
        state: the state as the system has it.
    """

    x: Float[np.ndarray, "D"]
    eigenvalues: Complex[np.ndarray, "D"]
    jacobian: Float[np.ndarray, "D D"]
    kind: Kind
    index: int
    is_flow: bool
    certified: bool
    error: float
    hits: int = 0
    state: Any = None

    @property
    def n_unstable(self) -> int:
        """Number of growing directions."""
        on = neutral(self.eigenvalues, self.is_flow)
        return int(np.sum((growth(self.eigenvalues, self.is_flow) > 0) & ~on))

    @property
    def stable(self) -> bool:
        """Whether all small deviations decay."""
        on = neutral(self.eigenvalues, self.is_flow)
        return bool(np.all((growth(self.eigenvalues, self.is_flow) < 0) & ~on))

    def __str__(self) -> str:
        """Place, type and eigenvalues."""
        place = np.array2string(self.x[:6], precision=6, separator=", ", suppress_small=True)
        name = "rates" if self.is_flow else "multipliers"
        return f"{self.kind} at {place}, {name} {eigenvalue_text(self.eigenvalues)}"


def eigenvalue_text(eigenvalues: Complex[np.ndarray, "D"], n: int = 6) -> str:
    """Write eigenvalues, a complex pair once.

    Args:
        eigenvalues: in any order.
        n: how many to write.

    Example:
        >>> eigenvalue_text(np.array([1 + 2j, 1 - 2j, -3.0]))
        '1±2i, -3'
    """
    parts = []
    for value in eigenvalues:
        if abs(value.imag) <= 1e-12 * max(abs(value), 1e-300):
            parts.append(f"{value.real:.4g}")
        elif value.imag > 0:
            parts.append(f"{value.real:.4g}±{value.imag:.4g}i")
    return ", ".join(parts[:n]) + (", ..." if len(parts) > n else "")


@dataclasses.dataclass(frozen=True, eq=False)
class FixedPoints(Presentable):
    """Fixed points in a box.

    Attributes:
        points: the fixed points, ordered by their coordinates.
        box: lower and upper ends (D, 2).
        guarantee: what is known of completeness.
        undecided: boxes that may hold more (m, D, 2); empty where the guarantee is ALL.
        chance_of_more: estimated chance that one more start finds another point (share of starts whose point was
            found once); NaN where the search was not by starts.
        n_evaluated: boxes or starts looked at.
        variables: names of the coordinates, or None.
        name: name of the system.
        note: why the guarantee is not more.
    """

    points: tuple[FixedPoint, ...]
    box: Float[np.ndarray, "D 2"]
    guarantee: Guarantee
    undecided: Float[np.ndarray, "m D 2"]
    chance_of_more: float
    n_evaluated: int
    variables: tuple[str, ...] | None
    name: str | None
    note: str = ""

    @property
    def x(self) -> Float[np.ndarray, "n D"]:
        """Their coordinates."""
        return np.stack([p.x for p in self.points]) if self.points else np.zeros((0, len(self.box)))

    @property
    def stable(self) -> tuple[FixedPoint, ...]:
        """The stable ones."""
        return tuple(p for p in self.points if p.stable)

    @property
    def sum_of_indices(self) -> int:
        """Sum of their indices."""
        return sum(p.index for p in self.points)

    def __len__(self) -> int:
        """Number of fixed points."""
        return len(self.points)

    def __iter__(self) -> Iterator[FixedPoint]:
        """Go through the fixed points."""
        return iter(self.points)

    def __getitem__(self, i: int) -> FixedPoint:
        """Return one of them."""
        return self.points[i]

    def __str__(self) -> str:
        """A line each, and the guarantee."""
        lines = [str(p) for p in self.points] or ["no fixed point"]
        more = f" ({self.note})" if self.note else ""
        return "\n".join([*lines, f"guarantee: {self.guarantee}{more}"])
