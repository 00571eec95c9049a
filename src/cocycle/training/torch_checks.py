"""What a PyTorch module, its data and its loss must be before they are analysed."""

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cocycle.core.errors import ParameterError, suggest

_BY_NAME = ("squared", "cross_entropy", "logistic")


def check_module(module: Any) -> dict[str, Any]:
    """Refuse a module that is random, or has nothing to train.

    Args:
        module: as given.

    Returns:
        Copies of its trainable parameters by name.

    Raises:
        ImportError: if PyTorch is not installed.
        ParameterError: if it cannot be analysed.
    """
    try:
        import torch
    except ImportError:
        raise ImportError("TorchProblem needs PyTorch: pip install 'cocycle[torch]'.") from None
    with warnings.catch_warnings():  # PyTorch's own rules of forward mode warn of PyTorch's own scripting
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("torch._decomp.decompositions_for_jvp")

    if not isinstance(module, torch.nn.Module):
        raise ParameterError(f"module must be a torch.nn.Module, got {type(module).__name__}.")
    norms = torch.nn.modules.batchnorm._BatchNorm  # pyright: ignore[reportAttributeAccessIssue]
    drops = torch.nn.modules.dropout._DropoutNd  # pyright: ignore[reportAttributeAccessIssue]
    for name, part in module.named_modules():
        if part.training and isinstance(part, drops) and part.p > 0:
            raise ParameterError(
                f"the layer {name!r} drops units at random, so the loss is no function of the parameters; "
                "call module.eval() first, or set its p to 0."
            )
        if part.training and isinstance(part, norms):
            raise ParameterError(
                f"the layer {name!r} normalises over the batch, which mixes samples and changes the module; "
                "call module.eval() first."
            )
    named = dict(module.named_parameters())
    odd = [f"{name} ({p.dtype})" for name, p in named.items() if not p.is_floating_point()]
    if odd:
        raise ParameterError(
            f"only real floating parameters can be trained, got {', '.join(odd)}; register them as buffers."
        )
    params = {name: p.detach().clone() for name, p in named.items() if p.requires_grad}
    if not params:
        raise ParameterError("no parameter of the module requires a gradient; unfreeze what is to be analysed.")
    bad = [name for name, p in params.items() if not bool(torch.isfinite(p).all())]
    if bad:
        raise ParameterError(f"NaN or infinity in {', '.join(bad)}; take an earlier checkpoint.")
    return params


def padding_rows(module: Any, params: dict[str, Any]) -> dict[str, int]:
    """Rows of embeddings whose gradient PyTorch sets to zero, by name of the parameter.

    Args:
        module: the module.
        params: its trainable parameters.
    """
    import torch

    rows = {}
    for name, part in module.named_modules():
        weight = f"{name}.weight" if name else "weight"
        if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None and weight in params:
            rows[weight] = part.padding_idx
    return rows


def gather(data: Any, like: Any) -> Any:
    """Data as one pair (inputs, targets) of tensors on the module's device.

    Args:
        data: pair, dict with "labels", DataLoader or Dataset.
        like: a parameter, for the device.

    Raises:
        ParameterError: if it is not that.
    """
    import torch

    if isinstance(data, torch.utils.data.Dataset):
        data = torch.utils.data.DataLoader(data, batch_size=256)
    if isinstance(data, torch.utils.data.DataLoader):
        parts = [_pair(batch) for batch in data]
        if not parts:
            raise ParameterError("the data loader is empty; give at least one sample.")
        data = _concatenate(parts)
    x, z = _pair(data)
    x, z = (_convert(part, like.device) for part in (x, z))
    lengths = {int(t.shape[0]) if t.ndim else -1 for t in [*_leaves(x), *_leaves(z)]}
    if len(lengths) != 1 or lengths & {0, -1}:
        raise ParameterError(
            f"inputs and targets must share a non-empty first axis, the samples; got lengths {sorted(lengths)}."
        )
    return x, z


def _pair(data: Any) -> tuple[Any, Any]:
    if hasattr(data, "keys") and "labels" in data:
        return {k: data[k] for k in data if k != "labels"}, data["labels"]
    if isinstance(data, tuple | list) and len(data) == 2:
        return data[0], data[1]
    raise ParameterError(
        "data must be a pair (inputs, targets), a dict with 'labels', or a DataLoader or Dataset of these; "
        f"got {type(data).__name__}."
    )


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in _leaves(part)]
    return [leaf for part in tree for leaf in _leaves(part)] if isinstance(tree, tuple | list) else [tree]


