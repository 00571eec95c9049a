"""The symbolic dynamics of an almost-linear network: pieces, transitions, entropy, fixed points, in closed form."""

import dataclasses
from typing import Any

import numpy as np

from cocycle.core.errors import ParameterError
from cocycle.core.presentation import Presentable
from cocycle.core.run import trajectory
from cocycle.learn.plrnn import AlmostLinear

MAX_ORDER = 12


@dataclasses.dataclass(frozen=True, eq=False)
class SymbolicDynamics(Presentable):
    """What a free run says of the pieces of an almost-linear network.

    Attributes:
        symbols: (time,) number of the piece at each step: bit k is set where rectified unit k is on.
        pieces: (p,) numbers of the visited pieces.
        frequencies: (p,) share of the steps in each.
        transitions: (p, p) how often piece j followed piece i.
        topological_entropy: logarithm of the spectral radius of the transition graph [nats / step].
        entropy_rate: of the Markov chain with the seen transition probabilities [nats / step].
        fixed_points: for each visited piece its fixed point (p, M); it is one of the model where `is_real`.
        is_real: (p,) whether the fixed point lies in its own piece.
        multipliers: (p, M) eigenvalues of the map of each piece, largest modulus first.
    """

    symbols: np.ndarray
    pieces: np.ndarray
    frequencies: np.ndarray
    transitions: np.ndarray
    topological_entropy: float
    entropy_rate: float
    fixed_points: np.ndarray
    is_real: np.ndarray
    multipliers: np.ndarray

    def __str__(self) -> str:
        """Pieces with their share, and the entropies."""
        shares = ", ".join(f"{p}: {100 * f:.1f} %" for p, f in zip(self.pieces, self.frequencies, strict=True))
        return (
            f"{len(self.pieces)} pieces visited ({shares}); topological entropy at most "
            f"{self.topological_entropy:.4g}, entropy rate at most {self.entropy_rate:.4g} nats a step"
        )


def symbolic_dynamics(
    model: Any, *, n_steps: int = 10_000, n_transient: int = 1000, order: int = 1, x0: Any = None
) -> SymbolicDynamics:
    r"""Follow an almost-linear network freely and write down which pieces it visits.

    $$h_{top} = \log \rho(G), \qquad h = -\sum_{ij} p_i P_{ij} \log P_{ij}$$

    Args:
        model: fitted by `AlmostLinearRNN`.
        n_steps: steps that count.
        n_transient: steps before.
        order: with more than 1, graph and entropy rate are those of words of so many symbols; both entropies fall
            towards those of the model as it grows.
        x0: state to start from; default that of the model.

    Returns:
        SymbolicDynamics.

    Raises:
        ParameterError: if the model is of another kind, or the order is out of range.
        NonFiniteStateError: if the model explodes.

    Limits: entropies are those of the graph, upper bounds of the model's: the graph allows words that it may not.

    Source: [brenner2024].
    """
    rule = getattr(model, "rule", None)
    if not isinstance(rule, AlmostLinear):
        raise ParameterError("symbolic dynamics needs a model fitted by AlmostLinearRNN; others have no few pieces.")
    if not 1 <= order <= MAX_ORDER:
        raise ParameterError(f"order is {order}; it must be 1 to {MAX_ORDER}.")
    run = trajectory(model, x0, n_steps=n_transient + n_steps, observe=_whole, progress=False)
    states = np.asarray(run.x)[n_transient:]
    m, p = states.shape[1], rule.n_relu
    on = states[:, m - p :] > 0
    symbols = (on @ (1 << np.arange(p))).astype(np.int64) if p else np.zeros(len(states), dtype=np.int64)
    pieces, place = np.unique(symbols, return_inverse=True)
    transitions = np.zeros((len(pieces), len(pieces)), dtype=np.int64)
    np.add.at(transitions, (place[:-1], place[1:]), 1)
    top, rate = _entropies(place, len(pieces), order)
    points, real, multipliers = _fixed_points(rule, pieces)
    frequencies = np.bincount(place) / len(place)
    return SymbolicDynamics(symbols, pieces, frequencies, transitions, top, rate, points, real, multipliers)


def _whole(x: Any) -> Any:
    return x


def _entropies(place: np.ndarray, n_pieces: int, order: int) -> tuple[float, float]:
    """Entropies of the graph of words of `order` symbols."""
    words = np.zeros(len(place) - order + 1, dtype=np.int64)
    for k in range(order):
        words = words * n_pieces + place[k : len(place) - order + 1 + k]
    seen, word = np.unique(words, return_inverse=True)
    counts = np.zeros((len(seen), len(seen)))
    np.add.at(counts, (word[:-1], word[1:]), 1)
    radius = float(np.max(np.abs(np.linalg.eigvals(counts > 0))))
    out = counts.sum(axis=1, keepdims=True)
    chances = np.divide(counts, out, out=np.zeros_like(counts), where=out > 0)
    logs = np.log(chances, out=np.zeros_like(chances), where=chances > 0)
    rate = -float(np.sum(counts * logs) / counts.sum())
    return (float(np.log(radius)) if radius > 0 else 0.0), max(rate, 0.0)


def _fixed_points(rule: AlmostLinear, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fixed point and multipliers of the linear map of each piece."""
    A, W, h = (np.asarray(v) for v in (rule.A, rule.W, rule.h))
    m, p = len(A), rule.n_relu
    points, real, multipliers = [], [], []
    for piece in pieces:
        gate = np.ones(m)
        gate[m - p :] = (piece >> np.arange(p)) & 1
        step = np.diag(A) + W * gate
        # A multiplier of 1 has a line of fixed points, or none: NaN.
        singular = np.linalg.cond(np.eye(m) - step) > 1e14
        point = np.full(m, np.nan) if singular else np.linalg.solve(np.eye(m) - step, h)
        points.append(point)
        real.append(bool(not singular and np.array_equal(point[m - p :] > 0, gate[m - p :] > 0)))
        values = np.linalg.eigvals(step)
        multipliers.append(values[np.argsort(-np.abs(values))])
    return np.array(points), np.array(real), np.array(multipliers)
