"""Problems from modules of Equinox and Flax."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
from jaxtyping import Array, PyTree

from cocycle.core.errors import ParameterError
from cocycle.training.losses import AbstractLoss, SquaredLoss
from cocycle.training.problem import Problem


class _EquinoxApply(eqx.Module):
    """An Equinox module without its floating arrays, called with them."""

    rest: PyTree

    def __call__(self, params: PyTree, x: Any) -> Array:
        return eqx.combine(params, self.rest)(x)


class _FlaxApply(eqx.Module):
    """A Flax module with its collections that are not trained, called on a batch."""

    module: Any = eqx.field(static=True)
    fixed: PyTree
    options: tuple = eqx.field(static=True)

    def __call__(self, params: PyTree, x: Any) -> Array:
        return self.module.apply({"params": params, **self.fixed}, x, **dict(self.options))


def from_equinox(model: Any, data: tuple[Any, Any], *, loss: AbstractLoss | Callable | str = SquaredLoss()) -> Problem:
    """Problem of an Equinox module, called as `model(x)` on one sample.

    Args:
        model: the module; its floating arrays are the parameters, the rest is kept as it is. Random layers must be
            off: `eqx.nn.inference_mode(model)`.
        data: pair (x, z), samples along the first axis.
        loss: see `Problem`.

    Returns:
        The problem; `eqx.combine(params, model)` turns parameters into a model again.

    Example:
        >>> import jax, equinox as eqx
        >>> import jax.numpy as jnp
        >>> model = eqx.nn.Linear(2, 1, key=jax.random.key(0))
        >>> from_equinox(model, (jnp.ones((3, 2)), jnp.ones((3, 1)))).n_params
        3
    """
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    return Problem(_EquinoxApply(rest), params, data, loss=loss)


def from_flax(
    module: Any,
    variables: Any,
    data: tuple[Any, Any],
    *,
    loss: AbstractLoss | Callable | str = SquaredLoss(),
    **options: Any,
) -> Problem:
    """Problem of a Flax (linen) module, called as `module.apply(variables, x, **options)` on a batch.

    Args:
        module: the module.
        variables: what `module.init` returned: "params" is trained, other collections (batch statistics) are fixed.
        data: pair (x, z), samples along the first axis.
        loss: see `Problem`.
        **options: keyword arguments of the call, e.g. `train=False`, `deterministic=True`.

    Returns:
        The problem.

    Raises:
        ParameterError: if variables hold no "params".

    Example:
        >>> import jax, flax.linen as nn
        >>> import jax.numpy as jnp
        >>> module = nn.Dense(1)
        >>> variables = module.init(jax.random.key(0), jnp.ones((1, 2)))
        >>> from_flax(module, variables, (jnp.ones((3, 2)), jnp.ones((3, 1)))).n_params
        3
    """
    if not hasattr(variables, "keys") or "params" not in variables:
        raise ParameterError("variables must hold the collection 'params': give all that module.init returned.")
    fixed = {name: value for name, value in variables.items() if name != "params"}
    apply = _FlaxApply(module, fixed, tuple(sorted(options.items())))
    return Problem(apply, variables["params"], data, loss=loss, batched=True)
