"""`cocycle catalogue recompute | verify | corrections`: the numbers of the catalogue."""

import pathlib
import time
from typing import Annotated

import typer

from cocycle.cli.catalogue_page import page

catalogue_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Recompute and check the recorded invariants of the catalogue.",
)
catalogue_app.command()(page)

Names = Annotated[list[str] | None, typer.Argument(help="Names of the catalogue; default all.", show_default=False)]
Records = Annotated[
    pathlib.Path | None,
    typer.Option("--records", metavar="FILE", help="File of records; default that of the library.", show_default=False),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@catalogue_app.command()
def recompute(
    names: Names = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Worker processes; -1 for one per core.")] = 2,
    lyapunov_times: Annotated[
        float, typer.Option("--lyapunov-times", help="Averaging time in units of 1 / largest exponent.")
    ] = 1000.0,
    tol: Annotated[
        float | None,
        typer.Option(
            "--tol", help="Stop at this standard error, relative to the largest exponent.", show_default=False
        ),
    ] = None,
    records: Records = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute again what an earlier run finished.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    debug: Debug = False,
) -> int:
    """Recompute invariants; what an interrupted run finished is kept."""
    from cocycle.systems.recomputation import recompute as compute

    began = time.perf_counter()
    progress = False if quiet else None
    found = compute(
        names or None,
        n_jobs=jobs,
        lyapunov_times=lyapunov_times,
        tol=tol,
        path=records,
        fresh=fresh,
        progress=progress,
    )
    if not quiet:
        print(f"{len(found)} records in {time.perf_counter() - began:.0f} s")
    return 0


@catalogue_app.command()
def verify(names: Names = None, records: Records = None, debug: Debug = False) -> int:
    """Check recorded invariants against the laws of their systems; exit code 1 if one fails."""
    from cocycle.systems.identities import verify as check

    outcome = check(names or None, path=records)
    print(outcome)
    return 0 if outcome.passed else 1


@catalogue_app.command()
def corrections(
    output: Annotated[
        pathlib.Path | None, typer.Option("--output", "-o", help="File to write; default stdout.", show_default=False)
    ] = None,
    records: Records = None,
    debug: Debug = False,
) -> int:
    """Write the page of corrections to the public collection, as Markdown."""
    from cocycle.core.storage import atomic_file
    from cocycle.systems.corrections import corrections_page

    page = corrections_page(records)
    if output is None:
        print(page, end="")
        return 0
    with atomic_file(output, "w") as handle:
        handle.write(page)
    return 0
