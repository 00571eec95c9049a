"""Random dynamical systems against closed forms: common noise, pullback, moments, signs, passages."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import exp1

import cocycle as cc
from cocycle.core.errors import AccuracyWarning, CocycleError
from cocycle.core.realisations import map_rows, realisations
from cocycle.stability.random import (
    certify_sign,
    first_passage,
    moment_exponents,
    n_point_motion,
    pullback_attractor,
    random_fixed_point,
    synchronisation_time,
)
from cocycle.steppers import GeometricHeun, ItoSDE, StratonovichSDE, Torus
from cocycle.systems import DoubleWell, GeometricBrownianMotion, OrnsteinUhlenbeck, StochasticLorenz

Z = 4.5
WELL = DoubleWell(sigma=0.7)
STARTS = jnp.linspace(-2.0, 2.0, 9)


def growing(t, x, a):
    return a["rate"] * x


def noise(t, x, a):
    return a["sigma"]


def left_unit_ball(x):
    return jnp.sum(x**2) >= 1.0


def test_realisations_are_independent_and_batches_agree(key):
    driver = cc.Joint(cc.Clock(0.1), cc.Brownian(key, (2,)))
    many: Any = realisations(driver, 6)
    assert many.drivers[1].key.shape == (6,)
    fewer: Any = realisations(driver, 4)
    few = fewer.drivers[1].key
    assert np.array_equal(jax.random.key_data(many.drivers[1].key)[:4], jax.random.key_data(few))
    x = jnp.arange(7.0)
    assert np.array_equal(map_rows(jnp.sin, x, n_rows=7, n_workers=3), np.asarray(jnp.sin(x)))


def test_additive_noise_drops_out_of_distances(key):
    """Under common additive noise a linear system contracts as without: (1 - dt)^n exactly."""
    ou = OrnsteinUhlenbeck(dt=0.1)
    out = n_point_motion(ou, jnp.array([0.0, 1.0, -3.0]), cc.Brownian(key), n_steps=50)
    exact = 0.9 ** np.arange(1, 51)
    assert np.allclose(out.distances, exact[:, None] * [1.0, 3.0], rtol=1e-9, atol=1e-12)
    assert out.n_clusters(1e-1) == 1
    assert n_point_motion(ou, jnp.array([0.0, 1.0, -3.0]), cc.Brownian(key), n_steps=1).n_clusters(0.1) == 3


def test_double_well_synchronises_at_its_exponent(key):
    """Orbits of all wells meet; the mean time to meet grows by log(10) / |lambda| a digit."""
    times = [
        synchronisation_time(WELL, STARTS, cc.Brownian(key), n_realisations=256, n_steps=20_000, tolerance=tol)
        for tol in (1e-6, 1e-9)
    ]
    assert all(t.observed.all() for t in times)
    exponent = cc.lyapunov_spectrum(WELL, 0.5, cc.Brownian(key), n_steps=400_000).maximal_exponent
    gain = times[1].times - times[0].times  # the same realisations
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    expected = np.log(1e3) / abs(exponent.value)
    assert abs(gain.mean() - expected) < Z * np.hypot(error, expected * exponent.stderr / abs(exponent.value))


def test_chaos_under_noise_does_not_synchronise(key):
    """The control: Lorenz' system with noise keeps a positive exponent, its points stay apart."""
    lorenz = StochasticLorenz()
    points = lorenz.x0[None] + jnp.array([[0.0, 0, 0], [1e-3, 0, 0], [1.0, 0, 0]])
    own: Any = cc.systems.catalogue["stochastic_lorenz"].driver(0)
    shape = jnp.shape(own.at(0))
    driver = cc.Brownian(key, shape)
    dt = float(lorenz.dt)
    out = synchronisation_time(lorenz, points, driver, n_realisations=4, n_steps=round(10 / dt))
    assert not out.observed.any()
    assert out.mean.value == pytest.approx(out.horizon)
    assert certify_sign(lorenz, None, driver, n_steps=round(40 / dt), n_realisations=32, alpha=1e-3).sign == 1


def test_pullback_gives_the_random_fixed_point(key):
    """Of a linear system it is the sum over the past; the step carries it along; forward time does not settle."""
    ou, driver = OrnsteinUhlenbeck(dt=0.1), cc.Brownian(key)
    at = 400
    past = np.array([float(driver.at(n)) for n in range(at)])
    exact = np.sqrt(0.1) * np.sum(past[::-1] * 0.9 ** np.arange(at))
    found = random_fixed_point(ou, jnp.array([-5.0, 5.0]), driver, at=at)
    assert found.collapsed
    assert abs(found.point - exact) < 1e-9
    following = random_fixed_point(ou, jnp.array([-5.0, 5.0]), driver, at=at + 1)
    assert abs(ou.step(jnp.asarray(found.point), driver.at(at)) - following.point) < 1e-8
    clouds = pullback_attractor(ou, jnp.array([-5.0, 5.0]), driver, at=at, n_steps=[10, 20, 40])
    assert np.allclose(clouds.diameter, 10 * 0.9 ** np.array([10, 20, 40]))


