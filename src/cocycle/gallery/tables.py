"""Outcomes as a Markdown table."""

from collections.abc import Iterable

from cocycle.gallery.claims import Verdict
from cocycle.gallery.registry import papers
from cocycle.gallery.results import Outcome, number_text


def markdown(outcomes: Iterable[Outcome]) -> str:
    """Write claims, expected and measured numbers and verdicts of several runs.

    Args:
        outcomes: judged runs.

    Returns:
        A page of Markdown.
    """
    found = sorted(outcomes, key=lambda o: papers()[o.slug].number)
    rows = [r for o in found for r in o.rows]
    good = sum(r.verdict is Verdict.REPRODUCED for r in rows)
    lines = [
        "# Gallery",
        "",
        "Published papers, run again: `cocycle gallery run SLUG`. Every claim has a control, the same quantity where "
        "it must come out the other way; a claim counts as reproduced only where the control fails it. "
        "Numbers are given with their standard error.",
        "",
        f"{len(found)} papers, {len(rows)} claims, {good} reproduced.",
    ]
    for outcome in found:
        paper = papers()[outcome.slug]
        lines += [
            "",
            f"## {paper.number:03d} {paper.title}",
            "",
            f"{', '.join(paper.authors)} ({paper.year}). `cocycle gallery run {paper.slug}`, {outcome.seconds:.0f} s."
            + (" An analogue of the paper's own subject." if paper.analogue else ""),
            *([""] + [f"- {d}" for d in paper.deviations] if paper.deviations else []),
            "",
            "| claim | expected | measured | control | verdict |",
            "| --- | --- | --- | --- | --- |",
        ]
        claims = {c.id: c for c in paper.claims}
        for row in outcome.rows:
            claim = claims[row.id]
            measured = number_text(row.measured, row.stderr)
            control = f"{claim.control}: {number_text(row.control, row.control_stderr)}"
            lines.append(f"| {claim.sentence} | {claim.expectation} | {measured} | {control} | {row.verdict} |")
    return "\n".join(lines) + "\n"
