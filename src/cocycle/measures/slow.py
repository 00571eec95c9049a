"""What is slow in a chain: escape from a set, relaxation rates, sets that are rarely left; and errors of it all."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg
from jaxtyping import Float, Int

from cocycle.core.chain import MarkovChain
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.measures.generator import Generator
from cocycle.measures.markov import DENSE, Chain, Mask, checked_mask, rate_matrix, solved, stationary_distribution

sp: Any = scipy.sparse  # its stubs know neither sparse arrays nor their attributes
spl: Any = scipy.sparse.linalg
la: Any = scipy.linalg

FAINT = 1e-12


def escape_rate(chain: Chain, regime: Mask) -> tuple[float, np.ndarray]:
    r"""Rate at which a set is left for good, after it has forgotten how it was entered, and the law of that state.

    $$\nu L_{AA} = -\kappa\,\nu$$

    Args:
        chain: a MarkovChain or a Generator.
        regime: (n,) booleans, the set A.

    Returns:
        kappa [1 / time] (of a chain, -log of the leading eigenvalue over dt) and the quasi-stationary law (n,), zero
        outside of A.

    Raises:
        DataError: if the regime is no boolean for each state.
        InsufficientDataError: if it is empty or all there is.

    Example:
        >>> kappa, _ = escape_rate(MarkovChain([[0.9, 0.1], [0.2, 0.8]]), np.array([True, False]))
        >>> round(kappa, 6)
        0.105361

    Source: [darroch1965].
    """
    rates = rate_matrix(chain)
    a = checked_mask(regime, rates.shape[0], "regime")
    if a.all():
        raise InsufficientDataError("the regime is all there is, so it is never left.")
    values, vectors = _leading(sp.csr_array(rates[a][:, a]).T, 1)
    law = np.abs(np.real(vectors[:, 0]))
    out = np.zeros(rates.shape[0])
    out[a] = law / law.sum()
    top = float(values[0].real)
    if isinstance(chain, Generator):
        return -top, out
    dt = float(chain.dt)
    return float(-np.log1p(top * dt) / dt), out


def _leading(matrix: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues with the largest real parts, and right eigenvectors."""
    size = matrix.shape[0]
    if size <= DENSE or n >= size - 1:
        values, vectors = la.eig(matrix.toarray())
    else:
        scale = float(np.max(np.abs(matrix.diagonal())))
        # Slightly to the right of all eigenvalues, so that the shifted matrix can be factorised.
        values, vectors = spl.eigs(sp.csc_array(matrix), k=n, sigma=1e-6 * scale)
    order = np.argsort(-values.real)[:n]
    return values[order], vectors[:, order]


def relaxation_rates(chain: Chain, n: int = 6) -> np.ndarray:
    """Eigenvalues of the generator, slowest first: 0, then minus the rates at which correlations decay.

    Args:
        chain: a MarkovChain (its eigenvalues' logarithms over dt) or a Generator.
        n: how many.

    Returns:
        (n,) complex eigenvalues [1 / time], largest real part first.

    Raises:
        ParameterError: if n is out of range.

    Example:
        >>> relaxation_rates(MarkovChain([[0.9, 0.1], [0.1, 0.9]]), 2).real.round(6).tolist()
        [0.0, -0.223144]
    """
    rates = rate_matrix(chain)
    if not 1 <= n <= rates.shape[0]:
        raise ParameterError(f"n is {n}; a chain of {rates.shape[0]} states has so many eigenvalues.")
    values, _ = _leading(rates, n)
    if isinstance(chain, Generator):
        return values
    dt = float(chain.dt)
    with np.errstate(divide="ignore"):
        return np.log(1.0 + values.astype(complex) * dt) / dt


class InvariantSets(eqx.Module, Presentable):
    """A partition into sets that are rarely left.

    Attributes:
        label: (states,) number of the set of each state.
        weight: (sets,) stationary weight of each.
        coherence: (sets,) probability to be in the same set one step (of a generator: one unit of time) later.
        membership: (states, sets) soft memberships; rows sum to 1.
    """

    label: Int[np.ndarray, "states"]
    weight: Float[np.ndarray, "sets"]
    coherence: Float[np.ndarray, "sets"]
    membership: Float[np.ndarray, "states sets"]


