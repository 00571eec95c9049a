"""What a paper claims, and when a measured number bears it out."""

import dataclasses
import enum
import math

from cocycle.core.errors import DataError
from cocycle.core.estimate import Estimate

Z = 2.0


class Verdict(enum.StrEnum):
    """Outcome of a claim.

    Attributes:
        REPRODUCED: the number is as claimed, and that of the control is not.
        NOT_REPRODUCED: the number is not as claimed.
        UNDECIDED: the error bar reaches across the threshold, for the number or for its control.
        VACUOUS: the control passes too, so that the claim says nothing here.
        NOT_JUDGED: the tier is too small to judge it.
    """

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    UNDECIDED = "undecided"
    VACUOUS = "vacuous"
    NOT_JUDGED = "not judged"


class Comparison(enum.StrEnum):
    """How a measured number is compared with the expected one."""

    EQUAL = "equal"
    AT_MOST = "at most"
    AT_LEAST = "at least"
    BETWEEN = "between"


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim: a number to be found, and a control that must come out the other way.

    Attributes:
        id: key, unique in its paper.
        sentence: the claim in words.
        expected: the number; two of them, least and largest, for `between`.
        tolerance: how far off it may be [unit of the number], besides two standard errors.
        origin: where the tolerance comes from.
        control: what is changed in the control run; the same quantity measured there must fail the comparison.
        comparison: equal, at most, at least, between.
        smoke: whether the smoke tier is large enough to judge it.

    Example:
        >>> claim = Claim("mass", "The mass is 4.", (4.0,), 1e-9, "round-off", "twice the amplitude")
        >>> print(claim.judge(Estimate(4.0), Estimate(8.0)))
        reproduced
        >>> print(claim.judge(Estimate(4.0), Estimate(4.0)))
        vacuous
    """

    id: str
    sentence: str
    expected: tuple[float, ...]
    tolerance: float
    origin: str
    control: str
    comparison: Comparison = Comparison.EQUAL
    smoke: bool = False

    def __post_init__(self) -> None:
        """Refuse a claim that cannot be judged.

        Raises:
            DataError: if words or numbers are missing or out of range.
        """
        for word in ("id", "sentence", "origin", "control"):
            if not str(getattr(self, word)).strip():
                raise DataError(f"claim {self.id!r}: {word} is empty; say it.")
        wanted = 2 if self.comparison is Comparison.BETWEEN else 1
        if len(self.expected) != wanted or not all(math.isfinite(v) for v in self.expected):
            raise DataError(
                f"claim {self.id!r}: {self.comparison} needs {wanted} finite expected, got {self.expected}."
            )
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise DataError(f"claim {self.id!r}: the tolerance is {self.tolerance}; it is zero or more.")

    def judge(self, measured: Estimate, control: Estimate) -> Verdict:
        """Compare the number, and that of the control, with what is expected.

        Args:
            measured: the number, a scalar.
            control: the same quantity in the control.
        """
        found, other = self._holds(measured), self._holds(control)
        if found is False:
            return Verdict.NOT_REPRODUCED
        if found is None or other is None:
            return Verdict.UNDECIDED
        return Verdict.VACUOUS if other else Verdict.REPRODUCED

    def _holds(self, number: Estimate) -> bool | None:
        """Whether the comparison holds; None where the error bar reaches across the threshold."""
        value, error = float(number.value), Z * float(number.stderr)
        if not math.isfinite(value):
            return False
        if not math.isfinite(error):
            return None
        low, high = self._range()
        if self.comparison is Comparison.EQUAL:
            return low - error <= value <= high + error
        if low <= value - error and value + error <= high:
            return True
        return False if value + error < low or value - error > high else None

    def _range(self) -> tuple[float, float]:
        low, high = self.expected[0] - self.tolerance, self.expected[-1] + self.tolerance
        return (
            -math.inf if self.comparison is Comparison.AT_MOST else low,
            math.inf if self.comparison is Comparison.AT_LEAST else high,
        )

    @property
    def expectation(self) -> str:
        """What is expected, as text."""
        numbers = " and ".join(f"{v:.7g}" for v in self.expected)
        if self.comparison is Comparison.EQUAL:
            return f"{numbers} within {self.tolerance:.2g}" if self.tolerance else numbers
        slack = f" (slack {self.tolerance:.2g})" if self.tolerance else ""
        return f"{self.comparison} {numbers}{slack}"
