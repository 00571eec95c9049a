"""Records: computed, kept through a kill, read back, and checked by checks that can fail."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from cocycle.cli import main
from cocycle.core.errors import DataError, ParameterError, UnknownNameError
from cocycle.systems import catalogue
from cocycle.systems.corrections import corrections, corrections_page
from cocycle.systems.identities import Z, checks_of, verify
from cocycle.systems.recomputation import compute, recompute
from cocycle.systems.records import Record, packaged_records, read_records, write_records

SHORT = 100.0  # Lyapunov times


@pytest.fixture(scope="module")
def lorenz() -> Record:
    return compute("lorenz63", lyapunov_times=SHORT)


def test_record_has_the_known_exponents_and_passes(lorenz):
    known = np.array([0.9056, 0.0, -14.5723])  # sprott2003
    ends = lorenz.speed_range / lorenz.duration
    assert np.all(np.abs(np.array(lorenz.exponents) - known) < Z * np.array(lorenz.stderr) + ends)
    assert all(check.passed for check in checks_of(catalogue["lorenz63"], lorenz))
    assert lorenz.divergence == pytest.approx((-41 / 3, 0.0), abs=1e-12)  # round-off of a mean
    assert lorenz.lyapunov_time == pytest.approx(1 / lorenz.exponents[0])


def test_a_map_and_a_driven_flow():
    cat = compute("cat_map", lyapunov_times=SHORT)
    assert cat.exponents[0] == pytest.approx(np.log((3 + np.sqrt(5)) / 2), abs=1e-9)
    assert cat.halved_exponents is None
    assert cat.autonomous is None
    duffing = compute("duffing", lyapunov_times=SHORT)
    assert duffing.autonomous is False
    assert not any("zero" in check.name for check in checks_of(catalogue["duffing"], duffing))


def spoiled(record, **changes):
    return {c.name for c in checks_of(catalogue["lorenz63"], dataclasses.replace(record, **changes)) if not c.passed}


def test_every_check_can_fail(lorenz):
    first, zero, last = lorenz.exponents
    assert spoiled(lorenz, exponents=(first, zero, last + 1.0)) >= {"the sum is the mean divergence"}
    assert spoiled(lorenz, exponents=(first, 0.5, last)) >= {"an exponent is zero"}
    assert spoiled(lorenz, exponents=(-first, zero, last)) >= {"the largest exponent is positive"}
    assert spoiled(lorenz, halved_exponents=(2 * first, zero, last)) == {
        "half the step gives the same exponents",
    }
    assert spoiled(lorenz, volume_residual=1e-3) == {"sum of log R_ii is log|det| of the step"}
    assert spoiled(lorenz, exponents=(float("nan"), zero, last)) == {"all exponents are finite"}
    heiles = compute("henon_heiles", lyapunov_times=SHORT)
    worse = dataclasses.replace(heiles, exponents=(2.0, *heiles.exponents[1:]))
    failed = {c.name for c in checks_of(catalogue["henon_heiles"], worse) if not c.passed}
    assert "exponents come in pairs" in failed


def test_file_is_read_back_and_a_foreign_one_is_refused(lorenz, tmp_path):
    file = tmp_path / "records.json"
    write_records({"lorenz63": lorenz}, file)
    back = read_records(file)["lorenz63"]
    assert back.exponents == pytest.approx(lorenz.exponents, rel=1e-8)  # nine digits are kept
    assert read_records(tmp_path / "none.json") == {}
    file.write_text('{"lorenz63": {"name": "lorenz63"}}')
    with pytest.raises(DataError, match="recompute"):
        read_records(file)
    file.write_text("[1, 2")
    with pytest.raises(DataError, match="not a file of records"):
        read_records(file)


def test_finished_systems_are_not_computed_again(tmp_path):
    file = tmp_path / "records.json"
    first = recompute(["logistic"], n_jobs=1, lyapunov_times=SHORT, path=file)["logistic"]
    again = recompute(["logistic"], n_jobs=1, lyapunov_times=SHORT, path=file)["logistic"]
    assert again.seconds == pytest.approx(first.seconds, rel=1e-8)  # the very same one, to nine digits
    longer = recompute(["logistic"], n_jobs=1, lyapunov_times=2 * SHORT, path=file)["logistic"]
    assert longer.fingerprint != first.fingerprint
    outcome = verify(["logistic", "henon"], path=file)
    assert outcome.missing == ("henon",)
    assert not outcome.stale
    assert not outcome.passed


def test_a_killed_recompute_loses_nothing(tmp_path):
    """SIGKILL in the middle: what was finished is there, unbroken, and is not computed again."""
    file, names = tmp_path / "records.json", ["logistic", "henon", "standard_map", "cat_map", "van_der_pol", "thomas"]
    code = (
        "from cocycle.systems.recomputation import recompute\n"
        f"recompute({names!r}, n_jobs=1, lyapunov_times={SHORT}, path={str(file)!r})\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", code], env={**os.environ}, stderr=subprocess.DEVNULL)
    parts = file.with_suffix(".parts")
    deadline = time.monotonic() + 120
    while len(list(parts.glob("[a-z]*.json"))) < 2 and time.monotonic() < deadline and victim.poll() is None:
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    finished = {p.stem: json.loads(p.read_text())[p.stem] for p in parts.glob("[a-z]*.json")}
    assert 2 <= len(finished) < len(names)
    done = recompute(names, n_jobs=1, lyapunov_times=SHORT, path=file)
    assert set(done) == set(names) == set(read_records(file))
    for name, fields in finished.items():
        assert done[name].seconds == fields["seconds"]


def test_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="lorenz63"):
        recompute(["lorentz63"], path=tmp_path / "r.json")
    with pytest.raises(ParameterError, match="positive"):
        recompute(["henon"], lyapunov_times=0.0, path=tmp_path / "r.json")
    with pytest.raises(UnknownNameError, match="henon"):
        verify(["henom"])


def test_packaged_records_pass():
    """All of them: the numbers that the library ships."""
    outcome = verify(packaged_records())
    assert outcome.passed, str(outcome)
    assert len(outcome.checks) == len(packaged_records())


def test_corrections_list_what_differs():
    found = {c.name: c for c in corrections()}
    assert found
    for c in found.values():
        assert c.reasons
    page = corrections_page()
    assert all(f"| {name} |" in page for name in found)
    assert (pathlib.Path(__file__).parents[3] / "docs" / "catalogue-corrections.md").read_text() == page


def test_command_line(tmp_path, capsys):
    file = tmp_path / "records.json"
    assert (
        main(["catalogue", "recompute", "logistic", "--jobs", "1", "--lyapunov-times", "100", "--records", str(file)])
        == 0
    )
    assert "1 records" in capsys.readouterr().out
    assert main(["catalogue", "verify", "logistic", "--records", str(file)]) == 0
    assert main(["catalogue", "verify", "logistic", "henon", "--records", str(file)]) == 1
    assert "no record: henon" in capsys.readouterr().out
    assert main(["catalogue", "corrections", "-o", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text().startswith("# Corrections")
    assert main(["catalogue", "verify", "henom"]) == 2
