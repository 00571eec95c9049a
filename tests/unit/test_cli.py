"""The command line, run in this process: reports of a system, of a user's file and of data; simulate, list, show."""

import json
import os
import pathlib
import stat
import subprocess
import sys

import numpy as np
import pytest

import cocycle as cc
from cocycle.cli import main
from cocycle.cli.entry import cache_directory

USER_FILE = """
import cocycle as cc
import jax.numpy as jnp

print("hello from the file")

@cc.flow(dt=0.05, x0=jnp.array([0.1, 0.2, 0.3]), args={"b": 0.18})
def thomas(t, y, args):
    return jnp.sin(jnp.roll(y, -1)) - args["b"] * y
"""


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys, *argv):
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, out, err


def test_report_of_a_catalogue_system(capsys):
    code, out, err = run(capsys, "report", "henon", "--steps", "2000", "--set", "a=1.3", "--seed", "1")
    assert (code, err) == (0, "")
    assert "periodic" in out
    assert "repeats after 7 steps" in out  # the window of period 7 at a = 1.3
    document = json.loads(pathlib.Path("cocycle-report-henon/report.json").read_text())
    assert document["parameters"]["a"] == 1.3
    assert document["options"]["seed"] == 1
    assert document["options"]["n_steps"] == 2000
    assert sorted(os.listdir("cocycle-report-henon")) == ["report.html", "report.json"]


def test_json_alone_on_stdout(capsys):
    pathlib.Path("model.py").write_text(USER_FILE)
    argv = ["report", "model.py:thomas", "--duration", "50", "--set", "b=0.3", "--x0", "1,2,3", "--json", "--out", "o"]
    code, out, err = run(capsys, *argv)
    document = json.loads(out)
    assert code == 0
    assert document["parameters"] == {"b": 0.3}
    assert document["options"]["n_steps"] == 1000
    assert "hello" in err  # what the user's file prints does not soil the document
    assert json.loads(pathlib.Path("o/report.json").read_text()) == document
    assert not pathlib.Path("__pycache__").exists()


def test_object_may_be_left_out_and_quiet_is_quiet(capsys):
    pathlib.Path("model.py").write_text(USER_FILE.replace('print("hello from the file")', ""))
    assert run(capsys, "report", "model.py", "--steps", "500", "--quiet") == (0, "", "")
    assert pathlib.Path("cocycle-report-thomas/report.html").exists()


def test_report_of_a_file(capsys):
    x = [0.3]
    for _ in range(599):
        x.append(4 * x[-1] * (1 - x[-1]))
    np.savetxt("x.csv", np.column_stack([0.5 * np.arange(600), x]), delimiter=",", header="t,value", comments="")
    code, out, _ = run(capsys, "report", "x.csv", "--column", "value", "--out", "here")
    assert code == 0
    assert "x: " in out
    document = json.loads(pathlib.Path("here/report.json").read_text())
    assert document["source"]["dt"] == 0.5
    assert document["source"]["column"] == "value"


def test_report_with_a_strip(capsys):
    code, out, _ = run(capsys, "report", "logistic", "--steps", "1000", "--sweep", "r=3:4:5", "--json")
    assert code == 0
    assert json.loads(out)["sweep"]["values"] == [3.0, 3.25, 3.5, 3.75, 4.0]


