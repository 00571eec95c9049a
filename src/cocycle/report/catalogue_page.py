"""One page with a picture of every system of the catalogue, sorted by field."""

import functools
import itertools
import pathlib
from collections.abc import Sequence
from typing import Any

from cocycle.report.thumbnails import thumbnail
from cocycle.systems.catalogue import catalogue
from cocycle.systems.registry import Entry

KIND_NAMES = {"sde": "SDE", "pde": "PDE"}


def catalogue_page(names: Sequence[str] | None = None, *, n_jobs: int = 1) -> str:
    """Render the page of attractors: one self-contained HTML file.

    Args:
        names: systems to show; default all.
        n_jobs: number of joblib workers; -1 for one per core.

    Returns:
        The page.

    Raises:
        UnknownNameError: if a system is not in the catalogue.

    Cost: about a second a system, mostly compilation.

    Example:
        >>> page = catalogue_page(["henon"])
        >>> page.count("<svg"), "H\u00e9non map" in page
        (1, True)
    """
    entries = list(catalogue) if names is None else [catalogue[name] for name in names]
    if n_jobs == 1:
        pictures = [thumbnail(entry) for entry in entries]
    else:
        from joblib import Parallel, delayed

        pictures: Any = Parallel(n_jobs=n_jobs)(delayed(_picture)(entry.name) for entry in entries)
    cards = sorted((_card(e, p) for e, p in zip(entries, pictures, strict=True)), key=lambda c: (c["field"], c["name"]))
    fields = [(field, list(group)) for field, group in itertools.groupby(cards, key=lambda c: c["field"])]
    n_chaotic = sum(e.chaotic for e in entries)
    return _template().render(fields=fields, n_systems=len(entries), n_chaotic=n_chaotic)


def _picture(name: str) -> str:
    return thumbnail(catalogue[name])


def _card(entry: Entry, picture: str) -> dict[str, Any]:
    size = (
        "∞ variables" if entry.dimension is None else f"{entry.dimension} variable{'s' if entry.dimension > 1 else ''}"
    )
    kind = KIND_NAMES.get(entry.kind, entry.kind)
    words = " ".join([entry.name, entry.title, entry.field, entry.kind, *entry.tags]).lower()
    title = entry.title[0].upper() + entry.title[1:]
    return {
        "name": entry.name,
        "title": title,
        "field": entry.field,
        "about": f"{kind}, {size}",
        "chaotic": entry.chaotic,
        "words": words,
        "picture": picture,
    }


@functools.cache
def _template() -> Any:
    import jinja2

    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("catalogue_page.html.j2")
