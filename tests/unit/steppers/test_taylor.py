"""Taylor steps against closed solutions, expm, diffrax, and heyoka where it is installed."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from scipy import special

import cocycle as cc
from cocycle.core.errors import NoSeriesError, ParameterError
from cocycle.steppers import Adaptive, Taylor
from cocycle.steppers.abstract import push_step

EPS = np.finfo(float).eps


def lorenz(t, y, a):
    x, y, z = y
    return jnp.stack([a["sigma"] * (y - x), x * (a["rho"] - z) - y, x * y - a["beta"] * z])


LORENZ = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
X0 = [1.0, 2.0, 20.0]


def kepler(t, y, a):
    r = jnp.sum(y[:2] ** 2)
    return jnp.concatenate([y[2:], -y[:2] * r**-1.5])


def duffing(t):
    """x'' = -x - x^3 from (1, 0)."""
    m = 1 / 4
    sn, cn, dn, _ = special.ellipj(np.sqrt(2.0) * t, m)
    return np.array([cn, -np.sqrt(2.0) * sn * dn])


def pendulum(t):
    """x'' = -sin x from (0, 2 k), k = 0.7."""
    k = 0.7
    sn, cn, _, _ = special.ellipj(t, k * k)
    return np.array([2 * np.arcsin(k * sn), 2 * k * cn])


def wild(t):
    """A field made of exp, log, powers and atan, whose solution is u = 1 + t."""
    return np.array([1 + t])


def wild_field(t, y, a):
    u = y[0]
    return jnp.stack([jnp.exp(jnp.log(u)) / u + jnp.arctan(u**1.5) - jnp.arctan((1 + t) ** 1.5)])


# field, initial state, closed solution, time, condition: growth of an early error until then
CLOSED = {
    "harmonic": (
        lambda t, y, a: jnp.stack([y[1], -y[0]]),
        [1.0, 0.0],
        lambda t: np.array([np.cos(t), -np.sin(t)]),
        20.0,
        1.0,
    ),
    "logistic": (lambda t, y, a: y * (1 - y), [0.1], lambda t: np.array([1 / (1 + 9 * np.exp(-t))]), 5.0, 6.0),
    "duffing": (lambda t, y, a: jnp.stack([y[1], -y[0] - y[0] ** 3]), [1.0, 0.0], duffing, 20.0, 20.0),
    "pendulum": (lambda t, y, a: jnp.stack([y[1], -jnp.sin(y[0])]), [0.0, 1.4], pendulum, 20.0, 20.0),
    "driven": (lambda t, y, a: y * jnp.cos(t), [1.0], lambda t: np.array([np.exp(np.sin(t))]), 20.0, 8.0),
    "wild": (wild_field, [1.0], wild, 3.0, 20.0),
    "riccati": (lambda t, y, a: 1 + y * y, [0.0], lambda t: np.array([np.tan(t)]), 1.4, 40.0),
}


@functools.cache
def solver(field, stepper):
    """Compiled once for all tests."""
    return jax.jit(lambda t, y, args, dt: stepper.step(field, t, y, args, dt))


def solved(field, y, duration, stepper, args=None, t=0.0):
    return solver(field, stepper)(jnp.asarray(t), jnp.asarray(y), args, jnp.asarray(duration))


@pytest.mark.parametrize("tol", [1e-6, EPS])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_solutions(name, tol):
    field, y, solution, duration, growth = CLOSED[name]
    found = np.asarray(solved(field, y, duration, Taylor(tol)))
    # A local error of size tol per series step, at most 10 of them a unit of time; round-off is one more tolerance.
    assert np.max(np.abs(found - solution(duration))) < 10 * duration * growth * (tol + EPS)


def test_error_follows_the_tolerance():
    field, y, solution, duration, _ = CLOSED["duffing"]
    tolerances = np.array([1e-6, 1e-8, 1e-10])
    errors = [np.max(np.abs(solved(field, y, duration, Taylor(tol)) - solution(duration))) for tol in tolerances]
    slope = np.polyfit(np.log(tolerances), np.log(errors), 1)[0]
    # Proportional to the tolerance; the order is rounded up to a whole number, which moves it by e^2 at most.
    assert abs(slope - 1) < 2 / np.log(1e4)
    assert np.all(np.diff(errors) < 0)


def test_kepler_returns_after_a_period():
    e = 0.9
    y = jnp.array([1 - e, 0.0, 0.0, np.sqrt((1 + e) / (1 - e))])
    found = solved(kepler, y, 2 * np.pi, Taylor())
    energy = lambda y: 0.5 * np.sum(y[2:] ** 2) - 1 / np.hypot(*y[:2])  # noqa: E731
    # About 60 steps; the pericentre turns an error of the phase into one 19 times larger, of the energy 100 times.
    assert np.max(np.abs(found - y)) < 60 * 19 * 100 * EPS
    assert abs(energy(np.asarray(found)) - energy(np.asarray(y))) < 60 * 20 * EPS


def test_against_diffrax():
    found = solved(lorenz, X0, 5.0, Taylor(), LORENZ)
    pair = Adaptive(diffrax.Dopri8(), rtol=1e-14, atol=1e-14, max_steps=100_000)
    other = jax.jit(lambda y: pair.step(lorenz, 0.0, y, LORENZ, 5.0))(jnp.asarray(X0))
    # exp(0.9 t) growth of 1e-14 a step, some hundred steps.
    np.testing.assert_allclose(found, other, rtol=0, atol=1e-14 * 500 * np.exp(0.9 * 5) * 10)


def test_against_heyoka():
    heyoka = pytest.importorskip("heyoka")
    x, y, z = heyoka.make_vars("x", "y", "z")
    field = [(x, 10.0 * (y - x)), (y, x * (28.0 - z) - y), (z, x * y - 8.0 / 3.0 * z)]
    exact = heyoka.taylor_adaptive(field, X0, tol=1e-18)
    exact.propagate_until(10.0)
    for tol in (1e-6, 1e-9, 1e-12):
        ta = heyoka.taylor_adaptive(field, X0, tol=tol)
        ta.propagate_until(10.0)
        theirs = np.max(np.abs(ta.state - exact.state))
        ours = np.max(np.abs(np.asarray(solved(lorenz, X0, 10.0, Taylor(tol), LORENZ)) - exact.state))
        assert ours < 3 * theirs


def test_time_reversal():
    forth = solved(lorenz, X0, 1.0, Taylor(), LORENZ)
    back = solved(lorenz, forth, -1.0, Taylor(), LORENZ)
    # Backwards errors grow at the rate of the strongest contraction, 14.6 per unit of time.
    np.testing.assert_allclose(back, X0, rtol=0, atol=40 * 40 * EPS * np.exp(14.6) / 14.6)
    driven = CLOSED["driven"][0]
    forth = solved(driven, [1.0], 3.0, Taylor())
    np.testing.assert_allclose(solved(driven, forth, -3.0, Taylor(), t=3.0), [1.0], rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("tol", [1e-6, 1e-12])
def test_tangents_at_an_equilibrium(tol):
    c = np.sqrt(8 / 3 * 19.0)
    y = jnp.array([c, c, 19.0])
    args = {"sigma": 10.0, "rho": 20.0, "beta": 8 / 3}
    jacobian = jax.jacfwd(lambda y: lorenz(0.0, y, args))(y)
    _, V = jax.jit(lambda V: push_step(Taylor(tol), lorenz, 0.0, y, args, 0.5, V))(jnp.eye(3))
    expected = scipy.linalg.expm(0.5 * np.asarray(jacobian))
    # Each vector is held relative to its length in each of about 30 steps; expm has a condition number near 100.
    error = np.linalg.norm(np.asarray(V) - expected.T, axis=1) / np.linalg.norm(expected, axis=0)
    assert np.max(error) < 30 * (tol + 100 * EPS)


def test_pytree_states_and_large_states():
    def field(t, y, a):
        return {"q": y["p"], "p": -y["q"]}

    y = {"q": jnp.arange(60.0).reshape(3, 20), "p": jnp.ones((3, 20))}
    found = Taylor().step(field, 0.0, y, None, 1.0)
    expected = np.cos(1.0) * y["q"] + np.sin(1.0) * y["p"]
    np.testing.assert_allclose(found["q"], expected, rtol=0, atol=60 * 10 * EPS)
    V = {"q": jnp.ones((2, 3, 20)), "p": jnp.zeros((2, 3, 20)).at[1].set(1.0)}
    _, W = push_step(Taylor(), field, 0.0, y, None, 1.0, V)
    np.testing.assert_allclose(W["q"][1], np.cos(1.0) + np.sin(1.0), rtol=0, atol=20 * EPS)


def drag(t, y, a):
    return jnp.stack([y[1], -1.0 - jnp.abs(y[1]) * y[1]])


def test_switches_are_located():
    """Drag: v' = -1 - |v| v. Upward v = tan(c - t) with c = atan v0, then v = -tanh(t - c)."""
    v0, duration = 2.0, 3.0
    c = np.arctan(v0)
    height = -np.log(np.cos(c)) - np.log(np.cosh(duration - c))
    found = solved(drag, [0.0, v0], duration, Taylor())
    np.testing.assert_allclose(found, [height, -np.tanh(duration - c)], rtol=0, atol=100 * EPS)


