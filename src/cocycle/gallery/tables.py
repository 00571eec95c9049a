"""Outcomes as a Markdown table."""

from collections.abc import Iterable

from cocycle.gallery.claims import Verdict
from cocycle.gallery.registry import Paper, papers
from cocycle.gallery.results import Outcome, number_text


def markdown(outcomes: Iterable[Outcome]) -> str:
    """Write claims, expected and measured numbers and verdicts; papers and claims without a run are named as such.

    Args:
        outcomes: judged runs.

    Returns:
        A page of Markdown.
    """
    found = {o.slug: o for o in outcomes}
    rows = [r for o in found.values() for r in o.rows]
    good = sum(r.verdict is Verdict.REPRODUCED for r in rows)
    n_claims = sum(len(p.claims) for p in papers().values())
    lines = [
        "# Gallery",
        "",
        "Published papers, run again: `cocycle gallery run SLUG`. Every claim has a control, the same quantity where "
        "it must come out the other way; a claim counts as reproduced only where the control fails it. "
        "Numbers are given with their standard error.",
        "",
        f"{len(papers())} papers, {n_claims} claims; {len(rows)} of them run in the check tier, {good} reproduced.",
    ]
    for paper in papers().values():
        lines += _section(paper, found.get(paper.slug))
    return "\n".join(lines) + "\n"


def _section(paper: Paper, outcome: Outcome | None) -> list[str]:
    when = "not yet run in the check tier" if outcome is None else f"{outcome.seconds:.0f} s"
    rows = {} if outcome is None else {r.id: r for r in outcome.rows}
    lines = [
        "",
        f"## {paper.number:03d} {paper.title}",
        "",
        f"{', '.join(paper.authors)} ({paper.year}). `cocycle gallery run {paper.slug}`, {when}."
        + (" An analogue of the paper's own subject." if paper.analogue else ""),
        *([""] + [f"- {d}" for d in paper.deviations] if paper.deviations else []),
        "",
        "| claim | expected | measured | control | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for claim in paper.claims:
        row = rows.get(claim.id)
        if row is None:
            numbers = f"— | {claim.control} | not run"
        else:
            control = number_text(row.control, row.control_stderr)
            numbers = f"{number_text(row.measured, row.stderr)} | {claim.control}: {control} | {row.verdict}"
        lines.append(f"| {claim.sentence} | {claim.expectation} | {numbers} |")
    return lines
