"""Which attractor does each initial state go to: orbits in batches, finished ones left out as they finish."""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.core.progress import Progress
from cocycle.stability.basins.attractors import Attractor, Cells, Recurrences, grouped, make_cells, padded, recorded
from cocycle.stability.basins.ensemble import Ensemble, advance, stepper_of
from cocycle.stability.basins.traps import MAX_DIMENSION, MAX_TRAPS, Traps, packed, stable_points, trap_of

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

    def label(self, columns: Any) -> Any:
        """Label of the cell of each state of a batch."""
        flat, inside = jnp.zeros(columns[0].shape, dtype=jnp.int32), True
        for k, x in enumerate(columns):
            index = jnp.floor((x - self.low[k]) * self.scale[k])
            within = (index >= 0) & (index < self.shape[k])
            inside = within & inside
            flat = flat + jnp.where(within, index, 0.0).astype(jnp.int32) * self.strides[k]
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
    ensemble: Ensemble, cells: _Table, traps: Traps, limit: Any, n_stay: Any, n_steps: Any, v: Any, last: Any, stay: Any
) -> tuple[Any, Any, Any, Any]:
    """Advance a batch; returns states, the label seen last, how long, and the verdict (0: none yet)."""
    step = stepper_of(ensemble, v.shape[1])

    def one(_: Any, carry: Any) -> Any:
        columns, last, stay, verdict = carry
        columns = step(columns)
        trapped = traps.label(columns)
        label = cells.label(columns)
        stay = jnp.where((label > 0) & (label == last), stay + 1, jnp.where(label > 0, 1, 0))
        now = jnp.where(trapped > 0, trapped, jnp.where(stay >= n_stay, label, jnp.int16(0)))
        return columns, label, stay, jnp.where(verdict == 0, now, verdict)

    begin = (tuple(v.T), last, stay, jnp.zeros(len(v), dtype=jnp.int16))
    columns, last, stay, verdict = jax.lax.fori_loop(0, n_steps, one, begin)
    v = jnp.stack(columns, axis=1)
    lost = ~(jnp.all(jnp.isfinite(v), axis=1) & (jnp.max(jnp.abs(v), axis=1) < limit))
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
        self.traps: list[tuple[np.ndarray, np.ndarray, int]] = []
        self.spread: list[Attractor] = []
        d = states.shape[1]
        if d > MAX_DIMENSION:
            raise ParameterError(
                f"cells do not fit into memory in {d} dimensions; use Features() beyond {MAX_DIMENSION}."
            )
        self.cells = Cells(np.zeros(d), np.ones(d), (1,) * d, np.zeros(1, np.int16))
        self.next_label = 1
        self.interrupted = False

    @property
    def attractors(self) -> list[Attractor]:
        """All that are known, by label."""
        points = [Attractor(label, c[None], 0) for c, _, label in self.traps]
        return sorted([*points, *self.spread], key=lambda a: a.label)

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
                    if not self.explore(seeds) and number:
                        break
                    now, undecided = self.assign(now, undecided, bar)
                    if not len(undecided):
                        break
            except KeyboardInterrupt:
                done = int(np.sum(self.labels != 0))
                warnings.warn(f"interrupted: {done} of {len(self.labels)} states are assigned.", InterruptedWarning, 3)
                self.interrupted = True

    def explore(self, seeds: np.ndarray) -> bool:
        """Look for attractors from some states; returns whether any is new."""
        before = self.next_label
        v = np.asarray(advance(self.ensemble, jnp.asarray(padded(seeds)), jnp.asarray(self.method.n_transient)))
        v = v[: len(seeds)]
        v = v[np.isfinite(v).all(axis=1) & (np.abs(v).max(axis=1) < self.limit)]
        if not len(v):
            return False
        if self.method.traps:
            self.set_traps(v)
            v = v[~self.trapped(v)]
        if len(v):
            rows = recorded(self.ensemble, v, self.method, self.limit)
            if self.method.traps:
                ends = np.stack([r[-1] for r in rows]) if rows else np.zeros((0, v.shape[1]))
                rows = [r for r, inside in zip(rows, self.trapped(ends), strict=True) if not inside]
            if rows:
                self.rows_of.extend(rows)
                found, self.cells = grouped(self.rows_of, make_cells(self.rows_of, self.extent, self.method))
                self.spread, self.next_label = _keep_numbers(self.spread, found, self.cells, self.next_label)
        return self.next_label > before

    def set_traps(self, ends: np.ndarray) -> None:
        """Trapping regions of stable fixed points that are not yet known."""
        reach = max(float(self.extent.max()), 1e-12)
        for point in stable_points(self.ensemble, padded(ends)):
            if len(self.traps) < MAX_TRAPS and not self.trapped(point[None])[0]:
                factor = trap_of(self.ensemble, point, reach)
                if factor is not None:
                    self.traps.append((point, factor, self.next_label))
                    self.next_label += 1

    def trapped(self, v: np.ndarray) -> np.ndarray:
        """Whether each state lies in a trapping region."""
        inside = np.zeros(len(v), dtype=bool)
        for centre, factor, _ in self.traps:
            inside |= np.sum(((v - centre) @ factor.T) ** 2, axis=1) < 1.0
        return inside

    def assign(self, now: np.ndarray, undecided: np.ndarray, bar: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Follow states until each has a label or its steps are used up; returns those that have none."""
        left_v, left_k = [], []
        table = _device(self.cells), packed(self.traps, now.shape[1])
        for a in range(0, len(now), MAX_BATCH):
            v, k = self.batch(now[a : a + MAX_BATCH], undecided[a : a + MAX_BATCH], table, bar)
            left_v.append(v)
            left_k.append(k)
        return np.concatenate(left_v), np.concatenate(left_k)

    def batch(
        self, v: np.ndarray, k: np.ndarray, table: tuple[_Table, Traps], bar: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        """One batch: compacted whenever half of it is done."""
        last, stay = np.zeros(len(v), dtype=np.int16), np.zeros(len(v), dtype=np.int32)
        used, n_steps = 0, FIRST_STEPS
        while len(k) and used < self.method.max_steps:
            size = _batch_size(len(k))
            pad = np.minimum(np.arange(size), len(k) - 1)
            out = _follow(
                self.ensemble,
                *table,
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


def _keep_numbers(
    before: list[Attractor], found: list[Attractor], cells: Cells, free: int
) -> tuple[list[Attractor], int]:
    """Give attractors that were known their old labels, new ones the next; returns the next free label too."""
    number: dict[int, int] = {}
    for old in before:
        labels = cells.table[cells.of(old.points)]
        labels = labels[labels > 0]
        if len(labels):
            number.setdefault(int(np.bincount(labels).argmax()), old.label)
    for a in found:
        if a.label not in number:
            number[a.label] = free
            free += 1
    table = np.zeros_like(cells.table)
    for new, old in number.items():
        table[cells.table == new] = old
    cells.table[:] = table
    return [Attractor(number[a.label], a.points, a.n_cells) for a in found], free
