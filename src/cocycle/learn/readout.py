"""A linear readout whose penalty is chosen by what counts: forecasts in free run, on blocks of time left out."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from cocycle.learn.fitted import FitRecord, FittedSystem, finish, many_forecasts
from cocycle.learn.ridge import RidgeBlock, checked_penalties, ridge_block, ridge_weights
from cocycle.learn.rules import AbstractRule, unscaled
from cocycle.learn.stretches import Segments, joined

N_FOLDS = 5
N_STARTS = 8
HORIZON = 64


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """Regression rows of all stretches, one below the other, and where each comes from.

    Row k predicts row `at[k] + 1` of stretch `part[k]` from those up to `at[k]`.
    """

    features: np.ndarray
    targets: np.ndarray
    part: np.ndarray
    at: np.ndarray


def fit_readout(
    learner: Any,
    found: Segments,
    scaler: Any,
    rule: AbstractRule,
    with_weights: Callable[[Any, Any], Any],
    regression: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    penalties: Any,
    *,
    n_context: int,
) -> FittedSystem:
    """Fit a readout by ridge regression and make a system of it.

    The penalty with the least error of free runs counts, not that with the least one-step error: the latter is
    lowest where the model is unstable off the attractor. Free runs start in blocks that the weights have not seen.

    Args:
        learner: configuration, kept in the result.
        found: the data.
        scaler: their units against those of the rule.
        rule: the model without its readout.
        with_weights: puts weights (F, D) into the rule.
        regression: from a stretch in units of the rule to features (n, F) and targets (n, D); row k predicts row
            `n_context + k`.
        penalties: a penalty, or candidates.
        n_context: rows before the first prediction.

    Returns:
        FittedSystem.
    """
    candidates = checked_penalties(penalties)
    parts = [scaler.table_to_rule(part) for part in found.parts]
    rows = _gather([regression(part) for part in parts], n_context)
    n_folds = N_FOLDS if len(candidates) > 1 and len(rows.features) >= 4 * N_FOLDS else 1
    edges = [int(e) for e in np.linspace(0, len(rows.features), n_folds + 1)]
    blocks = [ridge_block(rows.features[a:b], rows.targets[a:b]) for a, b in itertools.pairwise(edges)]
    numbers, curves, best = {}, {}, 0
    if n_folds > 1:

        def model_of(weights: np.ndarray) -> FittedSystem:
            made = with_weights(rule, jnp.asarray(weights))
            cold = made.cold(jnp.zeros(found.n_columns))
            plain = unscaled(found)
            return FittedSystem(
                rule=made,
                scaler=plain,
                dt=jnp.asarray(1.0),
                x0=cold,
                record=FitRecord(),
                n_context=n_context,
                learner=None,
                name=None,
                variables=None,
            )

        errors = _free_run_errors(model_of, parts, rows, blocks, edges, candidates, n_context)
        best = int(np.argmin(errors))
        numbers["free_run_error"] = float(errors[best])
        curves = {"penalties": np.array(candidates), "free_run_errors": errors}
    weights = ridge_weights(blocks, [candidates[best]])[0]
    numbers["ridge"] = candidates[best]
    numbers["one_step_error"] = float(np.sqrt(np.mean((rows.targets - rows.features @ weights) ** 2)))
    record = FitRecord(numbers=numbers, curves=curves)
    return finish(with_weights(rule, jnp.asarray(weights)), found, scaler, learner, record, n_context=n_context)


def _gather(pieces: list[tuple[np.ndarray, np.ndarray]], n_context: int) -> _Rows:
    sizes = [len(features) for features, _ in pieces]
    return _Rows(
        joined([f for f, _ in pieces]),
        joined([t for _, t in pieces]),
        np.repeat(np.arange(len(pieces)), sizes),
        np.concatenate([n_context - 1 + np.arange(n) for n in sizes]),
    )


def _free_run_errors(
    model_of: Any,
    parts: list[np.ndarray],
    rows: _Rows,
    blocks: list[RidgeBlock],
    edges: list[int],
    candidates: tuple[float, ...],
    n_context: int,
) -> np.ndarray:
    """Mean square error of free runs for each candidate, none counted above the variance of the data, 1."""
    horizon = int(min(HORIZON, max(1, (edges[1] - edges[0]) // 2)))
    total, count = np.zeros(len(candidates)), 0
    for k in range(len(blocks)):
        starts = _starts(parts, rows, edges[k], edges[k + 1], horizon)
        if not len(starts):
            continue
        contexts = np.stack([parts[p][t + 1 - n_context : t + 1] for p, t in starts])
        futures = np.stack([parts[p][t + 1 : t + 1 + horizon] for p, t in starts])
        solved = ridge_weights([b for j, b in enumerate(blocks) if j != k], candidates)
        for i, weights in enumerate(solved):
            forecasts = np.nan_to_num(many_forecasts(model_of(weights), contexts, horizon), nan=1e6)
            total[i] += float(np.sum(np.minimum((np.clip(forecasts, -1e6, 1e6) - futures) ** 2, 1.0)))
        count += futures.size
    return total / max(count, 1)


def _starts(parts: list[np.ndarray], rows: _Rows, first: int, end: int, horizon: int) -> list[tuple[int, int]]:
    """Up to eight rows of a block, spread evenly, after which the data go on for the whole horizon."""
    lengths = np.array([len(part) for part in parts])
    block = np.arange(first, end)
    good = block[rows.at[block] + horizon < lengths[rows.part[block]]]
    # A free run should end inside the block that was left out.
    inside = good[good + horizon <= end]
    good = inside if len(inside) else good
    picks = np.unique(np.linspace(0, len(good) - 1, min(len(good), N_STARTS)).round().astype(int)) if len(good) else []
    return [(int(rows.part[good[i]]), int(rows.at[good[i]])) for i in picks]
