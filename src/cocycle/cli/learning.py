"""`cocycle learn`, `forecast` and `compare`: from a file to a model, and the model against data."""

import dataclasses
import pathlib
import typing
from typing import Annotated, Any

import numpy as np
import typer

from cocycle.core.errors import DataError, ParameterError, UnknownNameError, suggest

METHODS = {
    "al-rnn": "AlmostLinearRNN",
    "dmd": "DMD",
    "edmd": "EDMD",
    "esn": "EchoState",
    "gaussian-process": "GaussianProcess",
    "gle": "GeneralisedLangevin",
    "gru": "GRU",
    "havok": "HAVOK",
    "koopman-autoencoder": "KoopmanAutoencoder",
    "linear": "LinearAutoregression",
    "lstm": "LSTM",
    "neural-cde": "NeuralCDE",
    "neural-ode": "NeuralODE",
    "neural-sde": "NeuralSDE",
    "ng-rc": "NextGenerationReservoir",
    "pareto-ode": "ParetoODE",
    "plrnn": "PLRNN",
    "s-map": "SMap",
    "s4d": "S4D",
    "s5": "S5",
    "simplex": "Simplex",
    "sindy": "SINDy",
}

Columns = Annotated[
    list[str] | None, typer.Option("--column", help="Column of the file; may be repeated.", show_default=False)
]
Step = Annotated[float | None, typer.Option("--dt", help="Time between two rows.", show_default=False)]
Rows = Annotated[
    str | None, typer.Option("--rows", metavar="START:STOP", help="Rows that count, 0 first.", show_default=False)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def learn(
    data: Annotated[pathlib.Path, typer.Argument(help="csv, tsv, txt, parquet, npy, npz or nc.", show_default=False)],
    output: Annotated[pathlib.Path, typer.Option("--output", "-o", help="File of the model.")],
    method: Annotated[str, typer.Option("--method", help=", ".join(METHODS))] = "ng-rc",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Option of the method, e.g. n_delays=5, descent.n_updates=2000."
        ),
    ] = None,
    column: Columns = None,
    rows: Rows = None,
    dt: Step = None,
    checkpoint: Annotated[
        pathlib.Path | None,
        typer.Option("--checkpoint", help="File that keeps a training, to go on from.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all that is drawn.")] = 0,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Learn a model from a file."""
    import jax

    from cocycle.cli import options
    from cocycle.cli.commands import check_seed

    check_seed(seed)
    learner = configured(method, options.settings(settings or []))
    check_place(output)
    more: dict[str, Any] = {}
    if checkpoint is not None:
        if not hasattr(learner, "descent"):
            raise ParameterError(f"--checkpoint belongs to methods that are trained step by step, not to {method}.")
        more["checkpoint"] = checkpoint
    found = from_file(data, column, dt, rows)
    model = learner.fit(found, key=jax.random.key(seed), progress=False if quiet else None, **more)
    path = model.save(output)
    if not quiet:
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in model.record.numbers.items())
        print(f"{path}: {model.name} from {len(found)} rows" + (f"; {numbers}" if numbers else ""))
        for note in model.record.notes:
            print(f"  {note}")
    return 0


def forecast(
    model: Annotated[pathlib.Path, typer.Argument(help="File of a model.", show_default=False)],
    steps: Annotated[int, typer.Option("--steps", help="Number of rows.")] = 100,
    context: Annotated[
        pathlib.Path | None,
        typer.Option("--context", help="Data to go on from; default the end of what it learned from."),
    ] = None,
    output: Annotated[
        pathlib.Path | None, typer.Option("--output", "-o", help="File to write: .csv, .nc, .parquet or .npz.")
    ] = None,
    column: Columns = None,
    rows: Rows = None,
    dt: Step = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Forecast with a model."""
    from cocycle.cli import writing
    from cocycle.core.run import Status

    if output is not None:
        writing.check_file(output)
    fitted = load_model(model)
    progress = False if quiet else None
    known = None if context is None else from_file(context, column, dt, rows)
    orbit = fitted.forecast(known, steps, progress=progress)
    if orbit.status is Status.NON_FINITE:
        import sys

        print(f"cocycle: warning: the model explodes after {len(orbit)} of {steps} steps.", file=sys.stderr)
    if output is not None:
        writing.write(orbit, output)
        if not quiet:
            print(f"{len(orbit)} rows in {output}")
    else:
        print(orbit.to_pandas().to_csv(), end="")
    return 0


