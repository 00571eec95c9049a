"""Products of a problem against dense derivatives; what it refuses."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import linear, tanh_net, tanh_problem

from cocycle.core.errors import ParameterError
from cocycle.training import (
    CrossEntropy,
    LogisticLoss,
    OutputLoss,
    Problem,
    SquaredLoss,
    from_equinox,
    from_flax,
    interpolate,
    minimum,
    tangent_kernel,
)

# Sums of some hundred products of order one.
ROUNDOFF = 1e-12
PARTS = "cocycle.operators.kernel"


@eqx.filter_jit
def pairs_of(p, v):
    """Products and what dense derivatives make of them, by name: one compilation for all."""
    theta = p.flat(p.params)
    hessian = jax.hessian(lambda t: p.loss(p.unflat(t), p.data))(theta)
    jacobian = jax.jacobian(lambda t: p.outputs(p.unflat(t), p.data))(theta).reshape(p.n_samples, -1, p.n_params)
    curvature = jax.vmap(lambda f, z: jax.hessian(lambda f: p.sample_loss(f, z))(f))(
        p.outputs(p.params, p.data), p.data[1]
    )
    ggn = jnp.einsum("bcp,bcd,bdq->pq", jacobian, curvature, jacobian) / p.n_samples
    factors = p.factors(p.params, p.data)
    u = jnp.sin(jnp.arange(factors.shape[0] * factors.shape[1], dtype=float)).reshape(factors.shape[:2])
    return {
        "flat": (p.flat(p.unflat(theta)), theta),
        "hvp": (p.hvp(p.params, p.data, v), hessian @ v),
        "ggn": (p.ggn_vp(p.params, p.data, v), ggn @ v),
        "factors": (jnp.einsum("bcp,bcq->pq", factors, factors) / p.n_samples, ggn),
        "factor_vp": (p.factor_vp(p.params, p.data, v), factors @ v),
        "factor_vjp": (p.factor_vjp(p.params, p.data, u), jnp.einsum("bcp,bc->p", factors, u)),
        "gradient": (p.gradient(p.params, p.data), jax.grad(lambda t: p.loss(p.unflat(t), p.data))(theta)),
        "residuals": (
            jnp.einsum("bcp,bc->bp", factors, p.residuals(p.params, p.data)),
            p.per_sample_gradients(p.params, p.data),
        ),
    }


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_products_equal_dense_derivatives(key, loss):
    p = tanh_problem(key, loss=loss)
    for name, (found, expected) in pairs_of(p, jax.random.normal(key, (p.n_params,))).items():
        assert np.max(np.abs(found - expected)) < ROUNDOFF, name


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (SquaredLoss(), jnp.array([0.3, -1.0, 2.0])),
        (CrossEntropy(), jnp.array(2)),
        (CrossEntropy(), jnp.array([0.2, 0.5, 0.3])),
        (LogisticLoss(), jnp.array([0.0, 1.0, 1.0])),
        (OutputLoss(lambda f, z: jnp.sum(jnp.cosh(f - z))), jnp.array([0.3, -1.0, 2.0])),
    ],
)
def test_roots_and_residuals_of_losses(key, loss, target):
    @jax.jit
    def differences(f):
        root, residual = loss.root(f, target), loss.residual(f, target)
        value = lambda f: loss(f, target)  # noqa: E731
        return root.T @ root - jax.hessian(value)(f), root.T @ residual - jax.grad(value)(f)

    for found in differences(jax.random.normal(key, (3,))):
        assert np.max(np.abs(found)) < ROUNDOFF


def test_frameworks_agree(key):
    """The same weights in plain functions, Equinox and Flax have the same tangent kernel."""
    p = tanh_problem(key)

    class Net(eqx.Module):
        W: jax.Array
        V: jax.Array
        counter: jax.Array

        def __call__(self, x):
            return jnp.tanh(self.W @ x) @ self.V

    class FlaxNet(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Dense(6, use_bias=False, param_dtype=float)(x)
            return nn.Dense(2, use_bias=False, param_dtype=float)(jnp.tanh(x))

    equinox = from_equinox(Net(p.params["W"], p.params["V"], jnp.array(3)), p.data)
    weights = {"Dense_0": {"kernel": p.params["W"].T}, "Dense_1": {"kernel": p.params["V"]}}
    flax = from_flax(FlaxNet(), {"params": weights}, p.data)
    assert equinox.n_params == flax.n_params == p.n_params
    expected = tangent_kernel(p).dense()
    for other in (equinox, flax):
        assert np.max(np.abs(tangent_kernel(other).dense() - expected)) < ROUNDOFF * np.max(expected)


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_kernel_in_parts_equals_kernel_at_once(key, monkeypatch, loss):
    """Two samples a part (the last has one), with parts held and made again."""
    p = tanh_problem(key, loss=loss)
    kernel = tangent_kernel(p, weighted=True)
    whole, blocks = kernel.dense(), kernel.blocks()
    rows = np.asarray(p.factors(p.params, p.data)).reshape(10, -1)
    assert np.max(np.abs(rows @ rows.T - whole)) < ROUNDOFF * np.max(whole)
    monkeypatch.setattr(f"{PARTS}.JACOBIAN", 2 * 2 * p.n_params)
    for held in (2**27, 0):
        monkeypatch.setattr(f"{PARTS}.HELD", held)
        assert np.max(np.abs(kernel.dense() - whole)) < ROUNDOFF * np.max(whole)
    assert np.max(np.abs(kernel.blocks() - blocks)) < ROUNDOFF * np.max(whole)


def test_interpolate_reaches_the_minimum(key):
    p = tanh_problem(key)
    before, after = minimum(p), minimum(p, interpolate(p))
    assert before.loss > 1e-3
    assert after.loss < 1e-25  # squares of round-off
    assert after.rank == 10  # 5 samples, 2 outputs
    assert after.distance < 1e-10


class Dropped(eqx.Module):
    layer: eqx.nn.Dropout

    weight: jax.Array

    def __call__(self, x):
        return self.layer(self.weight * x)


def _random_output(w, x):
    return w @ x + np.random.default_rng().normal()


X, Z = np.ones((4, 2)), np.ones(4)
REFUSED = {
    "integer parameters": (lambda: Problem(linear, jnp.array([1, 2]), (X, Z)), "floating parameters"),
    "complex parameters": (lambda: Problem(linear, jnp.array([1j, 2]), (X, Z)), "floating parameters"),
    "no parameters": (lambda: Problem(linear, {}, (X, Z)), "nothing to train"),
    "a function among them": (lambda: Problem(linear, {"w": jnp.ones(2), "f": np.sin}, (X, Z)), "from_equinox"),
    "nan parameters": (lambda: Problem(linear, jnp.array([1.0, np.nan]), (X, Z)), "earlier checkpoint"),
    "nan loss": (lambda: Problem(linear, jnp.ones(2), (X, Z * np.nan)), "4 of 4 samples"),
    "no pair": (lambda: Problem(linear, jnp.ones(2), X), "pair"),  # type: ignore[arg-type]
    "unequal lengths": (lambda: Problem(linear, jnp.ones(2), (X, Z[:3])), "first axis"),
    "no samples": (lambda: Problem(linear, jnp.ones(2), (X[:0], Z[:0])), "first axis"),
    "shape of targets": (lambda: Problem(linear, jnp.ones(2), (X, X)), "reshape"),
    "wrong inputs": (lambda: Problem(linear, jnp.ones(3), (X, Z)), "batched=True"),
    "unknown loss": (lambda: Problem(linear, jnp.ones(2), (X, Z), loss="squard"), "did you mean 'squared'"),
    "random layers": (
        lambda: from_equinox(Dropped(eqx.nn.Dropout(0.5), jnp.ones(2)), (X, X)),
        "inference_mode",
    ),
    "random outputs": (lambda: Problem(_random_output, jnp.ones(2), (X, Z)), "two outputs for one input"),
    "flax without params": (lambda: from_flax(nn.Dense(1), {"kernel": jnp.ones(2)}, (X, X)), "collection 'params'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case):
    make, words = REFUSED[case]
    with pytest.raises(ParameterError, match=words):
        make()


def test_inference_mode_is_accepted():
    model = eqx.nn.inference_mode(Dropped(eqx.nn.Dropout(0.5), jnp.ones(2)))
    assert from_equinox(model, (X, X)).n_params == 2


def test_batched_models(key):
    p = tanh_problem(key)
    batched = Problem(lambda w, x: jax.vmap(lambda x: tanh_net(w, x))(x), p.params, p.data, batched=True)
    assert np.max(np.abs(batched.factors(p.params, p.data) - p.factors(p.params, p.data))) < ROUNDOFF
