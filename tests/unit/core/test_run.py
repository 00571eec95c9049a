"""Orbits: cocycle identity, chunks, compile counts, failures, interrupts."""

import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core import run as run_module
from cocycle.core.errors import DriverError, InterruptedWarning, NonFiniteStateError, ParameterError, ShapeError


def halve(x, args):
    return args["a"] * x


def halving(a=0.5, x0=8.0):
    return cc.Map(halve, {"a": a}, x0=x0)


def random_walk(x, args, w):
    return 0.9 * x + w


WALK = cc.Map(random_walk, x0=jnp.zeros(2), driven=True)


def test_closed_form():
    assert float(cc.run(halving(), n_steps=3)) == 1.0
    assert float(cc.run(halving(), n_steps=0)) == 8.0
    assert cc.trajectory(halving(), n_steps=3).x.tolist() == [4.0, 2.0, 1.0]


def test_cocycle_identity(key):
    """phi(70) = phi(40, theta^30) phi(30): exactly, since the same numbers are computed."""
    noise = cc.Brownian(key, (2,))
    whole = cc.run(WALK, None, noise, n_steps=70)
    part = cc.run(WALK, cc.run(WALK, None, noise, n_steps=30), noise, n_steps=40, n0=30)
    assert np.array_equal(whole, part)


def test_trajectory_goes_on_where_it_ended(key):
    noise = cc.Brownian(key, (2,))
    whole = cc.trajectory(WALK, None, noise, n_steps=100)
    first = cc.trajectory(WALK, None, noise, n_steps=60)
    second = cc.trajectory(WALK, first.final, noise, n_steps=40, n0=first.n)
    assert np.array_equal(whole.x, np.concatenate([first.x, second.x]))
    assert np.allclose(whole.t, np.concatenate([first.t, second.t]), rtol=1e-15)


def test_save_every_is_a_stride(key):
    noise = cc.Brownian(key, (2,))
    dense = cc.trajectory(WALK, None, noise, n_steps=103)
    sparse = cc.trajectory(WALK, None, noise, n_steps=103, save_every=10)
    assert len(sparse) == 10
    assert np.array_equal(sparse.x, dense.x[9::10][:10])
    assert np.array_equal(sparse.t, dense.t[9::10][:10])


def first_component(x):
    return x[0]


def test_observe_keeps_less():
    orbit = cc.trajectory(
        WALK, jnp.array([1.0, 2.0]), cc.Recorded(jnp.zeros((5, 2))), n_steps=5, observe=first_component
    )
    assert np.allclose(orbit.x, 0.9 ** np.arange(1, 6), rtol=1e-14)
    assert orbit.final.shape == (2,)


def test_many_chunks_equal_one(monkeypatch, key):
    noise = cc.Brownian(key, (2,))
    whole = cc.trajectory(WALK, None, noise, n_steps=1000)
    monkeypatch.setattr(run_module, "CHUNK_BYTES", 1024)
    assert np.array_equal(cc.trajectory(WALK, None, noise, n_steps=1000).x, whole.x)


def test_second_length_and_second_parameter_do_not_compile():
    traces = []

    def counted(x, args):
        traces.append(1)
        return args["a"] * x

    def orbit(a, n_steps, every=1):
        return cc.trajectory(cc.Map(counted, {"a": a}, x0=8.0), n_steps=n_steps, save_every=every)

    orbit(0.5, 10)
    orbit(0.5, 10, 2)
    cc.run(cc.Map(counted, {"a": 0.5}, x0=8.0), n_steps=3)
    cc.lyapunov_spectrum(cc.Map(counted, {"a": 0.5}, x0=8.0), n_steps=100)
    n = len(traces)
    orbit(0.25, 5000)
    orbit(1, 77, 7)
    cc.run(cc.Map(counted, {"a": 0.3}, x0=8.0), n_steps=4)
    cc.lyapunov_spectrum(cc.Map(counted, {"a": 0.7}, x0=8.0), n_steps=3000, qr_every=2)
    assert len(traces) == n


def test_explosion_names_the_step_and_the_last_state():
    squaring = cc.Map(lambda x, args: x * x, x0=2.0)
    with pytest.raises(NonFiniteStateError, match="after step 9") as caught:
        cc.trajectory(squaring, n_steps=1000)
    # 2^(2^9) is finite, 2^(2^10) is not: step 9 (counted from 0) is the tenth.
    assert caught.value.step == 9
    assert float(caught.value.last_state) == 2.0**512
    kept = cc.trajectory(squaring, n_steps=1000, throw=False)
    assert kept.status is cc.Status.NON_FINITE
    assert len(kept) == 9
    with pytest.raises(NonFiniteStateError, match="after step 9"):
        cc.run(squaring, n_steps=20)
    with pytest.raises(NonFiniteStateError, match="after step 9"):
        cc.lyapunov_spectrum(squaring, n_steps=100)


