"""Where the recomputed records and the public collection of chaotic flows, dysts, disagree, and why."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from cocycle.systems.catalogue import catalogue
from cocycle.systems.identities import RESOLUTION, Z
from cocycle.systems.records import Record, packaged_file, read_records
from cocycle.systems.texts import texts

# Two of the collection's own numbers for one exponent contradict each other beyond this.
CONTRADICTION = 0.2


@dataclasses.dataclass(frozen=True)
class Correction:
    """One system whose largest exponent differs from the collection's by more than the errors.

    Attributes:
        name: key in the catalogue.
        collection_name: its name there.
        ours: largest exponent [nats / time].
        stderr: its standard error [same].
        maximum: what the collection stores as maximal exponent, or None.
        first: largest entry of the spectrum that it stores, or None.
        reasons: what shows that the stored number, not the new one, is off.
    """

    name: str
    collection_name: str
    ours: float
    stderr: float
    maximum: float | None
    first: float | None
    reasons: tuple[str, ...]


def corrections(
    names: Iterable[str] | None = None, *, path: str | pathlib.Path | None = None
) -> tuple[Correction, ...]:
    """Compare the records with the exponents that the collection stores.

    Args:
        names: systems; default all that the collection has.
        path: file of records; default that of the library.

    Returns:
        Those that differ by more than five standard errors of ours and half a per cent, sorted by name.
    """
    known = read_records(packaged_file() if path is None else path)
    chosen = [catalogue[name].name for name in names] if names is not None else list(catalogue.names())
    found = []
    for name in chosen:
        stored: dict[str, Any] = texts()[name].get("collection", {})
        record = known.get(name)
        if record is None or not stored or not np.isfinite(np.asarray(record.exponents[:1], float)).all():
            continue
        maximum, spectrum = stored.get("maximum"), stored.get("spectrum")
        first = max(spectrum) if spectrum else None
        allowed = Z * record.stderr[0] + RESOLUTION * abs(record.exponents[0]) + record.speed_range / record.duration
        values = [v for v in (maximum, first) if v is not None]
        if any(abs(v - record.exponents[0]) > allowed for v in values):
            their_name = texts()[name]["dysts"]
            reasons = tuple(_reasons(record, maximum, spectrum, allowed))
            found.append(Correction(name, their_name, record.exponents[0], record.stderr[0], maximum, first, reasons))
    return tuple(found)


def _reasons(record: Record, maximum: float | None, spectrum: list[float] | None, allowed: float) -> list[str]:
    """Name what the stored numbers violate."""
    reasons = []
    largest = record.exponents[0]
    first = max(spectrum) if spectrum else None
    if maximum is not None and first is not None and _far(maximum, first):
        reasons.append("its two values contradict each other")
    if spectrum and record.divergence is not None and len(spectrum) == len(record.exponents):
        mean, error = record.divergence
        excess = abs(sum(spectrum) - mean)
        if excess > Z * error + 0.05 * max(abs(v) for v in record.exponents):
            reasons.append(f"its spectrum sums to {sum(spectrum):.4g}, the mean divergence is {mean:.4g}")
    if spectrum and record.autonomous and record.dimension == len(spectrum):
        least = min(abs(v) for v in spectrum)
        if largest > 0 and least > 0.1 * largest:
            reasons.append(f"no exponent of its spectrum is zero (nearest {least:.2g})")
    if maximum is not None and abs(maximum - largest) <= allowed:
        reasons.append("its maximal exponent agrees, its spectrum does not")
    elif first is not None and abs(first - largest) <= allowed:
        reasons.append("its spectrum agrees, its maximal exponent does not")
    if largest <= allowed:
        reasons.append("the orbit is not chaotic")
    if not reasons:
        reasons.append("no law tells; its estimator makes short runs, with tangents by backward Euler between samples")
    return reasons


def corrections_page(path: str | pathlib.Path | None = None) -> str:
    """Write the page of corrections as Markdown.

    Args:
        path: file of records; default that of the library.

    Returns:
        The page.
    """
    found = corrections(path=path)
    known = read_records(packaged_file() if path is None else path)
    compared = [n for n in known if texts()[n].get("collection")]
    apart = sum(1 for c in found if any(_far(v, c.ours) for v in (c.maximum, c.first) if v is not None))
    torn = sum(1 for n in compared if _contradicts(texts()[n]["collection"]))
    lines = [
        "# Corrections to the public collection",
        "",
        "Largest Lyapunov exponents [nats per time unit] as recomputed here, and as the collection dysts 0.96",
        "stores them (its maximal exponent, and the largest entry of its spectrum). A system is listed where one of",
        "the two differs by more than five standard errors of ours, half a per cent and what the ends of the orbit",
        "can do. Ours pass `cocycle catalogue verify`: sum of exponents, zero exponent, pairs, sign, half the step.",
        "",
        f"{len(compared)} systems compared, {len(found)} listed, {apart} of them by more than 20 per cent.",
        f"In {torn} of the compared records the two stored values contradict each other by more than 20 per cent.",
        "",
        "Written by `cocycle catalogue corrections`; do not edit.",
        "",
        "| system | in dysts | recomputed | its maximum | its spectrum | why |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for c in found:
        ours = f"{c.ours:.4g} ± {c.stderr:.1g}"
        cells = [c.name, c.collection_name, ours, _shown(c.maximum), _shown(c.first), "; ".join(c.reasons)]
        lines.append(f"| {' | '.join(cells)} |")
    notes = sorted((n, row["correction"]) for n, row in texts().items() if "correction" in row)
    if notes:
        lines += ["", "## Equations and states", "", *(f"- {n}: {text}" for n, text in notes)]
    return "\n".join(lines) + "\n"


def _far(value: float, ours: float) -> bool:
    return abs(value - ours) > CONTRADICTION * max(abs(value), abs(ours))


def _contradicts(stored: dict[str, Any]) -> bool:
    maximum, spectrum = stored.get("maximum"), stored.get("spectrum")
    return maximum is not None and bool(spectrum) and _far(maximum, max(spectrum))


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
