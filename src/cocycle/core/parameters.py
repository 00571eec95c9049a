"""Parameters of a system by name: read them, and make the same system with other values."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import ParameterError, UnknownNameError, suggest
from cocycle.core.system import AbstractSystem, positive_time
from cocycle.core.tracing import is_traced


def parameters(system: AbstractSystem) -> dict[str, Any]:
    """Return the named parameters of a system: the entries of its `args` (or `params`) if that is a dict.

    Args:
        system: the system.
    """
    args = getattr(system, "args", getattr(system, "params", None))
    return dict(args) if isinstance(args, dict) else {}


def with_parameters(system: AbstractSystem, **values: Any) -> AbstractSystem:
    """Return the same system with other parameter values; `dt` may be given too.

    Args:
        system: the system; unchanged.
        **values: new values, of the shapes of the old ones.

    Returns:
        A new system.

    Raises:
        UnknownNameError: if a parameter does not exist; the nearest names are suggested.
        ParameterError: if a value has another shape, or is not finite.

    Example:
        >>> from cocycle.core.functions import Map
        >>> float(with_parameters(Map(lambda x, a: a["r"] * x, {"r": 2.0}), r=3.0).args["r"])
        3.0
    """
    known = parameters(system)
    if "dt" in values and "dt" not in known:
        system = eqx.tree_at(lambda s: s.dt, system, positive_time(values.pop("dt")))
    for name, value in values.items():
        if name not in known:
            hint = suggest(name, known) if known else "its parameters are not a dict, so they have no names."
            raise UnknownNameError(f"the system has no parameter {name!r}; {hint}")
        old = jnp.asarray(known[name])
        new = jnp.asarray(value, dtype=old.dtype)
        if new.shape != old.shape:
            raise ParameterError(f"parameter {name!r} has shape {old.shape}, got {new.shape}.")
        if not is_traced(new) and not np.all(np.isfinite(np.asarray(new))):
            raise ParameterError(f"parameter {name!r} must be finite, got {value}.")
        known[name] = new
    if not values:
        return system
    attribute = "args" if hasattr(system, "args") else "params"
    return eqx.tree_at(lambda s: getattr(s, attribute), system, known)