def test_random_fixed_points_of_the_double_well_have_the_stationary_law(key):
    """Sample measures, averaged over noise, give the stationary density: second moment by quadrature."""
    from scipy.integrate import quad

    points = []
    for k in range(200):
        found = random_fixed_point(WELL, STARTS, cc.Brownian(jax.random.fold_in(key, k)), at=8192, first=4096)
        points.append(found.point)
        assert found.collapsed or found.diameter < 3.0
    x2 = np.asarray(points, dtype=float) ** 2
    weight = lambda x: np.exp((x**2 - x**4 / 2) / 0.49)  # noqa: E731
    exact = quad(lambda x: x**2 * weight(x), -4, 4)[0] / quad(weight, -4, 4)[0]
    assert abs(x2.mean() - exact) < Z * x2.std(ddof=1) / np.sqrt(200) + 0.02  # O(dt) of the step


def test_moment_exponents_of_geometric_brownian_motion(key):
    """Lambda(p) = p (mu - sigma^2/2) + p^2 sigma^2 / 2; its slope at 0 is the exponent; it is convex."""
    mu, sigma = 0.1, 0.5
    gbm = GeometricBrownianMotion(mu=mu, sigma=sigma, dt=0.01)
    p = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    out = moment_exponents(gbm, None, cc.Brownian(key), p=p, n_steps=400, n_transient=0)
    exact = p * (mu - sigma**2 / 2) + p**2 * sigma**2 / 2
    assert np.all(np.abs(out.exponents - exact) < Z * out.stderr + 0.01 * np.abs(exact) + 1e-15)  # weak error O(dt)
    assert out.exponents[2] == 0
    assert abs(out.exponent.value - (mu - sigma**2 / 2)) < Z * out.exponent.stderr + 1e-3
    slope = (out.exponents[3] - out.exponents[1]) / 1.0
    assert abs(slope - out.exponent.value) < Z * out.exponent.stderr + 1e-3
    assert np.all(np.diff(np.diff(out.exponents[1:5])) > -Z * out.stderr[1:3])
    with pytest.warns(AccuracyWarning, match="fewer than"):
        moment_exponents(gbm, None, cc.Brownian(key), p=[12.0], n_steps=400, n_transient=0)


def test_moment_errors_cover(key):
    """Scores of Lambda(1) over 60 keys have unit spread."""
    gbm = GeometricBrownianMotion(mu=0.1, sigma=0.5, dt=0.05)
    # The Milstein step multiplies by 1 + mu h + sigma sqrt(h) xi + sigma^2 h (xi^2 - 1) / 2, of mean 1 + mu h.
    exact = np.log(1 + 0.1 * 0.05) / 0.05
    scores = []
    for k in range(60):
        driver = cc.Brownian(jax.random.fold_in(key, k))
        out = moment_exponents(gbm, None, driver, p=[1.0], n_steps=20, n_transient=0, n_realisations=256)
        scores.append((out.exponents[0] - exact) / out.stderr[0])
    scores = np.asarray(scores)
    assert abs(scores.std() - 1) < Z / np.sqrt(120)
    assert abs(scores.mean()) < Z / np.sqrt(60)


def test_sign_errors_are_as_stated(key):
    """With exponent exactly 0, at alpha = 0.2, a sign is certified in at most a fifth of the trials."""
    alpha, n = 0.2, 80
    wrong = 0
    for k in range(n):
        driver = cc.Brownian(jax.random.fold_in(key, k))
        flat = GeometricBrownianMotion(mu=0.125, sigma=0.5, dt=0.05)
        # log of the Milstein factor has mean 0 up to O(dt^2): exact zero by shifting mu.
        out = certify_sign(flat, None, driver, n_steps=320, alpha=alpha, n_realisations=32, look_every=20, n_workers=1)
        wrong += out.sign != 0
        assert out.interval[0] <= out.interval[1] or out.sign != 0
    assert wrong <= n * alpha + 3 * np.sqrt(n * alpha * (1 - alpha))
    signs = [
        certify_sign(
            GeometricBrownianMotion(mu=mu, sigma=0.5, dt=0.05), None, cc.Brownian(key), n_steps=6400, n_realisations=32
        ).sign
        for mu in (0.0, 0.25)
    ]
    assert signs == [-1, 1]


