"""What a Markov chain, or a generator on boxes, says: stationary law, exit times, committors, slow sets."""

from typing import Any

import equinox as eqx
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from jaxtyping import Array, Float

from cocycle.core.chain import MarkovChain
from cocycle.core.errors import DataError, InsufficientDataError
from cocycle.measures.generator import Generator

sp: Any = scipy.sparse  # its stubs know neither sparse arrays nor their attributes
spl: Any = scipy.sparse.linalg

DENSE = 1500
PANEL = 32
DIRECT = 60_000
SOLVED = 1e-8

Chain = MarkovChain | Generator
Mask = Array | np.ndarray


def rate_matrix(chain: Chain) -> Any:
    """Rates (n, n) [1 / time] whose rows sum to 0: those of a generator, or (P - 1) / dt of a chain.

    Args:
        chain: a MarkovChain or a Generator.
    """
    if isinstance(chain, Generator):
        return chain.rates
    p = chain.transition_matrix
    return sp.csr_array((p - sp.eye_array(p.shape[0])) / float(chain.dt))


def checked_mask(states: Any, n: int, name: str) -> np.ndarray:
    """Return a set of states as booleans, or say what is wrong with it.

    Args:
        states: (n,) booleans.
        n: number of states.
        name: how messages call the set.

    Raises:
        DataError: if it is no boolean for each state.
        InsufficientDataError: if it is empty.
    """
    mask = np.asarray(states)
    if mask.dtype != bool or mask.shape != (n,):
        raise DataError(f"{name} is a boolean for each of the {n} states, e.g. chain.points[:, 0] < 0.8.")
    if not mask.any():
        raise InsufficientDataError(f"{name} holds no state; check its condition.")
    return mask


def solved(matrix: Any, right: np.ndarray) -> np.ndarray:
    """Solve a sparse system: directly, or by iteration where a random graph would fill the factors.

    Args:
        matrix: (n, n) sparse.
        right: (n,) right-hand side.
    """
    n = matrix.shape[0]
    if n <= DENSE:
        return np.linalg.solve(matrix.toarray(), right)
    grid = matrix.nnz <= 8 * n
    if grid and n <= DIRECT:
        out = spl.spsolve(sp.csc_array(matrix), right)
    else:
        scale = sp.diags_array(1.0 / matrix.diagonal())
        out, _ = spl.bicgstab(scale @ matrix, scale @ right, rtol=1e-12, maxiter=20_000)
    gap = float(np.max(np.abs(matrix @ out - right)) / max(float(np.max(np.abs(right))), 1e-300))
    if not gap < SOLVED:
        out = spl.spsolve(sp.csc_array(matrix), right)
    return out


def stationary_distribution(chain: Chain) -> Float[np.ndarray, "states"]:
    r"""Stationary law of a chain or of a generator.

    $$\pi P = \pi, \qquad \pi L = 0$$

    Args:
        chain: a MarkovChain or a Generator with one recurrent class.

    Returns:
        (n,) probabilities, exact for the given matrix to round-off.

    Raises:
        InsufficientDataError: if there is more than one recurrent class, so that the law is not unique.

    Example:
        >>> stationary_distribution(MarkovChain([[0.5, 0.5], [1.0, 0.0]])).round(6).tolist()
        [0.666667, 0.333333]

    Accuracy: up to 1500 states every probability to round-off, however small; beyond, that of a sparse solve.

    Source: [norris1997]; elimination without subtractions [grassmann1985].
    """
    rates = rate_matrix(chain)
    n = rates.shape[0]
    _, label = sp.csgraph.connected_components(rates, directed=True, connection="strong")
    entries = rates.tocoo()
    leaving = np.zeros(label.max() + 1, dtype=bool)
    leaving[label[entries.row[(label[entries.row] != label[entries.col]) & (entries.data > 0)]]] = True
    if (~leaving).sum() != 1:
        raise InsufficientDataError(
            f"the chain has {(~leaving).sum()} closed classes, so its stationary law is not unique; "
            "use transfer_operator(..., closed=True), or look at one class."
        )
    keep = np.flatnonzero(~leaving[label])
    inner = sp.csr_array(rates[keep][:, keep])
    out = np.zeros(n)
    if len(keep) == 1:
        out[keep] = 1.0
        return out
    if len(keep) <= DENSE:
        out[keep] = _without_subtractions(inner.toarray())
        return out
    # Fix the weight of the state that is left most slowly, solve for the others, normalise.
    fixed = int(np.argmax(inner.diagonal()))
    others = np.arange(len(keep)) != fixed
    transposed = sp.csr_array(inner.T)
    right = -transposed[others][:, [fixed]].toarray().ravel()
    weight = np.ones(len(keep))
    weight[others] = solved(sp.csr_array(transposed[others][:, others]), right)
    weight = np.maximum(weight, 0.0)
    out[keep] = weight / weight.sum()
    return out


