"""Collective variables, last-layer error bars, linear paths and matching of hidden units."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cocycle.core.errors import InsufficientDataError, ParameterError, ShapeError
from cocycle.training import (
    Problem,
    barrier_from_curvature,
    collective_variables,
    gaussian_log_loss,
    kernel_distance,
    last_layer_uncertainty,
    linear_path,
    match_units,
)

EPS = np.finfo(float).eps


def roundoff(n_ops):
    return 32 * EPS * n_ops


def mlp(params, x):
    return params["w2"] @ jnp.tanh(params["w1"] @ x + params["b1"])


def start(key, width=6, d=3, c=2):
    k = jax.random.split(key, 3)
    return {
        "w1": jax.random.normal(k[0], (width, d)),
        "b1": jax.random.normal(k[1], (width,)),
        "w2": jax.random.normal(k[2], (c, width)),
    }


@pytest.fixture
def problem(key):
    k = jax.random.split(key, 3)
    return Problem(mlp, start(k[0]), (jax.random.normal(k[1], (9, 3)), jax.random.normal(k[2], (9, 2))))


def test_collective_variables_are_those_of_the_dense_kernel(problem):
    theta = problem.flat(problem.params)
    jacobian = jax.jit(jax.jacobian(lambda t: problem.outputs(problem.unflat(t), problem.data)))(theta)
    kernel = np.einsum("icp,jcp->ij", *[np.asarray(jacobian)] * 2) / 2
    values = np.linalg.eigvalsh(kernel)
    found = collective_variables(problem)
    share = values / values.sum()
    assert abs(found.entropy + np.sum(share * np.log(share)) / math.log(9)) < roundoff(len(theta)) * 10
    assert abs(found.trace - np.trace(kernel) / 9) < roundoff(len(theta)) * found.trace
    assert abs(found.top_eigenvalue - values[-1]) < roundoff(len(theta)) * values[-1]
    assert abs(found.top_share - share[-1]) < roundoff(len(theta))
    assert 1 <= found.participation_ratio <= found.effective_rank <= 9
    diagonal = np.diag(kernel)
    assert abs(found.self_variance - np.var(diagonal) / np.mean(diagonal) ** 2) < roundoff(100)
    assert 0 < found.self_entropy < 1
    # Gradient flow: dL/dt = -(dL/df)^T Theta (dL/df), with the full kernel.
    residual = np.asarray(problem.outputs(problem.params, problem.data) - problem.data[1]) / 9
    pulled = np.einsum("ic,icp->p", residual, np.asarray(jacobian))
    assert abs(found.loss_derivative + pulled @ pulled) < roundoff(len(theta)) * abs(found.loss_derivative)


def test_collective_variables_do_not_see_order_or_scale(problem):
    """Samples permuted: nothing changes. Outputs scaled: entropies do not."""
    first = collective_variables(problem)
    other = collective_variables(problem, indices=jnp.arange(9)[::-1])
    for name in ("trace", "entropy", "top_share", "self_entropy", "direction_entropy", "loss", "loss_derivative"):
        a, b = getattr(first, name), getattr(other, name)
        assert abs(a - b) < roundoff(1000) * max(1.0, abs(a))
    scaled = Problem(lambda p, x: 3.0 * mlp(p, x), problem.params, problem.data)
    third = collective_variables(scaled)
    assert abs(third.trace - 9 * first.trace) < roundoff(1000) * third.trace
    for name in ("entropy", "self_entropy", "direction_entropy", "top_share"):
        assert abs(getattr(third, name) - getattr(first, name)) < roundoff(1000)


def test_kernel_distance():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5, 5))
    assert kernel_distance(a @ a.T, 2 * a @ a.T) < roundoff(25)
    assert abs(kernel_distance(np.diag([1.0, 0.0]), np.diag([0.0, 1.0])) - 1.0) < EPS


def test_last_layer_is_bayesian_linear_regression():
    """Posterior variance by the N x N solve of a Gaussian process, and its coverage over data sets."""
    rng = np.random.default_rng(1)
    f, g = rng.normal(size=(40, 5)), rng.normal(size=(7, 5))
    s2, precision = 0.3, 2.0
    found = last_layer_uncertainty(f, ridge=s2 * precision, scale=s2, bias=False)
    k = f @ f.T / precision
    cross = f @ g.T / precision
    exact = np.sum(g**2, axis=1) / precision - np.sum(cross * np.linalg.solve(k + s2 * np.eye(40), cross), axis=0)
    assert np.abs(found.variance(g) - exact).max() < roundoff(40 * 40) * np.sum(g**2, axis=1).max()


def test_copies_of_a_training_point_shrink_its_leverage_as_sherman_and_morrison_say():
    rng = np.random.default_rng(2)
    f = rng.normal(size=(20, 4))
    x = rng.normal(size=(1, 4))
    q = last_layer_uncertainty(f, ridge=0.1, scale=1.0).leverage(x)[0]
    for n in (1, 5):
        more = last_layer_uncertainty(np.concatenate([f, np.repeat(x, n, axis=0)]), ridge=0.1, scale=1.0)
        assert abs(more.leverage(x)[0] - q / (1 + n * q)) < roundoff(100)


def test_calibration_finds_the_scale_and_beats_a_constant_variance():
    """Errors drawn from the model itself: the scale comes back within its sampling error, and the ridge's likelihood is
    at least that of the truth."""
    rng = np.random.default_rng(3)
    f, g = rng.normal(size=(30, 6)), rng.normal(size=(4000, 6)) * rng.uniform(0.1, 3, (4000, 1))
    true = last_layer_uncertainty(f, ridge=1.0, scale=0.5, bias=False)
    residuals = rng.normal(size=4000) * np.sqrt(true.variance(g))
    fixed = last_layer_uncertainty(f, calibration=(g, residuals), ridge=1.0, bias=False)
    assert abs(fixed.scale - 0.5) < 4.5 * 0.5 * math.sqrt(2 / 4000)
    free = last_layer_uncertainty(f, calibration=(g, residuals), bias=False)
    assert free.negative_log_likelihood <= fixed.negative_log_likelihood
    assert free.negative_log_likelihood < gaussian_log_loss(residuals, np.mean(residuals**2)) - 0.2


def test_paths_of_a_saddle_in_closed_form():
    """L = (ab - c)^2 / 2: over the saddle the barrier is c^2 / 2, along the same sheet c^2 / 128 (at the middle)."""
    c = 2.0
    saddle = Problem(lambda w, x: w[0] * w[1], jnp.ones(2), (jnp.zeros(1), jnp.array([c])))
    r = math.sqrt(c)
    over = linear_path(saddle, jnp.array([r, r]), -jnp.array([r, r]), n_points=5)
    assert np.abs(over.loss - 0.5 * c**2 * ((1 - 2 * over.s) ** 2 - 1) ** 2).max() < roundoff(10) * c**2
    assert abs(over.height - c**2 / 2) < roundoff(10) * c**2
    assert (over.place, over.distance) == (0.5, pytest.approx(2 * math.sqrt(2 * c), abs=roundoff(10)))
    along = linear_path(saddle, jnp.array([r, r]), jnp.array([2 * r, r / 2]), n_points=3)
    assert abs(along.height - c**2 / 128) < roundoff(10) * c**2


def test_the_barrier_is_an_integral_of_curvature(problem, key):
    """Second order in the nodes: the error falls fourfold, to what n = 400 leaves."""
    other = start(jax.random.fold_in(key, 1))
    path = linear_path(problem, problem.params, other, n_points=5)
    errors = [
        abs(barrier_from_curvature(problem, problem.params, other, s=0.25, n_points=n) - path.barrier[1])
        for n in (200, 400)
    ]
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert errors[1] < 1e-3 * np.abs(path.barrier).max()


def deep(params, x):
    for k in ("1", "2"):
        x = jnp.tanh(params["w" + k] @ x + params["b" + k])
    return params["w3"] @ x


def test_permuted_units_are_found_and_the_function_stays(key):
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    shapes = {"w1": (8, 3), "b1": (8,), "w2": (7, 8), "b2": (7,), "w3": (2, 7)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    p, q = rng.permutation(8), rng.permutation(7)
    b1, b2, w3 = params["b1"][p], params["b2"][q], params["w3"][:, q]
    mixed = {"w1": params["w1"][p], "b1": b1, "w2": params["w2"][q][:, p], "b2": b2, "w3": w3}
    groups = {"first": [("w1", 0), ("b1", 0), ("w2", 1)], "second": [("w2", 0), ("b2", 0), ("w3", 1)]}
    found = match_units(params, mixed, groups)
    assert all(np.array_equal(found[name], params[name]) for name in params)
    noisy = jax.tree.map(lambda a: a + 0.05 * np.sin(np.arange(a.size)).reshape(a.shape), mixed)
    matched = match_units(params, noisy, groups)
    x = jnp.linspace(-1, 1, 3)
    assert np.abs(np.asarray(deep(matched, x) - deep(noisy, x))).max() < roundoff(100)
    assert sum(np.sum((matched[n] - params[n]) ** 2) for n in params) < 0.05**2 * sum(a.size for a in params.values())


EYE = np.eye(3)
W = {"w1": np.ones((4, 2)), "w2": np.ones((1, 4))}
BAD = [
    (lambda p: last_layer_uncertainty(EYE), ParameterError, "calibration"),
    (lambda p: last_layer_uncertainty(EYE, ridge=0.0, scale=1.0), ParameterError, "ridge must be positive"),
    (lambda p: last_layer_uncertainty(EYE, ridge=1.0, scale=-1.0), ParameterError, "scale must be positive"),
    (lambda p: last_layer_uncertainty(np.ones(3), ridge=1.0, scale=1.0), ShapeError, "samples, features"),
    (lambda p: last_layer_uncertainty(EYE * np.nan, ridge=1.0, scale=1.0), ParameterError, "NaN"),
    (lambda p: last_layer_uncertainty(EYE, calibration=(EYE, np.ones(3))), InsufficientDataError, "at least 8"),
    (lambda p: last_layer_uncertainty(EYE, calibration=(EYE, np.ones(2))), ShapeError, "residuals"),
    (
        lambda p: last_layer_uncertainty(EYE, ridge=1.0, scale=1.0).variance(np.ones((1, 2))),
        ShapeError,
        "the fit has 4",
    ),
    (lambda p: linear_path(p, p.params, p.params, n_points=2), ParameterError, "n_points"),
    (lambda p: linear_path(p, p.params, {"w": jnp.ones(3)}), ShapeError, "all must agree"),
    (lambda p: barrier_from_curvature(p, p.params, p.params, s=1.0), ParameterError, "between 0 and 1"),
    (lambda p: match_units(W, {"w1": np.ones((4, 2))}, {}), ShapeError, "same architecture"),
    (lambda p: match_units(W, W, {"h": [("w3", 0)]}), ParameterError, "w1, w2"),
    (lambda p: match_units(W, W, {"h": [("w1", 2)]}), ParameterError, "no axis 2"),
    (lambda p: match_units(W, W, {"h": [("w1", 1), ("w2", 1)]}), ParameterError, "must be one"),
]


@pytest.mark.parametrize(("call", "kind", "words"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused(call, kind, words, problem):
    with pytest.raises(kind, match=words):
        call(problem)
