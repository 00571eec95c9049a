"""Sparse regression of Lorenz-63: 100,000 clean rows at dt = 0.002, polynomials of degree 3, differences of order 2.

Both sides get the same derivative rule and threshold. Error: largest of the coefficients' errors.
"""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N_ROWS, DT, DEGREE, THRESHOLD = 100_000, 0.002, 3, 0.2
TERMS = {(1, 0): -10, (2, 0): 10, (1, 1): 28, (2, 1): -1, (6, 1): -1, (3, 2): -8 / 3, (5, 2): 1}


def data():
    return cc.trajectory(cc.systems.Lorenz63(dt=DT), n_steps=N_ROWS).x


def error(coefficients):
    truth = np.zeros_like(coefficients)
    for (row, column), value in TERMS.items():
        truth[row, column] = value
    return float(np.max(np.abs(coefficients - truth)))


def ours() -> Contender:
    x = data()
    learner = cc.learn.SINDy(
        degree=DEGREE,
        regression=cc.learn.STLSQ(THRESHOLD),
        formulation=cc.learn.Derivatives(n_window=3, degree=2),
    )
    return Contender("cocycle SINDy", lambda: np.asarray(learner.fit(x, dt=DT).rule.coefficients), error)


def pysindy() -> Contender:
    import pysindy as ps

    x = data()

    def work():
        model = ps.SINDy(
            optimizer=ps.STLSQ(threshold=THRESHOLD, alpha=0.0),
            feature_library=ps.PolynomialLibrary(degree=DEGREE),
            differentiation_method=ps.FiniteDifference(order=2),
        )
        model.fit(x, t=DT)
        return model.coefficients().T

    return Contender("pysindy", work, error, runs=5)


WORK = ("SINDy (STLSQ), Lorenz-63, 100,000 rows, 20 terms", "s/row", N_ROWS)
CONTENDERS = [ours, pysindy]
