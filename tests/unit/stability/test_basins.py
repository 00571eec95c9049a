"""Basins: closed forms, shares within their errors, exact fractal boundaries, tipping at a fold."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import cocycle as cc
from cocycle.core.errors import InsufficientDataError, ParameterError, UnknownNameError
from cocycle.core.functions import Map
from cocycle.core.lanes import CannotSplitError, split_numbers
from cocycle.stability import (
    Features,
    Recurrences,
    basin_entropy,
    basin_fractions,
    continue_basins,
    uncertainty_exponent,
)
from cocycle.stability.basins import basins
from cocycle.steppers import Flow

Z = 4.5  # standard errors; a false alarm in about 1e5 comparisons


def _wells(t, y, a):
    return y - y**3 + a["c"]


WELLS = Flow(_wells, {"c": 0.0}, dt=0.05, x0=[0.5], variables=("x",))


def _two_cycles(t, y, a):
    # r' = sin(pi r): radii 1 and 3 attract, 2 and 4 repel.
    r = jnp.sqrt(y @ y + 1e-12)
    return jnp.stack([-y[1], y[0]]) + y * jnp.sin(jnp.pi * r) / r


RINGS = Flow(_two_cycles, dt=0.05, x0=[0.5, 0.0], variables=("x", "y"))
QUICK = Recurrences(n_seeds=32, n_transient=500, n_rows=256, n_stay=10)


def test_wells_have_half_each():
    found = basins(WELLS, {"x": (-2.0, 2.0, 64)}, method=QUICK)
    x = found.axes["x"]
    by_label = {a.label: np.sign(a.centre[0]) for a in found.attractors}
    np.testing.assert_array_equal([by_label[int(k)] for k in found.labels], np.sign(x))
    assert all(a.is_point for a in found.attractors)


@pytest.mark.parametrize("method", [QUICK, Features(n_transient=800, n_rows=64)], ids=["recurrence", "features"])
def test_share_of_two_limit_cycles(method):
    # Stable cycles of radius 1 and 3; the basin of the inner one is the disk of radius 2 (without the origin).
    found = basin_fractions(RINGS, [(-2.5, 2.5)] * 2, n_samples=1024, method=method)
    radius = {a.label: np.linalg.norm(a.points, axis=1).mean() for a in found.attractors}
    inner = min(radius, key=lambda k: radius[k])
    np.testing.assert_allclose(sorted(radius.values()), [1.0, 3.0], atol=1e-3)
    share = found.of(inner)
    assert abs(share.value - 4 * np.pi / 25) < Z * share.stderr
    right = np.linalg.norm(found.samples, axis=1) < 2
    np.testing.assert_array_equal(found.labels == inner, right)


def test_standard_error_covers_the_share(key):
    seeds = np.asarray(jax.random.randint(key, (12,), 0, 10_000))
    pulls = []
    for seed in seeds:
        share = basin_fractions(WELLS, [(-1.0, 3.0)], n_samples=256, seed=int(seed), method=QUICK)
        value = max(float(v) for v in np.asarray(share.fractions.value))
        pulls.append((value - 0.75) / float(np.asarray(share.fractions.stderr).max()))
    # The sum of squares of 12 normal numbers: between the quantiles 1e-5 and 1 - 1e-5 of chi^2.
    assert 0.7 < np.sum(np.square(pulls)) < 45.1


def test_samples_are_added_until_the_error_is_small():
    found = basin_fractions(WELLS, [(-1.0, 3.0)], n_samples=64, tol=0.01, method=QUICK)
    assert np.asarray(found.fractions.stderr).max() <= 0.01


def _digits(x, a):
    digit = jnp.floor(5 * x)
    inside = jnp.where(digit == 1, -1.0, jnp.where(digit == 3, 2.0, 5 * x - digit))
    return jnp.where((x < 0) | (x > 1), x, inside)


def test_uncertainty_exponent_of_a_cantor_boundary():
    # Digits 1 and 3 (base 5) lead to one attractor each; the boundary has the digits 0, 2, 4: dimension log 3 / log 5.
    # At powers of 5 the law holds without wobble.
    found = uncertainty_exponent(
        Map(_digits, x0=0.3), [(0.0, 1.0)], epsilons=5.0 ** -np.arange(2, 8), n_samples=4096, method=QUICK
    )
    exact = 1 - np.log(3) / np.log(5)
    assert abs(found.exponent.value - exact) < Z * found.exponent.stderr
    assert found.exponent.stderr < 0.02
    assert found.misfit < 6.0  # 1e-4 quantile of chi^2 / 4


def test_a_smooth_boundary_has_exponent_one():
    found = uncertainty_exponent(WELLS, [(-1.0, 1.5)], epsilons=2.0 ** -np.arange(3, 8), n_samples=4096, method=QUICK)
    assert abs(found.exponent.value - 1.0) < Z * found.exponent.stderr


def test_basin_entropy_of_a_straight_boundary_and_of_noise(key):
    plain = np.repeat([1, 2], 52)[:, None] * np.ones((1, 104), dtype=int)
    found = basin_entropy(plain, box_size=8)
    # One row of 13 boxes of 13 is halved: entropy log 2 there.
    np.testing.assert_allclose(found.entropy.value, np.log(2) / 13, rtol=1e-12)
    np.testing.assert_allclose(found.boundary_entropy.value, np.log(2), rtol=1e-12)
    assert not found.fractal
    mixed = np.asarray(jax.random.randint(key, (200, 200), 1, 4))
    noisy = basin_entropy(mixed, box_size=10)
    # Expected entropy of 100 draws of 3 labels: log 3 - 2 / 200, to second order.
    assert abs(noisy.entropy.value - (np.log(3) - 0.01)) < Z * noisy.entropy.stderr + 2e-4
    assert noisy.fractal


def test_tipping_at_the_fold():
    values = np.linspace(0.3, 0.45, 16)
    found = continue_basins(WELLS, [(-2.0, 2.0)], parameter="c", values=values, n_samples=128, method=QUICK)
    (tip,) = found.tipping
    assert not tip.appears
    assert tip.before < 2 / 27**0.5 < tip.after
    # The unstable point, root of x - x^3 + c between the folds, bounds the basin.
    k = list(found.labels).index(tip.label)
    for i, c in enumerate(values[values < 2 / 27**0.5]):
        edge = sorted(np.roots([-1, 0, 1, c]).real)[1]
        assert abs(found.fractions[i, k] - (edge + 2) / 4) < Z * max(found.stderr[i, k], 1 / 128)


def _newton(x, a):
    z = x[0] + 1j * x[1]
    z = z - (z**3 - 1) / (3 * z**2)
    return jnp.stack([z.real, z.imag])


def test_newton_fractal_against_independent_code():
    system = Map(_newton, x0=[1.0, 0.1], variables=("x", "y"))
    found = basins(system, {"x": (-1.5, 1.5, 60), "y": (-1.5, 1.5, 61)}, method=QUICK)
    z = found.axes["x"][:, None] + 1j * found.axes["y"][None, :]
    for _ in range(100):
        z = z - (z**3 - 1) / (3 * z**2)
    roots = np.exp(2j * np.pi * np.arange(3) / 3)
    truth = np.argmin(np.abs(z[..., None] - roots), axis=-1)
    for a in found.attractors:
        root = int(np.argmin(np.abs(a.centre[0] + 1j * a.centre[1] - roots)))
        np.testing.assert_array_equal(found.labels == a.label, truth == root)


def julia_dimension(z0, n=10):
    """Exponent s at which the sum of |(N^n)'|^-s over all n-th preimages of z0 (spherical metric) stops growing."""
    z, logs = np.array([z0]), [np.zeros(1)]
    for _ in range(n):
        matrix = np.zeros((len(z), 3, 3), dtype=complex)  # its eigenvalues solve 2 w^3 - 3 z w^2 + 1 = 0
        matrix[:, 0, 0], matrix[:, 0, 2], matrix[:, 1, 0], matrix[:, 2, 1] = 1.5 * z, -0.5, 1.0, 1.0
        w = np.linalg.eigvals(matrix)
        slope = np.abs(2 * (w**3 - 1) / (3 * w**3)) * (1 + np.abs(w) ** 2) / (1 + np.abs(z[:, None]) ** 2)
        z, logs = w.ravel(), [*logs, (logs[-1][:, None] + np.log(slope)).ravel()]
    root: Any = brentq(lambda s: np.sum(np.exp(-s * logs[-1])) / np.sum(np.exp(-s * logs[-2])) - 1, 1.0, 1.9)
    return root