def _without_subtractions(rates: np.ndarray) -> np.ndarray:
    """Stationary law by eliminating states one by one; only positive numbers are added, so nothing cancels.

    The states before a panel hear of it in one matrix product.
    """
    a = np.array(rates)
    n = len(a)
    for top in range(n, 1, -PANEL):
        m = max(top - PANEL, 1)
        for k in range(top - 1, m - 1, -1):
            a[:k, k] /= a[k, :k].sum()
            a[m:k, :k] += np.outer(a[m:k, k], a[k, :k])
            a[:m, m:k] += np.outer(a[:m, k], a[k, m:k])
        a[:m, :m] += a[:m, m:top] @ a[m:top, :m]
    weight = np.empty(n)
    weight[0] = 1.0
    for k in range(1, n):
        weight[k] = weight[:k] @ a[:k, k]
    return weight / weight.sum()


def mean_first_passage(chain: Chain, target: Mask) -> Float[np.ndarray, "states"]:
    r"""Mean time until a set is reached, from every state.

    $$L \tau = -1 \text{ outside}, \qquad \tau = 0 \text{ on the target}$$

    Args:
        chain: a MarkovChain or a Generator.
        target: (n,) booleans, the set.

    Returns:
        (n,) mean times [time].

    Raises:
        DataError: if the target is no boolean for each state.
        InsufficientDataError: if it is empty, or some state never reaches it.

    Example:
        >>> mean_first_passage(MarkovChain([[0.9, 0.1], [0.0, 1.0]]), np.array([False, True])).round(9).tolist()
        [10.0, 0.0]

    Source: [norris1997].
    """
    rates = rate_matrix(chain)
    target = checked_mask(target, rates.shape[0], "target")
    _reached(rates, target)
    out = np.zeros(rates.shape[0])
    free = ~target
    if free.any():
        out[free] = solved(sp.csr_array(rates[free][:, free]), -np.ones(free.sum()))
    return out


def _reached(rates: Any, target: np.ndarray) -> None:
    """Refuse a set that some state never reaches."""
    back = sp.csr_array(rates.T)
    n = rates.shape[0]
    links = sp.csr_array((np.ones(target.sum()), (np.zeros(target.sum(), int), np.flatnonzero(target))), shape=(1, n))
    graph = sp.block_array([[None, links], [sp.csr_array((n, 1)), back]], format="csr")
    found = sp.csgraph.breadth_first_order(graph, 0, return_predecessors=False)
    if len(found) < n + 1:
        raise InsufficientDataError(
            f"{n + 1 - len(found)} states never reach the set, so the mean time is infinite; drop them from the chain."
        )


