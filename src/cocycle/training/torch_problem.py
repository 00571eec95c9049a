"""A PyTorch module with its loss and data as a training problem, through `torch.func`; the module is not changed."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cocycle.core.start import count
from cocycle.training.losses import AbstractLoss, SquaredLoss, as_loss
from cocycle.training.problem import AbstractProblem
from cocycle.training.torch_checks import check_answers, check_module, gather, padding_rows, pick_output, torch_loss

Tensors = Any


class TorchProblem(AbstractProblem):
    r"""A PyTorch module, its loss and its data, for every analysis that asks only for products.

    Args:
        module: any deterministic `nn.Module` (call `eval()` first where it has dropout or batch normalisation), a
            Hugging Face model included. Its trainable parameters (`requires_grad`) are the parameters, in the order of
            `named_parameters()`; the rest stays constant.
        data: pair (inputs, targets) of tensors or arrays, a `DataLoader` or a `Dataset` of such pairs, which is read
            once. Inputs that are a dict are passed by name, a tuple by position. A Hugging Face batch (a dict with
            "labels") is split into inputs and labels.
        loss: "squared" (half the squared error), "cross_entropy", "logistic" as in `Problem`; or a PyTorch loss
            `loss(outputs, targets)` with the mean over samples, e.g. `torch.nn.MSELoss()`; it is evaluated one
            sample at a time.
        output: takes the tensor of outputs out of what the module returns. Default: the tensor itself, `.logits`, or
            the first of a tuple.
        chunk: samples in memory at a time; None takes all at once.

    Raises:
        ParameterError: if the module is not deterministic, has integer or no trainable parameters, or does not fit
            data and loss.
        ImportError: if PyTorch is not installed.

    Accuracy: that of the module's dtype. The parameters are a copy: later training does not move the problem, and
        `live_params()` gives those of now.
    Limits: products are made on the module's device by PyTorch, so JAX cannot trace them (`traceable` is False).
    Cost: one pass over two samples.

    Example:
        >>> import pytest; torch = pytest.importorskip("torch")
        >>> net = torch.nn.Linear(2, 1, bias=False).double()
        >>> _ = torch.nn.init.ones_(net.weight)
        >>> problem = TorchProblem(net, (torch.eye(2).double(), torch.zeros(2, 1).double()))
        >>> problem.gradient(problem.params, problem.data).tolist()
        [0.5, 0.5]
    """

    module: Any = eqx.field(static=True)
    params: Any
    data: Any
    sample_loss: AbstractLoss | None
    torch_loss: Any = eqx.field(static=True)
    output: Callable[[Any], Any] = eqx.field(static=True)
    chunk: int | None = eqx.field(static=True)
    # What PyTorch can do with this module is found once: forward mode, vmap over samples.
    abilities: dict[str, bool] = eqx.field(static=True)
    # Rows of embeddings that PyTorch keeps constant (padding_idx): no gradient there, so no tangent either.
    constant_rows: dict[str, int] = eqx.field(static=True)
    traceable: ClassVar[bool] = False

    def __init__(
        self,
        module: Any,
        data: Any,
        *,
        loss: Any = "squared",
        output: Callable[[Any], Any] | None = None,
        chunk: int | None = None,
    ):
        self.module = module
        self.params = check_module(module)
        self.data = gather(data, next(iter(self.params.values())))
        self.sample_loss = as_loss(loss) if isinstance(loss, str) else None
        self.torch_loss = torch_loss(loss)
        self.output = pick_output if output is None else output
        self.chunk = None if chunk is None else count(chunk, "chunk")
        self.abilities = {"forward": True, "vmap": True}
        self.constant_rows = padding_rows(module, self.params)
        check_answers(self)

    @property
    def n_samples(self) -> int:
        """N, rows of the data."""
        return _first_tensor(self.data).shape[0]

    @property
    def n_params(self) -> int:
        """P, numbers in the trainable parameters."""
        return sum(p.numel() for p in self.params.values())

    def live_params(self) -> dict[str, Any]:
        """Return a copy of the module's parameters as they are now."""
        named = dict(self.module.named_parameters())
        return {name: named[name].detach().clone() for name in self.params}

    def batch(self, indices: Any = None) -> Any:
        """Return rows of the data; None is all of them."""
        if indices is None:
            return self.data
        import torch

        rows = torch.as_tensor(np.array(indices), device=_first_tensor(self.data).device)
        return _tree_map(lambda leaf: leaf[rows], self.data)

    def flat(self, params: Any) -> Float[Array, "P"]:
        """Return the parameters as one vector, in the widest of their dtypes."""
        return _to_jax(_join(params.values()))

    def unflat(self, vector: Any) -> dict[str, Any]:
        """Return a vector as parameters, each in its own shape and dtype."""
        import torch

        like = next(iter(self.params.values()))
        source = torch.as_tensor(np.array(vector, copy=True)).to(like.device)
        return dict(zip(self.params, _split(source, self.params.values()), strict=True))

    def outputs(self, params: Any, batch: Any) -> Float[Array, "B ..."]:
        """Return the model's outputs."""
        import torch

        with torch.no_grad(), _math_attention():
            return _to_jax(torch.cat([self._call(params, part[0]) for part, _ in self._parts(batch)]))

    def per_sample_loss(self, params: Any, batch: Any) -> Float[Array, "B"]:
        """Return the losses of the samples."""
        import torch

        with torch.no_grad(), _math_attention():
            parts = [_each_loss(self, self._call(params, p[0]), p[1]) for p, _ in self._parts(batch)]
            return _to_jax(torch.cat(parts))

    def loss(self, params: Any, batch: Any) -> Float[Array, ""]:
        """Return their mean."""
        return jnp.mean(self.per_sample_loss(params, batch))

    def gradient(self, params: Any, batch: Any) -> Float[Array, "P"]:
        """Return the gradient of the mean loss."""
        import torch

        with _math_attention():
            parts = [(torch.func.grad(self._mean_loss(part))(params), share) for part, share in self._parts(batch)]
        return _to_jax(sum(share * _join(g.values()) for g, share in parts))

    def per_sample_gradients(self, params: Any, batch: Any) -> Float[Array, "B P"]:
        """Return the gradient of each sample's loss."""
        import torch

        def one(x: Any, z: Any) -> Any:
            sample = (_tree_map(lambda a: a[None], x), z[None])
            gradient = torch.func.grad(lambda p: _each_loss(self, self._call(p, sample[0]), sample[1])[0])(params)
            return _join(gradient.values())

        return _to_jax(self._over_samples(one, batch))

    def hvp(self, params: Any, batch: Any, v: Any) -> Float[Array, "P"]:
        """Return the Hessian of the mean loss times v: reverse over reverse, which every module allows."""
        import torch

        v = self._tangent(v)
        with _math_attention():
            total: Any = 0.0
            for part, share in self._parts(batch):
                _, pull = _vjp(torch.func.grad(self._mean_loss(part)), params)
                total = total + share * _join(self._without_padding(pull(v)[0]).values())
        return _to_jax(total)

    def ggn_vp(self, params: Any, batch: Any, v: Any) -> Float[Array, "P"]:
        """Return the generalised Gauss-Newton matrix of the mean loss times v."""
        import torch

        v = self._tangent(v)
        with _math_attention():
            total: Any = 0.0
            for part, share in self._parts(batch):
                f, u = self._push(params, part[0], v)
                curvature = torch.func.grad(lambda f, z=part[1]: _each_loss(self, f, z).mean())
                w = _vjp(curvature, f)[1](u)[0]
                pulled = _vjp(lambda p, x=part[0]: self._call(p, x), params)[1](w)[0]
                total = total + share * _join(pulled.values())
        return _to_jax(total)

    def factors(self, params: Any, batch: Any) -> Float[Array, "B C P"]:
        """Return G_i = R_i J_i of each sample, by reverse mode over its outputs."""
        import torch

        def one(x: Any, z: Any) -> Any:
            call = lambda p: self._call(p, _tree_map(lambda a: a[None], x))[0].reshape(-1)  # noqa: E731
            f, pull = _vjp(call, params)
            rows = torch.func.vmap(lambda row: _join(pull(row)[0].values()))
            return rows(torch.eye(f.numel(), dtype=f.dtype, device=f.device))

        jacobian = _to_jax(self._over_samples(one, batch))
        return jnp.einsum("bij,bjp->bip", self._roots(params, batch), jacobian)

    def residuals(self, params: Any, batch: Any) -> Float[Array, "B C"]:
        """Return u_i of each sample, where G_i^T u_i is the gradient of its loss."""
        import jax
        import torch

        outputs = self.outputs(params, batch)
        if self.sample_loss is not None:
            return jax.vmap(self.sample_loss.residual)(outputs, _to_jax(batch[1]))
        f = torch.as_tensor(np.array(outputs)).to(_first_tensor(batch).device)
        slopes = torch.func.grad(lambda f: _each_loss(self, f, batch[1]).sum())(f)
        roots = self._roots(params, batch)
        return jnp.einsum("bij,bj->bi", jnp.linalg.pinv(roots), _to_jax(slopes).reshape(roots.shape[0], -1))

    def factor_vp(self, params: Any, batch: Any, v: Any) -> Float[Array, "B C"]:
        """Return G_i v of each sample, without forming G."""
        import torch

        v = self._tangent(v)
        with _math_attention():
            pushed = torch.cat([self._push(params, part[0], v)[1] for part, _ in self._parts(batch)])
        roots = self._roots(params, batch)
        return jnp.einsum("bij,bj->bi", roots, _to_jax(pushed).reshape(roots.shape[0], -1))

    def factor_vjp(self, params: Any, batch: Any, u: Any) -> Float[Array, "P"]:
        """Return the sum of G_i^T u_i, by reverse mode."""
        import torch

        weights = np.einsum("bij,bi->bj", np.asarray(self._roots(params, batch)), np.asarray(u))
        total: Any = 0.0
        first = 0
        with _math_attention():
            for part, _ in self._parts(batch):
                f, pull = _vjp(lambda p, x=part[0]: self._call(p, x), params)
                rows = torch.as_tensor(weights[first : first + len(f)]).to(f).reshape(f.shape)
                total = total + _join(pull(rows)[0].values())
                first += len(f)
        return _to_jax(total)

    def _tangent(self, v: Any) -> dict[str, Any]:
        return self._without_padding(self.unflat(v))

    def _without_padding(self, tangent: dict[str, Any]) -> dict[str, Any]:
        for name, row in self.constant_rows.items():
            tangent[name][row] = 0.0
        return tangent

    def _call(self, params: Any, x: Any) -> Any:
        import torch

        args, kwargs = ((), x) if isinstance(x, dict) else (x if isinstance(x, tuple | list) else (x,), {})
        return self.output(torch.func.functional_call(self.module, params, tuple(args), kwargs))

    def _mean_loss(self, part: Any) -> Callable[[Any], Any]:
        return lambda p: _each_loss(self, self._call(p, part[0]), part[1]).mean()

    def _push(self, params: Any, x: Any, v: Any) -> tuple[Any, Any]:
        """Outputs and their derivative along v: forward mode, or twice reverse where a layer has none."""
        import torch

        call = lambda p: self._call(p, x)  # noqa: E731
        if self.abilities["forward"]:
            try:
                f, tangent, *_ = torch.func.jvp(call, (params,), (v,))
                return f, tangent
            except (RuntimeError, NotImplementedError):
                self.abilities["forward"] = False
        f, pull = _vjp(call, params)
        return f, _vjp(lambda w: pull(w)[0], torch.zeros_like(f))[1](v)[0]

    def _over_samples(self, one: Callable[[Any, Any], Any], batch: Any) -> Any:
        """Stack `one(x, z)` over samples: by vmap, or one by one where a layer does not allow it."""
        import torch

        with _math_attention():
            if self.abilities["vmap"]:
                try:
                    parts = [torch.func.vmap(one)(part[0], part[1]) for part, _ in self._parts(batch)]
                    return torch.cat(parts)
                except (RuntimeError, NotImplementedError, ValueError):
                    self.abilities["vmap"] = False
            n = _first_tensor(batch).shape[0]
            return torch.stack([one(*_tree_map(lambda leaf, i=i: leaf[i], batch)) for i in range(n)])

    def _roots(self, params: Any, batch: Any) -> Float[Array, "B C C"]:
        """R of each sample with R^T R = curvature of its loss in the outputs."""
        import jax
        import torch

        outputs = self.outputs(params, batch)
        if isinstance(self.sample_loss, SquaredLoss):
            size = outputs.size // outputs.shape[0]
            return jnp.broadcast_to(jnp.eye(size, dtype=outputs.dtype), (outputs.shape[0], size, size))
        if self.sample_loss is not None:
            return jax.vmap(self.sample_loss.root)(outputs, _to_jax(batch[1]))
        rows = []
        for f, z in zip(torch.as_tensor(np.array(outputs)).to(_first_tensor(batch).device), batch[1], strict=True):
            loss = lambda g, f=f, z=z: _each_loss(self, g.reshape(f.shape)[None], z[None])[0]  # noqa: E731
            values, vectors = torch.linalg.eigh(torch.func.hessian(loss)(f.reshape(-1)))
            rows.append((vectors * values.clamp(min=0).sqrt()) @ vectors.T)
        return _to_jax(torch.stack(rows))

    def _parts(self, batch: Any) -> Iterator[tuple[Any, float]]:
        """Parts of a batch with their share of it."""
        n = _first_tensor(batch).shape[0]
        step = n if self.chunk is None else self.chunk
        for first in range(0, n, step):
            part = batch if step >= n else _tree_map(lambda leaf, i=first: leaf[i : i + step], batch)
            yield part, min(step, n - first) / n