@pytest.mark.parametrize("suffix", ["nc", "parquet", "csv", "npz"])
def test_simulate_writes_what_the_library_computes(capsys, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    argv = ["simulate", "lorenz63", "-o", f"orbit.{suffix}", "--steps", "60", "--save-every", "3", "--set", "rho=20"]
    assert run(capsys, *argv)[0] == 0
    expected = cc.trajectory(cc.systems.Lorenz63(rho=20), n_steps=60, save_every=3)
    found = cc.read(f"orbit.{suffix}", column="z")
    np.testing.assert_array_equal(found.values, expected.x[:, 2])
    assert found.dt == pytest.approx(0.03)
    assert [p.name for p in pathlib.Path().iterdir()] == [f"orbit.{suffix}"]


def test_seed_is_the_noise(capsys):
    def noise(seed, name):
        assert main(["simulate", "double_well", "-o", name, "--steps", "50", "--seed", seed]) == 0
        return cc.load(name).x

    np.testing.assert_array_equal(noise("4", "a.npz"), noise("4", "b.npz"))
    assert not np.array_equal(noise("4", "a.npz"), noise("5", "b.npz"))


def test_list_and_show(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "list")
    assert code == 0
    assert all(name in out for name in cc.systems.catalogue.names() if len(name) < 20)
    _, climate, _ = run(capsys, "list", "--field", "climate")
    assert "lorenz63" in climate
    assert "henon" not in climate
    code, out, _ = run(capsys, "show", "lorenz63")
    assert code == 0
    assert "rho" in out
    assert "ẋ = σ (y − x)" in out
    assert "0.9056" in out
    assert sum(0x2800 < ord(c) <= 0x28FF for c in out) > 100  # an orbit in dots
    assert "Kaplan-Yorke dimension" in out
    code, out, _ = run(capsys, "show", "lorenz63", "--no-picture")
    assert code == 0
    assert not any(0x2800 <= ord(c) <= 0x28FF for c in out)
    code, _, err = run(capsys, "simulate", "lorenz63", "--set", "rho=-1", "-o", "x.npz", "--steps", "10")
    assert code == 0
    assert "physical range, 0 or more" in err


def test_help_needs_no_argument(capsys):
    for argv in ([], ["--help"], ["report", "--help"]):
        code, out, err = run(capsys, *argv)
        assert code == 0
        assert "Usage" in out
        assert err == ""


def test_interrupt_is_130(capsys, monkeypatch):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("cocycle.report.sources.of_system", stop)
    code, out, err = run(capsys, "report", "henon")
    assert (code, out) == (130, "")
    assert err.count("\n") == 1
    assert "nothing was written" in err


def test_interrupt_in_the_middle_keeps_what_is_done(capsys, monkeypatch):
    from cocycle.stability import exponents

    real = exponents.tangent_rows

    def stop(system, driver, x, frame, n, *rest):
        if int(n) > 25_000:  # the transient ends at 20,000
            raise KeyboardInterrupt
        return real(system, driver, x, frame, n, *rest)

    monkeypatch.setattr(exponents, "tangent_rows", stop)
    code, _, err = run(capsys, "report", "lorenz63", "--steps", "200000", "--out", "kept")
    assert code == 130
    assert "what was done is in kept" in err
    document = json.loads(pathlib.Path("kept/report.json").read_text())
    assert document["options"]["interrupted"]
    assert 0.5 < document["quantities"]["maximal_exponent"]["value"] < 1.3
    assert document["refusals"]["correlation_dimension"].startswith("interrupted")


def test_internal_errors_are_one_line_and_debug_shows_all(capsys, monkeypatch):
    def fail(*args, **options):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("cocycle.report.sources.of_system", fail)
    code, out, err = run(capsys, "report", "henon")
    assert (code, out) == (1, "")
    assert err == "cocycle: error: internal: RuntimeError: two lines; run with --debug for the traceback.\n"
    with pytest.raises(RuntimeError):
        main(["report", "henon", "--debug"])


def test_cache_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("COCYCLE_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_directory() == tmp_path / "mine"
    monkeypatch.delenv("COCYCLE_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "cocycle" / "jax"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COCYCLE_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert cache_directory() is None


def test_command_from_the_shell(tmp_path):
    program = "import sys; from cocycle.cli import main; sys.exit(main())"
    argv = [sys.executable, "-c", program, "report", "henon", "--steps", "500", "--json", "--out", str(tmp_path / "o")]
    environment = {**os.environ, "COCYCLE_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["schema"] == "cocycle-report/1"
    mode = stat.S_IMODE((tmp_path / "o" / "report.html").stat().st_mode)
    assert mode & stat.S_IRUSR
    assert any((tmp_path / "cache").iterdir())


def test_heavy_packages_stay_away_from_a_system_report():
    program = (
        "import sys; from cocycle.cli import main; main(['report', 'henon', '--steps', '300', '--quiet']);"
        "heavy = {'pandas', 'xarray', 'matplotlib', 'plotly.graph_objects', 'plotly.express'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "[]", done.stderr
