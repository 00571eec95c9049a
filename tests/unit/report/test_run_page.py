"""A recorded training run as a report: verdict from the numbers, figures, the command."""

import json
import math

import numpy as np
import pytest

from cocycle.cli import main
from cocycle.core.errors import DataError
from cocycle.report.document import report
from cocycle.report.run_page import judge, of_run
from cocycle.training.run_file import RunFile, read_run


def write(path, rows, **about):
    file = RunFile(path, {"batch_size": 32, "n_params": 10, "n_samples": 100, **about})
    for step, row in enumerate(rows):
        file.append(10 * step, 0.1 * step, {k: v if isinstance(v, tuple) else (v, 0.0) for k, v in row.items()})
    file.close()
    return path


def rows(sharpness, exponent=-0.1, rate=0.1, n=8):
    late = {"sharpness": (sharpness, 0.1), "batch_sharpness": (0.5 * sharpness, 0.2), "learning_rate": rate}
    return [{"loss": 1.0 / (k + 1), **late, "exponent": (exponent, 0.01), "noise_scale": 5.0} for k in range(n)]


CASES = [
    (rows(10.0), "stable"),
    (rows(19.0), "edge of stability"),
    (rows(19.0, exponent=0.3), "unstable"),
    ([*rows(10.0), {"loss": math.nan, "learning_rate": 0.1}], "diverging"),
    ([{"loss": 1.0, "sharpness": 3.0}], "not judged"),
    ([{"learning_rate": 0.1, "loss": 1.0}], "not judged"),
]


@pytest.mark.parametrize(("given", "verdict"), CASES, ids=range(len(CASES)))
def test_the_verdict_follows_the_last_quarter(given, verdict, tmp_path):
    found, reasons = judge(read_run(write(tmp_path / "run.sqlite", given)))
    assert found == verdict
    assert reasons
    if verdict == "edge of stability":
        assert any("0.95 times 2/η = 20" in r for r in reasons)


def test_the_page_holds_every_quantity(tmp_path):
    path = write(tmp_path / "run.sqlite", [{**r, "test_accuracy": 0.5} for r in rows(19.0)], optimiser="SGD")
    found = report(path)
    assert found.json["verdict"]["regime"] == "edge of stability"
    assert found.json["quantities"]["sharpness"]["value"] == 19.0
    assert found.json["quantities"]["sharpness"]["stderr"] == 0.1
    assert found.json["options"]["optimiser"] == "SGD"
    for words in ("8 records of a training run", "Sharpness", "Gradient noise scale", "Test accuracy", "2 / η"):
        assert words in found.html
    assert len(found.analysis) == 8
    json.dumps(found.json, allow_nan=False)


def test_the_command_draws_a_run(tmp_path, capsys):
    pytest.importorskip("pyarrow", reason="parquet needs the extra 'files'")
    path = write(tmp_path / "run.parquet", rows(10.0))
    assert main(["report", str(path), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "run: stable" in printed
    assert (tmp_path / "out" / "report.html").exists()
    assert main(["report", str(path), "--steps", "10"]) == 2
    assert "--steps" in capsys.readouterr().err


def test_an_empty_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="no records yet"):
        of_run(write(tmp_path / "run.sqlite", []))
    assert np.isnan(read_run(write(tmp_path / "b.sqlite", [{"loss": math.nan}])).values).all()
