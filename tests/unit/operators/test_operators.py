"""Operators against dense matrices of a small network, and the algorithms against LAPACK and closed forms."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from cocycle.core.errors import AccuracyWarning, InterruptedWarning, NonFiniteStateError, ParameterError, ShapeError
from cocycle.operators import (
    Bernoulli,
    Categorical,
    Dense,
    EmpiricalFisher,
    Exact,
    Fisher,
    FromProducts,
    Gaussian,
    GaussNewton,
    Hessian,
    Hutchinson,
    HutchPlusPlus,
    TangentKernel,
    effective_rank,
    extreme_eigenvalues,
    participation_ratio,
    solve,
    spectral_density,
    spectral_entropy,
    trace,
)
from cocycle.operators.abstract import check_operator, product, products

EPS = np.finfo(float).eps
N, D_IN, WIDTH, N_CLASSES = 12, 4, 6, 3


def roundoff(n_ops):
    """Relative error of sums of n_ops terms, with a factor for the constants of the algorithm."""
    return 16 * EPS * n_ops


def net(params, batch):
    x, _ = batch
    return jnp.tanh(x @ params["w1"] + params["b"][None]) @ params["w2"]


def losses(params, batch):
    logits = net(params, batch)
    return jax.nn.logsumexp(logits, axis=1) - jnp.take_along_axis(logits, batch[1][:, None], axis=1)[:, 0]


def loss(params, batch):
    return jnp.mean(losses(params, batch))


def output_loss(logits, batch):
    picked = jnp.take_along_axis(logits, batch[1][:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - picked)


@pytest.fixture
def problem(key):
    k = jax.random.split(key, 5)
    params = {
        "w1": jax.random.normal(k[0], (D_IN, WIDTH)),
        "b": jax.random.normal(k[1], (WIDTH,)),
        "w2": jax.random.normal(k[2], (WIDTH, N_CLASSES)),
    }
    batch = (jax.random.normal(k[3], (N, D_IN)), jax.random.randint(k[4], (N,), 0, N_CLASSES))
    return params, batch


def dense_matrices(params, batch):
    """All four matrices by the definitions, from dense Jacobians."""
    return [np.asarray(m) for m in _dense_matrices(params, batch)]


@jax.jit
def _dense_matrices(params, batch):
    theta, back = ravel_pytree(params)
    hessian = jax.hessian(lambda t: loss(back(t), batch))(theta)
    j = jax.jacobian(lambda t: net(back(t), batch))(theta)
    p = jax.nn.softmax(net(params, batch), axis=1)
    m = jax.vmap(lambda q: jnp.diag(q) - jnp.outer(q, q))(p)
    fisher = jnp.einsum("ncp,ncd,ndq->pq", j, m, j) / N
    g = jax.jacobian(lambda t: losses(back(t), batch))(theta)
    flat = j.reshape(N * N_CLASSES, -1)
    return hessian, fisher, g.T @ g / N, flat @ flat.T, j


@pytest.mark.parametrize("chunks", [(5, None), pytest.param((None, 5), marks=pytest.mark.slow)])  # 3 s
def test_products_are_those_of_dense_matrices(problem, chunks):
    """Each operator with all samples at once and in parts, one of them in the slow tier."""
    params, batch = problem
    hessian, fisher, empirical, _, _ = dense_matrices(params, batch)
    a, b = chunks
    cases = [
        (Hessian(loss, params, batch, chunk=a), hessian),
        (GaussNewton(net, output_loss, params, batch, chunk=b), fisher),
        (Fisher(net, Categorical(), params, batch, chunk=a), fisher),
        (EmpiricalFisher(losses, params, batch, chunk=b), empirical),
    ]
    for operator, matrix in cases:
        scale = np.abs(matrix).max()
        assert np.abs(operator.dense() - matrix).max() < roundoff(N * WIDTH) * scale
        assert abs(operator.trace() - np.trace(matrix)) < roundoff(N * WIDTH * operator.size) * scale


def test_tangent_kernel_is_that_of_the_dense_jacobian(problem, monkeypatch):
    params, batch = problem
    _, _, _, kernel, j = dense_matrices(params, batch)
    operator = TangentKernel(net, params, batch)
    scale = np.abs(kernel).max()
    tolerance = roundoff(j.shape[2]) * scale
    assert operator.size == N * N_CLASSES
    assert np.abs(operator.dense() - kernel).max() < tolerance
    v = np.linspace(-1, 1, operator.size)
    assert np.abs(product(operator, v) - kernel @ v).max() < tolerance * operator.size
    assert np.abs(operator.blocks() - np.einsum("ncp,ndp->ncd", j, j)).max() < tolerance
    assert abs(operator.trace() - np.trace(kernel)) < tolerance * operator.size
    other = (batch[0][:5] + 1.0, batch[1][:5])
    mixed = operator.cross(other)
    theta, back = ravel_pytree(params)
    j2 = np.asarray(jax.jit(jax.jacobian(lambda t: net(back(t), other)))(theta)).reshape(15, -1)
    assert np.abs(mixed - j.reshape(N * N_CLASSES, -1) @ j2.T).max() < tolerance
    # The same from parts of the Jacobian, as a large network would need.
    monkeypatch.setattr("cocycle.operators.kernel.JACOBIAN", 5 * N_CLASSES * j.shape[2])
    assert np.abs(operator.dense() - kernel).max() < tolerance
    assert np.abs(operator.cross(other) - mixed).max() < tolerance
    assert np.abs(operator.blocks() - np.einsum("ncp,ndp->ncd", j, j)).max() < tolerance


@pytest.mark.parametrize("likelihood", [Gaussian(0.7), Categorical(), Bernoulli()], ids=lambda x: type(x).__name__)
def test_metric_is_the_mean_second_derivative_of_the_log_likelihood(likelihood, key):
    """For these three the second derivative does not depend on the label."""
    f = jax.random.normal(key, (4,))

    @jax.jit
    def both(f):
        y = likelihood.sample(key, f)
        second = jax.hessian(lambda f: likelihood.negative_log(f, y))(f)
        return second, jax.vmap(lambda u: likelihood.metric(f, u))(jnp.eye(4))

    second, metric = both(f)
    assert np.abs(np.asarray(second - metric)).max() < roundoff(4) * float(jnp.abs(second).max())


def test_gauss_newton_is_the_hessian_of_a_linear_model(key):
    x = jax.random.normal(key, (9, 4))
    args = (jnp.ones(4), x)
    square = lambda w, x: jnp.mean((x @ w - 1) ** 2)  # noqa: E731
    newton = GaussNewton(lambda w, x: x @ w, lambda f, x: jnp.mean((f - 1) ** 2), *args).dense()
    exact = np.asarray(2 * x.T @ x / 9)
    for found in (newton, Hessian(square, *args).dense(), 2 * Fisher(lambda w, x: x @ w, Gaussian(), *args).dense()):
        assert np.abs(found - exact).max() < roundoff(9) * np.abs(exact).max()


def random_symmetric(n, seed, values=None):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    values = rng.normal(size=n) if values is None else values
    a = (q * values) @ q.T
    return (a + a.T) / 2


def test_extreme_eigenvalues_of_a_network_agree_with_lapack(problem):
    params, batch = problem
    matrix = dense_matrices(params, batch)[0]
    exact = np.linalg.eigvalsh(matrix)[::-1]
    found = extreme_eigenvalues(Hessian(loss, params, batch), n_top=3, n_bottom=2, tol=1e-10)
    assert np.abs(found.values - np.r_[exact[:3], exact[-2:]]).max() < roundoff(len(exact)) * exact[0]
    u = found.vectors
    assert np.abs(u @ u.T - np.eye(5)).max() < roundoff(len(exact)) * 10
    residual = np.linalg.norm(u @ matrix - found.values[:, None] * u, axis=1)
    assert np.all(residual <= 1e-10 * exact[0] + roundoff(len(exact)) * exact[0])
    assert found.converged


def test_restarts_and_residual_bounds():
    """A basis of 12 vectors for a matrix of 200: the reported residual is the true one and bounds the error."""
    matrix = random_symmetric(200, 1)
    exact = np.linalg.eigvalsh(matrix)[::-1]
    for tol in (1e-2, 1e-4, 1e-8):
        found = extreme_eigenvalues(Dense(matrix), n_top=2, n_bottom=1, n_basis=12, tol=tol, max_products=5000)
        truth = np.r_[exact[:2], exact[-1:]]
        true_residual = np.linalg.norm(found.vectors @ matrix - found.values[:, None] * found.vectors, axis=1)
        slack = roundoff(200) * exact[0]
        assert np.all(true_residual <= found.residuals + slack)
        assert np.all(np.abs(found.values - truth) <= found.residuals + slack)
        assert np.all(found.residuals <= tol * np.abs(exact).max() * (1 + 1e-12))


def test_invariant_subspaces_do_not_stop_the_search():
    """Rank one, then the identity: the Krylov space of any start vector is exhausted at once."""
    v = np.arange(1.0, 9.0)
    found = extreme_eigenvalues(Dense(np.outer(v, v)), n_top=1, n_bottom=1)
    assert np.abs(found.values - [v @ v, 0.0]).max() < roundoff(8) * (v @ v)
    found = extreme_eigenvalues(Dense(3 * np.eye(6)), n_top=2, n_bottom=1)
    assert np.abs(found.values - 3).max() < roundoff(6) * 3
    guess = np.eye(6)[0]  # an eigenvector of the smallest eigenvalue must not hide the largest
    found = extreme_eigenvalues(Dense(np.diag(np.arange(6.0))), guess=guess)
    assert abs(found.values[0] - 5) < roundoff(6) * 5


def test_a_good_guess_saves_products():
    matrix = random_symmetric(300, 2)
    first = extreme_eigenvalues(Dense(matrix), tol=1e-6)
    again = extreme_eigenvalues(Dense(matrix), tol=1e-6, guess=first.vectors[0])
    assert again.n_products < first.n_products / 3
    assert abs(again.values[0] - first.values[0]) <= 1e-6 * np.abs(matrix).sum(axis=1).max()


def test_lanczos_says_when_it_did_not_converge_and_keeps_what_it_has_on_interrupt():
    matrix = random_symmetric(100, 3)
    with pytest.warns(AccuracyWarning, match="more products"):
        found = extreme_eigenvalues(Dense(matrix), max_products=6, tol=1e-10)
    assert not found.converged
    assert found.n_products == 6
    calls = []

    def interrupted(v):
        calls.append(1)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return matrix @ v

    with pytest.warns((InterruptedWarning, AccuracyWarning)):
        found = extreme_eigenvalues(FromProducts(interrupted, 100), tol=1e-14)
    assert found.n_products == 19
    exact = np.linalg.eigvalsh(matrix)[-1]
    assert abs(found.values[0] - exact) <= found.residuals[0]


@pytest.mark.parametrize("method", [Hutchinson(64), HutchPlusPlus(48)], ids=["Hutchinson", "Hutch++"])
def test_traces_are_within_their_standard_errors(method, key):
    """z-scores over 24 keys: mean within 4 standard errors, variance within the chi-square's 4-sigma band."""
    matrix = random_symmetric(120, 4, np.arange(1, 121.0) ** -1.0)
    exact = np.trace(matrix)
    found = [trace(Dense(matrix), method, key=k) for k in jax.random.split(key, 24)]
    z = np.array([(e.value - exact) / e.stderr for e in found])
    assert abs(np.mean(z)) < 4 / np.sqrt(24) * 1.1  # Student's t of 15 and 63 degrees of freedom is a little wider
    assert 0.2 < np.var(z) < 2.5
    assert abs(trace(Dense(matrix), Exact()).value - exact) < roundoff(120) * 5


