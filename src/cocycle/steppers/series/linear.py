"""Linear and bilinear primitives: coefficient by coefficient, whatever the shape."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from cocycle.steppers.series.line import Line, filled, first, total

# Primitive -> which operands it is jointly linear in; None stands for all.
LINEAR: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        [
            "reshape", "broadcast_in_dim", "squeeze", "expand_dims", "transpose", "rev", "reduce_sum", "cumsum",
            "convert_element_type", "copy", "copy_p", "real", "imag", "conj", "slice", "fft", "split",
            "reduce_precision", "stop_gradient", "reduce_window_sum", "device_put", "optimization_barrier",
            "dynamic_slice", "gather", "tile", "unstack",
        ],
        (0,),
    ),
    **dict.fromkeys(["concatenate", "complex", "stack"], None),
    **dict.fromkeys(["pad", "dynamic_update_slice"], (0, 1)),
    **dict.fromkeys(["scatter", "scatter-add", "scatter-sub"], (0, 2)),
}  # fmt: skip

BILINEAR = frozenset({"dot_general", "conv_general_dilated"})


def linear_lines(
    bind: Callable[..., Sequence[Any]], positions: tuple[int, ...] | None, lines: Sequence[Line], avals: Sequence[Any]
) -> list[Line]:
    """Return the lines of the results of a primitive that is linear in some of its operands.

    Args:
        bind: applies the primitive to arrays and returns the list of its results.
        positions: operands that it is linear in; the others are taken at order zero.
        lines: the operands.
        avals: their shapes and dtypes.
    """
    moving = range(len(lines)) if positions is None else positions
    results: list[Sequence[Any] | None] = []

    def coefficients(k: int) -> Sequence[Any] | None:
        while len(results) <= k:
            n = len(results)
            if n and all(lines[i][n] is None for i in moving):
                results.append(None)
                continue
            operands = [first(line) for line in lines]
            for i in moving:
                operands[i] = lines[i][n]
            results.append(bind(*(filled(a, aval) for a, aval in zip(operands, avals, strict=True))))
        return results[k]

    def one(i: int) -> Line:
        return Line(lambda k: None if (found := coefficients(k)) is None else found[i])

    return [one(i) for i in range(_count(bind, avals))]


def _count(bind: Callable[..., Sequence[Any]], avals: Sequence[Any]) -> int:
    return len(jax.eval_shape(bind, *avals))


def bilinear_line(bind: Callable[..., Sequence[Any]], a: Line, b: Line, avals: Sequence[Any]) -> Line:
    """Return the line of a product that is linear in each of two operands."""

    def product(x: Any, y: Any) -> Any:
        if x is None or y is None:
            return None
        return bind(filled(x, avals[0]), filled(y, avals[1]))[0]

    def make(k: int) -> Any:
        if a.constant:
            return product(a[0], b[k])
        if b.constant:
            return product(a[k], b[0])
        return total(product(a[j], b[k - j]) for j in range(k + 1))

    return Line(make)


def extremum_line(choice: Any, a: Line, axes: tuple[int, ...]) -> Line:
    """Return the line of the largest or smallest entry along axes, given a mask of where it is."""
    share = choice / jnp.sum(choice, axis=axes, keepdims=True)
    return Line(lambda k: None if a[k] is None else jnp.sum(share * a[k], axis=axes))
