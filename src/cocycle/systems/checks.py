"""What the factories refuse: values that are no numbers, not finite, or impossible for the physics."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError, ShapeError
from cocycle.core.tracing import is_traced


def array(value: Any, name: str) -> Float[Array, "..."]:
    """Check an array of numbers of any shape.

    Args:
        value: what the user gave; a traced value passes.
        name: its name in the message.

    Returns:
        Floating array.

    Raises:
        ParameterError: if it is not made of finite real numbers.
    """
    if is_traced(value):
        return value.astype(float)
    try:
        numbers = np.asarray(value)
    except (TypeError, ValueError):
        numbers = np.asarray(None)
    if numbers.dtype == bool or not np.issubdtype(numbers.dtype, np.number) or np.iscomplexobj(numbers):
        raise ParameterError(f"{name} must be a real number, got {value!r}.")
    if not np.all(np.isfinite(numbers)):
        raise ParameterError(f"{name} must be finite, got {value!r}.")
    return jnp.asarray(numbers, dtype=float)


def real(value: Any, name: str) -> Float[Array, ""]:
    """Check one real number.

    Args:
        value: what the user gave; a traced value passes.
        name: its name in the message.

    Raises:
        ParameterError: if it is not one finite real number.
    """
    number = array(value, name)
    if number.shape != ():
        raise ParameterError(f"{name} must be one number, got shape {number.shape}; use sweep or vmap for many values.")
    return number


def positive(value: Any, name: str, why: str = "") -> Float[Array, ""]:
    """Check a number that must be above zero.

    Args:
        value: what the user gave; a traced value passes.
        name: its name in the message.
        why: reason, as a clause that ends the message.

    Raises:
        ParameterError: if it is not.
    """
    number = real(value, name)
    if not is_traced(number) and not float(number) > 0.0:
        raise ParameterError(f"{name} must be positive, got {float(number):g}{'; ' + why if why else ''}.")
    return number


def not_negative(value: Any, name: str, why: str = "") -> Float[Array, ""]:
    """Check a number that must not be below zero.

    Args:
        value: what the user gave; a traced value passes.
        name: its name in the message.
        why: reason, as a clause that ends the message.

    Raises:
        ParameterError: if it is.
    """
    number = real(value, name)
    if not is_traced(number) and float(number) < 0.0:
        raise ParameterError(f"{name} must not be negative, got {float(number):g}{'; ' + why if why else ''}.")
    return number


def between(value: Any, name: str, low: float, high: float, why: str = "") -> Float[Array, ""]:
    """Check a number within closed bounds.

    Args:
        value: what the user gave; a traced value passes.
        name: its name in the message.
        low: smallest value allowed.
        high: largest value allowed.
        why: reason, as a clause that ends the message.

    Raises:
        ParameterError: if it lies outside.
    """
    number = real(value, name)
    if not is_traced(number) and not low <= float(number) <= high:
        raise ParameterError(
            f"{name} must lie from {low:g} to {high:g}, got {float(number):g}{'; ' + why if why else ''}."
        )
    return number


def vector(value: Any, default: Any, name: str = "x0") -> Float[Array, "..."]:
    """Check an array of numbers that has the shape of a default.

    Args:
        value: array, list or tuple of numbers, or None for the default.
        default: numbers in the wanted shape.
        name: its name in the message.

    Returns:
        Floating array of the shape of the default.

    Raises:
        ParameterError: if it is not made of finite real numbers.
        ShapeError: if it has another shape.
    """
    wanted = jnp.asarray(default, dtype=float)
    if value is None:
        return wanted
    if isinstance(value, list | tuple) and any(is_traced(v) for v in value):
        value = jnp.stack([jnp.asarray(v) for v in value])
    number = array(value, name)
    if number.shape != wanted.shape:
        raise ShapeError(f"{name} must have shape {wanted.shape}, got {number.shape}.")
    return number
