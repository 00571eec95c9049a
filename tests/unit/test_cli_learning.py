"""The commands learn, forecast, compare, and report of a model."""

import json
import pathlib

import numpy as np
import pytest

import cocycle as cc
from cocycle.cli import main


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = 0.1, 0.1
    rows = []
    for _ in range(1600):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        rows.append((x, y))
    np.savetxt("henon.csv", np.array(rows), delimiter=",", header="x,y", comments="", fmt="%.17g")


def run(capsys, *argv):
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def test_learn_forecast_compare_report(capsys):
    columns = ["--column", "x", "--column", "y"]
    argv = [
        "learn",
        "henon.csv",
        *columns,
        "--rows",
        ":500",
        "-o",
        "h.model",
        "--set",
        "n_delays=1",
        "--set",
        "ridge=0",
    ]
    code, out, err = run(capsys, *argv)
    assert (code, err) == (0, "")
    assert "NextGenerationReservoir from 500 rows" in out
    assert cc.load("h.model").variables == ("x", "y")

    code, out, _ = run(capsys, "forecast", "h.model", "--steps", "3", "-o", "ahead.csv")
    assert code == 0
    truth = np.loadtxt("henon.csv", delimiter=",", skiprows=1)
    ahead = np.loadtxt("ahead.csv", delimiter=",", skiprows=1)[:, 1:]
    assert np.max(np.abs(ahead - truth[500:503])) < 1e-9  # the model goes on where its data end
    code, out, _ = run(
        capsys, "forecast", "h.model", "--steps", "2", "--context", "henon.csv", *columns, "--rows", "0:9"
    )
    assert out.splitlines()[0] == "time,x,y"
    assert float(out.splitlines()[1].split(",")[1]) == pytest.approx(truth[9, 0], abs=1e-9)

    code, out, err = run(capsys, "compare", "h.model", "henon.csv", *columns, "--rows", "500:", "--out", "c")
    assert (code, err) == (0, "")
    assert "D_stsp" in out
    assert "two halves" in out
    document = json.loads(pathlib.Path("c/comparison.json").read_text())
    assert document["models"] == ["h"]
    assert document["scores"]["h"]["D_H"]["value"] < document["scores"]["shuffled"]["D_H"]["value"]
    assert "Attractors side by side" in pathlib.Path("c/comparison.html").read_text()

    code, out, err = run(capsys, "report", "h.model", "--steps", "3000", "--out", "r")
    assert code == 0, err
    assert "chaotic" in out


BAD = {
    "method": (["learn", "henon.csv", "-o", "m", "--method", "esm"], "did you mean 'esn'"),
    "option": (["learn", "henon.csv", "-o", "m", "--set", "n_delay=2"], "n_delays"),
    "part": (["learn", "henon.csv", "-o", "m", "--set", "ridge.a=2"], "no parts"),
    "kind": (["learn", "henon.csv", "-o", "m", "--method", "sindy", "--set", "regression=1"], "use Python"),
    "column": (["learn", "henon.csv", "-o", "m"], "choose one"),
    "rows": (["learn", "henon.csv", "--column", "x", "-o", "m", "--rows", "5"], "START:STOP"),
    "short": (["learn", "henon.csv", "--column", "x", "-o", "m", "--rows", ":2"], "at least"),
    "place": (["learn", "henon.csv", "--column", "x", "-o", "nowhere/m"], "directory"),
    "checkpoint": (["learn", "henon.csv", "--column", "x", "-o", "m", "--checkpoint", "c"], "step by step"),
    "no model": (["forecast", "henon.csv"], "not a result saved"),
    "no file": (["forecast", "nothing"], "no file"),
    "one file": (["compare", "henon.csv"], "at least one model"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_commands_are_one_line(capsys, case):
    argv, words = BAD[case]
    code, _, err = run(capsys, *argv)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
