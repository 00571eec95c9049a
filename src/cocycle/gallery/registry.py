"""The papers: a folder each, with `paper.toml` (what is claimed) and `run.py` (what is computed)."""

import dataclasses
import difflib
import functools
import importlib
import pathlib
import tomllib
from types import ModuleType
from typing import Any

from cocycle.core.errors import DataError, UnknownNameError
from cocycle.gallery.claims import Claim, Comparison

FOLDER = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Paper:
    """A published study whose claims are run.

    Attributes:
        slug: name, words joined by hyphens.
        number: number of its card.
        title: of the paper.
        authors: family names, with initials where needed.
        year: of publication.
        link: where to read it.
        source: key of `docs/refs.bib`.
        fields: fields of science.
        tags: more words to find it by.
        question: what the paper asks, in a sentence.
        analogue: whether an analogue runs, where the paper's own subject cannot.
        deviations: where the run differs from the paper, and why.
        claims: what is judged.
    """

    slug: str
    number: int
    title: str
    authors: tuple[str, ...]
    year: int
    link: str
    source: str
    fields: tuple[str, ...]
    tags: tuple[str, ...]
    question: str
    claims: tuple[Claim, ...]
    analogue: bool = False
    deviations: tuple[str, ...] = ()

    def module(self) -> ModuleType:
        """Import its `run.py`: `Config`, `SMOKE` (a small Config) and `main(config) -> Results`."""
        return importlib.import_module(f"cocycle.gallery.{self.slug.replace('-', '_')}.run")


def read_paper(path: pathlib.Path) -> Paper:
    """Read a `paper.toml`.

    Args:
        path: the file; its folder is the slug.

    Returns:
        The paper.

    Raises:
        DataError: if a key is missing or unknown, or two claims share an id.
    """
    slug = path.parent.name.replace("_", "-")
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        claims = tuple(_claim(row) for row in table.pop("claims"))
        lists = {k: tuple(v) for k, v in table.items() if isinstance(v, list)}
        paper = Paper(slug=slug, claims=claims, **{**table, **lists})
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"paper.toml of {slug}: {error}; see docs/architecture.md, 'Add a paper'.") from None
    ids = [c.id for c in claims]
    if not ids or len(set(ids)) < len(ids):
        raise DataError(f"paper.toml of {slug}: it needs claims, each with an id of its own.")
    return paper


def _claim(row: dict[str, Any]) -> Claim:
    expected = row.pop("expected")
    numbers = tuple(float(v) for v in (expected if isinstance(expected, list) else [expected]))
    comparison = Comparison(row.pop("comparison", "equal"))
    return Claim(expected=numbers, comparison=comparison, **row)


@functools.cache
def papers() -> dict[str, Paper]:
    """All papers by slug, in the order of their numbers.

    Example:
        >>> papers()["nlse-1d"].number
        30
    """
    found = [read_paper(path) for path in FOLDER.glob("*/paper.toml")]
    return {p.slug: p for p in sorted(found, key=lambda p: p.number)}


def paper(name: str) -> Paper:
    """Find a paper.

    Args:
        name: its slug, with hyphens or underscores, or its number.

    Returns:
        The paper.

    Raises:
        UnknownNameError: if there is none.

    Example:
        >>> paper("030").slug
        'nlse-1d'
    """
    known = papers()
    slug = name.strip().lower().replace("_", "-")
    if slug in known:
        return known[slug]
    if slug.isdigit():
        for found in known.values():
            if found.number == int(slug):
                return found
    near = difflib.get_close_matches(slug, known, n=3, cutoff=0.4) or list(known)
    raise UnknownNameError(f"no paper {name!r} in the gallery; known are e.g. {', '.join(near[:4])}.")