def passage_moments(chain: Chain, target: Mask) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the time until a set is reached, from every state.

    Args:
        chain: a MarkovChain or a Generator.
        target: (n,) booleans, the set.

    Returns:
        Means (n,) and standard deviations (n,) [time].

    Raises:
        DataError: if the target is no boolean for each state.
        InsufficientDataError: if it is empty, or some state never reaches it.

    Example:
        >>> mean, sd = passage_moments(MarkovChain([[0.5, 0.5], [0.0, 1.0]]), np.array([False, True]))
        >>> round(float(sd[0] ** 2), 9)  # geometric law: (1 - p) / p^2
        2.0

    Source: [norris1997].
    """
    mean = mean_first_passage(chain, target)
    rates, free = rate_matrix(chain), ~np.asarray(target)
    step = 0.0 if isinstance(chain, Generator) else float(chain.dt)
    second = np.zeros_like(mean)
    if free.any():
        right = -2.0 * mean[free] + step
        second[free] = solved(sp.csr_array(rates[free][:, free]), right)
    return mean, np.sqrt(np.maximum(second - mean**2, 0.0))


def committor(chain: Chain, start: Mask, end: Mask) -> Float[np.ndarray, "states"]:
    r"""Probability to reach one set before another, from every state.

    $$L q = 0 \text{ between}, \qquad q = 0 \text{ on the start}, \quad q = 1 \text{ on the end}$$

    Args:
        chain: a MarkovChain or a Generator.
        start: (n,) booleans, the set A.
        end: (n,) booleans, the set B.

    Returns:
        (n,) probabilities.

    Raises:
        DataError: if a set is no boolean for each state, or the two overlap.
        InsufficientDataError: if a set is empty, or some state reaches neither.

    Laws: exchanging the sets gives 1 - q.

    Example:
        >>> walk = np.array([[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]])
        >>> a, b = np.array([True, False, False, False]), np.array([False, False, False, True])
        >>> committor(MarkovChain(walk), a, b).round(6).tolist()
        [0.0, 0.333333, 0.666667, 1.0]

    Source: [metzner2009].
    """
    rates = rate_matrix(chain)
    n = rates.shape[0]
    a, b = checked_mask(start, n, "start"), checked_mask(end, n, "end")
    if np.any(a & b):
        raise DataError("start and end overlap; a state cannot be in both.")
    _reached(rates, a | b)
    out = b.astype(float)
    free = ~(a | b)
    if free.any():
        right = -np.asarray(rates[free][:, b].sum(axis=1)).ravel()
        out[free] = np.clip(solved(sp.csr_array(rates[free][:, free]), right), 0.0, 1.0)
    return out


def transition_rate(chain: Chain, start: Mask, end: Mask) -> float:
    r"""Rate of transitions from one set to another, for time spent having come last from the first.

    $$k_{AB} = \frac{\sum_{i \in A, j} \pi_i L_{ij} q_j}{\sum_i \pi_i q^-_i}$$

    Args:
        chain: a MarkovChain or a Generator.
        start: (n,) booleans, the set A.
        end: (n,) booleans, the set B.

    Returns:
        Rate [1 / time].

    Raises:
        DataError: if a set is no boolean for each state, or the two overlap.
        InsufficientDataError: if a set is empty, or the stationary law is not unique.

    Laws: 1 / k_AB + 1 / k_BA is the mean time of a round trip.

    Source: [metzner2009].
    """
    q = committor(chain, start, end)
    weight, rates = stationary_distribution(chain), rate_matrix(chain)
    a = np.asarray(start)
    flux = float(np.sum(weight[a] * (rates[a] @ q)))
    backward = 1.0 - committor(reversed_chain(chain, weight), start, end)
    return flux / float(np.sum(weight * backward))


def reversed_chain(chain: Chain, weight: np.ndarray) -> Chain:
    """The chain with time running backward, on the states of positive weight.

    Args:
        chain: a MarkovChain or a Generator.
        weight: (n,) its stationary law.

    Raises:
        InsufficientDataError: if a state is never visited.
    """
    if np.any(weight <= 0):
        raise InsufficientDataError("some states are never visited; use transfer_operator(..., closed=True).")
    forward = rate_matrix(chain)
    back = sp.csr_array(sp.diags_array(1.0 / weight) @ forward.T @ sp.diags_array(weight))
    if isinstance(chain, Generator):
        return eqx.tree_at(lambda g: g.rates, chain, back)
    p = sp.csr_array(back * float(chain.dt) + sp.eye_array(back.shape[0]))
    p.data = np.maximum(p.data, 0.0)
    p = sp.csr_array(sp.diags_array(1.0 / np.asarray(p.sum(axis=1)).ravel()) @ p)
    return MarkovChain(p, dt=chain.dt, points=chain.points)


def regime_lifetime(chain: Chain, regime: Mask) -> float:
    r"""Mean duration of a visit to a set: its weight over the flux out of it.

    $$\tau = \frac{\pi(A)}{\sum_{i \in A, j \notin A} \pi_i L_{ij}}$$

    Args:
        chain: a MarkovChain or a Generator.
        regime: (n,) booleans, the set A.

    Returns:
        Mean lifetime [time].

    Raises:
        DataError: if the regime is no boolean for each state.
        InsufficientDataError: if it is empty or all there is, or the stationary law is not unique.

    Limits: on a generator the flux through the border grows as boxes get finer, because a diffusion crosses it again
        and again: use `escape_rate` or `transition_rate` there.

    Example:
        >>> regime_lifetime(MarkovChain([[0.9, 0.1], [0.2, 0.8]], dt=2.0), np.array([True, False]))
        20.0

    Source: [schoeller2026].
    """
    rates = rate_matrix(chain)
    a = checked_mask(regime, rates.shape[0], "regime")
    if a.all():
        raise InsufficientDataError("the regime is all there is, so it is never left.")
    weight = stationary_distribution(chain)
    flux = float(weight[a] @ np.asarray(rates[a][:, ~a].sum(axis=1)).ravel())
    return float(weight[a].sum()) / flux
