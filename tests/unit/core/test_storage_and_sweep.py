"""Results save, load and sweep without loss."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import DataError, OutputError, ParameterError, UnknownNameError
from cocycle.core.parameters import parameters, with_parameters


def logistic(x, args):
    return args["r"] * x * (1 - x)


SYSTEM = cc.Map(logistic, {"r": 4.0}, x0=0.3)


def test_round_trip_of_results(tmp_path):
    spectrum = cc.lyapunov_spectrum(SYSTEM, n_steps=500)
    back = cc.load(spectrum.save(tmp_path / "spectrum"))
    assert isinstance(back, cc.Spectrum)
    assert str(back) == str(spectrum)
    assert np.array_equal(back.local, spectrum.local)
    assert back.status is cc.Status.OK
    orbit = cc.trajectory(SYSTEM, n_steps=10)
    assert np.array_equal(cc.load(orbit.save(tmp_path / "orbit.npz")).x, orbit.x)


def test_nothing_is_left_half_written(tmp_path):
    class Unsavable:
        pass

    orbit = cc.trajectory(SYSTEM, n_steps=10)
    broken = cc.Trajectory(orbit.t, Unsavable(), None, 1)
    with pytest.raises(OutputError, match="Unsavable"):
        broken.save(tmp_path / "x.npz")
    with pytest.raises(OutputError, match="cannot write"):
        orbit.save(tmp_path / "no" / "such" / "folder.npz")
    assert list(tmp_path.iterdir()) == []


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nonsense")
    np.savez(tmp_path / "b.npz", header=np.asarray(json.dumps({"result": {"class": "os:system", "fields": {}}})))
    for name, message in [("a.npz", "not a result"), ("b.npz", "not of cocycle"), ("c.npz", "no file")]:
        with pytest.raises(DataError, match=message):
            cc.load(tmp_path / name)


def exponent(r):
    return cc.lyapunov_spectrum(cc.Map(logistic, {"r": r}, x0=0.3), n_steps=400)


def test_sweep_equals_a_loop():
    rates = np.linspace(2.6, 3.4, 7)
    swept = cc.sweep(exponent, rates, batch_size=3)
    assert isinstance(swept, cc.Spectrum)
    assert swept.exponents.shape == (7, 1)
    systems = [cc.Map(logistic, {"r": r}, x0=0.3) for r in rates]
    single = [cc.lyapunov_spectrum(s, n_steps=400, qr_every=1).exponents[0] for s in systems]
    # Stable cycles: round-off is not amplified.
    assert np.allclose(swept.exponents[:, 0], single, rtol=0, atol=1e-12)


def square(r):
    return {"value": r**2}


def test_sweep_through_processes_and_without_vmap():
    rates = np.arange(5.0)
    assert cc.sweep(square, rates, batch_size=2, n_jobs=2)["value"].tolist() == [0, 1, 4, 9, 16]
    assert cc.sweep(lambda r: float(r) ** 2, rates, vectorise=False).tolist() == [0, 1, 4, 9, 16]


def test_sweep_over_a_pytree_of_parameters():
    grid = {"a": np.arange(3.0), "b": np.ones((3, 2))}
    assert cc.sweep(lambda p: p["a"] + jnp.sum(p["b"]), grid).tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize("rows", [np.zeros(0), 1.0, {"a": np.zeros(2), "b": np.zeros(3)}])
def test_sweep_refuses_ragged_parameters(rows):
    with pytest.raises(ParameterError, match="first axis"):
        cc.sweep(lambda r: r, rows)


def test_parameters_by_name():
    assert set(parameters(SYSTEM)) == {"r"}
    other = with_parameters(SYSTEM, r=3.2, dt=2.0)
    assert (float(parameters(other)["r"]), float(other.dt), float(SYSTEM.args["r"])) == (3.2, 2.0, 4.0)
    with pytest.raises(UnknownNameError, match="did you mean 'r'"):
        with_parameters(SYSTEM, R=3.0)
    with pytest.raises(ParameterError, match="finite"):
        with_parameters(SYSTEM, r=np.nan)


def test_sweep_follows_the_backend_of_joblib():
    """A Dask or a Ray cluster is chosen the same way; threads stand for them here."""
    import joblib

    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert cc.sweep(square, np.arange(5.0), batch_size=2)["value"].tolist() == [0, 1, 4, 9, 16]
