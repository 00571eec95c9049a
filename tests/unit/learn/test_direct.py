"""Learners without gradient training: delay coordinates, Gaussian processes, memory, assimilation, Pareto fronts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal
from numpy.polynomial.legendre import Legendre

import cocycle as cc
from cocycle import learn
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError, ShapeError, UnknownNameError
from cocycle.learn.memory import embedding

EPS = np.finfo(float).eps
T = np.arange(600)
WAVES = np.sin(0.3 * T) + 0.5 * np.sin(0.7 * T)


def henon(n):
    x = np.empty((n, 2))
    x[0] = 0.1, 0.1
    for k in range(n - 1):
        x[k + 1] = 1 - 1.4 * x[k, 0] ** 2 + x[k, 1], 0.3 * x[k, 0]
    return x


def test_havok_of_a_linear_series_is_exact():
    """Four modes and no forcing: a forecast is limited by round-off times the condition of the delay coordinates."""
    model = learn.HAVOK(n_delays=20, rank=5).fit(WAVES[:400])
    assert np.max(np.abs(model.forecast(WAVES[:400], 100).x[:, 0] - WAVES[400:500])) < 1e-6
    forcing = learn.intermittent_forcing(model, WAVES[:100])
    assert np.isnan(forcing[:19]).all()
    assert np.isfinite(forcing[19:]).all()
    with pytest.raises(InsufficientDataError, match="coordinates"):
        learn.HAVOK(n_delays=5, rank=11).fit(WAVES)
    with pytest.raises(ParameterError, match="no forcing"):
        learn.intermittent_forcing(learn.DMD().fit(WAVES), WAVES)


@pytest.mark.slow  # 5 s
def test_havok_forcing_of_lorenz_is_intermittent():
    """Heavy tails: over 50 blocks the kurtosis exceeds that of a Gaussian, 3, by 3 standard errors (1 in 700)."""
    x = cc.trajectory(cc.systems.Lorenz63(dt=0.01), n_steps=100_000).x[:, 0]
    model = learn.HAVOK(n_delays=100, rank=15).fit(x, dt=0.01)
    forcing = learn.intermittent_forcing(model, x)[99:]
    forcing = (forcing - forcing.mean()) / forcing.std()
    blocks = np.array([np.mean(b**4) for b in np.array_split(forcing, 50)])
    assert blocks.mean() - 3 * blocks.std(ddof=1) / np.sqrt(50) > 3


def test_gaussian_process_agrees_with_independent_code():
    gaussian_process = pytest.importorskip("sklearn.gaussian_process", reason="the oracle is scikit-learn")
    kernels = gaussian_process.kernels
    x = henon(200)
    model = learn.GaussianProcess(n_delays=1, n_points=60).fit(x)
    rule = model.rule
    a, s2 = float(rule.amplitude), float(rule.noise)
    kernel = kernels.ConstantKernel(a) * kernels.RBF(np.asarray(rule.lengths)) + kernels.WhiteKernel(s2)
    u = np.asarray(model.scaler.to_rule(x))
    library = np.asarray(rule.library)
    at = [int(np.argmin(np.abs(u - row).sum(axis=1))) for row in library]
    targets = (u[np.array(at) + 1] - library) / np.asarray(rule.sizes)
    oracle = gaussian_process.GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(library, targets)
    # The likelihood, summed over the columns; both lose digits to the condition number of the same matrix.
    likelihood = oracle.log_marginal_likelihood(kernel.theta)
    assert model.record.numbers["log_likelihood"] == pytest.approx(np.sum(likelihood), rel=1e-6)
    mean, spread = oracle.predict(u[100:110], return_std=True)
    mine = np.stack([rule.advance(jnp.asarray(row[None]), jnp.asarray(row))[-1] for row in u[100:110]])
    assert np.max(np.abs(mine - (u[100:110] + mean * np.asarray(rule.sizes)))) < 1e-6
    widths = np.stack([rule.spread(jnp.asarray(row[None])) for row in u[100:110]])
    assert np.max(np.abs(widths / (spread.reshape(10, -1) * np.asarray(rule.sizes)) - 1)) < 1e-2


@pytest.mark.slow  # 4 s
def test_gaussian_process_learns_a_smooth_map():
    """Stated accuracy on noiseless data: one-step errors below 1e-3 standard deviations with 150 points."""
    x = henon(600)
    model = learn.GaussianProcess(n_delays=1, n_points=150).fit(x[:500])
    errors = [model.forecast(x[k : k + 1], 1).x[0] - x[k + 1] for k in range(520, 540)]
    assert np.max(np.abs(errors) / x.std(axis=0)) < 1e-3


def langevin(n, dt, rng, k=10.0, g=10.0):
    """Exact samples of a particle in a harmonic well with exponential memory."""
    A, S = embedding([k], [g], stiffness=1.0, mass=1.0)
    E = scipy.linalg.expm(A * dt)
    noise = S - E @ S @ E.T
    values, vectors = np.linalg.eigh((noise + noise.T) / 2)
    w, v = np.linalg.eig(E)
    xi = np.linalg.solve(v, vectors * np.sqrt(np.maximum(values, 0)) @ rng.normal(size=(3, n)))
    return (v @ np.stack([scipy.signal.lfilter([1], [1, -w[i]], xi[i]) for i in range(3)]))[0].real


def test_embedding_is_stationary():
    """A S + S A^T + noise = 0 with noise only in the hidden variables, of strength 2 kT / gamma: to round-off."""
    A, S = embedding([3.0, 7.0], [2.0, 5.0], stiffness=1.5, mass=0.7, temperature=1.3)
    noise = np.diag([0, 0, 2 * 1.3 / 2.0, 2 * 1.3 / 5.0])
    assert np.max(np.abs(A @ S + S @ A.T + noise)) < 1e2 * EPS


def test_memory_of_a_langevin_equation(key):
    """Friction 10 and memory time 1. Sampling: 400,000 s hold 40,000 relaxation times, so some per cent (3 sigma 8)."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    fine = langevin(400_000, 0.1, rng)
    direct = learn.memory_kernel(fine, 0.1, n_lags=50)
    law = 10 * (1 - np.exp(-direct.t))
    assert np.sqrt(np.mean((direct.friction - law)[1:] ** 2) / np.mean(law**2)) < 0.08
    for dt, x in ((0.1, fine), (2.0, langevin(100_000, 2.0, rng))):
        found = learn.exponential_memory(x, dt, mass=1.0)
        assert found.frictions.sum() == pytest.approx(10, rel=0.08)
        assert found.times[0] == pytest.approx(1, rel=0.3)
    assert found.friction(np.array([0.0, 1e9])) == pytest.approx([0, found.frictions[0]])
    # The direct way is lost where the fit is not: beyond half of the memory time.
    coarse = learn.memory_kernel(x, 2.0, n_lags=10)
    law = 10 * (1 - np.exp(-coarse.t))
    assert np.sqrt(np.mean((coarse.friction - law)[1:] ** 2) / np.mean(law**2)) > 0.12
    model = learn.GeneralisedLangevin().fit(fine[:100_000], dt=0.1)
    run = cc.trajectory(model, driver=cc.Keys(key), n_steps=100_000).x[:, 0]
    # About 1,000 relaxation times of 10: 4.5 sqrt(2 / 1000) = 0.2.
    assert run.var() == pytest.approx(fine[:100_000].var(), rel=0.4)
    with pytest.raises(DataError, match="one coordinate"):
        learn.GeneralisedLangevin().fit(henon(400))
    with pytest.raises(InsufficientDataError, match="positions"):
        learn.memory_kernel(fine[:100], 0.1, n_lags=50)


