"""The trap: at a quiet orbit the state has no error, so its error must not choose the step of the tangents.

Lorenz with rho = 20 settles on a focus whose exponents are the real parts of its eigenvalues.
"""

import numpy as np
import pytest
from test_exponents import lorenz

import cocycle as cc
from cocycle.core.errors import AccuracyWarning
from cocycle.steppers import RK4, Adaptive

TRUTH = np.array([-0.15479177, -0.15479177, -13.35708312])
DURATION = 500.0
# A focus turns: log-lengths of two vectors oscillate within a bounded band, whose ends shift a mean by O(1 / T).
# The band is log of the condition number of the eigenvectors, below 0.7.
ENDS = 0.7 / (0.8 * DURATION)


def exponents(stepper, dt, k, every):
    system = cc.Flow(lorenz, {"sigma": 10.0, "rho": 20.0, "beta": 8 / 3}, dt=dt, x0=[1.0, 2.0, 20.0], stepper=stepper)
    n_steps = round(DURATION / dt)
    return cc.lyapunov_spectrum(
        system, n_steps=n_steps, n_transient=n_steps // 5, n_vectors=k, qr_every=every
    ).exponents


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("every", [None, 1, 7])
@pytest.mark.parametrize("dt", [0.01, 0.002])
def test_fixed_step(k, every, dt):
    found = exponents(RK4(), dt, k, every)
    # RK4 replaces lambda by log(1 + ... + (lambda dt)^4 / 24) / dt: error lambda (lambda dt)^4 / 120.
    order = np.abs(TRUTH) * np.abs(14.0 * dt) ** 4 / 120
    assert np.all(np.abs(found - TRUTH[:k]) < ENDS + order[:k])
    assert abs(np.mean(found[:2]) - TRUTH[0]) < ENDS


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize(
    ("tolerance", "dt", "every"), [(1e-4, 0.1, 1), (1e-6, 0.1, None), (1e-6, 0.5, 1), (1e-9, 0.5, 2)]
)
def test_adaptive_step(k, tolerance, dt, every):
    found = exponents(Adaptive(rtol=tolerance, atol=tolerance), dt, k, every)
    # Local errors of relative size tol, about 30 solver steps per unit time.
    assert np.all(np.abs(found - TRUTH[:k]) < ENDS + 30 * tolerance * np.exp(13.4 * dt))


def test_long_interval_warns():
    with pytest.warns(AccuracyWarning, match="qr_every"):
        exponents(Adaptive(rtol=1e-6, atol=1e-6), 0.5, 3, 4)


def test_long_step_warns():
    with pytest.warns(AccuracyWarning, match="lambda_min"):
        exponents(RK4(), 0.08, 3, 1)
