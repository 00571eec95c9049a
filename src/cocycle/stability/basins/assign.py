"""Which attractor does each initial state go to: orbits in batches, finished ones left out as they finish."""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import InterruptedWarning
from cocycle.core.progress import Progress
from cocycle.core.run import all_finite
from cocycle.stability.basins.attractors import Attractor, Cells, Recurrences, grouped, make_cells, recorded
from cocycle.stability.basins.ensemble import Ensemble

UNDECIDED, DIVERGED = 0, -1
MAX_BATCH = 65_536
MIN_BATCH = 64
FIRST_STEPS = 128
MAX_ROUNDS = 8


class _Table(eqx.Module):
    """Cells as arrays of the device."""

    low: Any
    scale: Any
    shape: Any
    strides: Any
    table: Any

    def label(self, v: Any) -> Any:
        """Label of the cell of one state."""
        index = jnp.floor((v - self.low) * self.scale)
        inside = jnp.all((index >= 0) & (index < self.shape))
        flat = jnp.sum(jnp.where(inside, index, 0.0).astype(jnp.int32) * self.strides)
        return jnp.where(inside, self.table[flat], jnp.int16(0))


def _device(cells: Cells) -> _Table:
    strides = np.cumprod([1, *cells.shape[:0:-1]])[::-1].astype(np.int32)
    return _Table(
        jnp.asarray(cells.low),
        jnp.asarray(1.0 / cells.width),
        jnp.asarray(cells.shape, dtype=float),
        jnp.asarray(strides),
        jnp.asarray(cells.table),
    )


@eqx.filter_jit
def _follow(
    ensemble: Ensemble, cells: _Table, limit: Any, n_stay: Any, n_steps: Any, v: Any, last: Any, stay: Any
) -> tuple[Any, Any, Any, Any]:
    """Advance a batch; returns states, the label seen last, how long, and the verdict (0: none yet)."""

    def one(_: Any, carry: Any) -> Any:
        v, last, stay, verdict = carry
        v = jax.vmap(ensemble.step)(v)
        label = jax.vmap(cells.label)(v)
        stay = jnp.where((label > 0) & (label == last), stay + 1, jnp.where(label > 0, 1, 0))
        verdict = jnp.where((verdict == 0) & (stay >= n_stay), label, verdict)
        return v, label, stay, verdict

    begin = (v, last, stay, jnp.zeros(len(v), dtype=jnp.int16))
    v, last, stay, verdict = jax.lax.fori_loop(0, n_steps, one, begin)
    lost = ~(jax.vmap(all_finite)(v) & (jnp.max(jnp.abs(v), axis=1) < limit))
    return v, last, stay, jnp.where((verdict == 0) & lost, jnp.int16(DIVERGED), verdict)


def _batch_size(n: int) -> int:
    size = MIN_BATCH
    while size < n and size < MAX_BATCH:
        size *= 2
    return size


