"""Each learner re-learns a system of its own class; a learned model is a System."""

from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle import learn
from cocycle.core.run import Status


def henon(n):
    x = np.empty((n, 2))
    x[0] = 0.1, 0.1
    for k in range(n - 1):
        x[k + 1] = 1 - 1.4 * x[k, 0] ** 2 + x[k, 1], 0.3 * x[k, 0]
    return x


HENON = henon(1200)
EPS = np.finfo(float).eps


def next_errors(model, x):
    """Error of one-step forecasts from true rows, relative to the spread."""
    k = model.n_context
    contexts = np.stack([x[i : i + k] for i in range(0, 200, 10)])
    facts = np.stack([x[i + k] for i in range(0, 200, 10)])
    from cocycle.learn.fitted import many_forecasts

    return np.max(np.abs(many_forecasts(model, contexts, 1)[:, 0] - facts) / x.std(axis=0))


POLYNOMIAL = {
    "NG-RC": learn.NextGenerationReservoir(n_delays=1, degree=2, ridge=0.0),
    "EDMD": learn.EDMD(degree=2, ridge=0.0),
}


@pytest.mark.parametrize("name", POLYNOMIAL)
def test_polynomial_learners_find_a_polynomial_map(name):
    """Least squares on exact data: round-off times the condition number of the monomials, about 1e2 here."""
    model = POLYNOMIAL[name].fit(HENON)
    assert next_errors(model, HENON) < 1e4 * EPS
    # The model is measured with the call that measures the original; 4.5 standard errors of the difference.
    truth = cc.lyapunov_spectrum(cc.systems.Henon(), n_steps=20_000)
    found = cc.lyapunov_spectrum(model, n_steps=20_000, n_vectors=1)
    error = np.hypot(truth.stderr[0], found.stderr[0])
    assert abs(found.exponents[0] - truth.exponents[0]) < 4.5 * error


def test_linear_learners_find_a_linear_map():
    a = np.array([[0.9, -0.3, 0.0], [0.3, 0.9, 0.1], [0.0, 0.0, 0.97]])
    x = np.empty((60, 3))
    x[0] = 1, 0.5, 2
    for k in range(59):
        x[k + 1] = a @ x[k]
    dmd = learn.DMD().fit(x)
    found, truth = np.sort_complex(learn.dmd_eigenvalues(dmd)), np.sort_complex(np.linalg.eigvals(a))
    assert np.max(np.abs(found - truth)) < 1e4 * EPS  # round-off times the condition of the snapshots
    for model in (dmd, learn.LinearAutoregression(n_delays=1, ridge=0.0).fit(x)):
        ahead = model.forecast(x[:10], 20).x
        assert np.max(np.abs(ahead - x[10:30])) < 1e5 * EPS


def test_unstable_linear_model_is_noted():
    model = learn.DMD().fit(np.exp(0.01 * np.arange(50)))
    assert "unstable" in model.record.notes[0]
    assert learn.dmd_eigenvalues(model)[0] == pytest.approx(np.exp(0.01), rel=1e-9)


def test_weak_form_on_integrals_it_can_do_exactly():
    """A field of exponentials of one frequency; the trapezoidal rule on flat bumps is exact to their order."""
    t = 0.02 * np.arange(2000)
    x = np.stack([np.cos(2 * t), np.sin(2 * t)], axis=1)
    model = learn.SINDy(degree=1, formulation=learn.WeakForm(half_width=60)).fit(x, dt=0.02)
    truth = np.array([[0, 0], [0, 2], [-2, 0]])
    assert np.max(np.abs(np.asarray(model.rule.coefficients) - truth)) < 1e-8


@pytest.mark.parametrize("regression", [learn.STLSQ(0.3), pytest.param(learn.SR3(0.3), marks=pytest.mark.slow)])
def test_sindy_finds_lorenz_with_noise(regression, key):
    """Seven terms and no other, at one per cent of noise; each within 5 of its bootstrap standard errors or 1 %."""
    orbit = cc.trajectory(cc.systems.Lorenz63(dt=0.01), n_steps=10_000)
    k_noise, k_fit = jax.random.split(key)
    noisy = orbit.x + 0.01 * orbit.x.std(axis=0) * np.asarray(jax.random.normal(k_noise, orbit.x.shape))
    model = learn.SINDy(regression=regression, n_models=20).fit(noisy, dt=0.01, key=k_fit)
    found, stderr = np.asarray(model.rule.coefficients), np.asarray(model.rule.stderr)
    truth = np.zeros((10, 3))
    # 1, x, y, z, xx, xy, xz, yy, yz, zz
    truth[1, 0], truth[2, 0] = -10, 10
    truth[1, 1], truth[2, 1], truth[6, 1] = 28, -1, -1
    truth[3, 2], truth[5, 2] = -8 / 3, 1
    assert np.array_equal(found != 0, truth != 0), "\n".join(learn.equations(model))
    assert np.all(np.abs(found - truth) <= np.maximum(5 * stderr, 0.01 * np.abs(truth)))
    assert learn.equations(model)[0].startswith("x0' = -")


