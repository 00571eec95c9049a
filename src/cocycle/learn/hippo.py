"""State matrices that remember: HiPPO, whose kernels are an orthogonal basis; diagonal forms of them; responses."""

import numpy as np
from jaxtyping import Complex, Float

from cocycle.core.errors import ParameterError


def hippo_legs(n: int) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N"]]:
    r"""Scaled Legendre memory: the past, weighted by $e^{-t}$, in N polynomials.

    $$A_{nk} = -\sqrt{(2n+1)(2k+1)}\ (n > k), \quad -(n+1)\ (n = k), \quad B_n = \sqrt{2n+1}$$

    Args:
        n: N, states.

    Returns:
        A and B of x' = A x + B u.

    Laws: kernels $(e^{tA}B)_n = \sqrt{2n+1}\,P_n(2e^{-t}-1)\,e^{-t}$.

    Example:
        >>> (hippo_legs(2)[0].round(3) + 0.0).tolist()
        [[-1.0, 0.0], [-1.732, -2.0]]

    Source: [gu2020hippo], [gu2023].
    """
    k = np.arange(_checked(n))
    roots = np.sqrt(2 * k + 1.0)
    A = -np.tril(np.outer(roots, roots), -1) - np.diag(k + 1.0)
    return A, roots


def hippo_legt(n: int) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N"]]:
    r"""Translated Legendre memory: the last unit of time in N polynomials of equal weight.

    $$A_{nk} = -\sqrt{(2n+1)(2k+1)} \times (1 \text{ if } k \le n \text{ else } (-1)^{n-k}), \quad B_n = \sqrt{2n+1}$$

    Args:
        n: N, states.

    Returns:
        A and B.

    Example:
        >>> hippo_legt(2)[0].round(3).tolist()
        [[-1.0, 1.732], [-1.732, -3.0]]

    Source: [gu2020hippo].
    """
    k = np.arange(_checked(n))
    roots = np.sqrt(2 * k + 1.0)
    signs = np.where(k[None] <= k[:, None], 1.0, (-1.0) ** (k[:, None] - k[None]))
    return -np.outer(roots, roots) * signs, roots


