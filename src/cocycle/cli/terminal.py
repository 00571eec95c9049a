"""What the commands print."""

import math
import os
import pathlib
import re
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cocycle.core.errors import OutputError

MANY_EXPONENTS = 6
COLOURS = {"chaotic": "bold red", "hyperchaotic": "bold red", "undecided": "bold yellow"}


def file_name(name: str) -> str:
    """Name as part of a file name: letters, digits, dots, hyphens and underscores.

    Args:
        name: any name.

    Example:
        >>> file_name("my system/2")
        'my-system-2'
    """
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "source"


def check_output(directory: pathlib.Path) -> None:
    """Refuse, before any work, a directory that cannot be written.

    Args:
        directory: where the report shall go.

    Raises:
        OutputError: if a file is in the way, or there is no permission.
    """
    for place in (directory, *directory.absolute().parents):
        if place.is_dir():
            if not os.access(place, os.W_OK | os.X_OK):
                raise OutputError(f"cannot write into {place}: permission denied; choose another --out.")
            return
        if place.exists() or place.is_symlink():
            raise OutputError(f"cannot write into {directory}: {place} is a file in the way; choose another --out.")


def show_report(found: Any, page: pathlib.Path, document: pathlib.Path) -> None:
    """Print verdict, reasons, a table of quantities, and where the files are.

    Args:
        found: the report.
        page: report.html.
        document: report.json.
    """
    from cocycle.report.page import label, quantity_lines

    console = Console(highlight=False)
    verdict = found.json["verdict"]
    style = COLOURS.get(verdict["regime"], "bold green")
    console.print(Text.assemble((found.name, "bold"), ": ", (verdict["regime"], style)), soft_wrap=True)
    for reason in verdict["reasons"]:
        console.print(Text(f"  {reason}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("quantity")
    table.add_column("value ± standard error", no_wrap=True)
    table.add_column("unit")
    for name, quantity in found.json["quantities"].items():
        absent = quantity["value"] is None
        unit = "" if absent or quantity["unit"] == "1" else quantity["unit"]
        table.add_row(label(name), Text("\n".join(quantity_lines(quantity))), unit, style="dim" if absent else None)
    console.print(table)
    if "fixed_points" in found.json:
        show_fixed_points(console, found.json["fixed_points"])
    for check in found.json["checks"].values():
        if not check["passed"]:
            console.print(Text(f"check failed: {check['meaning']}: {check['value']:.2g}", style="bold red"))
    print(page)
    print(document)


def show_fixed_points(console: Console, found: dict[str, Any]) -> None:
    """Print the fixed points of a report.

    Args:
        console: where to.
        found: entry `fixed_points` of the document.
    """
    from cocycle.report.page import rest_table

    shown = rest_table(found, 12)
    if shown["points"]:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in ("fixed point", "place", shown["eigenvalues"].lower(), "index"):
            table.add_column(column)
        for point in shown["points"]:
            row = f"{point['type']} ({point['stability']})", ", ".join(point["place"]), ", ".join(point["eigenvalues"])
            table.add_row(*(Text(cell) for cell in row), point["index"])
        console.print(table)
    words = shown["guarantee"] if shown["points"] else f"no fixed point in the box; {shown['guarantee'].lower()}"
    console.print(Text(f"fixed points: {words} [{shown['box']}]", style="dim"), soft_wrap=True)


def show_catalogue(entries: Any) -> None:
    """Print systems, a line each.

    Args:
        entries: entries of the catalogue.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("name", "title", "kind", "dim", "field"):
        table.add_column(column, no_wrap=column == "name")
    for entry in entries:
        dimension = "inf" if entry.dimension is None else str(entry.dimension)
        table.add_row(entry.name, entry.title, entry.kind, dimension, entry.field)
    Console(highlight=False).print(table)


def show_entry(entry: Any, *, picture: bool = True) -> None:
    """Print what is known of a system: equations, an orbit, parameters, recomputed invariants, facts.

    Args:
        entry: an entry of the catalogue.
        picture: draw an orbit.
    """
    from cocycle.cli.equations import readable
    from cocycle.systems.ranges import range_text

    console = Console(highlight=False)
    kind = entry.kind if entry.dimension is None else f"{entry.kind} in {entry.dimension} dimensions"
    console.print(Text.assemble((entry.name, "bold"), f"  {entry.title} ({kind}, {entry.field})  [{entry.source}]"))
    console.print()
    for line in entry.equations:
        console.print(Text(f"  {readable(line)}", style="cyan"), soft_wrap=True)
    if picture:
        console.print()
        console.print(Text(_picture(entry, console.width), style="green"), no_wrap=True, crop=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("parameter", "default", "meaning"):
        table.add_column(column)
    meanings, ranges = entry.meanings, {k: range_text(*limits) for k, limits in entry.ranges.items()}
    for name, value in entry.parameters.items():
        meaning = "; ".join(p for p in (meanings.get(name, ""), ranges.get(name)) if p)
        table.add_row(name, Text(f"{value:.6g}" if isinstance(value, float) else str(value)), meaning)
    console.print(table)
    if entry.record is not None:
        console.print(_invariants(entry))
    for fact in entry.facts:
        console.print(Text(f"  - {fact.statement}  [{fact.source}]"), soft_wrap=True)
    console.print(Text(f"\n  cocycle report {entry.name}", style="dim"))


def _picture(entry: Any, width: int) -> str:
    from cocycle.cli.braille import dots, shades
    from cocycle.report.thumbnails import sketch

    chosen, n_columns = sketch(entry), max(20, min(60, width - 4))
    if chosen.kind == "raster":
        drawn = shades(chosen.points, n_columns=n_columns)
    else:
        drawn = dots(chosen.points, n_columns=n_columns, joined=chosen.kind == "curve")
    return "\n".join(f"  {line}" for line in drawn.split("\n"))


def _invariants(entry: Any) -> Table:
    """Table of what was recomputed, with standard errors."""
    record = entry.record
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("recomputed")
    table.add_column("value ± standard error")
    shown = list(zip(record.exponents, record.stderr, strict=True))
    exponents = ",  ".join(f"{v:.4g} ± {e:.1g}" for v, e in shown[:MANY_EXPONENTS])
    if len(shown) > MANY_EXPONENTS:
        exponents += f"  and {len(shown) - MANY_EXPONENTS} more"
    table.add_row("Lyapunov exponents", exponents)
    pairs = {
        "Kaplan-Yorke dimension": record.kaplan_yorke_dimension,
        "correlation dimension": record.correlation_dimension,
        "entropy rate, at most": record.entropy_rate,
        "permutation entropy": record.permutation_entropy,
        "mean time until chaos ends": record.lifetime,
    }
    for name, pair in pairs.items():
        if pair is not None and all(v is not None and math.isfinite(v) for v in pair):
            table.add_row(name, f"{pair[0]:.4g} ± {pair[1]:.1g}")
    if record.lyapunov_time is not None and entry.chaotic:
        table.add_row("Lyapunov time", f"{record.lyapunov_time:.4g}")
    table.add_row("period", f"{record.period:.4g}")
    return table
