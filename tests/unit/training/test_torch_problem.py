"""A PyTorch problem is the JAX problem of the same network and weights; Hugging Face models go through unchanged."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.errors import ParameterError
from cocycle.operators import extreme_eigenvalues
from cocycle.training import Problem, gauss_newton, hessian, minimum, tangent_kernel
from cocycle.training.torch_problem import TorchProblem

torch = pytest.importorskip("torch", reason="the PyTorch adapter needs the extra 'torch'")
EPS = np.finfo(float).eps
N, D, WIDTH, C = 10, 5, 7, 3


def roundoff(n_ops):
    return 32 * EPS * n_ops


def apply(params, x):
    w1, b1, w2, b2 = params
    return w2 @ jnp.tanh(w1 @ x + b1) + b2


def both(key, loss, *, dtype: Any = np.float64, chunk=None, torch_loss=None):
    """The same network, data and loss in JAX and in PyTorch."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    shapes = [(WIDTH, D), (WIDTH,), (C, WIDTH), (C,)]
    params = [rng.normal(size=s).astype(dtype) for s in shapes]
    x = rng.normal(size=(N, D)).astype(dtype)
    z = {
        "squared": rng.normal(size=(N, C)).astype(dtype),
        "cross_entropy": rng.integers(0, C, N),
        "logistic": rng.integers(0, 2, (N, C)).astype(dtype),
    }[loss]
    module = torch.nn.Sequential(torch.nn.Linear(D, WIDTH), torch.nn.Tanh(), torch.nn.Linear(WIDTH, C))
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), params, strict=True):
            parameter.data = torch.as_tensor(value)
    theirs = TorchProblem(module, (x, z), loss=torch_loss or loss, chunk=chunk)
    return Problem(apply, params, (x, z), loss=loss), theirs


def difference(a, b):
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    assert a.shape == b.shape
    return np.abs(a - b).max() / max(1e-300, np.abs(a).max())


def products(problem, v, u):
    params, batch = problem.params, problem.batch(jnp.array([0, 3, 4, 7]))
    return {
        "flat": problem.flat(problem.unflat(problem.flat(params))),
        "outputs": problem.outputs(params, batch),
        "per_sample_loss": problem.per_sample_loss(params, batch),
        "loss": problem.loss(params, batch),
        "gradient": problem.gradient(params, batch),
        "per_sample_gradients": problem.per_sample_gradients(params, batch),
        "hvp": problem.hvp(params, batch, v),
        "ggn_vp": problem.ggn_vp(params, batch, v),
        "factors": problem.factors(params, batch),
        "residuals": problem.residuals(params, batch),
        "factor_vp": problem.factor_vp(params, batch, v),
        "factor_vjp": problem.factor_vjp(params, batch, u),
    }


products_in_jax = eqx.filter_jit(products)  # one compilation for all


@pytest.mark.parametrize("loss", ["squared", "cross_entropy", "logistic"])
def test_pytorch_and_jax_agree_to_round_off(loss, key):
    ours, theirs = both(key, loss)
    assert (ours.n_params, ours.n_samples) == (theirs.n_params, theirs.n_samples)
    v = jnp.linspace(-1, 1, ours.n_params)
    u = jnp.linspace(-1, 2, 4 * C).reshape(4, C)
    a = products_in_jax(ours, v, u)
    for problem in (theirs, both(key, loss, chunk=3)[1]):
        b = products(problem, v, u)
        for name in a:
            assert difference(a[name], b[name]) < roundoff(ours.n_params), name


def few_products(problem, v, u):
    params, batch = problem.params, problem.batch(jnp.array([0, 3, 4, 7]))
    return {
        "outputs": problem.outputs(params, batch),
        "gradient": problem.gradient(params, batch),
        "hvp": problem.hvp(params, batch, v),
        "factor_vp": problem.factor_vp(params, batch, v),
        "factor_vjp": problem.factor_vjp(params, batch, u),
    }


def test_single_precision_agrees_to_1e_5(key):
    ours, theirs = both(key, "cross_entropy", dtype=np.float32)
    v = jnp.linspace(-1, 1, ours.n_params, dtype=jnp.float32)
    u = jnp.ones((4, C), dtype=jnp.float32)
    a, b = eqx.filter_jit(few_products)(ours, v, u), few_products(theirs, v, u)
    for name in a:
        assert b[name].dtype == a[name].dtype == jnp.float32
        assert difference(a[name], b[name]) < 1e-5, name


