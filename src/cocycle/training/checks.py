"""What a model must be before it is analysed: deterministic, finite, and of the shape of its targets."""

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cocycle.core.errors import CocycleError, ParameterError
from cocycle.training.losses import SquaredLoss

_RANDOM = ("prng", "rng", "dropout", "requires a key", "inference")


def check_model(problem: Any) -> None:
    """Evaluate the model on the first sample, and refuse it with a remedy where that fails.

    Args:
        problem: a `Problem`; it is read only.

    Raises:
        ParameterError: if the model fails, gives another shape than the target, is not deterministic, or if the
            loss is not one finite number.
    """
    x, z = jax.tree.map(lambda leaf: leaf[0], problem.data)
    first, second = _answer(problem, x), _answer(problem, x)
    if not eqx.is_array(first):
        raise ParameterError(f"the model must return one array, got {type(first).__name__}; wrap it in a function.")
    if isinstance(problem.sample_loss, SquaredLoss) and first.shape != z.shape:
        how = "" if problem.batched else " A model that takes batches needs batched=True."
        raise ParameterError(
            f"the model turns one input of shape {_shape(x)} into {first.shape} but a target has shape {z.shape}; "
            f"reshape the targets or the output.{how}"
        )
    if not np.array_equal(np.asarray(first), np.asarray(second), equal_nan=True):
        raise ParameterError(
            "the model gave two outputs for one input: it holds random layers or hidden state. Switch them off "
            "(dropout: inference mode; batch normalisation: running averages), or draw outside the model."
        )
    try:
        losses = problem.per_sample_loss(problem.params, problem.data)
    except (TypeError, ValueError, IndexError) as error:
        raise ParameterError(f"the loss fails on {first.shape} and {z.shape}: {_first_line(error)}") from error
    bad = np.flatnonzero(~np.isfinite(np.asarray(losses)))
    if bad.size:
        raise ParameterError(
            f"the loss is {float(losses[bad[0]])} on {bad.size} of {losses.size} samples, first on number {bad[0]}; "
            "look at its data, or take an earlier checkpoint."
        )


def _shape(x: Any) -> str:
    return ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(x))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _answer(problem: Any, x: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            out = problem.output(problem.params, x)
        except CocycleError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {_first_line(error)}"
            if any(word in text.lower() for word in _RANDOM):
                raise ParameterError(
                    f"the model asks for randomness ({text}); the stability of a minimum needs a deterministic model: "
                    "switch random layers off (eqx.nn.inference_mode(model), deterministic=True)."
                ) from error
            how = "" if problem.batched else " `apply` sees one sample; a model of batches needs batched=True."
            raise ParameterError(f"the model fails on an input of shape {_shape(x)}: {text}.{how}") from error
    return jnp.asarray(out) if eqx.is_array_like(out) else out
