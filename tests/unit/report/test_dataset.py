"""Data sets of many systems: labels, files, going on after a stop; the page of attractors."""

import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from cocycle.core.errors import OutputError, ParameterError, UnknownNameError
from cocycle.report.catalogue_page import catalogue_page
from cocycle.report.dataset import make_dataset
from cocycle.systems import catalogue, orbit

SMALL: dict[str, Any] = {"n_periods": 2, "points_per_period": 10, "n_transient": 0}
NAMES = ["sprott_b", "sprott_delay"]


@pytest.mark.parametrize("suffix", [".nc", ".parquet", ".zarr"])
def test_files_are_read_again_as_they_were(tmp_path, suffix):
    if suffix == ".zarr":
        pytest.importorskip("zarr", reason="the extra zarr is not installed")
    first = make_dataset(NAMES, **SMALL, noise=0.1, path=tmp_path, suffix=suffix)
    stamps = {f.name: f.stat().st_mtime_ns for f in tmp_path.iterdir()}
    again = make_dataset(NAMES, **SMALL, noise=0.1, path=tmp_path, suffix=suffix)
    assert first.identical(again)
    assert set(stamps) == {f"{name}{suffix}" for name in NAMES}
    assert stamps == {f.name: f.stat().st_mtime_ns for f in tmp_path.iterdir()}
    other = make_dataset(NAMES, **SMALL, noise=0.2, path=tmp_path, suffix=suffix)
    assert not np.array_equal(other["sprott_b"], first["sprott_b"])


def test_the_set_holds_the_orbits_of_each():
    data = make_dataset(NAMES, **SMALL, test_share=0.3)
    assert np.array_equal(data["sprott_b"], orbit("sprott_b", **SMALL).x)
    assert data["sprott_b"].attrs["period"] == catalogue["sprott_b"].period
    assert data["periods"].values[-1] == 2.0
    assert int(data["is_test"].sum()) == 6
    assert bool(data["is_test"].values[-1])


def test_a_part_of_the_variables_may_be_observed(tmp_path):
    named = make_dataset(NAMES, **SMALL, variables={"SprottB": ["z", "x"]}, path=tmp_path)
    assert list(named["sprott_b_variable"].values) == ["z", "x"]
    whole = make_dataset(NAMES, **SMALL, path=tmp_path)
    assert np.array_equal(named["sprott_b"], whole["sprott_b"].sel(sprott_b_variable=["z", "x"]))
    first = make_dataset(NAMES, **SMALL, variables=1, path=tmp_path)
    assert [first[n].shape for n in NAMES] == [(20, 1)] * 2
    assert np.array_equal(first["sprott_b"], whole["sprott_b"][:, :1])


@pytest.mark.parametrize("variables", [0, {"sprott_b": []}, {"sprott_b": ["q"]}, {"sprot_b": ["x"]}])
def test_variables_that_are_not_there_are_refused(variables):
    with pytest.raises((ParameterError, UnknownNameError)):
        make_dataset(NAMES, **SMALL, variables=variables)


def test_noise_of_a_system_does_not_depend_on_its_company():
    alone = make_dataset(["sprott_k"], **SMALL, noise=0.1)
    among = make_dataset(["sprott_b", "sprott_k"], **SMALL, noise=0.1)
    assert np.array_equal(alone["sprott_k"], among["sprott_k"])


def test_a_killed_run_goes_on_where_it_stopped(tmp_path):
    names = ["sprott_b", "sprott_c", "sprott_e", "sprott_g"]
    code = f"from cocycle.report import make_dataset; make_dataset({names}, **{SMALL}, path={str(tmp_path)!r})"
    run = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("[!.]*.nc")) and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = {f.name: f.stat().st_mtime_ns for f in tmp_path.glob("[!.]*.nc")}
    assert 1 <= len(kept) <= len(names)
    data = make_dataset(names, **SMALL, path=tmp_path)
    assert set(data.data_vars) == set(names)
    assert kept == {f.name: f.stat().st_mtime_ns for f in tmp_path.glob("[!.]*.nc") if f.name in kept}


REFUSED = [
    (lambda d: make_dataset(["sprot_b"]), UnknownNameError, "sprott_b"),
    (lambda d: make_dataset(NAMES, test_share=1.0), ParameterError, "test_share"),
    (lambda d: make_dataset(NAMES, suffix=".zip"), ParameterError, "suffix"),
    (lambda d: make_dataset(NAMES, path=d / "file" / "below"), OutputError, "cannot write"),
]


@pytest.mark.parametrize(("call", "error", "says"), REFUSED)
def test_refused(call, error, says, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(error, match=says):
        call(tmp_path)


def test_page_shows_each_system_once_under_its_field():
    names = ["henon", "tent", "sprott_b", "sprott_delay", "kuramoto_sivashinsky"]
    page = catalogue_page(names)
    assert page.count("<figure") == page.count("<svg") == len(names)
    for name in names:
        assert page.count(f"<code>{name}</code>") == 1
        assert f'<section id="{catalogue[name].field}">' in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page), "it must work offline"