def test_a_loss_of_pytorch_has_its_own_mean_and_curvature(key):
    """MSELoss is the mean over outputs of the squared error: 2 / C times half the squared error."""
    ours, theirs = both(key, "squared", torch_loss=torch.nn.MSELoss())
    v = jnp.linspace(-1, 1, ours.n_params)
    u = jnp.ones((4, C))
    a, b = products_in_jax(ours, v, u), products(theirs, v, u)
    for name in ("loss", "per_sample_loss", "gradient", "per_sample_gradients", "hvp", "ggn_vp"):
        assert difference(np.asarray(a[name]) * 2 / C, b[name]) < roundoff(ours.n_params), name
    g = np.asarray(b["factors"]).reshape(-1, ours.n_params)
    assert difference(g.T @ (g @ np.asarray(v)) / 4, b["ggn_vp"]) < roundoff(ours.n_params)
    slopes = np.einsum("bcp,bc->bp", np.asarray(b["factors"]), np.asarray(b["residuals"]))
    assert difference(slopes, b["per_sample_gradients"]) < roundoff(ours.n_params)


def test_operators_agree(key):
    ours, theirs = both(key, "cross_entropy")
    a, b = (extreme_eigenvalues(hessian(p), n_top=2, n_bottom=1, tol=1e-10) for p in (ours, theirs))
    assert np.abs(a.values - b.values).max() < roundoff(ours.n_params) * a.values[0]
    for weighted in (False, True):
        a, b = (tangent_kernel(p, weighted=weighted) for p in (ours, theirs))
        matrix = a.dense()
        tolerance = roundoff(ours.n_params) * np.abs(matrix).max()
        assert np.abs(matrix - b.dense()).max() < tolerance
        assert np.abs(b.blocks() - a.blocks()).max() < tolerance
        v = np.linspace(0, 1, a.size)
        assert np.abs(np.asarray(b.mv(v)) - matrix @ v).max() < tolerance * a.size
        assert abs(a.trace() - np.trace(matrix)) < tolerance * a.size
    assert abs(gauss_newton(theirs).trace() - np.trace(matrix) / N) < tolerance * a.size
    # What the stability of a PyTorch minimum rests on: arrays from here on.
    spectrum = np.linalg.eigvalsh(matrix)[::-1]
    assert np.abs(minimum(theirs).eigenvalues[::-1][:20] - spectrum[:20]).max() < tolerance * a.size


def test_data_come_from_pairs_loaders_and_datasets(key):
    _, pair = both(key, "cross_entropy")
    x, z = pair.data
    dataset = torch.utils.data.TensorDataset(x, z)
    for data in (dataset, torch.utils.data.DataLoader(dataset, batch_size=4), (x.numpy(), z.numpy())):
        other = TorchProblem(pair.module, data, loss="cross_entropy")
        assert difference(pair.loss(pair.params, pair.data), other.loss(other.params, other.data)) == 0


def test_the_problem_is_a_snapshot_and_leaves_the_module_alone(key):
    _, problem = both(key, "squared")
    before = [p.detach().clone() for p in problem.module.parameters()]
    problem.hvp(problem.params, problem.data, np.ones(problem.n_params))
    assert all(torch.equal(a, b) and b.grad is None for a, b in zip(before, problem.module.parameters(), strict=True))
    with torch.no_grad():
        problem.module[0].weight.add_(1.0)
    assert difference(problem.params["0.weight"], before[0]) == 0
    assert difference(problem.live_params()["0.weight"], before[0] + 1) == 0


def test_frozen_parameters_are_constants(key):
    _, whole = both(key, "squared")
    whole.module[0].weight.requires_grad_(False)
    part = TorchProblem(whole.module, whole.data)
    assert part.n_params == whole.n_params - WIDTH * D
    batch = whole.data
    gradient = np.asarray(whole.gradient(whole.params, batch))[WIDTH * D :]
    assert difference(gradient, part.gradient(part.params, batch)) < roundoff(whole.n_params)


def transformer(kind):
    transformers = pytest.importorskip("transformers", reason="Hugging Face models need the extra 'transformers'")
    torch.manual_seed(0)
    ids = torch.randint(0, 17, (3, 5))
    if kind == "classifier":
        config = transformers.BertConfig(
            vocab_size=17, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, num_labels=3
        )
        model = transformers.BertForSequenceClassification(config).eval().double()
        data = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.tensor([0, 2, 1])}
        return model, data, "cross_entropy"
    config = transformers.GPT2Config(
        vocab_size=17, n_positions=8, n_embd=8, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config).eval().double()

    def next_token(logits, labels):
        return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    return model, ({"input_ids": ids}, ids), next_token


