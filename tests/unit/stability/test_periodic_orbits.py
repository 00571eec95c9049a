"""Periodic orbits: counts, closed forms, Floquet multipliers, sections."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cocycle as cc
from cocycle.core.errors import NotFoundError, ParameterError
from cocycle.core.functions import Map
from cocycle.stability import (
    IntervalNewton,
    Multistart,
    fixed_points,
    periodic_orbit,
    periodic_orbits,
    poincare_section,
)
from cocycle.steppers import DOP853, Flow, StroboscopicMap

HENON = cc.systems.Henon()
FEW = Multistart(n_starts=16, max_rounds=1)
SQUARE = {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}


def _radial(t, y, a):
    return jnp.stack([y[0] - y[1], y[0] + y[1]]) - y * (y @ y)


RADIAL = Flow(_radial, dt=0.01, x0=[0.5, 0.1], variables=("x", "y"))


@pytest.fixture(scope="module")
def radial_cycle():
    return periodic_orbit(RADIAL)


@pytest.mark.parametrize(("period", "n_orbits"), [(1, 2), (2, 1), (3, 0), (4, 1)])
def test_henon_has_its_known_number_of_orbits(period, n_orbits):
    # Symbolic dynamics of the Henon map at (1.4, 0.3): prime cycles of length 1, 2, 4; none of length 3.
    orbits = periodic_orbits(HENON, SQUARE, period=period)
    assert len(orbits) == n_orbits
    for orbit in orbits:
        # The determinant of the tangent map is -b at every step.
        np.testing.assert_allclose(np.prod(orbit.multipliers).real, (-0.3) ** period, rtol=1e-9)
        assert orbit.volume_residual < 1e-9


@pytest.mark.slow  # 12 s: a compilation for each period
@pytest.mark.parametrize(("period", "n_orbits"), [(5, 0), (6, 2), (7, 4), (8, 7)])
def test_henon_has_its_known_number_of_longer_orbits(period, n_orbits):
    assert len(periodic_orbits(HENON, SQUARE, period=period)) == n_orbits


def test_intervals_prove_what_stabilisation_finds():
    logistic = Map(lambda x, a: a * x * (1 - x), 3.9, x0=0.3)
    # 2^3 fixed points of the third iterate, two of them of the map: two orbits of period 3.
    proved = periodic_orbits(logistic, [(-0.1, 1.1)], period=3, method=IntervalNewton())
    found = periodic_orbits(logistic, [(-0.1, 1.1)], period=3)
    assert len(proved) == len(found) == 2
    assert all(o.certified for o in proved)
    for a, b in zip(proved, found, strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=1e-12)


def test_cycle_with_a_closed_form(radial_cycle):
    # r' = r - r^3, theta' = 1: radius 1, period 2 pi, multiplier exp(-4 pi).
    cycle = radial_cycle
    np.testing.assert_allclose(cycle.period, 2 * np.pi, rtol=10 * cycle.error)
    np.testing.assert_allclose(np.linalg.norm(cycle.x), 1.0, rtol=10 * cycle.error)
    np.testing.assert_allclose(np.real(cycle.transverse), np.exp(-4 * np.pi), rtol=1e-7)
    assert cycle.trivial_residual < 1e-9
    assert cycle.volume_residual < 1e-9
    assert cycle.stable


def test_van_der_pol_against_an_independent_integrator():
    system = cc.systems.VanDerPol()
    mu = float(system.args["mu"])
    cycle = periodic_orbit(system)

    def both(t, y):
        x, v = y[:2]
        jacobian = np.array([[0.0, 1.0], [-2 * mu * x * v - 1.0, mu * (1 - x * x)]])
        return [v, mu * (1 - x * x) * v - x, *(jacobian @ y[2:].reshape(2, 2)).ravel()]

    start = [*cycle.x, 1.0, 0.0, 0.0, 1.0]
    end = solve_ivp(both, (0, cycle.period), start, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    np.testing.assert_allclose(end[:2], cycle.x, atol=1e-9)
    multipliers = np.sort(np.linalg.eigvals(end[2:].reshape(2, 2)).real)
    np.testing.assert_allclose(np.sort(np.real(cycle.multipliers)), multipliers, atol=1e-8)


@pytest.mark.slow  # 9 s, for compiling three segments
def test_multiple_shooting_agrees_with_single(radial_cycle):
    one, many = radial_cycle, periodic_orbit(RADIAL, n_segments=3)
    np.testing.assert_allclose(many.multipliers, one.multipliers, atol=1e-9)
    assert many.points.shape == (3, 2)


def _forced(t, y, a):
    pull = a["linear"] * y[0] - a["cubic"] * y[0] ** 3 - a["sine"] * jnp.sin(y[0])
    return jnp.stack([y[1], -a["damping"] * y[1] + pull + a["force"] * jnp.cos(t)])


def strobed(**args):
    """Pendulum and Duffing oscillator are one field, so that one compilation serves both."""
    args = {"linear": 0.0, "cubic": 0.0, "sine": 0.0, "force": 0.0, **args}
    return StroboscopicMap(Flow(_forced, args, dt=0.05, x0=[0.1, 0.0], stepper=DOP853()), 2 * np.pi)


def test_forced_pendulum_obeys_wronskian_and_closed_form():
    # Without a force, about the bottom: multipliers exp(T s), s the roots of s^2 + g s + 1.
    free = strobed(sine=1.0, damping=0.3)
    point = fixed_points(free, [(-0.5, 0.5), (-0.5, 0.5)], method=FEW)[0]
    exact = np.exp(2 * np.pi * np.roots([1, 0.3, 1]))
    np.testing.assert_allclose(np.sort_complex(point.eigenvalues), np.sort_complex(exact), rtol=1e-10)
    # With it: Abel's law, the product is exp(-g T).
    point = fixed_points(strobed(sine=1.0, damping=0.3, force=0.2), [(-1.5, 1.5), (-1.5, 1.5)], method=FEW)[0]
    assert np.abs(point.x).max() > 0.1
    np.testing.assert_allclose(np.prod(point.eigenvalues).real, np.exp(-0.3 * 2 * np.pi), rtol=1e-10)
    end = solve_ivp(
        lambda t, y: [y[1], -0.3 * y[1] - np.sin(y[0]) + 0.2 * np.cos(t)],
        (0, 2 * np.pi),
        point.x,
        rtol=1e-12,
        atol=1e-13,
    ).y[:, -1]
    np.testing.assert_allclose(end, point.x, atol=1e-9)


def test_duffing_orbits_obey_the_wronskian_law():
    weak = strobed(linear=1.0, cubic=1.0, damping=0.25, force=0.1)
    wells = fixed_points(weak, [(-2.0, 2.0), (-1.5, 1.5)], method=FEW)
    saddle = fixed_points(weak, [(-0.3, 0.3), (-0.3, 0.3)], method=FEW)
    # A weak force leaves one orbit near each of the three fixed points of the double well.
    found = [*wells, *saddle]
    assert {round(p.x[0]) for p in found} == {-1, 0, 1}
    for point in found:
        np.testing.assert_allclose(np.prod(point.eigenvalues).real, np.exp(-0.25 * 2 * np.pi), rtol=1e-9)
    assert sum(p.stable for p in found) >= 2


def _spiral(t, y, a):
    return jnp.stack([-a["damping"] * y[0] + y[1], -y[0] - a["damping"] * y[1]])


def _level(x, a):
    return x[1] - a["level"]


def test_section_of_a_circle_and_one_that_is_never_crossed():
    circle = Flow(_spiral, {"damping": 0.0, "level": 0.0}, dt=0.1, x0=[1.0, 0.0])
    points = poincare_section(circle, _level, n_crossings=5)
    np.testing.assert_allclose(points.t, np.pi * np.array([1, 3, 5, 7, 9]), rtol=1e-12)
    decay = Flow(_spiral, {"damping": 0.2, "level": 0.1}, dt=0.1, x0=[1.0, 0.0])
    with pytest.raises(NotFoundError, match="move the section") as caught:
        poincare_section(decay, _level, n_crossings=50)
    # |y| falls by exp(-0.2 * 2 pi) a turn: the first maxima exceed 0.1.
    assert 1 <= len(caught.value.found) < 5


BAD = [
    (lambda: periodic_orbit(strobed(damping=0.25).flow), ParameterError, "Strobosc"),
    (lambda: periodic_orbit(RADIAL, period=-1.0), ParameterError, "positive"),
    (lambda: periodic_orbit(Flow(lambda t, y, a: -y, dt=0.1, x0=[1.0, 1.0])), NotFoundError, "comes back"),
    (lambda: periodic_orbits(RADIAL, SQUARE, period=2), ParameterError, "periodic_orbit"),
    (lambda: periodic_orbits(HENON, SQUARE, period=0), ParameterError, "period"),
    (lambda: StroboscopicMap(RADIAL, 0.0), ParameterError, "period"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