def test_local_linear_models():
    # With one weight for all an S-map is the linear autoregression.
    x = np.sin(0.3 * np.arange(300)) * (1 + 0.1 * np.cos(0.05 * np.arange(300)))
    smap = learn.SMap(n_delays=3, theta=0.0, ridge=0.0).fit(x).forecast(x, 20).x
    linear = learn.LinearAutoregression(n_delays=3, ridge=0.0).fit(x).forecast(x, 20).x
    assert np.max(np.abs(smap - linear)) < 1e-6
    # A periodic series is its own past, up to the round-off of the units.
    periodic = np.tile([0.0, 1.0, 0.3, -1.0, 0.5], 40)
    ahead = learn.Simplex(n_delays=2, n_neighbours=1).fit(periodic).forecast(periodic, 5).x[:, 0]
    assert np.max(np.abs(ahead - periodic[:5])) < 8 * EPS


def test_lookups_have_no_tangents():
    model = learn.Simplex().fit(HENON)
    with pytest.raises(cc.CocycleError, match="differentiable"):
        cc.lyapunov_spectrum(model, n_steps=100)


@pytest.mark.slow  # 10 s
def test_reservoir_forecasts_lorenz(key):
    """Stated accuracy: with 300 units and 6,000 rows at dt = 0.03, median valid time above 4 Lyapunov times."""
    x = cc.trajectory(cc.systems.Lorenz63(dt=0.03), n_steps=9000).x
    model = learn.EchoState(n_units=300).fit(x[:6000], key=key, dt=0.03)
    from cocycle.learn.fitted import many_forecasts

    contexts = np.stack([x[k - 100 : k] for k in range(6200, 8600, 100)])
    facts = np.stack([x[k : k + 256] for k in range(6200, 8600, 100)])
    steps = cc.measures.valid_steps(many_forecasts(model, contexts, 256), facts, scale=x.std(axis=0))
    assert np.median(steps) * 0.03 * 0.9056 > 4


def test_forecasts_bridge_missing_rows():
    t = np.arange(400)
    x = np.stack([np.sin(0.2 * t), np.cos(0.2 * t)], axis=1)
    model = learn.LinearAutoregression(n_delays=2, ridge=0.0).fit(x)
    context = x.copy()
    context[300:320] = np.nan
    context[350, 0] = np.nan
    assert np.max(np.abs(model.forecast(context, 10).x - model.forecast(x, 10).x)) < 1e-9


def test_explosion_is_reported_not_hidden():
    model = learn.NextGenerationReservoir(n_delays=1, degree=2, ridge=0.0).fit(HENON)
    away = eqx.tree_at(lambda m: m.rule.weights, model, 3 * model.rule.weights)
    found = away.forecast(HENON, 500)
    assert found.status is Status.NON_FINITE
    assert len(found) < 500
    assert np.isfinite(found.x).all()
    with pytest.raises(cc.CocycleError, match="explodes"):
        cc.trajectory(away, n_steps=500)
    table = cc.compare({"good": model, "bad": away}, HENON, n_exponent_steps=1000)
    assert "bad explodes after" in table.notes[-1]
    assert table.scores["bad"]["D_stsp"].value == np.inf
    assert "inf" in str(table)


def test_ridge_is_chosen_by_free_runs():
    """One-step errors choose the least penalty, whose free runs explode; free runs choose one that stays."""
    x = cc.trajectory(cc.systems.Lorenz63(dt=0.03), n_steps=6000).x
    model = learn.NextGenerationReservoir(n_delays=2, degree=2).fit(x[:4000], dt=0.03)
    errors = model.record.curves["free_run_errors"]
    assert errors[0] > 10 * errors.min()
    assert model.forecast(x[:4000], 2000).status is Status.OK


