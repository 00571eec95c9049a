"""The rules that a stepper keeps."""

import itertools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import CocycleError
from cocycle.steppers import AbstractStepper
from cocycle.steppers.abstract import push_step
from cocycle.steppers.stochastic import AbstractItoStepper, AbstractStratonovichStepper
from cocycle.testing.agreement import EPS, ROUND_OFF, describe, differ, layout, require

WITHIN = 0.1
SETTLED = 0.06
DURATION = 3.0
STARTS = np.linspace(-2.5, -0.5, 16)
N_STEPS = tuple(2**k for k in range(1, 12))
DIFFERENCE = EPS ** (1 / 3)


def pendulum_and_spring(t: Any, y: Any, args: Any) -> Any:
    """Two separable oscillators with closed solutions: a pendulum on its separatrix, and a spring under 2 cos t."""
    q1, q2, p1, p2 = y
    return jnp.array([p1, p2, -args["g"] * jnp.sin(q1), 2.0 * args["g"] * jnp.cos(t) - q2])


def exact_oscillators(t: Any) -> np.ndarray:
    """Their states at times t: q1 = 2 atan(sinh t), q2 = t sin t, and the momenta."""
    return np.stack([2 * np.arctan(np.sinh(t)), t * np.sin(t), 2 / np.cosh(t), np.sin(t) + t * np.cos(t)], axis=-1)


@eqx.filter_jit
def _solve(stepper: Any, args: Any, starts: Any, y: Any, n: Any) -> Any:
    h = DURATION / n

    def one(start: Any, y: Any) -> Any:
        return jax.lax.fori_loop(0, n, lambda i, y: stepper.step(pendulum_and_spring, start + i * h, y, args, h), y)

    return jax.vmap(one)(starts, y)


def _error(stepper: Any, args: Any, n: int) -> float:
    """Root mean square error after 3 units of time, from 16 starts: a single one can cross zero as dt changes."""
    found = _solve(stepper, args, jnp.asarray(STARTS), jnp.asarray(exact_oscillators(STARTS)), jnp.asarray(n))
    return float(np.sqrt(np.mean((np.asarray(found) - exact_oscillators(STARTS + DURATION)) ** 2)))


def check_stepper(
    stepper: AbstractStepper | AbstractItoStepper | AbstractStratonovichStepper, order: float | int | None = None
) -> None:
    """Check that a stepper solves its equation, with the order that it promises.

    For ordinary equations, on a nonlinear pendulum and a driven spring with closed solutions: the observed order is
    within 0.1 of the promised one (or above it, where round-off hides the end of the slope); jit equals eager;
    tangents equal central differences; the step tends to the field as dt tends to 0. For stochastic ones, on a
    geometric Brownian motion whose paths are known: the observed strong order, within 0.1 and the sampling error; and
    jit equals eager.

    Args:
        stepper: an ordinary, Ito or Stratonovich stepper; it must serve separable Hamiltonian fields.
        order: order to find; default the one that the stepper declares. 0 stands for a tolerance (`rtol`) in place of
            an order.

    Raises:
        AssertionError: with a sentence that says what failed and what to do.

    Example:
        >>> from cocycle.steppers import RK4
        >>> check_stepper(RK4())
    """
    if isinstance(stepper, AbstractItoStepper | AbstractStratonovichStepper):
        _check_stochastic(stepper, order)
        return
    name = type(stepper).__name__
    require(isinstance(stepper, AbstractStepper), f"{name} is no stepper: derive it from AbstractStepper.")
    order = stepper.order if order is None else order
    y, args = jnp.array([0.0, 0.0, 2.0, 0.0]), {"g": jnp.asarray(1.0)}
    _check_step(name, stepper, y, args)
    if order:
        _check_order(name, stepper, args, order)
    else:
        error = _error(stepper, args, 12)
        # Some dozen solver steps, each within the tolerance; the pendulum stretches errors by less than 10.
        rtol = float(np.asarray(getattr(stepper, "rtol", 1e-6)))
        require(error < 100 * rtol, f"{name}: the error {error:.2g} is far beyond the tolerance {rtol:.2g}.")


def _check_step(name: str, stepper: Any, y: Any, args: Any) -> None:
    """Layout, purity, jit, consistency and tangents of a single step."""
    field, t, h = pendulum_and_spring, jnp.asarray(0.3), jnp.asarray(0.05)
    try:
        stepper.check(field, t, y, args)
        after = stepper.step(field, t, y, args, h)
    except CocycleError as error:
        raise AssertionError(f"{name} refuses a separable oscillator: {error}") from error
    require(
        layout(after) == layout(y),
        f"{name}: step turns {describe(y)} into {describe(after)}; return the structure, shapes and dtypes of y.",
    )
    gap = differ(stepper.step(field, t, y, args, h), after)
    require(gap is None, f"{name}: step is not pure: the same arguments give {gap}.")
    got = _single(stepper, t, y, args, h)
    gap = differ(got["after"], after, tolerance=ROUND_OFF)
    require(gap is None, f"{name}: jit gives another step than eager: {gap}. Branch with jax.lax, not with Python.")
    rtol = float(np.asarray(getattr(stepper, "rtol", 0.0)))
    first, second = (float(e) for e in got["inconsistency"])
    require(
        second < 0.7 * first or second < ROUND_OFF / 1e-3 + 100 * rtol,
        f"{name}: (y' - y)/dt does not tend to the field as dt tends to 0 (off by {second:.2g}); check the weights.",
    )
    gap = float(jnp.max(jnp.abs(got["pushed"] - got["near"])))
    truncation = float(jnp.max(jnp.abs(got["near"] - got["far"])))
    allowed = truncation + (ROUND_OFF + 8 * rtol) * 4.0 / DIFFERENCE + DIFFERENCE
    require(
        gap <= allowed,
        f"{name}: tangents differ from central differences of the step by {gap:.3g} (allowed {allowed:.3g}); "
        "push the derivative of the very step that is taken.",
    )


