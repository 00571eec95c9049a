"""SINDy: the differential equation itself, as few terms of a library."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cocycle.core.errors import InsufficientDataError, ParameterError
from cocycle.learn.abstract import AbstractLearner, require_counts, require_key
from cocycle.learn.fitted import FitRecord, FittedSystem, finish
from cocycle.learn.formulations import AbstractFormulation, WeakForm
from cocycle.learn.polynomial import monomial_factors, monomial_table, monomials
from cocycle.learn.rules import AbstractRowRule, unscaled
from cocycle.learn.sparse import STLSQ, AbstractSparseRegression
from cocycle.learn.stretches import joined, segments
from cocycle.steppers import RK4

N_BLOCKS = 20
KEPT_SHARE = 0.6


class FieldRule(AbstractRowRule):
    r"""A polynomial field, followed by Runge-Kutta steps between rows.

    $$\dot x = \Xi^\top \Theta(x)$$

    Attributes:
        coefficients: (F, D).
        stderr: (F, D) their standard errors, NaN where not asked for.
        factors: (F - 1, degree) factors of each monomial.
        dt: time between rows.
        n_substeps: Runge-Kutta steps between rows.
    """

    coefficients: Float[Array, "F D"]
    stderr: Float[Array, "F D"]
    factors: Int[Array, "monomials degree"]
    dt: Float[Array, ""]
    n_substeps: int = eqx.field(static=True)

    def field(self, t: Any, y: Float[Array, "D"], args: Any) -> Float[Array, "D"]:
        """Velocity at y, with diffrax's signature.

        Args:
            t: not used.
            y: state.
            args: not used.
        """
        return (monomials(y[None], self.factors) @ self.coefficients)[0]

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Follow the field over dt."""
        h = self.dt / self.n_substeps
        for _ in range(self.n_substeps):
            u = RK4().step(self.field, jnp.zeros(()), u, None, h)
        return u


@dataclasses.dataclass(frozen=True)
class SINDy(AbstractLearner):
    r"""Sparse identification of nonlinear dynamics: a polynomial field with few terms.

    $$\dot x = \Xi^\top \Theta(x), \qquad \Theta \text{ all monomials of degree} \le p$$

    Args:
        degree: p.
        regression: how coefficients become sparse: `STLSQ()` or `SR3()`.
        formulation: `WeakForm()` (noisy data) or `Derivatives()`.
        n_models: with more than one, an ensemble over blocks of rows drawn again: median coefficients, terms kept that
            occur in 60 % of the members, standard errors from their scatter.
        n_substeps: Runge-Kutta steps between two rows of the data.

    Raises:
        ParameterError: if an option is out of range.

    Limits: all variables of the equation must be among the columns, in units in which coefficients are comparable.
    Cost: n F^2 for each member.

    Example:
        >>> t = 0.02 * np.arange(1000)
        >>> x = np.stack([np.cos(2 * t), np.sin(2 * t)], axis=1)
        >>> print(*equations(SINDy(degree=1).fit(x, dt=0.02)), sep="; ")
        x0' = -2 x1; x1' = 2 x0

    Source: [brunton2016]; weak form [messenger2021]; ensembles [fasel2022].
    """

    degree: int = 2
    regression: AbstractSparseRegression = STLSQ()
    formulation: AbstractFormulation = WeakForm()
    n_models: int = 1
    n_substeps: int = 4

    def __post_init__(self):
        require_counts(self, "degree", "n_models", "n_substeps")

    def fit(self, data: Any, *, key: Any = None, dt: float | None = None, progress: bool | None = None) -> FittedSystem:
        """Learn from data.

        Args:
            data: array (time,) or (time, D), a Series, a Trajectory, or a list of those. NaN is a missing value.
            key: random key of the ensemble; not needed for one model.
            dt: time between two rows, where the data do not say it.
            progress: not used.

        Raises:
            InsufficientDataError: if there are fewer equations than terms.
        """
        found = segments(data, n_min=20, dt=dt)
        factors = monomial_factors(found.n_columns, self.degree)

        def library(rows: np.ndarray) -> np.ndarray:
            return monomial_table(rows, factors)

        pieces = [self.formulation.regression(part, found.dt, library) for part in found.parts]
        features, targets = (joined(side) for side in zip(*pieces, strict=True))
        if len(features) < features.shape[1]:
            raise InsufficientDataError(
                f"{len(features)} equations cannot fix {features.shape[1]} terms; record longer or lower the degree."
            )
        coefficients = self.regression.solve(features, targets)
        stderr, record = np.full(coefficients.shape, np.nan), {}
        if self.n_models > 1:
            coefficients, stderr, share = self._ensemble(features, targets, require_key(key, self))
            record = {"inclusion": share}
        residual = float(np.sqrt(np.mean((targets - features @ coefficients) ** 2) / np.mean(targets**2)))
        numbers = {"relative_residual": residual, "n_terms": float(np.count_nonzero(coefficients))}
        empty = np.flatnonzero(~(coefficients != 0).any(axis=0))
        notes = tuple(f"no term of column {k} is above the threshold: it stands still." for k in empty)
        leaves = jnp.asarray(coefficients), jnp.asarray(stderr), jnp.asarray(factors), jnp.asarray(found.dt)
        rule = FieldRule(*leaves, self.n_substeps)
        return finish(rule, found, unscaled(found), self, FitRecord(notes, numbers, record), n_context=1)

    def _ensemble(
        self, features: np.ndarray, targets: np.ndarray, key: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Median, standard error and share of members, over blocks of neighbouring equations drawn again."""
        blocks = np.array_split(np.arange(len(features)), min(N_BLOCKS, len(features)))
        drawn = np.asarray(jax.random.randint(key, (self.n_models, len(blocks)), 0, len(blocks)))
        members = []
        for picks in drawn:
            rows = np.concatenate([blocks[k] for k in picks])
            members.append(self.regression.solve(features[rows], targets[rows]))
        members = np.stack(members)
        share = np.mean(members != 0, axis=0)
        kept = share >= KEPT_SHARE
        median = np.where(kept, np.median(members, axis=0), 0.0)
        return median, np.where(kept, members.std(axis=0, ddof=1), 0.0), share


def equations(model: FittedSystem, *, digits: int = 4) -> list[str]:
    """The equations of a fitted SINDy model, a line each.

    Args:
        model: fitted by `SINDy`.
        digits: significant digits of the coefficients.

    Returns:
        Lines such as `x' = -10 x + 10 y`.

    Raises:
        ParameterError: if the model is another one.
    """
    if not isinstance(model.rule, FieldRule):
        raise ParameterError(f"{model.name} is no SINDy model; it has no equations.")
    coefficients = np.asarray(model.rule.coefficients)
    names = model.variables or tuple(f"x{k}" for k in range(coefficients.shape[1]))
    terms = ["1", *(_term(row, names) for row in np.asarray(model.rule.factors))]
    lines = []
    for k, name in enumerate(names):
        text = ""
        for c, term in zip(coefficients[:, k], terms, strict=True):
            if c != 0:
                sign = (" - " if c < 0 else " + ") if text else ("-" if c < 0 else "")
                text += f"{sign}{abs(c):.{digits}g}" + (f" {term}" if term != "1" else "")
        lines.append(f"{name}' = {text or '0'}")
    return lines


def _term(row: np.ndarray, names: tuple[str, ...]) -> str:
    counts = {names[k]: int(np.sum(row == k)) for k in row if k < len(names)}
    return " ".join(name if n == 1 else f"{name}^{n}" for name, n in counts.items())
