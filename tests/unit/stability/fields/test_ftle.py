"""FTLE fields: closed forms of linear flows, an independent integrator for the double gyre, laws, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cocycle as cc
from cocycle.core.errors import (
    AccuracyWarning,
    InterruptedWarning,
    NotDifferentiableError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)
from cocycle.stability.fields import Differences, Tangents, ftle_field, lanes
from cocycle.stability.fields.lanes import Lanes
from cocycle.stability.fields.trigonometry import sine_cosine, vectorised
from cocycle.steppers import Adaptive

EPS = np.finfo(float).eps
SMALL = {"x": (-1, 1, 5), "y": (-1, 1, 4)}


def linear(matrix):
    matrix = jnp.asarray(matrix, dtype=float)
    return cc.Flow(lambda t, y, a: a @ y, matrix, dt=0.01, x0=jnp.zeros(len(matrix)))


LINEAR = [
    ([[0.7, 0.0], [0.0, -0.7]], lambda t: 0.7),
    ([[0.0, 1.3], [0.0, 0.0]], lambda t: np.arcsinh(1.3 * abs(t) / 2) / abs(t)),
    ([[0.0, -2.0], [2.0, 0.0]], lambda t: 0.0),
]


@pytest.mark.parametrize("gradient", [Tangents(), Differences()])
@pytest.mark.parametrize("duration", [2.0, -2.0])
@pytest.mark.parametrize(("matrix", "truth"), LINEAR)
def test_linear_flows_exactly(matrix, truth, duration, gradient):
    field = ftle_field(linear(matrix), grid=SMALL, duration=duration, gradient=gradient)
    # RK4 misses exp(rate dt) by (rate dt)^5 / 120 a step, 200 steps of 0.01; differences divide by the spacing.
    order = 200 * (2.0 * 0.01) ** 5 / 120 / 2
    assert np.max(np.abs(field.values - truth(duration))) < order + 200 * 16 * EPS


def test_saddle_in_space_and_on_a_line():
    saddle = linear(np.diag([0.3, 0.5, -0.8]))
    space = ftle_field(saddle, grid={"x": (0, 1, 2), "y": (0, 1, 3), "z": (0, 1, 2)}, duration=1.0)
    assert space.values.shape == (2, 3, 2)
    assert np.allclose(space.values, 0.5, rtol=0, atol=1e-10)
    line = ftle_field(saddle, grid={"x": (0, 1, 4)}, duration=1.0, at={"y": 2.0})
    assert np.allclose(line.values, 0.3, rtol=0, atol=1e-10)
    assert line.at == {"y": 2.0, "z": 0.0}
    backward = ftle_field(saddle, grid={"x": (0, 1, 2), "y": (0, 1, 2), "z": (0, 1, 2)}, duration=-1.0)
    assert np.allclose(backward.values, 0.8, rtol=0, atol=1e-9)


def gyre_stretching(x, y, duration, phase=0.0, alpha=0.1, eps=0.1, omega=0.62832):
    """Variational equation of the double gyre by DOP853, written out by hand."""

    def field(t, u):
        a = eps * np.sin(omega * t + phase)
        f, g = a * u[0] ** 2 + (1 - 2 * a) * u[0], 2 * a * u[0] + 1 - 2 * a
        sf, cf, sy, cy = np.sin(np.pi * f), np.cos(np.pi * f), np.sin(np.pi * u[1]), np.cos(np.pi * u[1])
        s = np.pi * alpha
        jac = s * np.array(
            [[-np.pi * cf * g * cy, np.pi * sf * sy], [-np.pi * sf * g * g * sy + cf * sy * 2 * a, np.pi * cf * cy * g]]
        )
        return np.concatenate([[-s * sf * cy, s * cf * sy * g], (jac @ u[2:].reshape(2, 2)).ravel()])

    start = np.concatenate([[x, y], np.eye(2).ravel()])
    end = solve_ivp(field, (0, duration), start, method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    return np.log(np.linalg.svd(end[2:].reshape(2, 2))[1][0]) / abs(duration)


def double_gyre(**options):
    return cc.systems.DoubleGyre(dt=0.05, **options)


GYRE_GRID = {"x": (0.1, 1.9, 12), "y": (0.1, 0.9, 6)}


@pytest.mark.parametrize("duration", [10.0, -10.0])
def test_double_gyre_against_an_independent_integrator(duration):
    field = ftle_field(double_gyre(), grid=GYRE_GRID, duration=duration, at={"z": 0.0})
    finer = ftle_field(cc.systems.DoubleGyre(dt=0.025), grid=GYRE_GRID, duration=duration, at={"z": 0.0})
    error = np.abs(field.values - finer.values) * 16 / 15  # Richardson's estimate for order 4
    for i, j in [(0, 0), (3, 2), (5, 4), (7, 1), (11, 5)]:
        truth = gyre_stretching(field.axes["x"][i], field.axes["y"][j], duration)
        assert abs(field.values[i, j] - truth) < 2 * error[i, j] + 1e-9  # 1e-9: the peer's own tolerance, grown


def test_forward_at_a_point_is_backward_at_its_image():
    """An area-preserving map stretches as much as its inverse."""
    forward = ftle_field(double_gyre(), grid=GYRE_GRID, duration=5.0, at={"z": 0.3})
    for i, j in [(2, 3), (8, 1)]:
        x, y = forward.ends[i, j]
        grid = {"x": [x, x + 0.01], "y": [y, y + 0.01]}
        back = ftle_field(double_gyre(), grid=grid, duration=-5.0, at={"z": 0.3 + 0.62832 * 5.0})
        assert np.isclose(back.values[0, 0], forward.values[i, j], rtol=0, atol=1e-6)  # order 4, dt = 0.05
        assert np.allclose(back.ends[0, 0], [forward.axes["x"][i], forward.axes["y"][j]], rtol=0, atol=1e-6)


def test_forced_flow_begins_at_t0():
    forced = cc.Flow(lambda t, y, a: jnp.array([y[0] * jnp.cos(t), -y[1] * jnp.cos(t)]), dt=0.01, x0=[0.0, 0.0])
    field = ftle_field(forced, grid=SMALL, duration=1.0, t0=0.4)
    assert np.allclose(field.values, np.sin(1.4) - np.sin(0.4), rtol=0, atol=1e-9)
    back = ftle_field(forced, grid=SMALL, duration=-1.0, t0=0.4)
    assert np.allclose(back.values, np.sin(0.4) - np.sin(-0.6), rtol=0, atol=1e-9)


def test_maps_and_noise(key):
    """Any system and driver, through the general path."""
    standard = cc.systems.StandardMap()
    field = ftle_field(standard, grid=dict.fromkeys(standard.variables or (), (0.1, 6.0, 4)), duration=3.0)
    start = jnp.asarray([a[2] for a in field.axes.values()])
    through = lambda x: standard.step(standard.step(standard.step(x, None), None), None)  # noqa: E731
    truth = np.log(np.linalg.svd(jax.jacfwd(through)(start))[1][0]) / 3
    assert np.isclose(field.values[2, 2], truth, rtol=0, atol=64 * EPS)
    noisy = cc.ItoSDE(lambda t, y, a: jnp.array([-y[0], -2 * y[1]]), lambda t, y, a: 0.3 * jnp.ones(2), dt=0.01)
    found = ftle_field(noisy, cc.Brownian(key), grid=SMALL, duration=1.0)
    assert np.allclose(found.values, 100 * np.log(0.99), rtol=0, atol=1e-9)  # Euler's step of additive noise


def test_adaptive_steps_both_ways():
    adaptive = cc.Flow(lambda t, y, a: jnp.array([y[0], -y[1]]), dt=0.5, x0=[0.0, 0.0], stepper=Adaptive())
    for duration in (1.0, -1.0):
        field = ftle_field(adaptive, grid=SMALL, duration=duration)
        assert np.allclose(field.values, 1.0, rtol=0, atol=1e-6)


def test_components_and_arrays_agree():
    """The form number by number, with polynomial sines, against the plain step."""
    system, rest = double_gyre(), jnp.array([0.0, 0.0, 0.5])
    points = np.random.default_rng(0).uniform(size=(8, 2))
    fast = Lanes(system, cc.Still(), rest, (0, 1), True, 1)
    _, ends, tangents = next(iter(fast.tiles(points, 0, 40, "", False)))
    span = (jnp.asarray(0), jnp.asarray(40), True)
    plain = jax.vmap(lambda p: lanes._by_arrays(system, cc.Still(), (0, 1), p, rest, span))(jnp.asarray(points))
    assert np.allclose(ends, plain[0], rtol=0, atol=400 * EPS)
    assert np.allclose(tangents, plain[1], rtol=1e-12, atol=1e-12)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr(lanes, "TILE", 16)
    one, two = (ftle_field(linear(LINEAR[0][0]), grid=GYRE_GRID, duration=1.0, n_threads=n) for n in (1, 2))
    assert np.array_equal(one.values, two.values)


def test_an_interrupt_keeps_what_is_done(monkeypatch):
    monkeypatch.setattr(lanes, "TILE", 16)
    real, calls = lanes._tiles, []

    def stopped(*args):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(lanes, "_tiles", stopped)
    with pytest.warns(InterruptedWarning, match="NaN"):
        field = ftle_field(linear(LINEAR[0][0]), grid=GYRE_GRID, duration=1.0, n_threads=1)
    assert field.status is cc.Status.INTERRUPTED
    assert np.sum(np.isfinite(field.values)) == 32
    assert field.n_lost == 0


def test_sine_and_cosine(key):
    x = jax.random.uniform(key, (20_000,), minval=-1, maxval=1) * 10.0 ** np.linspace(-12, 6, 20_000)
    s, c = sine_cosine(x)
    assert np.max(np.abs(s - np.sin(x))) <= 2 * EPS
    assert np.max(np.abs(c - np.cos(x))) <= 2 * EPS
    huge = jnp.array([1e12, -1e15, 1e20])
    assert np.all(np.abs(np.stack(sine_cosine(huge))) <= 1 + EPS)
    assert np.isnan(sine_cosine(jnp.array([jnp.nan, jnp.inf]))[0]).all()
    exact = lambda x: jnp.sin(x) * jnp.cos(2 * x) + jax.nn.silu(x)  # noqa: E731
    fast = lambda x: vectorised(exact, x > -100)(x)  # noqa: E731
    assert np.isclose(jax.grad(fast)(0.7), jax.grad(exact)(0.7), rtol=0, atol=8 * EPS)


class _Jumping(cc.AbstractSystem):
    dt: float = 1.0
    x0: jax.Array | None = None

    def step(self, x, w):
        return jnp.round(x)


SADDLE = linear(LINEAR[0][0])


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ParameterError, "dict of 1 to 3", {"grid": [1, 2]}),
        (ParameterError, "count of at least 2", {"grid": {"x": (0, 1, 1)}}),
        (ParameterError, "increase", {"grid": {"x": [1.0, 0.0, 2.0]}}),
        (UnknownNameError, "no component 'w'", {"grid": {"w": (0, 1, 4)}}),
        (ParameterError, "not 0", {"duration": 0.0}),
        (ParameterError, "not 0", {"duration": np.inf}),
        (ParameterError, "an axis of the grid", {"at": {"x": 1.0}}),
        (ParameterError, "no component", {"at": {"w": 1.0}}),
        (ParameterError, "Differences", {"gradient": "tangents"}),
        (ParameterError, "n_threads", {"n_threads": 0}),
    ],
)
def test_bad_options(error, words, options):
    with pytest.raises(error, match=words):
        ftle_field(**{"system": SADDLE, "grid": SMALL, "duration": 1.0, **options})


def test_systems_that_have_no_such_field():
    standard = cc.systems.StandardMap()
    grid = dict.fromkeys(standard.variables or (), (0.0, 1.0, 3))
    with pytest.raises(ParameterError, match="inverse"):
        ftle_field(standard, grid=grid, duration=-2.0)
    with pytest.raises(ParameterError, match="multiple"):
        ftle_field(standard, grid=grid, duration=2.5)
    with pytest.raises(NotDifferentiableError, match="derive it from"):
        ftle_field(_Jumping(x0=jnp.zeros(2)), grid=SMALL, duration=1.0)
    with pytest.raises(ShapeError, match="one vector"):
        ftle_field(cc.Flow(lambda t, y, a: y, dt=0.1, x0=jnp.zeros((2, 2))), grid=SMALL, duration=1.0)
    jumps = ftle_field(_Jumping(x0=jnp.zeros(2)), grid=SMALL, duration=1.0, gradient=Differences())
    assert np.isfinite(jumps.values).any()


def test_lost_orbits_are_counted():
    explosive = cc.Flow(lambda t, y, a: y**2, dt=0.1, x0=[0.0, 0.0])
    with pytest.warns(AccuracyWarning, match="orbits left"):
        field = ftle_field(explosive, grid={"x": (-1, 3, 5), "y": (-1, -0.5, 3)}, duration=20.0)
    assert field.n_lost == np.sum(np.isnan(field.values)) > 0
    assert "lost" in str(field)


def test_saved_shown_and_labelled(tmp_path):
    field = ftle_field(SADDLE, grid={"x": (-1, 1, 6), "y": (-1, 1, 6)}, duration=1.0)
    assert np.array_equal(cc.load(field.save(tmp_path / "field")).values, field.values)
    table = field.to_xarray()
    assert table["ftle"].dims == ("x", "y")
    assert np.allclose(table["end_x"][:, 0], np.linspace(-1, 1, 6) * np.exp(0.7), rtol=0, atol=1e-9)
    for grid in ({"x": (0, 1, 4)}, {"x": (0, 1, 3), "y": (0, 1, 3), "z": (0, 1, 5)}):
        other = ftle_field(linear(np.eye(3) * 0.1), grid=grid, duration=0.1)
        assert len(other.plot().data) == (1 if len(grid) == 1 else 3)
    assert field.plot().data[0].type == "heatmap"
