"""One decorator puts a factory into the catalogue; what is known about it comes from files, read on demand."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import jax
import numpy as np

from cocycle.core.drivers import AbstractDriver, Brownian
from cocycle.core.errors import ParameterError, UnknownNameError, suggest
from cocycle.core.system import AbstractSystem
from cocycle.systems.ranges import ranges, warn_outside
from cocycle.systems.texts import texts, tuples

if TYPE_CHECKING:
    from cocycle.systems.records import Record

Factory = TypeVar("Factory", bound=Callable[..., AbstractSystem])
Kind = Literal["map", "flow", "sde", "delay", "network", "pde"]
KINDS = ("map", "flow", "sde", "delay", "network", "pde")
FIELDS = (
    "biology",
    "chemistry",
    "climate",
    "ecology",
    "engineering",
    "finance",
    "mathematics",
    "neuroscience",
    "physics",
    "physiology",
)
OPTIONS = ("dt", "x0", "stepper", "max_delay")


@dataclass(frozen=True)
class Fact:
    """One number that is known about a system, and where it is known from.

    Attributes:
        kind: quantity, which also says how it is recomputed, e.g. `lyapunov_exponents`.
        statement: one sentence.
        value: the number, or a (nested) tuple of numbers.
        uncertainty: as published, for all numbers or one each; 0 for an exact value.
        unit: unit of the value.
        source: key in docs/refs.bib; `derivation` where it follows from the equations in a line.
        parameters: values that differ from the defaults.
        computation: how a recomputation runs, e.g. `n_steps`.
    """

    kind: str
    statement: str
    value: Any
    uncertainty: Any = 0.0
    unit: str = "1"
    source: str = "derivation"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    computation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A system of the catalogue.

    Attributes:
        name: key in the catalogue.
        factory: function that makes the system.
        kind: "map", "flow", "sde", "delay", "network" or "pde".
        dimension: number of state variables at default parameters; None for infinitely many.
        field: where it comes from, e.g. "climate".
        chaotic: whether the largest exponent is positive at default parameters.
        n_steps: steps that give a good report in seconds.
        tags: what else one may look for.
        noise_shape: shape of one noise draw, None where there is no noise.

    Example:
        >>> from cocycle.systems import catalogue
        >>> entry = catalogue["lorenz63"]
        >>> entry.kind, entry.dimension, entry.field
        ('flow', 3, 'climate')
        >>> float(entry.make(rho=20.0).args["rho"])
        20.0
    """

    name: str
    factory: Callable[..., AbstractSystem]
    kind: Kind
    dimension: int | None
    field: str
    chaotic: bool
    n_steps: int
    tags: tuple[str, ...] = ()
    noise_shape: tuple[int, ...] | None = None

    @property
    def _text(self) -> dict[str, Any]:
        return texts()[self.name]

    @property
    def title(self) -> str:
        """What people call it."""
        return self._text["title"]

    @property
    def equations(self) -> tuple[str, ...]:
        """Equations, one line of LaTeX each."""
        return tuple(self._text["equations"])

    @property
    def source(self) -> str:
        """Key of the first publication in docs/refs.bib."""
        return self.sources[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the publications in docs/refs.bib."""
        named = self._text["source"]
        return (named,) if isinstance(named, str) else tuple(named)

    @property
    def period(self) -> float | None:
        """Dominant period [time of the system], or None where none is written down."""
        return self._text.get("period")

    @property
    def numbers(self) -> dict[str, Any]:
        """What determines the orbit and how it is measured: kind, parameters, step, state, period."""
        kept = ("parameters", "dt", "x0", "delays", "period", "n_vectors", "angles", "wraps", "lyapunov_times")
        return {"kind": self.kind, **{k: self._text[k] for k in kept if k in self._text}}

    @property
    def record(self) -> "Record | None":
        """Recomputed invariants that come with the library, or None."""
        from cocycle.systems.records import packaged_records

        return packaged_records().get(self.name)

    @property
    def angles(self) -> tuple[str, ...]:
        """Variables that grow without bound: angles, phases and clocks."""
        return tuple(self._text.get("angles", ()))

    @property
    def collection_name(self) -> str | None:
        """Name in the public collection of chaotic flows, dysts, or None."""
        return self._text.get("dysts")

    @property
    def meanings(self) -> dict[str, str]:
        """What each parameter stands for."""
        return dict(self._text["meanings"])

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Physical ranges of the parameters that have one."""
        return ranges(self.name)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is known in numbers, with sources."""
        rows = self._text.get("facts", ())
        return tuple(Fact(**{k: tuples(v) if k in ("value", "uncertainty") else v for k, v in r.items()}) for r in rows)

    @property
    def parameters(self) -> dict[str, Any]:
        """Names and default values, from the factory's signature; `dt`, `x0` and `stepper` are left out."""
        return {name: default for name, default in self._signature().items() if name not in OPTIONS}

    def _signature(self) -> dict[str, Any]:
        return {p.name: p.default for p in inspect.signature(self.factory).parameters.values()}

    def make(self, **parameters: Any) -> AbstractSystem:
        """Make the system.

        Args:
            **parameters: values that differ from the defaults; `dt`, `x0` and `stepper` may be given too.

        Returns:
            A system.

        Raises:
            UnknownNameError: if there is no such parameter; the nearest names are suggested.
            ParameterError: if a value is not made of numbers, or impossible.
        """
        known = self._signature()
        for name, value in parameters.items():
            if name not in known:
                hint = suggest(name, known)
                raise UnknownNameError(f"{self.name} has no parameter {name!r}; {hint}")
            if name != "stepper" and value is not None:
                _check_numeric(name, value)
        return self.factory(**parameters)

    def driver(self, seed: int = 0) -> AbstractDriver | None:
        """Return the noise of a stochastic system, None (the system's own default) for every other.

        Args:
            seed: seed of the random key.
        """
        return None if self.noise_shape is None else Brownian(jax.random.key(seed), self.noise_shape)

    def __str__(self) -> str:
        """Name, title, equations, parameters and facts."""
        lines = [f"{self.name}: {self.title} ({self.kind}, {self.field})", *(f"  {e}" for e in self.equations)]
        meanings = self.meanings
        lines += [f"  {name} = {value}: {meanings[name]}" for name, value in self.parameters.items()]
        return "\n".join([*lines, *(f"  - {fact.statement} [{fact.source}]" for fact in self.facts)])


def _check_numeric(name: str, value: Any) -> None:
    if isinstance(value, jax.Array):
        return
    try:
        numeric = np.issubdtype(np.asarray(value).dtype, np.number)
    except (TypeError, ValueError):
        numeric = False
    if not numeric:
        raise ParameterError(f"{name} must be a number, got {value!r}.")


class Entries(Mapping[str, Entry]):
    """Entries by name; those of declared systems are made when first asked for, so that importing reads no file."""

    def __init__(self) -> None:
        self._made: dict[str, Entry | Callable[[], Entry]] = {}

    def add(self, name: str, entry: Entry | Callable[[], Entry]) -> None:
        """Add an entry, or what makes it.

        Args:
            name: key in the catalogue.
            entry: an entry, or a function without arguments that returns it.

        Raises:
            ParameterError: if the name is taken.
        """
        if name in self._made:
            raise ParameterError(f"the catalogue has a system {name!r} already; choose another name.")
        self._made[name] = entry

    def __getitem__(self, name: str) -> Entry:
        found = self._made[name]
        if not isinstance(found, Entry):
            found = self._made[name] = found()
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


ENTRIES = Entries()


def check_kind_and_field(kind: str, field: str) -> None:
    """Refuse a kind or a field that the catalogue does not have.

    Args:
        kind: one of `KINDS`.
        field: one of `FIELDS`.

    Raises:
        ParameterError: if it is not one of them.
    """
    if kind not in KINDS:
        raise ParameterError(f"kind {kind!r} is not known; {suggest(str(kind), KINDS)}")
    if field not in FIELDS:
        raise ParameterError(f"field {field!r} is not known; {suggest(str(field), FIELDS)}")


def register(
    name: str,
    *,
    kind: Kind,
    dimension: int | None,
    field: str,
    chaotic: bool,
    n_steps: int = 100_000,
    tags: tuple[str, ...] = (),
    noise_shape: tuple[int, ...] | None = None,
) -> Callable[[Factory], Factory]:
    """Put the factory that follows into the catalogue; its texts and facts are a table of `facts.toml`.

    Args:
        name: key in the catalogue, lower case with underscores.
        kind: "map", "flow", "sde", "delay", "network" or "pde".
        dimension: number of state variables at default parameters; None for infinitely many.
        field: where it comes from, one of `FIELDS`.
        chaotic: whether the largest exponent is positive at default parameters.
        n_steps: steps that give a good report in seconds.
        tags: what else one may look for.
        noise_shape: shape of one noise draw, None where there is no noise.

    Returns:
        A decorator; the factory it returns warns of values outside of their physical range.

    Raises:
        ParameterError: if the name is taken, or kind or field is not known.
    """
    if name in ENTRIES:
        raise ParameterError(f"the catalogue has a system {name!r} already; choose another name.")
    check_kind_and_field(kind, field)

    def decorate(factory: Factory) -> Factory:
        @functools.wraps(factory)
        def made(*args: Any, **parameters: Any) -> AbstractSystem:
            system = factory(*args, **parameters)
            warn_outside(name, parameters)
            return system

        ENTRIES.add(name, Entry(name, made, kind, dimension, field, chaotic, n_steps, tags, noise_shape))
        return cast(Factory, made)

    return decorate
