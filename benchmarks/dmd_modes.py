"""Dynamic mode decomposition of rank 10 of 400 numbers at 2,000 times: a sum of five travelling waves.

Error: of the eigenvalues, against the exact ones.
"""

import numpy as np

import cocycle as cc
from benchmarks.timing import Contender

N_SPACE, N_TIME, RANK = 400, 2000, 10
FREQUENCIES = np.array([0.1, 0.23, 0.37, 0.61, 0.89])


def data():
    s, t = np.linspace(0, 2 * np.pi, N_SPACE, endpoint=False), np.arange(N_TIME)
    waves = [np.cos((k + 1) * s[None, :] - f * t[:, None]) for k, f in enumerate(FREQUENCIES)]
    return np.sum(waves, axis=0) + 1e-9 * np.random.default_rng(0).normal(size=(N_TIME, N_SPACE))


def error(eigenvalues):
    truth = np.exp(1j * np.concatenate([FREQUENCIES, -FREQUENCIES]))
    return float(np.max(np.min(np.abs(truth[:, None] - np.asarray(eigenvalues)[None]), axis=1)))


def ours() -> Contender:
    x = data()
    learner = cc.learn.DMD(rank=RANK)
    return Contender("cocycle DMD", lambda: cc.learn.dmd_eigenvalues(learner.fit(x)), error)


def pydmd() -> Contender:
    from pydmd import DMD

    x = data()
    return Contender("pydmd", lambda: DMD(svd_rank=RANK).fit(x.T).eigs, error)


WORK = ("DMD of rank 10, 400 x 2,000", "s/row", N_TIME)
CONTENDERS = [ours, pydmd]