def test_passages_of_brownian_motion(key):
    """Mean exit time of (-L, L) is L^2 / sigma^2, coefficient of variation sqrt(2/3), the border moved out by
    0.5826 sigma sqrt(dt) because it is looked at after each step only.
    """
    sigma, dt, length = 0.8, 0.004, 1.0
    walk = ItoSDE(lambda t, x, a: 0 * x, noise, {"sigma": sigma}, dt=dt, x0=0.0)
    out = first_passage(walk, None, cc.Brownian(key), event=left_unit_ball, n_paths=8192, n_steps=8000)
    assert out.observed.all()
    moved = length + 0.5826 * sigma * np.sqrt(dt)
    assert abs(out.mean.value - moved**2 / sigma**2) < Z * out.mean.stderr + dt  # what is left is O(dt)
    cv = out.times.std() / out.times.mean()
    assert abs(cv - np.sqrt(2 / 3)) < Z * 0.9 / np.sqrt(8192) + 0.01
    cut = first_passage(walk, None, cc.Brownian(key), event=left_unit_ball, n_paths=8192, n_steps=250)
    same = out.times <= 250 * dt + 1e-12
    assert np.array_equal(cut.observed, same)
    assert np.array_equal(cut.times, np.minimum(out.times, 250 * dt))


def test_noise_prolongs_the_stay_at_a_repeller_in_one_dimension_only(key):
    """The exit law of dx = x dt + sigma dW from 0.1 to 1: longer than log 10 in d = 1, shorter in d = 2."""
    from scipy.integrate import quad
    from scipy.special import dawsn

    sigma, dt = 0.1, 2e-3
    one = 2 / sigma * quad(lambda x: dawsn(x / sigma), 0.1, 1.0)[0]
    two = np.log(10) - (exp1(0.01 / sigma**2) - exp1(1 / sigma**2)) / 2
    assert one > np.log(10) > two
    for x0, exact in (([0.1], one), ([0.1, 0.0], two)):
        repeller = ItoSDE(growing, noise, {"rate": np.expm1(dt) / dt, "sigma": sigma}, dt=dt, x0=jnp.array(x0))
        driver = cc.Brownian(key, (len(x0),))
        out = first_passage(repeller, None, driver, event=left_unit_ball, n_paths=4096, n_steps=6000)
        assert out.observed.all()
        shift = np.log(1 + 0.5826 * sigma * np.sqrt(dt))  # of the border, in the time of growth
        assert abs(out.mean.value - exact - shift) < Z * out.mean.stderr + dt


def test_exponent_and_synchronisation_on_the_circle(key):
    """Common noise on the circle, dtheta = sigma (sin theta o dW1 + cos theta o dW2): exponent -sigma^2 / 2."""
    circle = StratonovichSDE(
        lambda t, y, a: 0 * y,
        lambda t, y, a: a * jnp.stack([jnp.sin(y), jnp.cos(y)], axis=-1),
        1.0,
        dt=0.02,
        x0=jnp.array([0.3]),
        stepper=GeometricHeun(Torus()),
    )
    points = jnp.linspace(0, 2 * np.pi, 6, endpoint=False)[:, None]
    out = synchronisation_time(
        circle, points, cc.Brownian(key, (2,)), n_realisations=64, n_steps=6000, distance=Torus().distance
    )
    assert out.observed.mean() > 0.9
    verdict = certify_sign(circle, None, cc.Brownian(key, (2,)), n_steps=4000)
    assert verdict.sign == -1
    assert abs(verdict.exponent.value + 0.5) < Z * verdict.exponent.stderr + 0.05  # stopped early: biased by the stop


BAD = {
    "one point": lambda k: n_point_motion(WELL, jnp.array([1.0]), cc.Brownian(k), n_steps=5),
    "no axis": lambda k: n_point_motion(WELL, 1.0, cc.Brownian(k), n_steps=5),
    "tolerance": lambda k: synchronisation_time(
        WELL, STARTS, cc.Brownian(k), n_realisations=2, n_steps=5, tolerance=0.0
    ),
    "no key": lambda k: synchronisation_time(cc.systems.Logistic(), STARTS, cc.Still(), n_realisations=2, n_steps=5),
    "event": lambda k: first_passage(WELL, 1.0, cc.Brownian(k), event=lambda x: x, n_paths=2, n_steps=5),
    "before zero": lambda k: pullback_attractor(WELL, STARTS, cc.Brownian(k), at=5, n_steps=6),
    "order": lambda k: pullback_attractor(WELL, STARTS, cc.Brownian(k), at=5, n_steps=[3, 2]),
    "odd": lambda k: moment_exponents(WELL, 1.0, cc.Brownian(k), p=1.0, n_steps=7),
    "infinite order": lambda k: moment_exponents(WELL, 1.0, cc.Brownian(k), p=np.inf, n_steps=8),
    "alpha": lambda k: certify_sign(WELL, 1.0, cc.Brownian(k), n_steps=100, alpha=1.5),
    "look": lambda k: certify_sign(WELL, 1.0, cc.Brownian(k), n_steps=100, look_every=200),
    "realisations": lambda k: certify_sign(WELL, 1.0, cc.Brownian(k), n_steps=100, n_realisations=2),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case, key):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case](key)