def test_uncertainty_exponent_of_the_newton_fractal():
    system = Map(_newton, x0=[1.0, 0.1], variables=("x", "y"))
    found = uncertainty_exponent(system, [(-1.5, 1.5), (-1.5, 1.5)], n_samples=4096, method=QUICK)
    # The series approaches the dimension of the boundary from below or from above, by the place of z0.
    low, high = julia_dimension(0.3 + 0.4j), julia_dimension(2.0 + 1.0j)
    assert low < high < low + 0.005
    assert low - Z * found.exponent.stderr < found.boundary_dimension.value < high + Z * found.exponent.stderr
    assert found.exponent.stderr < 0.02
    # Box counts of the literature give 1.42, to two digits.
    assert abs(found.boundary_dimension.value - 1.42) < 0.03 + Z * found.exponent.stderr


MAGNETS = np.stack([np.cos([0, 2 * np.pi / 3, -2 * np.pi / 3]), np.sin([0, 2 * np.pi / 3, -2 * np.pi / 3])], axis=1)


def magnetic_pendulum(t, y, a):
    gap = a["magnets"] - y[None, :2]
    near = jax.lax.rsqrt(jnp.sum(gap * gap, axis=1) + a["h"] ** 2)
    return jnp.concatenate([y[2:], -a["b"] * y[2:] - a["w"] * y[:2] + (near**3) @ gap])


