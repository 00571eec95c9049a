"""Analysis of systems: strips over a parameter, drivers, labelled tables."""

import jax.numpy as jnp
import numpy as np
import pytest
from small_systems import logistic, lorenz

import cocycle as cc
from cocycle.core.drivers import Brownian, Clock, Still
from cocycle.core.errors import NonFiniteStateError, ParameterError, UnknownNameError
from cocycle.report.present import to_html, to_pandas, to_xarray
from cocycle.report.run_options import driver_for, steps_of
from cocycle.report.system_analysis import analyse_system
from cocycle.stability.continuation.orbit_diagram import Sweep, bifurcation_diagram


def test_strip_of_the_logistic_map_shows_its_cycles():
    # r = 2.8: the fixed point 1 - 1/r, exponent log|2 - r|; r = 3.2: the two-cycle in closed form.
    strip = bifurcation_diagram(logistic(), over=Sweep("r", 2.8, 3.2, 2), n_steps=2000)
    fixed = strip.visited[strip.at == 2.8]
    np.testing.assert_allclose(fixed, 1 - 1 / 2.8, rtol=1e-12)
    assert strip.exponent[0] == pytest.approx(np.log(0.8), abs=1e-9)
    r = 3.2
    cycle = (r + 1 + np.array([-1, 1]) * np.sqrt((r - 3) * (r + 1))) / (2 * r)
    np.testing.assert_allclose(np.unique(strip.visited[strip.at == 3.2].round(9)), cycle, atol=1e-9)
    assert strip.exponent[1] == pytest.approx(0.5 * np.log(abs(4 + 2 * r - r**2)), abs=1e-9)


def test_strip_of_a_flow_takes_maxima_and_counts_divergence():
    ring = cc.Flow(
        lambda t, y, a: jnp.stack([y[1], -y[0]]) + a["g"] * y * (1 - jnp.sum(y**2)), {"g": 1.0}, dt=0.05, x0=[1.0, 0.0]
    )
    strip = bifurcation_diagram(ring, over=Sweep("g", 0.5, 2.0, 3), n_steps=1000, coordinate="x")
    # The limit cycle is the unit circle; its maxima are 1 up to the error of RK4 and of the parabola, both O(dt^4).
    np.testing.assert_allclose(strip.visited, 1.0, atol=0.05**4)
    assert strip.what == "local maxima of x"
    blown = bifurcation_diagram(cc.Map(lambda x, a: a["k"] * x, {"k": 1.0}, x0=1.0), over=Sweep("k", 0.5, 9.0, 2))
    assert blown.n_diverged == 1
    assert np.isnan(blown.exponent[1])


def test_strip_refuses_what_is_no_parameter():
    with pytest.raises(UnknownNameError, match="did you mean 'rho'"):
        bifurcation_diagram(lorenz(), over=Sweep("rh", 0.0, 1.0, 2), n_steps=100)
    vector = cc.Map(lambda x, a: a["w"] * x, {"w": jnp.ones(2)}, x0=[1.0, 1.0])
    with pytest.raises(ParameterError, match="shape"):
        bifurcation_diagram(vector, over=Sweep("w", 0.0, 1.0, 2), n_steps=100)
    for bad in ((1.0, 1.0, 5), (0.0, np.inf, 5), (0.0, 1.0, 1)):
        with pytest.raises(ParameterError):
            Sweep("r", *bad)


def test_drivers_are_made_where_they_can_be():
    assert isinstance(driver_for(lorenz()), Still)
    forced = cc.Flow(lambda t, y, a: jnp.cos(t) - y, dt=0.1, x0=0.0)
    assert isinstance(driver_for(forced), Clock)
    drift = lambda t, x, a: -x  # noqa: E731
    diagonal = cc.ItoSDE(drift, lambda t, x, a: jnp.ones(2), dt=0.1, x0=[0.0, 0.0])
    driver = driver_for(diagonal, seed=1)
    assert isinstance(driver, Brownian)
    assert driver.shape == (2,)
    full = cc.ItoSDE(drift, lambda t, x, a: jnp.ones((2, 3)), dt=0.1, x0=[0.0, 0.0])
    driver = driver_for(full)
    assert isinstance(driver, Brownian)
    assert driver.shape == (3,)
    with pytest.raises(ParameterError, match="initial state"):
        driver_for(cc.Map(lambda x, a: x))


def test_steps():
    assert steps_of(lorenz(), None, None, 5.0) == 500
    assert steps_of(lorenz(), None, 7, None) == 7
    assert steps_of(lorenz(), None, None, None) > 10_000
    for options in ((7, 5.0), (0, None), (None, -1.0)):
        with pytest.raises(ParameterError):
            steps_of(lorenz(), None, *options)


def test_explosion_is_an_error():
    with pytest.raises(NonFiniteStateError, match="explodes"):
        analyse_system(cc.Map(lambda x, a: x**2, x0=3.0), n_steps=1000)


def test_coordinates_of_a_part_of_the_state_are_embedded():
    echo = cc.DelayFlow(lambda t, y, late, a: -late, delays=1.5707963267948966, dt=0.05, x0=lambda t: jnp.cos(t))
    analysis = analyse_system(echo, n_steps=3000)
    assert analysis.points.shape[1] == 1
    found = analysis.correlation
    assert found is None or len(found.slope) > 1  # one curve per embedding dimension, not one for the points


def test_tables_of_trajectories():
    orbit = cc.trajectory(lorenz(), n_steps=20, save_every=2)
    data = orbit.to_xarray()
    assert list(data.data_vars) == ["x", "y", "z"]
    assert data["x"].dims == ("time",)
    np.testing.assert_array_equal(data["z"].values, orbit.x[:, 2])
    assert data.attrs["system"] == "lorenz"
    frame = orbit.to_pandas()
    assert list(frame.columns) == ["x", "y", "z"]
    assert frame.index[0] == pytest.approx(0.02)
    wide = cc.trajectory(cc.Map(lambda x, a: 0.5 * x, x0=np.ones(5)), n_steps=3)
    assert wide.to_xarray()["x"].dims == ("time", "component")
    assert list(wide.to_pandas().columns) == ["x0", "x1", "x2", "x3", "x4"]
    tree = cc.trajectory(cc.Map(lambda x, a: x, x0={"q": jnp.ones(2), "p": jnp.ones(())}), n_steps=3)
    assert set(tree.to_xarray().data_vars) == {"q", "p"}
    assert "states" in orbit._repr_html_()


def test_tables_of_spectra_and_estimates():
    spectrum = cc.lyapunov_spectrum(lorenz(), n_steps=2000)
    data = spectrum.to_xarray()
    np.testing.assert_array_equal(data["exponents"].values, np.asarray(spectrum.exponents))
    assert data["local"].dims == ("row", "exponent")
    assert data.attrs["dt"] == 0.01
    assert list(spectrum.to_pandas().index) == [1, 2, 3]
    assert "exponent 1" in spectrum._repr_html_()
    many = cc.sweep(lambda r: cc.lyapunov_spectrum(logistic(r), n_steps=200), np.array([3.7, 3.8]))
    assert to_xarray(many)["exponents"].dims == ("case", "exponent")
    assert len(to_pandas(many)) == 2
    assert to_pandas(cc.Estimate(1.0, 0.1))["value"].tolist() == [1.0]
    for function in (to_xarray, to_pandas, to_html):
        with pytest.raises(ParameterError):
            function(object())


def test_tables_of_any_result(series_report):
    analysis = series_report.analysis
    assert "x" in to_xarray(analysis).data_vars
    assert "regime" in to_pandas(analysis).index
    assert "chaotic" in to_html(analysis)
