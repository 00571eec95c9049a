"""What is written about each system: `facts.toml` and `rows/*.toml`, read when first asked for."""

import functools
import importlib.resources
import tomllib
from typing import Any

from cocycle.core.errors import DataError


@functools.cache
def texts() -> dict[str, dict[str, Any]]:
    """Return the tables of all systems, by name.

    Raises:
        DataError: if two files describe the same system.
    """
    here = importlib.resources.files("cocycle.systems")
    rows = sorted((f for f in here.joinpath("rows").iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    found: dict[str, dict[str, Any]] = {}
    for file in (here.joinpath("facts.toml"), *rows):
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
        twice = found.keys() & tables.keys()
        if twice:
            raise DataError(f"{file.name} describes {', '.join(sorted(twice))} a second time; keep one table of each.")
        found |= tables
    return found


def tuples(value: Any) -> Any:
    """Turn lists, nested or not, into tuples.

    Args:
        value: anything.

    Example:
        >>> tuples([1, [2, 3]])
        (1, (2, 3))
    """
    return tuple(tuples(v) for v in value) if isinstance(value, list) else value
