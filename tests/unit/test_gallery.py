"""Claims are judged with their controls; runs are kept and read back; the command line says what happened."""

import dataclasses
import json
import pathlib

import pytest

from cocycle.cli import main
from cocycle.core.errors import DataError, ParameterError, UnknownNameError
from cocycle.core.estimate import Estimate
from cocycle.gallery import Claim, Comparison, Outcome, Verdict, markdown, outcome_page, paper, papers, run_paper
from cocycle.gallery.registry import read_paper
from cocycle.gallery.running import configuration, fingerprint

ROOT = pathlib.Path(__file__).parents[2]


def claim(comparison="equal", expected=(1.0,), tolerance=0.1):
    return Claim("c", "It is so.", expected, tolerance, "round-off", "the other way", Comparison(comparison))


@pytest.mark.parametrize(
    ("comparison", "measured", "control", "verdict"),
    [
        ("equal", (1.05, 0.0), (2.0, 0.0), "reproduced"),
        ("equal", (1.3, 0.11), (2.0, 0.0), "reproduced"),  # 0.3 <= 0.1 + 2 * 0.11
        ("equal", (1.3, 0.09), (2.0, 0.0), "not reproduced"),
        ("equal", (1.0, 0.0), (1.05, 0.0), "vacuous"),
        ("equal", (1.0, 9.0), (2.0, 9.0), "vacuous"),  # a bar that reaches anywhere proves nothing
        ("equal", (float("nan"), 0.0), (2.0, 0.0), "not reproduced"),
        ("equal", (1.0, float("inf")), (2.0, 0.0), "undecided"),
        ("at most", (1.0, 0.04), (2.0, 0.0), "reproduced"),
        ("at most", (1.0, 0.06), (2.0, 0.0), "undecided"),
        ("at most", (1.0, 0.0), (1.2, 0.06), "undecided"),
        ("at most", (1.2, 0.04), (2.0, 0.0), "not reproduced"),
        ("at least", (1.0, 0.04), (0.5, 0.0), "reproduced"),
        ("at least", (0.8, 0.04), (0.5, 0.0), "not reproduced"),
        ("at least", (1.0, 0.0), (1.0, 0.0), "vacuous"),
    ],
)
def test_judgement(comparison, measured, control, verdict):
    """By hand from the rule: tolerance and two standard errors."""
    assert claim(comparison).judge(Estimate(*measured), Estimate(*control)) == verdict


def test_judgement_between():
    within = claim("between", (0.0, 1.0), 0.0)
    assert within.judge(Estimate(0.5, 0.2), Estimate(2.0)) is Verdict.REPRODUCED
    assert within.judge(Estimate(0.5, 0.3), Estimate(2.0)) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"control": " "}, "control is empty"),
        ({"origin": ""}, "origin is empty"),
        ({"tolerance": -1.0}, "zero or more"),
        ({"expected": (1.0, 2.0)}, "needs 1"),
        ({"expected": (float("nan"),)}, "finite"),
    ],
)
def test_claims_that_cannot_be_judged(changes, match):
    with pytest.raises(DataError, match=match):
        dataclasses.replace(claim(), **changes)


def test_papers_are_found():
    assert paper("nlse_1d") is paper("nlse-1d") is paper("30") is paper("030")
    with pytest.raises(UnknownNameError, match="nlse-1d"):
        paper("nlse")
    text = (ROOT / "docs" / "refs.bib").read_text()
    numbers = [p.number for p in papers().values()]
    assert len(set(numbers)) == len(numbers)
    for found in papers().values():
        assert f"{{{found.source}," in text, f"{found.source} is not in docs/refs.bib"
        module = found.module()
        assert isinstance(module.SMOKE, module.Config)
        with pytest.raises(dataclasses.FrozenInstanceError):
            module.SMOKE.seed = 1
        source = pathlib.Path(module.__file__).read_text()
        assert "print(" not in source
        assert source.count("\n") <= 250


