"""A box of states as a user gives it: a dict of ranges by name, or an array of ranges."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from cocycle.core.errors import ParameterError, UnknownNameError, suggest


def box_of(box: Any, variables: tuple[str, ...] | None, n_dimensions: int) -> Float[np.ndarray, "D 2"]:
    """Turn what a user gives into lower and upper ends.

    Args:
        box: `{"x": (-1, 1), "y": (0, 2)}` by the names of the variables, or (D, 2) numbers in their order.
        variables: names of the coordinates, or None.
        n_dimensions: D.

    Returns:
        Lower and upper ends (D, 2).

    Raises:
        UnknownNameError: if a name is not one of the variables.
        ParameterError: if ranges are missing, empty or not finite.
    """
    if isinstance(box, Mapping):
        if variables is None or len(variables) != n_dimensions:
            raise ParameterError(f"the coordinates have no names: give the box as {n_dimensions} pairs of numbers.")
        for name in box:
            if name not in variables:
                raise UnknownNameError(f"there is no variable {name!r}; {suggest(str(name), variables)}")
        missing = [name for name in variables if name not in box]
        if missing:
            raise ParameterError(f"the box has no range for {', '.join(missing)}; give one for every variable.")
        box = [box[name] for name in variables]
    try:
        ends = np.asarray(box, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError("a box is made of pairs (low, high) of numbers, one for each variable.") from None
    if ends.shape != (n_dimensions, 2):
        raise ParameterError(f"a box of {n_dimensions} pairs (low, high) is needed, got shape {ends.shape}.")
    if not np.all(np.isfinite(ends)) or not np.all(ends[:, 0] < ends[:, 1]):
        raise ParameterError("every range of a box needs a finite low end below a finite high end.")
    return ends