def test_hutch_plus_plus_beats_hutchinson_on_a_decaying_spectrum(key):
    matrix = random_symmetric(200, 5, np.arange(1, 201.0) ** -2.0)
    plain = trace(Dense(matrix), Hutchinson(60), key=key)
    better = trace(Dense(matrix), HutchPlusPlus(60), key=key)
    assert better.stderr < plain.stderr / 5
    diagonal = trace(Dense(np.diag(np.arange(150.0))), Hutchinson(3), key=key)
    assert abs(diagonal.value - 149 * 75) < roundoff(150) * 149 * 75  # random signs are exact on a diagonal
    assert diagonal.stderr < roundoff(150) * 149 * 75


def test_spectral_density_agrees_with_the_smoothed_eigenvalues(key):
    values = np.r_[np.random.default_rng(6).normal(size=190), np.full(10, 6.0)]
    found = spectral_density(Dense(random_symmetric(200, 6, values)), n_probes=24, n_lanczos=60, width=0.3, key=key)
    x = found.grid[:, None] - values[None]
    exact = np.mean(np.exp(-0.5 * (x / 0.3) ** 2), axis=1) / (0.3 * np.sqrt(2 * np.pi))
    # 400 correlated points, error bars from 24 probes (Student's t): family-wise 1e-4.
    inside = exact > 1e-3
    z = (found.density - exact)[inside] / found.stderr[inside]
    assert np.abs(z).max() < 6.5
    assert abs(np.trapezoid(found.density, found.grid) - 1) < 1e-4  # mass beyond four widths: 6e-5
    second = found.mean_of(np.square)
    assert abs(second.value - np.mean(values**2)) < 5 * second.stderr
    assert abs(float(found.share(5.0, 7.0)) - 0.05) < 5 * found.share(5.0, 7.0).stderr
    assert found.n_products == 24 * 60


