"""Exponents of SGD at minima: closed forms, laws, independent routes, verdicts, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import linear_problem, product_minimum, tanh_problem, with_kernel

import cocycle as cc
from cocycle.core.errors import InterruptedWarning, ParameterError
from cocycle.training import (
    SGD,
    NotAMinimumError,
    Problem,
    Training,
    critical_rates,
    fates,
    gradient_descent_exponent,
    growth,
    interpolate,
    minimum,
    parameter_space_exponent,
    second_moment,
    stability,
    stability_map,
    trace_bound,
)

# Estimates are compared within this many standard errors; about thirty comparisons here: false alarm below 1e-3.
Z = 4.5


def exponent(problem, rate, batch_size=1, *, n_steps=20_000, replace=True, key=0):
    at = minimum(problem)
    driver = cc.Minibatch(key, at.n_samples, batch_size, replace)
    return growth(at, np.array([rate]), np.array([batch_size]), driver, n_steps=n_steps).exponents()


def close(found, expected, slack=0.0):
    assert abs(float(found.value[0]) - expected) <= Z * float(found.stderr[0]) + slack, (found, expected)


def test_one_parameter(key):
    """One direction: the exponent is the average of log|1 - eta x^2| over the samples."""
    x = np.array([0.5, 1.0, 1.5])
    p = Problem(lambda w, x: w * x, jnp.array(2.0), (x, 2 * x))
    close(exponent(p, 0.8, key=key), np.mean(np.log(np.abs(1 - 0.8 * x**2))))


def test_orthogonal_gradients(key):
    """Each sample has its direction: exponents log|1 - eta K_ii| / N, and the largest is seen."""
    k = np.array([0.3, 2.9])
    close(exponent(with_kernel(np.diag(k)), 0.9, key=key), np.max(np.log(np.abs(1 - 0.9 * k)) / 2))


def test_one_sample_is_gradient_descent():
    p = with_kernel([[3.0]])
    found = exponent(p, 0.5, n_steps=100)
    assert abs(float(found.value[0]) - np.log(0.5)) < 1e-12  # round-off
    assert abs(gradient_descent_exponent(minimum(p), 0.5) - np.log(0.5)) < 1e-12
    # At eta K = 1 the only direction is killed in one step.
    assert float(exponent(p, 1 / 3, n_steps=100).value[0]) < -30


def test_deep_linear_network(key):
    """V W x with orthonormal inputs and W W^T = s^2: K = delta_ij (V V^T + s^2), so logs are averaged again."""
    n, s = 3, 1.2
    V = jax.random.normal(key, (2, n))
    W = s * jnp.linalg.qr(jax.random.normal(key, (n, n)))[0]
    x = jnp.eye(n)
    p = Problem(lambda w, x: w["V"] @ (w["W"] @ x), {"V": V, "W": W}, (x, x @ (V @ W).T))
    k = np.linalg.eigvalsh(V @ V.T) + s**2
    rate = 1.5 / float(k[-1])
    close(exponent(p, rate, key=key), np.max(np.log(np.abs(1 - rate * k)) / n))


def test_deep_chain():
    """A product of scalar weights on one sample: K is the sum of (f / w_k)^2."""
    w = jnp.array([0.5, 2.0, 1.5, 0.8])
    p = Problem(lambda w, x: jnp.prod(w) * x, w, (jnp.ones(1), jnp.ones(1) * jnp.prod(w)))
    k = float(np.sum((np.prod(w) / np.asarray(w)) ** 2))
    assert abs(float(exponent(p, 0.3, n_steps=64).value[0]) - np.log(abs(1 - 0.3 * k))) < 1e-12


@pytest.mark.parametrize(
    ("sizes", "rate", "expected"),
    [((3.0, 3.0), 0.66, -0.0099), ((3.0, 3.0), 0.70, 0.0495), ((6.0, 2.2), 0.40, -0.0586)],
)
def test_product_network(key, sizes, rate, expected):
    """Values found by independent code (plain numpy, residual cocycle), rounded to 1e-4 and good to 5e-4."""
    close(exponent(product_minimum(*sizes), rate, n_steps=100_000, key=key), expected, slack=5e-4)


def test_sgd_stable_where_gradient_descent_is_not(key):
    c = 0.95 * np.sqrt(3.2 * 1.05)
    p = with_kernel([[3.2, c], [c, 1.05]])
    close(exponent(p, 1.0, n_steps=100_000, key=key), -0.024, slack=1e-3)
    assert gradient_descent_exponent(minimum(p), 1.0) == pytest.approx(0.082, abs=1e-3)
    verdict = stability(p, learning_rate=1.0, batch_size=1, n_steps=60_000, critical=False)
    assert verdict.stable is True
    assert not verdict.gradient_descent_stable
    assert "SGD stable" in str(verdict)
    assert "gradient descent unstable" in str(verdict)


def _batch_map(d, rows, indices):
    seen = rows["G"][indices].reshape(-1, d.shape[0])
    return d - rows["rate"] / len(indices) * seen.T @ (seen @ d)


def test_sum_of_all_exponents(key):
    """N exponents add up to the mean of log|1 - eta K_ii|; the first is what `growth` finds, by another route."""
    kernel = np.array([[2.0, 0.9, -0.3], [0.9, 1.0, 0.4], [-0.3, 0.4, 3.0]])
    at = minimum(with_kernel(kernel))
    system = cc.Map(_batch_map, {"G": at.rows, "rate": 0.8}, x0=jnp.zeros(3), driven=True)
    spectrum = cc.lyapunov_spectrum(system, None, cc.Minibatch(key, 3, 1), n_steps=40_000)
    total = spectrum.mean_log_volume_rate
    assert total is not None
    expected = np.mean(np.log(np.abs(1 - 0.8 * np.diag(kernel))))
    assert abs(float(total.value) - expected) < Z * float(total.stderr)
    other = exponent(with_kernel(kernel), 0.8, n_steps=40_000, key=key)
    error = np.hypot(float(other.stderr[0]), float(spectrum.stderr[0]))
    assert abs(float(other.value[0]) - float(spectrum.exponents[0])) < Z * error


@pytest.mark.parametrize(("rate", "batch_size"), [(0.05, 1), (0.5, 1), (0.5, 2)])
def test_parameter_space_agrees_with_kernel(key, rate, batch_size):
    """The same batches: both products are one number, stable or not."""
    p = tanh_problem(key)
    p = Problem(p.apply, interpolate(p), p.data)
    at = minimum(p)
    driver = cc.Minibatch(key, p.n_samples, batch_size)
    rate = rate * 2 / at.sharpness
    kernel = growth(at, np.array([rate]), np.array([batch_size]), driver, n_steps=1000, n_transient=200).exponents()
    other = parameter_space_exponent(p, at, driver, learning_rate=rate, n_steps=1000, n_transient=200, project_every=25)
    # Different first vectors, forgotten at the gap of the exponents; then the same numbers up to round-off.
    assert abs(float(kernel.value[0]) - float(other.value)) < 0.1 * float(kernel.stderr[0]) + 5 / 800


@functools.partial(jax.jit, static_argnums=3)
def batch_steps(d, rows, key, batch_size):
    """One step of every path, each with its own batch."""
    seen = rows[jax.random.randint(key, (len(d), batch_size), 0, 2), 0]
    return d - 0.7 / batch_size * jnp.einsum("kbr,kb->kr", seen, jnp.einsum("kbr,kr->kb", seen, d))


def test_second_moment_against_monte_carlo(key):
    """E d d^T over 20,000 paths of 3 steps."""
    at = minimum(with_kernel([[2.0, 0.9], [0.9, 1.0]]))
    for replace, batch_size in ((True, 1), (True, 2), (False, 1)):
        moment = second_moment(at, batch_size, replace=replace)
        d = jnp.tile(jnp.array([0.6, 0.8]), (20_000, 1))
        P = np.outer([0.6, 0.8], [0.6, 0.8])
        for n in range(3):
            P = moment.advance(P, 0.7)
            d = batch_steps(d, jnp.asarray(at.rows), jax.random.fold_in(key, n), batch_size)
        square = np.asarray(jnp.sum(d**2, axis=1))
        assert abs(square.mean() - np.trace(P)) < Z * square.std() / np.sqrt(20_000)


def test_mean_square_limits(key):
    equal = np.asarray(jax.random.normal(key, (12, 30)))
    equal = 2 * equal / np.linalg.norm(equal, axis=1, keepdims=True)
    at = minimum(linear_problem(equal))
    # Equal norms, B = 1: the limit is 2 / tr H, the trace bound is sharp, and each step is a reflection there.
    assert second_moment(at, 1).critical_rate() * at.trace / 2 == pytest.approx(1, abs=1e-8)
    assert trace_bound(at, 1) * at.trace / 2 == pytest.approx(1, abs=1e-12)
    unequal = minimum(linear_problem(jax.random.normal(key, (12, 30))))
    for batch_size in (1, 3):
        moment, bound = second_moment(unequal, batch_size), trace_bound(unequal, batch_size)
        limit = moment.critical_rate()
        assert limit < bound
        assert moment.rate(0.98 * limit) < 0 < moment.rate(1.02 * limit)
    assert trace_bound(unequal, 1) < 2 / unequal.trace
    assert second_moment(unequal, 12, replace=False).critical_rate() == pytest.approx(2 / unequal.sharpness, rel=1e-8)


def test_critical_rates_are_ordered():
    at = minimum(product_minimum(6.0, 2.2))
    rates = critical_rates(at, 1, cc.Minibatch(0, 2, 1), n_steps=8000)
    assert rates.certain < rates.mean_square < float(rates.sgd.value) < rates.gradient_descent
    assert rates.mean_square < rates.trace_bound
    # Either side of it the sign is as it says.
    for side in (-1, 1):
        rate = float(rates.sgd.value) * (1 + 0.05 * side)
        assert np.sign(float(exponent(product_minimum(6.0, 2.2), rate, n_steps=40_000).value[0])) == side
    # Equal kernel diagonal 3: reflections at exactly 2/3.
    same = critical_rates(minimum(product_minimum(3.0, 3.0)), 1, cc.Minibatch(0, 2, 1), n_steps=2000)
    assert float(same.sgd.value) == pytest.approx(2 / 3, abs=1e-4)


def test_full_batches_without_replacement_are_gradient_descent():
    p = product_minimum(6.0, 2.2)
    verdict = stability(p, learning_rate=0.4, batch_size=2, n_steps=2000, critical=False, replace=False)
    # The ratio of the two multipliers, 0.80 to 0.72, is forgotten after the transient of 200 steps.
    assert verdict.exponent.value == pytest.approx(verdict.gradient_descent_exponent, abs=1e-12)


def test_map_agrees_with_single_verdicts_and_shares_samples():
    p = product_minimum(6.0, 2.2)
    rates = np.array([0.30, 0.40, 0.45, 0.60])
    chart = stability_map(p, learning_rates=rates, batch_sizes=[1, 2], n_steps=4000)
    for i, b in enumerate((1, 2)):
        for j in (0, 3):
            found = exponent(p, rates[j], b, n_steps=4000, key=1)
            error = np.hypot(float(found.stderr[0]), chart.stderr[i, j])
            assert abs(float(found.value[0]) - chart.exponent[i, j]) < Z * error + 1e-9
    assert chart.verdict[0, 0] == -1
    assert chart.verdict[0, 3] == 1
    assert "batch     1" in str(chart)
    # Batches of both samples without replacement are gradient descent, once the first direction is forgotten.
    epochs = stability_map(p, learning_rates=rates, batch_sizes=[1, 2], n_steps=4000, replace=False)
    assert np.max(np.abs(epochs.exponent[1] - epochs.gradient_descent)) < 1e-12
    assert epochs.verdict[0].tolist() == chart.verdict[0].tolist()


def test_kernel_route_does_not_see_the_number_of_parameters():
    """The same kernel with 3 and with 3,000 parameters: the same numbers from the same compiled loop."""
    small = linear_problem(np.hstack([np.eye(2), np.zeros((2, 1))]))
    large = linear_problem(np.hstack([np.eye(2), np.zeros((2, 2998))]))
    assert minimum(small).rows.shape == minimum(large).rows.shape
    assert np.allclose(exponent(small, 0.4, n_steps=200).value, exponent(large, 0.4, n_steps=200).value, atol=1e-12)


def test_fate_of_runs_follows_the_sign(key):
    """Diagonal network at (3, 3): the exponent is -0.01 at 0.66 and +0.05 at 0.70, where gradient descent is stable."""
    p = product_minimum(3.0, 3.0)
    assert fates(Training(p, SGD(0.66)), batch_size=1, key=key, n_runs=50).settled_fraction > 0.9
    assert fates(Training(p, SGD(0.70)), batch_size=1, key=key, n_runs=50).settled_fraction < 0.1
    assert gradient_descent_exponent(minimum(p), 0.70) < 0


def test_verdict_by_proof_and_by_estimate():
    p = product_minimum(6.0, 2.2)
    sure = stability(p, learning_rate=0.2, batch_size=1, n_steps=400, critical=False)
    assert sure.stable is True
    assert "No batch stretches" in sure.rests_on[0]
    close_by = stability(p, learning_rate=0.423, batch_size=1, n_steps=400, critical=False)
    assert close_by.stable is None
    assert "take more steps" in close_by.rests_on[0]


def test_verdict_keeps_and_shows_itself(tmp_path):
    verdict = stability(product_minimum(6.0, 2.2), learning_rate=0.4, batch_size=1, n_steps=400)
    back = cc.load(verdict.save(tmp_path / "verdict"))
    assert str(back) == str(verdict)
    assert "eigenvalues" in verdict.to_xarray()
    assert "SGD" in verdict._repr_html_() or "exponent" in verdict._repr_html_()
    chart = stability_map(product_minimum(6.0, 2.2), learning_rates=[0.3, 0.5], batch_sizes=[1], n_steps=400)
    assert str(cc.load(chart.save(tmp_path / "map"))) == str(chart)


def test_interrupt_keeps_what_is_done(monkeypatch):
    from cocycle.training import growth as _  # noqa: F401
    from cocycle.training.growth import Pace

    at, calls = minimum(product_minimum(6.0, 2.2)), []

    def stop(self, remaining):
        calls.append(remaining)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return 100

    monkeypatch.setattr(Pace, "next", stop)
    with pytest.warns(InterruptedWarning, match="200 of 1000"):
        found = growth(at, np.array([0.3]), np.array([1]), cc.Minibatch(0, 2, 1), n_steps=1000)
    assert len(found.local) == 100
    assert found.status == "interrupted"


def test_not_a_minimum(key):
    with pytest.raises(NotAMinimumError, match=r"gradient norm is .*interpolate\(problem\)"):
        stability(tanh_problem(key), learning_rate=0.1, batch_size=1)
    # Separable classes: cross-entropy has no minimum at finite distance.
    x = jnp.array([[1.0], [-1.0]])
    p = Problem(lambda w, x: w * x, jnp.array(3.0), (x, jnp.array([[1.0], [0.0]])), loss="logistic")
    with pytest.raises(NotAMinimumError, match="finite distance"):
        stability(p, learning_rate=0.1, batch_size=1)


def test_minimum_without_interpolation():
    """Regression through noise: a minimum, with residuals that stay; the verdict says what that limits."""
    x = jnp.array([1.0, 2.0, 3.0])
    z = jnp.array([1.1, 1.8, 3.1])
    p = Problem(lambda w, x: w * x, jnp.vdot(x, z) / jnp.vdot(x, x), (x, z))
    verdict = stability(p, learning_rate=0.05, batch_size=1, n_steps=400, critical=False)
    assert verdict.stable is True
    assert any("Not interpolating" in line for line in verdict.limits)
    assert "Not interpolating" in str(verdict)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 3}, "exceeds the 2 samples"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": np.nan}, "learning_rate"),
        ({"learning_rate": np.ones(2)}, "learning_rate"),
        ({"n_steps": 10}, "n_steps=10"),
        ({"driver": cc.Minibatch(0, 2, 2)}, "the driver draws 2 of 2"),
    ],
)
def test_refuses(options, words):
    with pytest.raises(ParameterError, match=words):
        stability(product_minimum(3.0, 3.0), **{"learning_rate": 0.1, "batch_size": 1, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rates": [0.2, 0.1]}, "ascending"),
        ({"learning_rates": []}, "ascending"),
        ({"batch_sizes": [4]}, "exceeds"),
    ],
)
def test_map_refuses(options, words):
    with pytest.raises(ParameterError, match=words):
        stability_map(product_minimum(3.0, 3.0), **options)