def _convert(tree: Any, device: Any) -> Any:
    import torch

    if hasattr(tree, "keys"):
        return {name: _convert(tree[name], device) for name in tree}
    if isinstance(tree, tuple | list):
        return tuple(_convert(part, device) for part in tree)
    return (tree if isinstance(tree, torch.Tensor) else torch.as_tensor(np.array(tree))).detach().to(device)


def _concatenate(parts: list[Any]) -> Any:
    import torch

    first = parts[0]
    if hasattr(first, "keys"):
        return {name: _concatenate([p[name] for p in parts]) for name in first}
    if isinstance(first, tuple | list):
        return tuple(_concatenate([p[k] for p in parts]) for k in range(len(first)))
    return torch.cat([torch.as_tensor(p) for p in parts])


def pick_output(answer: Any) -> Any:
    """Tensor of outputs in what a module returns.

    Args:
        answer: a tensor, an object with `logits`, or a tuple.

    Raises:
        ParameterError: if there is none.
    """
    import torch

    if isinstance(answer, torch.Tensor):
        return answer
    if isinstance(getattr(answer, "logits", None), torch.Tensor):
        return answer.logits
    if isinstance(answer, tuple | list) and answer and isinstance(answer[0], torch.Tensor):
        return answer[0]
    raise ParameterError(
        f"the module returns a {type(answer).__name__}; say with output= which tensor of it the loss takes."
    )


def torch_loss(loss: Any) -> Callable[[Any, Any], Any]:
    """Function of (outputs, targets) that gives the losses of the samples.

    Args:
        loss: a name, or a PyTorch loss with the mean over samples.

    Raises:
        ParameterError: if it is neither.
    """
    if isinstance(loss, str):
        if loss not in _BY_NAME:
            raise ParameterError(f"no loss is called {loss!r}; {suggest(loss, _BY_NAME)}")
        return {"squared": _squared, "cross_entropy": _cross_entropy, "logistic": _logistic}[loss]
    if not callable(loss):
        raise ParameterError(f"loss must be a name or a function of (outputs, targets), got {loss!r}.")

    one: Any = loss

    def each(outputs: Any, targets: Any) -> Any:
        import torch

        return torch.stack([one(outputs[i : i + 1], targets[i : i + 1]).reshape(()) for i in range(len(outputs))])

    return each


def _squared(f: Any, z: Any) -> Any:
    return 0.5 * ((f - z) ** 2).reshape(len(f), -1).sum(dim=1)


def _cross_entropy(f: Any, z: Any) -> Any:
    log_p = f.log_softmax(dim=-1)
    if z.is_floating_point():
        return -(z * log_p).reshape(len(f), -1).sum(dim=1)
    return -log_p.gather(-1, z.reshape(len(f), 1)).reshape(len(f))


def _logistic(f: Any, z: Any) -> Any:
    import torch

    return (torch.nn.functional.softplus(f) - z * f).reshape(len(f), -1).sum(dim=1)


def check_answers(problem: Any) -> None:
    """Evaluate a problem on two samples, twice.

    Args:
        problem: a TorchProblem.

    Raises:
        ParameterError: if that fails, differs, is not finite, or does not fit the targets.
    """
    part = problem.batch(np.arange(min(2, problem.n_samples)))
    try:
        first, second = problem.outputs(problem.params, part), problem.outputs(problem.params, part)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"the module fails on the inputs: {_first_line(error)}") from error
    if first.shape != second.shape or not np.array_equal(np.asarray(first), np.asarray(second), equal_nan=True):
        raise ParameterError(
            "the module gave two outputs for one input: it holds random layers; switch them off (module.eval())."
        )
    if first.ndim == 0 or first.shape[0] != min(2, problem.n_samples):
        raise ParameterError(
            f"the outputs have shape {first.shape} for {min(2, problem.n_samples)} samples; they need one row a sample."
        )
    name = type(problem.sample_loss).__name__
    z = part[1]
    if name in ("SquaredLoss", "LogisticLoss") and tuple(z.shape) != tuple(first.shape):
        raise ParameterError(
            f"the outputs have shape {tuple(first.shape)} but the targets {tuple(z.shape)}; reshape the targets, or "
            "pick the output with output=."
        )
    try:
        losses = np.asarray(problem.per_sample_loss(problem.params, part))
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ParameterError(
            f"the loss fails on outputs of shape {tuple(first.shape)} and targets of shape {tuple(z.shape)}: "
            f"{_first_line(error)}"
        ) from error
    if not np.all(np.isfinite(losses)):
        raise ParameterError(f"the loss is {losses[~np.isfinite(losses)][0]} on the first samples; look at their data.")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
