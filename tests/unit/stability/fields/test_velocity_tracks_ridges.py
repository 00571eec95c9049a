"""Fields from data: gridded velocities, particle tracks; ridges."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2

import cocycle as cc
from cocycle.core.errors import AccuracyWarning, DataError, InsufficientDataError, ParameterError, ShapeError
from cocycle.stability.fields import (
    Differences,
    FtleField,
    GriddedVelocity,
    ftle_field,
    ftle_of_tracks,
    ridge_lines,
    ridge_points,
)

OMEGA, EPS_GYRE = 0.62832, 0.1


def gyre(x, y, t):
    a = EPS_GYRE * np.sin(OMEGA * t)
    f, g = a * x**2 + (1 - 2 * a) * x, 2 * a * x + 1 - 2 * a
    return -0.1 * np.pi * np.sin(np.pi * f) * np.cos(np.pi * y), 0.1 * np.pi * np.cos(np.pi * f) * np.sin(np.pi * y) * g


def sampled(n, order=3, **options):
    x, y, t = np.linspace(0, 2, 2 * n + 1), np.linspace(0, 1, n + 1), np.linspace(0, 6, 3 * n + 1)
    tt, xx, yy = np.meshgrid(t, x, y, indexing="ij")
    return GriddedVelocity(gyre(xx, yy, tt), {"x": x, "y": y}, times=t, order=order, dt=0.1, **options)


GRID = {"x": (0.05, 1.95, 9), "y": (0.05, 0.95, 6)}


@pytest.mark.parametrize(("order", "least"), [(1, 1.7), (3, 2.7)])
def test_interpolation_has_its_order(order, least):
    """Largest error of the velocity at places between the points; halved spacing divides it by 2^order."""
    rng = np.random.default_rng(0)
    places, times = rng.uniform([0, 0], [2, 1], size=(300, 2)), rng.uniform(0, 6, size=300)
    truth = np.stack(gyre(places[:, 0], places[:, 1], times), axis=1)
    errors = []
    for n in (12, 24):
        field = sampled(n, order)
        found = jax.vmap(lambda t, y, f=field: f(t, y, None))(jnp.asarray(times), jnp.asarray(places))
        errors.append(np.max(np.abs(np.asarray(found) - truth)))
    assert np.log2(errors[0] / errors[1]) > least


@pytest.mark.parametrize("duration", [5.0, -5.0])
def test_field_of_recorded_gyre(duration):
    t0 = 0.5 if duration > 0 else 5.5
    exact = ftle_field(
        cc.systems.DoubleGyre(dt=0.1), grid=GRID, duration=duration, at={"z": OMEGA * t0}, gradient=Differences()
    )
    errors = []
    for n in (10, 20):
        found = ftle_field(sampled(n), grid=GRID, duration=duration, t0=t0, gradient=Differences())
        errors.append(np.max(np.abs(found.values - exact.values)))
    assert errors[1] < errors[0] / 4  # third order in the spacing, less what chaos adds
    assert errors[1] < 0.02


def test_tangents_of_a_recorded_saddle():
    x = np.linspace(-3, 3, 31)
    u, v = np.meshgrid(x, -x, indexing="ij")
    field = GriddedVelocity([u, v], {"x": x, "y": x}, dt=0.05)
    found = ftle_field(field, grid={"x": (-0.5, 0.5, 3), "y": (-0.5, 0.5, 3)}, duration=1.0)
    assert np.allclose(found.values, 1.0, rtol=0, atol=1e-6)  # cubics are exact; RK4 with dt = 0.05


def test_periodic_axis_and_three_dimensions():
    n = 32
    x = np.arange(n) * 2 * np.pi / n
    u = np.sin(x)[:, None, None] * np.cos(x)[None, :, None] * np.ones(n)
    v = -np.cos(x)[:, None, None] * np.sin(x)[None, :, None] * np.ones(n)
    field = GriddedVelocity([u, v, 0 * u + 0.1], {"x": x, "y": x, "z": x}, periodic=("x", "y", "z"), dt=0.1)
    inside, outside = (field(0.0, jnp.array([0.3, 6.2, 1.0]) + shift, None) for shift in (0.0, 2 * np.pi))
    assert np.allclose(inside, outside, rtol=0, atol=1e-12)
    assert np.allclose(inside, [np.sin(0.3) * np.cos(6.2), -np.cos(0.3) * np.sin(6.2), 0.1], rtol=0, atol=2e-3)


def test_dataset_in_the_order_of_files(tmp_path):
    x, y, t = np.linspace(0, 2, 9), np.linspace(0, 1, 5), np.arange(4) * 2.0
    tt, yy, xx = np.meshgrid(t, y, x, indexing="ij")
    u, v = gyre(xx, yy, tt)
    dims = ("time", "y", "x")
    data = xr.Dataset({"u": (dims, u), "v": (dims, v)}, {"time": t, "y": y, "x": x})
    data.to_netcdf(tmp_path / "velocity.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "velocity.nc", engine="scipy") as opened:
        field = GriddedVelocity.from_xarray(opened, ["u", "v"])
    assert field.names == ("x", "y")
    assert field.time_span == (0.0, 6.0)
    assert np.allclose(field(2.0, jnp.array([0.5, 0.25]), None), gyre(0.5, 0.25, 2.0), rtol=0, atol=1e-12)
    dated = data.assign_coords(time=np.datetime64("2024-01-01") + (t * 1e9).astype("timedelta64[ns]"))
    assert GriddedVelocity.from_xarray(dated, ["u", "v"]).time_span == (0.0, 6.0)
    with pytest.raises(DataError, match="no variable"):
        GriddedVelocity.from_xarray(data, ["u", "w"])
    with pytest.raises(DataError, match="dimensions"):
        GriddedVelocity.from_xarray(data, ["u", "v"], axes=("x", "z"))


def test_orbits_that_leave_the_data_are_lost():
    x = np.linspace(-1, 1, 9)
    u, v = np.meshgrid(x, -x, indexing="ij")
    field = GriddedVelocity([u, v], {"x": x, "y": x}, dt=0.1)
    with pytest.warns(AccuracyWarning, match="left the data"):
        found = ftle_field(field, grid={"x": (-1, 1, 5), "y": (-1, 1, 5)}, duration=0.5)
    assert np.isnan(found.values[0]).all()
    assert np.isfinite(found.values[2]).all()


EVEN = {"x": np.linspace(0, 1, 4), "y": np.linspace(0, 1, 5)}
ZERO, ONES = np.zeros((4, 5)), np.ones((9, 2))


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (DataError, "outside the data, which hold 0 to 6", lambda: ftle_field(sampled(4), grid=GRID, duration=7.0)),
        (DataError, "outside the data", lambda: ftle_field(sampled(4), grid=GRID, duration=-1.0)),
        (DataError, "grid spans x", lambda: ftle_field(sampled(4), grid={**GRID, "x": (0, 3, 4)}, duration=1.0)),
        (DataError, "the order is time", lambda: GriddedVelocity([ZERO.T, ZERO.T], EVEN)),
        (DataError, "one for each", lambda: GriddedVelocity([ZERO], EVEN)),
        (DataError, "evenly", lambda: GriddedVelocity([ZERO, ZERO], {**EVEN, "x": [0.0, 1.0, 3.0, 4.0]})),
        (ParameterError, "cubic", lambda: GriddedVelocity([ZERO, ZERO], EVEN, order=2)),
        (ParameterError, "no axes", lambda: GriddedVelocity([ZERO, ZERO], EVEN, periodic=("z",))),
        (ShapeError, "has shape", lambda: GriddedVelocity([ZERO, ZERO], EVEN)(0.0, jnp.zeros(3), None)),
        (DataError, "both be", lambda: ftle_of_tracks(np.zeros((5, 2)), np.zeros((5, 3)), duration=1.0)),
        (DataError, "NaN", lambda: ftle_of_tracks(ONES * np.nan, ONES, duration=1.0)),
        (InsufficientDataError, "neighbours", lambda: ftle_of_tracks(np.eye(2), np.eye(2), duration=1.0)),
        (ParameterError, "residual", lambda: ftle_of_tracks(ONES, ONES, duration=1.0, n_neighbours=3)),
        (ParameterError, "not 0", lambda: ftle_of_tracks(ONES, ONES, duration=0.0)),
        (ParameterError, "periods", lambda: ftle_of_tracks(ONES, ONES, duration=1.0, periods=[1.0])),
        (ParameterError, "two axes", lambda: ridge_lines(np.zeros((4, 5)), EVEN)),
        (ParameterError, "quantile", lambda: ridge_lines(np.zeros((9, 9)), EVEN, quantile=2.0)),
        (ParameterError, "three axes", lambda: ridge_points(np.zeros((9, 9)), EVEN)),
        (ParameterError, "NaN everywhere", lambda: ridge_lines(np.full((9, 9), np.nan), EVEN)),
    ],
)  # fmt: skip
def test_bad_input(error, words, call):
    with pytest.raises(error, match=words):
        call()


def test_tracks_of_linear_flows_exactly():
    rng = np.random.default_rng(0)
    for d in (2, 3):
        x = rng.normal(size=(300, d))
        m = np.diag(np.exp([1.0, -1.0, 0.3][:d])) @ np.linalg.qr(rng.normal(size=(d, d)))[0]
        found = ftle_of_tracks(x, x @ m.T + 2.0, duration=2.0)
        assert np.allclose(found.values, 0.5, rtol=0, atol=1e-9)
        assert np.max(found.stderr) < 1e-9


def test_error_bars_of_noisy_tracks():
    """z-scores of values around the truth, every tenth track so that neighbourhoods do not overlap much."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(4000, 2)) * 10
    y = x * [np.e, 1 / np.e] + 0.01 * rng.normal(size=x.shape)
    found = ftle_of_tracks(x, y, duration=1.0, n_neighbours=12)
    z = ((found.values - 1.0) / found.stderr)[::10]
    # Student's t with 2 (12 + 1 - 3) = 20 degrees of freedom has variance 20 / 18; 400 of them, four standard errors.
    low, high = chi2.ppf([3e-5, 1 - 3e-5], 399) / 399
    assert low * 0.8 < np.mean(z**2) * 18 / 20 < high * 1.4  # overlap and kurtosis of t


