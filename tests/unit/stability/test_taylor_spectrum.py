"""Exponents on Taylor polynomials: the quiet orbit, in closed form; and Lorenz, against published values."""

import numpy as np
import pytest
from test_exponents import lorenz

import cocycle as cc
from cocycle.steppers import Taylor

QUIET = np.array([-0.15479177, -0.15479177, -13.35708312])


def spectrum(rho, stepper, dt, n_steps, k):
    args = {"sigma": 10.0, "rho": rho, "beta": 8 / 3}
    system = cc.Flow(lorenz, args, dt=dt, x0=[1.0, 2.0, 20.0], stepper=stepper)
    return cc.lyapunov_spectrum(system, n_steps=n_steps, n_transient=n_steps // 5, n_vectors=k)


@pytest.mark.parametrize(("k", "tol"), [(1, 1e-6), (3, 1e-10), pytest.param(3, 2.0**-52, marks=pytest.mark.slow)])
def test_quiet_orbit(k, tol):
    duration = 500.0
    found = spectrum(20.0, Taylor(tol), 0.5, 1000, k).exponents
    # Log-lengths of turning vectors oscillate within 0.7 (see test_quiet_orbit); 30 series steps a unit of time.
    ends = 0.7 / (0.8 * duration)
    assert np.all(np.abs(found - QUIET[:k]) < ends + 30 * tol * np.exp(13.4 * 0.5))
    if k == 3:
        # The sum is the trace; the frame does not turn out of it. Only the tolerance of some 15 series steps a row.
        assert abs(found.sum() + 41 / 3) < 30 * 15 * tol * np.exp(13.4 * 0.5)


def test_lorenz():
    # The order and the shapes of the quiet orbit above: one compilation for both.
    found = spectrum(28.0, Taylor(1e-10), 0.1, 20_000, 3)
    published = np.array([0.9056, 0.0, -14.5723])
    # Sprott (2003), last digit; sampling at 5 standard errors; the zero exponent oscillates within a bounded band.
    assert np.all(np.abs(found.exponents - published) < 1e-4 + 5 * found.stderr + 5 / 1600)
    # Some 6 series steps a row.
    assert abs(found.exponents.sum() + 41 / 3) < 6 * 10 * 1e-10 * np.exp(13.4 * 0.1)