def hippo_fout(n: int) -> tuple[Float[np.ndarray, "N N"], Float[np.ndarray, "N"]]:
    r"""Truncated Fourier memory: the last unit of time in a constant, (N - 1) / 2 cosines and sines.

    $$A = D - 2 p p^\top, \quad B = 2 p, \quad p = (1, \sqrt2, 0, \sqrt2, 0, \dots)$$

    Args:
        n: N, an odd number of states: an even one leaves a cosine without partner, and an undamped mode.

    Returns:
        A and B.

    Raises:
        ParameterError: if n is even.

    Source: [gu2023].
    """
    if _checked(n) % 2 == 0:
        raise ParameterError(f"hippo_fout needs an odd number of states, got {n}; take {n + 1}.")
    p, turn = np.zeros(n), np.zeros((n, n))
    p[0] = 1.0
    for m in range(1, (n + 1) // 2):
        cosine, sine = 2 * m - 1, 2 * m
        p[cosine] = np.sqrt(2)
        turn[cosine, sine], turn[sine, cosine] = -2 * np.pi * m, 2 * np.pi * m
    return turn - 2 * np.outer(p, p), 2 * p


def hippo_normal(
    n: int,
) -> tuple[Complex[np.ndarray, "N"], Complex[np.ndarray, "N"], Complex[np.ndarray, "N N"]]:
    r"""The normal part of LegS, diagonalised: what diagonal models start from.

    $$A + P P^\top = -\tfrac12 I + S = V \Lambda V^*, \qquad P_n = \sqrt{n + 1/2}, \quad S \text{ skew}$$

    Args:
        n: N, states.

    Returns:
        Lambda, V^* B / 2, and V, by rising imaginary part.

    Laws: Re Lambda = -1/2; the largest Im Lambda tends to N^2 / pi - pi / 6.

    Example:
        >>> bool(np.allclose(hippo_normal(8)[0].real, -0.5))
        True

    Source: [gu2022].
    """
    A, B = hippo_legs(n)
    low_rank = np.sqrt(np.arange(n) + 0.5)
    skew = A + np.outer(low_rank, low_rank) + 0.5 * np.eye(n)
    values, V = np.linalg.eigh(-0.5j * (skew - skew.T))
    return -0.5 + 1j * values, V.conj().T @ (B / 2), V


def perturbed_diagonal(
    A: Float[np.ndarray, "N N"], B: Float[np.ndarray, "N"], size: float, seed: int = 0
) -> tuple[Complex[np.ndarray, "N"], Complex[np.ndarray, "N"], Complex[np.ndarray, "N N"]]:
    r"""Perturb, then diagonalise: a diagonal system uniformly close to one that cannot be diagonalised as it is.

    $$A + E = V \Lambda V^{-1}, \qquad \|E\|_2 = \varepsilon$$

    Args:
        A: state matrix.
        B: input.
        size: epsilon, spectral norm of the random complex Gaussian E.
        seed: of E.

    Returns:
        Lambda, V^{-1} B, V.

    Raises:
        ParameterError: if the size is not positive.

    Source: [yu2023].
    """
    if not 0 < size < np.inf:
        raise ParameterError(f"the size of the perturbation must be a positive number, got {size!r}.")
    rng, n = np.random.default_rng(seed), len(A)
    E = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    values, V = np.linalg.eig(A + size * E / np.linalg.norm(E, 2))
    return values, np.linalg.solve(V, B.astype(complex)), V


def bilinear(A: np.ndarray, B: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Discretise x' = A x + B u by the trapezoidal rule.

    $$\bar A = (I - \tfrac{\Delta}{2} A)^{-1} (I + \tfrac{\Delta}{2} A), \qquad
    \bar B = (I - \tfrac{\Delta}{2} A)^{-1} \Delta B$$

    Args:
        A: (N, N).
        B: (N,).
        dt: Delta.

    Example:
        >>> [float(v[0].item()) for v in bilinear(np.array([[-2.0]]), np.array([1.0]), 1.0)]
        [0.0, 0.5]
    """
    one = np.eye(len(A))
    left = one - dt / 2 * A
    return np.linalg.solve(left, one + dt / 2 * A), np.linalg.solve(left, dt * B)


def zero_order_hold(
    rates: Complex[np.ndarray, "N"], B: np.ndarray, dt: float
) -> tuple[Complex[np.ndarray, "N"], Complex[np.ndarray, "N"]]:
    r"""Discretise a diagonal system exactly for inputs that stay constant between samples.

    $$\bar A = e^{\Delta \Lambda}, \qquad \bar B = \Lambda^{-1} (e^{\Delta \Lambda} - 1) B$$

    Args:
        rates: (N,) Lambda, none of them 0.
        B: (N,).
        dt: Delta.

    Example:
        >>> [float(v[0].real.round(6)) for v in zero_order_hold(np.array([-1 + 0j]), np.ones(1), 1.0)]
        [0.367879, 0.632121]
    """
    return np.exp(dt * rates), np.expm1(dt * rates) / rates * B


def frequency_response(A: np.ndarray, B: np.ndarray, frequencies: Float[np.ndarray, "F"]) -> Complex[np.ndarray, "F N"]:
    r"""States of x' = A x + B u under $u = e^{i \omega t}$.

    $$(i \omega - A)^{-1} B$$

    Args:
        A: (N, N), or (N,) where it is diagonal.
        B: (N,).
        frequencies: omega [radians / time].

    Example:
        >>> complex(frequency_response(np.array([[-1.0]]), np.ones(1), np.array([1.0]))[0, 0])
        (0.5-0.5j)
    """
    if A.ndim == 1:
        return B / (1j * np.asarray(frequencies)[:, None] - A)
    one = np.eye(len(A))
    return np.stack([np.linalg.solve(1j * w * one - A, B.astype(complex)) for w in frequencies])


def _checked(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ParameterError(f"the number of states must be a whole number of at least 1, got {n!r}.")
    return n
