"""Stochastic equations on manifolds: the constraint to round-off, the order, laws in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import CocycleError
from cocycle.steppers import (
    AdditiveNoise,
    Flat,
    GeometricHeun,
    ItoSDE,
    Orthogonal,
    ProjectedEuler,
    ProjectedHeun,
    ScaledNoise,
    Sphere,
    StratonovichSDE,
    Torus,
)
from cocycle.testing import check_stepper

ROUND_OFF = 1e-14
WITHIN = 0.1
Z = 4.5

TURN = np.array([[0.0, -1.0, 0.3], [1.0, 0.0, -0.5], [-0.3, 0.5, 0.0]])
TILT = np.array([[0.0, 0.4, 0.8], [-0.4, 0.0, 0.2], [-0.8, -0.2, 0.0]])


def pull(t, y, a):
    """An ambient field, not tangent: the steppers on manifolds make it so."""
    shift = jnp.array([0.3, -0.2, 0.5])
    return jnp.asarray(TURN) @ y + (shift if y.ndim == 1 else shift[:, None] * jnp.ones((3, 3)))


def kick(t, y, a):
    """One scalar noise, so that the noise commutes."""
    return jnp.asarray(TILT) @ y + 0.3 * y[..., ::-1]


def ring_pull(t, y, a):
    """Fields on a torus are periodic."""
    return jnp.sin(y) + 0.5 * jnp.cos(y[::-1])


def ring_kick(t, y, a):
    """One scalar noise."""
    return 0.8 + 0.5 * jnp.sin(y + y[::-1])


STARTS = {
    "sphere": (Sphere(), jnp.array([0.6, 0.0, 0.8])),
    "torus": (Torus(), jnp.array([0.1, 3.0, 6.0])),
    "orthogonal": (Orthogonal(), jnp.eye(3)),
}


@pytest.mark.parametrize("name", STARTS)
@pytest.mark.parametrize("rule", [ProjectedHeun, GeometricHeun])
def test_constraint_and_strong_order(name, rule, key):
    """The constraint holds to round-off at every step; halving dt twice on the same noise shows order 1."""
    manifold, y0 = STARTS[name]
    stepper = rule(manifold)
    drift, diffusion = (ring_pull, ring_kick) if name == "torus" else (pull, kick)

    @jax.jit
    def ends(dw):
        h = 1.0 / dw.shape[0]

        def step(y, w):
            y = stepper.step(drift, diffusion, jnp.zeros(()), y, None, h, w)
            return y, manifold.defect(y)

        def path(w):
            return jax.lax.scan(step, y0, w)

        return jax.vmap(path, in_axes=1)(dw)

    n_paths, fine = 256, 1024
    noise = 0.7 * np.asarray(jax.random.normal(key, (fine, n_paths))) / np.sqrt(fine)
    out = {n: ends(jnp.asarray(noise.reshape(n, -1, n_paths).sum(axis=1))) for n in (64, 256, fine)}
    assert max(float(defect.max()) for _, defect in out.values()) < ROUND_OFF
    gap = [np.asarray(jax.vmap(manifold.distance)(out[n][0], out[fine][0])) for n in (64, 256)]
    # The reference is not exact: error c (h - h_fine), so ratios of order 1 are (1/64 - f)/(1/256 - f).
    f = 1 / fine
    slope = np.log2(gap[0].mean() / gap[1].mean()) / np.log2((1 / 64 - f) / (1 / 256 - f))
    spread = np.hypot(*(g.std() / g.mean() / np.sqrt(n_paths) for g in gap)) / np.log(4)
    assert abs(slope - 1) < WITHIN + Z * spread


def heat_error(rule, manifold, dt, key, n_paths=40_000):
    """Mean of x_1 of Brownian motion on the sphere in R^3 decays as exp(-t) (eigenvalue 2 of the Laplacian, half)."""
    ito = rule is ProjectedEuler
    kind = ItoSDE if ito else StratonovichSDE
    sde = kind(lambda t, y, a: -y if ito else 0 * y, tangential, dt=dt, stepper=rule(manifold), noise_shape=(3,))
    n = round(0.5 / dt)

    def path(k):
        return cc.run(sde, jnp.array([1.0, 0.0, 0.0]), cc.Brownian(k, (3,)), n_steps=n)[0]

    x = np.asarray(jax.jit(jax.vmap(path))(jax.random.split(key, n_paths)))
    return x.mean() - np.exp(-0.5), x.std() / np.sqrt(n_paths)


def tangential(t, y, a):
    return jnp.eye(3) - y[:, None] * y[None, :]


@pytest.mark.parametrize("rule", [ProjectedEuler, ProjectedHeun, GeometricHeun])
def test_brownian_motion_on_the_sphere_has_weak_order_one(rule, key):
    (coarse, e1), (fine, e2) = (heat_error(rule, Sphere(), dt, key) for dt in (0.1, 0.05))
    # The bias halves with dt: fine - coarse / 2 is of second order, about coarse^2.
    assert abs(fine - coarse / 2) < Z * np.hypot(e2, e1 / 2) + 0.1**2
    assert abs(fine) < Z * e2 + 0.05


def test_rigid_rotations_are_exact():
    def field(t, y, a):
        return jnp.asarray(TURN) @ y

    turn = StratonovichSDE(field, field, dt=0.1, stepper=GeometricHeun(Orthogonal()))
    driver = cc.Brownian(0)
    total = 0.1 * 50 + np.sqrt(0.1) * sum(float(driver.at(n)) for n in range(50))
    exact = jax.scipy.linalg.expm(jnp.asarray(TURN) * total)
    assert np.allclose(cc.run(turn, jnp.eye(3), driver, n_steps=50), exact, atol=1e-10)  # series of 12 terms


@pytest.mark.parametrize("name", STARTS)
def test_points_and_distances(name, key):
    manifold, y0 = STARTS[name]
    a, b = (manifold.sample(k, y0.shape) for k in jax.random.split(key))
    assert float(manifold.defect(a)) < ROUND_OFF
    assert float(manifold.distance(a, a)) < 1e-7
    assert np.isclose(float(manifold.distance(a, b)), float(manifold.distance(b, a)))
    v = manifold.tangent(a, jnp.ones_like(a))
    assert np.allclose(manifold.tangent(a, v), v, atol=ROUND_OFF)
    moved = manifold.act(1e-3 * manifold.generator(a, v), a)
    assert np.isclose(float(manifold.distance(a, moved)), 1e-3 * np.sqrt(float(jnp.sum(v**2))), rtol=1e-5)


@pytest.mark.parametrize("rule", [ProjectedEuler, ProjectedHeun, GeometricHeun])
def test_flat_space_gives_the_plain_rule(rule):
    check_stepper(rule(Flat()))


def test_exponent_of_brownian_motion_on_the_circle(key):
    """dtheta = sigma sin(theta) o dW1 + sigma cos(theta) o dW2 moves points together at -sigma^2 / 2."""
    sigma = 0.8
    circle = StratonovichSDE(
        lambda t, y, a: 0 * y,
        lambda t, y, a: a * jnp.stack([jnp.sin(y), jnp.cos(y)], axis=-1),
        sigma,
        dt=0.01,
        x0=jnp.array([0.3]),
        stepper=GeometricHeun(Torus()),
    )
    found = cc.lyapunov_spectrum(circle, None, cc.Brownian(key, (2,)), n_steps=100_000)
    assert abs(found.exponents[0] + sigma**2 / 2) < Z * found.stderr[0] + 0.01 * sigma**2  # weak error O(dt)


def test_additive_and_scaled_noise(key):
    """The Ornstein-Uhlenbeck law from a deterministic flow and noise; half the noise is a quarter of the variance."""
    decay = cc.Flow(lambda t, y, a: -y, dt=0.05, x0=jnp.zeros(1))
    noisy = AdditiveNoise(decay, 1.0)
    x = np.asarray(cc.trajectory(noisy, None, noisy.driver(key), n_steps=200_000).x)[2000:, 0]
    # RK4's decay factor and one kick a step: the discrete stationary variance is dt / (1 - e^(-2 dt)).
    exact = 0.05 / (1 - np.exp(-0.1))
    from cocycle.core.estimate import mean_estimate

    square = mean_estimate(x**2)
    assert abs(square.value - exact) < Z * square.stderr
    sde = ItoSDE(lambda t, y, a: -y, lambda t, y, a: 1.0, dt=0.05, x0=jnp.zeros(1))
    noise = cc.Brownian(key, (1,))
    full, half = (cc.run(sde, None, d, n_steps=100) for d in (noise, ScaledNoise(noise, 0.5)))
    assert np.allclose(full, 2 * half, atol=1e-12)


BAD = {
    "manifold": lambda: ProjectedHeun("sphere"),
    "period": lambda: Torus(-1.0),
    "calculus": lambda: ItoSDE(lambda t, y, a: y, lambda t, y, a: y, dt=0.1, stepper=GeometricHeun(Sphere())),
    "sigma": lambda: AdditiveNoise(cc.systems.Lorenz63(), -1.0),
    "sigma shape": lambda: AdditiveNoise(cc.systems.Lorenz63(), jnp.ones(2)),
    "no noise": lambda: ScaledNoise(cc.Still(), 2.0),
    "no key": lambda: cc.trajectory(AdditiveNoise(cc.systems.Lorenz63(), 1.0), n_steps=2),
    "drive": lambda: AdditiveNoise(cc.systems.Lorenz63(), 1.0).step(jnp.ones(3), None),
    "not a system": lambda: AdditiveNoise(3, 1.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case]()
