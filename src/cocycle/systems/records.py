"""Recomputed numbers of the catalogue: what a record holds, and the file that keeps them."""

import dataclasses
import functools
import hashlib
import importlib.resources
import inspect
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from cocycle.core.errors import DataError
from cocycle.core.storage import atomic_file
from cocycle.systems.registry import Entry
from cocycle.systems.texts import tuples

N_DIGITS = 9


@dataclasses.dataclass(frozen=True)
class Record:
    """Invariants of one system at default parameters, with errors and what is needed to check them.

    Attributes:
        name: key in the catalogue.
        exponents: Lyapunov exponents, largest first [nats / time].
        stderr: their standard errors [same].
        dimension: number of state variables; None for infinitely many.
        autonomous: whether a continuous system does not depend on time; None for maps and noise.
        kaplan_yorke_dimension: value and standard error; None where too few exponents are known.
        correlation_dimension: value and standard error; None where the points show no plateau.
        entropy_rate: sum of the positive exponents and its standard error [nats / time].
        permutation_entropy: of the first bounded variable at ten values a period, order 5, in units of log 5!.
        lyapunov_time: 1 / largest exponent [time]; None where that is not positive.
        period: dominant period [time].
        dt: time of one step.
        duration: averaging time of the exponents [time].
        halved_exponents: exponents at dt / 2; None for maps.
        halved_stderr: their standard errors.
        divergence: mean divergence of the field along an orbit of its own, with standard error; None where the system
            is no flow, or not all exponents are known.
        volume_residual: largest difference between the sum of log R_ii and log|det| of a step [nats].
        speed_range: largest difference of log|field| along that orbit (times the orbits of a transient); divided by
            the duration, it bounds how far the zero exponent of an orbit of finite length can be from zero.
        notes: warnings of the computation.
        fingerprint: of the equations, parameters and settings that were used.
        version: of cocycle.
        seconds: wall time of the computation.
        drift: largest exponent of the second half of the averaging time less that of the first [nats / time]; far from
            zero where an orbit leaves transient chaos for another attractor.
        lifetime: of transient chaos, the mean time until an orbit escapes, and its standard error [time]; else None.
            All other numbers of the record then hold on the chaotic set, before the escape.
    """

    name: str
    exponents: tuple[float, ...]
    stderr: tuple[float, ...]
    dimension: int | None
    autonomous: bool | None
    kaplan_yorke_dimension: tuple[float, float] | None
    correlation_dimension: tuple[float, float] | None
    entropy_rate: tuple[float, float]
    permutation_entropy: tuple[float, float] | None
    lyapunov_time: float | None
    period: float
    dt: float
    duration: float
    halved_exponents: tuple[float, ...] | None
    halved_stderr: tuple[float, ...] | None
    divergence: tuple[float, float] | None
    volume_residual: float | None
    speed_range: float
    notes: tuple[str, ...]
    fingerprint: str
    version: str
    seconds: float
    drift: float | None = None
    lifetime: tuple[float, float] | None = None

    def to_json(self) -> str:
        """Return the record as one line of JSON; not finite numbers become null, nine digits are kept."""
        return json.dumps({k: _rounded(v) for k, v in dataclasses.asdict(self).items()}, allow_nan=False)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Record":
        """Return the record of a table.

        Args:
            fields: attributes by name.

        Raises:
            DataError: if one is missing or unknown.
        """
        try:
            return cls(**{k: tuples(v) for k, v in fields.items()})
        except TypeError as error:
            raise DataError(f"not a record of this version of cocycle ({error}); recompute it.") from None


def _rounded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{N_DIGITS}g}") if abs(value) < float("inf") else None
    return value


def packaged_file() -> pathlib.Path:
    """Return the file of the records that come with the library."""
    return pathlib.Path(str(importlib.resources.files("cocycle.systems").joinpath("records.json")))


def read_records(path: str | pathlib.Path) -> dict[str, Record]:
    """Read a file of records; an absent one is empty.

    Args:
        path: the file.

    Returns:
        Records by name.

    Raises:
        DataError: if it is not a file of records.
    """
    try:
        tables = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        return {name: Record.from_json(fields) for name, fields in tables.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is not a file of records ({type(error).__name__}); remove it and recompute.") from None


def write_records(found: Mapping[str, Record], path: str | pathlib.Path) -> None:
    """Write records, one line each in alphabetical order, atomically.

    Args:
        found: records by name.
        path: the file.
    """
    lines = [f"{json.dumps(name)}: {found[name].to_json()}" for name in sorted(found)]
    with atomic_file(path, "w") as handle:
        handle.write("{\n" + ",\n".join(lines) + "\n}\n")


@functools.cache
def packaged_records() -> dict[str, Record]:
    """Return the records that come with the library, by name."""
    return read_records(packaged_file())


def fingerprint(entry: Entry, **settings: Any) -> str:
    """Return digests of what determines a record, `system:settings`.

    Args:
        entry: entry of the catalogue.
        **settings: length and options of the computation.
    """
    written = getattr(entry.factory, "field", entry.factory)
    system = (inspect.getsource(written), entry.numbers)
    parts = (repr(part) for part in (system, sorted(settings.items())))
    return ":".join(hashlib.sha256(part.encode()).hexdigest()[:12] for part in parts)
