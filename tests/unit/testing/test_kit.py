"""Each rule of the kit is broken once; the kit must say so."""

import itertools
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.drivers import AbstractDriver, Still
from cocycle.core.errors import DataError
from cocycle.core.functions import Map
from cocycle.core.system import AbstractDifferentiableSystem, AbstractTangentSystem
from cocycle.steppers import AbstractStepper, EulerMaruyama, Heun
from cocycle.steppers.stochastic import AbstractItoStepper
from cocycle.testing import check_driver, check_measure, check_stepper, check_system

COUNTER = itertools.count()


def logistic(x, a):
    return a["r"] * x * (1 - x)


class InClosure(AbstractDifferentiableSystem):
    r: float = 3.9
    dt: float = 1.0
    x0: float = 0.3

    def step(self, x, w):
        return self.r * x * (1 - x)


class WrongTangent(AbstractTangentSystem):
    dt: jax.Array
    r: jax.Array
    x0: float = 0.3

    def step(self, x, w):
        return self.r * x * (1 - x)

    def push(self, x, w, V):
        return self.step(x, w), self.r * V


def counting(x, a):
    return a * x + 1e-3 * next(COUNTER)


def branching(x, a):
    return np.asarray(a) * np.asarray(x)


@jax.custom_jvp
def folded(x):
    return x * x


folded.defjvp(lambda primals, tangents: (folded(*primals), 3.0 * primals[0] * tangents[0]))


@pytest.mark.parametrize(
    ("system", "says"),
    [
        (Map(lambda x, a: jnp.stack([x, x]), x0=0.3), "the first step is refused"),
        (Map(counting, 0.5, x0=1.0), "not pure"),
        (Map(branching, 0.5, x0=1.0), "the first step is refused"),
        (Map(lambda x, a: jnp.exp(a * x) * 1e3, 1.0, x0=1.0), "not finite"),
        (Map(lambda x, a: a * folded(x), 0.5, x0=0.7), "tangents differ"),
        (WrongTangent(dt=jnp.asarray(1.0), r=jnp.asarray(3.9)), "tangents differ"),
        (InClosure(), "compiles again"),
        (Map(lambda x, a: a * x, 2.0**64, x0=1.0), "steps fail"),
        (Map(logistic, {"r": 3.9}), "no initial state"),
    ],
    ids=["shape", "impure", "numpy", "explodes", "custom jvp", "push", "closure", "explodes later", "no x0"],
)
def test_broken_system_is_named(system, says):
    with pytest.raises(AssertionError, match=says):
        check_system(system)


def test_good_system_passes():
    check_system(Map(logistic, {"r": 3.9}, x0=0.3))


class Impure(AbstractDriver):
    def at(self, n):
        return jnp.asarray(float(next(COUNTER)))


class Growing(AbstractDriver):
    def at(self, n):
        return jnp.zeros(n + 1)


class Branching(AbstractDriver):
    def at(self, n):
        return jnp.asarray(1.0 if n > 2 else 0.0)


class Frozen(AbstractDriver):
    key: jax.Array

    def at(self, n):
        return jax.random.normal(self.key, (2,))


class Deaf(AbstractDriver):
    key: jax.Array

    def at(self, n):
        return jax.random.normal(jax.random.fold_in(jax.random.key(0), n), (2,))


@pytest.mark.parametrize(
    ("driver", "says"),
    [
        (Impure(), "not pure"),
        (Growing(), "same structure, shapes"),
        (Branching(), "traced n"),
        (Frozen(jax.random.key(0)), "same random draw"),
        (Deaf(jax.random.key(0)), "another key"),
    ],
    ids=["impure", "shape", "branch", "frozen", "deaf"],
)
def test_broken_driver_is_named(driver, says):
    with pytest.raises(AssertionError, match=says):
        check_driver(driver)


def test_good_driver_passes():
    check_driver(Still())


class WrongTime(AbstractStepper):
    """Heun, but the second stage looks at the clock too early: order 1."""

    order: ClassVar[int] = 2

    def step(self, field, t, y, args, dt):
        k1 = field(t, y, args)
        return y + 0.5 * dt * (k1 + field(t, y + dt * k1, args))


class Stuck(AbstractStepper):
    order: ClassVar[int] = 1

    def step(self, field, t, y, args, dt):
        return y + 0.9 * dt * field(t, y, args)


class Rounded(AbstractStepper):
    order: ClassVar[int] = 1

    def step(self, field, t, y, args, dt):
        return (y + dt * field(t, y, args)).astype(jnp.float32)


class Stratonovich(AbstractItoStepper):
    """The Heun rule for noise, sold as Ito."""

    strong_order: ClassVar[float] = 1.0

    def step(self, drift, diffusion, t, y, args, dt, dw):
        guess = y + diffusion(t, y, args) * dw
        return y + drift(t, y, args) * dt + 0.5 * (diffusion(t, y, args) + diffusion(t, guess, args)) * dw


@pytest.mark.parametrize(
    ("stepper", "order", "says"),
    [
        (WrongTime(), None, "observed orders"),
        (Heun(), 3, "observed orders"),
        (Stuck(), None, "does not tend to the field"),
        (Rounded(), None, "return the structure"),
        (Stratonovich(), None, "observed strong order"),
        (EulerMaruyama(), 1.0, "observed strong order"),
    ],
    ids=["time", "order", "inconsistent", "dtype", "calculus", "strong order"],
)
def test_broken_stepper_is_named(stepper, order, says):
    with pytest.raises(AssertionError, match=says):
        check_stepper(stepper, order)


def gated(x):
    """Refuse like the measures of the library do."""
    x = np.asarray(x)
    if x.dtype.kind not in "biuf" or x.ndim != 1 or not np.all(np.isfinite(x)) or len(x) < 10 or np.ptp(x) == 0:
        raise DataError("not a finite series of numbers that vary; give one column.")
    return np.asarray(x, dtype=float)


def in_place(x):
    gated(x)
    if isinstance(x, np.ndarray):
        x -= 0.5
    return float(np.max(np.asarray(x)) - np.min(np.asarray(x)))


@pytest.mark.parametrize(
    ("measure", "promise", "says"),
    [
        (lambda x: float(np.mean(gated(x))), {"shift_invariant": True}, "not invariant under a shift"),
        (lambda x: float(np.std(gated(x))), {"scale_invariant": True}, "not invariant under scaling"),
        (lambda x: float(np.mean(gated(x))) + next(COUNTER), {}, "not pure"),
        (in_place, {}, "changes the series"),
        (lambda x: float(np.nanmean(np.asarray(x))), {}, "accepts NaN"),
        (lambda x: float(np.mean(gated(x))) + isinstance(x, list), {}, "a list gives another result"),
    ],
    ids=["shift", "scale", "impure", "in place", "NaN", "list"],
)
def test_broken_measure_is_named(measure, promise, says):
    with pytest.raises(AssertionError, match=says):
        check_measure(measure, **promise)


def test_good_measure_passes():
    check_measure(lambda x: float(np.ptp(gated(x)) / np.std(gated(x))), shift_invariant=True, scale_invariant=True)


def test_integer_leaves_carry_no_tangent():
    class Counting(AbstractDifferentiableSystem):
        dt: jax.Array = eqx.field(default_factory=lambda: jnp.asarray(1.0))
        x0: tuple = (0.3, 0)

        def step(self, x, w):
            return (3.9 * x[0] * (1 - x[0]), x[1] + 1)

    check_system(Counting())
