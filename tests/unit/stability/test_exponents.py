"""Exponents against closed forms, and against published values within their uncertainty."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import digamma

import cocycle as cc
from cocycle.core.estimate import Estimate

# Family-wise: about 60 comparisons in this file, so 4.5 standard errors keep false alarms below 1e-3 in all.
Z = 4.5


def near(estimate_value, stderr, truth, published=0.0):
    return np.all(np.abs(np.asarray(estimate_value) - truth) <= Z * np.asarray(stderr) + published)


def volume_rate(spectrum):
    assert spectrum.mean_log_volume_rate is not None
    return float(spectrum.mean_log_volume_rate.value)


def logistic(x, args):
    return args["r"] * x * (1 - x)


def henon(x, args):
    return jnp.stack([1 - args["a"] * x[0] ** 2 + x[1], args["b"] * x[0]])


def cat(x, args):
    return jnp.array([[2.0, 1.0], [1.0, 1.0]]) @ x % 1


def lorenz(t, u, args):
    x, y, z = u
    return jnp.array([args["sigma"] * (y - x), x * (args["rho"] - z) - y, x * y - args["beta"] * z])


def lorenz63(rho=28.0, dt=0.01):
    return cc.Flow(lorenz, {"sigma": 10.0, "rho": rho, "beta": 8 / 3}, dt=dt, x0=[1.0, 2.0, 20.0])


def lorenz96(t, x, args):
    return (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + args["F"]


def test_cat_map_exactly():
    spectrum = cc.lyapunov_spectrum(cc.Map(cat, x0=[0.1, 0.2]), n_steps=2000)
    truth = np.log((3 + np.sqrt(5)) / 2) * np.array([1, -1])
    assert np.allclose(spectrum.exponents, truth, rtol=0, atol=1e-13)  # round-off of a mean of 1800 logarithms
    assert np.all(spectrum.stderr == 0)
    assert spectrum.volume_residual < 1e-14


def test_logistic_map_at_four():
    spectrum = cc.lyapunov_spectrum(cc.Map(logistic, {"r": 4.0}, x0=0.3), n_steps=50_000)
    assert near(spectrum.exponents, spectrum.stderr, np.log(2))
    assert spectrum.stderr[0] < 1e-3


def test_superstable_orbit_is_minus_infinity_without_nan():
    # At r = 2 the fixed point 1/2 is the critical point itself: the tangent is killed.
    spectrum = cc.lyapunov_spectrum(cc.Map(logistic, {"r": 2.0}, x0=0.5), n_steps=1000)
    assert np.isneginf(spectrum.exponents[0])
    assert spectrum.stderr[0] == 0.0


def test_henon_published_and_trace():
    spectrum = cc.lyapunov_spectrum(cc.Map(henon, {"a": 1.4, "b": 0.3}, x0=[0.1, 0.1]), n_steps=100_000)
    assert near(spectrum.exponents, spectrum.stderr, [0.41922, -1.62319], published=5e-5)
    # The determinant is -b everywhere.
    assert abs(volume_rate(spectrum) - np.log(0.3)) < 1e-12
    assert spectrum.volume_residual < 1e-13


def test_lorenz_published_trace_and_zero():
    spectrum = cc.lyapunov_spectrum(lorenz63(), n_steps=200_000)
    # 0.90564 and -14.5723 (Viswanath 1998, Sprott 2003), RK4 at 0.01 shifts them by less than 1e-3.
    assert near(spectrum.exponents, spectrum.stderr, [0.90564, 0.0, -14.57231], published=1e-3)
    # Divergence -(sigma + 1 + beta), up to the O(dt^4) of the stepper.
    assert abs(volume_rate(spectrum) + (10 + 1 + 8 / 3)) < 1e-3
    assert spectrum.volume_residual < 1e-13
    assert near(spectrum.kaplan_yorke_dimension.value, spectrum.kaplan_yorke_dimension.stderr, 2.06215, 1e-4)


@pytest.mark.slow
def test_lorenz96_forty():
    system = cc.Flow(lorenz96, {"F": 8.0}, dt=0.02, x0=8.0 + 0.01 * jnp.sin(jnp.arange(40.0)))
    spectrum = cc.lyapunov_spectrum(system, n_steps=100_000)
    # Karimi and Paul 2010; van Kekem 2018: largest 1.69, 13 positive exponents, dimension 27.1.
    assert near(spectrum.exponents[0], spectrum.stderr[0], 1.69, published=0.02)
    assert int(np.sum(spectrum.exponents > 3 * spectrum.stderr)) == 13
    assert near(spectrum.kaplan_yorke_dimension.value, spectrum.kaplan_yorke_dimension.stderr, 27.1, published=0.1)
    assert abs(volume_rate(spectrum) + 40) < 1e-2
    assert spectrum.volume_residual < 1e-11


@pytest.mark.parametrize("d", [1, 3, 5])
def test_products_of_gaussian_matrices(d, key):
    """Newman 1986: the exponents are (ln 2 + psi((d - i + 1) / 2)) / 2."""
    system = cc.Map(lambda x, args, w: w @ x, x0=jnp.ones(d), driven=True)
    normed = _Projective(x0=system.x0)
    spectrum = cc.lyapunov_spectrum(normed, None, cc.Brownian(key, (d, d)), n_steps=40_000)
    truth = (np.log(2) + digamma((d - np.arange(1, d + 1) + 1) / 2)) / 2
    assert near(spectrum.exponents, spectrum.stderr, truth)


class _Projective(cc.AbstractDifferentiableSystem):
    """Linear random cocycle x -> A x whose state is held at its start: only the tangents grow."""

    x0: jax.Array
    dt: float = 1.0

    def step(self, x, w):
        y = w @ x
        return y + jax.lax.stop_gradient(self.x0 - y)


def test_one_parameter_sgd(key):
    """E ln|1 - eta h| over the samples."""
    h, eta = jnp.array([0.5, 1.0, 4.0, 3.0]), 0.7
    step = lambda x, args, w: x * (1 - args["eta"] * jnp.mean(args["h"][w]))  # noqa: E731
    system = cc.Map(step, {"eta": eta, "h": h}, x0=1.0, driven=True)
    spectrum = cc.lyapunov_spectrum(system, None, cc.Minibatch(key, 4, 1), n_steps=20_000)
    assert near(spectrum.exponents, spectrum.stderr, np.mean(np.log(np.abs(1 - eta * h))))


def test_ornstein_uhlenbeck_exactly(key):
    """The tangent of Euler-Maruyama is 1 - theta dt at every step."""
    system = cc.ItoSDE(
        lambda t, x, a: -a["theta"] * x, lambda t, x, a: a["sigma"], {"theta": 2.0, "sigma": 0.5}, dt=0.01
    )
    spectrum = cc.lyapunov_spectrum(system, 0.3, cc.Brownian(key), n_steps=5000)
    assert abs(float(spectrum.exponents[0]) - np.log(1 - 0.02) / 0.01) < 1e-11


def test_geometric_brownian_motion(key):
    """Mu - sigma^2 / 2, up to the O(dt) of Euler-Maruyama, which is computed by quadrature."""
    mu, sigma, dt = 0.1, 0.6, 1e-3
    drift, diffusion = lambda t, x, a: a["mu"] * x, lambda t, x, a: a["sigma"] * x
    system = cc.ItoSDE(drift, diffusion, {"mu": mu, "sigma": sigma}, dt=dt)
    spectrum = cc.lyapunov_spectrum(system, 1.0, cc.Brownian(key), n_steps=100_000)
    normal = lambda z: np.exp(-z * z / 2) / np.sqrt(2 * np.pi)  # noqa: E731
    discrete = quad(lambda z: normal(z) * np.log(abs(1 + mu * dt + sigma * np.sqrt(dt) * z)), -12, 12)[0] / dt
    assert abs(discrete - (mu - sigma**2 / 2)) < 2e-4
    assert near(spectrum.exponents, spectrum.stderr, discrete)


def test_linear_ito_sde_diagonal(key):
    """Two decoupled components: each exponent is a_i - s_i^2 / 2."""
    a, s = jnp.array([0.3, -1.0]), jnp.array([0.5, 0.4])
    system = cc.ItoSDE(lambda t, x, p: p["a"] * x, lambda t, x, p: p["s"] * x, {"a": a, "s": s}, dt=1e-3)
    spectrum = cc.lyapunov_spectrum(system, jnp.ones(2), cc.Brownian(key, (2,)), n_steps=200_000)
    # Euler-Maruyama's own exponent differs from the flow's by O(dt); 1e-3 covers a^2 dt / 2 and s^4 dt.
    assert near(spectrum.exponents, spectrum.stderr, np.sort(np.asarray(a - s**2 / 2))[::-1], published=1e-3)


@pytest.mark.parametrize("k", [1, 2])
def test_leading_exponents_agree_with_the_full_spectrum(k):
    full = cc.lyapunov_spectrum(lorenz63(), n_steps=20_000)
    part = cc.lyapunov_spectrum(lorenz63(), n_steps=20_000, n_vectors=k)
    # Same orbit, but another first frame: they differ only by the transient of the tangents.
    assert near(part.exponents, np.hypot(part.stderr, full.stderr[:k]), full.exponents[:k])
    assert part.mean_log_volume_rate is None
    assert np.isnan(part.volume_residual)


def test_qr_interval_does_not_matter():
    results = [cc.lyapunov_spectrum(lorenz63(), n_steps=20_000, n_transient=2000, qr_every=m) for m in (1, 3, 10)]
    for other in results[1:]:
        # The product of the tangent maps is the same: only round-off times the spread of one interval (e^1.5).
        assert np.allclose(other.exponents, results[0].exponents, rtol=0, atol=1e-4)


def test_maximal_exponent_is_an_estimate():
    estimate = cc.maximal_exponent(cc.Map(logistic, {"r": 4.0}, x0=0.3), n_steps=20_000)
    assert isinstance(estimate, Estimate)
    assert near(estimate.value, estimate.stderr, np.log(2))


def test_tolerance_stops_the_run():
    spectrum = cc.lyapunov_spectrum(lorenz63(), n_steps=5_000_000, tol=0.01)
    assert spectrum.status is cc.Status.CONVERGED
    assert np.all(spectrum.stderr < 0.01)
    assert spectrum.n_steps < 1_000_000


def test_adam_has_no_false_minus_infinity():
    """Integer leaves carry no tangents: step counters of optimisers stay out of the spectrum."""

    class Counting(cc.AbstractDifferentiableSystem):
        x0: dict
        dt: float = 1.0

        def step(self, x, w):
            return {"count": x["count"] + 1, "m": 0.5 * x["m"]}

    spectrum = cc.lyapunov_spectrum(Counting(x0={"count": jnp.array(0), "m": jnp.ones(2)}), n_steps=100)
    assert np.allclose(spectrum.exponents, np.log(0.5), rtol=0, atol=1e-14)
    assert int(spectrum.final["count"]) == 100


def test_complex_states_count_twice():
    """A rotation that shrinks: z -> 0.5 e^{i} z has the exponent log 0.5 twice."""
    system = cc.Map(lambda z, a: a * z, jnp.array(0.5 * np.exp(1j)), x0=jnp.array(1.0 + 0j))
    spectrum = cc.lyapunov_spectrum(system, n_steps=200)
    assert np.allclose(spectrum.exponents, [np.log(0.5)] * 2, rtol=0, atol=1e-13)


def test_recurrent_network_under_recorded_inputs(key):
    inputs = jax.random.normal(key, (500, 3))
    weights = 0.5 * jnp.eye(3)
    rnn = cc.Recurrent(lambda p, h, u: p @ h + u, weights)
    spectrum = cc.lyapunov_spectrum(rnn, jnp.zeros(3), cc.Recorded(inputs), n_steps=len(inputs), n_vectors=2)
    assert np.allclose(spectrum.exponents, np.log(0.5), rtol=0, atol=1e-13)


def test_interrupt_keeps_the_rows_done(monkeypatch):
    from cocycle.core.errors import InterruptedWarning
    from cocycle.stability import exponents as module

    calls, real = [], module.tangent_rows

    def interrupted(system, driver, x, frame, n, n_rows, *rest):
        calls.extend([1] * (int(n_rows) > 1))  # single rows belong to the check of volumes
        if len(calls) > 6:
            raise KeyboardInterrupt
        return real(system, driver, x, frame, n, n_rows, *rest)

    monkeypatch.setattr(module, "tangent_rows", interrupted)
    with pytest.warns(InterruptedWarning, match="rest on"):
        spectrum = cc.lyapunov_spectrum(lorenz63(), n_steps=5_000_000, n_transient=100)
    assert spectrum.status is cc.Status.INTERRUPTED
    assert 16 <= len(spectrum.local) < 200_000
    assert near(spectrum.exponents, spectrum.stderr, [0.90564, 0.0, -14.57231], published=1e-3)
