"""Chains, transfer operators and generators against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

import cocycle as cc
from cocycle.core.chain import MarkovChain
from cocycle.core.errors import CocycleError
from cocycle.measures import (
    AdaptiveBoxes,
    BoxGrid,
    almost_invariant_sets,
    committor,
    escape_rate,
    generator,
    mean_first_passage,
    passage_moments,
    regime_lifetime,
    relaxation_rates,
    resampled,
    stationary_distribution,
    trajectory_chain,
    transfer_operator,
    transition_rate,
)
from cocycle.stability.random import images, kramers_rate
from cocycle.steppers import ItoSDE, StratonovichSDE
from cocycle.systems import DoubleWell
from cocycle.testing import check_system

ROUND_OFF = 1e-9


def brownian(sigma=1.0):
    return ItoSDE(lambda t, x, a: 0.0 * x, lambda t, x, a: a, sigma, dt=0.01, x0=0.0)


def test_brownian_exit_from_an_interval():
    """Mean (L^2 - x^2) / sigma^2; from the middle the coefficient of variation is sqrt(2/3)."""
    length, sigma, n = 2.0, 0.7, 401
    h = 2 * length / (n - 1)
    # Centres of the first and last box lie on the borders, so that the grid is exact for these polynomials.
    g = generator(brownian(sigma), BoxGrid([-length - h / 2], [length + h / 2], n))
    x = g.points[:, 0]
    out = np.abs(x) > length - h / 4
    mean, sd = passage_moments(g, out)
    assert np.allclose(mean, (length**2 - x**2) / sigma**2, atol=ROUND_OFF * length**2 / sigma**2 * n)
    middle = n // 2
    assert np.isclose(sd[middle] / mean[middle], np.sqrt(2 / 3), atol=2 / n**2 * 10)  # second order in h


def test_generator_of_ornstein_uhlenbeck():
    """Eigenvalues 0, -1, -2, -3; the error falls as h^2; the stationary law is normal."""
    ou = ItoSDE(lambda t, x, a: -x, lambda t, x, a: jnp.sqrt(2.0), dt=0.01, x0=0.0)
    errors = []
    for n in (200, 400):
        g = generator(ou, BoxGrid([-7.0], [7.0], n))
        rates = relaxation_rates(g, 4)
        assert np.max(np.abs(np.imag(rates))) < 1e-7
        errors.append(np.abs(np.real(rates) - [0, -1, -2, -3]))
    assert np.all(errors[1] < [1e-7, 1e-3, 2e-3, 3e-3])
    assert np.all(np.abs(np.log2(errors[0][1:] / errors[1][1:]) - 2) < 0.1)
    density = stationary_distribution(g) / g.volumes
    x = g.points[:, 0]
    assert np.allclose(density, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), atol=2 * g.boxes.width[0] ** 2)


def test_multiplicative_noise_ito_and_stratonovich():
    """dx = -x dt + sqrt(1 + x^2) dW has density (1 + x^2)^(-1-m), m = 1 (Ito), 1/2 more for Stratonovich."""
    drift, noise = (lambda t, x, a: -x), (lambda t, x, a: jnp.sqrt(1 + x * x))
    for kind, power in ((ItoSDE, 2.0), (StratonovichSDE, 1.5)):
        g = generator(kind(drift, noise, dt=0.01, x0=0.0), BoxGrid([-8.0], [8.0], 1600))
        x, p = g.points[:, 0], stationary_distribution(g)
        exact = (1 + x**2) ** -power
        assert np.allclose(p, exact / exact.sum(), rtol=1e-3)


def test_two_dimensions_and_a_ring():
    """Product of two Ornstein-Uhlenbeck processes; drift on a ring turns without changing the uniform law."""
    ou = ItoSDE(lambda t, x, a: -a * x, lambda t, x, a: jnp.sqrt(2.0), jnp.array([1.0, 2.0]), dt=0.01, x0=jnp.zeros(2))
    g = generator(ou, BoxGrid([-5.0, -4.0], [5.0, 4.0], [40, 36]))
    rates = np.real(relaxation_rates(g, 4))
    assert np.allclose(rates, [0, -1, -2, -2], atol=0.05)  # h^2 = 0.06
    ring = ItoSDE(lambda t, x, a: a + 0 * x, lambda t, x, a: 1.0, 2.0, dt=0.01, x0=0.0)
    g = generator(ring, BoxGrid([0.0], [2 * np.pi], 200), periodic=True)
    assert np.allclose(stationary_distribution(g), 1 / 200, rtol=1e-9)
    rates = relaxation_rates(g, 3)  # -k^2/2 +- 2 i k
    assert np.allclose(rates[1].real, -0.5, atol=1e-3)
    assert np.isclose(abs(rates[1].imag), 2.0, atol=1e-3)


def test_kramers():
    """Times, rates and eigenvalue of the double well agree with the exact integral, and tend to Kramers' law."""
    from scipy.integrate import quad

    def u(x):
        return x**4 / 4 - x**2 / 2

    gaps = []
    for sigma in (0.5, 0.4, 0.3):
        g = generator(DoubleWell(sigma=sigma), BoxGrid([-2.2], [2.2], 600))
        x = g.points[:, 0]
        h = g.boxes.width[0]
        time = mean_first_passage(g, x > 0)[np.argmin(np.abs(x + 1))]
        d = sigma**2 / 2
        start, end = x[np.argmin(np.abs(x + 1))], x[x > 0][0]
        left = lambda y: quad(lambda z: np.exp(-u(z) / d), -2.2, y)[0]  # noqa: B023, E731
        exact = quad(lambda y: np.exp(u(y) / d) * left(y), start, end)[0] / d  # noqa: B023
        assert np.isclose(time, exact, rtol=4 * h**2 / d)
        rate = kramers_rate(u, well=1.0, saddle=0.0, sigma=sigma)
        k = transition_rate(g, x < -0.9, x > 0.9)
        slow = -relaxation_rates(g, 2)[1].real  # both ways, but for returns: exponentially few
        assert abs(slow / (2 * k) - 1) < 2 * np.exp(-0.25 / d)
        gaps.append(abs(k / rate - 1))
        assert gaps[-1] < 2.5 * d  # Kramers' own error is of first order in the noise
    assert gaps[0] > gaps[1] > gaps[2]
    sets = almost_invariant_sets(g, 2)
    assert np.all(sets.label[x < -0.3] == sets.label[0])
    assert np.all(sets.label[x > 0.3] == sets.label[-1])
    assert sets.label[0] != sets.label[-1]
    assert np.allclose(sets.weight, 0.5, atol=1e-3)
    q = committor(g, x < -1, x > 1)
    assert np.allclose(q + committor(g, x > 1, x < -1), 1, atol=1e-6)
    assert np.allclose(q + q[::-1], 1, atol=1e-6)  # symmetry
    kappa, law = escape_rate(g, x < 0)
    assert np.isclose(1 / kappa, law @ mean_first_passage(g, x >= 0), rtol=1e-4)


