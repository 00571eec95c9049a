"""One short report of each kind, made once."""

import numpy as np
import pytest
from small_systems import logistic, lorenz

import cocycle as cc
from cocycle.stability.continuation.orbit_diagram import Sweep


@pytest.fixture(scope="session")
def lorenz_report():
    return cc.report(lorenz(), n_steps=8000, sweep=Sweep("rho", 10.0, 30.0, 5))


@pytest.fixture(scope="session")
def logistic_report():
    return cc.report(logistic(), n_steps=4000)


@pytest.fixture(scope="session")
def series_report():
    x = np.empty(1500)
    x[0] = 0.3
    for k in range(1499):
        x[k + 1] = 4.0 * x[k] * (1.0 - x[k])
    return cc.report(x)
