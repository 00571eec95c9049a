"""`cocycle gallery list | show | run | table`: published papers, run again and judged."""

import dataclasses
import json
import pathlib
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cocycle.core.errors import CocycleError, DataError, ParameterError

gallery_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Published papers: run them again and judge their claims, each with a control.",
)

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
STYLES = {"reproduced": "green", "not judged": "dim", "not reproduced": "bold red"}


@gallery_app.command("list")
def list_papers(
    field: Annotated[str | None, typer.Option("--field", help="Only this field.", show_default=False)] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Only this tag.", show_default=False)] = None,
    debug: Debug = False,
) -> int:
    """List the papers."""
    from cocycle.gallery import papers

    found = [p for p in papers().values() if field in (None, *p.fields) and tag in (None, *p.tags)]
    if not found:
        known = sorted({w for p in papers().values() for w in (p.fields if field else p.tags)})
        raise ParameterError(f"no paper has {field or tag!r}; known are {', '.join(known)}.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("no", "slug", "title", "field", "claims"):
        table.add_column(column, no_wrap=column in ("no", "slug"))
    for p in found:
        table.add_row(f"{p.number:03d}", p.slug, p.title, ", ".join(p.fields), str(len(p.claims)))
    Console(highlight=False).print(table)
    return 0


@gallery_app.command()
def show(
    name: Annotated[str, typer.Argument(help="Slug or number of a paper.", show_default=False)], debug: Debug = False
) -> int:
    """Show what a paper asks and claims."""
    from cocycle.gallery import paper

    found = paper(name)
    console = Console(highlight=False)
    console.print(Text(f"{found.number:03d} {found.title}", style="bold"), soft_wrap=True)
    console.print(Text(f"{', '.join(found.authors)} ({found.year}) {found.link}"), soft_wrap=True)
    console.print(Text(found.question), soft_wrap=True)
    for claim in found.claims:
        console.print(Text(f"\n{claim.id}: {claim.sentence}"), soft_wrap=True)
        console.print(Text(f"  expected {claim.expectation} ({claim.origin})", style="dim"), soft_wrap=True)
        console.print(Text(f"  control: {claim.control}", style="dim"), soft_wrap=True)
    for deviation in found.deviations:
        console.print(Text(f"\nDiffers: {deviation}"), soft_wrap=True)
    return 0


@gallery_app.command("run")
def run_papers(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SLUG]...", help="Slugs or numbers.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every paper; go on where one fails.")] = False,
    tier: Annotated[str, typer.Option("--tier", help="smoke (seconds) or check (at most two minutes each).")] = "check",
    out: Annotated[pathlib.Path, typer.Option("--out", help="Directory for JSON and pages.")] = pathlib.Path(
        "cocycle-gallery"
    ),
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Setting of the run; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed; default that of the paper.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run again what an earlier run kept.")] = False,
    figures: Annotated[bool, typer.Option(help="Keep figures and write pages, or keep the numbers only.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON, and nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    debug: Debug = False,
) -> int:
    """Run papers; exit code 1 if a claim is not reproduced. What an interrupted run finished is kept."""
    from cocycle.cli.options import settings
    from cocycle.cli.terminal import check_output
    from cocycle.gallery import paper, papers
    from cocycle.gallery.running import configuration

    if every == bool(names):
        raise ParameterError("name papers, or give --all; `cocycle gallery list` shows them.")
    chosen = list(papers().values()) if every else [paper(n) for n in names or ()]
    values = settings(changes or [])
    for p in chosen:
        configuration(p, tier, values, seed)
    check_output(out)
    console = Console(highlight=False, quiet=quiet or as_json)
    found, failed = [], 0
    for p in chosen:
        try:
            outcome, kept = _one(p, tier, values, seed, out, fresh, figures)
        except Exception as error:
            if not every or debug:
                raise
            failed += 1
            kind = "" if isinstance(error, CocycleError) else f"{type(error).__name__}: "
            console.print(Text(f"{p.number:03d} {p.slug}: {kind}{' '.join(str(error).split())}", style="bold red"))
            continue
        found.append(outcome)
        _show(console, p, outcome, kept, out)
    if as_json:
        print(json.dumps([o.to_document() for o in found], ensure_ascii=False))
    if len(chosen) > 1:
        good = sum(o.passed for o in found)
        console.print(f"{good} of {len(chosen)} papers reproduced, {failed} failed to run")
    return 0 if not failed and all(o.passed for o in found) else 1


@gallery_app.command()
def table(
    directory: Annotated[pathlib.Path, typer.Argument(help="Where `run` left its JSON files.", show_default=False)],
    output: Annotated[
        pathlib.Path | None, typer.Option("--output", "-o", help="File to write; default stdout.", show_default=False)
    ] = None,
    debug: Debug = False,
) -> int:
    """Write claims, numbers and verdicts of kept runs as Markdown."""
    from cocycle.core.storage import atomic_file
    from cocycle.gallery import Outcome, markdown, papers

    kept = [o for o in map(Outcome.load, sorted(directory.glob("*.json"))) if o.slug in papers()]
    if not kept:
        raise DataError(f"{directory} holds no results; run `cocycle gallery run --all --out {directory}` first.")
    text = markdown(kept)
    if output is None:
        print(text, end="")
        return 0
    with atomic_file(output, "w") as handle:
        handle.write(text)
    return 0


def _one(
    paper: Any, tier: str, values: Any, seed: int | None, out: pathlib.Path, fresh: bool, figures: bool
) -> tuple[Any, bool]:
    """Outcome of a paper, and whether it was kept from an earlier run."""
    from cocycle.core.storage import atomic_file
    from cocycle.gallery import Outcome, outcome_page, run_paper
    from cocycle.gallery.running import configuration, fingerprint

    file = out / f"{paper.slug}.json"
    if file.exists() and not fresh:
        try:
            old = Outcome.load(file)
        except DataError:
            old = None
        wanted = fingerprint(paper, configuration(paper, tier, values, seed))
        if old is not None and old.fingerprint == wanted and old.tier == tier:
            return old, True
    outcome = run_paper(paper, tier=tier, settings=values, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    if not figures:
        outcome = dataclasses.replace(outcome, plots=())
    outcome.save(file)
    if not figures:
        return outcome, False
    with atomic_file(file.with_suffix(".html"), "w") as handle:
        handle.write(outcome_page(outcome))
    return outcome, False


def _show(console: Console, paper: Any, outcome: Any, kept: bool, out: pathlib.Path) -> None:
    from cocycle.gallery.results import number_text

    when = f"kept from {outcome.created}" if kept else f"{outcome.seconds:.1f} s"
    console.print(Text(f"{paper.number:03d} {paper.title} ({outcome.tier}, {when})", style="bold"), soft_wrap=True)
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("claim", "expected", "measured", "control", "verdict"):
        rows.add_column(column)
    claims = {c.id: c for c in paper.claims}
    for row in outcome.rows:
        numbers = [number_text(row.measured, row.stderr), number_text(row.control, row.control_stderr)]
        style = STYLES.get(row.verdict.value, "yellow")
        rows.add_row(row.id, claims[row.id].expectation, *numbers, Text(row.verdict.value, style=style))
    console.print(rows)
    page = out / f"{outcome.slug}.html"
    if not console.quiet and page.exists():
        print(page)
