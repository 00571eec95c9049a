"""Every kind of file gives the same series back; times are understood or refused."""

import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.report.reading import read
from cocycle.report.series import Series

X = np.round(np.sin(0.3 * np.arange(60)), 6)
T = 0.25 * np.arange(60)


def text_file(folder, name, rows, header=None, sep=",", decimal="."):
    lines = [] if header is None else [sep.join(header)]
    lines += [sep.join(str(v).replace(".", decimal) for v in row) for row in rows]
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "sep", "decimal", "header"),
    [
        ("a.csv", ",", ".", ["t", "x"]),
        ("b.csv", ";", ".", ["t", "x"]),
        ("c.csv", ";", ",", ["t", "x"]),
        ("d.tsv", "\t", ".", ["t", "x"]),
        ("e.txt", " ", ".", ["t", "x"]),
        ("f.dat", "|", ".", ["t", "x"]),
        ("g.csv", ",", ".", None),
    ],
)
def test_text_dialects(tmp_path, name, sep, decimal, header):
    series = read(text_file(tmp_path, name, zip(T, X, strict=True), header, sep, decimal))
    np.testing.assert_array_equal(series.values, X)
    assert series.dt == 0.25
    assert series.column == ("x" if header else "1")


def test_one_column_with_and_without_header(tmp_path):
    for header in (["x"], None):
        series = read(text_file(tmp_path, "one.csv", [(v,) for v in X], header))
        np.testing.assert_array_equal(series.values, X)
        assert (series.dt, series.time_unit) == (1.0, "step")


