"""Counter-based normal numbers: the hash against JAX's own, the law against its moments, purity in n."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy import stats

import cocycle as cc
from cocycle.core.counter_noise import normal_at, threefry


def p(result: Any) -> float:
    return float(result.pvalue)


def test_hash_equals_the_one_of_jax():
    """Bit for bit."""
    keypair, count = jnp.array([7, 2**31 + 5], dtype=jnp.uint32), jnp.arange(20, dtype=jnp.uint32) * 123456789
    expected = threefry_2x32(keypair, count)
    a, b = threefry(keypair[0], keypair[1], count[:10], count[10:])
    assert np.array_equal(np.concatenate([a, b]), expected)


def test_law_and_independence(key):
    z = np.asarray(jax.vmap(lambda n: normal_at(key, n, (3,)))(jnp.arange(100_000)))
    # Four tests on each of three columns, and six correlations: p > 1e-5 keeps false alarms below 2e-4.
    for column in z.T:
        assert p(stats.kstest(column, "norm")) > 1e-5
        assert p(stats.pearsonr(column[1:], column[:-1])) > 1e-5
        assert p(stats.pearsonr(column[1:] ** 2, column[:-1] ** 2)) > 1e-5
        assert p(stats.kurtosistest(column)) > 1e-5
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        assert p(stats.pearsonr(z[:, i], z[:, j])) > 1e-5
        assert p(stats.pearsonr(z[:, i] ** 2, z[:, j] ** 2)) > 1e-5


def test_keys_and_steps_differ_and_repeat():
    a, b = cc.Brownian(1, (2,)), cc.Brownian(2, (2,))
    draws = np.stack([a.at(0), a.at(1), b.at(0), b.at(1), a.at(2**32), a.at(2**33)])
    assert len(np.unique(draws)) == draws.size
    assert np.array_equal(a.at(1), jax.jit(lambda n: a.at(n))(1))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_other_kinds_of_keys_serve_too(shape):
    driver = cc.Brownian(jax.random.key(0, impl="rbg"), shape)
    assert driver.at(3).shape == shape
    assert driver.at(3).dtype == np.float64
