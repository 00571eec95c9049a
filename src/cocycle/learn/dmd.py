"""Dynamic mode decomposition: one linear map for rows, for windows of rows, for functions of rows, or by a kernel."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.learn.abstract import AbstractLearner, require_counts
from cocycle.learn.dictionaries import AbstractDictionary, Monomials, RadialFunctions
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.ridge import ridge_block, ridge_weights
from cocycle.learn.rules import AbstractRowRule, AbstractRule, standard, unscaled
from cocycle.learn.singular import leading_singular
from cocycle.learn.stretches import Segments, joined, segments


class LinearRule(AbstractRule):
    r"""A linear map of windows of rows, of low rank.

    $$y_{n+1} = \Phi \Lambda \Phi^+ y_n \quad\text{written as}\quad P\,\tilde A\,P^\top y_n$$

    Attributes:
        basis: (E, r) orthonormal directions P.
        map: (r, r) the map between them.
        n_window: rows of a window.
    """

    basis: Float[Array, "E r"]
    map: Float[Array, "r r"]
    n_window: int = eqx.field(static=True)

    def cold(self, u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Window of equal rows."""
        return jnp.tile(u, (self.n_window, 1))

    def show(self, z: Float[Array, "window D"]) -> Float[Array, "D"]:
        """Newest row."""
        return z[-1]

    def advance(self, z: Float[Array, "window D"], u: Float[Array, "D"]) -> Float[Array, "window D"]:
        """Map the window; its known rows are shifted, only the newest is taken from the map."""
        window = z.at[-1].set(u)
        after = self.basis @ (self.map @ (self.basis.T @ window.ravel()))
        return jnp.concatenate([window[1:], after.reshape(window.shape)[-1:]])


class LiftedRule(AbstractRowRule):
    r"""A linear map from functions of a row to the next row (EDMD).

    $$u_{n+1} = C\, \psi(u_n)$$

    Attributes:
        dictionary: psi, real.
        weights: (N, D) transposed C.
    """

    dictionary: AbstractDictionary
    weights: Float[Array, "N D"]

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Evaluate the dictionary, and project back on rows."""
        return (self.dictionary(u[None]) @ self.weights)[0]


@dataclasses.dataclass(frozen=True)
class DMD(AbstractLearner):
    r"""Dynamic mode decomposition of windows of rows: exact DMD with one row, Hankel DMD with several.

    $$Y \approx A X, \qquad \tilde A = P^\top Y X^+ P, \quad P \text{ the leading left singular vectors of } X$$

    Args:
        n_delays: rows in a window; 1 is plain DMD.
        rank: singular values kept; default all above round-off.

    Raises:
        ParameterError: if an option is out of range.

    Limits: one linear map: it cannot have a chaotic attractor.
    Cost: n E^2 for windows of E numbers; with a small rank one product of matrices of that size.

    Example:
        >>> x = np.sin(0.3 * np.arange(100)) + 0.5 * np.sin(0.7 * np.arange(100))
        >>> model = DMD(n_delays=6, rank=4).fit(x)
        >>> sorted(float(round(abs(v), 6)) for v in np.angle(dmd_eigenvalues(model)))
        [0.3, 0.3, 0.7, 0.7]

    Source: [schmid2010]; exact modes [tu2014]; windows [arbabi2017].
    """

    n_delays: int = 1
    rank: int | None = None

    def __post_init__(self):
        require_counts(self, "n_delays")
        if self.rank is not None:
            require_counts(self, "rank")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one decomposition.
        """
        found = segments(data, n_min=self.n_delays + 1, dt=dt)
        scaler = unscaled(found)
        x, y = windows_of(found, scaler, self.n_delays)
        u, s, vt = leading_singular(x.T, min(x.shape) if self.rank is None else self.rank)
        rank = int(np.sum(s > max(x.shape) * np.finfo(float).eps * s[0]))
        u, s, vt = u[:, :rank], s[:rank], vt[:rank]
        reduced = u.T @ (y.T @ (vt.T / s))
        rule = LinearRule(jnp.asarray(u), jnp.asarray(reduced), self.n_delays)
        largest = float(np.max(np.abs(np.linalg.eigvals(reduced)))) if rank else 0.0
        notes = (
            (f"unstable: an eigenvalue has modulus {largest:.6g}, so free runs grow.",) if largest > 1 + 1e-9 else ()
        )
        record = FitRecord(notes, {"rank": float(rank), "largest_modulus": largest})
        return finish(rule, found, scaler, self, record, n_context=self.n_delays)


