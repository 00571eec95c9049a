"""Results as one `.npz` file: arrays as arrays, the rest as a JSON header. Written atomically, read without pickle."""

import contextlib
import dataclasses
import enum
import importlib
import json
import os
import pathlib
import tempfile
import types
from collections.abc import Iterator
from typing import IO, Any

import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import DataError, OutputError
from cocycle.core.system import AbstractSystem

FORMAT = 1


@contextlib.contextmanager
def atomic_file(path: str | pathlib.Path, mode: str = "wb") -> Iterator[IO]:
    """Open a file beside `path` and put it in its place only when all is written.

    Args:
        path: final place.
        mode: "w" or "wb".

    Yields:
        The open file.

    Raises:
        OutputError: if the place cannot be written.
    """
    path = pathlib.Path(path)
    try:
        encoding = None if "b" in mode else "utf-8"
        handle = tempfile.NamedTemporaryFile(
            mode, dir=path.parent, prefix=f".{path.name}.", delete=False, encoding=encoding
        )
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place.") from None
    try:
        with handle:
            yield handle
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(handle.name, 0o666 & ~umask)
        os.replace(handle.name, path)
    except OSError as error:
        pathlib.Path(handle.name).unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place.") from None
    except BaseException:
        pathlib.Path(handle.name).unlink(missing_ok=True)
        raise


def _encode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return {"enum": f"{type(value).__module__}:{type(value).__qualname__}", "value": value.value}
    if isinstance(value, dict):
        return {"dict": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return {type(value).__name__: [_encode(v, arrays) for v in value]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encode(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    if isinstance(value, float | complex | np.ndarray | np.generic | jax.Array):
        key = f"a{len(arrays)}"
        arrays[key] = np.asarray(value)
        return {"array": key, "scalar": isinstance(value, float | complex)}
    if isinstance(value, types.FunctionType) and value.__module__.startswith("cocycle"):
        spec = f"{value.__module__}:{value.__qualname__}"
        if "<" not in spec:
            return {"function": spec}
    raise OutputError(f"a {type(value).__name__} cannot be saved; save arrays and results only.")


def _resolve(spec: str) -> Any:
    module, _, name = spec.partition(":")
    if not module.startswith("cocycle"):
        raise DataError(f"the file names the class {spec}, which is not of cocycle; it was not written by save().")
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target


def _decode(value: Any, arrays: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "dict" in value:
        return {_decode(k, arrays): _decode(v, arrays) for k, v in value["dict"]}
    if "list" in value:
        return [_decode(v, arrays) for v in value["list"]]
    if "tuple" in value:
        return tuple(_decode(v, arrays) for v in value["tuple"])
    if "enum" in value:
        return _resolve(value["enum"])(value["value"])
    if "function" in value:
        return _resolve(value["function"])
    if "array" in value:
        array = arrays[value["array"]]
        return array.item() if value["scalar"] else array
    cls = _resolve(value["class"])
    # Leaves of a system are compiled over, so they come back as JAX arrays; results stay with NumPy.
    arrays = _OnDevice(arrays) if issubclass(cls, AbstractSystem) else arrays
    result = object.__new__(cls)
    for name, field in value["fields"].items():
        object.__setattr__(result, name, _decode(field, arrays))
    return result


class _OnDevice:
    """The arrays of a file, as JAX arrays."""

    def __init__(self, arrays: Any):
        self._arrays = arrays

    def __getitem__(self, key: str) -> jax.Array:
        return jnp.asarray(self._arrays[key])


def save(result: Any, path: str | pathlib.Path) -> pathlib.Path:
    """Write a result (dataclass of arrays, numbers and strings) to one `.npz` file, atomically.

    Args:
        result: what to save.
        path: file to write; `.npz` is added where it has no suffix.

    Returns:
        The path written.

    Raises:
        OutputError: if the place cannot be written, or the result holds what cannot be saved.
    """
    path = pathlib.Path(path)
    path = path if path.suffix else path.with_suffix(".npz")
    arrays: dict[str, np.ndarray] = {}
    header = json.dumps({"cocycle": FORMAT, "result": _encode(result, arrays)})
    with atomic_file(path) as handle:
        np.savez_compressed(handle, allow_pickle=False, header=np.asarray(header), **arrays)
    return path


def load(path: str | pathlib.Path) -> Any:
    """Read a result that `save` wrote.

    Args:
        path: the file.

    Returns:
        The result, of the class that was saved, with numpy arrays; a system with JAX arrays, ready to run.

    Raises:
        DataError: if the file cannot be read or was not written by `save`.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            header = json.loads(str(arrays["header"]))
            return _decode(header["result"], dict(arrays))
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"no file {path}.") from None
    except Exception as error:
        raise DataError(f"{path} is not a result saved by cocycle ({type(error).__name__}).") from None