def test_density_is_exact_where_the_krylov_space_is_the_whole_space(key):
    """With m = D each probe's quadrature holds all eigenvalues, and a breakdown (equal ones) costs nothing."""
    values = np.array([1.0, 1.0, 1.0, 2.0, 5.0, 5.0])
    found = spectral_density(Dense(random_symmetric(6, 7, values)), n_probes=4, n_lanczos=6, key=key)
    heavy = found.nodes[found.weights > 1e-9]
    assert np.abs(heavy[:, None] - np.array([1.0, 2.0, 5.0])[None]).min(axis=1).max() < roundoff(6) * 5


def test_against_matfree_on_a_network(problem, key):
    """The same probes through another package's Lanczos and quadratic forms."""
    from matfree import decomp

    params, batch = problem
    operator = Hessian(loss, params, batch)
    v = np.asarray(jax.random.normal(key, (operator.size,)))
    tridiagonal = decomp.tridiag_sym(8)(operator.mv, jnp.asarray(v)).J_small
    theirs = np.linalg.eigvalsh(np.asarray(tridiagonal))
    with pytest.warns(AccuracyWarning):
        ours = extreme_eigenvalues(operator, n_top=8, guess=v, max_products=8, tol=0.0)
    assert np.abs(ours.values[::-1] - theirs).max() < roundoff(operator.size) * np.abs(theirs).max()


