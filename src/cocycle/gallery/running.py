"""Run a paper in a tier and judge its claims."""

import dataclasses
import datetime
import hashlib
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import cocycle
from cocycle.core.errors import DataError, ParameterError, suggest
from cocycle.core.estimate import Estimate
from cocycle.gallery.claims import Claim, Verdict
from cocycle.gallery.registry import FOLDER, Paper
from cocycle.gallery.results import Outcome, Results, Row, plot_table

TIERS = ("smoke", "check")


def run_paper(
    paper: Paper, *, tier: str = "check", settings: Mapping[str, Any] | None = None, seed: int | None = None
) -> Outcome:
    """Run a paper and judge its claims.

    Args:
        paper: the paper.
        tier: "smoke" (seconds; judges what is marked so) or "check" (at most 120 s on two cores; judges every claim).
        settings: values of its Config that differ from those of the tier.
        seed: of all random numbers; default that of the Config.

    Returns:
        The judged run.

    Raises:
        ParameterError: if the tier or a setting is unknown.
        DataError: if the run leaves out a claim.
    """
    config = configuration(paper, tier, settings, seed)
    began = time.perf_counter()
    found = paper.module().main(config)
    seconds = time.perf_counter() - began
    return Outcome(
        slug=paper.slug,
        tier=tier,
        rows=tuple(_row(c, found, tier, paper.slug) for c in paper.claims if needed(c, found, tier)),
        config=dataclasses.asdict(config),
        seed=config.seed,
        seconds=seconds,
        version=cocycle.__version__,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        fingerprint=fingerprint(paper, config),
        plots=tuple(plot_table(p) for p in found.plots),
        notes=found.notes,
    )


def needed(claim: Claim, found: Results, tier: str) -> bool:
    """Whether a run must give a number of a claim: a smoke run may leave out what it is too small for.

    Args:
        claim: the claim.
        found: the run.
        tier: smoke or check.
    """
    return tier == "check" or claim.smoke or claim.id in found.measured


def configuration(paper: Paper, tier: str, settings: Mapping[str, Any] | None = None, seed: int | None = None) -> Any:
    """Return the Config of a tier with some values replaced.

    Args:
        paper: the paper.
        tier: smoke or check.
        settings: values by name.
        seed: replaces that of the Config.

    Returns:
        A Config of the paper.

    Raises:
        ParameterError: if the tier or a name is unknown.
    """
    if tier not in TIERS:
        raise ParameterError(f"no tier {tier!r}; choose smoke or check.")
    module = paper.module()
    config = module.SMOKE if tier == "smoke" else module.Config()
    known = {f.name for f in dataclasses.fields(config)}
    changes = {**(settings or {}), **({} if seed is None else {"seed": seed})}
    for name, value in changes.items():
        if name not in known:
            raise ParameterError(f"paper {paper.slug} has no setting {name!r}; {suggest(name, known)}")
        changes[name] = _alike(name, value, getattr(config, name))
    return dataclasses.replace(config, **changes)


def _alike(name: str, value: Any, default: Any) -> Any:
    """Return the value as the type of the default."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise ParameterError(f"setting {name} takes a {kind} such as {default!r}, not {value!r}.")
    return value


def fingerprint(paper: Paper, config: Any) -> str:
    """Hash of the paper's files, the configuration and the version: a kept result with another one is stale.

    Args:
        paper: the paper.
        config: its configuration.
    """
    folder: pathlib.Path = FOLDER / paper.slug.replace("-", "_")
    digest = hashlib.sha256(f"{cocycle.__version__} {config!r}".encode())
    for path in [*sorted(folder.glob("*.py")), folder / "paper.toml"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _row(claim: Claim, found: Results, tier: str, slug: str) -> Row:
    if claim.id not in found.measured or claim.id not in found.controls:
        raise DataError(
            f"run.py of {slug} gives no number, or none of the control, for the claim {claim.id!r}; add it."
        )
    number, control = _estimate(found.measured[claim.id]), _estimate(found.controls[claim.id])
    judged = tier == "check" or claim.smoke
    verdict = claim.judge(number, control) if judged else Verdict.NOT_JUDGED
    return Row(
        claim.id, float(number.value), float(number.stderr), float(control.value), float(control.stderr), verdict
    )


def _estimate(number: Estimate | float | int) -> Estimate:
    return number if isinstance(number, Estimate) else Estimate(float(number))
