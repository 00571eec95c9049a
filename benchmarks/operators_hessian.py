"""Hessian of an MLP with 85,000 parameters, cross-entropy on 256 samples, float64: top eigenvalue and trace.

Ours in JAX, ours through the PyTorch adapter, and curvlinops on the same weights. Eigenvalue: ours by restarted
Lanczos, curvlinops by SciPy's `eigsh`, both to a residual of 1e-4. Trace: Hutch++ with 90 products each.

curvlinops imports one function of `linear_operator` for an inverse that is not used here; where that package is not
installed, an empty function stands in for it, and the output says so.
"""

import functools
import importlib.util
import itertools
import sys
import types

import numpy as np

from benchmarks.timing import Contender, compare

SIZES, N, TOL, N_PRODUCTS = (64, 256, 256, 10), 256, 1e-4, 90


@functools.cache
def network() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    params = []
    for n_in, n_out in itertools.pairwise(SIZES):
        params += [rng.normal(size=(n_out, n_in)) / np.sqrt(n_in), np.zeros(n_out)]
    return params, rng.normal(size=(N, SIZES[0])), rng.integers(0, SIZES[-1], N)


@functools.cache
def jax_problem():
    import jax.numpy as jnp

    from cocycle.training import Problem

    def apply(params, x):
        for k in range(0, len(params) - 2, 2):
            x = jnp.tanh(x @ params[k].T + params[k + 1])
        return x @ params[-2].T + params[-1]

    params, x, y = network()
    return Problem(apply, params, (x, y), loss="cross_entropy", batched=True)


@functools.cache
def torch_module():
    import torch

    torch.set_num_threads(1)
    layers = []
    for n_in, n_out in itertools.pairwise(SIZES):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Tanh()]
    module = torch.nn.Sequential(*layers[:-1]).double()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), network()[0], strict=True):
            parameter.copy_(torch.as_tensor(value))
    return module


def torch_problem():
    from cocycle.training import TorchProblem

    _, x, y = network()
    return TorchProblem(torch_module(), (x, y), loss="cross_entropy")


def without_linear_operator() -> None:
    """Let curvlinops be imported where the package behind its inverse by conjugate gradients is missing."""
    if importlib.util.find_spec("linear_operator") is not None or "linear_operator" in sys.modules:
        return

    def linear_cg(*args, **options):
        raise ImportError("linear_operator is not installed")

    names = ("linear_operator", "linear_operator.utils", "linear_operator.utils.linear_cg")
    sys.modules |= {name: types.ModuleType(name) for name in names}
    sys.modules[names[-1]].linear_cg = linear_cg
    print("  linear_operator is not installed: curvlinops' inverse, not used here, is cut off")


def curvlinops_operator():
    import torch
    from curvlinops import HessianLinearOperator

    _, x, y = network()
    module = torch_module()
    data = [(torch.as_tensor(x), torch.as_tensor(y))]
    return HessianLinearOperator(
        module, torch.nn.CrossEntropyLoss(), list(module.parameters()), data, check_deterministic=False
    )


def top_of(operator, tol=TOL):
    from cocycle.operators import extreme_eigenvalues

    return lambda: extreme_eigenvalues(operator, tol=tol).values[0]


def trace_of(operator):
    from cocycle.operators import HutchPlusPlus, trace

    return lambda: trace(operator, HutchPlusPlus(N_PRODUCTS)).value


def contenders() -> tuple[list[Contender], list[Contender]]:
    from cocycle.operators import HutchPlusPlus, trace
    from cocycle.training import hessian

    exact = top_of(hessian(jax_problem()), 1e-9)()
    many = trace(hessian(jax_problem()), HutchPlusPlus(1200), key=1)
    print(f"  exact: top eigenvalue {exact:.10g}; trace {many} with 1,200 products")
    tops, traces = [], []

    def add(name, top, trace):
        tops.append(Contender(name, top, lambda v: abs(float(v) / exact - 1), runs=5))
        traces.append(Contender(name, trace, lambda v: abs(float(v) / many.value - 1), runs=3))

    for name, make in (("cocycle, JAX", jax_problem), ("cocycle, PyTorch adapter", torch_problem)):
        try:
            operator = hessian(make())
        except ImportError as error:
            print(f"left out: {name} ({error})")
            continue
        add(name, top_of(operator), trace_of(operator))
    try:
        import scipy.sparse.linalg as sl

        without_linear_operator()
        from curvlinops import hutchpp_trace

        theirs = curvlinops_operator()
    except ImportError as error:
        print(f"left out: curvlinops ({error})")
    else:
        flat = theirs.to_scipy()
        top = lambda: sl.eigsh(flat, k=1, which="LA", tol=TOL, return_eigenvectors=False)[0]
        add("curvlinops, SciPy eigsh", top, lambda: hutchpp_trace(theirs, N_PRODUCTS))
    return tops, traces


def main() -> None:
    tops, traces = contenders()
    compare("Top Hessian eigenvalue, 85k parameters, 256 samples, residual 1e-4", tops, unit="s", per=1)
    compare(f"Trace of that Hessian, Hutch++ with {N_PRODUCTS} products", traces, unit="s", per=1)


if __name__ == "__main__":
    main()