def test_magnetic_pendulum_against_scipy():
    args = {"magnets": MAGNETS, "h": 0.3, "b": 0.2, "w": 0.2}
    system = Flow(magnetic_pendulum, args, dt=0.02, x0=[0.5, 0.5, 0.0, 0.0], variables=("x", "y", "vx", "vy"))
    found = basins(system, {"x": (-2.0, 2.0, 12), "y": (-2.0, 2.0, 12)}, method=Recurrences(n_seeds=32))
    assert len(found.attractors) == 3

    def end(x, y):
        def field(t, u):
            gap = MAGNETS - u[:2]
            return [*u[2:], *(-0.2 * u[2:] - 0.2 * u[:2] + (gap / (np.sum(gap**2, 1) + 0.09)[:, None] ** 1.5).sum(0))]

        u = solve_ivp(field, (0, 80), [x, y, 0, 0], rtol=1e-9, atol=1e-9, method="DOP853").y[:2, -1]
        return int(np.argmin(np.linalg.norm(MAGNETS - u, axis=1)))

    magnet = {a.label: int(np.argmin(np.linalg.norm(MAGNETS - a.centre[:2], axis=1))) for a in found.attractors}
    x, y = found.axes["x"], found.axes["y"]
    places = [(i, j) for i in range(0, 12, 2) for j in range(1, 12, 3)]
    wrong = sum(magnet[int(found.labels[i, j])] != end(x[i], y[j]) for i, j in places)
    # Boundaries are fractal: near them the error of a step of order 4, 1e-7, decides; of 24 points at most one.
    assert wrong <= 1


def test_orbits_that_leave_are_said_to():
    system = Map(lambda x, a: x**2 + 0.0 * x, x0=0.3)
    found = basins(Map(lambda x, a: jnp.stack([x[0] ** 2]), x0=[0.3], variables=("x",)), {"x": (-2.0, 2.0, 41)})
    outside = np.abs(found.axes["x"]) > 1 + 1e-9
    np.testing.assert_array_equal(found.labels == -1, outside)
    assert system.x0 is not None


def test_numbers_apart_do_what_vectors_do(key):
    def function(v):
        m = jnp.array([[1.0, 2.0, 0.0], [0.5, -1.0, 1.0], [0.0, 3.0, 1.0]])
        rolled = jnp.roll(v, 1) * jnp.where(v > 0, v, 0.5 * v)
        return m @ jnp.sin(v) + rolled / (1 + jnp.sum(v**2)) + jnp.max(v) * v[::-1]

    rows = np.asarray(jax.random.normal(key, (7, 3)))
    apart = jax.vmap(split_numbers(function, 3))(tuple(rows.T))
    np.testing.assert_allclose(np.stack(apart, axis=1), jax.vmap(function)(rows), rtol=1e-13)
    with pytest.raises(CannotSplitError):
        split_numbers(lambda v: jnp.linalg.inv(v.reshape(1, 1))[0], 1)
    loops = split_numbers(lambda v: jax.lax.fori_loop(0, 5, lambda i, v: 0.5 * v + i, v), 3)
    np.testing.assert_allclose(jnp.stack(loops(tuple(rows[0]))), _looped(rows[0]), rtol=1e-13)


def _looped(v):
    for i in range(5):
        v = 0.5 * v + i
    return v


def test_results_save_and_load(tmp_path):
    found = basins(WELLS, {"x": (-2.0, 2.0, 64)}, method=QUICK)
    again = cc.load(found.save(tmp_path / "basins"))
    np.testing.assert_array_equal(again.labels, found.labels)
    assert set(found.to_xarray().coords) >= {"x"}
    assert "fixed point" in str(found)


BAD = [
    (lambda: basins(WELLS, {"q": (0, 1, 4)}), UnknownNameError, "no variable"),
    (lambda: basins(WELLS, {"x": (1, 0, 4)}), ParameterError, "low < high"),
    (lambda: basin_fractions(WELLS, [(0, 1)], tol=-1.0), ParameterError, "tol"),
    (lambda: basin_fractions(Flow(lambda t, y, a: jnp.cos(t) - y, dt=0.1, x0=[0.5]), [(0, 1)]), ParameterError,
     "Stroboscopic"),
    (lambda: continue_basins(WELLS, [(0, 1)], parameter="q", values=[0.0, 1.0]), UnknownNameError, "no parameter"),
    (lambda: continue_basins(WELLS, [(0, 1)], parameter="c", values=[0.0]), ParameterError, "at least two"),
    (lambda: basin_entropy(np.ones((10, 10), dtype=int), box_size=5), InsufficientDataError, "boxes"),
    (lambda: uncertainty_exponent(WELLS, [(0.5, 1.0)], n_samples=64), InsufficientDataError, "no boundary"),
    (lambda: uncertainty_exponent(WELLS, [(0.5, 1.0)], epsilons=[0.1]), ParameterError, "three"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "words"), BAD)
def test_bad_input_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
