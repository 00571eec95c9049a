"""The catalogue: every registered system by name, with field, dimension and facts."""

import html
import re
from collections.abc import Iterator

from cocycle.core.errors import UnknownNameError, suggest
from cocycle.systems.registry import ENTRIES, FIELDS, KINDS, Entry


def _plain(name: str) -> str:
    """Write a name without case, spaces, hyphens and underscores."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _choice(value: str | None, known: tuple[str, ...], what: str) -> None:
    if value is not None and value not in known:
        raise UnknownNameError(f"there is no {what} {value!r}; {suggest(value, known)}")


class Catalogue:
    """Systems by name, in alphabetical order; a part of a catalogue is a catalogue.

    Example:
        >>> from cocycle.systems import catalogue
        >>> "henon" in catalogue
        True
        >>> catalogue["Lorenz-63"].name
        'lorenz63'
        >>> "henon" in catalogue.filter(kind="map", dimension=2, chaotic=True).names()
        True
    """

    def __init__(self, names: tuple[str, ...] | None = None):
        self._names = names

    def names(self) -> tuple[str, ...]:
        """Return the names, sorted."""
        return tuple(sorted(ENTRIES)) if self._names is None else self._names

    def __getitem__(self, name: str) -> Entry:
        """Return the entry of a name; case, hyphens and underscores do not matter.

        Raises:
            UnknownNameError: if there is none; the nearest names are suggested.
        """
        spelled = {_plain(known): known for known in self.names()}
        if _plain(str(name)) not in spelled:
            raise UnknownNameError(f"there is no system {name!r} in the catalogue; {suggest(str(name), self.names())}")
        return ENTRIES[spelled[_plain(name)]]

    def __contains__(self, name: object) -> bool:
        """Say whether there is a system of this name."""
        return isinstance(name, str) and _plain(name) in {_plain(known) for known in self.names()}

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries."""
        return (ENTRIES[name] for name in self.names())

    def __len__(self) -> int:
        """Number of systems."""
        return len(self.names())

    def filter(
        self,
        *,
        field: str | None = None,
        dimension: int | None = None,
        chaotic: bool | None = None,
        kind: str | None = None,
    ) -> "Catalogue":
        """Return the part of the catalogue that fits; None takes all.

        Args:
            field: where the system comes from, e.g. "climate".
            dimension: number of state variables at default parameters.
            chaotic: whether it is chaotic at default parameters.
            kind: "map", "flow", "sde", "delay", "network" or "pde".

        Returns:
            A catalogue, perhaps empty.

        Raises:
            UnknownNameError: if field or kind is not one that exists.
        """
        _choice(field, FIELDS, "field")
        _choice(kind, KINDS, "kind")
        wanted = {"field": field, "dimension": dimension, "chaotic": chaotic, "kind": kind}
        fits = [e.name for e in self if all(v is None or getattr(e, k) == v for k, v in wanted.items())]
        return Catalogue(tuple(fits))

    def _rows(self) -> list[tuple[str, ...]]:
        return [(e.name, e.title, e.kind, e.field, _dimension(e), str(len(e.facts)), _first_fact(e)) for e in self]

    def __str__(self) -> str:
        """Table of the systems."""
        table = [HEADER, *self._rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(HEADER) - 1)]
        lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths)), row[-1]]).rstrip() for row in table]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Say how many systems there are."""
        return f"<catalogue of {len(self)} systems: {', '.join(self.names())}>"

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""

        def row(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(row(cells, "td") for cells in self._rows())
        return f"<table><thead>{row(HEADER, 'th')}</thead><tbody>{body}</tbody></table>"


HEADER = ("name", "title", "kind", "field", "dimension", "facts", "first fact")


def _dimension(entry: Entry) -> str:
    return "infinite" if entry.dimension is None else str(entry.dimension)


def _first_fact(entry: Entry) -> str:
    return entry.facts[0].statement if entry.facts else ""


catalogue = Catalogue()
