"""Results: the basins on a grid, and their shares of a box."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float, Int

from cocycle.core.estimate import Estimate
from cocycle.core.presentation import Presentable
from cocycle.stability.basins.attractors import Attractor


def shares(labels: np.ndarray, names: list[int]) -> Estimate:
    """Shares of labels among independent samples, with binomial standard errors.

    A share of none or all of n samples has the error that one sample more would have.

    Args:
        labels: of the samples.
        names: labels to count.
    """
    n = labels.size
    counts = np.array([np.sum(labels == name) for name in names])
    p = counts / n
    shrunk = np.clip(p, 1.0 / (n + 1), n / (n + 1.0))
    return Estimate(p, np.sqrt(shrunk * (1 - shrunk) / n), float(n), "share of samples, binomial error")


@dataclasses.dataclass(frozen=True, eq=False)
class Basins(Presentable):
    """Which attractor each state of a grid goes to.

    Attributes:
        labels: number of the attractor, 0 where undecided, -1 where the orbit diverges; one axis for each of `axes`.
        steps: steps that were taken before it was assigned, in blocks.
        axes: name of each coordinate of the grid -> its values.
        attractors: the attractors, by label from 1.
        name: name of the system.
        interrupted: whether a person stopped it; then states not reached are 0.
    """

    labels: Int[np.ndarray, "..."]
    steps: Int[np.ndarray, "..."]
    axes: dict[str, np.ndarray]
    attractors: tuple[Attractor, ...]
    name: str | None = None
    interrupted: bool = False

    @property
    def n_undecided(self) -> int:
        """States without a label."""
        return int(np.sum(self.labels == 0))

    @property
    def fractions(self) -> dict[int, Estimate]:
        """Share of the grid by label, -1 (diverged) and 0 (undecided) where they occur.

        The standard error is that of as many independent samples, which is above that of a regular grid.
        """
        names = [a.label for a in self.attractors] + [k for k in (-1, 0) if np.any(self.labels == k)]
        found = shares(self.labels, names)
        pairs = zip(np.asarray(found.value), np.asarray(found.stderr), strict=True)
        return {k: Estimate(float(v), float(s), math.inf, found.method) for k, (v, s) in zip(names, pairs, strict=True)}

    def __str__(self) -> str:
        """Attractors with their shares."""
        share = self.fractions
        lines = [f"{a}: {share[a.label]} of the grid" for a in self.attractors]
        words = {-1: "diverges", 0: "undecided"}
        lines += [f"{words[k]}: {share[k]}" for k in (-1, 0) if k in share]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True, eq=False)
class BasinFractions(Presentable):
    """Shares of a box, from independent random samples.

    Attributes:
        labels: label of each sample (n,).
        samples: initial states (n, D).
        names: labels in the order of `fractions`.
        fractions: shares with binomial standard errors.
        attractors: the attractors, by label.
        name: name of the system.
    """

    labels: Int[np.ndarray, "n"]
    samples: Float[np.ndarray, "n D"]
    names: tuple[int, ...]
    fractions: Estimate
    attractors: tuple[Attractor, ...]
    name: str | None = None

    def of(self, label: int) -> Estimate:
        """Return the share of one attractor (-1: diverged, 0: undecided).

        Args:
            label: its number.
        """
        found = shares(self.labels, [label])
        value, error = np.asarray(found.value)[0], np.asarray(found.stderr)[0]
        return Estimate(float(value), float(error), float(len(self.labels)), found.method)

    def __str__(self) -> str:
        """Labels and shares."""
        return "   ".join(f"{name}: {self.of(name)}" for name in self.names)
