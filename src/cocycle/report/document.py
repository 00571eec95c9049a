"""A finished report: the document, the page, and where they go."""

import functools
import pathlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from cocycle.core.errors import OutputError, ParameterError
from cocycle.core.storage import atomic_file
from cocycle.core.system import AbstractSystem
from cocycle.report.figure_parts import Figure
from cocycle.report.noise import Regime
from cocycle.report.schema import to_text
from cocycle.report.series import Series
from cocycle.stability.continuation.orbit_diagram import Sweep


class Report:
    """What a report says, as a document, a page, and in a notebook.

    Attributes:
        json: the document, as in report.json.
        analysis: the results that it was made of.
    """

    def __init__(
        self,
        document: dict[str, Any],
        make_figures: Callable[[], Sequence[Figure]],
        equations: Sequence[str] = (),
        analysis: Any = None,
    ):
        """Keep the parts; figures are made when a page is asked for."""
        self.json = document
        self.analysis = analysis
        self._make_figures = make_figures
        self._equations = tuple(equations)

    @property
    def name(self) -> str:
        """Name of what was measured."""
        return self.json["source"]["name"]

    @functools.cached_property
    def html(self) -> str:
        """The page: one self-contained HTML file."""
        from cocycle.report.page import render

        return render(self.json, tuple(self._make_figures()), self._equations)

    def save(self, directory: str | pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
        """Write report.html and report.json, each as a whole or not at all.

        Args:
            directory: where; made if it does not exist.

        Returns:
            Paths of the page and of the document.

        Raises:
            OutputError: if they cannot be written there.
        """
        directory = require_directory(directory)
        page, document = directory / "report.html", directory / "report.json"
        html, text = self.html, to_text(self.json)
        with atomic_file(page, "w") as handle:
            handle.write(html)
        with atomic_file(document, "w") as handle:
            handle.write(text)
        return page, document

    def open(self) -> pathlib.Path:
        """Show the page in the browser; returns the file, in a temporary directory."""
        import webbrowser

        page, _ = self.save(tempfile.mkdtemp(prefix="cocycle-report-"))
        webbrowser.open(page.as_uri())
        return page

    def __str__(self) -> str:
        """Verdict and quantities, a line each."""
        from cocycle.report.page import label, quantity_lines

        verdict = self.json["verdict"]
        lines = [f"{self.name}: {verdict['regime']}", *(f"  {reason}" for reason in verdict["reasons"])]
        for name, quantity in self.json["quantities"].items():
            unit = "" if quantity["unit"] == "1" or quantity["value"] is None else f"  {quantity['unit']}"
            lines.append(f"  {label(name)}: {'   '.join(quantity_lines(quantity))}{unit}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Name and verdict."""
        return f"<Report {self.name}: {self.json['verdict']['regime']}>"

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, for a notebook."""
        import html

        style = "width:100%;height:80vh;min-height:480px;border:1px solid #ccc;border-radius:8px"
        return f'<iframe srcdoc="{html.escape(self.html)}" style="{style}" title="{html.escape(self.name)}"></iframe>'


def require_directory(directory: str | pathlib.Path) -> pathlib.Path:
    """Make a directory, and say what is in the way where that fails.

    Args:
        directory: where.

    Returns:
        Its path.

    Raises:
        OutputError: if it cannot be made or written.
    """
    import os

    path = pathlib.Path(directory)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(
            f"cannot write into {path}: a file of that name is in the way; choose another directory."
        ) from None
    except OSError as error:
        raise OutputError(f"cannot make the directory {path}: {error.strerror}; choose another place.") from None
    if not os.access(path, os.W_OK):
        raise OutputError(f"cannot write into {path}: permission denied; choose another directory.")
    return path


def report(
    source: Any,
    *,
    x0: Any = None,
    driver: Any = None,
    n_steps: int | None = None,
    duration: float | None = None,
    parameters: dict[str, Any] | None = None,
    sweep: Sweep | None = None,
    noise: float | Sequence[float] | None = None,
    lifetimes: Regime | None = None,
    column: str | int | None = None,
    dt: float | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> Report:
    """Make a report of a system or of measured data.

    Args:
        source: a System, the name of one in the catalogue, the path of a data file, of a saved model or of a recorded
            training run, a Series, an array of values, or a verdict of `cocycle.training.stability`.
        x0: initial state of a system; default its own.
        driver: driver of a system; default its own, or noise of the seed for a stochastic equation.
        n_steps: steps of a system's spectrum; default what suits it.
        duration: the same as a time.
        parameters: parameter values of a system that differ from its own.
        sweep: also follow a system over this parameter.
        noise: also find out what noise does: sigma added to a deterministic system, a factor of the noise of a
            stochastic one (which is looked at in any case); several levels for lifetimes.
        lifetimes: regime of one coordinate whose lifetimes over the noise levels are wanted.
        column: column of a data file.
        dt: time between two values of data; for a system, length of its step.
        seed: of noise, surrogates and estimators.
        progress: show progress bars; None shows them on a terminal when the work is long.

    Returns:
        Report, with `json`, `save(directory)`, `open()`, and the page in a notebook.

    Raises:
        CocycleError: if the source or an option cannot be used, with the remedy.

    Example:
        >>> from cocycle.core.functions import Map
        >>> r = report(Map(lambda x, a: a["r"] * x * (1 - x), {"r": 4.0}, x0=0.3, name="logistic"), n_steps=2000)
        >>> r.json["verdict"]["regime"]
        'chaotic'
    """
    from cocycle.report import sources

    levels = None if noise is None else tuple(np.atleast_1d(np.asarray(noise, dtype=float)).tolist())
    system_options = {"x0": x0, "driver": driver, "n_steps": n_steps, "duration": duration, "sweep": sweep}
    system_options |= {"noise": levels, "lifetimes": lifetimes}
    options = {**system_options, "seed": seed, "progress": progress}
    if isinstance(source, str | pathlib.Path) and sources.is_saved_system(str(source)):
        source = sources.saved_system(str(source))
    if isinstance(source, AbstractSystem):
        return sources.of_system(source, parameters=parameters, dt=dt, **options)
    # A verdict exists only where its module was loaded, which is not worth loading for a system.
    training = sys.modules.get("cocycle.training.verdict")
    if training is not None and isinstance(source, training.Stability):
        from cocycle.report.stability_report import stability_report

        return stability_report(cast(Any, source))
    if isinstance(source, str) and sources.is_catalogue_name(source):
        return sources.of_catalogue(source, parameters=parameters, dt=dt, **options)
    given = [name for name, value in {**system_options, "parameters": parameters}.items() if value is not None]
    if given:
        raise ParameterError(f"{', '.join(given)} belong to a system, but the source is data; leave them out.")
    if isinstance(source, str | pathlib.Path):
        from cocycle.report.reading import read
        from cocycle.training.run_file import is_run

        if is_run(source):
            from cocycle.report.run_page import of_run

            return of_run(source)

        return sources.of_series(read(source, column=column, dt=dt), seed=seed, progress=progress)
    if isinstance(source, Series):
        return sources.of_series(source, seed=seed, progress=progress)
    if isinstance(source, np.ndarray | list | tuple) or hasattr(source, "__array__"):
        step = 1.0 if dt is None else dt
        unit = "step" if dt is None else "unit of time"
        series = Series(np.asarray(source), dt=step, time_unit=unit)
        return sources.of_series(series, seed=seed, progress=progress)
    raise ParameterError(
        f"cannot report on a {type(source).__name__}; give a System, a catalogue name, a file, a Series or an array."
    )
