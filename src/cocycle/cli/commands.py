"""The commands."""

import contextlib
import pathlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cocycle.cli import learning
from cocycle.cli.catalogue import catalogue_app
from cocycle.cli.gallery import gallery_app
from cocycle.cli.training import stability
from cocycle.core.errors import ParameterError


class StoppedError(Exception):
    """Ctrl-C, under a name that typer does not turn into an exit of its own."""


class _Commands(TyperGroup):
    """The commands, with Ctrl-C left to `main`."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StoppedError from None


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Dynamical systems: simulate them, measure them, report on them.",
)
app.add_typer(catalogue_app, name="catalogue")
app.command()(learning.learn)
app.command()(learning.forecast)
app.command()(learning.compare)
app.add_typer(gallery_app, name="gallery")
app.command()(stability)

Source = Annotated[
    str,
    typer.Argument(
        help="A name of the catalogue, file.py:object, csv, parquet, npy, npz, nc ..., a saved model, a recorded run.",
        show_default=False,
    ),
]
SystemSource = Annotated[str, typer.Argument(help="A name of the catalogue, or file.py:object.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Parameter value; may be repeated.")
]
Steps = Annotated[int | None, typer.Option("--steps", help="Number of steps.", show_default=False)]
Duration = Annotated[float | None, typer.Option("--duration", help="The same as a time.", show_default=False)]
Dt = Annotated[
    float | None,
    typer.Option("--dt", help="Time between two values of data; length of a system's step.", show_default=False),
]
X0 = Annotated[str | None, typer.Option("--x0", metavar="1,2,3", help="Initial state.", show_default=False)]
Seed = Annotated[int, typer.Option("--seed", help="Seed of noise and of the estimators.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command()
def report(
    source: Source,
    settings: Settings = None,
    duration: Duration = None,
    steps: Steps = None,
    column: Annotated[str | None, typer.Option("--column", help="Column of a data file.", show_default=False)] = None,
    dt: Dt = None,
    x0: X0 = None,
    sweep: Annotated[
        str | None,
        typer.Option("--sweep", metavar="NAME=START:STOP:N", help="Add a bifurcation strip.", show_default=False),
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            "--noise",
            metavar="LEVEL[,LEVEL...]",
            help="What noise does: strength added to a deterministic system, factor of a stochastic one's own.",
            show_default=False,
        ),
    ] = None,
    lifetimes: Annotated[
        str | None,
        typer.Option(
            "--lifetimes",
            metavar="NAME:ENTER:LEAVE",
            help="Lifetimes of a regime of a coordinate over the levels of --noise, e.g. x1:0.78:0.86.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option("--out", help="Output directory; default ./cocycle-report-NAME.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print report.json, and nothing else, on stdout.")] = False,
    seed: Seed = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Measure a system or a series: which regime, which exponents, how far ahead it can be predicted."""
    from cocycle.cli import terminal

    check_seed(seed)
    if out is not None:
        terminal.check_output(out)
    progress = False if quiet else None
    with contextlib.redirect_stdout(sys.stderr):  # what a user's file prints is not output of ours
        found = _reported(
            source, settings or [], duration, steps, column, dt, x0, sweep, noise, lifetimes, seed, progress
        )
    directory = pathlib.Path(f"cocycle-report-{terminal.file_name(found.name)}") if out is None else out
    terminal.check_output(directory)
    page, document = found.save(directory)
    if as_json:
        from cocycle.report.schema import to_text

        sys.stdout.write(to_text(found.json))
    elif not quiet:
        terminal.show_report(found, page, document)
    for note in found.json["notes"]:
        print(f"cocycle: note: {note}", file=sys.stderr)
    if found.json["options"].get("interrupted"):
        print(f"cocycle: interrupted: what was done is in {directory}.", file=sys.stderr)
        return 130
    return 0


