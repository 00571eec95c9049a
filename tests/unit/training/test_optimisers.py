"""Optimisers against optax; training as a system against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from problems import linear_problem

import cocycle as cc
from cocycle.core.errors import ParameterError
from cocycle.training import SAM, SGD, Adam, AdamW, HeavyBall, Lion, Nesterov, Optax, RMSProp, Training

PAIRS = {
    "sgd": (SGD(0.1), optax.sgd(0.1)),
    "heavy ball": (HeavyBall(0.1, 0.8), optax.sgd(0.1, 0.8)),
    "nesterov": (Nesterov(0.1, 0.8), optax.sgd(0.1, 0.8, nesterov=True)),
    "rmsprop": (RMSProp(0.1, 0.9), optax.rmsprop(0.1, 0.9, eps=1e-8, eps_in_sqrt=False)),
    "adam": (Adam(0.1), optax.adam(0.1)),
    "adamw": (AdamW(0.1, weight_decay=0.01), optax.adamw(0.1, weight_decay=0.01)),
    "lion": (Lion(0.1, weight_decay=0.01), optax.lion(0.1, weight_decay=0.01)),
}


def _slope(p):
    return {"a": jnp.sin(p["a"]) * p["b"], "b": jnp.sum(jnp.cos(p["a"])) + p["b"]}


@pytest.mark.parametrize("name", PAIRS)
def test_agrees_with_optax(name):
    mine, theirs = PAIRS[name]
    params = {"a": jnp.array([1.0, 2.0]), "b": jnp.array(3.0)}
    p, memory = params, mine.init(params)
    q, state = params, Optax(theirs).init(params)
    for _ in range(7):
        p, memory = mine.update(_slope, p, memory)
        q, state = Optax(theirs).update(_slope, q, state)
    for a, b in zip(jax.tree.leaves(p), jax.tree.leaves(q), strict=True):
        assert np.max(np.abs(a - b)) < 1e-14  # round-off of 7 steps


def test_sam_against_its_definition():
    theta = jnp.array([0.6, 0.8])
    after, _ = SAM(0.1, radius=0.5).update(lambda p: 2 * p, theta, None)
    # The gradient of |p|^2 half a unit farther out along p.
    assert np.allclose(after, theta * (1 - 0.1 * 2 * 1.5), atol=1e-15)
    still, _ = SAM(0.1).update(lambda p: 2 * p, 0 * theta, None)
    assert np.array_equal(still, 0 * theta)


def test_gradient_descent_exponents_are_logarithms():
    """Hessian diag(4, 1)/2: exponents log|1 - eta h|."""
    run = Training(linear_problem([[2.0, 0.0], [0.0, 1.0]]), SGD(0.6))
    found = cc.lyapunov_spectrum(run, n_steps=400, n_vectors=2).exponents
    assert np.allclose(found, np.log(np.abs(1 - 0.6 * np.array([0.5, 2.0]))), atol=1e-12)


def test_momentum_exponents_are_roots():
    """Heavy ball on curvature h: multipliers are roots of z^2 - (1 + beta - eta h) z + beta."""
    run = Training(linear_problem([[2.0, 0.0], [0.0, 1.0]]), HeavyBall(0.6, 0.5))
    found = cc.lyapunov_spectrum(run, n_steps=4000, n_vectors=4, n_transient=100).exponents
    roots = [np.roots([1, -(1.5 - 0.6 * h), 0.5]) for h in (0.5, 2.0)]
    expected = np.sort(np.log(np.abs(np.concatenate(roots))))[::-1]
    # Complex pairs turn: their mean over n steps is off by O(1/n).
    assert np.allclose(found, expected, atol=4.0 / 3900)


def test_every_optimiser_is_a_system():
    problem = linear_problem([[2.0, 0.0], [0.0, 1.0]])
    batches = Training(problem, SGD(0.1)).batches(0, 1, replace=False)
    for rule in [Adam(0.1, eps_root=1e-8), SAM(0.1), Optax(optax.adam(0.1, eps_root=1e-8))]:
        run = Training(problem, rule)
        x0 = jnp.array([2.0, 3.0])
        spectrum = cc.lyapunov_spectrum(run, x0, batches, n_steps=64, n_vectors=2, n_transient=0)
        assert np.all(np.isfinite(spectrum.exponents)), rule
        assert run.loss(spectrum.final) < run.loss(run.initial_state(x0)), rule


def test_an_epoch_sees_every_sample_once():
    run = Training(linear_problem(np.eye(6)), SGD(0.1))
    driver = run.batches(3, 2, replace=False)
    for epoch in range(3):
        seen = np.concatenate([np.asarray(driver.at(3 * epoch + i)) for i in range(3)])
        assert sorted(seen) == list(range(6))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SGD(0.0), "learning_rate"),
        (lambda: SGD(-1.0), "learning_rate"),
        (lambda: SGD(np.nan), "learning_rate"),
        (lambda: SGD(np.ones(2)), "learning_rate"),
        (lambda: HeavyBall(0.1, 1.0), "momentum"),
        (lambda: Adam(0.1, b2=1.5), "b2"),
        (lambda: Training(linear_problem(np.eye(2)), SGD(0.1)).batches(0, 3), "exceeds the 2 samples"),
        (lambda: Training(linear_problem(np.eye(2)), SGD(0.1)).batches(0, 0), "batch_size"),
    ],
)
def test_refuses(make, words):
    with pytest.raises(ParameterError, match=words):
        make()
