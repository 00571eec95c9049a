"""SOURCE as a system: a name of the catalogue, or `file.py:object`."""

import contextlib
import dataclasses
import difflib
import importlib.util
import pathlib
import sys
import traceback
import types
from collections.abc import Iterator
from typing import Any

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import CocycleError, DataError, ParameterError, UnknownNameError, suggest
from cocycle.core.parameters import with_parameters
from cocycle.core.system import AbstractSystem


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A system with what is known about it.

    Attributes:
        system: the system.
        name: what to call it.
        about: more for the document.
        equations: lines of LaTeX.
        driver: its noise, None for its own default.
        n_steps: steps that suit it, None where not known.
    """

    system: AbstractSystem
    name: str
    about: dict[str, Any]
    equations: tuple[str, ...] = ()
    driver: AbstractDriver | None = None
    n_steps: int | None = None


def is_user_file(source: str) -> bool:
    """Say whether SOURCE names a Python file.

    Args:
        source: as given, e.g. "model.py:system".
    """
    return split(source)[0].endswith(".py")


def split(source: str) -> tuple[str, str | None]:
    """Path and object of `file.py:object`.

    Args:
        source: as given.

    Example:
        >>> split("model.py:system"), split("model.py")
        (('model.py', 'system'), ('model.py', None))
    """
    path, colon, name = source.rpartition(":")
    return (path, name) if colon and path.endswith(".py") else (source, None)


def choose(source: str, values: dict[str, Any], dt: float | None, seed: int) -> Chosen:
    """Make the system that SOURCE names.

    Args:
        source: a name of the catalogue, or `file.py:object`.
        values: parameter values that differ from its own.
        dt: length of a step, if it differs.
        seed: of its noise.

    Returns:
        The system with what is known about it.

    Raises:
        CocycleError: if there is no such system, or it cannot take the values.
    """
    changed = values | ({} if dt is None else {"dt": dt})
    if is_user_file(source):
        system, name = from_file(source)
        own = getattr(system, "name", None) or name
        return Chosen(with_parameters(system, **changed), own, {"path": source, "name": own})
    from cocycle.report.sources import about_entry, is_saved_system, saved_system
    from cocycle.systems import catalogue

    if is_saved_system(source):
        system = saved_system(source)
        if values or dt is not None:
            raise ParameterError("--set and --dt do not change a learned model; learn another one.")
        own = pathlib.Path(source).stem
        return Chosen(system, own, {"path": source, "name": own, "title": f"{system_name(system)} learned from data"})
    entry = catalogue[source]
    system = entry.make(**changed)
    return Chosen(system, entry.name, about_entry(entry, system), entry.equations, entry.driver(seed), entry.n_steps)


def system_name(system: AbstractSystem) -> str:
    """Name of a system, or of its class.

    Args:
        system: the system.
    """
    return getattr(system, "name", None) or type(system).__name__


def from_file(source: str) -> tuple[AbstractSystem, str]:
    """System of a user's file, and the name of the object.

    Args:
        source: `file.py:object`; the object may be left out where the file defines one system.

    Returns:
        The system and its name.
    """
    kind = Kind(
        AbstractSystem,
        "system",
        "make one with cocycle.Flow, cocycle.Map or @cocycle.flow",
        "cocycle.Flow or cocycle.Map",
    )
    return object_of_file(source, kind)


def problem_from_file(source: str) -> tuple[Any, str]:
    """Training problem of a user's file, and the name of the object.

    Args:
        source: `file.py:object`; the object may be left out where the file defines one problem.

    Returns:
        The problem and its name.

    Raises:
        DataError: if the source is no Python file.
    """
    from cocycle.training import AbstractProblem

    if not is_user_file(source):
        raise DataError(f"{source} is no Python file; give file.py:object, where object is a cocycle.training.Problem.")
    make = "make one with cocycle.training.Problem"
    return object_of_file(source, Kind(AbstractProblem, "problem", make, "cocycle.training.Problem"))


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is looked for in a user's file.

    Attributes:
        type: its class.
        word: what to call it.
        make: how to make one.
        wrap: what turns other things into one.
    """

    type: type
    word: str
    make: str
    wrap: str


def object_of_file(source: str, kind: Kind) -> tuple[Any, str]:
    """Object of a user's file, and its name.

    Args:
        source: `file.py:object`; the object may be left out where the file defines one of the kind.
        kind: what it must be.

    Returns:
        The object and its name.

    Raises:
        DataError: if the file does not run, or defines no such object.
        UnknownNameError: if there is no object of that name.
    """
    text, name = split(source)
    path = pathlib.Path(text)
    module = _run_file(path)
    found = {k: v for k, v in vars(module).items() if isinstance(v, kind.type) and not k.startswith("_")}
    unique = {id(v): k for k, v in reversed(found.items())}
    if name is None:
        if len(unique) == 1:
            name = next(iter(unique.values()))
        elif found:
            raise UnknownNameError(
                f"{path} defines {len(found)} {kind.word}s; name one: {', '.join(f'{path}:{k}' for k in found)}"
            )
        else:
            raise DataError(f"{path} defines no {kind.word}; {kind.make}.")
    if not hasattr(module, name):
        hint = suggest(name, found) if found else f"it defines no {kind.word}."
        raise UnknownNameError(f"{path} has no object {name!r}; {hint}")
    value = getattr(module, name)
    if not isinstance(value, kind.type):
        made = f"; call it: {name} = {name}(...)" if isinstance(value, type) else f"; wrap it with {kind.wrap}"
        raise DataError(f"{path}:{name} is a {type(value).__name__}, not a {kind.word}{made}.")
    return value, name


def _run_file(path: pathlib.Path) -> types.ModuleType:
    if not path.is_file():
        folder = path.parent
        names = [p.name for p in folder.glob("*.py")] if folder.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
        hint = "did you mean " + " or ".join(near) + "?" if near else "check the path."
        raise DataError(f"no file {path}; {hint}")
    spec = importlib.util.spec_from_file_location(f"cocycle_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    with _beside(path):
        try:
            sys.modules[spec.name] = module
            spec.loader.exec_module(module)
        except SyntaxError as error:
            raise DataError(f"{error.filename or path}, line {error.lineno}: syntax error: {error.msg}.") from error
        except (Exception, SystemExit) as error:
            raise DataError(where(error, path)) from error
    return module


@contextlib.contextmanager
def _beside(path: pathlib.Path) -> Iterator[None]:
    """Let the file import its neighbours; leave no compiled files behind."""
    folder, flag = str(path.resolve().parent), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = flag
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def line_in(error: BaseException, path: pathlib.Path) -> int | None:
    """Last line of a file that an error, or what caused it, went through.

    Args:
        error: the error.
        path: the file.
    """
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)
        lines = [f.lineno for f in frames if pathlib.Path(f.filename).resolve() == path.resolve()]
        if lines:
            return lines[-1]
        seen = seen.__cause__ or seen.__context__
    return None


def where(error: BaseException, path: pathlib.Path) -> str:
    """One line on an error in a user's file: file, line, kind, message.

    Args:
        error: the error.
        path: the file.
    """
    line = line_in(error, path)
    place = f"{path}, line {line}" if line is not None else str(path)
    message = " ".join(str(error).split())
    kind = "" if isinstance(error, CocycleError) else f"{type(error).__name__}: "
    if isinstance(error, SystemExit):
        kind, message = "", "the file ends the program (sys.exit); let it only define the system"
    return f"{place}: {kind}{message or 'no message'}"