def test_random_walk_committor_and_gamblers_ruin():
    n, p = 21, 0.55
    m = np.zeros((n, n))
    m[0, 0] = m[-1, -1] = 1
    for i in range(1, n - 1):
        m[i, i + 1], m[i, i - 1] = p, 1 - p
    chain, ends = MarkovChain(m, dt=0.5), np.arange(n)
    r = (1 - p) / p
    assert np.allclose(committor(chain, ends == 0, ends == n - 1), (1 - r**ends) / (1 - r ** (n - 1)), atol=1e-12)
    hits = mean_first_passage(chain, (ends == 0) | (ends == n - 1))
    win = (1 - r**ends) / (1 - r ** (n - 1))
    assert np.allclose(hits, 0.5 * (ends - (n - 1) * win) / (1 - 2 * p), atol=1e-9)


def test_transfer_operator_of_maps():
    """Ulam's method is exact for the doubling map; the density of the Gauss map is known."""
    random = np.random.default_rng(7)
    x = random.uniform(size=(100_000, 1))
    doubled = transfer_operator(x, 2 * x % 1, BoxGrid([0.0], [1.0], 8)).chain
    found = resampled(stationary_distribution, doubled, n_draws=16)
    assert np.all(np.abs(found.value - 1 / 8) < 5 * found.stderr)
    logistic = cc.systems.Logistic(r=4.0)
    start = BoxGrid([0.0], [1.0], 50).sample(4)
    assert np.array_equal(images(logistic, start, n_steps=1), 4 * start * (1 - start))
    boxes = BoxGrid([0.0], [1.0], 64)
    start = boxes.sample(400)
    weight = stationary_distribution(transfer_operator(start, 1 / start % 1, boxes).chain)
    exact = np.diff(np.log2(1 + np.linspace(0, 1, 65)))  # Gauss' law of continued fractions
    # 400 samples a box: each weight is known to 1 / 20, its mean absolute error is sqrt(2 / pi) of that.
    assert np.abs(weight - exact).sum() < 1.3 * np.sqrt(2 / np.pi) / 20
    assert np.abs(1 / 64 - exact).sum() > 0.1
    orbit = np.asarray(cc.trajectory(logistic, 0.3, n_steps=50_000).x)
    adaptive = AdaptiveBoxes(orbit, most=1000)
    assert adaptive.volumes.max() > 4 * adaptive.volumes.min()
    chain = transfer_operator(orbit[:-1], orbit[1:], adaptive).chain
    share = np.bincount(adaptive.index(orbit), minlength=adaptive.n_boxes) / len(orbit)
    assert np.allclose(stationary_distribution(chain), share, atol=1e-3)


