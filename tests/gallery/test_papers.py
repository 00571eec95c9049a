"""The smoke tier of every paper runs, and bears out what it can judge.

The check tier of all papers: `cocycle gallery run --all`.
"""

import math

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
    outcome = run_paper(papers()[slug], tier="check")
    assert outcome.passed, [r for r in outcome.rows if r.verdict != "reproduced"]