def almost_invariant_sets(chain: Chain, n_sets: int = 2) -> InvariantSets:
    """Sets of states that are left most rarely, from the slow eigenvectors of the chain made reversible.

    The slowest eigenvectors send the states into a simplex; its corners are found (inner simplex) and each state goes
    to the corner it is nearest to.

    Args:
        chain: a MarkovChain or a Generator with a unique stationary law.
        n_sets: number of sets.

    Returns:
        InvariantSets.

    Raises:
        ParameterError: if n_sets is out of range.
        InsufficientDataError: if the stationary law is not unique.

    Limits: states of hardly any weight (1e-12 of the largest) get the set that they lead to.

    Example:
        >>> p = np.array([[0.8, 0.2, 0, 0], [0.2, 0.79, 0.01, 0], [0, 0.01, 0.79, 0.2], [0, 0, 0.2, 0.8]])
        >>> label = almost_invariant_sets(MarkovChain(p)).label
        >>> bool(label[0] == label[1] != label[2] == label[3])
        True

    Source: [froyland2005]; simplex [weber2004].
    """
    rates = rate_matrix(chain)
    n = rates.shape[0]
    if not 2 <= n_sets < n:
        raise ParameterError(f"n_sets is {n_sets}; between 2 and {n - 1} sets can be made of {n} states.")
    weight = stationary_distribution(chain)
    root = np.sqrt(np.maximum(weight, 1e-300))
    scaled = sp.csr_array(sp.diags_array(root) @ rates @ sp.diags_array(1.0 / root))
    symmetric = sp.csr_array(0.5 * (scaled + scaled.T))
    if n <= DENSE:
        vectors = np.linalg.eigh(symmetric.toarray())[1][:, ::-1][:, :n_sets]
    else:
        scale = float(np.max(np.abs(symmetric.diagonal())))
        found = spl.eigsh(sp.csc_array(symmetric), k=n_sets, sigma=1e-6 * scale)
        vectors = found[1][:, np.argsort(-found[0])]
    functions = vectors / root[:, None]
    functions = functions / functions[:, :1]
    known = weight > FAINT * weight.max()
    corners = _corners(functions[known])
    membership = functions @ np.linalg.inv(functions[known][corners])
    if not known.all():
        # Where hardly anything is, the eigenvectors are round-off: take the sets that such states lead to.
        inner, border = sp.csr_array(rates[~known][:, ~known]), rates[~known][:, known] @ membership[known]
        membership[~known] = np.stack([solved(inner, -column) for column in border.T], axis=1)
    label = np.argmax(membership, axis=1)
    share = np.bincount(label, weight, minlength=n_sets)
    one = sp.csr_array((np.ones(n), (np.arange(n), label)), shape=(n, n_sets))
    if isinstance(chain, Generator):
        moved = spl.expm_multiply(rates, one.toarray())
    else:
        moved = (chain.transition_matrix @ one).toarray()
    stay = np.bincount(label, weight * moved[np.arange(n), label], minlength=n_sets)
    return InvariantSets(label, share, stay / np.maximum(share, 1e-300), membership)


def _corners(points: np.ndarray) -> np.ndarray:
    """Numbers of rows that span the largest simplex, found one after the other."""
    first = int(np.argmax(np.sum(points**2, axis=1)))
    out, rest = [first], points - points[first]
    for _ in range(points.shape[1] - 1):
        size = np.sum(rest**2, axis=1)
        k = int(np.argmax(size))
        out.append(k)
        direction = rest[k] / np.sqrt(size[k])
        rest = rest - np.outer(rest @ direction, direction)
    return np.asarray(out)


def resampled(
    function: Callable[[MarkovChain], Any], chain: MarkovChain, *, n_draws: int = 32, seed: int = 0
) -> Estimate:
    """A function of a learned chain with the error that comes of finitely many transitions.

    Rows are drawn again from the posterior of their counts (Dirichlet, no prior on transitions never seen), and
    the function is applied to each chain so drawn.

    Args:
        function: from a chain to a number or an array.
        chain: a chain that knows its counts (`transfer_operator`).
        n_draws: chains to draw.
        seed: of the draws.

    Returns:
        Estimate: the function of the chain itself, with the spread over the draws as standard error.

    Raises:
        DataError: if the chain has no counts.
        ParameterError: if n_draws is below 2.

    Limits: transitions are taken as independent given the state, as a Markov chain has them.

    Example:
        >>> chain = MarkovChain([[0.9, 0.1], [0.5, 0.5]], counts=[[900, 100], [500, 500]])
        >>> out = resampled(lambda c: stationary_distribution(c)[0], chain)
        >>> bool(0.005 < out.stderr < 0.05)
        True

    Source: [trendelkamp2015].
    """
    counts = chain.transition_counts
    if counts is None:
        raise DataError("the chain does not know the counts it was learned from; make it with transfer_operator.")
    if n_draws < 2:
        raise ParameterError(f"n_draws is {n_draws}; a spread needs two draws or more.")
    random = np.random.default_rng(seed)
    values = []
    for _ in range(n_draws):
        drawn = sp.csr_array(counts)
        drawn.data = random.gamma(drawn.data)
        p = sp.csr_array(sp.diags_array(1.0 / np.asarray(drawn.sum(axis=1)).ravel()) @ drawn)
        values.append(np.asarray(function(MarkovChain(p, dt=chain.dt, points=chain.points)), dtype=float))
    value, error = np.asarray(function(chain), dtype=float), np.std(values, axis=0, ddof=1)
    n = float(counts.sum())
    return Estimate(value if value.ndim else float(value), error if value.ndim else float(error), n, "posterior draws")