def test_damped_solve(problem):
    params, batch = problem
    operator = Fisher(net, Categorical(), params, batch)
    b = np.linspace(-1, 1, operator.size)
    exact = np.linalg.solve(operator.dense() + 0.1 * np.eye(operator.size), b)
    # Error at most residual / smallest eigenvalue.
    bound = 4 * 1e-10 * np.linalg.norm(b) / 0.1
    assert np.linalg.norm(solve(operator, b, damping=0.1) - exact) < bound
    matrix = operator.dense()
    host = FromProducts(lambda v: matrix @ v, operator.size)
    assert np.linalg.norm(solve(host, b, damping=0.1) - exact) < bound
    with pytest.raises(ParameterError, match="damping"):
        solve(Dense(np.diag([1.0, 0.0, 2.0])), np.ones(3))


def test_numbers_of_a_spectrum():
    assert abs(spectral_entropy(np.ones(7)) - np.log(7)) < roundoff(7)
    assert spectral_entropy([4.0, 0.0, 0.0]) == 0.0
    values = np.array([3.0, 1.0, 0.5, 0.0])
    p = values[:3] / values.sum()
    assert abs(spectral_entropy(values) + np.sum(p * np.log(p))) < roundoff(4)
    assert abs(spectral_entropy(7 * values, normalised=True) + np.sum(p * np.log(p)) / np.log(4)) < roundoff(4)
    assert participation_ratio(values) <= effective_rank(values) <= 3
    assert abs(effective_rank(np.full(5, 0.3)) - 5) < roundoff(5) * 5


def test_another_value_does_not_compile_again(problem, key):
    """Parameters and data are leaves."""
    from cocycle.operators.abstract import _product

    params, batch = problem
    v = np.ones(Hessian(loss, params, batch).size)
    product(Hessian(loss, params, batch), v)
    before = cast(Any, _product)._cached._cache_size()
    product(Hessian(loss, jax.tree.map(lambda a: 2 * a, params), batch), v)
    assert cast(Any, _product)._cached._cache_size() == before


