"""Statistics of finite-time exponents, alignment, dichotomy, transverse exponents: closed forms and laws."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import (
    InsufficientDataError,
    InterruptedWarning,
    NotDifferentiableError,
    ParameterError,
    ShapeError,
)
from cocycle.stability import (
    MasterStability,
    alignment,
    alignment_index,
    conditional_exponents,
    covariant_vectors,
    dichotomy,
    fast_lyapunov_indicator,
    finite_time_exponents,
    large_deviations,
    master_stability,
    transverse_exponents,
)

EPS = np.finfo(float).eps


# Finite-time exponents


def products(key, mean=0.1, spread=0.4, n_steps=60_000):
    """A scalar multiplied by independent log-normal numbers."""
    system = cc.Map(lambda x, a, w: x * jnp.exp(a[0] + a[1] * w), jnp.array([mean, spread]), x0=0.0, driven=True)
    return cc.lyapunov_spectrum(system, None, cc.Brownian(key), n_steps=n_steps, qr_every=1)


def test_gaussian_products(key):
    """L(q) = m q + s^2 q^2 / 2, I = (Lambda - m)^2 / (2 s^2)."""
    spectrum = products(key)
    q = np.linspace(-2, 2, 9)
    found = large_deviations(spectrum, q=q, duration=3)
    truth = 0.1 * q + 0.08 * q**2
    assert np.all(found.reliable)
    # 9 correlated orders, 32 jackknife blocks: 5 standard errors.
    assert np.all(np.abs(found.cumulant - truth) <= 5 * found.stderr + EPS)
    assert np.all(found.stderr[q != 0] > 0)
    assert np.all(np.abs(found.rate - 0.08 * q**2) <= 5 * found.rate_stderr + EPS)
    assert abs(found.cumulant[4]) < 4 * EPS
    windows = finite_time_exponents(spectrum, duration=3)
    assert abs(float(windows.mean.value[0]) - 0.1) < 4 * float(windows.mean.stderr[0])
    assert abs(float(windows.diffusion.value[0]) - 0.16) < 4 * float(windows.diffusion.stderr[0])


def test_skew_tent_map():
    """Slopes 1/p and 1/(1-p) come independently: L(q) = log(p^(1-q) + (1-p)^(1-q))."""
    p = 0.3
    tent = cc.Map(lambda x, a: jnp.where(x < a, x / a, (1 - x) / (1 - a)), p, x0=0.1234)
    q = np.linspace(-3, 2, 11)
    found = large_deviations(cc.lyapunov_spectrum(tent, n_steps=60_000, qr_every=1), q=q, duration=2)
    truth = np.log(p ** (1 - q) + (1 - p) ** (1 - q))
    good = found.reliable
    assert good.sum() >= 9
    assert np.all(np.abs(found.cumulant - truth)[good] <= 5 * found.stderr[good] + EPS)
    assert np.all(np.diff(found.exponent[good]) > 0)  # convex


def test_rare_orders_are_marked(key):
    found = large_deviations(products(key, n_steps=2000), q=np.linspace(0, 20, 5), duration=5)
    assert found.reliable[0]
    assert not found.reliable[-1]


def test_windows_of_covariant_rates():
    vectors = covariant_vectors(cc.systems.Henon(), n_steps=20_000, save_every=100)
    found = finite_time_exponents(vectors, duration=20)
    assert found.values.shape[1] == 2
    assert np.allclose(found.values.sum(axis=1), np.log(0.3), rtol=0, atol=0.5)  # angles within a window
    assert np.isclose(found.values.sum(axis=1).mean(), np.log(0.3), rtol=0, atol=1e-3)


# Alignment


def test_index_of_a_constant_matrix():
    """log GALI_3 falls by (ln 2 - ln 1.5) + (ln 2 - ln 0.5) a step, far below the smallest float."""
    system = cc.Map(lambda x, a: a * x, jnp.array([2.0, 1.5, 0.5]), x0=jnp.zeros(3))
    found = alignment_index(system, n_steps=2000, n_vectors=3, save_every=100)
    slope = np.diff(found.log_index)[5:] / 100
    assert np.allclose(slope, np.log(1.5 / 2) + np.log(0.5 / 2), rtol=0, atol=1e-9)
    assert found.log_index[-1] < -3000
    assert found.index[-1] == 0.0
    assert np.allclose(np.diff(found.log_growth, axis=0)[5:] / 100, np.log(2), rtol=0, atol=1e-9)
    frame = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    exact = alignment_index(system, n_steps=5, n_vectors=2, save_every=1, frame=frame)
    grown = frame[None] * np.array([2.0, 1.5, 0.5]) ** np.arange(1, 6)[:, None, None]
    unit = grown / np.linalg.norm(grown, axis=2, keepdims=True)
    volume = np.sqrt(1 - np.sum(unit[:, 0] * unit[:, 1], axis=1) ** 2)
    assert np.allclose(exact.index, volume, rtol=1e-12, atol=0)


def test_order_and_chaos_in_henon_heiles():
    system = cc.systems.HenonHeiles()
    # Energy 1/8; a regular and a chaotic orbit of the classical section x = 0.
    starts = jnp.array([[0.0, 0.55, 0.2417, 0.0], [0.0, -0.25, 0.42081, 0.0]])
    run = lambda x: alignment_index(system, x, n_steps=40_000, n_vectors=2, save_every=1000)  # noqa: E731
    found = jax.jit(jax.vmap(run))(starts)
    assert found.log_index[0, -1] > np.log(1e-4)
    assert found.log_index[1, -1] < -20
    flat, steep = found.log_growth.max(axis=2)[:, -1]
    assert steep > 2 * flat


def test_fast_indicator_never_falls():
    rotation = cc.Flow(lambda t, y, a: jnp.array([4 * y[1], -y[0]]), dt=0.05, x0=[1.0, 0.0])
    found = alignment_index(rotation, n_steps=400, n_vectors=1, save_every=2, frame=[[1.0, 0.0]])
    assert np.all(np.diff(found.fast_indicator) >= 0)
    assert np.any(np.diff(found.log_growth[:, 0]) < 0)
    assert np.isclose(fast_lyapunov_indicator(rotation, n_steps=400, frame=[[0.0, 1.0]]), np.log(2), rtol=0, atol=0.01)


def test_alignment_interrupted(monkeypatch):
    real, calls = alignment._rows, []

    def stopped(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(alignment, "_rows", stopped)
    system = cc.Map(lambda x, a: 2 * x, x0=jnp.zeros(2))
    with pytest.warns(InterruptedWarning):
        found = alignment_index(system, n_steps=5000, save_every=1)
    assert len(found.t) == 2048
    assert found.status is cc.Status.INTERRUPTED


# Dichotomy


def test_fixed_points_of_a_map_and_a_flow():
    cat = cc.Map(lambda x, a: jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1, x0=[0.0, 0.0])
    found = dichotomy(cat, n_steps=1, closed=True)
    rate = np.log((3 + np.sqrt(5)) / 2)
    assert found.holds
    assert found.rank == 1
    assert np.allclose(found.intervals[:, 0], [rate, -rate], rtol=0, atol=8 * EPS)
    assert np.isclose(found.angle, np.pi / 2, rtol=0, atol=1e-7)  # arccos near 0
    lorenz = cc.systems.Lorenz63()
    origin = dichotomy(lorenz, jnp.zeros(3), n_steps=1, closed=True)
    root = np.sqrt(81 + 4 * 10 * 28)
    truth = np.array([(-11 + root) / 2, -8 / 3, (-11 - root) / 2])
    # One RK4 step of 0.01: exp(z) is off by z^5 / 120, z = -22.8 * 0.01 at most.
    assert np.allclose(origin.intervals[:, 0], truth, rtol=0, atol=(22.9 * 0.01) ** 5 / 120 / 0.01 * 2)
    assert origin.rank == 1


def test_periodic_orbits():
    logistic = cc.Map(lambda x, a: a * x * (1 - x), 3.5, x0=0.5)
    cycle = cc.run(logistic, n_steps=4000)
    found = dichotomy(logistic, cycle, n_steps=4, closed=True)
    points = cc.trajectory(logistic, cycle, n_steps=4).x
    multiplier = np.prod(3.5 * (1 - 2 * points))
    assert found.multipliers is not None
    assert np.isclose(found.multipliers[0].real, multiplier, rtol=0, atol=1e-12)
    assert found.rank == 0
    assert found.holds
    circle = cc.Flow(
        lambda t, y, a: jnp.array([[a, -1.0], [1.0, a]]) @ y - a * jnp.sum(y**2) * y, 0.5, dt=np.pi / 50, x0=[1.0, 0.0]
    )
    orbit = dichotomy(circle, n_steps=100, closed=True)
    # Hopf's normal form: radial rate -2 a, and 0 along the orbit; RK4 with dt = 0.063 misses the phase by dt^4.
    assert np.allclose(orbit.intervals[:, 0], [0.0, -1.0], rtol=0, atol=0.063**4)


def test_segments():
    skew = cc.Map(lambda x, a: jnp.array([2.0 * x[0] % 1, 0.4 * x[1] + 0.1 * jnp.sin(6.28 * x[0])]), x0=[0.1234, 0.0])
    found = dichotomy(skew, n_steps=4000, window=100)
    assert found.holds
    assert found.rank == 1
    assert np.allclose(found.intervals, np.log([[2, 2], [0.4, 0.4]]), rtol=0, atol=1e-12)
    intermittent = cc.Map(lambda x, a: 4 * x * (1 - x), x0=0.1234)
    weak = dichotomy(intermittent, n_steps=4000, window=2)
    assert not weak.holds
    assert weak.gap == 0.0
    assert "no dichotomy" in str(weak)


# Transverse exponents


def test_response_of_a_skew_product(key):
    """Drive and response together have the spectrum of the drive and the conditional exponents."""
    system = cc.Map(
        lambda x, a: jnp.array([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0], 0.6 * jnp.tanh(x[2]) + x[0] * x[2] * 0.1]),
        x0=[0.1, 0.1, 0.5],
    )
    whole = cc.lyapunov_spectrum(system, n_steps=20_000)
    response = conditional_exponents(system, response=[2], n_steps=20_000)
    gap = np.min(np.abs(whole.exponents - response.exponents[0]))
    assert gap < 3 * (response.stderr[0] + np.max(whole.stderr))
    nested = cc.Map(lambda x, a, w: (0.5 * x[0] + w, 0.9 * x[1] + x[0]), x0=(0.0, 0.0), driven=True)
    found = conditional_exponents(nested, None, cc.Brownian(key), response=(False, True), n_steps=300)
    assert np.isclose(found.exponents[0], np.log(0.9), rtol=0, atol=8 * EPS)


def test_lorenz_driven_by_its_own_x():
    """The response (y, z) contracts volume at the rate 1 + b, whatever x does; by y, (x, z) is triangular."""
    system = cc.systems.Lorenz63(dt=0.002)
    by_x = conditional_exponents(system, response=[1, 2], n_steps=20_000)
    assert np.isclose(by_x.exponents.sum(), -(1 + 8 / 3), rtol=0, atol=(10 * 0.002) ** 4)  # order 4
    by_y = conditional_exponents(system, response=[True, False, True], n_steps=20_000)
    assert np.allclose(by_y.exponents, [-8 / 3, -10.0], rtol=0, atol=1e-4)  # the frame settles within the transient


def rossler():
    return cc.systems.Rossler(c=9.0, a=0.2, b=0.2, dt=0.02)


def test_coupling_of_all_components_shifts_the_exponent():
    node = cc.systems.Henon()
    steps: Any = {"n_steps": 4000}
    own = cc.lyapunov_spectrum(node, **steps, n_vectors=1)
    logistic = cc.Map(lambda x, a: a * x * (1 - x), 3.9, x0=jnp.array([0.3]))
    flow = rossler()
    alone = cc.lyapunov_spectrum(flow, n_steps=20_000, n_vectors=1).exponents[0]
    shifted = master_stability(flow, np.eye(3), [0.0, 0.3], n_steps=20_000)
    assert np.isclose(shifted.exponents[0], alone, rtol=0, atol=1e-4)  # the vector settles within the transient
    assert np.isclose(shifted.exponents[1] - shifted.exponents[0], -0.3, rtol=0, atol=1e-6)  # order 4
    twisted = master_stability(flow, np.eye(3), [0.3 + 0.7j], n_steps=20_000)
    assert np.isclose(twisted.exponents[0], shifted.exponents[1], rtol=0, atol=1e-4)
    maps = master_stability(logistic, lambda x: 3.9 * x * (1 - x), [0.0, 0.5], **steps)
    assert np.isclose(maps.exponents[1] - maps.exponents[0], np.log(0.5), rtol=0, atol=1e-9)
    assert own.exponents[0] > 0


def test_master_function_predicts_a_network():
    """Four Rossler oscillators, each coupled to each through x: the transverse exponent is the function at 4 sigma."""
    node, sigma, n = rossler(), 0.3, 4
    laplacian = n * np.eye(n) - np.ones((n, n))

    def field(t, x, a):
        pull = jnp.zeros_like(x).at[:, 0].set(a["sigma"] * laplacian @ x[:, 0])
        return jax.vmap(lambda y: node.field(t, y, a["node"]))(x) - pull

    args = {"node": node.args, "sigma": sigma}
    network = cc.Flow(field, args, dt=0.02, x0=jnp.tile(node.x0, (n, 1)))
    direct = transverse_exponents(network, n_nodes=n, n_steps=30_000)
    h = np.diag([1.0, 0.0, 0.0])
    found = master_stability(node, h, [n * sigma], n_steps=30_000)
    # The same tangent map; orbits of the two codes part by round-off, so they agree as two samples do.
    assert abs(direct.exponents[0] - found.exponents[0]) < 4 * np.hypot(direct.stderr[0], found.stderr[0])
    assert found.stderr[0] < 0.02 < abs(found.exponents[0]) / 10


def test_window_of_synchrony_is_read_from_the_function():
    """A parabola through zeros at 1 and 3; the window of Rossler oscillators: tests/oracle/test_synchrony_window.py."""
    s = np.array([0.0, 0.9, 1.1, 2.0, 2.8, 3.2])
    found = MasterStability(s, (s - 1) * (s - 3), np.full(6, 0.01))
    where, error = found.crossings()
    assert np.all(np.abs(where - [1, 3]) < [0.0051, 0.0201])  # (width / 2)^2 / slope, of a straight line on a parabola
    assert np.allclose(error, 0.01 / 2 / np.sqrt(2), rtol=0.1)  # slope 2, halfway between two values
    assert found.stable([0.0, 0.6, 1.4], 2.0)
    assert not found.stable([0.0, 0.4, 1.4], 2.0)
    with pytest.raises(ParameterError, match="more strengths"):
        found.stable([0.0, 2.0], 2.0)


class _Jumping(cc.AbstractSystem):
    dt: float = 1.0
    x0: float = 0.0

    def step(self, x, w):
        return jnp.round(x)


DOUBLE = cc.Map(lambda x, a: 2 * x, x0=jnp.zeros(2))
SHORT = cc.Map(lambda x, a: 0.5 * x, x0=0.1)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (NotDifferentiableError, "derive it from", lambda: alignment_index(_Jumping(), n_steps=10)),
        (NotDifferentiableError, "derive it from", lambda: dichotomy(_Jumping(), n_steps=10)),
        (NotDifferentiableError, "derive it from", lambda: conditional_exponents(_Jumping(), response=0, n_steps=10)),
        (ParameterError, "exceeds the 2", lambda: alignment_index(DOUBLE, n_steps=10, n_vectors=3)),
        (ParameterError, "nothing would be saved", lambda: alignment_index(DOUBLE, n_steps=5, save_every=10)),
        (ParameterError, "2 rows of 2", lambda: alignment_index(DOUBLE, n_steps=10, frame=np.ones((1, 2)))),
        (ParameterError, "not independent", lambda: alignment_index(DOUBLE, n_steps=10, frame=np.ones((2, 2)))),
        (ParameterError, "misses its beginning", lambda: dichotomy(DOUBLE, [0.1, 0.0], n_steps=1, closed=True)),
        (ParameterError, "half of the segment", lambda: dichotomy(SHORT, n_steps=100, window=80)),
        (InsufficientDataError, "too short", lambda: dichotomy(SHORT, n_steps=20)),
        (ParameterError, "component", lambda: conditional_exponents(DOUBLE, response=[2], n_steps=50)),
        (ShapeError, "one flag each", lambda: conditional_exponents(DOUBLE, response=[True], n_steps=50)),
        (ParameterError, "has 2", lambda: conditional_exponents(DOUBLE, response=[0, 1], n_steps=9, n_vectors=3)),
        (ShapeError, "3 nodes", lambda: transverse_exponents(DOUBLE, n_nodes=3, n_steps=50)),
        (ParameterError, "differ", lambda: transverse_exponents(DOUBLE, [1.0, 2.0], n_nodes=2, n_steps=50)),
        (ParameterError, "transverse to", lambda: transverse_exponents(DOUBLE, n_nodes=2, n_steps=50, n_vectors=2)),
        (ParameterError, "undriven Map", lambda: master_stability(_Jumping(), np.eye(1), [0.0], n_steps=50)),
        (ParameterError, "matrix", lambda: master_stability(DOUBLE, np.eye(3), [0.0], n_steps=50)),
    ],
)  # fmt: skip
def test_bad_input(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_bad_statistics():
    spectrum = cc.lyapunov_spectrum(SHORT, n_steps=200, qr_every=1)
    for error, words, call in [
        (ParameterError, "below the interval", lambda: finite_time_exponents(spectrum, duration=0.1)),
        (InsufficientDataError, "at least 64", lambda: finite_time_exponents(spectrum, duration=10)),
        (ParameterError, "increasing", lambda: large_deviations(spectrum, q=[0.0, -1.0, 2.0], duration=1)),
        (ParameterError, "counted from 0", lambda: large_deviations(spectrum, q=[0.0, 1.0, 2.0], duration=1, which=1)),
    ]:
        with pytest.raises(error, match=words):
            call()
