"""The smoke tier of every paper runs, and bears out what it can judge.

The check tier of all papers: `cocycle gallery run --all`.
"""

import json
import math
import pathlib

import pytest

from cocycle.gallery import papers, run_paper


@pytest.mark.parametrize("slug", papers())
def test_smoke(slug):
    outcome = run_paper(papers()[slug], tier="smoke")
    # Numbers that a run of this size cannot judge may be missing or NaN.
    for row in outcome.rows:
        judged = row.verdict != "not judged"
        assert not judged or (math.isfinite(row.measured) and math.isfinite(row.control)), row
    assert outcome.passed, [r for r in outcome.rows if r.verdict not in ("reproduced", "not judged")]


@pytest.mark.slow
@pytest.mark.parametrize("slug", papers())
def test_check(slug):
    """Each claim comes out as docs/gallery keeps it: reproduced, but for those that are known not to be."""
    kept = pathlib.Path(__file__).parents[2] / "docs" / "gallery" / f"{slug}.json"
    known = {row["id"]: row["verdict"] for row in json.loads(kept.read_text())["rows"]} if kept.exists() else {}
    outcome = run_paper(papers()[slug], tier="check")
    assert not [r for r in outcome.rows if r.verdict != known.get(r.id, "reproduced")]