class Assignment:
    """One computation: attractors and the labels of all initial states."""

    def __init__(self, ensemble: Ensemble, states: np.ndarray, method: Recurrences, show: bool | None):
        self.ensemble, self.method, self.show = ensemble, method, show
        self.states = states
        self.labels = np.zeros(len(states), dtype=np.int16)
        self.steps = np.zeros(len(states), dtype=np.int64)
        self.extent = np.ptp(states, axis=0)
        self.limit = method.escape * max(float(np.abs(states).max()), 1.0)
        self.rows_of: list[np.ndarray] = []
        self.attractors: list[Attractor] = []
        self.interrupted = False

    def run(self, seed: int, known: list[np.ndarray] | None = None) -> None:
        """Find attractors and assign all states; `known` are states on attractors to begin with."""
        rng = np.random.default_rng(seed)
        undecided = np.arange(len(self.states))
        now = self.states
        with Progress(len(self.states), "basins", self.show) as bar:
            try:
                for number in range(MAX_ROUNDS):
                    chosen = rng.choice(len(undecided), min(self.method.n_seeds, len(undecided)), replace=False)
                    seeds = now[chosen]
                    if number == 0 and known:
                        seeds = np.concatenate([*known, seeds])
                    before = len(self.rows_of)
                    rows, _ = recorded(self.ensemble, seeds, self.method, self.limit)
                    self.rows_of.extend(r for r in rows if r is not None)
                    if len(self.rows_of) > before:
                        self.label_cells()
                    elif number:
                        break
                    now, undecided = self.assign(now, undecided, bar)
                    if not len(undecided):
                        break
            except KeyboardInterrupt:
                done = int(np.sum(self.labels != 0))
                warnings.warn(f"interrupted: {done} of {len(self.labels)} states are assigned.", InterruptedWarning, 3)
                self.interrupted = True

    def label_cells(self) -> None:
        """Cells and attractors of all recorded orbits; labels given before keep their number."""
        cells = make_cells(self.rows_of, self.extent, self.method)
        found, self.cells = grouped(self.rows_of, cells)
        self.attractors = _keep_numbers(self.attractors, found, self.cells)

    def assign(self, now: np.ndarray, undecided: np.ndarray, bar: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Follow states until each has a label or its steps are used up; returns those that have none."""
        left_v, left_k = [], []
        if not self.rows_of:
            self.cells = Cells(
                np.zeros(now.shape[1]), np.ones(now.shape[1]), (1,) * now.shape[1], np.zeros(1, dtype=np.int16)
            )
        table = _device(self.cells)
        for a in range(0, len(now), MAX_BATCH):
            v, k = self.batch(now[a : a + MAX_BATCH], undecided[a : a + MAX_BATCH], table, bar)
            left_v.append(v)
            left_k.append(k)
        return np.concatenate(left_v), np.concatenate(left_k)

    def batch(self, v: np.ndarray, k: np.ndarray, table: _Table, bar: Progress) -> tuple[np.ndarray, np.ndarray]:
        """One batch: compacted whenever half of it is done."""
        last, stay = np.zeros(len(v), dtype=np.int16), np.zeros(len(v), dtype=np.int32)
        used, n_steps = 0, FIRST_STEPS
        while len(k) and used < self.method.max_steps:
            size = _batch_size(len(k))
            pad = np.minimum(np.arange(size), len(k) - 1)
            out = _follow(
                self.ensemble,
                table,
                jnp.asarray(self.limit),
                jnp.asarray(self.method.n_stay),
                jnp.asarray(n_steps),
                *(jnp.asarray(a[pad]) for a in (v, last, stay)),
            )
            v, last, stay, verdict = (np.asarray(a)[: len(k)] for a in out)
            used += n_steps
            done = verdict != 0
            self.labels[k[done]] = verdict[done]
            self.steps[k] += n_steps
            bar.advance(int(done.sum()))
            v, k, last, stay = v[~done], k[~done], last[~done], stay[~done]
            n_steps = min(2 * n_steps if done.mean() < 0.1 else n_steps, 4096)
        return v, k


def _keep_numbers(before: list[Attractor], found: list[Attractor], cells: Cells) -> list[Attractor]:
    """Give attractors that were known their old labels, new ones the next."""
    if not before:
        return found
    number: dict[int, int] = {}
    for old in before:
        labels = cells.table[cells.of(old.points)]
        labels = labels[labels > 0]
        if len(labels):
            number.setdefault(int(np.bincount(labels).argmax()), old.label)
    free = max(old.label for old in before) + 1
    for a in found:
        if a.label not in number:
            number[a.label] = free
            free += 1
    table = np.zeros_like(cells.table)
    for new, old in number.items():
        table[cells.table == new] = old
    cells.table[:] = table
    renamed = [Attractor(number[a.label], a.points, a.n_cells) for a in found]
    return sorted(renamed, key=lambda a: a.label)
