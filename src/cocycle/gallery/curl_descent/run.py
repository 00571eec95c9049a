"""Two-layer linear networks that learn from a teacher while some hidden neurons have the sign of learning flipped."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from cocycle.core.run import trajectory
from cocycle.gallery.results import Curve, Plot, Results
from cocycle.steppers import Flow

SIZES = {"narrow": (10, 20, 20), "square": (20, 20, 20), "wide": (20, 40, 20)}
N_SEEDS = 5
DT = 0.05


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the run.

    Attributes:
        duration: time of learning.
        fractions: flipped shares of the hidden neurons.
        seed: of teachers and first weights.
    """

    duration: float = 300.0
    fractions: tuple[float, ...] = (0.0, 0.3, 0.6, 0.8)
    seed: int = 0


SMOKE = Config(duration=10.0, fractions=(0.0, 0.3, 0.6))


def field(t: Any, y: Any, args: Any) -> Any:
    """Learning: gradient flow with the sign s_j of the first layer's hidden neuron j."""
    gap = y["W2"] @ y["W1"] - args["teacher"]
    return {"W1": -args["signs"][:, None] * (y["W2"].T @ gap), "W2": -gap @ y["W1"].T}


def start(key: Any, size: tuple[int, int, int]) -> tuple[Any, Any]:
    """First weights and a teacher."""
    n_out, n_hidden, n_in = size
    k = jr.split(key, 4)
    weights = {
        "W1": jr.normal(k[0], (n_hidden, n_in)) / np.sqrt(n_in),
        "W2": jr.normal(k[1], (n_out, n_hidden)) / np.sqrt(n_hidden),
    }
    teacher = jr.normal(k[2], (n_out, n_hidden)) @ jr.normal(k[3], (n_hidden, n_in)) / np.sqrt(n_hidden * n_in)
    return weights, teacher


def watch(y: Any) -> Any:
    """Weights, as they are."""
    return y


def learn(name: str, fraction: float, config: Config) -> dict[str, np.ndarray]:
    """Five seeds: loss along the way (seeds, time), and the end."""
    size = SIZES[name]
    keys = jr.split(jr.fold_in(jr.key(config.seed), list(SIZES).index(name)), N_SEEDS)
    signs = jnp.where(jnp.arange(size[1]) < round(fraction * size[1]), -1.0, 1.0)
    n_steps = round(config.duration / DT)

    def one(key: Any) -> Any:
        weights, teacher = start(key, size)
        flow = Flow(field, {"teacher": teacher, "signs": signs}, dt=DT)
        norm = jnp.sum(teacher**2)

        def loss(y: Any) -> Any:
            return jnp.sum((y["W2"] @ y["W1"] - teacher) ** 2) / norm

        orbit = trajectory(flow, weights, n_steps=n_steps, observe=loss)
        return weights, orbit.final, jnp.concatenate([loss(weights)[None], orbit.x])

    first, last, losses = jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(keys))
    s = np.asarray(signs)

    def invariant(w: Any, signs: np.ndarray) -> np.ndarray:
        return np.sum(w["W2"] ** 2, axis=1) - signs * np.sum(w["W1"] ** 2, axis=2)

    A = np.einsum("kij,j,klj->kil", last["W2"], s, last["W2"])
    B = np.einsum("kji,kjl->kil", last["W1"], last["W1"])
    return {
        "loss": losses,
        "drift": np.max(np.abs(invariant(last, s) - invariant(first, s)), axis=1),
        "other_drift": np.max(np.abs(invariant(last, 1.0 + 0 * s) - invariant(first, 1.0 + 0 * s)), axis=1),
        "margin": np.linalg.eigvalsh(A)[:, 0] + np.linalg.eigvalsh(B)[:, 0],
        "rise": np.max(np.diff(losses, axis=1), axis=1),
    }


def main(config: Config) -> Results:
    """All sizes and fractions.

    Args:
        config: sizes.
    """
    runs = {(name, f): learn(name, f, config) for name in SIZES for f in config.fractions}
    final = {case: r["loss"][:, -1] for case, r in runs.items()}
    ends = np.concatenate(list(final.values()))
    margins = np.concatenate([r["margin"] for r in runs.values()])
    flipped = [r for (_, f), r in runs.items() if f > 0]
    failed = ends > 1e-3
    stable = margins > 0.05
    t = DT * np.arange(runs["square", 0.0]["loss"].shape[1])
    curves = [("narrow", 0.3), ("square", 0.0), ("square", 0.6), ("wide", 0.6)]
    pictures = (
        Plot(
            "Learning curves",
            "time",
            "loss / first norm of the teacher",
            tuple(Curve(t, np.maximum(runs[c]["loss"][0], 1e-31), f"{c[0]}, {c[1]:.0%} flipped") for c in curves),
            caption="Flipped neurons do no harm where there are enough of the others.",
            log_y=True,
        ),
        Plot(
            "Where runs end",
            "sum of smallest eigenvalues",
            "final loss",
            (Curve(margins, np.maximum(ends, 1e-31), dots=True),),
            caption="Runs that end at a stable place have learned; those that have not end at its edge.",
            log_y=True,
        ),
    )
    return Results(
        {
            "invariants": float(max(r["drift"].max() for r in flipped)),
            "weak": float(final["narrow", 0.3].max()),
            "strong": float(final["square", 0.6].min()),
            "stable_learn": float(np.max(ends[stable], initial=0.0)),
            "unstable_fail": float(np.max(margins[failed], initial=-np.inf)) if failed.any() else np.nan,
            "monotone": float(max(runs[name, 0.0]["rise"].max() for name in SIZES)),
        },
        {
            "invariants": float(max(r["other_drift"].max() for r in flipped)),
            "weak": float(final["square", 0.6].min()),
            "strong": float(final["wide", 0.6].max()),
            "stable_learn": float(np.max(ends[~stable], initial=0.0)),
            "unstable_fail": float(np.max(margins[~failed])),
            "monotone": float(runs["narrow", 0.6]["rise"].max()),
        },
        pictures,
    )
