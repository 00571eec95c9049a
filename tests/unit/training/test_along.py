"""Along a run: sharpness, its edge, batch sharpness, finite-time exponents."""

import jax
import numpy as np
import pytest
from problems import linear_problem, product_minimum, tanh_problem

import cocycle as cc
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.training import (
    SGD,
    Adam,
    HeavyBall,
    Nesterov,
    Training,
    batch_sharpness,
    edge,
    edge_of_stability,
    finite_time_exponents,
    sharpness,
)


def test_sharpness_equals_dense_eigenvalue(key):
    p = tanh_problem(key)
    hessian = jax.jit(jax.hessian(lambda t: p.loss(p.unflat(t), p.data)))(p.flat(p.params))
    found = sharpness(p)
    top, vector = found.top, found.vectors[0]
    assert abs(top.value - np.linalg.eigvalsh(hessian)[-1]) <= top.stderr <= 1e-4 * top.value
    assert np.linalg.norm(hessian @ vector - top.value * vector) <= top.stderr * (1 + 1e-6)


@pytest.mark.parametrize("rule", [SGD(0.1), HeavyBall(0.1, 0.5), Nesterov(0.1, 0.5)])
def test_edge_is_where_the_multiplier_leaves_the_circle(rule):
    """On a parabola of curvature just below and above the edge."""
    for factor, side in ((0.999, -1), (1.001, 1)):
        run = Training(linear_problem([[np.sqrt(factor * edge(rule))]]), rule)
        spectrum = cc.lyapunov_spectrum(run, n_steps=600, n_vectors=1)
        assert np.sign(spectrum.exponents[0]) == side


def test_edge_of_other_rules_is_unknown():
    assert np.isnan(edge(Adam(0.1)))


def test_batch_sharpness_of_the_only_sample_is_its_curvature():
    """One sample that is all there is: each batch is the data."""
    one = linear_problem([[3.0, 4.0]])
    found = batch_sharpness(one, one.params + 1.0, batch_size=1)
    assert found.value == pytest.approx(25.0, rel=1e-12)
    assert found.stderr < 1e-12
    assert np.isnan(batch_sharpness(one, one.params, batch_size=1).value)  # at rest there is no gradient


def test_curves_of_a_run(key):
    run = Training(tanh_problem(key), SGD(0.02))
    curves = edge_of_stability(run, None, run.batches(key, 2), n_steps=60, record_every=20)
    assert curves.n.tolist() == [20, 40, 60]
    end = cc.run(run, None, run.batches(key, 2), n_steps=60)
    assert curves.loss[-1] == pytest.approx(float(run.loss(end)), rel=1e-12)
    assert curves.edge == 100.0
    assert np.all(np.isfinite(curves.batch_sharpness + curves.batch_sharpness_stderr))
    assert np.all(curves.sharpness_residual <= 1e-4 * curves.sharpness)
    assert "of the edge 100" in str(curves)


def test_interrupt_keeps_records(key, monkeypatch):
    import cocycle.training.along as along

    calls = []

    def stop(*args, **options):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return sharpness(*args, **options)

    monkeypatch.setattr(along, "sharpness", stop)
    with pytest.warns(InterruptedWarning, match="after 20 of 60"):
        curves = edge_of_stability(Training(tanh_problem(key), SGD(0.02)), n_steps=60, record_every=20)
    assert curves.status == "interrupted"
    assert len(curves.n) == 1


def test_finite_time_exponents_at_a_minimum():
    """Gradient descent at rest: the slowest direction is neutral, for ever."""
    spectrum = finite_time_exponents(Training(product_minimum(3.0, 3.0), SGD(0.1)), n_steps=320, n_vectors=4)
    assert spectrum.local.shape == (32, 4)
    assert np.allclose(spectrum.local[-1, :2], 0.0, atol=1e-9)
    curvature = np.array([0.6, 2.4])  # eigenvalues of K / 2
    assert np.allclose(spectrum.local[-1, 2:], np.log(1 - 0.1 * curvature), atol=1e-9)


def test_refuses_no_records(key):
    with pytest.raises(ParameterError, match="record_every"):
        edge_of_stability(Training(tanh_problem(key), SGD(0.1)), n_steps=10, record_every=20)
