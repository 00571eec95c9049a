"""The observed order of every stepper is the promised one, within 0.1 in the asymptotic range."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.steppers import (
    DOP853,
    RK4,
    DelayFlow,
    Euler,
    EulerMaruyama,
    Heun,
    ImplicitMidpoint,
    ItoSDE,
    Leapfrog,
    Milstein,
    StochasticHeun,
    StratonovichSDE,
    Tsit5,
    Yoshida4,
)

ORDER_TOLERANCE = 0.1


def rotation(t, y, args):
    return jnp.stack([y[1], -y[0]])


def clocked_rotation(t, y, args):
    return (1 + 0.5 * jnp.cos(t)) * rotation(t, y, args)


def anharmonic(t, y, args):
    return (y @ y) * rotation(t, y, args)


def riccati(t, y, args):
    return 1 + y * y


def angle(phi):
    return np.array([np.cos(phi), -np.sin(phi)])


# field, solution in closed form, final time
PROBLEMS = {
    "autonomous": (rotation, angle, 10.0),
    "time-dependent": (clocked_rotation, lambda t: angle(t + 0.5 * np.sin(t)), 10.0),
    "anharmonic": (anharmonic, angle, 10.0),
    "riccati": (riccati, lambda t: np.array([np.tan(t)]), 1.4),
}
# Two step numbers at which the error is far above round-off and its leading term dominates. On one nonlinear problem
# each, the leading coefficient of Tsit5 (Riccati: changes sign) and of DOP853 (anharmonic: nearly nought) does not.
COMMON = {Euler: (8000, 16000), Heun: (400, 800), RK4: (120, 240), ImplicitMidpoint: (200, 400)}
CASES = [(stepper, problem, steps) for stepper, steps in COMMON.items() for problem in PROBLEMS]
CASES += [(Tsit5, problem, (320, 640)) for problem in PROBLEMS if problem != "riccati"]
CASES += [(DOP853, problem, (32, 48)) for problem in ("autonomous", "time-dependent")]
CASES += [(DOP853, "riccati", (64, 96))]


def solve(stepper, field, y0, duration, n):
    h = duration / n
    return jax.jit(lambda y: jax.lax.fori_loop(0, n, lambda i, y: stepper.step(field, i * h, y, None, h), y))(y0)


def observed(errors, steps):
    return np.log(errors[0] / errors[1]) / np.log(steps[1] / steps[0])


@pytest.mark.parametrize(("stepper", "problem", "steps"), CASES)
def test_order(stepper, problem, steps):
    field, exact, duration = PROBLEMS[problem]
    ends = [solve(stepper(), field, jnp.asarray(exact(0.0)), duration, n) for n in steps]
    errors = [np.linalg.norm(np.asarray(y) - exact(duration)) for y in ends]
    assert observed(errors, steps) == pytest.approx(stepper.order, abs=ORDER_TOLERANCE)


def pendulum(t, y, args):
    return (y[1], -jnp.sin(y[0]))


def driven(t, y, args):
    return (y[1] * (1 + 0.3 * jnp.cos(t)), -y[0] * (1 + 0.5 * jnp.sin(2 * t)))


@pytest.mark.parametrize("field", [pendulum, driven])
@pytest.mark.parametrize("stepper", [Leapfrog, Yoshida4, ImplicitMidpoint])
def test_order_of_symplectic_steppers(stepper, field):
    # No closed form: DOP853 with 600 steps is exact to round-off here, and its order is tested above.
    y0 = (jnp.array(1.0), jnp.array(0.3))
    exact = np.array(solve(DOP853(), field, y0, 3.0, 600))
    steps = (100, 200)
    errors = [np.linalg.norm(np.array(solve(stepper(), field, y0, 3.0, n)) - exact) for n in steps]
    assert observed(errors, steps) == pytest.approx(stepper.order, abs=ORDER_TOLERANCE)


def delay_error(system, duration, exact):
    state = system.initial_state(system.x0)
    driver = system.default_driver(state)
    n = round(duration / float(system.dt))
    end = jax.jit(lambda s: jax.lax.fori_loop(0, n, lambda i, s: system.step(s, driver.at(i)), s))(state)
    return abs(float(system.observe(end)) - exact)


def test_order_of_delay_flow_from_a_constant_history():
    # y' = -y(t - 1), y = 1 before: by the method of steps y(t) = sum_k (-1)^k (t - k + 1)^k / k! while t > k - 1.
    exact = sum((-1.0) ** k * (5.0 - k + 1) ** k / np.prod(np.arange(1.0, k + 1)) for k in range(6))
    steps = (20, 40)
    errors = [
        delay_error(DelayFlow(lambda t, y, past, a: -past, delays=1.0, dt=1 / n, x0=1.0), 5.0, exact) for n in steps
    ]
    assert observed(errors, steps) == pytest.approx(4.0, abs=ORDER_TOLERANCE)


def cosine(t):
    return jnp.cos(jnp.pi / 2 * t)


def test_order_of_delay_flow_with_delays_off_the_grid():
    # cos(pi t / 2) solves y' = -(pi/2) y(t - 1) = (pi/2) y(t - 3): any mixture of the two, here a moving one.
    def field(t, y, past, args):
        return -jnp.pi / 2 * (past[0] * jnp.cos(t) ** 2 - past[1] * jnp.sin(t) ** 2)

    steps = (70, 140)
    systems = [DelayFlow(field, delays=(1.0, 3.0), dt=6 / n, x0=cosine) for n in steps]
    assert float(systems[0].delays[0] / systems[0].dt) % 1 > 0.1
    errors = [delay_error(system, 6.0, np.cos(3 * np.pi)) for system in systems]
    assert observed(errors, steps) == pytest.approx(4.0, abs=ORDER_TOLERANCE)


N_PATHS, N_SEEDS, FINEST = 4096, 4, 512


def strong_errors(make, exact, y0, steps, key):
    """Mean |error| at t = 1 over N_PATHS paths of N_SEEDS keys each, with increments nested between step sizes."""

    def errors_of(key):
        fine = jax.random.normal(key, (FINEST, N_PATHS)) / jnp.sqrt(FINEST)  # (time, path): dW
        out = []
        for n in steps:
            dw = fine.reshape(n, FINEST // n, N_PATHS).sum(axis=1)
            system, driver = make(1.0 / n), cc.Recorded(dw * jnp.sqrt(n))
            y = jnp.full(N_PATHS, y0)
            y = jax.lax.fori_loop(0, n, lambda i, y, s=system, d=driver: s.step(y, d.at(i)), y)
            out.append(jnp.mean(jnp.abs(y - exact(fine))))
        return jnp.stack(out)

    return np.asarray(jax.vmap(jax.jit(errors_of))(jax.random.split(key, N_SEEDS))).mean(axis=0)


MU, SIGMA = 0.5, 0.8


def growth(t, y, args):
    return MU * y


def volatility(t, y, args):
    return SIGMA * y


@pytest.mark.parametrize("rule", [EulerMaruyama, Milstein, StochasticHeun])
def test_strong_order_on_geometric_brownian_motion(rule, key):
    ito = rule is not StochasticHeun
    system = ItoSDE if ito else StratonovichSDE
    rate = MU - SIGMA**2 / 2 if ito else MU

    def make(dt):
        return system(growth, volatility, dt=dt, stepper=rule())

    steps = (64, 256)
    errors = strong_errors(make, lambda w: jnp.exp(rate + SIGMA * w.sum(axis=0)), 1.0, steps, key)
    assert observed(errors, steps) == pytest.approx(rule.strong_order, abs=ORDER_TOLERANCE)


@pytest.mark.parametrize("rule", [EulerMaruyama, Milstein])
def test_additive_noise_has_strong_order_one(rule, key):
    # Ornstein-Uhlenbeck dy = -y dt + dW, y(1) = exp(-1) + integral of exp(s - 1) dW. The sum over the finest
    # increments at their middles has an error of 1/16 of the smallest below, independent of it: 0.4 % of its size.
    steps = (16, 32)

    def make(dt):
        return ItoSDE(lambda t, y, a: -y, lambda t, y, a: 1.0, dt=dt, stepper=rule())

    def exact(w):
        ends = (jnp.arange(FINEST) + 0.5) / FINEST
        return jnp.exp(-1.0) + jnp.tensordot(jnp.exp(ends - 1.0), w, axes=1)

    errors = strong_errors(make, exact, 1.0, steps, key)
    assert observed(errors, steps) == pytest.approx(1.0, abs=ORDER_TOLERANCE)


def test_ito_and_stratonovich_agree_after_the_drift_correction(key):
    ito = ItoSDE(lambda t, y, a: MU * y + SIGMA**2 / 2 * y, volatility, dt=1 / FINEST, stepper=Milstein())
    heun = StratonovichSDE(growth, volatility, dt=1 / FINEST)
    driver = cc.Brownian(key, (64,))

    def end(system):
        return jax.lax.fori_loop(0, FINEST, lambda i, y: system.step(y, driver.at(i)), jnp.ones(64))

    # Both have strong order 1: the paths differ by O(dt), here with a constant of a few times sigma^3 y.
    a, b = np.asarray(end(ito)), np.asarray(end(heun))
    assert np.mean(np.abs(a - b) / b) < 5 * SIGMA**3 / FINEST