def test_comments_and_byte_order_mark_are_skipped(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes("\ufeff# made by hand\nt,x\n0,1\n1,2\n2,4\n".encode())
    assert read(path).values.tolist() == [1.0, 2.0, 4.0]


def test_parquet_npy_npz_netcdf(tmp_path):
    pd = pytest.importorskip("pandas")
    xr = pytest.importorskip("xarray")
    pytest.importorskip("pyarrow")
    pd.DataFrame({"time [s]": T, "x": X}).to_parquet(tmp_path / "a.parquet")
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", t=T, x=X)
    clock = ("time", T, {"units": "s"})
    xr.Dataset({"x": ("time", X)}, {"time": clock}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    for suffix, dt, unit in (
        ("parquet", 0.25, "s"),
        ("npy", 1.0, "step"),
        ("npz", 0.25, "unit of time"),
        ("nc", 0.25, "s"),
    ):
        series = read(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(series.values, X)
        assert (series.dt, series.time_unit) == (dt, unit), suffix


def test_saved_trajectory_is_read_back(tmp_path):
    orbit = cc.trajectory(cc.Map(lambda x, a: a * x * (1 - x), 3.9, x0=0.3), n_steps=50)
    path = orbit.save(tmp_path / "orbit.npz")
    np.testing.assert_array_equal(read(path).values, orbit.x)


@pytest.mark.parametrize(
    ("dates", "step", "unit"),
    [
        (["1749-01", "1749-02", "1749-03", "1749-04"], 1.0, "month"),
        (["1990-03-31", "1990-04-30", "1990-05-31", "1990-06-30"], 1.0, "month"),
        (["2001-01-01", "2001-01-02", "2001-01-03", "2001-01-04"], 1.0, "day"),
        (["1900-01-01", "1901-01-01", "1902-01-01", "1903-01-01"], 1.0, "year"),
        (["2001-01-01T00:00", "2001-01-01T00:30", "2001-01-01T01:00", "2001-01-01T01:30"], 30.0, "minute"),
    ],
)
def test_dates_become_steps_of_the_calendar(tmp_path, dates, step, unit):
    path = text_file(tmp_path, "d.csv", zip(dates, [1, 2, 4, 3], strict=True), ["date", "x"])
    series = read(path)
    assert (series.dt, series.time_unit) == (step, unit)


def test_rounded_times_count_as_uniform(tmp_path):
    # 360 samples a second written with four decimals: steps of 0.0027 and 0.0028.
    rows = [(f"{k / 360:.4f}", x) for k, x in enumerate(X)]
    series = read(text_file(tmp_path, "r.csv", rows, ["time", "x"]))
    assert abs(series.dt - 1 / 360) < 1e-4 / len(X)  # half a unit of the last digit at both ends


def test_given_dt_overrules_and_column_by_number_or_case(tmp_path):
    path = text_file(tmp_path, "m.csv", zip(T, X, 2 * X, strict=True), ["t", "Left", "right"])
    assert read(path, column="left", dt=0.5).dt == 0.5
    np.testing.assert_array_equal(read(path, column=2).values, 2 * X)


REFUSED = [
    ("two.csv", "a,b\n1,2\n3,5\n2,2\n", {}, "2 columns of numbers: a, b"),
    ("gap.csv", "x\n1\nnan\n3\n", {}, "1 missing or infinite values, the first in row 2"),
    ("word.csv", "x\n1\ntwo\n3\n", {"column": "x"}, "row 2 holds 'two'"),
    ("words.csv", "x\none\ntwo\n", {}, "no column of numbers"),
    ("step.csv", "t,x\n0,1\n1,2\n3,3\n4,1\n", {}, "steps run from 1 to 2"),
    ("back.csv", "t,x\n0,1\n2,2\n1,3\n4,1\n", {}, "does not rise at row 3"),
    ("name.csv", "t,intensity\n0,1\n1,2\n2,3\n", {"column": "intensty"}, "did you mean 'intensity'"),
    ("empty.csv", "", {}, "is empty"),
    ("head.csv", "t,x\n", {}, "no rows"),
    ("bad.npy", "not numpy", {}, "cannot be read as .npy"),
    ("bad.nc", "not netcdf", {}, "cannot be read as .nc"),
    ("bad.parquet", "not parquet", {}, "cannot be read as .parquet"),
    ("kind.xyz", "1\n2\n", {}, ".xyz is not one of"),
    ("time.csv", "t,x\n0,1\n1,2\n2,3\n", {"column": "t", "time": "t"}, "is the time column"),
]


@pytest.mark.parametrize(("name", "text", "options", "message"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refusals_name_the_remedy(tmp_path, name, text, options, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read(tmp_path / name, **options)


def test_missing_directory_and_binary(tmp_path):
    (tmp_path / "laser.csv").write_text("x\n1\n2\n")
    with pytest.raises(DataError, match=r"did you mean laser.csv"):
        read(tmp_path / "lazer.csv")
    with pytest.raises(DataError, match="is a directory"):
        read(tmp_path)
    (tmp_path / "b.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="binary"):
        read(tmp_path / "b.csv")


def test_object_arrays_are_not_unpickled(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError):
        read(tmp_path / "o.npy")


def test_series_halves_and_tables():
    x = Series(np.arange(8.0), dt=0.5, name="ramp")
    assert x.train.values.tolist() == [0, 1, 2, 3, 4, 5]
    assert x.test.values.tolist() == [6, 7]
    assert x.to_pandas()["ramp"].loc[1.0] == 2.0
    assert x.to_xarray()["ramp"].sel(time=3.5).item() == 7.0
    assert "8 values" in x._repr_html_()
    with pytest.raises(InsufficientDataError):
        _ = Series(np.arange(3.0)).train


@pytest.mark.parametrize("dt", [0.0, -1.0, np.nan, np.inf])
def test_bad_dt(dt):
    with pytest.raises(ParameterError, match="dt must be"):
        Series(np.arange(4.0), dt=dt)


def test_dt_that_is_no_number(tmp_path):
    with pytest.raises(ParameterError, match="dt must be"):
        read(text_file(tmp_path, "a.csv", [(v,) for v in X]), dt="soon")


@pytest.mark.parametrize(
    "values", [np.zeros((3, 2)), np.array(["a"]), np.array([1, np.inf]), np.zeros(0), np.array([1j])]
)
def test_bad_values(values):
    with pytest.raises(DataError):
        Series(values)


def test_series_survives_saving(tmp_path):
    x = Series(X, dt=0.25, name="x", time_unit="s")
    back = cc.load(x.save(tmp_path / "x.npz"))
    np.testing.assert_array_equal(back.values, x.values)
    assert (back.dt, back.time_unit) == (0.25, "s")
