"""`cocycle stability`: page, JSON, map, and what it refuses. The page says what the verdict says."""

import json
import pathlib

import pytest
from problems import product_minimum

import cocycle as cc
from cocycle.cli import main
from cocycle.training import stability

USER_FILE = """
import jax.numpy as jnp
import numpy as np
from cocycle.training import Problem

print("hello from the file")
root = np.linalg.cholesky([[2.0, 0.9], [0.9, 1.0]])
rows = np.hstack([root, np.zeros((2, 1))])
problem = Problem(lambda w, x: w @ x, jnp.ones(3), (rows, rows @ np.ones(3)))
far = Problem(lambda w, x: jnp.tanh(w) @ x, 3 * jnp.ones(3), (rows, rows @ np.zeros(3)))
number = 3
"""


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("net.py").write_text(USER_FILE)


def test_page_json_and_map(capsys):
    argv = ["stability", "net.py:problem", "--lr", "0.8", "--batch-size", "1", "--map", "--steps", "600"]
    assert main([*argv, "--out", "o"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("SGD stable")
    assert "hello" in err
    document = json.loads(pathlib.Path("o/report.json").read_text())
    assert document["schema"] == "cocycle-stability/1"
    assert document["verdict"]["regime"] == "stable for SGD"
    assert document["map"]["batch_sizes"] == [1]
    assert len(document["map"]["exponent"][0]) == 24
    # Larger eigenvalue of [[2, 0.9], [0.9, 1]] over two samples.
    assert document["quantities"]["sharpness"]["value"] == pytest.approx((1.5 + (0.25 + 0.81) ** 0.5) / 2, rel=1e-12)
    page = pathlib.Path("o/report.html").read_text()
    assert "Exponent against learning rate" in page
    assert "stable for SGD" in page


def test_json_alone_on_stdout(capsys):
    argv = ["stability", "net.py:problem", "--lr", "2.0", "--batch-size", "2", "--epochs", "--steps", "400", "--json"]
    assert main([*argv, "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"]["regime"] == "unstable for SGD"
    assert document["options"]["replace"] is False


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["net.py:problem", "--lr", "0.1", "--batch-size", "5"], "exceeds the 2 samples"),
        (["net.py:problem", "--lr", "-1", "--batch-size", "1"], "learning_rate"),
        (["net.py:far", "--lr", "0.1", "--batch-size", "1"], "not at a minimum"),
        (["net.py:number", "--lr", "0.1", "--batch-size", "1"], "not a problem"),
        (["net.py:problm", "--lr", "0.1", "--batch-size", "1"], "did you mean 'problem'"),
        (["lorenz63", "--lr", "0.1", "--batch-size", "1"], "no Python file"),
        (["net.py:problem", "--batch-size", "1"], "--lr"),
    ],
)
def test_refuses_in_one_line(capsys, argv, words):
    assert main(["stability", *argv]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_report_of_a_verdict():
    verdict = stability(product_minimum(6.0, 2.2), learning_rate=0.4, batch_size=1, n_steps=400, critical=False)
    page = cc.report(verdict)
    assert page.json["quantities"]["sgd_exponent"]["value"] == verdict.exponent.value
    assert page.json["refusals"]["critical_rate"] == "not asked for"
    assert "Curvature" in page.html