def _reported(
    source: str,
    settings: list[str],
    duration: float | None,
    steps: int | None,
    column: str | None,
    dt: float | None,
    x0: str | None,
    sweep: str | None,
    noise: str | None,
    lifetimes: str | None,
    seed: int,
    progress: bool | None,
) -> Any:
    """Report of what SOURCE is."""
    from cocycle.cli import options
    from cocycle.cli.systems import choose, is_user_file
    from cocycle.report import sources

    values, over = options.settings(settings), options.sweep_of(sweep)
    if not is_user_file(source) and not sources.is_catalogue_name(source) and not sources.is_saved_system(source):
        given = {"--set": settings, "--duration": duration, "--steps": steps, "--x0": x0, "--sweep": sweep}
        given |= {"--noise": noise, "--lifetimes": lifetimes}
        wrong = [name for name, value in given.items() if value not in (None, [])]
        if wrong:
            raise ParameterError(f"{', '.join(wrong)} belong to a system, but {source} is a data file; leave them out.")
        from cocycle.report.reading import read
        from cocycle.training.run_file import is_run

        if is_run(source):
            from cocycle.report.run_page import of_run

            return of_run(source)
        return sources.of_series(read(source, column=column, dt=dt), seed=seed, progress=progress)
    chosen = choose(source, values, dt, seed)
    if column is not None:
        raise ParameterError(f"--column belongs to a data file, but {source} is a system; leave it out.")
    n_steps = steps if steps is not None or duration is not None else chosen.n_steps
    return sources.of_system(
        chosen.system,
        about=chosen.about,
        equations=chosen.equations,
        name=chosen.name,
        x0=options.initial_state(x0, chosen.system),
        driver=chosen.driver,
        n_steps=n_steps,
        duration=duration,
        seed=seed,
        sweep=over,
        noise=options.levels_of(noise),
        lifetimes=options.regime_of(lifetimes),
        progress=progress,
    )


def check_seed(seed: int) -> None:
    """Refuse a seed that no generator takes.

    Args:
        seed: as given.

    Raises:
        ParameterError: if it is negative or too large.
    """
    if not 0 <= seed < 2**32:
        raise ParameterError(f"--seed must be a whole number from 0 to {2**32 - 1}, got {seed}.")


@app.command("list")
def list_systems(
    field: Annotated[
        str | None, typer.Option("--field", help="Only systems of this field.", show_default=False)
    ] = None,
    debug: Debug = False,
) -> int:
    """List the systems of the catalogue."""
    from cocycle.cli import terminal
    from cocycle.systems import catalogue

    terminal.show_catalogue(catalogue if field is None else catalogue.filter(field=field))
    return 0


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name of the catalogue.", show_default=False)],
    picture: Annotated[bool, typer.Option("--picture/--no-picture", help="Draw an orbit.")] = True,
    debug: Debug = False,
) -> int:
    """Show one system of the catalogue: equations, an orbit, parameters, invariants, facts."""
    from cocycle.cli import terminal
    from cocycle.systems import catalogue

    terminal.show_entry(catalogue[name], picture=picture)
    return 0


@app.command()
def simulate(
    source: SystemSource,
    output: Annotated[pathlib.Path, typer.Option("--output", "-o", help="File to write: .nc, .parquet, .csv or .npz.")],
    settings: Settings = None,
    steps: Steps = None,
    duration: Duration = None,
    save_every: Annotated[int, typer.Option("--save-every", help="Steps between saved states.")] = 1,
    dt: Dt = None,
    x0: X0 = None,
    seed: Seed = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Follow one orbit of a system and write it to a file."""
    from cocycle.cli import options, writing
    from cocycle.cli.systems import choose
    from cocycle.core.run import Status, trajectory
    from cocycle.report.run_options import driver_for, steps_of

    check_seed(seed)
    writing.check_file(output)
    with contextlib.redirect_stdout(sys.stderr):
        chosen = choose(source, options.settings(settings or []), dt, seed)
        start = options.initial_state(x0, chosen.system)
        driver = driver_for(chosen.system, start, seed) if chosen.driver is None else chosen.driver
        n_steps = steps_of(
            chosen.system, start, steps if steps is not None or duration is not None else 10_000, duration
        )
        progress = False if quiet else None
        orbit = trajectory(chosen.system, start, driver, n_steps=n_steps, save_every=save_every, progress=progress)
    writing.write(orbit, output)
    if not quiet:
        print(f"{len(orbit)} states of {chosen.name} in {output}")
    return 130 if orbit.status is Status.INTERRUPTED else 0