def test_tracks_agree_with_the_grid_away_from_ridges():
    system = cc.systems.DoubleGyre(dt=0.1)
    grid = {"x": (0.02, 1.98, 99), "y": (0.02, 0.98, 49)}
    field = ftle_field(system, grid=grid, duration=4.0, at={"z": 0.0})
    x, y = np.meshgrid(*field.axes.values(), indexing="ij")
    found = ftle_of_tracks(np.stack([x, y], -1).reshape(-1, 2), field.ends.reshape(-1, 2), duration=4.0)
    smooth = field.values < np.quantile(field.values, 0.8)
    gap = np.abs(found.values.reshape(x.shape) - field.values)[smooth]
    assert np.mean(gap < 0.1 * np.max(field.values[smooth])) > 0.99
    assert np.median(gap) < 0.01


def test_neighbours_on_a_line_are_told():
    x = np.stack([np.arange(40.0), np.zeros(40)], axis=1)
    with pytest.warns(AccuracyWarning, match="line or a plane"):
        found = ftle_of_tracks(x, x, duration=1.0)
    assert np.isnan(found.values).all()


def test_box_that_closes_on_itself():
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(500, 2))
    y = np.mod(x + np.array([0.3, 0.9]), 1.0)
    found = ftle_of_tracks(x, y, duration=1.0, periods=[1.0, 1.0])
    assert np.allclose(found.values, 0.0, rtol=0, atol=1e-9)
    assert found.plot().data[0].type == "scatter"


