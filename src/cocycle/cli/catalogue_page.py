"""`cocycle catalogue page`: a picture of every system, on one page."""

import pathlib
import time
from typing import Annotated

import typer


def page(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of the catalogue; default all.", show_default=False)
    ] = None,
    output: Annotated[pathlib.Path, typer.Option("--output", "-o", help="File to write.")] = pathlib.Path(
        "catalogue.html"
    ),
    jobs: Annotated[int, typer.Option("--jobs", help="Worker processes; -1 for one per core.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> int:
    """Draw the page of attractors, sorted by field: one HTML file."""
    from cocycle.core.errors import OutputError
    from cocycle.core.storage import atomic_file
    from cocycle.report.catalogue_page import catalogue_page
    from cocycle.systems import catalogue

    for name in names or ():
        catalogue[name]
    if not output.parent.is_dir() or output.is_dir():
        raise OutputError(f"cannot write {output}: name a file in a directory that exists.")
    began = time.perf_counter()
    text = catalogue_page(names or None, n_jobs=jobs)
    with atomic_file(output, "w") as handle:
        handle.write(text)
    if not quiet:
        seconds = time.perf_counter() - began
        print(f"{output}: {len(names or catalogue)} systems, {len(text) / 1e6:.1f} MB, {seconds:.0f} s")
    return 0