def test_assimilation_finds_parameter_and_hidden_variable():
    """Van der Pol seen in x alone: gradient against centred differences, then mu and the hidden start to 1e-3."""
    truth = cc.systems.VanDerPol(mu=1.0, dt=0.05)
    x0 = jnp.array([1.5, -0.5])
    record = np.asarray(cc.trajectory(truth, x0, n_steps=80).x)
    record = np.concatenate([np.asarray(x0)[None], record])[:, :1]
    first = cc.systems.VanDerPol(mu=1.6, dt=0.05)
    from cocycle.learn.known_system import _Placed, _Seen

    options = {"observe": _Seen((0,)), "place": _Placed((1,)), "hidden": jnp.zeros(1), "parameters": ["mu"]}
    found = learn.assimilate(first, x0.at[1].set(0.0), record, n_updates=600, rate=0.05, **options)
    assert found.parameters["mu"] == pytest.approx(1.0, abs=1e-3)
    assert float(found.x0[1]) == pytest.approx(-0.5, abs=1e-3)
    assert found.loss[-1] < 1e-6 * found.loss[0]
    assert found.condition == pytest.approx(1.0)
    with pytest.raises(ShapeError, match="observations"):
        learn.assimilate(first, x0, record[:, 0], **options)
    with pytest.raises(ParameterError, match="nothing"):
        learn.assimilate(first, x0, record, **(options | {"parameters": ["nothing"]}))


