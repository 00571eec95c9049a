"""Spectra of the Koopman operator where they are known; the card's systems on tori."""

import numpy as np
import pytest

from cocycle import learn
from cocycle.core.errors import DataError, InsufficientDataError, ParameterError

SQUARE_ROOT_OF_ROUND_OFF = 1e2 * np.sqrt(np.finfo(float).eps)


def torus(n):
    side = np.arange(n) / n
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def test_rotation_has_all_its_eigenvalues():
    golden = (np.sqrt(5) - 1) / 2
    x = (np.arange(64) / 64)[:, None]
    found = learn.koopman_spectrum(learn.Fourier(1, 8), x, (x + golden) % 1)
    truth = np.exp(2j * np.pi * golden * np.arange(-8, 9))
    order = np.argsort(np.angle(found.eigenvalues))
    assert np.max(np.abs(found.eigenvalues[order] - truth[np.argsort(np.angle(truth))])) < 1e-12
    assert found.residuals.max() < SQUARE_ROOT_OF_ROUND_OFF


def test_cat_map_has_only_the_constant():
    """EDMD alone would report 48 decaying modes; their residual is 1."""
    x = torus(64)
    found = learn.koopman_spectrum(learn.Fourier(2, 3), x, np.stack([2 * x[:, 0] + x[:, 1], x.sum(axis=1)], 1) % 1)
    assert np.sum(found.residuals < 0.1) == 1
    assert np.sort(found.residuals)[1] > 1 - 1e-6
    assert np.sum(np.abs(found.eigenvalues) < 1e-2) == 48
    assert found.verified(1e-6) == pytest.approx([1.0])


def test_skew_product_has_the_functions_of_x():
    golden = (np.sqrt(5) - 1) / 2
    x = torus(64)
    found = learn.koopman_spectrum(learn.Fourier(2, 3), x, np.stack([x[:, 0] + golden, x.sum(axis=1)], 1) % 1)
    assert np.sum(found.residuals < SQUARE_ROOT_OF_ROUND_OFF) == 7
    assert np.sort(found.residuals)[7] > 0.99


def test_residuals_on_the_training_pairs_mislead(key):
    rng = np.random.default_rng(int(np.asarray(__import__("jax").random.key_data(key))[1]))
    step = lambda x: np.stack([2 * x[:, 0] + x[:, 1], x.sum(axis=1)], 1) % 1  # noqa: E731
    few, fresh = rng.random((30, 2)), rng.random((3000, 2))
    dictionary = learn.Fourier(2, 3)
    found = learn.koopman_spectrum(dictionary, few, step(few), n_rank=30)
    large = np.abs(found.eigenvalues) > 0.1
    assert found.residuals[large].max() < 1e-6
    honest = learn.residuals_on(found, dictionary, fresh, step(fresh))[large]
    constant = np.abs(found.eigenvalues[large] - 1) < 1e-9
    assert honest[~constant].min() > 0.5


def test_pseudospectrum_of_a_rotation():
    """On the spectrum the least residual is 0; the operator is normal, so elsewhere it is the distance to it."""
    x = (np.arange(64) / 64)[:, None]
    found = learn.koopman_spectrum(learn.Fourier(1, 4), x, (x + 0.25) % 1)
    z = np.array([1.0, 1j, 0.0, 2.0, 0.5 + 0.5j])
    spectrum = np.exp(2j * np.pi * 0.25 * np.arange(-4, 5))
    distance = np.abs(z[:, None] - spectrum).min(axis=1)
    assert np.max(np.abs(learn.pseudospectrum(found, z) - distance)) < 1e-6


def test_linear_system_in_monomials():
    """Eigenvalues are products of those of the map: 0.9^i 0.5^j."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (500, 2))
    found = learn.koopman_spectrum(learn.Monomials(2, 2), x, x * [0.9, 0.5])
    truth = sorted([1, 0.9, 0.5, 0.81, 0.45, 0.25])
    assert np.max(np.abs(np.sort(found.eigenvalues.real) - truth)) < 1e-11
    assert found.frequencies(0.1)[np.argmin(np.abs(found.eigenvalues - 0.9))].real == pytest.approx(np.log(0.9) / 0.1)


BAD = {
    "shapes": (lambda x: (x, x[:5], {}), DataError, "tables"),
    "not finite": (lambda x: (x, np.where(x > 0.9, np.nan, x), {}), DataError, "finite"),
    "too few": (lambda x: (x[:5], x[:5] + 0.1, {}), InsufficientDataError, "pairs"),
    "weights": (lambda x: (x, x, {"weights": -np.ones(50)}), ParameterError, "weights"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_pairs_are_refused(case):
    make, error, words = BAD[case]
    x, y, options = make(np.random.default_rng(0).random((50, 1)))
    with pytest.raises(error, match=words):
        learn.koopman_spectrum(learn.Fourier(1, 4), x, y, **options)
