"""Stochastic equations: shapes of noise, time, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.errors import DriverError, ParameterError, ShapeError
from cocycle.core.system import push
from cocycle.steppers import (
    EulerMaruyama,
    ItoSDE,
    Milstein,
    StochasticHeun,
    StratonovichSDE,
    ito_sde,
    stratonovich_sde,
)

EPS = np.finfo(float).eps
DT = 0.04


def decay(t, y, args):
    return -y


def make(diffusion, system: type = ItoSDE, **options):
    return system(drift=decay, diffusion=diffusion, dt=DT, **options)


@pytest.mark.parametrize("system", [ItoSDE, StratonovichSDE])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_scalar_draw_is_common_to_all_components(system, shape):
    y = jnp.full(shape, 0.7)
    ends = [
        make(lambda t, y, a: 0.5, system).step(y, jnp.array(1.5)),
        make(lambda t, y, a: 0.5 + 0 * y, system).step(y, 1.5),
    ]
    # additive noise: y + a dt + g dW, and for Heun the drift is the mean of both ends
    first = 0.7 - 0.7 * DT + 0.5 * 0.2 * 1.5
    expected = first if system is ItoSDE else 0.7 - (0.7 + first) / 2 * DT + 0.15
    for end in ends:
        assert end.shape == shape
        np.testing.assert_allclose(end, expected, rtol=10 * EPS)


def test_independent_noise_and_matrix_noise():
    y, xi = jnp.array([1.0, 2.0]), jnp.array([0.3, -0.4])
    base = np.asarray(y) * (1 - DT)
    diagonal = make(lambda t, y, a: 0.5 * y).step(y, xi)
    np.testing.assert_allclose(diagonal, base + 0.5 * np.array([1.0, 2.0]) * 0.2 * xi, rtol=10 * EPS)
    G = jnp.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    xi = jnp.array([0.3, -0.4, 1.0])
    np.testing.assert_allclose(make(lambda t, y, a: G).step(y, xi), base + 0.2 * np.asarray(G @ xi), rtol=10 * EPS)
    # square: the matrix wins where its shape says so
    swap = jnp.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(make(lambda t, y, a: swap).step(y, xi[:2]), base + 0.2 * xi[1::-1], rtol=10 * EPS)


def test_milstein_is_the_textbook_step():
    y, xi, s = jnp.array([1.0, 2.0]), jnp.array([0.3, -0.4]), 0.5
    dw = 0.2 * np.asarray(xi)
    expected = np.asarray(y) * (1 - DT + s * dw + 0.5 * s**2 * (dw**2 - DT))
    system = make(lambda t, y, a: s * y, stepper=Milstein(), x0=y)
    np.testing.assert_allclose(system.step(y, xi), expected, rtol=10 * EPS)
    # one common noise through a matrix B: (g . grad) g = B B y
    B = jnp.array([[0.0, 1.0], [-0.5, 0.2]])
    dw = 0.2 * 0.3
    expected = np.asarray(y * (1 - DT) + B @ y * dw + 0.5 * B @ B @ y * (dw**2 - DT))
    system = make(lambda t, y, a: B @ y, stepper=Milstein(), x0=y, noise_shape=())
    np.testing.assert_allclose(system.step(y, jnp.array(0.3)), expected, rtol=10 * EPS)


def test_milstein_refuses_what_is_not_diagonal():
    with pytest.raises(ParameterError, match="noise_shape"):
        make(lambda t, y, a: jnp.roll(y, 1), stepper=Milstein(), x0=jnp.ones(3))
    with pytest.raises(ParameterError, match="matrix"):
        make(lambda t, y, a: jnp.eye(3), stepper=Milstein()).step(jnp.ones(3), jnp.ones(3))
    # coupled at the origin in second order only
    with pytest.raises(ParameterError, match="diagonal"):
        make(lambda t, y, a: y * y[0], stepper=Milstein(), x0=jnp.zeros(3))
    # diagonal, though written with indices
    make(lambda t, y, a: jnp.stack([y[0] ** 2, jnp.sin(y[1])]), stepper=Milstein(), x0=jnp.ones(2))


def test_time_reaches_drift_and_diffusion():
    system = ItoSDE(lambda t, y, a: t * y, lambda t, y, a: t, dt=DT)
    w = cc.Joint(cc.Clock(DT), cc.Brownian(0)).at(5)
    assert float(system.step(jnp.array(1.0), w)) == pytest.approx(float(1 + 0.2 * DT + 0.2 * 0.2 * w[1]), rel=10 * EPS)
    with pytest.raises(DriverError, match="Joint"):
        system.step(jnp.array(1.0), cc.Brownian(0).at(5))


@pytest.mark.parametrize("rule", [EulerMaruyama, Milstein, StochasticHeun])
def test_tangents_are_the_central_difference(rule):
    system = StratonovichSDE if rule is StochasticHeun else ItoSDE
    sde = system(lambda t, y, a: y - y**3, lambda t, y, a: 0.3 * jnp.cos(y), dt=DT, stepper=rule())
    y, xi, h = jnp.array([0.4, -1.2]), jnp.array([0.7, 0.1]), EPS ** (1 / 3)
    _, V = push(sde, y, xi, jnp.eye(2))
    for k in range(2):
        numeric = (sde.step(y + h * jnp.eye(2)[k], xi) - sde.step(y - h * jnp.eye(2)[k], xi)) / (2 * h)
        np.testing.assert_allclose(V[k], numeric, atol=10 * h**2)


def test_stationary_variance_of_ornstein_uhlenbeck(key):
    # Euler-Maruyama of dy = -y dt + dW is an AR(1) process: its variance is dt / (1 - (1 - dt)^2) exactly.
    n_paths = 20_000
    system = make(lambda t, y, a: 1.0)
    driver = cc.Brownian(key, (n_paths,))
    y = jax.lax.fori_loop(0, 400, lambda i, y: system.step(y, driver.at(i)), jnp.zeros(n_paths))
    variance = DT / (1 - (1 - DT) ** 2)
    # Normal paths: the standard error of a variance is sqrt(2 / n); z = 5 is a false alarm in 2 million.
    assert float(jnp.var(y)) == pytest.approx(variance, rel=5 * np.sqrt(2 / n_paths))


def test_the_driver_must_be_given():
    system = make(lambda t, y, a: jnp.ones((3, 2)))
    with pytest.raises(DriverError, match=r"Brownian\(jax.random.key\(0\), \(2,\)\)"):
        system.default_driver(jnp.ones(3))
    with pytest.raises(DriverError, match=r"Brownian\(jax.random.key\(0\)\)"):
        make(lambda t, y, a: 1.0).step(jnp.ones(3), None)
    with pytest.raises(DriverError, match=r"\(4,\)"):
        make(lambda t, y, a: 1.0, StratonovichSDE, noise_shape=4).default_driver(jnp.ones(4))


def test_wrong_shapes_and_steppers_are_refused():
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        make(lambda t, y, a: 1.0).step(jnp.ones(2), jnp.ones(3))
    with pytest.raises(ShapeError, match="noise has shape"):
        make(lambda t, y, a: 1.0, noise_shape=()).step(jnp.ones(2), jnp.ones(2))
    with pytest.raises(ShapeError, match="one array"):
        make(lambda t, y, a: 1.0, x0=(1.0, 2.0))
    with pytest.raises(ParameterError, match="Stratonovich"):
        make(lambda t, y, a: 1.0, stepper=StochasticHeun())
    with pytest.raises(ParameterError, match="StochasticHeun"):
        make(lambda t, y, a: 1.0, StratonovichSDE, stepper=EulerMaruyama())
    with pytest.raises(ParameterError, match="dt"):
        ItoSDE(decay, decay, dt=-1.0)


def test_decorators_name_the_system():
    @ito_sde(diffusion=lambda t, y, args: args["sigma"], dt=1e-3, x0=0.5, args={"sigma": 0.5})
    def double_well(t, y, args):
        return y - y**3

    @stratonovich_sde(diffusion=decay, dt=1e-3)
    def growth(t, y, args):
        return y

    assert (double_well.name, growth.name) == ("double_well", "growth")
    assert isinstance(double_well, ItoSDE)
    assert isinstance(growth, StratonovichSDE)
