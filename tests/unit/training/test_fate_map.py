"""The experiment: 1,000 runs of SGD in every cell of a map, and an overparameterised network on digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import product_minimum, product_net

import cocycle as cc
from cocycle.training import (
    SGD,
    Problem,
    Training,
    fates,
    gradient_descent_exponent,
    interpolate,
    minimum,
    sgd_critical_rate,
    stability_map,
)

# A loss of 1e-28 is residuals of 1e-14, above their round-off.
NOISE, RADIUS, TOL = 1.7e-8, 0.02, 1e-28
# A run starts half way, in logarithms, between settling and escaping: at least this far from either.
ROOM = float(min(np.log(RADIUS / NOISE), np.log(NOISE / np.sqrt(2 * TOL))))


def reverse_problem():
    """Two layers, u = v = 1 and K = [[3.2, c], [c, 1.05]] at rate 1: SGD is stable where gradient descent is not."""
    c = 0.95 * np.sqrt(3.2 * 1.05)
    inputs = jnp.asarray(np.linalg.cholesky([[3.2, c], [c, 1.05]]) / np.sqrt(2))
    params = {"u": jnp.ones(2), "v": jnp.ones(2)}
    return Problem(product_net, params, (inputs, inputs @ jnp.ones(2)))


@pytest.mark.slow  # half a minute
@pytest.mark.parametrize("name", ["gradient descent stable", "gradient descent unstable"])
def test_fate_of_a_thousand_runs_agrees_with_the_sign(name, key):
    """Outside of the error band more than 90 % of the runs settle where the exponent is negative, under 10 % elsewhere.

    The log distance is a random walk with drift lambda and variance s^2 a step. From ROOM on either side
    it goes against its drift with probability exp(-2 |lambda| ROOM / s^2) at most: the band is where that exceeds
    5 %, or the exponent is within 3 standard errors of zero.
    """
    direct = name == "gradient descent stable"
    problem = product_minimum(6.0, 2.2) if direct else reverse_problem()
    rates = np.linspace(0.34, 0.56, 12) if direct else np.linspace(0.8, 1.2, 17)
    chart = stability_map(problem, learning_rates=rates, batch_sizes=[1, 2], n_steps=40_000)
    variance = chart.stderr**2 * 36_000
    band = np.maximum(3 * chart.stderr, variance * np.log(20) / (2 * ROOM))
    decided = np.abs(chart.exponent) > band
    assert decided.mean() > 0.5
    options = {"n_runs": 1000, "n_steps": 40_000, "noise": NOISE, "radius": RADIUS, "tol": TOL}
    for i, size in enumerate(chart.batch_sizes):
        for j in np.flatnonzero(decided[i]):
            found = fates(Training(problem, SGD(rates[j])), batch_size=int(size), key=key, **options)
            share = found.settled_fraction
            assert share > 0.9 if chart.exponent[i, j] < 0 else share < 0.1, (size, rates[j], str(found))
    signs = np.sign(chart.exponent[0]) * decided[0]
    opposite = chart.gradient_descent < 0 if direct else chart.gradient_descent > 0
    assert np.any((signs == (1 if direct else -1)) & opposite)


def digits_problem(n=128, n_hidden=64):
    datasets = pytest.importorskip("sklearn.datasets", reason="the digits come with scikit-learn")
    data = datasets.load_digits()
    x, z = jnp.asarray(data.data[:n] / 16.0), jax.nn.one_hot(data.target[:n], 10, dtype=float)
    keys = jax.random.split(jax.random.key(0), 2)
    params = {
        "W": jax.random.normal(keys[0], (n_hidden, 64)) / 8,
        "b": jnp.zeros(n_hidden),
        "V": jax.random.normal(keys[1], (10, n_hidden)) / 8,
    }
    start = Problem(digits_net, params, (x, z))
    run = Training(start, SGD(0.05))
    trained = cc.run(run, None, run.batches(1, 16, replace=False), n_steps=20_000).params
    return Problem(digits_net, interpolate(start, trained), (x, z))


def digits_net(params, x):
    return params["V"] @ jnp.tanh(params["W"] @ x + params["b"])


@pytest.mark.slow  # half a minute at rest
def test_digits():
    """Runs restarted from an interpolating minimum lose it between 0.95 and 1.05 of the predicted critical rate."""
    problem = digits_problem()
    at = minimum(problem)
    assert at.loss < 1e-20
    assert at.n_params > 3 * at.rank
    last = 0.0
    for size in (2, 8, 32):
        critical = float(sgd_critical_rate(at, size, cc.Minibatch(0, 128, size), n_steps=1000).value)
        assert last < critical
        last = critical
        for factor in (0.95, 1.05):
            run = Training(problem, SGD(factor * critical))
            found = fates(run, batch_size=size, key=1, n_runs=10, n_steps=4000, noise=1e-4, radius=1e-2, tol=1e-12)
            assert found.escaped.mean() == (0.0 if factor < 1 else 1.0), (size, factor, str(found))
    assert gradient_descent_exponent(at, 0.9 * 2 / at.sharpness) < 0
