"""What the commands print."""

import os
import pathlib
import re
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cocycle.core.errors import OutputError

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


def show_entry(entry: Any) -> None:
    """Print what is known of a system.

    Args:
        entry: an entry of the catalogue.
    """
    console = Console(highlight=False)
    kind = entry.kind if entry.dimension is None else f"{entry.kind} in {entry.dimension} dimensions"
    console.print(Text.assemble((entry.name, "bold"), f"  {entry.title} ({kind}, {entry.field})  [{entry.source}]"))
    for line in entry.equations:
        console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("parameter", "default", "meaning"):
        table.add_column(column)
    meanings = entry.meanings
    for name, value in entry.parameters.items():
        table.add_row(name, Text(f"{value:.6g}" if isinstance(value, float) else str(value)), meanings.get(name, ""))
    console.print(table)
    for fact in entry.facts:
        console.print(Text(f"  - {fact.statement}  [{fact.source}]"), soft_wrap=True)
    console.print(Text(f"\n  cocycle report {entry.name}", style="dim"))