@pytest.mark.slow  # 15 s: two more compilations
def test_assimilation_with_checkpoints_is_the_same():
    """The same gradients, to round-off grown by 25 updates."""
    from cocycle.learn.known_system import _Placed, _Seen

    system, x0 = cc.systems.VanDerPol(mu=1.6, dt=0.05), jnp.array([1.5, 0.0])
    record = np.cos(0.05 * np.arange(40))[:, None]
    options = {"observe": _Seen((0,)), "place": _Placed((1,)), "hidden": jnp.zeros(1), "parameters": ["mu"]}
    runs = [learn.assimilate(system, x0, record, n_updates=25, n_checkpoints=n, **options) for n in (None, 5)]
    assert np.max(np.abs(runs[0].loss / runs[1].loss - 1)) < 1e-9


@pytest.mark.slow  # 6 s: its fast sibling is the assimilation above
def test_known_system_bridges_hidden_variables():
    """Its model goes on where the record ends."""
    orbit = cc.trajectory(cc.systems.VanDerPol(mu=1.0, dt=0.05), jnp.array([1.5, -0.5]), n_steps=200).x
    learner = learn.KnownSystem(system=cc.systems.VanDerPol(mu=1.6, dt=0.05), parameters=("mu",), n_rows=100)
    model = learner.fit(orbit[:150, :1], dt=0.05)
    assert np.max(np.abs(model.forecast(orbit[:150, :1], 50).x - orbit[150:, :1])) < 1e-2
    with pytest.raises(ParameterError, match="divide"):
        learner.fit(orbit[:150, :1], dt=0.07)
    with pytest.raises(ParameterError, match="columns"):
        learner.fit(orbit[:150], dt=0.05)
    with pytest.raises(ParameterError, match="needs the system"):
        learn.KnownSystem().fit(orbit)


def reaction(start):
    @cc.flow(dt=0.02, x0=jnp.array([1.0, 0.0]))
    def flow(t, y, args):
        rate = 2 * y[0] ** 1.5 - 0.6 * y[1]
        return jnp.stack([-rate, rate])

    return np.concatenate([[start], np.asarray(cc.trajectory(flow, jnp.array(start), n_steps=200).x)])


