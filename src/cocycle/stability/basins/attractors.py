"""Attractors by recurrence: orbits that come back to cells that they have visited; orbits that share cells are one."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from cocycle.core.presentation import Presentable
from cocycle.stability.basins.ensemble import Ensemble, advance, record

MAX_CELLS = 2**22
MAX_PER_AXIS = 512
MARGIN = 0.1
# Least width of the cells' region in one coordinate, as a share of the extent of the initial states.
LEAST = 0.1
FRESH = 0.05


class Recurrences(eqx.Module):
    """How attractors are found and orbits assigned.

    Orbits from some of the initial states are followed past a transient. Stable fixed points near their ends get a
    trapping region (see `trap_of`). Orbits that are in none are recorded: one whose later half visits hardly any cell
    that its first half did not is on an attractor; orbits that share cells, or neighbours, are on the same. All initial
    states are then followed until they enter a trapping region, or have stayed in the cells of one attractor for some
    steps; those that never do are used to find more attractors.

    Attributes:
        n_seeds: orbits recorded at once.
        n_transient: steps before recording; doubled for orbits that do not recur.
        n_rows: states recorded of each; doubled likewise.
        stride: steps between them; default 5 for flows, 1 for maps.
        n_doublings: how often both are doubled before an orbit is taken as it is.
        cells_per_axis: default as many as make 4 million cells, at most 512.
        n_stay: consecutive steps in the cells of an attractor that assign an orbit to it.
        max_steps: steps after which an orbit is left undecided.
        traps: whether trapping regions are used; without them orbits must come into the cells of a fixed point.
        escape: an orbit this many times farther out than all initial states and attractors has diverged.

    Source: [datseris2022].
    """

    n_seeds: int = 128
    n_transient: int = 2000
    n_rows: int = 512
    stride: int | None = None
    n_doublings: int = 3
    cells_per_axis: int | None = None
    n_stay: int = 20
    max_steps: int = 100_000
    traps: bool = True
    escape: float = 1e4


@dataclasses.dataclass(frozen=True, eq=False)
class Attractor(Presentable):
    """An attractor, as states visited on it.

    Attributes:
        label: number, from 1.
        points: states (n, D).
        n_cells: cells visited; 0 for a fixed point with a trapping region.
    """

    label: int
    points: Float[np.ndarray, "n D"]
    n_cells: int

    @property
    def centre(self) -> Float[np.ndarray, "D"]:
        """Mean of its states."""
        return self.points.mean(axis=0)

    @property
    def is_point(self) -> bool:
        """Whether its states differ by less than a millionth of their size."""
        size = max(float(np.abs(self.points).max()), 1e-300)
        return bool(np.ptp(self.points, axis=0).max() <= 1e-6 * max(size, 1.0))

    def __str__(self) -> str:
        """Label, extent and centre."""
        what = "fixed point" if self.is_point else f"attractor over {self.n_cells} cells"
        return f"{self.label}: {what}, centre {np.array2string(self.centre[:6], precision=4, suppress_small=True)}"


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """A region of the state space cut into cells, and the label of the attractor in each.

    Attributes:
        low: lower corner (D,).
        width: of a cell (D,).
        shape: cells along each axis.
        table: label of each cell, 0 for none, flattened.
    """

    low: Float[np.ndarray, "D"]
    width: Float[np.ndarray, "D"]
    shape: tuple[int, ...]
    table: np.ndarray

    def of(self, v: Float[np.ndarray, "... D"]) -> np.ndarray:
        """Return the numbers of the cells of states, -1 outside.

        Args:
            v: states.
        """
        index = np.floor((v - self.low) / self.width)
        inside = np.all((index >= 0) & (index < np.asarray(self.shape)), axis=-1)
        index = np.where(inside[..., None], index, 0).astype(np.int64)
        return np.where(inside, np.ravel_multi_index(tuple(np.moveaxis(index, -1, 0)), self.shape), -1)


def padded(v: np.ndarray) -> np.ndarray:
    """Repeat the last row up to a power of two, so that few shapes are compiled.

    Args:
        v: states (n, D).
    """
    n = 8
    while n < len(v):
        n *= 2
    return np.concatenate([v, np.repeat(v[-1:], n - len(v), axis=0)])


def recorded(ensemble: Ensemble, ends: np.ndarray, method: Recurrences, limit: float) -> list[np.ndarray]:
    """Record orbits that are past their transient; those that do not recur are followed longer.

    Args:
        ensemble: what moves them.
        ends: states (n, D).
        method: lengths.
        limit: size beyond which an orbit has diverged.

    Returns:
        States (rows, D) of each orbit that did not diverge.
    """
    stride = method.stride or (5 if ensemble.system.continuous_time else 1)
    v = padded(ends)
    out: list[np.ndarray] = []
    still = np.arange(len(v)) < len(ends)
    n_transient, n_rows = method.n_transient, method.n_rows
    for doubling in range(method.n_doublings + 1):
        rows, last = record(ensemble, jnp.asarray(v), n_rows, jnp.asarray(stride))
        rows = np.asarray(rows)
        finite = np.isfinite(rows).all(axis=(0, 2)) & (np.abs(rows).max(axis=(0, 2)) < limit)
        done = finite if doubling == method.n_doublings else finite & _recurs(np.where(finite[:, None], rows, 0.0))
        out.extend(rows[:, k] for k in np.flatnonzero(still & done))
        still &= ~done & finite
        if not still.any():
            break
        n_transient, n_rows = 2 * n_transient, 2 * n_rows
        v = np.where(finite[:, None], np.asarray(last), 0.0)
        v = np.asarray(advance(ensemble, jnp.asarray(v), jnp.asarray(n_transient)))
    return out


def _recurs(rows: np.ndarray) -> np.ndarray:
    """Whether the second half of each orbit visits hardly any cell that the first did not (cells of its own extent)."""
    half = len(rows) // 2
    low, high = np.min(rows, axis=(0, 1)), np.max(rows, axis=(0, 1))
    n = max(2, int(MAX_CELLS ** (1 / rows.shape[2])) // 8)
    index = np.floor((rows - low) / np.maximum(high - low, 1e-300) * min(n, 64)).astype(np.int64)
    # A number for each cell: powers of 67, which may wrap around without harm.
    flat = index @ (np.int64(67) ** np.arange(rows.shape[2], dtype=np.int64))
    out = np.zeros(rows.shape[1], dtype=bool)
    for k in range(rows.shape[1]):
        out[k] = np.mean(~np.isin(flat[half:, k], flat[:half, k])) <= FRESH
    return out


def make_cells(rows_of: list[np.ndarray], extent: Float[np.ndarray, "D"], method: Recurrences) -> Cells:
    """Lay cells over the states of all attractors.

    Args:
        rows_of: states on attractors.
        extent: of the initial states.
        method: for the number of cells.
    """
    states = np.concatenate(rows_of)
    low, high = states.min(axis=0), states.max(axis=0)
    size = np.where(extent > 0, extent, extent.max() if extent.max() > 0 else 1.0)
    pad = np.maximum(MARGIN * (high - low), 0.5 * np.maximum(LEAST * size - (high - low), 0.0))
    d = states.shape[1]
    n = method.cells_per_axis or min(MAX_PER_AXIS, max(3, int(MAX_CELLS ** (1.0 / d))))
    # An odd number of cells, off centre a little, so that a symmetric fixed point lies within a cell.
    n += 1 - n % 2
    low, high = low - pad * 1.0137, high + pad
    return Cells(low, (high - low) / n, (n,) * d, np.zeros(n**d, dtype=np.int16))


def grouped(rows_of: list[np.ndarray], cells: Cells) -> tuple[list[Attractor], Cells]:
    """Join orbits that share cells or neighbouring cells, and label the cells.

    Args:
        rows_of: states on attractors.
        cells: cells over them.

    Returns:
        Attractors, the one of most orbits first, and the cells with labels.
    """
    shape = np.asarray(cells.shape)
    owners: list[np.ndarray] = []
    numbers: list[np.ndarray] = []
    for k, rows in enumerate(rows_of):
        index = np.clip(np.floor((rows - cells.low) / cells.width).astype(np.int64), 0, shape - 1)
        visited = np.unique(index, axis=0)
        near = [visited]
        for axis in range(len(shape)):
            for way in (-1, 1):
                moved = visited.copy()
                moved[:, axis] = np.clip(moved[:, axis] + way, 0, shape[axis] - 1)
                near.append(moved)
        flat = np.unique(np.ravel_multi_index(tuple(np.concatenate(near).T), cells.shape))
        owners.append(np.full(len(flat), k))
        numbers.append(flat)
    row, column = np.concatenate(owners), np.concatenate(numbers)
    _, place = np.unique(column, return_inverse=True)
    n, m = len(rows_of), int(place.max()) + 1
    links = coo_matrix((np.ones(len(row)), (row, n + place)), shape=(n + m, n + m))
    _, group = connected_components(links, directed=False)
    group = group[:n]
    names, counts = np.unique(group, return_counts=True)
    table = cells.table.copy()
    out = []
    for label, g in enumerate(names[np.argsort(-counts, kind="stable")], start=1):
        members = [rows_of[k] for k in np.flatnonzero(group == g)]
        states = np.concatenate(members)
        visited = np.unique(cells.of(states))
        table[visited[visited >= 0]] = label
        out.append(Attractor(label, _thinned(states), len(visited)))
    return out, dataclasses.replace(cells, table=table)


def _thinned(states: np.ndarray, n: int = 2048) -> np.ndarray:
    return states if len(states) <= n else states[np.linspace(0, len(states) - 1, n).astype(int)]
