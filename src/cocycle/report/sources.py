"""From a source to a report: a system, an entry of the catalogue, a series."""

import pathlib
import zipfile
from typing import Any

from cocycle.core.errors import DataError
from cocycle.core.parameters import parameters as parameters_of
from cocycle.core.parameters import with_parameters
from cocycle.core.progress import Progress
from cocycle.core.storage import load
from cocycle.core.system import AbstractSystem
from cocycle.report.document import Report
from cocycle.report.reading import READERS
from cocycle.report.series import Series
from cocycle.systems import Entry, catalogue

N_MEASURES = 14


def of_system(
    system: AbstractSystem,
    *,
    parameters: dict[str, Any] | None = None,
    dt: float | None = None,
    about: dict[str, Any] | None = None,
    equations: tuple[str, ...] = (),
    **options: Any,
) -> Report:
    """Report on a system.

    Args:
        system: the system.
        parameters: values that differ from its own.
        dt: length of its step, if it differs.
        about: more about its source, for the document.
        equations: lines of LaTeX.
        **options: those of `analyse_system`.

    Returns:
        Report.
    """
    from cocycle.report.schema import system_document
    from cocycle.report.system_analysis import analyse_system
    from cocycle.report.system_figures import system_figures

    changed = dict(parameters or {}) | ({} if dt is None else {"dt": dt})
    if changed:
        system = with_parameters(system, **changed)
    analysis = analyse_system(system, **options)
    document = system_document(analysis, about)
    return Report(document, lambda: system_figures(analysis), equations, analysis)


def is_catalogue_name(text: str) -> bool:
    """Say whether a text is to be looked up in the catalogue: it is in it, or it is no path of a data file.

    Args:
        text: what the user gave.
    """
    if text in catalogue:
        return True
    if is_saved_system(text):
        return False
    path = pathlib.Path(text)
    return not (path.exists() or path.suffix.lower() in READERS or len(path.parts) > 1)


def is_saved_system(text: str) -> bool:
    """Say whether a text is the path of a file that `save` wrote; a learned model is such a file.

    Args:
        text: what the user gave.
    """
    path = pathlib.Path(text)
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "header.npy" in archive.namelist()


def saved_system(path: str) -> AbstractSystem:
    """The system in a file that `save` wrote.

    Args:
        path: the file.

    Returns:
        The system.

    Raises:
        DataError: if the file holds something else.
    """
    found = load(path)
    if not isinstance(found, AbstractSystem):
        raise DataError(f"{path} holds a {type(found).__name__}, not a system; report takes models and data.")
    return found


def of_catalogue(
    name: str, *, parameters: dict[str, Any] | None = None, dt: float | None = None, seed: int = 0, **options: Any
) -> Report:
    """Report on a system of the catalogue.

    Args:
        name: its name.
        parameters: values that differ from the defaults.
        dt: length of its step, if it differs.
        seed: of noise and estimators.
        **options: those of `analyse_system`.

    Returns:
        Report.

    Raises:
        UnknownNameError: if there is no such system or parameter; the nearest names are suggested.
    """
    entry = catalogue[name]
    values = dict(parameters or {}) | ({} if dt is None else {"dt": dt})
    system = entry.make(**values)
    if options.get("driver") is None:
        options["driver"] = entry.driver(seed)
    if options.get("n_steps") is None and options.get("duration") is None:
        options["n_steps"] = entry.n_steps
    return of_system(
        system, about=about_entry(entry, system), equations=entry.equations, seed=seed, name=entry.name, **options
    )


def about_entry(entry: Entry, system: AbstractSystem) -> dict[str, Any]:
    """What the document says of an entry of the catalogue.

    Args:
        entry: the entry.
        system: the system that it made.
    """
    known = parameters_of(system)
    return {
        "name": entry.name,
        "title": entry.title,
        "field": entry.field,
        "reference": entry.source,
        "meanings": {k: v for k, v in entry.meanings.items() if k in known},
    }


def of_series(series: Series, *, seed: int = 0, progress: bool | None = None) -> Report:
    """Report on a measured series.

    Args:
        series: the series.
        seed: of surrogates and estimators.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        Report.
    """
    from cocycle.measures import analyse_series
    from cocycle.report.series_document import series_document
    from cocycle.report.series_figures import series_figures

    with Progress(N_MEASURES, "measures", progress) as bar:

        def advance(name: str, n_done: int, n_all: int) -> None:
            bar.advance(1)

        try:
            analysis = analyse_series(series.values, series.dt, progress=advance, seed=seed)
        except DataError as refusal:
            raise type(refusal)(f"{series.source}: {refusal}") from None
    document = series_document(series, analysis, seed)
    return Report(document, lambda: series_figures(series, analysis), (), analysis)
