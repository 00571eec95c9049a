"""Triangular factors and leading singular values against LAPACK's orthogonal methods."""

import numpy as np
import pytest

from cocycle.learn import singular, triangular
from cocycle.learn.singular import leading_singular
from cocycle.learn.triangular import triangular_factor

EPS = np.finfo(float).eps


def conditioned(n, k, condition, seed=0):
    """A matrix of a condition number, and scales of columns on top."""
    rng = np.random.default_rng(seed)
    u, v = np.linalg.qr(rng.normal(size=(n, k)))[0], np.linalg.qr(rng.normal(size=(k, k)))[0]
    return (u * np.geomspace(1.0, 1.0 / condition, k)) @ v * np.geomspace(1e-6, 1e6, k)


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6, 1e9, 1e14])
@pytest.mark.parametrize("n", [15, 300, 10_000])
def test_the_factor_is_as_good_as_householders(n, condition):
    """R^T R is the Gram matrix, and least squares are solved, to round-off of the columns' own sizes."""
    x = conditioned(n, 12, condition)
    y = np.random.default_rng(1).normal(size=(n, 2))
    r, c = triangular_factor(x, y)
    reference = np.linalg.qr(x)[1]
    sizes = np.linalg.norm(x, axis=0)
    # Rows of a triangular factor are unique but for their signs.
    gram = (r / sizes).T @ (r / sizes) - (reference / sizes).T @ (reference / sizes)
    assert np.max(np.abs(gram)) < 100 * EPS
    assert np.allclose(np.linalg.norm(c, axis=0), np.linalg.norm(np.linalg.qr(x)[0].T @ y, axis=0), rtol=1e-12)
    found = np.linalg.lstsq(r / sizes, c, rcond=None)[0]
    exact = np.linalg.lstsq(x / sizes, y, rcond=None)[0]
    # A backward error of round-off times the condition number; residuals of order 1 add its square.
    size = np.max(np.abs(exact))
    assert np.max(np.abs(found - exact)) < 1e3 * EPS * (condition + condition**2 / np.sqrt(n)) * (1 + size) + 1e-13


def test_which_way_is_taken(monkeypatch):
    """Well-conditioned matrices do not see Householder's method, ill-conditioned ones do, wide ones too."""
    taken = []
    qr = np.linalg.qr
    monkeypatch.setattr(triangular.np.linalg, "qr", lambda x: taken.append(x.shape) or qr(x))
    y = np.ones((400, 1))
    for condition, times in ((1e5, 0), (1e12, 1)):
        x = conditioned(400, 8, condition)
        taken.clear()
        triangular_factor(x, y)
        assert len(taken) == times
    taken.clear()
    triangular_factor(np.random.default_rng(0).normal(size=(10, 8)), y[:10])
    triangular_factor(np.zeros((400, 8)), y)
    assert len(taken) == 2


@pytest.mark.parametrize("shape", [(2000, 60), (60, 2000), (80, 80)])
@pytest.mark.parametrize("values", ["fast", "pairs", "tiny"])
def test_leading_singular_values(shape, values):
    n = min(shape)
    rng = np.random.default_rng(2)
    u, v = np.linalg.qr(rng.normal(size=(shape[0], n)))[0], np.linalg.qr(rng.normal(size=(shape[1], n)))[0]
    s = {
        "fast": np.geomspace(1.0, 1e-3, n),
        "pairs": np.repeat(np.geomspace(1.0, 0.1, n // 2), 2),
        "tiny": np.geomspace(1.0, 1e-30, n),  # the tenth of them is far below the square root of round-off
    }[values]
    x = (u * s) @ v.T
    left, found, right = leading_singular(x, 10)
    assert found.shape == (10,)
    assert np.max(np.abs(found - s[:10])) < 100 * EPS
    assert np.max(np.abs(left.T @ left - np.eye(10))) < 100 * EPS
    assert np.max(np.abs(right @ right.T - np.eye(10))) < 100 * EPS
    assert np.max(np.linalg.norm(x @ right.T - left * found, axis=0)) < 2 * singular.ALLOWED * EPS
    assert np.max(np.linalg.norm(left.T @ x - found[:, None] * right, axis=1)) < 2 * singular.ALLOWED * EPS


def test_a_part_is_computed_only_where_it_pays(monkeypatch):
    """Squares serve for few values that they resolve; the rest is LAPACK's."""
    whole = []
    svd = np.linalg.svd
    monkeypatch.setattr(singular.np.linalg, "svd", lambda x, **o: whole.append(x.shape) or svd(x, **o))
    x = np.random.default_rng(3).normal(size=(500, 40))
    low = x[:, :4] @ np.random.default_rng(4).normal(size=(4, 40)) + 1e-9 * x
    # A signal of low rank is found by subspace iteration; where values lie close, by the eigenvectors of the squares.
    for matrix, rank, shapes in ((low, 4, [(4, 40)]), (x, 4, [(4, 40), (4, 40)]), (x, 30, [(500, 40)])):
        whole.clear()
        leading_singular(matrix, rank)
        assert whole == shapes
    whole.clear()
    leading_singular(x * np.geomspace(1.0, 1e-60, 40), 10)
    assert (500, 40) in whole