def test_gallery_page_is_up_to_date():
    """The page names every claim of every paper with a verdict."""
    page = (ROOT / "docs" / "gallery.md").read_text()
    for found in papers().values():
        for c in found.claims:
            assert f"| {c.sentence} | {c.expectation} |" in page, f"{found.slug}: {c.id}; renew docs/gallery.md"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("number = 1", "claims"),
        ("number = = 1", "paper.toml of p"),
        ('number = 1\nunknown = 2\n[[claims]]\nid="a"', "expected"),
    ],
)
def test_paper_files_are_checked(tmp_path, text, match):
    (tmp_path / "p").mkdir()
    file = tmp_path / "p" / "paper.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=match):
        read_paper(file)


@pytest.fixture(scope="module")
def outcome():
    return run_paper(paper("nlse-1d"), tier="smoke")


def test_outcome_is_kept(outcome, tmp_path):
    file = tmp_path / "o.json"
    outcome.save(file)
    back = Outcome.load(file)
    assert back.to_document() == outcome.to_document()
    assert back.rows == outcome.rows
    assert "13 of 13" not in outcome_page(back)  # smoke judges some claims only
    assert paper(outcome.slug).title in outcome_page(back)
    assert "| Its mass is 2 A = 4. |" in markdown([back])
    file.write_text(json.dumps({"schema": "other"}))
    with pytest.raises(DataError, match="run the paper again"):
        Outcome.load(file)


def test_configuration_is_checked():
    found = paper("nlse-1d")
    assert configuration(found, "check", {"n": 64}).n == 64
    assert configuration(found, "check", {"dt": 1}).dt == 1.0
    assert fingerprint(found, configuration(found, "check")) != fingerprint(found, configuration(found, "smoke"))
    for tier, values, match in [
        ("full", {}, "smoke or check"),
        ("check", {"m": 1}, "no setting 'm'"),
        ("check", {"n": 1.5}, "takes a int"),
    ]:
        with pytest.raises(ParameterError, match=match):
            configuration(found, tier, values)


def test_command_line(outcome, tmp_path, capsys):
    kept = dataclasses.replace(outcome)
    kept.save(tmp_path / "nlse-1d.json")
    assert main(["gallery", "run", "30", "--tier", "smoke", "--out", str(tmp_path)]) == 0
    assert "kept from" in capsys.readouterr().out
    assert main(["gallery", "run", "30", "--tier", "smoke", "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["slug"] == "nlse-1d"
    assert main(["gallery", "list"]) == 0
    assert "nlse-1d" in capsys.readouterr().out
    assert main(["gallery", "show", "30"]) == 0
    assert "defocusing" in capsys.readouterr().out
    assert main(["gallery", "table", str(tmp_path), "-o", str(tmp_path / "g.md")]) == 0
    assert "nlse-1d" in (tmp_path / "g.md").read_text()
    for words in (
        ["gallery", "run"],
        ["gallery", "run", "999"],
        ["gallery", "run", "30", "--all"],
        ["gallery", "run", "30", "--tier", "x"],
        ["gallery", "run", "30", "--set", "q=1"],
        ["gallery", "list", "--field", "nothing"],
        ["gallery", "table", str(tmp_path / "none")],
    ):
        assert main(words) == 2, words
        line = capsys.readouterr().err
        assert line.startswith("cocycle: error:"), words
        assert line.count("\n") == 1, words


def test_a_lost_claim_exits_with_one(outcome, tmp_path, capsys):
    bad = dataclasses.replace(outcome.rows[0], verdict=Verdict.NOT_REPRODUCED)
    dataclasses.replace(outcome, rows=(bad, *outcome.rows[1:])).save(tmp_path / "nlse-1d.json")
    assert main(["gallery", "run", "30", "--tier", "smoke", "--out", str(tmp_path), "-q"]) == 1
