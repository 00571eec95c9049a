"""`cocycle stability FILE.py:PROBLEM`: can SGD settle at this minimum?"""

import contextlib
import pathlib
import sys
from typing import Annotated, Any

import typer

from cocycle.core.errors import ParameterError

MAP_STEPS = 2000


def stability(
    source: Annotated[
        str, typer.Argument(metavar="FILE.py:PROBLEM", help="A cocycle.training.Problem.", show_default=False)
    ],
    learning_rate: Annotated[float, typer.Option("--lr", help="Learning rate.", show_default=False)],
    batch_size: Annotated[int, typer.Option("--batch-size", help="Samples a step.", show_default=False)],
    full_map: Annotated[bool, typer.Option("--map", help="Add a map over learning rates and batch sizes.")] = False,
    steps: Annotated[int, typer.Option("--steps", help="Steps of the product.")] = 10_000,
    epochs: Annotated[bool, typer.Option("--epochs", help="Batches walk through a new order each epoch.")] = False,
    interpolate: Annotated[
        bool, typer.Option("--interpolate", help="First walk onto the interpolating minimum next to the parameters.")
    ] = False,
    tol: Annotated[float, typer.Option("--tol", help="Accepted change of sharpness to the minimum.")] = 0.05,
    out: Annotated[
        pathlib.Path | None,
        typer.Option("--out", help="Output directory; default ./cocycle-stability-NAME.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json, and nothing else, on stdout.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the batches.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> int:
    """Is this minimum stable for SGD: exponent, critical learning rates, and a page with figures."""
    from cocycle.cli import terminal
    from cocycle.cli.systems import problem_from_file
    from cocycle.report.stability_report import stability_report

    if not 0 <= seed < 2**32:
        raise ParameterError(f"--seed must be a whole number from 0 to {2**32 - 1}, got {seed}.")
    if out is not None:
        terminal.check_output(out)
    progress = False if quiet else None
    with contextlib.redirect_stdout(sys.stderr):  # what a user's file prints is not output of ours
        problem, name = problem_from_file(source)
        verdict, chart = _analysed(
            problem, learning_rate, batch_size, full_map, steps, not epochs, interpolate, tol, seed, progress
        )
        found = stability_report(verdict, chart, name=name)
    directory = pathlib.Path(f"cocycle-stability-{terminal.file_name(name)}") if out is None else out
    terminal.check_output(directory)
    page, document = found.save(directory)
    if as_json:
        from cocycle.report.schema import to_text

        sys.stdout.write(to_text(found.json))
    elif not quiet:
        print(str(verdict).split("\n")[0])
        terminal.show_report(found, page, document)
    for note in found.json["notes"]:
        print(f"cocycle: note: {note}", file=sys.stderr)
    if found.json["options"]["interrupted"]:
        print(f"cocycle: interrupted: what was done is in {directory}.", file=sys.stderr)
        return 130
    return 0


def _analysed(
    problem: Any,
    learning_rate: float,
    batch_size: int,
    full_map: bool,
    steps: int,
    replace: bool,
    interpolate: bool,
    tol: float,
    seed: int,
    progress: bool | None,
) -> tuple[Any, Any]:
    """Verdict, and exponents over learning rates: for this batch size alone, or the map."""
    from cocycle.core.drivers import Minibatch
    from cocycle.core.run import Status
    from cocycle.training import interpolate as walk
    from cocycle.training import stability, stability_map
    from cocycle.training.descent import check_batch_size

    size = check_batch_size(problem, batch_size)
    params = walk(problem, progress=progress) if interpolate else problem.params
    verdict = stability(
        problem,
        learning_rate=learning_rate,
        batch_size=size,
        params=params,
        driver=Minibatch(seed, problem.n_samples, size, replace),
        n_steps=steps,
        tol=tol,
        progress=progress,
    )
    if verdict.status is not Status.OK:
        return verdict, None
    sizes = None if not full_map else sorted({size, *_powers(problem.n_samples)})
    chart = stability_map(
        problem,
        batch_sizes=[size] if sizes is None else sizes,
        params=params,
        key=seed,
        replace=replace,
        n_steps=min(steps, MAP_STEPS),
        tol=tol,
        progress=progress,
    )
    return verdict, chart


def _powers(n_samples: int) -> list[int]:
    """Batch sizes of the map: powers of two up to half of the samples, at most 64."""
    return [2**k for k in range(7) if 2**k <= max(1, n_samples // 2)]
