"""The Oseledets splitting along an orbit: covariant vectors, their angles and their domination."""

import equinox as eqx
import numpy as np
from jaxtyping import Float, PyTree

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.core.estimate import Estimate, format_value, mean_estimate
from cocycle.core.presentation import Presentable
from cocycle.core.run import Status
from cocycle.core.start import count


class CovariantVectors(eqx.Module, Presentable):
    """Covariant Lyapunov vectors along an orbit: each is carried by the tangent map onto its successor.

    Attributes:
        t: times (rows,) of the saved vectors [time].
        x: states at those times, as the system observes them.
        vectors: (rows, K, D) unit vectors, the fastest growing first.
        local: (intervals, K) growth rates of each vector, every interval of the run [nats / time].
        exponents: their means with standard errors [nats / time].
        unsettled: (K,) sine of the angle between the vectors of two different backward starts, where the kept
            stretch ends: what is left of the backward transient. Of the order 1 within a subspace of equal exponents.
        interval: time between orthonormalisations [time].
        save_every: intervals between saved vectors.
        memory_bound: bytes that the factors and check points take at most, results aside.
        n_recomputed: steps that were gone over twice to keep that bound.
        status: how the computation ended.
        name: of the system.
    """

    t: np.ndarray
    x: PyTree
    vectors: np.ndarray
    local: np.ndarray
    exponents: Estimate
    unsettled: np.ndarray
    interval: float
    save_every: int = eqx.field(static=True)
    memory_bound: int = eqx.field(static=True)
    n_recomputed: int = eqx.field(static=True)
    status: Status = eqx.field(static=True, default=Status.OK)
    name: str | None = eqx.field(static=True, default=None)

    def __len__(self) -> int:
        """Number of saved times."""
        return len(self.t)

    def __str__(self) -> str:
        """Exponents, the smallest angle seen, and the memory that the factors took."""
        values, errors = np.atleast_1d(self.exponents.value), np.atleast_1d(self.exponents.stderr)
        shown = "   ".join(format_value(float(v), float(e)) for v, e in zip(values, errors, strict=True))
        text = f"{len(self)} frames of {len(values)} covariant vectors: {shown}"
        if len(values) > 1 and len(self):
            text += f"   smallest angle {float(np.nanmin(self._off_diagonal(self.angles()))):.3g}"
        return f"{text}   factors bounded by {self.memory_bound / 2**20:.3g} MiB"

    @property
    def n_vectors(self) -> int:
        """K, number of vectors."""
        return self.vectors.shape[1]

    def _off_diagonal(self, angles: np.ndarray) -> np.ndarray:
        return angles[:, ~np.eye(self.n_vectors, dtype=bool)]

    def angles(self) -> Float[np.ndarray, "rows K K"]:
        """Angle between each pair of vectors, from 0 to pi/2 [radian].

        Accuracy: by the arc tangent of half chords, so that an angle of 1e-12 keeps its digits.
        """
        v = self.vectors
        a, b = v[:, :, None, :], v[:, None, :, :]
        minus, plus = np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)
        return 2 * np.arctan2(np.minimum(minus, plus), np.maximum(minus, plus))

    def subspace_angle(self, n_first: int) -> Float[np.ndarray, "rows"]:
        """Smallest principal angle between the span of the first n vectors and that of the others [radian].

        Args:
            n_first: dimension of the faster subspace, below K.

        Returns:
            (rows,), from 0 (a tangency) to pi/2.

        Raises:
            ParameterError: if n_first does not leave a vector on both sides.

        Source: [bjorck1973].
        """
        if not 1 <= count(n_first, "n_first") < self.n_vectors:
            raise ParameterError(f"n_first={n_first} must leave a vector on both sides of K={self.n_vectors}.")
        fast = np.linalg.qr(np.swapaxes(self.vectors[:, :n_first], 1, 2))[0]
        slow = np.linalg.qr(np.swapaxes(self.vectors[:, n_first:], 1, 2))[0]
        overlap = np.swapaxes(fast, 1, 2) @ slow
        if fast.shape[2] <= slow.shape[2]:  # the sines, which keep the digits of small angles
            rest = fast - slow @ np.swapaxes(overlap, 1, 2)
        else:
            rest = slow - fast @ overlap
        sines = np.linalg.svd(rest, compute_uv=False)[:, -1]
        cosines = np.linalg.svd(overlap, compute_uv=False)[:, 0]
        return np.arctan2(sines, cosines)

    def domination(self, n_first: int, duration: int | float) -> Estimate:
        r"""Share of windows in which every vector of the faster subspace outgrows every slower one.

        $$P\Bigl(\min_{i \le n} \Lambda^\tau_i > \max_{j > n} \Lambda^\tau_j\Bigr)$$

        over windows of length tau. A dominated splitting has share 1 from some tau on, and its angle stays away
        from 0.

        Args:
            n_first: dimension of the faster subspace, below K.
            duration: length tau of the windows [time].

        Returns:
            Estimate of the share, from overlapping windows.

        Raises:
            ParameterError: if n_first or the duration makes no sense.
            InsufficientDataError: if fewer than 16 windows fit end to end.
        """
        if not 1 <= count(n_first, "n_first") < self.n_vectors:
            raise ParameterError(f"n_first={n_first} must leave a vector on both sides of K={self.n_vectors}.")
        size = round(duration / self.interval)
        if size < 1:
            raise ParameterError(f"duration={duration} is below the interval {self.interval:.4g}; take a longer one.")
        if len(self.local) < 16 * size:
            raise InsufficientDataError(
                f"{len(self.local)} intervals hold fewer than 16 windows of {size}; take more steps or a shorter "
                "duration."
            )
        sums = np.cumsum(np.concatenate([np.zeros((1, self.n_vectors)), self.local]), axis=0)
        means = sums[size:] - sums[:-size]
        holds = means[:, :n_first].min(axis=1) > means[:, n_first:].max(axis=1)
        return mean_estimate(holds.astype(float), method=f"windows of {size * self.interval:.4g}")