def test_interrupt_keeps_what_is_done(monkeypatch):
    calls = []
    real = run_module._save_rows

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(run_module, "_save_rows", interrupted)
    with pytest.warns(InterruptedWarning, match="rows are returned"):
        orbit = cc.trajectory(halving(1.0), n_steps=100_000)
    assert orbit.status is cc.Status.INTERRUPTED
    assert 0 < len(orbit) < 100_000
    assert np.all(orbit.x == 8.0)


def test_gradient_through_run_and_trajectory():
    grad = jax.grad(lambda a: cc.run(cc.Map(halve, {"a": a}, x0=2.0), n_steps=3))(0.5)
    assert np.isclose(float(grad), 3 * 2.0 * 0.5**2, rtol=1e-14)
    total = jax.grad(lambda a: cc.trajectory(cc.Map(halve, {"a": a}, x0=1.0), n_steps=2).x.sum())(3.0)
    assert np.isclose(float(total), 1 + 2 * 3.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cc.run(halving(), n_steps=-1), ParameterError, "n_steps"),
        (lambda: cc.trajectory(halving(), n_steps=3, save_every=5), ParameterError, "save_every"),
        (lambda: cc.run(cc.Map(halve, {"a": 0.5}), n_steps=1), ParameterError, "no initial state"),
        (lambda: cc.run(halving(), np.nan, n_steps=1), ParameterError, "NaN"),
        (lambda: cc.run(halving(), "a", n_steps=1), ShapeError, "arrays"),
        (lambda: cc.run(halving(), cc.Still(), n_steps=1), ParameterError, "driver"),
        (lambda: cc.run(cc.Map(lambda x, a: jnp.zeros(3), x0=1.0), n_steps=1), ShapeError, "alike"),
        (lambda: cc.run(cc.Map(lambda x, a: (x, x), x0=1.0), n_steps=1), ShapeError, "structure"),
        (lambda: cc.run(WALK, None, cc.Recorded(jnp.zeros((5, 2))), n_steps=6), DriverError, "5 recorded"),
        (lambda: cc.run(WALK, None, cc.Still(), n_steps=6), ShapeError, "Still"),
        (lambda: cc.trajectory(halving(), n_steps=10**15), ParameterError, "do not fit"),
        (lambda: cc.Recorded({"a": np.zeros(3), "b": np.zeros(4)}), DriverError, "share"),
        (lambda: cc.Minibatch(0, 3, 5, replace=False), ParameterError, "batch_size"),
        (lambda: cc.Brownian("seed"), DriverError, "key"),
        (lambda: cc.Map(halve, {"a": 0.5}, dt=0.0), ParameterError, "dt"),
        (lambda: cc.lyapunov_spectrum(halving(), n_steps=10), cc.CocycleError, "Take more steps"),
        (lambda: cc.lyapunov_spectrum(halving(), n_steps=100, n_vectors=2), ParameterError, "exceeds the 1 dim"),
        (lambda: cc.lyapunov_spectrum(halving(), n_steps=100, tol=-1.0), ParameterError, "tol"),
        (lambda: cc.lyapunov_spectrum(halving(), n_steps=100, n_transient=100), ParameterError, "leaves nothing"),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()


WRONG_TYPES = """
import cocycle as cc
half = cc.Map(lambda x, a: x / 2, x0=8.0)
for call, message in [
    (lambda: cc.run(half, n_steps=2.5), "whole number"),
    (lambda: cc.run(half, 1.0, "noise", n_steps=1), "driver must be"),
    (lambda: cc.run(lambda x: x, 1.0, n_steps=1), "a System is needed"),
    (lambda: cc.lyapunov_spectrum(half, n_steps="many"), "whole number"),
]:
    try:
        call()
    except cc.CocycleError as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
"""


def test_wrong_types_are_refused_without_a_type_checker():
    subprocess.run([sys.executable, "-c", WRONG_TYPES], check=True)


def test_integer_states_of_real_maps_become_real():
    assert float(cc.run(halving(), 8, n_steps=1)) == 4.0


def test_common_noise_is_the_same_noise(key):
    noise = cc.Brownian(key)
    pair = cc.Map(random_walk, driven=True)
    orbit = cc.trajectory(pair, jnp.array([-1.0, 1.0]), noise, n_steps=200)
    assert np.allclose(orbit.x[:, 1] - orbit.x[:, 0], 2 * 0.9 ** np.arange(1, 201), rtol=0, atol=1e-12)


def test_no_warnings_leak():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cc.trajectory(halving(), n_steps=10)
