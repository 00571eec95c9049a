"""Universal differential equations: the known part of a field, with its parameters, and a network for the rest."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.errors import ParameterError
from cocycle.core.system import parameter_leaves
from cocycle.learn.abstract import require_counts
from cocycle.learn.descent import Descent
from cocycle.learn.forcing import AbstractForcing, SparseForcing
from cocycle.learn.layers import Layers, layers
from cocycle.learn.rules import AbstractRowRule, Scaler
from cocycle.learn.stretches import Segments
from cocycle.learn.substeps import follow
from cocycle.learn.trained import AbstractTrainedLearner


class HybridRule(AbstractRowRule):
    r"""Known field and network, followed by Runge-Kutta steps between rows.

    $$\dot x = f(x, p) + S\, n_\theta(S^{-1}(x - c)) / \Delta$$

    Attributes:
        network: n, in standardised units, per row.
        args: p.
        centre: (D,) c.
        scale: (D,) diagonal of S.
        dt: Delta, time between rows.
        known: f(t, y, args).
        tuned: whether p is learned too.
        n_substeps: Runge-Kutta steps between rows.
    """

    network: Layers
    args: Any
    centre: Float[Array, "D"]
    scale: Float[Array, "D"]
    dt: Float[Array, ""]
    known: Callable[..., Any] = eqx.field(static=True)
    tuned: bool = eqx.field(static=True)
    n_substeps: int = eqx.field(static=True)

    def field(self, t: Any, u: Float[Array, "D"], args: Any) -> Float[Array, "D"]:
        """Velocity in standardised units per row.

        Args:
            t: not used.
            u: standardised state.
            args: not used.
        """
        still = jax.lax.stop_gradient
        p = self.args if self.tuned else jax.tree.map(still, self.args)
        scale = still(self.scale)
        velocity = self.known(jnp.zeros(()), still(self.centre) + scale * u, p)
        return still(self.dt) * velocity / scale + self.network(u)

    def advance(self, z: Float[Array, "D"], u: Float[Array, "D"]) -> Float[Array, "D"]:
        """Follow the field over one row."""
        return follow(self.field, u, 1.0, self.n_substeps)


@dataclasses.dataclass(frozen=True)
class HybridODE(AbstractTrainedLearner):
    r"""Universal differential equation: a known field with its parameters, and a network for what it lacks.

    $$\dot x = f(x, p) + n_\theta(x)$$

    `missing_part` evaluates the network alone.

    Args:
        known: the field f(t, y, args), written with `jax.numpy`; y are the columns of the data.
        args: p, any pytree of numbers.
        tuned: whether p is learned as well.
        n_hidden: hidden units of the network.
        n_substeps: Runge-Kutta steps between two rows.
        forcing: default every 8 rows.
        descent: how it is trained.

    Raises:
        ParameterError: if an option is out of range.

    Limits: with `tuned`, what the network can imitate is not identified: p alone is then no measurement. A model saves
        only where `known` belongs to cocycle (a field of the catalogue).

    Source: [rackauckas2020].
    """

    known: Callable[..., Any] | None = None
    args: Any = dataclasses.field(default=None, hash=False, compare=False)
    tuned: bool = False
    n_hidden: int = 16
    n_substeps: int = 1
    forcing: AbstractForcing = SparseForcing(8)
    descent: Descent = Descent(length=32)

    def __post_init__(self):
        require_counts(self, "n_hidden", "n_substeps")
        if self.known is not None and not callable(self.known):
            raise ParameterError(f"HybridODE: known is the field f(t, y, args), not {self.known!r}.")

    def first_rule(self, key: Any, data: Segments, scaler: Scaler) -> HybridRule:
        """The known field and a weak network.

        Args:
            key: random key.
            data: what is learned from.
            scaler: its units.
        """
        n = data.n_columns
        network, known = layers(key, n, self.n_hidden, n, size=0.01), nothing if self.known is None else self.known
        units = scaler.centre, scaler.scale, jnp.asarray(data.dt)
        return HybridRule(network, parameter_leaves(self.args), *units, known, self.tuned, self.n_substeps)


def nothing(t: Any, y: Float[Array, "D"], args: Any) -> Float[Array, "D"]:
    """A field of zeros: nothing is known.

    Args:
        t: not used.
        y: state.
        args: not used.
    """
    return jnp.zeros_like(y)


def missing_part(model: Any, x: Any) -> Float[np.ndarray, "n D"]:
    """What the network of a hybrid model adds to the known field.

    Args:
        model: fitted by `HybridODE`.
        x: (n, D) states in the units of the data.

    Returns:
        (n, D) velocities [units of the data / time].

    Raises:
        ParameterError: if the model is another one.
    """
    rule = model.rule
    if not isinstance(rule, HybridRule):
        raise ParameterError(f"{model.name} is no hybrid model; it has no known part.")
    found = jax.vmap(rule.network)(rule_units(model, x))
    return np.asarray(found) * np.asarray(rule.scale) / float(rule.dt)


def rule_units(model: Any, x: Any) -> Float[Array, "n D"]:
    """States in the units of the rule.

    Args:
        model: a fitted system.
        x: (n, D) in the units of the data.
    """
    return jnp.asarray(model.scaler.to_rule(jnp.asarray(x)))
