"""What the records of the catalogue must satisfy, and the check of all of them."""

import dataclasses
import math
import pathlib
from collections.abc import Iterable

import numpy as np

from cocycle.systems.catalogue import catalogue
from cocycle.systems.records import Record, packaged_file, read_records
from cocycle.systems.registry import Entry

# Standard errors allowed. Some 1,000 numbers are compared, and standard errors of few independent samples have heavy
# tails: Student's t with 20 degrees of freedom exceeds 5 once in 14,000.
Z = 5.0
# A step is short enough where halving it moves an exponent by less than this part of its size.
RESOLUTION = 5e-3
# Round-off of sums over some million steps, relative to the largest exponent.
ROUND_OFF = 1e-6


@dataclasses.dataclass(frozen=True)
class Check:
    """One identity of one record.

    Attributes:
        name: which identity.
        difference: how far it is from holding.
        allowed: how far sampling, the length of the orbit and the step let it be.
    """

    name: str
    difference: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether the identity holds."""
        return self.difference <= self.allowed


@dataclasses.dataclass(frozen=True)
class Verification:
    """Outcome of the check of records.

    Attributes:
        checks: checks by name of the system.
        missing: systems without a record.
        stale: systems whose equations, numbers or version of the record changed since.
    """

    checks: dict[str, tuple[Check, ...]]
    missing: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def failures(self) -> dict[str, tuple[Check, ...]]:
        """Checks that failed, by name of the system."""
        failed = {name: tuple(c for c in checks if not c.passed) for name, checks in self.checks.items()}
        return {name: checks for name, checks in failed.items() if checks}

    @property
    def passed(self) -> bool:
        """Whether all records are there, up to date, and pass."""
        return not (self.failures or self.missing or self.stale)

    def __str__(self) -> str:
        """Summary, and one line for each failure."""
        n_checks = sum(map(len, self.checks.values()))
        n_failed = sum(map(len, self.failures.values()))
        lines = [f"{len(self.checks)} records, {n_checks} checks, {n_failed} failed"]
        for name, checks in self.failures.items():
            lines += [f"  {name}: {c.name}: {c.difference:.3g}, allowed {c.allowed:.3g}" for c in checks]
        lines += [f"  no record: {', '.join(self.missing)}"] if self.missing else []
        lines += [f"  out of date: {', '.join(self.stale)}"] if self.stale else []
        return "\n".join(lines)


def verify(names: Iterable[str] | None = None, *, path: str | pathlib.Path | None = None) -> Verification:
    """Check records against the laws that their systems obey.

    Args:
        names: systems; default all.
        path: file of records; default that of the library.

    Returns:
        Verification.

    Raises:
        UnknownNameError: if there is no such system.
        DataError: if the file is not one of records.

    Laws: the exponents sum to the mean divergence of the field, found on another orbit; an exponent of an autonomous
        flow that does not settle at rest is zero; Hamiltonian exponents come in pairs, and those of conservative flows
        sum to zero; the largest is positive where, and only where, the catalogue says chaotic; half the step gives the
        same.

    Example:
        >>> verify(["lorenz63"]).passed
        True
    """
    from cocycle.systems.recomputation import is_current

    chosen = [catalogue[name].name for name in names] if names is not None else list(catalogue.names())
    known = read_records(packaged_file() if path is None else path)
    there = [name for name in chosen if name in known]
    return Verification(
        {name: checks_of(catalogue[name], known[name]) for name in there},
        tuple(name for name in chosen if name not in known),
        tuple(name for name in there if not is_current(known[name])),
    )


def checks_of(entry: Entry, record: Record) -> tuple[Check, ...]:
    """Return the identities that apply to a record.

    Args:
        entry: the system.
        record: its record.
    """
    exponents, stderr = np.asarray(record.exponents, float), np.asarray(record.stderr, float)
    if not np.all(np.isfinite(exponents)):
        return (Check("all exponents are finite", float(np.sum(~np.isfinite(exponents))), 0.0),)
    size = ROUND_OFF * float(np.max(np.abs(exponents)))
    found = [_sign(entry, record, size)]
    if record.drift is not None:
        # Each half has twice the variance, and their difference four times.
        allowed = 2.0 * Z * record.stderr[0] + (0.0 if entry.chaotic else 4.0 * _ends(entry, record)) + size
        found.append(Check("both halves of the orbit agree", abs(record.drift), allowed))
    if record.volume_residual is not None:
        rounding = 1e-9 * max(1.0, float(np.max(np.abs(exponents))) * record.dt)
        found.append(Check("sum of log R_ii is log|det| of the step", record.volume_residual, rounding))
    if record.divergence is not None:
        found.append(_trace(record, size))
    if "settles at rest" in entry.tags:
        found.append(Check("a rest point attracts", float(exponents[0] + Z * stderr[0]), 0.0))
    elif record.autonomous:
        least = int(np.argmin(np.abs(exponents)))
        allowed = Z * stderr[least] + _ends(entry, record) + size
        if record.dimension is not None or exponents[-1] < 0:
            found.append(Check("an exponent is zero", float(abs(exponents[least])), float(allowed)))
    if "symplectic" in entry.tags and record.dimension == len(exponents):
        worst = np.abs(exponents + exponents[::-1]) - Z * np.hypot(stderr, stderr[::-1])
        bound = _ends(entry, record) + size
        found.append(Check("exponents come in pairs", float(np.max(worst)), bound))
    if record.halved_exponents is not None:
        found.append(_halving(entry, record, size))
    return tuple(found)


def _ends(entry: Entry, record: Record, *, shear: bool | None = None) -> float:
    """What the ends of an orbit can add to an exponent: its range of speed; without chaos (shear) a factor n too."""
    n_steps = max(2.0, record.duration / record.dt)
    sheared = math.log(n_steps) if (not entry.chaotic if shear is None else shear) else 0.0
    return (record.speed_range + sheared) / record.duration


def _sign(entry: Entry, record: Record, size: float) -> Check:
    """An orbit of n steps without chaos can stretch by its range of speed and, on a torus, by about n."""
    bound = Z * record.stderr[0] + _ends(entry, record, shear=True) + size
    if entry.chaotic:
        return Check("the largest exponent is positive", bound, record.exponents[0])
    return Check("the largest exponent is not positive", record.exponents[0], bound)


def _trace(record: Record, size: float) -> Check:
    """Sum and mean divergence come from different orbits; the step leaves out no more than halving it may show."""
    assert record.divergence is not None
    total, (mean, error) = math.fsum(record.exponents), record.divergence
    # The exponents' errors are correlated: they may not add up to less than their largest.
    sampling = Z * math.hypot(error, math.fsum(record.stderr) if error > 0 else 0.0)
    step = RESOLUTION * float(np.max(np.abs(record.exponents)))
    return Check("the sum is the mean divergence", abs(total - mean), sampling + step + size)


def _halving(entry: Entry, record: Record, size: float) -> Check:
    """Worst exponent, in units of what is allowed."""
    a, b = np.asarray(record.exponents), np.asarray(record.halved_exponents)
    sampling = Z * np.hypot(np.asarray(record.stderr), np.asarray(record.halved_stderr))
    ends = 3.0 * _ends(entry, record)  # of both orbits; that of the halved step is half as long
    allowed = sampling + RESOLUTION * np.abs(a) + ends + size
    return Check("half the step gives the same exponents", float(np.max(np.abs(a - b) / allowed)), 1.0)