def test_products_of_a_large_operator_are_made_a_few_at_a_time(monkeypatch):
    """Seven rows, three at a time and one left: as all at once."""
    matrix = random_symmetric(23, 8)
    rows = np.random.default_rng(9).normal(size=(7, 23))
    monkeypatch.setattr("cocycle.operators.abstract.TOGETHER", 3 * 23)
    assert np.abs(products(Dense(matrix), rows) - rows @ matrix).max() < roundoff(23) * np.abs(matrix).max() * 5


def test_lineax_takes_an_operator(problem):
    params, batch = problem
    operator = Hessian(loss, params, batch)
    v = np.ones(operator.size)
    theirs = jax.jit(lambda v: operator.to_lineax().mv(v))(v)
    assert np.abs(np.asarray(theirs) - product(operator, v)).max() < roundoff(1) * 10
    with pytest.raises(ParameterError, match="outside of JAX"):
        FromProducts(lambda v: v, 3).to_lineax()


W = jnp.ones(3)
BAD = [
    (lambda: Hessian(lambda w, b: 0.0, {"n": jnp.arange(3)}, W), ParameterError, "int64, which has no derivative"),
    (lambda: Hessian(lambda w, b: 0.0, {"n": 3}, W), ParameterError, "no derivative"),
    (lambda: Hessian(lambda w, b: 0.0, jnp.ones(2, dtype=complex), W), ParameterError, "complex"),
    (lambda: Hessian(lambda w, b: 0.0, {}, W), ParameterError, "no floating parameters"),
    (lambda: Hessian(lambda w, b: 0.0, W, W, chunk=0), ParameterError, "chunk"),
    (lambda: Hessian(lambda w, b: jnp.sum(w), W, (W, jnp.ones(2)), chunk=2).dense(), ShapeError, "first axis"),
    (lambda: TangentKernel(lambda w, x: jnp.sum(x), W, W), ShapeError, "one row a sample"),
    (lambda: TangentKernel(lambda w, x: x, W, jnp.ones((0, 2))), ShapeError, "no samples"),
    (lambda: Dense(jnp.ones((2, 3))), ShapeError, "square"),
    (lambda: Dense(jnp.array([[0.0, 1.0], [0.0, 0.0]])), ParameterError, "not symmetric"),
    (lambda: FromProducts(lambda v: v, 0), ParameterError, "size"),
    (lambda: extreme_eigenvalues(Dense(np.eye(2)), n_top=3), ParameterError, "ask for 1 to 2"),
    (lambda: extreme_eigenvalues(Dense(np.eye(2)), tol=float("nan")), ParameterError, "tol"),
    (lambda: extreme_eigenvalues(Dense(np.eye(9)), guess=np.zeros(9)), ParameterError, "guess"),
    (lambda: extreme_eigenvalues(Dense(np.eye(9)), n_top=5, n_basis=6), ParameterError, "too small"),
    (lambda: check_operator(np.eye(9)), ParameterError, "Dense"),
    (lambda: Hutchinson(1), ParameterError, "n_probes"),
    (lambda: spectral_density(Dense(np.eye(2)), width=0.0), ParameterError, "width"),
    (lambda: spectral_density(Dense(np.eye(2)), n_probes=1), ParameterError, "n_probes"),
    (lambda: solve(Dense(np.eye(2)), np.ones(3)), ShapeError, "2 numbers"),
    (lambda: solve(Dense(np.eye(2)), np.ones(2), damping=-1.0), ParameterError, "at least 0"),
    (lambda: spectral_entropy([1.0, -1.0]), ParameterError, "negative"),
    (lambda: spectral_entropy(np.eye(2)), ShapeError, "eigvalsh"),
    (lambda: effective_rank([0.0, 0.0]), ParameterError, "all eigenvalues are zero"),
    (lambda: participation_ratio([np.nan]), ParameterError, "finite"),
    (lambda: Gaussian(0.0), ParameterError, "sigma"),
    (
        lambda: extreme_eigenvalues(Hessian(lambda w, b: jnp.sum(jnp.sqrt(w)), jnp.zeros(3), W)),
        NonFiniteStateError,
        "NaN or infinite",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