def test_pareto_front_finds_orders(key):
    """A reaction of order 1.5 and its return: coefficients to 2 %, residuals that pass for the noise."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    clean = [reaction(start) for start in ((1.0, 0.001), (0.3, 0.9), (1.5, 0.4))]
    noisy = [part + 0.005 * rng.normal(size=part.shape) for part in clean]
    regression = learn.PowerRegression(noisy, 0.02, 0.005, columns=[0])
    true = regression.model([[1.5, 0.0], [0.0, 1.0]])
    assert true.coefficients[:, 0] == pytest.approx([-2.0, 0.6], rel=0.02)
    assert true.is_noise
    assert regression.model([[1.0, 0.0], [0.0, 1.0]]).rms > 1.5
    # Told twice the noise, the law of the residuals rejects the true model.
    assert not learn.PowerRegression(noisy, 0.02, 0.01, columns=[0]).model(true.orders).is_noise
    front = learn.pareto_search(regression, 2, seed=0, n_population=40, n_generations=25)
    two = min((m for m in front if len(m.orders) <= 2), key=lambda m: m.rms)
    assert two.rms < 1.5 * true.rms
    model = learn.ParetoODE(noise=0.005, n_population=20, n_generations=5).fit(noisy, key=key, dt=0.02)
    assert np.isfinite(model.forecast(noisy[0][:1], 50).x).all()
    with pytest.raises(DataError, match="positive"):
        learn.ParetoODE().fit(WAVES - 3, key=key)


def test_search_finds_what_free_runs_need(key):
    """One delay cannot carry two frequencies; the search takes more."""
    learner = learn.LinearAutoregression(n_delays=1, ridge=0.0)
    found = learn.search(learner, {"n_delays": learn.Between(1, 6, whole=True)}, WAVES, key=key, n_trials=8)
    assert found.best.n_delays >= 4
    assert found.trials[0][1] < 1e-6 < found.trials[-1][1]
    assert "8 trials" in str(found)
    with pytest.raises(UnknownNameError, match="n_delays"):
        learn.search(learner, {"n_delay": [1]}, WAVES, key=key)
    with pytest.raises(ParameterError, match="empty"):
        learn.Between(2, 1)
    with pytest.raises(InsufficientDataError, match="shorten"):
        learn.free_run_score(learner, WAVES[:100])


def test_hippo_kernels():
    """LegS: the closed form; LegT and FouT: their window ends after one unit."""
    A, B = learn.hippo_legs(16)
    for t in (0.1, 0.5, 1.0, 3.0):
        s = 2 * np.exp(-t) - 1
        law = [np.sqrt(2 * n + 1) * Legendre.basis(n)(s) * np.exp(-t) for n in range(16)]
        assert np.max(np.abs(scipy.linalg.expm(t * A) @ B - law)) < 1e-12
    values, drive, V = learn.hippo_normal(64)
    assert np.max(np.abs(values.real + 0.5)) < 1e-12
    assert 64**2 / np.pi - values.imag.max() == pytest.approx(0.52345, abs=1e-5)  # published constant to its digits
    # The response of the normal part differs from that of LegS by |w| / sqrt(w^2 + N^2), exactly.
    w = np.array([1.0, 10.0, 100.0])
    whole = learn.frequency_response(*learn.hippo_legs(64), w)
    part = learn.frequency_response(values, drive, w) @ V.T
    ratio = np.abs(whole / part - 1)
    assert np.max(np.abs(ratio - (w / np.hypot(w, 64))[:, None])) < 1e-9
    with pytest.raises(ParameterError, match="odd"):
        learn.hippo_fout(4)
    with pytest.raises(ParameterError, match="at least 1"):
        learn.hippo_legs(0)


def test_discretisations():
    """Zero-order hold is exact for held inputs; the trapezoidal rule is of second order."""
    A, B = learn.hippo_legs(4)
    values, V = np.linalg.eig(A)
    ahead, drive = learn.zero_order_hold(values.astype(complex), np.linalg.solve(V, B), 0.1)
    block = scipy.linalg.expm(0.1 * np.block([[A, B[:, None]], [np.zeros((1, 5))]]))
    assert np.max(np.abs((V * ahead) @ np.linalg.inv(V) - block[:4, :4])) < 1e-12
    assert np.max(np.abs(V @ drive - block[:4, 4])) < 1e-12
    errors = [np.max(np.abs(learn.bilinear(A, B, h)[0] - scipy.linalg.expm(h * A))) for h in (0.02, 0.01)]
    assert errors[0] / errors[1] == pytest.approx(8, rel=0.1)  # one step of a rule of order 2
    shifted, _, vectors = learn.perturbed_diagonal(A, B, 0.1)
    assert np.linalg.norm(vectors * shifted @ np.linalg.inv(vectors) - A, 2) == pytest.approx(0.1, rel=1e-9)
