"""Strict JAX for all tests: 64 bit, no silent rank promotion, a compilation cache on disk."""

import os
import pathlib

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax
import pytest

import cocycle  # noqa: F401  (turns on 64 bit)

jax.config.update("jax_numpy_rank_promotion", "raise")
CACHE = pathlib.Path(__file__).parents[1] / ".jax_cache"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture
def key(request):
    """A random key from the test's name, so that no seed is picked by hand."""
    import zlib

    return jax.random.key(zlib.crc32(request.node.nodeid.encode()))