def test_ridge_of_a_bent_wall_and_of_a_ring():
    u, v = np.linspace(-2, 2, 121), np.linspace(-2, 2, 101)
    x, y = np.meshgrid(u, v, indexing="ij")
    spacing = 0.04
    bent = ridge_lines(np.exp(-((y - 0.3 * np.sin(2 * x)) ** 2) / 0.02), {"x": u, "y": v}, smoothing=0)
    longest = bent.lines[0]
    assert np.ptp(longest[:, 0]) > 3.8
    # On a curved wall the line of steepest curvature is off by O(width^2 curvature).
    assert np.max(np.abs(longest[:, 1] - 0.3 * np.sin(2 * longest[:, 0]))) < spacing
    assert np.min(bent.heights[0]) > 0.8
    ring = ridge_lines(np.exp(-((np.hypot(x, y) - 1) ** 2) / 0.02), {"x": u, "y": v}, smoothing=0).lines[0]
    assert np.max(np.abs(np.hypot(*ring.T) - 1)) < spacing
    assert np.array_equal(ring[0], ring[-1])
    assert np.sum(np.hypot(*np.diff(ring, axis=0).T)) == pytest.approx(2 * np.pi, rel=0.02)
    gap = np.where(np.abs(x) < 0.2, np.nan, np.exp(-(y**2) / 0.02))
    assert all(np.all(np.abs(line[:, 0]) > 0.1) for line in ridge_lines(gap, {"x": u, "y": v}).lines)


def test_ridge_surface_in_space():
    axes = {name: np.linspace(-1.5, 1.5, n) for name, n in (("x", 43), ("y", 45), ("z", 41))}
    mesh = np.stack(np.meshgrid(*axes.values(), indexing="ij"), axis=-1)
    radius = np.linalg.norm(mesh, axis=-1)
    field = FtleField(np.exp(-((radius - 1) ** 2) / 0.05), axes, mesh, 1.0, 0.0, {})
    found: Any = field.ridges(smoothing=0)
    spacing = 0.075
    away = np.linalg.norm(found.points, axis=1)
    # Central differences of a bump of width 0.16 err by (spacing / width)^2 / 6 of its own shape.
    assert np.max(np.abs(away - 1)) < spacing**2
    assert np.min(np.abs(np.sum(found.points * found.normals, axis=1)) / away) > 0.99
    assert np.min(found.heights) > 0.9
    # It covers the sphere: every lattice direction has a point nearer than a cell.
    directions = np.array([d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]) - 1.0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert np.max(np.min(np.linalg.norm(directions[:, None] - found.points[None], axis=2), axis=1)) < spacing
