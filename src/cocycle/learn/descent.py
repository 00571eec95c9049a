"""Gradient descent through time: windows of data, forcing, a decaying rate, checkpoints, exact resumption.

Update number i draws its windows from `fold_in(key, i)` alone, so a run that was killed and resumed is the run that was
not.
"""

import dataclasses
import hashlib
import math
import pathlib
import time
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from cocycle.core.errors import AccuracyWarning, DataError, InsufficientDataError, InterruptedWarning, ParameterError
from cocycle.core.progress import Progress
from cocycle.core.run import Pace, Status
from cocycle.core.storage import load, save
from cocycle.learn.fitted import FitRecord
from cocycle.learn.forcing import AbstractForcing

CHUNK = 4096
CHECKPOINT_SECONDS = 5.0
DIRECTION = optax.scale_by_radam()


@dataclasses.dataclass(frozen=True)
class Descent:
    """How a model is trained: rectified Adam on windows drawn at random, its rate falling exponentially.

    Args:
        n_updates: updates in all.
        batch_size: windows in each.
        length: steps in a window.
        rate: first learning rate.
        last_rate: last learning rate.
        clip: largest norm of a gradient; larger ones are scaled down to it.
        noise: standard deviation of Gaussian noise added to the inputs [standard deviations of the data].
        n_checkpoints: states of a window that are kept for the way back, by recursive checkpointing; None keeps all.
            Gradients are the same; fewer need less memory and more time.

    Raises:
        ParameterError: if an option is out of range.

    Source: rectified Adam [liu2020]; checkpointing [griewank2000].
    """

    n_updates: int = 5000
    batch_size: int = 16
    length: int = 100
    rate: float = 5e-3
    last_rate: float = 5e-5
    clip: float = 10.0
    noise: float = 0.0
    n_checkpoints: int | None = None

    def __post_init__(self):
        for name in ("n_updates", "batch_size", "length", "n_checkpoints"):
            value = getattr(self, name)
            if name == "n_checkpoints" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ParameterError(f"Descent: {name} must be a whole number of at least 1, got {value!r}.")
        for name in ("rate", "last_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ParameterError(f"Descent: {name} must be a positive number, got {getattr(self, name)!r}.")
        if not 0 <= self.noise < math.inf:
            raise ParameterError(f"Descent: noise must be a number of at least 0, got {self.noise!r}.")


class _Carry(eqx.Module):
    """All that a run needs to go on."""

    rule: Any
    moments: Any
    alpha: Any


@eqx.filter_jit
def _updates(
    carry: _Carry,
    rows: Any,
    starts: Any,
    key: Any,
    first: Any,
    n: Any,
    numbers: Any,
    forcing: Any,
    batch: int,
    length: int,
    n_checkpoints: int | None,
    n_washout: int,
) -> Any:
    """Do n updates from number `first`; losses and gradient norms fill the first n places of their arrays."""
    rate, ratio, n_all, clip, noise, n_starts = numbers
    losses, norms, alphas = (jnp.full(CHUNK, jnp.nan) for _ in range(3))

    def windows(i: Any) -> tuple[Any, Any]:
        k_pick, k_noise = jax.random.split(jax.random.fold_in(key, i))
        at = starts[jax.random.randint(k_pick, (batch,), 0, n_starts)]
        drawn = jax.vmap(lambda a: jax.lax.dynamic_slice_in_dim(rows, a, n_washout + length + 1))(at)
        return drawn, drawn[:, :-1] + noise * jax.random.normal(k_noise, drawn[:, :-1].shape)

    def one(i: Any, state: Any) -> Any:
        carry, losses, norms, alphas, j = state
        drawn, seen = windows(i)
        alpha = forcing.strength(carry.rule, drawn, carry.alpha, i)
        # While it is brought into step the model sees nothing but data.
        weights = jnp.concatenate([jnp.ones(n_washout), forcing.weights(alpha, length)])
        moving, fixed = eqx.partition(carry.rule, eqx.is_inexact_array)

        def loss_of(moving: Any) -> Any:
            rule = eqx.combine(moving, fixed)
            return rule.objective(drawn, seen, weights, n_checkpoints, n_washout)

        loss, gradient = jax.value_and_grad(loss_of)(moving)
        norm = optax.tree.norm(gradient)
        gradient = jax.tree.map(lambda g: g * jnp.minimum(1.0, clip / norm), gradient)
        direction, moments = DIRECTION.update(gradient, carry.moments)
        step = rate * ratio ** (i / n_all)
        moved = jax.tree.map(lambda p, d: p - step * d, moving, direction)
        # A bad update is not taken: the last good parameters stay, and the host stops.
        good = jnp.isfinite(norm) & jnp.isfinite(loss)
        new = _Carry(eqx.combine(moved, fixed), moments, alpha)
        new = jax.tree.map(lambda a, b: jnp.where(good, a, b) if eqx.is_array(a) else a, new, carry)
        return new, losses.at[j].set(loss), norms.at[j].set(norm), alphas.at[j].set(alpha), j + 1

    out = jax.lax.fori_loop(first, first + n, one, (carry, losses, norms, alphas, 0))
    return out[:4]


def train(
    rule: Any,
    parts: list[np.ndarray],
    descent: Descent,
    forcing: AbstractForcing,
    key: Any,
    *,
    fingerprint: str,
    n_washout: int = 0,
    checkpoint: str | pathlib.Path | None = None,
    progress: bool | None = None,
) -> tuple[Any, FitRecord]:
    """Train the floating leaves of a rule.

    Args:
        rule: first guess.
        parts: stretches (time, D) in units of the rule.
        descent: how.
        forcing: how the model is held to the data meanwhile.
        key: random key.
        fingerprint: what the run is; a checkpoint of another one is refused.
        n_washout: rows before each window that bring the state into step: always data, their errors not counted.
        checkpoint: file that keeps the state every few seconds; a run finds it there and goes on.
        progress: show a progress bar; None shows it on a terminal when the work is long.

    Returns:
        The rule, and the record: losses, gradient norms, forcing strengths.

    Raises:
        InsufficientDataError: if no stretch is longer than a window.
        DataError: if the checkpoint belongs to another run.

    Limits: Ctrl-C returns what was reached, with a warning. A gradient that is not finite ends the training at the
        parameters before it, with a warning and the status "non-finite state".
    """
    starts, rows, n_starts = _starts(parts, n_washout + descent.length)
    mark = _digest(fingerprint, rows, key)
    carry = _Carry(rule, DIRECTION.init(eqx.filter(rule, eqx.is_inexact_array)), forcing.first())
    curves = {name: np.full(descent.n_updates, np.nan) for name in ("loss", "gradient_norm", "alpha")}
    done, path = 0, None if checkpoint is None else pathlib.Path(checkpoint)
    if path is not None and path.exists():
        carry, done = _resumed(path, mark, carry, curves)
    numbers = tuple(
        jnp.asarray(float(v))
        for v in (descent.rate, descent.last_rate / descent.rate, descent.n_updates, descent.clip, descent.noise)
    )
    numbers = (*numbers, jnp.asarray(n_starts))
    status, pace, saved = Status.OK, Pace(CHUNK), time.monotonic()
    with Progress(descent.n_updates, "training", progress) as bar:
        bar.advance(done)
        try:
            while done < descent.n_updates:
                n, began = pace.next(min(descent.n_updates - done, 64 if done == 0 else CHUNK)), time.perf_counter()
                counts = jnp.asarray(done), jnp.asarray(n)
                shapes = descent.batch_size, descent.length, descent.n_checkpoints, n_washout
                after, *found = _updates(carry, rows, starts, key, *counts, numbers, forcing, *shapes)
                for name, values in zip(curves, found, strict=True):
                    curves[name][done : done + n] = np.asarray(values)[:n]
                pace.took(n, time.perf_counter() - began, done == 0)
                carry, done = after, done + n
                bar.advance(n)
                if not np.isfinite(curves["gradient_norm"][done - n : done]).all():
                    status = Status.NON_FINITE
                    break
                if path is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                    _keep(path, mark, carry, curves, done)
                    saved = time.monotonic()
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
    if path is not None and status is not Status.NON_FINITE:
        _keep(path, mark, carry, curves, done)
    return carry.rule, _record(status, curves, done, descent.n_updates)


def _record(status: Status, curves: dict[str, np.ndarray], done: int, n_updates: int) -> FitRecord:
    notes: tuple[str, ...] = ()
    if status is Status.INTERRUPTED:
        notes = (f"interrupted after {done} of {n_updates} updates.",)
        warnings.warn(notes[0], InterruptedWarning, stacklevel=4)
    if status is Status.NON_FINITE:
        bad = int(np.flatnonzero(~np.isfinite(curves["gradient_norm"][:done]))[0])
        notes = (f"the gradient was not finite at update {bad}; the parameters before it are kept.",)
        warnings.warn(f"{notes[0]} Force more strongly, or take a smaller rate.", AccuracyWarning, stacklevel=4)
    kept = {name: values[:done] for name, values in curves.items()}
    last = kept["loss"][-max(1, done // 20) :]
    finite = last[np.isfinite(last)]
    numbers = {
        "n_updates": float(done),
        "final_loss": float(finite.mean()) if finite.size else math.nan,
        "largest_gradient_norm": float(np.nanmax(kept["gradient_norm"])) if done else math.nan,
        "alpha": float(kept["alpha"][-1]) if done else math.nan,
    }
    return FitRecord(notes, numbers, kept, status)


def _starts(parts: list[np.ndarray], length: int) -> tuple[jax.Array, jax.Array, int]:
    """Where a window can begin, rows of all stretches one below the other, and the number of starts.

    Both are padded to a power of two, so that data of similar length share one compilation.
    """
    starts, offset = [], 0
    for part in parts:
        starts.append(offset + np.arange(max(0, len(part) - length)))
        offset += len(part)
    found = np.concatenate(starts)
    if not found.size:
        longest = max(len(part) for part in parts)
        raise InsufficientDataError(
            f"the longest stretch has {longest} rows; windows of {length} steps need {length + 1}: "
            "record longer or take a smaller length."
        )
    rows = np.concatenate(parts)
    capacity = 1 << (len(rows) - 1).bit_length()
    padded = np.zeros((capacity, rows.shape[1]))
    padded[: len(rows)] = rows
    return jnp.asarray(np.resize(found, capacity)), jnp.asarray(padded), len(found)


def _digest(fingerprint: str, rows: Any, key: Any) -> str:
    parts = fingerprint.encode(), np.asarray(rows).tobytes(), np.asarray(jax.random.key_data(key)).tobytes()
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def _keep(path: pathlib.Path, mark: str, carry: _Carry, curves: dict[str, np.ndarray], done: int) -> None:
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(carry, eqx.is_array))]
    kept = {name: values[:done] for name, values in curves.items()}
    save({"run": mark, "done": done, "leaves": leaves, "curves": kept}, path)


def _resumed(path: pathlib.Path, mark: str, carry: _Carry, curves: dict[str, np.ndarray]) -> tuple[_Carry, int]:
    found = load(path)
    if not isinstance(found, dict) or found.get("run") != mark:
        raise DataError(
            f"{path} keeps the state of another run (other data, options or key); remove it or name another checkpoint."
        )
    done = min(int(found["done"]), len(curves["loss"]))
    for name, values in found["curves"].items():
        curves[name][:done] = values[:done]
    arrays, rest = eqx.partition(carry, eqx.is_array)
    leaves = [jnp.asarray(leaf) for leaf in found["leaves"]]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest), done
