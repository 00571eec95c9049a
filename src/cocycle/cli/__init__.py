"""The command line, `cocycle report`, `cocycle gallery` and so on: the only place where strings become objects."""

from cocycle.cli.commands import app
from cocycle.cli.entry import main

__all__ = ["app", "main"]