@eqx.filter_jit
def _single(stepper: Any, t: Any, y: Any, args: Any, h: Any) -> dict[str, Any]:
    field = pendulum_and_spring
    v = jnp.array([0.6, -0.3, 0.5, 0.8])

    def step(y: Any, h: Any = h) -> Any:
        return stepper.step(field, t, y, args, h)

    def off(h: float) -> Any:
        return jnp.max(jnp.abs((step(y, jnp.asarray(h)) - y) / h - field(t, y, args)))

    def difference(d: float) -> Any:
        return (step(y + d * v) - step(y - d * v)) / (2 * d)

    return {
        "after": step(y),
        "inconsistency": (off(1e-2), off(5e-3)),
        "pushed": push_step(stepper, field, t, y, args, h, v[None])[1][0],
        "near": difference(DIFFERENCE),
        "far": difference(2 * DIFFERENCE),
    }


def _check_order(name: str, stepper: Any, args: Any, order: float | int) -> None:
    errors = []
    for n in N_STEPS:
        errors.append(_error(stepper, args, n))
        if errors[-1] < 100 * EPS * math.sqrt(n):  # round-off must stay a small part of the error
            errors.pop()
            break
    require(len(errors) >= 3, f"{name}: the error cannot be told from round-off; is the promised order {order} meant?")
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    # A method of high order can reach round-off before its slope has settled; it must then be steep enough.
    settled = abs(slopes[-1] - slopes[-2]) < SETTLED
    require(
        slopes[-1] >= order - WITHIN and (slopes[-1] <= order + WITHIN or not settled),
        f"{name}: observed orders {', '.join(f'{s:.2f}' for s in slopes)} as dt is halved, but {order} is promised; "
        "check the coefficients (and the times of the stages: the test field depends on t).",
    )


MU, SIGMA, N_PATHS = 0.5, 0.8, 4096


def _growth(t: Any, x: Any, args: Any) -> Any:
    return args["mu"] * x


def _noise(t: Any, x: Any, args: Any) -> Any:
    return args["sigma"] * x


@eqx.filter_jit
def _paths(stepper: Any, args: Any, dw: Any) -> Any:
    h = 1.0 / dw.shape[0]

    def path(dw: Any) -> Any:
        return jax.lax.scan(
            lambda x, w: (stepper.step(_growth, _noise, jnp.zeros(()), x, args, h, w), None), jnp.ones(()), dw
        )[0]

    return jax.vmap(path, in_axes=1)(dw)


def _check_stochastic(stepper: Any, order: float | int | None) -> None:
    name = type(stepper).__name__
    promised = stepper.strong_order if order is None else order
    args = {"mu": jnp.asarray(MU), "sigma": jnp.asarray(SIGMA)}
    fine = np.random.default_rng(1).normal(size=(512, N_PATHS)) / math.sqrt(512)
    drift = MU - 0.5 * SIGMA**2 if isinstance(stepper, AbstractItoStepper) else MU
    exact = np.exp(drift + SIGMA * fine.sum(axis=0))
    errors = []
    for n in (128, 512):
        dw = jnp.asarray(fine.reshape(n, -1, N_PATHS).sum(axis=1))
        errors.append(np.abs(np.asarray(_paths(stepper, args, dw)) - exact))
    slope = math.log2(errors[0].mean() / errors[1].mean()) / 2
    # Both errors come from the same paths; taken as independent, their sampling error is overestimated.
    spread = math.hypot(*(e.std() / e.mean() / math.sqrt(N_PATHS) for e in errors)) / (2 * math.log(2))
    require(
        abs(slope - promised) <= WITHIN + 4 * spread,
        f"{name}: observed strong order {slope:.2f} ± {spread:.2f}, but {promised} is promised. Is it the right "
        "calculus (Ito or Stratonovich), and is dw scaled by sqrt(dt) once only?",
    )
    x, h, dw = jnp.asarray(1.3), jnp.asarray(0.01), jnp.asarray(0.07)
    eager = stepper.step(_growth, _noise, jnp.zeros(()), x, args, h, dw)
    jitted = eqx.filter_jit(lambda s, x: s.step(_growth, _noise, jnp.zeros(()), x, args, h, dw))(stepper, x)
    gap = differ(jitted, eager, tolerance=ROUND_OFF)
    require(gap is None, f"{name}: jit gives another step than eager: {gap}. Branch with jax.lax, not with Python.")
