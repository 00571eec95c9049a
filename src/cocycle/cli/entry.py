"""`main`: run a command; every failure is one line on stderr and an exit code."""

import contextlib
import difflib
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from cocycle.core.errors import AccuracyWarning, CocycleError, InterruptedWarning, RangeWarning

OK, INTERNAL, USAGE, INTERRUPTED = 0, 1, 2, 130
MOST = 600
OURS = (AccuracyWarning, InterruptedWarning, RangeWarning)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments; default those of the process.

    Returns:
        Exit code: 0, 1 for an internal error, 2 for bad usage or input, 130 after Ctrl-C.
    """
    argv = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    debug = "--debug" in argv
    from cocycle.cli.commands import StoppedError, app

    try:
        with _own_warnings(debug), compilation_cache():
            code = app(args=argv, standalone_mode=False, prog_name="cocycle")
        return code if isinstance(code, int) else OK
    except (KeyboardInterrupt, StoppedError):
        _say("interrupted", "nothing was written.")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away (`cocycle list | head`): not an error of ours.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if type(error).__name__ == "Exit":
            return int(getattr(error, "exit_code", OK))
        if debug:
            raise
        return _failed(error, argv)


def _failed(error: Exception, argv: Sequence[str]) -> int:
    """Say what went wrong in one line.

    Args:
        error: what was raised.
        argv: the arguments, for the name of a user's file.
    """
    if hasattr(error, "format_message"):  # a usage error of typer
        _say("error", usage_message(error))
        return USAGE
    user_file = _user_file(argv)
    if isinstance(error, CocycleError):
        _say("error", str(error))
        return USAGE
    if isinstance(error, MemoryError):
        _say("error", "out of memory; take fewer steps, save less often, or fewer values of a sweep.")
        return USAGE
    if user_file is not None:
        from cocycle.cli.systems import line_in, where

        if line_in(error, user_file) is not None:
            _say("error", where(error, user_file))
            return USAGE
    message = f"{type(error).__name__}: {error}".rstrip(": ")
    _say("error", f"internal: {message}; run with --debug for the traceback.")
    return INTERNAL


def usage_message(error: Any) -> str:
    """One line on a usage error, with the nearest known word where one is misspelt.

    Args:
        error: an error of typer.
    """
    text = str(error.format_message())
    possible = [str(p) for p in getattr(error, "possibilities", None) or []]
    context = getattr(error, "ctx", None)
    command = getattr(context, "command", None)
    known = sorted(getattr(command, "commands", {}) or {})
    if "No such command" in text and known:
        word = text.split("'")[1] if "'" in text else ""
        possible = difflib.get_close_matches(word, known, n=2, cutoff=0.4) or known
        text = text.split("Did you mean")[0].strip()
        if possible == known:
            return f"{text.rstrip('.')}; commands are {', '.join(known)}."
        return f"{text.rstrip('.')}; did you mean {' or '.join(possible)}?"
    if possible and "Did you mean" not in text and "Possible options" not in text:
        text = f"{text.rstrip('.')}; did you mean {' or '.join(possible[:3])}?"
    path = getattr(context, "command_path", "cocycle")
    return f"{text} See '{path} --help'."


def _user_file(argv: Sequence[str]) -> pathlib.Path | None:
    from cocycle.cli.systems import is_user_file, split

    for word in argv:
        if is_user_file(word):
            return pathlib.Path(split(word)[0])
    return None


def _say(kind: str, text: str) -> None:
    line = " ".join(text.split())
    line = line if len(line) <= MOST else f"{line[: MOST - 4]} ..."
    print(f"cocycle: {kind}: {line}", file=sys.stderr)


@contextlib.contextmanager
def _own_warnings(debug: bool) -> Iterator[None]:
    """Show warnings of cocycle as one line each, and those of others only under --debug."""
    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
        for category in OURS:
            warnings.simplefilter("always", category)

        def show(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
            if issubclass(category, OURS) or debug:
                _say("warning", str(message))

        warnings.showwarning = show
        yield


def cache_directory() -> pathlib.Path | None:
    """Directory of compiled programs, or None where none can be written.

    `COCYCLE_CACHE_DIR`, else `XDG_CACHE_HOME/cocycle/jax`, else `~/.cache/cocycle/jax`.
    """
    own, shared = os.environ.get("COCYCLE_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    try:
        if own:
            path = pathlib.Path(own)
        else:
            path = (pathlib.Path(shared) if shared else pathlib.Path.home() / ".cache") / "cocycle" / "jax"
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, RuntimeError):
        return None
    return path


@contextlib.contextmanager
def compilation_cache() -> Iterator[None]:
    """Let JAX keep compiled programs between runs, unless the user has set a cache of their own."""
    import jax

    path = cache_directory() if jax.config.values["jax_compilation_cache_dir"] is None else None
    if path is None:
        yield
        return
    least = jax.config.values["jax_persistent_cache_min_compile_time_secs"]
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.02)
    try:
        yield
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