def test_a_field_without_rules_is_refused():
    with pytest.raises(NoSeriesError, match="sort"):
        cc.Flow(lambda t, y, a: jnp.sort(y), dt=0.1, x0=[0.0, 2.0], stepper=Taylor())


@pytest.mark.parametrize("options", [{"tol": 0.0}, {"tol": 1.0}, {"order": 2}, {"order": 41}, {"max_steps": 0}])
def test_bad_options_are_refused(options):
    with pytest.raises(ParameterError):
        Taylor(**options)


def test_failure_is_nan():
    found = solved(lambda t, y, a: y * y, [1.0], 2.0, Taylor(max_steps=100))
    assert np.all(np.isnan(found))


def oscillator(t, y, stiffness):
    return jnp.stack([y[1], -stiffness * y[0] - y[0] ** 3])


def orbit_end(theta, stepper):
    """A Duffing oscillator after about one unit, as a function of (stiffness, x0, dt)."""
    stiffness, x, dt = theta
    return stepper.step(oscillator, jnp.asarray(0.0), jnp.stack([x, 0.5]), stiffness, dt)


def test_gradients_in_closed_form():
    """y' = a y (1 - y): forward and reverse derivatives by rate, initial state and length."""

    def end(theta, stepper):
        rate, y, dt = theta
        return stepper.step(lambda t, y, a: a * y * (1 - y), jnp.asarray(0.0), y, rate, dt)

    theta, v, tol = tuple(jnp.array([1.3, 0.1, 2.0])), (1.0, -0.5, 0.3), 1e-7
    expected = jax.grad(lambda p: 1 / (1 + (1 / p[1] - 1) * jnp.exp(-p[0] * p[2])))(theta)
    forward = jax.jit(lambda: jax.jvp(lambda *a: end(a, Taylor(tol)), theta, v)[1])()
    reverse = jax.jit(jax.grad(lambda p: end(p, Taylor(tol, reverse=True, max_steps=16))))(theta)
    # A dozen steps at the tolerance, whose derivatives have a factor of order 10.
    np.testing.assert_allclose(forward, sum(e * b for e, b in zip(expected, v)), rtol=0, atol=100 * 12 * tol)
    np.testing.assert_allclose(reverse, expected, rtol=0, atol=100 * 12 * tol)