def test_trajectory_chain_without_noise_is_the_trajectory():
    lorenz = np.asarray(cc.trajectory(cc.systems.Lorenz63(), n_steps=2000, save_every=10).x)
    chain = trajectory_chain(lorenz, sigma=0.0, dt=0.1)
    assert np.allclose(stationary_distribution(chain), 1 / 200)
    right = lorenz[:, 0] > 0
    n_visits = np.sum(right & ~np.roll(right, -1))
    assert np.isclose(regime_lifetime(chain, right), 0.1 * right.sum() / n_visits)


def test_a_chain_is_a_system(key):
    m = np.array([[0.9, 0.1, 0.0], [0.0, 0.5, 0.5], [0.25, 0.0, 0.75]])
    chain = MarkovChain(m, points=np.array([[0.0], [1.0], [2.0]]))
    check_system(chain, driver=cc.Keys(key))
    seen = np.asarray(cc.trajectory(chain, 0, cc.Keys(key), n_steps=50_000).x)[:, 0].astype(int)
    for i in range(3):
        after = seen[1:][seen[:-1] == i]
        share = np.bincount(after, minlength=3) / len(after)
        assert np.all(np.abs(share - m[i]) <= 5 * np.sqrt(m[i] * (1 - m[i]) / len(after)))


def chain():
    return MarkovChain([[0.9, 0.1], [0.2, 0.8]])


BAD = {
    "rows": lambda: MarkovChain([[0.5, 0.1], [0.5, 0.5]]),
    "negative": lambda: MarkovChain([[1.5, -0.5], [0.5, 0.5]]),
    "square": lambda: MarkovChain([[0.5, 0.5]]),
    "points": lambda: MarkovChain([[1.0]], points=np.zeros((2, 1))),
    "x0": lambda: MarkovChain([[1.0]], x0=3),
    "key": lambda: cc.trajectory(chain(), n_steps=3),
    "two classes": lambda: stationary_distribution(MarkovChain(np.eye(2))),
    "mask": lambda: mean_first_passage(chain(), np.array([1, 0])),
    "empty": lambda: mean_first_passage(chain(), np.array([False, False])),
    "never": lambda: mean_first_passage(MarkovChain(np.eye(2)), np.array([True, False])),
    "overlap": lambda: committor(chain(), np.array([True, False]), np.array([True, True])),
    "all": lambda: regime_lifetime(chain(), np.array([True, True])),
    "n": lambda: relaxation_rates(chain(), 3),
    "sets": lambda: almost_invariant_sets(chain(), 2),
    "counts": lambda: resampled(stationary_distribution, chain()),
    "pairs": lambda: transfer_operator(np.zeros((3, 1)), np.zeros((2, 1)), BoxGrid([0.0], [1.0], 2)),
    "gone": lambda: transfer_operator(np.zeros((3, 1)), np.ones((3, 1)) * 5, BoxGrid([0.0], [1.0], 2)),
    "sigma": lambda: trajectory_chain(np.random.default_rng(0).normal(size=(9, 2)), sigma=-1.0, dt=1.0),
    "matrix noise": lambda: generator(
        ItoSDE(lambda t, x, a: -x, lambda t, x, a: jnp.eye(2), dt=0.1, x0=jnp.zeros(2)),
        BoxGrid([0.0, 0.0], [1.0, 1.0], 3),
    ),
    "saddle": lambda: kramers_rate(lambda x: x**4 / 4 - x**2 / 2, well=0.0, saddle=1.0, sigma=0.3),
    "not stationary": lambda: kramers_rate(lambda x: x**4 / 4 - x**2 / 2, well=0.9, saddle=0.0, sigma=0.3),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    with pytest.raises(CocycleError, match=r".{20}"):
        BAD[case]()
