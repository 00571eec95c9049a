"""The rules that a driver keeps."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import CocycleError
from cocycle.testing.agreement import ROUND_OFF, describe, differ, layout, numbers_of, require

N = 8
FAR = 1_000_000


def check_driver(driver: AbstractDriver) -> None:
    """Check that a driver is a pure function of the step number.

    The same number gives the same drive, also under jit and vmap with a traced number, and from a copy of
    the driver; structure, shapes and dtypes are the same for all numbers. Where the driver holds a random key, steps
    differ among each other and so do keys.

    Args:
        driver: the driver.

    Raises:
        AssertionError: with a sentence that says what failed and what to do.

    Example:
        >>> from cocycle.core.drivers import Brownian
        >>> check_driver(Brownian(0, (2,)))
    """
    require(isinstance(driver, AbstractDriver), f"{driver!r} is no driver: derive it from cocycle.AbstractDriver.")
    name, n = type(driver).__name__, _length(driver)
    draws = [driver.at(i) for i in range(n)]
    _same_layout(name, driver, draws)
    copy = jax.tree.map(lambda leaf: leaf, driver)
    for source, what in ((driver, "a second call"), (copy, "a copy of the driver")):
        gap = differ([source.at(i) for i in range(n)], draws)
        require(
            gap is None, f"{name}: at(n) is not pure in n: {what} gives {gap}. Keep no counter; use fold_in(key, n)."
        )
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)
    _traced(name, driver, draws, stacked, n)
    if _keys(driver):
        _random(name, driver, draws, n)


def _length(driver: AbstractDriver) -> int:
    for n in range(N, 0, -1):
        try:
            driver.check_length(n)
        except CocycleError:
            continue
        return n
    raise AssertionError(f"{type(driver).__name__}: check_length refuses even one step; record at least one.")


def _same_layout(name: str, driver: AbstractDriver, draws: list[Any]) -> None:
    far = FAR
    try:
        driver.check_length(far + 1)
    except CocycleError:
        far = len(draws) - 1
    for i, draw in [*enumerate(draws), (far, driver.at(far))]:
        require(
            layout(draw) == layout(draws[0]),
            f"{name}: at({i}) is {describe(draw)} but at(0) is {describe(draws[0])}; "
            "return the same structure, shapes and dtypes for every step.",
        )


def _traced(name: str, driver: AbstractDriver, draws: list[Any], stacked: Any, n: int) -> None:
    remedy = "Compute with jax.numpy, without Python branches on n."
    try:
        one = [eqx.filter_jit(lambda d, i: d.at(i))(driver, jnp.asarray(i)) for i in range(n)]
        batch = eqx.filter_jit(lambda d, i: jax.vmap(d.at)(i))(driver, jnp.arange(n))
    except (jax.errors.JAXTypeError, TypeError, IndexError) as error:
        first = str(error).strip().splitlines()[0]
        raise AssertionError(f"{name}: at(n) fails on a traced n: {first} {remedy}") from error
    gap = differ(one, draws, tolerance=ROUND_OFF)
    require(gap is None, f"{name}: at(n) under jit gives {gap}. {remedy}")
    gap = differ(batch, stacked, tolerance=ROUND_OFF)
    require(gap is None, f"{name}: at(n) under vmap gives {gap}. {remedy}")


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _keys(driver: AbstractDriver) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(driver) if _is_key(leaf)]


def _random(name: str, driver: AbstractDriver, draws: list[Any], n: int) -> None:
    moving = [i for i, leaf in enumerate(numbers_of(draws[0])) if leaf.size]
    first = [[numbers_of(draw)[i] for i in moving] for draw in draws]
    require(
        n == 1 or any(differ(first[0], other) for other in first[1:]),
        f"{name}: all steps get the same random draw; fold the step number into the key: fold_in(key, n).",
    )
    other = jax.tree.map(lambda leaf: jax.random.fold_in(leaf, 1) if _is_key(leaf) else leaf, driver)
    require(
        any(differ(other.at(i), draws[i]) for i in range(n)) or not np.any([d.size for d in first[0]]),
        f"{name}: another key gives the same draws; draw from the key that the driver holds.",
    )
