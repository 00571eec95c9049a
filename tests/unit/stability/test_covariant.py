"""Covariant vectors: eigenvectors where there is a closed form, the definition itself (covariance) elsewhere."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import InsufficientDataError, InterruptedWarning, NotDifferentiableError, ParameterError
from cocycle.core.run import Status
from cocycle.stability import covariant, covariant_vectors
from cocycle.stability.frames import push_frame

EPS = np.finfo(float).eps
CAT = jnp.array([[2.0, 1.0], [1.0, 1.0]])


def cat_map():
    return cc.Map(lambda x, a: a @ x % 1, CAT, x0=[0.1, 0.2], name="cat")


def aligned(a, b):
    """Sine of the angle between rows."""
    return np.linalg.norm(a - np.sum(a * b, axis=-1, keepdims=True) * b, axis=-1)


def covariance_defect(system, driver, found, at, n0):
    """Sine of the angle between the pushed vectors of saved row `at` and those of the next row."""
    every = round(found.interval / float(system.dt))
    x = jax.tree.map(lambda a: jnp.asarray(a[at]), found.x)
    frame = jnp.asarray(found.vectors[at])
    for j in range(every):
        x, frame = push_frame(system, x, driver.at(n0 + at * every + j), frame)
    frame = np.asarray(frame)
    return aligned(frame / np.linalg.norm(frame, axis=1, keepdims=True), found.vectors[at + 1])


def test_cat_map_exactly():
    found = covariant_vectors(cat_map(), n_steps=600)
    golden = (1 + np.sqrt(5)) / 2
    fast = np.array([golden, 1.0]) / np.hypot(golden, 1.0)
    slow = np.array([-1.0, golden]) / np.hypot(golden, 1.0)
    # Each kept vector is a fixed point of a contraction by lambda^2 = 0.15 a step: a few roundings.
    assert np.max(aligned(found.vectors[:, 0], fast)) < 16 * EPS
    assert np.max(aligned(found.vectors[:, 1], slow)) < 16 * EPS
    assert np.allclose(found.exponents.value, [np.log(golden**2), -np.log(golden**2)], rtol=0, atol=64 * EPS)
    assert np.allclose(found.subspace_angle(1), np.pi / 2, rtol=0, atol=32 * EPS)
    assert np.allclose(found.angles()[:, 0, 1], np.pi / 2, rtol=0, atol=32 * EPS)
    assert float(found.domination(1, 1.0)) == 1.0
    assert np.max(found.unsettled) < 16 * EPS


def test_eigenvectors_of_a_matrix_that_is_not_normal():
    values = np.array([2.0, 1.2, 0.7, 0.3])
    basis = np.array([[1.0, 1.0, 1.0, 0.2], [0.0, 0.3, 1.0, 1.0], [0.0, 0.0, 0.2, 1.0], [0.1, 0.0, 0.0, 1.0]]).T
    basis /= np.linalg.norm(basis, axis=0)
    a = basis @ np.diag(values) @ np.linalg.inv(basis)
    system = cc.Map(lambda x, a: a @ x, jnp.asarray(a), x0=jnp.zeros(4))
    found = covariant_vectors(system, n_steps=900, n_transient=300, n_settle=300)
    scale = np.linalg.cond(basis) / (1 - 1.2 / 2)  # of an eigenvector under rounding of the matrix
    for k in range(4):
        assert np.max(aligned(found.vectors[:, k], basis[:, k])) < 64 * scale * EPS
    assert np.allclose(found.exponents.value, np.log(values), rtol=0, atol=64 * scale * EPS)
    cosines = np.abs(basis.T @ basis)
    assert np.allclose(found.angles()[0], np.arccos(np.minimum(cosines, 1)), rtol=0, atol=1e-7)  # arccos near 0
    oblique = found.subspace_angle(2)[0]
    fast, slow = (np.linalg.qr(b)[0] for b in (basis[:, :2], basis[:, 2:]))
    assert np.isclose(oblique, np.arccos(np.linalg.svd(fast.T @ slow)[1][0]), rtol=0, atol=64 * scale * EPS)


def test_one_vector_of_lorenz_is_the_direction_of_the_flow():
    system = cc.systems.Lorenz63()
    found = covariant_vectors(system, n_steps=20_000, n_transient=4000, n_settle=4000)
    flow = jax.vmap(lambda x: system.field(0.0, x, system.args))(jnp.asarray(found.x))
    flow = np.asarray(flow / jnp.linalg.norm(flow, axis=1, keepdims=True))
    # The step of order 4 carries f(x) to f(x') up to O(dt^4) of the rates: dt = 0.01, rates to 30 a unit.
    assert np.max(aligned(found.vectors[:, 1], flow)) < (30 * 0.01) ** 4
    assert len(found) == len(found.local) == len(found.t)
    assert np.isclose(np.sum(found.exponents.value), -41 / 3, atol=3 * float(np.max(found.exponents.stderr)) + 1e-4)


@pytest.mark.parametrize("kind", ["ode", "sde", "delay", "many"])
def test_vectors_are_carried_onto_each_other(kind, key):
    options: Any
    if kind == "ode":
        system, driver, options = cc.systems.Lorenz63(), cc.Still(), {"n_steps": 4000}
    elif kind == "sde":
        system = cc.ItoSDE(
            lambda t, y, a: jnp.array([y[1], y[0] - y[0] ** 3 - 0.5 * y[1]]),
            lambda t, y, a: jnp.array([0.1, 0.4 * y[0]]),
            dt=0.02,
            x0=jnp.array([1.0, 0.0]),
        )
        driver, options = cc.Brownian(key), {"n_steps": 6000}
    elif kind == "delay":
        system = cc.DelayFlow(lambda t, y, past, a: 1.3 * past / (1 + past**8) - y, delays=1.0, dt=0.1, x0=0.5)
        driver, options = cc.Still(), {"n_steps": 3000, "n_vectors": 3}
    else:
        system, driver, options = cc.systems.Lorenz96(n=10), cc.Still(), {"n_steps": 6000}
    found = covariant_vectors(system, None, driver, **options)
    if kind == "delay":  # what is observed of a history is not the state
        rates = cc.lyapunov_spectrum(system, None, driver, n_steps=3000, n_vectors=3)
        gap = np.abs(found.exponents.value - rates.exponents)
        assert np.all(gap < 4 * np.hypot(found.exponents.stderr, rates.stderr) + 20 / 3000 / 0.1)
        return
    n0 = round(float(found.t[0]) / float(system.dt))
    for at in (0, len(found) // 2, len(found) - 2):
        defect = covariance_defect(system, driver, found, at, n0)
        assert np.max(defect) < 1e-9  # round-off times the spread of the growth rates within an interval


def test_recomputed_factors_are_the_kept_ones():
    system = cc.systems.Lorenz63()
    bounded = covariant_vectors(system, n_steps=9000, qr_every=5)
    whole = covariant_vectors(system, n_steps=9000, qr_every=5, keep_factors=True)
    thin = covariant_vectors(system, n_steps=9000, qr_every=5, save_every=7)
    assert np.array_equal(bounded.vectors, whole.vectors)
    assert np.array_equal(bounded.local, whole.local)
    assert np.array_equal(bounded.vectors[::7], thin.vectors)
    assert np.array_equal(bounded.t[::7], thin.t)
    assert whole.n_recomputed == 0 < bounded.n_recomputed < 9000
    assert bounded.memory_bound < whole.memory_bound / 3
    assert "MiB" in str(bounded)


def test_memory_grows_as_the_square_root_of_the_length():
    system = cat_map()
    bounds = [covariant_vectors(system, n_steps=n, save_every=64).memory_bound for n in (4096, 65_536)]
    assert bounds[1] < 6 * bounds[0]  # the length is 16 times as large; segments are powers of two


def test_forward_pass_interrupted(monkeypatch):
    calls = []
    real = covariant._push_rows

    def stopped(*args):
        calls.append(args)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(covariant, "_push_rows", stopped)
    with pytest.warns(InterruptedWarning):
        found = covariant_vectors(cat_map(), n_steps=5000, qr_every=1)
    assert found.status is Status.INTERRUPTED
    assert 16 <= len(found) < 4000
    assert np.max(found.unsettled) < 16 * EPS


def test_backward_pass_interrupted(monkeypatch):
    calls = []
    real = covariant._backward_rows

    def stopped(*args):
        calls.append(args)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return real(*args)

    whole = covariant_vectors(cat_map(), n_steps=5000, qr_every=1)
    monkeypatch.setattr(covariant, "_backward_rows", stopped)
    with pytest.warns(InterruptedWarning):
        found = covariant_vectors(cat_map(), n_steps=5000, qr_every=1)
    assert np.array_equal(found.vectors, whole.vectors[-len(found) :])
    assert np.array_equal(found.t, whole.t[-len(found) :])


class _Jumping(cc.AbstractSystem):
    dt: float = 1.0
    x0: float = 0.0

    def step(self, x, w):
        return jnp.round(x)


KILLING = cc.Map(lambda x, a: jnp.array([2.0 * x[0] % 1, 0.0]), x0=[0.1, 0.2])


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (NotDifferentiableError, "derive it from", lambda: covariant_vectors(_Jumping(), n_steps=100)),
        (ParameterError, "exceeds the 2", lambda: covariant_vectors(cat_map(), n_steps=100, n_vectors=3)),
        (ParameterError, "leave nothing", lambda: covariant_vectors(cat_map(), n_steps=100, n_settle=95)),
        (ParameterError, "n_vectors=1", lambda: covariant_vectors(KILLING, n_steps=400)),
        (InsufficientDataError, "intervals", lambda: covariant_vectors(cat_map(), n_steps=15, qr_every=1)),
        (
            ParameterError,
            "vectorise=False",
            lambda: jax.jit(lambda x: covariant_vectors(cat_map(), x, n_steps=100).vectors)(jnp.zeros(2)),
        ),
        (ParameterError, "both sides", lambda: covariant_vectors(cat_map(), n_steps=400).subspace_angle(2)),
        (ParameterError, "both sides", lambda: covariant_vectors(cat_map(), n_steps=400).domination(2, 3.0)),
        (ParameterError, "below the interval", lambda: covariant_vectors(cat_map(), n_steps=400).domination(1, 0.1)),
        (InsufficientDataError, "windows", lambda: covariant_vectors(cat_map(), n_steps=400).domination(1, 100.0)),
    ],
)
def test_bad_input(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_saved_and_labelled(tmp_path):
    found = covariant_vectors(cat_map(), n_steps=600)
    again = cc.load(found.save(tmp_path / "clv"))
    assert np.array_equal(again.vectors, found.vectors)
    assert found.to_xarray()["vectors"].shape == found.vectors.shape