def dmd_eigenvalues(model: FittedSystem) -> np.ndarray:
    """Eigenvalues of the linear map of a DMD model, largest modulus first.

    Args:
        model: fitted by `DMD`.

    Returns:
        (r,) complex.

    Raises:
        ParameterError: if the model is another one.
    """
    if not isinstance(model.rule, LinearRule):
        raise ParameterError(f"{model.name} is no DMD model; its step is not one linear map.")
    values = np.linalg.eigvals(np.asarray(model.rule.map))
    return values[np.argsort(-np.abs(values))]


@dataclasses.dataclass(frozen=True)
class EDMD(AbstractLearner):
    r"""Extended dynamic mode decomposition: the next row as a linear function of a dictionary of the last one.

    $$\min_C \sum_n |u_{n+1} - C\, \psi(u_n)|^2$$

    The dictionary is evaluated anew at every row (the projected form), so that the model can be nonlinear. Spectra with
    residuals are in `koopman_spectrum`.

    Args:
        degree: of the monomials, in standardised columns; ignored where a dictionary is given.
        dictionary: real functions of standardised rows, the coordinates among them.
        n_centres: with `degree=None`: Gaussians about so many rows of the data instead of monomials (kernel EDMD with
            landmarks).
        ridge: penalty, relative to the number of rows.

    Raises:
        ParameterError: if an option is out of range.

    Example:
        >>> x = [0.3]
        >>> for _ in range(200): x.append(3.9 * x[-1] * (1 - x[-1]))
        >>> model = EDMD(degree=2).fit(np.array(x[:-1]))
        >>> bool(abs(model.forecast(np.array(x[:-1]), 1).x[0, 0] - x[-1]) < 1e-9)
        True

    Source: [williams2015]; kernels [williams2015kernel].
    """

    degree: int | None = 3
    dictionary: AbstractDictionary | None = dataclasses.field(default=None, hash=False, compare=False)
    n_centres: int = 100
    ridge: float = 1e-12

    def __post_init__(self):
        if self.degree is not None:
            require_counts(self, "degree")
        require_counts(self, "n_centres")
        if not 0 <= self.ridge < np.inf:
            raise ParameterError(f"EDMD: ridge must be a number of at least 0, got {self.ridge!r}.")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: not used; the fit is deterministic.
            dt: time between two rows, where the data do not say it.
            progress: not used; the fit is one linear solve.

        Raises:
            ParameterError: if the dictionary is complex.
        """
        found = segments(data, n_min=3, dt=dt)
        scaler = standard(found)
        x, y = windows_of(found, scaler, 1)
        dictionary = self._dictionary(x)
        psi = np.asarray(dictionary(jnp.asarray(x)))
        if np.iscomplexobj(psi):
            raise ParameterError("EDMD as a model needs a real dictionary; complex ones belong to koopman_spectrum.")
        if len(psi) < psi.shape[1]:
            raise InsufficientDataError(f"{len(psi)} rows cannot fix {psi.shape[1]} functions; record longer.")
        weights = ridge_weights([ridge_block(psi, y)], [self.ridge])[0]
        error = float(np.sqrt(np.mean((y - psi @ weights) ** 2)))
        record = FitRecord(numbers={"one_step_error": error, "functions": float(psi.shape[1])})
        rule = LiftedRule(dictionary, jnp.asarray(weights))
        return finish(rule, found, scaler, self, record, n_context=1)

    def _dictionary(self, x: np.ndarray) -> AbstractDictionary:
        if self.dictionary is not None:
            return self.dictionary
        if self.degree is not None:
            return Monomials(x.shape[1], self.degree)
        picks = np.unique(np.linspace(0, len(x) - 1, min(self.n_centres, len(x) // 4)).astype(int))
        centres = x[picks]
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
        return RadialFunctions(centres, float(np.median(gaps[gaps > 0])))


def windows_of(found: Segments, scaler: Any, n_delays: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n, E) and those one row later, of all stretches."""
    x, y = [], []
    for part in found.parts:
        u = scaler.table_to_rule(part)
        n = len(u) - n_delays + 1
        rows = np.concatenate([u[k : k + n] for k in range(n_delays)], axis=1) if n_delays > 1 else u
        x.append(rows[:-1])
        y.append(rows[1:])
    return joined(x), joined(y)
