"""The rules that a system keeps."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.drivers import AbstractDriver
from cocycle.core.errors import CocycleError
from cocycle.core.run import run
from cocycle.core.start import count, start
from cocycle.core.system import AbstractDifferentiableSystem, AbstractSystem, floating_part, push
from cocycle.testing.agreement import EPS, ROUND_OFF, describe, differ, layout, numbers_of, require

N_STATES = 3
# Central differences are best where truncation h^2 and cancellation eps / h balance.
DIFFERENCE = EPS ** (1 / 3)


def check_system(
    system: AbstractSystem, x0: Any = None, driver: AbstractDriver | None = None, *, n_steps: int = 24
) -> None:
    """Check that a system keeps the rules on which everything else stands.

    Layout: a step returns the structure, shapes and dtypes that it was given. Purity: the same twice. Compilation: jit
    equals eager, vmap equals a loop, another parameter value does not compile again. Tangents: those that the library
    pushes equal central differences, on floating leaves, if the system is differentiable. Cocycle:
    `run(n + m) = run(n)` from `run(m)`. The orbit stays finite.

    Args:
        system: the system.
        x0: initial state; default that of the system.
        driver: driver; default that of the system.
        n_steps: steps of the orbit that is run.

    Raises:
        AssertionError: with a sentence that says what failed and what to do.

    Limits: tangents are compared at three states and in one direction; a kink elsewhere is not seen.
    Cost: two compilations.

    Example:
        >>> from cocycle.core.functions import Map
        >>> check_system(Map(lambda x, a: a["r"] * x * (1 - x), {"r": 3.9}, x0=0.3))
    """
    n_steps = count(n_steps, "n_steps", 3)
    name = getattr(system, "name", None) or type(system).__name__
    try:
        x, driver = start(system, x0, driver, n_steps=n_steps)
    except CocycleError as error:
        raise AssertionError(f"{name}: the first step is refused: {error}") from error
    states = _layout_and_purity(name, system, driver, x)
    evaluate, traces = _counted()
    got = evaluate(system, driver, states)
    _batches(name, got, states)
    if isinstance(system, AbstractDifferentiableSystem):
        _tangents(name, got, float(np.asarray(getattr(getattr(system, "stepper", None), "rtol", 0.0))))
    evaluate(_other_parameters(system), driver, states)
    require(
        len(traces) == 1,
        f"{name}: another value of the parameters compiles again. Keep parameters as array fields (`jnp.asarray` in "
        "__init__, or cocycle.core.system.parameter_leaves), not as Python numbers, static fields or in a closure.",
    )
    _cocycle(name, system, driver, x, n_steps)


def _layout_and_purity(name: str, system: Any, driver: Any, x: Any) -> list[Any]:
    """Take three steps eagerly, each twice; return the states x0 to x3."""
    states = [x]
    for n in range(N_STATES):
        w = driver.at(n)
        after, again = system.step(states[-1], w), system.step(states[-1], w)
        require(
            layout(after) == layout(x),
            f"{name}: step turns {describe(x)} into {describe(after)}; return what it was given "
            "(same structure, shapes and dtypes).",
        )
        gap = differ(after, again)
        require(
            gap is None,
            f"{name}: step is not pure: the same state and drive give {gap}. Move randomness and counters into the "
            "driver or into the state.",
        )
        require(
            all(np.all(np.isfinite(a)) for a in numbers_of(floating_part(after)[0])),
            f"{name}: the state is not finite after step {n}; take a smaller dt or another x0.",
        )
        states.append(after)
    return states


def _counted() -> tuple[Any, list[int]]:
    """A fresh compiled function that evaluates all that is compared, and the list of its traces."""
    traces: list[int] = []

    def evaluate(system: Any, driver: Any, states: list[Any]) -> dict[str, Any]:
        traces.append(1)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states[:-1])
        numbers = jnp.arange(N_STATES)
        out = {"batch": jax.vmap(lambda x, n: system.step(x, driver.at(n)))(stacked, numbers)}
        if isinstance(system, AbstractDifferentiableSystem):
            out["tangents"] = jax.vmap(lambda x, n: _derivatives(system, driver, x, n))(stacked, numbers)
        out["single"] = system.step(states[0], driver.at(0))
        return out

    return eqx.filter_jit(evaluate), traces


def _direction(x: Any) -> Any:
    """A tangent in general position, the same at every call, of the size of the state."""
    rng = np.random.default_rng(1)

    def leaf(a: Any) -> Any:
        v = rng.normal(size=a.shape) + (1j * rng.normal(size=a.shape) if jnp.iscomplexobj(a) else 0.0)
        return jnp.asarray(v).astype(a.dtype)

    return jax.tree.map(leaf, floating_part(x)[0])


def _derivatives(system: Any, driver: Any, x: Any, n: Any) -> tuple[Any, Any, Any, Any]:
    """Pushed tangent, central differences with h and 2 h, and the size of cancellation."""
    w, v = driver.at(n), _direction(x)
    moving, rest = floating_part(x)
    pushed = jax.tree.map(lambda a: a[0], push(system, x, w, jax.tree.map(lambda a: a[None], v))[1])

    def moved(h: float) -> Any:
        at = jax.tree.map(lambda a, b: a + h * b, moving, v)
        return floating_part(system.step(eqx.combine(at, rest), w))[0]

    def difference(h: float) -> Any:
        return jax.tree.map(lambda a, b: (a - b) / (2 * h), moved(h), moved(-h))

    size = jnp.stack([jnp.max(jnp.abs(a), initial=0.0) for a in jax.tree.leaves(moved(0.0))])
    return pushed, difference(DIFFERENCE), difference(2 * DIFFERENCE), jnp.max(size)


def _batches(name: str, got: dict[str, Any], states: list[Any]) -> None:
    gap = differ(got["single"], states[1], tolerance=ROUND_OFF)
    require(
        gap is None,
        f"{name}: jit gives another step than eager: {gap}. Use jax.numpy and jax.lax throughout, no numpy and no "
        "Python branches on values.",
    )
    loop = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states[1:])
    gap = differ(got["batch"], loop, tolerance=ROUND_OFF)
    require(
        gap is None,
        f"{name}: vmap gives another step than a loop: {gap}. A step sees one state: name axes from the end (axis=-1), "
        "and reduce over them explicitly.",
    )


def _tangents(name: str, got: dict[str, Any], rtol: float) -> None:
    pushed, near, far, size = got["tangents"]
    leaves = zip(*(jax.tree.leaves(tree) for tree in (pushed, near, far)))
    cancellation = ROUND_OFF * float(jnp.max(size)) / DIFFERENCE
    for p, a, b in leaves:
        # The difference of both widths is three parts of the truncation error of the smaller one.
        truncation = float(jnp.max(jnp.abs(a - b), initial=0.0))
        scale = float(jnp.max(jnp.abs(a), initial=0.0))
        gap = float(jnp.max(jnp.abs(p - a), initial=0.0))
        allowed = truncation + cancellation + DIFFERENCE * scale + (size_of(rtol, size) if rtol else 0.0)
        require(
            gap <= allowed,
            f"{name}: tangents differ from central differences by {gap:.3g} (allowed {allowed:.3g}). If the step has a "
            "custom derivative or its own push, correct it; if it jumps, derive from AbstractSystem instead of "
            "AbstractDifferentiableSystem.",
        )


def size_of(rtol: float, size: Any) -> float:
    """Error of a central difference through a solver of relative tolerance rtol, whose steps may change with x."""
    return 8.0 * rtol * float(jnp.max(size)) / DIFFERENCE


def _other_parameters(system: Any) -> Any:
    """The same system with every floating parameter changed a little; dt and x0 may be constants."""

    def leaf(a: Any) -> Any:
        return a * (1.0 - 2.0**-10) if eqx.is_inexact_array(a) or isinstance(a, float) else a

    other = jax.tree.map(leaf, system)
    return eqx.tree_at(lambda s: (s.dt, s.x0), other, (system.dt, system.x0), is_leaf=lambda a: a is None)


def _cocycle(name: str, system: Any, driver: Any, x: Any, n_steps: int) -> None:
    half = n_steps // 3
    try:
        whole = run(system, x, driver, n_steps=n_steps)
        parts = run(system, run(system, x, driver, n_steps=half), driver, n_steps=n_steps - half, n0=half)
    except CocycleError as error:
        raise AssertionError(f"{name}: {n_steps} steps fail: {error}") from error
    gap = differ(whole, parts)
    require(
        gap is None,
        f"{name}: {n_steps} steps differ from {half} and {n_steps - half} more: {gap}. The step may use only its "
        "arguments: keep history in the state and time in the drive.",
    )
