"""Results of continuation: a branch with its stability and its bifurcations."""

import dataclasses
import enum
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from cocycle.core.presentation import Presentable
from cocycle.stability.equilibria.fixed_point import eigenvalue_text


class BifurcationKind(enum.StrEnum):
    """What happens on a branch of fixed points or cycles when one parameter changes."""

    FOLD = "fold"
    BRANCH_POINT = "branch point"
    HOPF = "Hopf"
    PERIOD_DOUBLING = "period doubling"
    NEIMARK_SACKER = "Neimark-Sacker"


class BranchEnd(enum.StrEnum):
    """Why a branch ends where it ends."""

    STOP = "reached the end of the interval"
    N_POINTS = "n_points"
    STALLED = "the corrector fails at the smallest step"
    INTERRUPTED = "interrupted"


@dataclasses.dataclass(frozen=True, eq=False)
class BifurcationPoint(Presentable):
    """A bifurcation on a branch.

    Attributes:
        kind: fold, Hopf, ...
        value: value of the parameter.
        error: width of the last bracket of the value.
        x: state (of a cycle: one point of it) (D,).
        eigenvalues: rates of a flow's fixed point, else multipliers (D,).
        frequency: of a Hopf point [radians / time]; of a Neimark-Sacker point the angle of the pair [radians]; else 0.
        period: of a cycle [time]; else 0.
        unknowns: solution (N,), to go on from.
        row: the bifurcation lies between this point of the branch and the next.
    """

    kind: BifurcationKind
    value: float
    error: float
    x: Float[np.ndarray, "D"]
    eigenvalues: Complex[np.ndarray, "K"]
    frequency: float
    period: float
    unknowns: Float[np.ndarray, "N"]
    row: int

    def __str__(self) -> str:
        """Kind, value and eigenvalues."""
        more = f", frequency {self.frequency:.6g}" if self.frequency else ""
        more += f", period {self.period:.8g}" if self.period else ""
        return f"{self.kind} at {self.value:.12g}{more}, eigenvalues {eigenvalue_text(self.eigenvalues)}"


@dataclasses.dataclass(frozen=True, eq=False)
class Branch(Presentable):
    """Fixed points or cycles along one parameter.

    Attributes:
        parameter: its name.
        values: of the parameter (n,).
        x: states; of a cycle its first point (n, D).
        eigenvalues: rates of a flow's fixed points, else multipliers, that of a cycle along the flow left out (n, K).
        n_unstable: number of growing directions (n,).
        periods: of cycles [time] (n,), else None.
        minima: least value of each coordinate on a cycle (n, D), else x.
        maxima: greatest (n, D), else x.
        bifurcations: those met, in their order.
        unknowns: solutions (n, N), to go on from.
        end: why it ends.
        variables: names of the coordinates, or None.
        name: name of the system.
        curve: the equations, to go on with.
    """

    parameter: str
    values: Float[np.ndarray, "n"]
    x: Float[np.ndarray, "n D"]
    eigenvalues: Complex[np.ndarray, "n K"]
    n_unstable: np.ndarray
    periods: Float[np.ndarray, "n"] | None
    minima: Float[np.ndarray, "n D"]
    maxima: Float[np.ndarray, "n D"]
    bifurcations: tuple[BifurcationPoint, ...]
    unknowns: Float[np.ndarray, "n N"]
    end: BranchEnd
    variables: tuple[str, ...] | None = None
    name: str | None = None
    curve: Any = dataclasses.field(default=None, repr=False)

    @property
    def stable(self) -> np.ndarray:
        """Whether each point is stable (n,)."""
        return self.n_unstable == 0

    def of_kind(self, kind: BifurcationKind) -> tuple[BifurcationPoint, ...]:
        """Return the bifurcations of one kind.

        Args:
            kind: which.
        """
        return tuple(b for b in self.bifurcations if b.kind is kind)

    def __len__(self) -> int:
        """Number of points."""
        return len(self.values)

    def __str__(self) -> str:
        """Extent and bifurcations."""
        what = "fixed points" if self.periods is None else "cycles"
        head = (
            f"{len(self)} {what} over {self.parameter} from {self.values[0]:.6g} to {self.values[-1]:.6g}; {self.end}"
        )
        return "\n".join([head, *(f"  {b}" for b in self.bifurcations)])