def compare(
    files: Annotated[
        list[pathlib.Path], typer.Argument(help="Files of models, and at the end the data.", show_default=False)
    ],
    column: Columns = None,
    rows: Rows = None,
    dt: Step = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Rows of the forecasts.", show_default=False)] = None,
    out: Annotated[
        pathlib.Path | None,
        typer.Option("--out", help="Output directory; default ./cocycle-comparison.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print comparison.json, and nothing else.")] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Compare models with data that they have not seen, beside the floors of that length."""
    import json

    from cocycle.cli import terminal
    from cocycle.learn import compare as judge
    from cocycle.report.comparison import comparison_document, save_comparison

    if len(files) < 2:
        raise ParameterError("compare needs at least one model and the data: cocycle compare MODEL... DATA.")
    directory = pathlib.Path("cocycle-comparison") if out is None else out
    terminal.check_output(directory)
    models = {}
    for path in files[:-1]:
        models[path.stem if path.stem not in models else str(path)] = load_model(path)
    step = float(next(iter(models.values())).dt) if dt is None else dt
    data = from_file(files[-1], column, step if dt is not None else None, rows)
    found = judge(models, data, horizon=horizon, progress=False if quiet else None)
    page, document = save_comparison(found, directory)
    if as_json:
        print(json.dumps(comparison_document(found), indent=1, ensure_ascii=False))
    elif not quiet:
        print(found)
        print(page)
        print(document)
    return 0


def configured(method: str, values: dict[str, Any]) -> Any:
    """Learner of `--method` with the values of `--set`; a dot reaches into its parts.

    Args:
        method: a key of METHODS.
        values: numbers by name.

    Returns:
        The learner.

    Raises:
        UnknownNameError: if there is no such method or option; the nearest names are suggested.
        ParameterError: if a value has another kind than the option.

    Example:
        >>> configured("ng-rc", {"n_delays": 3}).n_delays
        3
    """
    from cocycle import learn as package

    if method not in METHODS:
        raise UnknownNameError(f"no method is called {method!r}; {suggest(method, METHODS)}")
    learner = getattr(package, METHODS[method])()
    for name, value in values.items():
        learner = _changed(learner, name, value)
    return learner


def _changed(part: Any, name: str, value: Any) -> Any:
    first, dot, rest = name.partition(".")
    known = [f.name for f in dataclasses.fields(part)]
    if first not in known:
        raise UnknownNameError(f"{type(part).__name__} has no option {first!r}; {suggest(first, known)}")
    if dot:
        inner = getattr(part, first)
        if not dataclasses.is_dataclass(inner):
            raise ParameterError(f"option {first!r} has no parts; leave out {rest!r}.")
        return dataclasses.replace(part, **{first: _changed(inner, rest, value)})
    kinds = typing.get_type_hints(type(part)).get(first)
    numbers = {k for k in (int, float) if k is kinds or k in typing.get_args(kinds)}
    several = isinstance(value, list | tuple) and any(typing.get_origin(a) is tuple for a in typing.get_args(kinds))
    if several:
        value = tuple(float(v) for v in value)
    elif not isinstance(value, int | float) or not numbers:
        raise ParameterError(f"option {first!r} cannot be set to {value!r} on the command line; use Python for it.")
    elif numbers == {float}:
        value = float(value)
    return dataclasses.replace(part, **{first: value})


def from_file(path: pathlib.Path, columns: list[str] | None, dt: float | None, rows: str | None) -> Any:
    """Rows of a file: one column as a Series, several as a Trajectory.

    Args:
        path: data file.
        columns: names; None where only one can be meant.
        dt: time between two rows.
        rows: START:STOP, or None.

    Returns:
        Series or Trajectory.

    Raises:
        DataError: if the file cannot be used.
    """
    from cocycle.core.run import Trajectory
    from cocycle.report.reading import read

    part = _slice(rows)
    found = [read(path, column=column, dt=dt) for column in (columns or [None])]
    if len(found) == 1:
        return dataclasses.replace(found[0], values=found[0].values[part])
    values = np.stack([series.values for series in found], axis=1)[part]
    t = found[0].dt * np.arange(len(values))
    return Trajectory(t, values, values[-1:], len(values), variables=tuple(s.column for s in found), name=path.stem)


def _slice(rows: str | None) -> slice:
    if rows is None:
        return slice(None)
    ends = rows.split(":")
    try:
        start, stop = (int(end) if end.strip() else None for end in ends)
    except ValueError:
        raise ParameterError(f"--rows takes START:STOP, e.g. --rows 0:7500 or --rows 7500:; got {rows!r}.") from None
    return slice(start, stop)


def check_place(path: pathlib.Path) -> None:
    """Refuse, before any work, a file that cannot be written.

    Args:
        path: the file.

    Raises:
        ParameterError: if it is a directory, or its directory does not exist.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ParameterError(f"cannot write {path}: name a file in a directory that exists.")


def load_model(path: pathlib.Path) -> Any:
    """A model that `cocycle learn` wrote.

    Args:
        path: the file.

    Returns:
        The fitted system.

    Raises:
        DataError: if the file holds none.
    """
    from cocycle.core.storage import load
    from cocycle.learn import FittedLookup, FittedSystem

    found = load(path)
    if not isinstance(found, FittedSystem | FittedLookup):
        raise DataError(f"{path} holds a {type(found).__name__}, not a model; make one with cocycle learn.")
    return found