@pytest.mark.parametrize("kind", ["classifier", "language model"])
def test_a_hugging_face_model_is_analysed_as_it_is(kind):
    """Products against finite differences of the gradient, and against the factors of the samples."""
    model, data, loss = transformer(kind)
    problem = TorchProblem(model, data, loss=loss)
    params, batch = problem.params, problem.data
    theta = np.asarray(problem.flat(params))
    v = np.random.default_rng(0).normal(size=problem.n_params)
    h = 1e-4 / np.linalg.norm(v)
    for name, row in problem.constant_rows.items():  # PyTorch holds the embedding of the padding token constant
        direction = problem.unflat(v)
        direction[name][row] = 0.0
        v = np.asarray(problem.flat(direction))
    ahead, behind = (np.asarray(problem.gradient(problem.unflat(theta + s * h * v), batch)) for s in (1, -1))
    hv = np.asarray(problem.hvp(params, batch, v))
    # Central differences: error h^2 |v|^3 times the third derivative (of order 1), and round-off / h.
    assert len(problem.constant_rows) == (kind == "classifier")
    assert np.linalg.norm((ahead - behind) / (2 * h) - hv) < 1e-5 * np.linalg.norm(hv)
    mean = np.asarray(problem.per_sample_gradients(params, batch)).mean(axis=0)
    assert difference(problem.gradient(params, batch), mean) < roundoff(problem.n_params)
    g = np.asarray(problem.factors(params, batch)).reshape(-1, problem.n_params)
    assert difference(problem.ggn_vp(params, batch, v), g.T @ (g @ v) / 3) < roundoff(problem.n_params)
    top = extreme_eigenvalues(hessian(problem), tol=1e-4)
    assert top.converged
    assert top.values[0] > 0


def linear(**changes):
    return torch.nn.Linear(2, 2).double().requires_grad_(**changes)


def integer_module():
    module = linear()
    module.step = torch.nn.Parameter(torch.zeros(1, dtype=torch.int64), requires_grad=False)
    return module


def nan_module():
    module = linear()
    with torch.no_grad():
        module.weight[0, 0] = float("nan")
    return module


class Noisy(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x) + torch.randn(len(x), 2)


EYE = torch.eye(2).double()
PAIR = (EYE, EYE)
BAD = [
    (lambda: (torch.nn.Sequential(linear(), torch.nn.Dropout(0.1)), PAIR, {}), r"module.eval\(\)"),
    (lambda: (torch.nn.Sequential(linear(), torch.nn.BatchNorm1d(2)), PAIR, {}), "normalises over the batch"),
    (lambda: (integer_module(), PAIR, {}), "register them as buffers"),
    (lambda: (nan_module(), PAIR, {}), "earlier checkpoint"),
    (lambda: (linear(requires_grad=False), PAIR, {}), "unfreeze"),
    (lambda: (Noisy(2, 2).double(), PAIR, {}), "two outputs for one input"),
    (lambda: (lambda x: x, PAIR, {}), "must be a torch.nn.Module"),
    (lambda: (linear(), EYE, {}), "must be a pair"),
    (lambda: (linear(), (EYE, torch.zeros(3, 2)), {}), "first axis"),
    (lambda: (linear(), (EYE[:0], EYE[:0]), {}), "first axis"),
    (lambda: (linear(), (torch.zeros(2, 3).double(), EYE), {}), "fails on the inputs"),
    (lambda: (linear(), (EYE, torch.zeros(2, 1)), {}), "reshape the targets"),
    (lambda: (linear(), PAIR, {"loss": "squard"}), "squared"),
    (lambda: (linear(), PAIR, {"loss": 3}), "must be a name or a function"),
    (lambda: (linear(), (EYE, torch.tensor([0, 5])), {"loss": "cross_entropy"}), "the loss fails"),
    (lambda: (linear(), (EYE * float("inf"), EYE), {}), "look at their data"),
    (lambda: (linear(), PAIR, {"chunk": 0}), "chunk"),
    (lambda: (torch.nn.LSTM(2, 2).double(), PAIR, {"output": lambda o: {}}), "."),
]


@pytest.mark.parametrize("row", BAD, ids=range(len(BAD)))
def test_bad_input_is_refused(row):
    make, words = row
    module, data, options = make()
    with pytest.raises((ParameterError, AttributeError), match=words):
        TorchProblem(module, data, **options)