def test_another_parameter_value_does_not_compile_again():
    from cocycle.core.run import _save_rows

    first = learn.NextGenerationReservoir(n_delays=1, ridge=0.0).fit(HENON[:600])
    second = learn.NextGenerationReservoir(n_delays=1, ridge=0.0).fit(HENON[300:1000])
    first.forecast(HENON[:50], 5)
    before = cast(Any, _save_rows)._cached._cache_size()
    second.forecast(HENON[:60], 7)
    assert cast(Any, _save_rows)._cached._cache_size() == before


def test_comparison_tells_good_from_bad():
    x = henon(4000)
    good = learn.NextGenerationReservoir(n_delays=1, degree=2, ridge=0.0).fit(x[:1000])
    linear = learn.LinearAutoregression(n_delays=2, ridge=0.0).fit(x[:1000])
    table = cc.compare({"good": good, "linear": linear}, x[1000:], truth=cc.systems.Henon(), n_exponent_steps=5000)
    floor, best, poor = (table.scores[name] for name in ("two halves", "good", "linear"))
    for measure in ("D_stsp", "D_H", "correlation sum"):
        # Both are samples of one measure: the difference is within 4.5 of its standard errors.
        error = np.hypot(best[measure].stderr, floor[measure].stderr)
        assert abs(best[measure].value - floor[measure].value) < 4.5 * error, measure
        assert poor[measure].value > best[measure].value + 3 * best[measure].stderr, measure
    shuffled = table.scores["shuffled"]["D_H"]
    assert shuffled.value > floor["D_H"].value + 10 * np.hypot(shuffled.stderr, floor["D_H"].stderr)
    assert table.scores["shuffled"]["D_stsp"].value == pytest.approx(floor["D_stsp"].value)
    truth, found = table.scores["truth"]["largest exponent"], best["largest exponent"]
    assert abs(found.value - truth.value) < 4.5 * np.hypot(found.stderr, truth.stderr)
    # Round-off grows at the Lyapunov rate: the normalised error passes 0.4 after ln(0.4 / error) / lambda steps.
    assert best["valid time"].value > 2 * table.scores["nearest analog"]["valid time"].value
    assert poor["valid time"].value < 3


def test_comparison_refuses():
    model = learn.LinearAutoregression(ridge=0.0).fit(HENON, dt=0.5)
    with pytest.raises(cc.CocycleError, match="512"):
        cc.compare(model, HENON[:100])
    with pytest.raises(cc.CocycleError, match="different steps"):
        cc.compare(model, cc.Trajectory(0.1 * np.arange(1200), HENON, HENON[-1], 1200))
    with pytest.raises(cc.CocycleError, match="not a System"):
        cc.compare("model", HENON)
    with pytest.raises(cc.CocycleError, match="columns"):
        cc.compare(model, HENON[:, 0])


def test_symbolic_dynamics_of_the_skew_tent_map():
    """The map x / a below a, (1 - x) / (1 - a) above, written as a network: a full two-shift."""
    from cocycle.learn.plrnn import AlmostLinear
    from cocycle.learn.rules import Scaler

    a = 0.4
    slope = -1 / (1 - a) - 1 / a
    W = jnp.array([[1 / a, slope], [1 / a, slope]])
    rule = AlmostLinear(jnp.zeros(2), W, jnp.array([0.0, -a]), jnp.ones((1, 1)), 1)
    scaler = Scaler(jnp.zeros(1), jnp.ones(1))
    x0 = jnp.array([0.3, 0.3 - a])
    model = learn.FittedSystem(rule, scaler, jnp.asarray(1.0), x0, learn.FitRecord(), 1, None, None, None)
    found = learn.symbolic_dynamics(model, n_steps=20_000, n_transient=100)
    exponent = cc.lyapunov_spectrum(model, n_steps=20_000, n_vectors=1).maximal_exponent
    entropy = -a * np.log(a) - (1 - a) * np.log(1 - a)
    # Symbols are independent: frequencies are known to sqrt(a (1 - a) / n).
    error = np.sqrt(a * (1 - a) / 20_000)
    assert np.abs(found.frequencies - [a, 1 - a]).max() < 4.5 * error
    assert (found.transitions > 0).all()
    assert found.topological_entropy == pytest.approx(np.log(2), abs=1e-12)
    assert found.entropy_rate == pytest.approx(entropy, abs=4.5 * error)
    assert exponent.value == pytest.approx(entropy, abs=4.5 * exponent.stderr)
    # Fixed points 0 and 1 / (2 - a).
    assert found.is_real[1]
    assert found.fixed_points[1, 0] == pytest.approx(1 / (2 - a))
    with pytest.raises(cc.CocycleError, match="AlmostLinearRNN"):
        learn.symbolic_dynamics(learn.DMD().fit(HENON))