def _vjp(function: Callable[[Any], Any], x: Any) -> tuple[Any, Callable[[Any], Any]]:
    import torch

    value, pull, *_ = torch.func.vjp(function, x)
    return value, pull


def _tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _tree_map(function, leaf) for name, leaf in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(_tree_map(function, leaf) for leaf in tree)
    return function(tree)


def _first_tensor(tree: Any) -> Any:
    while isinstance(tree, dict | tuple | list):
        tree = next(iter(tree.values() if isinstance(tree, dict) else tree))
    return tree


def _join(tensors: Any) -> Any:
    import torch

    tensors = [t.reshape(-1) for t in tensors]
    dtype = max((t.dtype for t in tensors), key=lambda d: torch.finfo(d).bits)
    return torch.cat([t.to(dtype) for t in tensors])


def _split(vector: Any, like: Any) -> Iterator[Any]:
    at = 0
    for p in like:
        yield vector[at : at + p.numel()].reshape(p.shape).to(p.dtype)
        at += p.numel()


def _to_jax(tensor: Any) -> Any:
    tensor = tensor.detach().cpu()
    return jnp.asarray(tensor.float().numpy() if str(tensor.dtype) == "torch.bfloat16" else tensor.numpy())


def _math_attention() -> Any:
    """Attention by plain operations: the fused kernels have no second derivative."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    return sdpa_kernel(SDPBackend.MATH)


def _each_loss(problem: TorchProblem, outputs: Any, targets: Any) -> Any:
    """Losses of the samples, (B,)."""
    return problem.torch_loss(outputs, targets)
