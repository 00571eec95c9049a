"""Trained learners re-learn what a model of their own class does; objectives and adjoints as defined."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle import learn
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError
from cocycle.learn.neural_cde import ControlledRule

EPS = np.finfo(float).eps
T = np.arange(400)
CIRCLE = np.stack([np.sin(0.3 * T), np.cos(0.3 * T)], axis=1)
BRIEF = learn.Descent(n_updates=1200, batch_size=4, length=24, rate=1e-2, last_rate=3e-4)
LONGER = dataclasses.replace(BRIEF, n_updates=4000)
WASHED = {"n_washout": 20, "descent": BRIEF}
LEARNERS = {
    "NeuralODE": learn.NeuralODE(n_hidden=8, forcing=learn.GeneralisedForcing(0.3), descent=BRIEF),
    "GRU": learn.GRU(n_hidden=8, forcing=learn.SparseForcing(4), **WASHED),
    "LSTM": learn.LSTM(n_hidden=8, forcing=learn.SparseForcing(4), **WASHED),
    "S4D": learn.S4D(n_channels=4, n_pairs=2, n_layers=1, forcing=learn.SparseForcing(4), **WASHED),
    "S5": learn.S5(
        n_channels=4, n_pairs=4, n_layers=1, forcing=learn.SparseForcing(4), **(WASHED | {"descent": LONGER})
    ),
}


# The siblings of a fast one take their time in the slow tier, 5 to 15 s each.
SIBLINGS = {"NeuralODE", "LSTM", "S4D", "S5"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n in SIBLINGS else ()) for n in LEARNERS])
def test_relearns_its_own_class(name, key):
    """A teacher of the class makes the data: a student forecasts 50 steps to 0.1 of their standard deviation."""
    k_teacher, k_student = jax.random.split(key)
    teacher = LEARNERS[name].fit(CIRCLE, key=k_teacher)
    data = teacher.forecast(None, 500).x
    student = LEARNERS[name].fit(data[:400], key=k_student)
    error = student.forecast(data[:400], 50).x - data[400:450]
    assert np.sqrt(np.mean(error**2)) < 0.1 * data.std()


def test_washout_rows_lead_a_window_and_do_not_count(key):
    """One row of a sine does not tell where it goes: two rows do.

    From a cold start the first step alone costs sin(0.3)^2 of the variance, spread over 24 steps; after 8 rows nothing
    need be lost. The bound holds on average over phases: batches of the last 200 updates, 5 % for their draws.
    """
    x, bound = np.sin(0.3 * T), np.sin(0.3) ** 2 / 24
    descent = learn.Descent(n_updates=4000, batch_size=8, length=24, rate=1e-2, last_rate=1e-4)
    losses = []
    for n_washout in (1, 8):
        learner = learn.AlmostLinearRNN(
            n_latent=3, n_relu=0, n_washout=n_washout, forcing=learn.SparseForcing(24), descent=descent
        )
        model = learner.fit(x, key=key)
        losses.append(model.record.numbers["final_loss"])
        assert model.n_context == n_washout
    assert losses[0] > 0.95 * bound
    assert losses[1] < 0.1 * bound
    with pytest.raises(InsufficientDataError, match="at least 32"):
        learner.fit(x[:30], key=key)
    with pytest.raises(ParameterError, match="n_washout"):
        learn.PLRNN(n_washout=0)


@pytest.mark.slow  # 12 s
def test_deep_koopman_finds_the_eigenvalues_of_linear_data(key):
    """Decay and angle of a spiral to 0.01, where two latent coordinates are enough."""
    z = np.exp((-0.01 + 0.3j) * np.arange(120))
    data = [np.stack([(a * z).real, (a * z).imag], axis=1) for a in np.exp(1j * np.arange(4)) * (1 + np.arange(4))]
    descent = learn.Descent(n_updates=3000, batch_size=4, length=24, rate=1e-2, last_rate=1e-4)
    model = learn.KoopmanAutoencoder(n_latent=2, n_hidden=4, forcing=learn.SparseForcing(24), descent=descent).fit(
        data, key=key
    )
    found = learn.koopman_eigenvalues(model)
    assert np.max(np.abs(np.sort_complex(found) - np.exp(-0.01 + np.array([-0.3j, 0.3j])))) < 1e-2
    with pytest.raises(ParameterError, match="autoencoder"):
        learn.koopman_eigenvalues(learn.DMD().fit(CIRCLE))


def test_von_neumann_entropy():
    """ln d for an isotropic cloud, 0 on a line, unmoved by rotation and scale."""
    x = np.concatenate([np.eye(4), -np.eye(4)])
    assert float(learn.von_neumann_entropy(jnp.asarray(x))) == pytest.approx(np.log(4), abs=1e-9)
    line = jnp.asarray(np.outer(np.arange(5.0), [1.0, 2.0, 0.0, 0.0]))
    assert float(learn.von_neumann_entropy(line)) == pytest.approx(0, abs=1e-9)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    cloud = np.random.default_rng(1).normal(size=(8, 4)) * [1, 2, 3, 4]
    moved = learn.von_neumann_entropy(jnp.asarray(7 * cloud @ rotation))
    assert float(moved) == pytest.approx(float(learn.von_neumann_entropy(jnp.asarray(cloud))), abs=1e-9)


def test_neural_sde_finds_drift_and_noise(key):
    """Ornstein-Uhlenbeck rows: slope of the drift and noise within 4.5 of the standard errors of an autoregression."""
    n, phi, s = 8000, 0.9, 0.3
    noise = s * np.asarray(jax.random.normal(key, (n,)))
    x = np.zeros(n)
    for k in range(1, n):
        x[k] = phi * x[k - 1] + noise[k]
    descent = learn.Descent(n_updates=1500, batch_size=8, length=64, rate=1e-2, last_rate=1e-4)
    model = learn.NeuralSDE(n_hidden=4, descent=descent).fit(x, key=key)
    u = np.asarray(model.scaler.to_rule(x[:, None]))
    drift = np.asarray(jax.vmap(model.rule.drift)(jnp.asarray(u)))[:, 0]
    slope = np.polyfit(u[:, 0], drift, 1)[0]
    found = float(jnp.exp(model.rule.log_noise[0]) * model.scaler.scale[0])
    # The optimiser leaves noise of its own: batches of 512 rows over the last tenth of the schedule.
    assert abs(slope - (phi - 1)) < 4.5 * np.sqrt((1 - phi**2) / n) + 0.01
    assert abs(found - s) < 4.5 * s / np.sqrt(2 * n) + 0.01 * s
    # A path under keys is the same for the same key, and has the spread of the process.
    ahead = learn.ensemble_forecast(model, x[:50], 20, key=key, n_members=400)
    law = s * np.sqrt((1 - phi ** (2 * np.arange(1, 21))) / (1 - phi**2))
    assert np.all(np.abs(ahead.spread[:, 0] / law - 1) < 4.5 / np.sqrt(2 * 400) + 0.05)
    run = cc.trajectory(model, driver=cc.Keys(key), n_steps=50).x
    assert np.array_equal(run, cc.trajectory(model, driver=cc.Keys(key), n_steps=50).x)
    with pytest.raises(ParameterError, match="no random steps"):
        learn.ensemble_forecast(learn.DMD().fit(CIRCLE), CIRCLE, 5, key=key)


@pytest.mark.slow  # 8 s: two more compilations
def test_geometric_noise_stays_positive(key):
    x = np.exp(0.3 * np.sin(0.2 * T)) * (1 + 0.01 * np.cos(3.1 * T))
    brief = learn.Descent(n_updates=50, batch_size=8, length=64)
    for noise in (learn.GeometricNoise(), learn.LinearNoise()):
        model = learn.NeuralSDE(n_hidden=4, noise=noise, descent=brief).fit(x, key=key)
        run = cc.trajectory(model, driver=cc.Keys(key), n_steps=200).x
        assert np.isfinite(run).all()
        assert (run > 0).all() or not isinstance(noise, learn.GeometricNoise)
    with pytest.raises(DataError, match="positive"):
        learn.NeuralSDE(noise=learn.GeometricNoise(), descent=brief).fit(CIRCLE, key=key)


@pytest.mark.slow  # 30 s: training through diffrax, and two adjoints
def test_neural_cde_on_uneven_times(key):
    """Circle seen at 60 % of the times: the error of the next observation falls below a tenth of holding the last."""
    seen = np.sort(np.asarray(jax.random.permutation(key, 400))[:240])
    orbit = cc.Trajectory(0.1 * seen, CIRCLE[seen], CIRCLE[seen[-1]], 240)
    descent = learn.Descent(n_updates=1500, batch_size=4, length=24, rate=1e-2, last_rate=3e-4)
    learner = learn.NeuralCDE(n_hidden=6, n_width=12, descent=descent)
    model = learner.fit(orbit, key=key)
    gaps = np.diff(seen)
    hold = np.mean((np.diff(CIRCLE[seen], axis=0) ** 2)[gaps > 0]) / np.mean(CIRCLE.var(axis=0))
    assert model.record.numbers["final_loss"] < 0.1 * hold
    assert float(model.dt) == pytest.approx(0.1, rel=1e-9)
    # On evenly spaced rows a run is the solve: the same errors, to round-off.
    import diffrax

    rule = model.rule
    assert isinstance(rule, ControlledRule)
    u = jnp.asarray(model.scaler.to_rule(CIRCLE[:25]))
    window = jnp.concatenate([jnp.arange(25.0)[:, None], u], axis=1)
    solved = rule.errors(window, window[:-1], diffrax.DirectAdjoint())
    z, stepped = rule.cold(u[0]), []
    for k in range(24):
        z = rule.advance(z, u[k])
        stepped.append(rule.show(z) - u[k + 1])
    assert np.max(np.abs(np.array(stepped) - solved)) < 1e3 * EPS

    def gradient(adjoint):
        return jax.grad(lambda r: jnp.sum(r.errors(window, window[:-1], adjoint) ** 2))(rule)

    direct, again = gradient(diffrax.DirectAdjoint()), gradient(diffrax.RecursiveCheckpointAdjoint(4))
    for a, b in zip(jax.tree.leaves(direct), jax.tree.leaves(again), strict=True):
        assert not a.size or np.max(np.abs(a - b)) <= 1e4 * EPS * np.max(np.abs(a))
    # Full forcing, row by row, is the solve on uneven times too.
    window = window[np.sort(np.asarray(jax.random.permutation(key, 25))[:15])]
    solved = rule.errors(window, window[:-1], diffrax.DirectAdjoint())
    forced = rule.forced_errors(window, window[:-1], jnp.ones(14))
    assert np.max(np.abs(forced - solved)) < 1e3 * EPS
    with pytest.raises(DataError, match="do not rise"):
        learner.fit(cc.Trajectory(np.zeros(400), CIRCLE, CIRCLE[-1], 400), key=key)
    with pytest.raises(InsufficientDataError, match="observed rows"):
        learner.fit(CIRCLE[:10], key=key)


def known_part(t, y, args):
    return jnp.stack([y[1], -args["damping"] * y[1]])


@pytest.mark.slow  # 12 s
def test_hybrid_model_finds_what_is_missing(key):
    """A damped pendulum of which the restoring force is not known: found to 0.05 on the states that were seen."""

    @cc.flow(dt=0.1, x0=jnp.array([2.0, 0.0]))
    def pendulum(t, y, args):
        return jnp.stack([y[1], -jnp.sin(y[0]) - 0.1 * y[1]])

    data = np.asarray(cc.trajectory(pendulum, n_steps=300).x)
    descent = learn.Descent(n_updates=1500, batch_size=4, length=24, rate=1e-2, last_rate=3e-4)
    model = learn.HybridODE(known=known_part, args={"damping": 0.1}, n_hidden=8, descent=descent).fit(
        data, key=key, dt=0.1
    )
    found = learn.missing_part(model, data)
    truth = np.stack([np.zeros(len(data)), -np.sin(data[:, 0])], axis=1)
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.05
    assert float(model.rule.args["damping"]) == 0.1
    with pytest.raises(cc.CocycleError, match="cannot be saved"):
        model.save("never.npz")
    with pytest.raises(ParameterError, match="known part"):
        learn.missing_part(learn.DMD().fit(CIRCLE), CIRCLE)