@pytest.mark.slow  # 20 s
def test_gradients():
    """Forward and reverse, against differences and the checkpointed adjoint of diffrax."""
    theta, v = (jnp.array(1.3), jnp.array(1.0), jnp.array(1.0)), (1.0, -0.5, 0.3)
    tol = 1e-13
    value = jax.jit(lambda theta: orbit_end(theta, Taylor(tol)))
    forward = jax.jit(lambda: jax.jvp(lambda *a: orbit_end(a, Taylor(tol)), theta, v))()[1]
    h = EPS ** (1 / 3)
    ahead, behind = (value(tuple(a + s * b for a, b in zip(theta, v))) for s in (h, -h))
    # Central differences: third derivatives over one unit stay below 1e3; a dozen steps at the tolerance.
    np.testing.assert_allclose(forward, (ahead - behind) / (2 * h), rtol=0, atol=1e3 * h**2 + 12 * tol / h)
    reverse = jax.jit(jax.jacrev(lambda a: orbit_end(a, Taylor(tol, reverse=True, max_steps=16))))(theta)
    # Both ways differentiate steps of the tolerance; a dozen of them, whose derivatives have a factor of order 10.
    np.testing.assert_allclose(forward, sum(r * b for r, b in zip(reverse, v)), rtol=0, atol=100 * 12 * tol)
    np.testing.assert_allclose(reverse[2], oscillator(0.0, value(theta), theta[0]), rtol=0, atol=100 * 12 * tol)
    adjoint = diffrax.RecursiveCheckpointAdjoint()
    pair = Adaptive(diffrax.Tsit5(), rtol=1e-11, atol=1e-11, adjoint=adjoint, max_steps=1024)
    theirs = jax.jit(jax.jacrev(lambda a: orbit_end((*a, 1.0), pair)))(theta[:2])
    # Some 200 steps of 1e-11.
    np.testing.assert_allclose(np.stack(reverse[:2]), np.stack(theirs), rtol=0, atol=200 * 10 * 1e-11)


def test_batches_equal_single_orbits():
    y = jnp.stack([jnp.array(X0), jnp.array([-3.0, 4.0, 25.0]), jnp.array([0.1, 0.0, 0.0])])
    batch = jax.jit(jax.vmap(lambda y: Taylor().step(lorenz, 0.0, y, LORENZ, 1.0)))(y)
    single = [solved(lorenz, row, 1.0, Taylor(), LORENZ) for row in y]
    np.testing.assert_allclose(batch, single, rtol=0, atol=1e3 * EPS * 20)
